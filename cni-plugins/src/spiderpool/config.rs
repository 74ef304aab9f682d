//! The plugin's part of a configuration, `ipam`.
//!
//! Each operation reads the keys that it uses, so that a DEL is not stopped by what only an ADD needs. Keys that nobody knows are
//! passed over, as the protocol wants it; those that look misspelt are warned about in the log ([`misspelt`]).

use std::path::PathBuf;
use std::time::Duration;

use ipam_core::Policy;
use ipam_core::select::PoolNames;

use super::duration;
use super::error::Error;
use super::inline::{self, InlinePool};
use crate::cni::{Error as Wrong, Keys, Route};
use crate::log::LogSettings;

/// The keys of `ipam` beside those of the log.
const KEYS: &[&str] = &[
    "type",
    "default_ipv4_ippool",
    "default_ipv6_ippool",
    "clean_gateway",
    "match_master_subnet",
    "ipam_unix_socket_path",
    "store",
    "pools",
    "routes",
    "resolvConf",
];
/// Those of `ipam` that an agent has no use for.
pub(super) const LOCAL_KEYS: &[&str] = &["pools", "routes", "resolvConf"];
const STORE_KEYS: &[&str] = &["path", "allocationPolicy", "addressCooldown"];
/// Of CNI 1.1.0.
const ROUTE_KEYS: &[&str] = &["dst", "gw", "mtu", "advmss", "priority", "table", "scope"];

/// `ipam.store`: the local store.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct StoreConfig {
    pub(super) path: PathBuf,
    /// Which free address to take; *rotate* unless said otherwise, as `host-local` does.
    pub(super) policy: Policy,
    /// How long a freed address is avoided; not at all unless said otherwise.
    pub(super) cooldown: Duration,
}

impl StoreConfig {
    /// Reads all keys.
    pub(super) fn read(ipam: &Keys<'_>) -> Result<Self, Error> {
        let store = store(ipam)?;
        let path = path(&store)?;
        Ok(Self { path, policy: policy(&store)?, cooldown: cooldown(&store)? })
    }

    /// Reads what a release needs: only the path must be right. The problem with the rest, if there is one, comes along for the log.
    pub(super) fn read_for_release(ipam: &Keys<'_>) -> Result<(Self, Option<Error>), Error> {
        let store = store(ipam)?;
        let path = path(&store)?;
        let (cooldown, problem) = match cooldown(&store) {
            Ok(cooldown) => (cooldown, None),
            Err(problem) => (Duration::ZERO, Some(problem)),
        };
        Ok((Self { path, policy: Policy::Rotate, cooldown }, problem))
    }
}

/// Whether the configuration has a store, whatever is in it. Without one, addresses come from the agent.
pub(super) fn has_store(ipam: &Keys<'_>) -> bool {
    ipam.get("store").is_some()
}

/// A store that is not there has no path either.
fn store<'a>(ipam: &Keys<'a>) -> Result<Keys<'a>, Error> {
    let store = ipam.object("store").map_err(Error::config)?;
    let missing = || Wrong::MissingKey { path: ipam.path_of("store.path"), wanted: WANTED };
    store.ok_or_else(|| Error::config(missing()))
}

const WANTED: &str = "the absolute path of the store's file";

fn path(store: &Keys<'_>) -> Result<PathBuf, Error> {
    let missing = || Error::config(Wrong::MissingKey { path: store.path_of("path"), wanted: WANTED });
    let field = store.get("path").ok_or_else(missing)?;
    let path = PathBuf::from(field.text().map_err(Error::config)?);
    if path.is_absolute() {
        return Ok(path);
    }
    // A plugin's working directory is the runtime's affair.
    Err(Error::config(field.invalid("it is no absolute path", WANTED)))
}

fn policy(store: &Keys<'_>) -> Result<Policy, Error> {
    let Some(field) = store.get("allocationPolicy") else { return Ok(Policy::Rotate) };
    let text = field.text().map_err(Error::config)?;
    text.parse().map_err(|_| Error::config(field.invalid("it is no policy", "lowest, spread or rotate")))
}

fn cooldown(store: &Keys<'_>) -> Result<Duration, Error> {
    let field = store.get("addressCooldown");
    field.as_ref().map_or(Ok(Duration::ZERO), duration::read).map_err(Error::config)
}

/// What an ADD, and a STATUS in its stead, reads beside the store.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct AddConfig {
    pub(super) names: PoolNames,
    pub(super) pools: Vec<InlinePool>,
    pub(super) clean_gateway: bool,
    /// SR-IOV in a cluster; has no meaning here, and is warned about.
    pub(super) match_master_subnet: bool,
    pub(super) routes: Vec<Route>,
    pub(super) resolv_conf: Option<PathBuf>,
}

impl AddConfig {
    pub(super) fn read(ipam: &Keys<'_>) -> Result<Self, Error> {
        let config = Self::read_keys(ipam).map_err(Error::config)?;
        Ok(Self { pools: inline::read(ipam)?, ..config })
    }

    fn read_keys(ipam: &Keys<'_>) -> Result<Self, Wrong> {
        // Of the right type, though not used here.
        ipam.text("ipam_unix_socket_path")?;
        Ok(Self {
            names: PoolNames {
                v4: ipam.texts("default_ipv4_ippool")?,
                v6: ipam.texts("default_ipv6_ippool")?,
            },
            pools: Vec::new(),
            clean_gateway: ipam.flag("clean_gateway")?.unwrap_or(false),
            match_master_subnet: ipam.flag("match_master_subnet")?.unwrap_or(false),
            routes: ipam.list("routes")?.iter().map(Route::from_field).collect::<Result<_, _>>()?,
            resolv_conf: ipam.text("resolvConf")?.filter(|path| !path.is_empty()).map(PathBuf::from),
        })
    }
}

/// A key that looks misspelt: where it stands, and the key that was probably meant.
pub(super) fn misspelt(ipam: &Keys<'_>) -> Vec<(String, &'static str)> {
    let known: Vec<&'static str> = KEYS.iter().chain(LogSettings::KEYS).copied().collect();
    let mut found = of(ipam, &known);
    if let Ok(Some(store)) = ipam.object("store") {
        found.extend(of(&store, STORE_KEYS));
    }
    for route in ipam.list("routes").unwrap_or_default() {
        if let Ok(keys) = route.keys() {
            found.extend(of(&keys, ROUTE_KEYS));
        }
    }
    found.extend(inline::misspelt(ipam));
    found
}

fn of(keys: &Keys<'_>, known: &[&'static str]) -> Vec<(String, &'static str)> {
    keys.misspelt(known).into_iter().map(|(written, meant)| (keys.path_of(written), meant)).collect()
}
