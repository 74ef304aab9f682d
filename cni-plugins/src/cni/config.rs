//! The network configuration on standard input: the part that every plugin shares.
//!
//! Version and name are read and checked at once, for without them there is no answer; the rest when it is asked for, since
//! an operation must not fail by a key that it does not use (a DEL by a damaged `prevResult`).

use super::error::Error;
use super::ips::RequestedIp;
use super::json::{Field, Json, Keys};
use super::names::{Attachment, NetworkName};
use super::result::{CniResult, Dns};
use super::version::CniVersion;

const VALID_ATTACHMENTS: &str = "cni.dev/valid-attachments";
/// What the first text of 1.1.0 called it; runtimes send both.
const VALID_ATTACHMENTS_LEGACY: &str = "cni.dev/attachments";

/// A plugin's configuration, decoded.
#[derive(Clone, Debug, PartialEq)]
pub struct NetConf {
    json: Json,
    name: NetworkName,
    version: String,
}

impl NetConf {
    /// Reads a configuration.
    ///
    /// # Errors
    /// [`Error::NotJson`]; [`Error::WrongType`] if it is no object, or `name` or `cniVersion` no text;
    /// [`Error::MissingNetworkName`], [`Error::InvalidNetworkName`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let json = Json::parse(bytes)?;
        let keys = json.keys()?;
        let name = keys.text("name")?.unwrap_or_default();
        if name.is_empty() {
            return Err(Error::MissingNetworkName);
        }
        let name = name.parse().map_err(|_| Error::InvalidNetworkName { name: name.to_owned() })?;
        let version = match keys.text("cniVersion")? {
            None | Some("") => CniVersion::V0_1_0.as_str(),
            Some(version) => version,
        };
        let version = version.to_owned();
        Ok(Self { name, version, json })
    }

    /// The network's name.
    pub fn name(&self) -> &NetworkName {
        &self.name
    }

    /// `cniVersion` as it is written; `0.1.0` if it is not (specification 0.2.0).
    pub fn declared_version(&self) -> &str {
        &self.version
    }

    /// `cniVersion`, if `supported` has it.
    ///
    /// # Errors
    /// [`Error::IncompatibleVersion`].
    pub fn version(&self, supported: &'static [CniVersion]) -> Result<CniVersion, Error> {
        self.version
            .parse()
            .ok()
            .filter(|version| supported.contains(version))
            .ok_or_else(|| Error::IncompatibleVersion { config: self.version.clone(), supported })
    }

    /// `cniVersions`: what the configuration supports; the runtime has made its choice in `cniVersion`.
    ///
    /// # Errors
    /// [`Error::WrongType`].
    pub fn versions(&self) -> Result<Vec<String>, Error> {
        self.keys().texts("cniVersions")
    }

    /// `type`: the main plugin's, not the delegated one's.
    ///
    /// # Errors
    /// [`Error::WrongType`].
    pub fn plugin_type(&self) -> Result<Option<&str>, Error> {
        self.keys().text("type")
    }

    /// All keys.
    pub fn keys(&self) -> Keys<'_> {
        // `parse` has seen that it is an object or null.
        self.json.keys().unwrap_or_else(|_| Keys::none())
    }

    /// `ipam`: the part of a delegated plugin.
    ///
    /// # Errors
    /// [`Error::WrongType`], [`Error::MissingKey`].
    pub fn ipam(&self) -> Result<Keys<'_>, Error> {
        self.keys()
            .object("ipam")?
            .ok_or(Error::MissingKey { path: "ipam".to_owned(), wanted: "an object with a type" })
    }

    /// `dns`, empty if it is not there.
    ///
    /// # Errors
    /// [`Error::WrongType`].
    pub fn dns(&self) -> Result<Dns, Error> {
        Dns::from_keys(&self.keys())
    }

    /// `prevResult`, in whatever version it is written; one without `cniVersion` has the configuration's.
    ///
    /// # Errors
    /// [`Error::WrongType`], [`Error::InvalidValue`], [`Error::MissingKey`].
    pub fn prev_result(&self) -> Result<Option<CniResult>, Error> {
        let Some(field) = self.keys().get("prevResult") else { return Ok(None) };
        let default = self.version.parse().unwrap_or(CniVersion::NEWEST);
        CniResult::from_field(&field, default).map(Some)
    }

    /// Addresses that are asked for by `args.cni.ips`, then by the capability `runtimeConfig.ips`.
    ///
    /// # Errors
    /// [`Error::WrongType`], [`Error::InvalidValue`].
    pub fn requested_ips(&self) -> Result<Vec<RequestedIp>, Error> {
        let keys = self.keys();
        let by_args = keys.object("args")?.map(|args| args.object("cni")).transpose()?.flatten();
        let by_runtime = keys.object("runtimeConfig")?;
        let mut ips = Vec::new();
        for source in [by_args, by_runtime].into_iter().flatten() {
            for field in source.list("ips")? {
                ips.push(field.parse()?);
            }
        }
        Ok(ips)
    }

    /// `cni.dev/valid-attachments` of a GC: the attachments that live.
    ///
    /// `None` if the key is not there at all: then nobody has said that the others are dead (libcni leaves it out when its
    /// caller names no list). A list that is empty or `null` is a statement.
    ///
    /// # Errors
    /// [`Error::WrongType`], [`Error::MissingKey`], [`Error::InvalidValue`]: one entry that is not understood refuses all,
    /// for to pass over it might free the address of a container that lives.
    pub fn valid_attachments(&self) -> Result<Option<Vec<Attachment>>, Error> {
        let keys = self.keys();
        let Some(key) = [VALID_ATTACHMENTS, VALID_ATTACHMENTS_LEGACY].into_iter().find(|key| keys.has(key))
        else {
            return Ok(None);
        };
        keys.list(key)?.iter().map(attachment).collect::<Result<_, _>>().map(Some)
    }
}

fn attachment(field: &Field<'_>) -> Result<Attachment, Error> {
    let keys = field.keys()?;
    let get = |key: &str, wanted: &'static str| {
        keys.get(key).ok_or_else(|| Error::MissingKey { path: keys.path_of(key), wanted })
    };
    Ok(Attachment {
        container_id: get("containerID", "the CNI_CONTAINERID of an ADD")?.parse()?,
        if_name: get("ifname", "the CNI_IFNAME of an ADD")?.parse()?,
    })
}

#[cfg(test)]
mod tests;
