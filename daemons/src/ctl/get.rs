//! `get`: pools and reserved ranges as they are stored.

use std::collections::BTreeMap;

use ipam_core::admission::ObjectKind;
use ipam_core::{PoolFields, PoolName, ReservedFields, ReservedName, nearest};
use ipam_local::Metadata;
use serde::Serialize;

use super::Context;
use super::exit::{Usage, Verdict};
use super::ledger::{Pool, Reserved};
use super::manifest::API_VERSION;
use super::output::{Count, Output};

/// The kinds of objects, by all the names that `kubectl` knows them by.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub(super) enum Kind {
    /// SpiderIPPool.
    #[value(name = "ippool", aliases = ["ippools", "spiderippool", "spiderippools", "sp", "pool", "pools"])]
    IpPool,
    /// SpiderReservedIP.
    #[value(name = "reservedip", aliases = ["reservedips", "spiderreservedip", "spiderreservedips", "sr", "reserved"])]
    ReservedIp,
}

impl Kind {
    pub(super) fn object_kind(self) -> ObjectKind {
        match self {
            Self::IpPool => ObjectKind::IpPool,
            Self::ReservedIp => ObjectKind::ReservedIp,
        }
    }
}

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Which kind; both without it.
    #[arg(value_enum)]
    kind: Option<Kind>,
    /// Which object; all of the kind without it.
    name: Option<String>,
}

/// An object in the form in which it can be applied.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    api_version: &'static str,
    kind: &'static str,
    metadata: Head,
    spec: Spec,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
}

#[derive(Debug, Serialize)]
struct Head {
    name: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Spec {
    Pool(Box<PoolFields>),
    Reserved(ReservedFields),
}

/// The counts of a SpiderIPPool's status. The records are no part of a manifest: see `export`.
#[derive(Debug, Serialize)]
struct Status {
    #[serde(rename = "allocatedIPCount")]
    allocated: u64,
    #[serde(rename = "totalIPCount")]
    total: Count,
}

/// Several objects, as `kubectl get` gives them.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct List<'a> {
    api_version: &'static str,
    kind: &'static str,
    items: Vec<&'a Manifest>,
}

impl Head {
    fn new(name: &str, metadata: &Metadata) -> Self {
        Self {
            name: name.to_owned(),
            labels: metadata.labels.clone(),
            annotations: metadata.annotations.clone(),
        }
    }
}

impl From<&Pool> for Manifest {
    fn from(entry: &Pool) -> Self {
        Self {
            api_version: API_VERSION,
            kind: ObjectKind::IpPool.as_str(),
            metadata: Head::new(entry.spec.name().as_str(), &entry.metadata),
            spec: Spec::Pool(Box::new(entry.spec.fields().clone())),
            status: Some(Status { allocated: entry.used, total: Count(entry.spec.allocatable().len()) }),
        }
    }
}

impl From<&Reserved> for Manifest {
    fn from(entry: &Reserved) -> Self {
        Self {
            api_version: API_VERSION,
            kind: ObjectKind::ReservedIp.as_str(),
            metadata: Head::new(entry.spec.name().as_str(), &entry.metadata),
            spec: Spec::Reserved(entry.spec.fields().clone()),
            status: None,
        }
    }
}

pub(super) fn run(args: &Args, context: &mut Context<'_>) -> anyhow::Result<Verdict> {
    let is_wanted = |kind| args.kind.is_none_or(|wanted| wanted == kind);
    let (mut pools, mut reserved, place) = context.look(|ledger| {
        let pools = if is_wanted(Kind::IpPool) { ledger.pools()? } else { Vec::new() };
        let reserved = if is_wanted(Kind::ReservedIp) { ledger.reserved()? } else { Vec::new() };
        Ok((pools, reserved, ledger.place()))
    })?;
    if let (Some(kind), Some(name)) = (args.kind, &args.name) {
        let names: Vec<&str> = pools
            .iter()
            .map(|entry| entry.spec.name().as_str())
            .chain(reserved.iter().map(|entry| entry.spec.name().as_str()))
            .collect();
        if !names.contains(&name.as_str()) {
            return Err(absent(kind, name, &names, place));
        }
        pools.retain(|entry| entry.spec.name().as_str() == name);
        reserved.retain(|entry| entry.spec.name().as_str() == name);
    }

    let manifests: Vec<Manifest> =
        pools.iter().map(Manifest::from).chain(reserved.iter().map(Manifest::from)).collect();
    let people = |output: &mut Output<'_>| {
        if is_wanted(Kind::IpPool) {
            output.table(
                &POOL_HEADS,
                &pools.iter().map(pool_row).collect::<Vec<_>>(),
                "there are no pools",
            )?;
        }
        if !pools.is_empty() && !reserved.is_empty() {
            output.line("")?;
        }
        if args.kind == Some(Kind::ReservedIp) || !reserved.is_empty() {
            let rows: Vec<Vec<String>> = reserved.iter().map(reserved_row).collect();
            output.table(&RESERVED_HEADS, &rows, "there are no reserved ranges")?;
        }
        Ok(())
    };
    match manifests.as_slice() {
        [one] if args.name.is_some() => context.output.answer(one, people)?,
        all => {
            let list = List { api_version: "v1", kind: "List", items: all.iter().collect() };
            context.output.answer(&list, people)?;
        }
    }
    Ok(Verdict::Fine)
}

/// The error for an object that is not there.
pub(super) fn absent(kind: Kind, name: &str, names: &[&str], place: &str) -> anyhow::Error {
    let hint = nearest(name, names).map(|near| format!(", did you mean {near}?")).unwrap_or_default();
    anyhow::anyhow!("there is no {} {name} {place}{hint}", kind.object_kind())
}

/// A name as a pool's.
pub(super) fn pool_name(text: &str) -> Result<PoolName, Usage> {
    text.parse().map_err(|error: ipam_core::Error| Usage(error.to_string()))
}

/// A name as that of reserved ranges.
pub(super) fn reserved_name(text: &str) -> Result<ReservedName, Usage> {
    text.parse().map_err(|error: ipam_core::Error| Usage(error.to_string()))
}

/// The first six as `kubectl get` has them.
const POOL_HEADS: [&str; 7] =
    ["NAME", "VERSION", "SUBNET", "ALLOCATED-IP-COUNT", "TOTAL-IP-COUNT", "DEFAULT", "SOURCE"];

const RESERVED_HEADS: [&str; 4] = ["NAME", "VERSION", "ADDRESSES", "IPS"];

fn pool_row(entry: &Pool) -> Vec<String> {
    let spec = &entry.spec;
    vec![
        spec.name().to_string(),
        spec.family().number().to_string(),
        spec.subnet().to_string(),
        entry.used.to_string(),
        Count(spec.allocatable().len()).to_string(),
        spec.is_default().to_string(),
        entry.source.clone(),
    ]
}

fn reserved_row(entry: &Reserved) -> Vec<String> {
    let spec = &entry.spec;
    vec![
        spec.name().to_string(),
        spec.family().number().to_string(),
        Count(spec.ranges().len()).to_string(),
        spec.ranges().to_string(),
    ]
}
