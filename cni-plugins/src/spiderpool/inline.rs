//! `ipam.pools`: pools that come with the configuration, written as a SpiderIPPool's `spec` with a name.

use std::collections::BTreeMap;

use ipam_core::{LabelRequirement, LabelSelector, PoolFields, PoolName, PoolSpec, RouteFields};

use super::error::Error;
use crate::cni::{Error as Wrong, Field, Json, Keys};

const NAME: &str = "name";
const ROUTE_KEYS: &[&str] = &["dst", "gw"];
const NAME_ACCEPTED: &str =
    "1 to 253 of a-z, 0-9, - and . where each part between dots starts and ends with a letter or digit";

/// One of `ipam.pools`, of the right types but not yet checked as a pool.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct InlinePool {
    pub(super) name: PoolName,
    pub(super) fields: PoolFields,
    /// Where it stands: `ipam.pools[0]`.
    pub(super) path: String,
}

impl InlinePool {
    fn read(field: &Field<'_>) -> Result<Self, Wrong> {
        let keys = field.keys()?;
        let name = keys
            .get(NAME)
            .ok_or_else(|| Wrong::MissingKey { path: keys.path_of(NAME), wanted: "the name of the pool" })?;
        let pool = name.text()?.parse().map_err(|_| name.invalid("it is no pool name", NAME_ACCEPTED))?;
        Ok(Self { name: pool, fields: fields(&keys)?, path: field.path().to_owned() })
    }

    /// The faults of the pool alone, each with its path in the configuration.
    pub(super) fn faults(&self) -> Vec<String> {
        let faults = PoolSpec::new(&self.name, &self.fields).err().unwrap_or_default();
        faults.iter().map(|fault| format!("{}: {}", self.path_of(fault.field()), fault.body())).collect()
    }

    /// A field as a manifest has it (`spec.ips[0]`), where it stands here.
    fn path_of(&self, field: &str) -> String {
        match field.strip_prefix("spec") {
            Some(rest) => format!("{}{rest}", self.path),
            None => format!("{}.{field}", self.path),
        }
    }
}

/// Reads all of them.
pub(super) fn read(ipam: &Keys<'_>) -> Result<Vec<InlinePool>, Error> {
    let list = ipam.list("pools").map_err(Error::config)?;
    let pools: Vec<InlinePool> =
        list.iter().map(InlinePool::read).collect::<Result<_, _>>().map_err(Error::config)?;
    let mut faults: Vec<String> = Vec::new();
    for (index, pool) in pools.iter().enumerate() {
        if let Some(first) = pools.iter().take(index).find(|other| other.name == pool.name) {
            faults.push(format!("{}.{NAME}: {} is the name of {} too", pool.path, pool.name, first.path));
        }
        faults.extend(pool.faults());
    }
    if faults.is_empty() { Ok(pools) } else { Err(Error::InlinePools { faults }) }
}

/// Keys inside `ipam.pools` that look misspelt: where, what is written, what was probably meant.
pub(super) fn misspelt(ipam: &Keys<'_>) -> Vec<(String, &'static str)> {
    let mut known = PoolFields::KNOWN_FIELDS.to_vec();
    known.push(NAME);
    let mut found = Vec::new();
    for pool in ipam.list("pools").unwrap_or_default() {
        let Ok(keys) = pool.keys() else { continue };
        found
            .extend(keys.misspelt(&known).into_iter().map(|(written, meant)| (keys.path_of(written), meant)));
        for route in keys.list("routes").unwrap_or_default() {
            let Ok(keys) = route.keys() else { continue };
            found.extend(
                keys.misspelt(ROUTE_KEYS).into_iter().map(|(written, meant)| (keys.path_of(written), meant)),
            );
        }
    }
    found
}

fn fields(keys: &Keys<'_>) -> Result<PoolFields, Wrong> {
    let text = |key: &str| keys.text(key).map(|text| text.map(str::to_owned));
    Ok(PoolFields {
        ip_version: keys.get("ipVersion").map(|field| field.integer()).transpose()?,
        subnet: text("subnet")?.unwrap_or_default(),
        ips: keys.texts("ips")?,
        exclude_ips: keys.texts("excludeIPs")?,
        gateway: text("gateway")?,
        routes: keys.get("routes").map(|_| keys.list("routes")?.iter().map(route).collect()).transpose()?,
        pod_affinity: selector(keys, "podAffinity")?,
        namespace_affinity: selector(keys, "namespaceAffinity")?,
        namespace_name: keys.texts("namespaceName")?,
        node_affinity: selector(keys, "nodeAffinity")?,
        node_name: keys.texts("nodeName")?,
        multus_name: keys.texts("multusName")?,
        default: keys.flag("default")?,
        disable: keys.flag("disable")?,
    })
}

fn route(field: &Field<'_>) -> Result<RouteFields, Wrong> {
    let keys = field.keys()?;
    let text = |key: &str| keys.text(key).map(|text| text.unwrap_or_default().to_owned());
    Ok(RouteFields { dst: text("dst")?, gw: text("gw")? })
}

fn selector(keys: &Keys<'_>, key: &str) -> Result<Option<LabelSelector>, Wrong> {
    let Some(keys) = keys.object(key)? else { return Ok(None) };
    let mut match_labels = BTreeMap::new();
    if let Some(labels) = keys.get("matchLabels") {
        let Json::Object(entries) = labels.value() else {
            return Err(labels.wrong_type("an object of texts"));
        };
        for (label, value) in entries {
            let Json::Text(value) = value else { return Err(labels.wrong_type("an object of texts")) };
            match_labels.insert(label.clone(), value.clone());
        }
    }
    let requirement = |field: &Field<'_>| -> Result<LabelRequirement, Wrong> {
        let keys = field.keys()?;
        let text = |key: &str| keys.text(key).map(|text| text.unwrap_or_default().to_owned());
        Ok(LabelRequirement { key: text("key")?, operator: text("operator")?, values: keys.texts("values")? })
    };
    let match_expressions =
        keys.list("matchExpressions")?.iter().map(requirement).collect::<Result<_, _>>()?;
    Ok(Some(LabelSelector { match_labels, match_expressions }))
}
