//! Pools, reserved ranges and subnets as values: tables of what is refused and why, rules against other objects, properties.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops at the first surprise; the lint spares test functions only"
)]

use std::collections::{BTreeMap, BTreeSet};

use ipam_core::admission::{
    Denial, FamilySettings, InUse, Metadata, Peer, Subnets, cidr_label, mutate_pool, pool_create,
    pool_delete, pool_name, pool_update, reserved_create, reserved_update,
};
use ipam_core::subnet::{SubnetFields, SubnetSpec};
use ipam_core::{
    Addr, Fault, FaultKind, Faults, LabelRequirement, LabelSelector, Origin, PoolFields, PoolName, PoolSpec,
    ReservedFields, ReservedSpec, RouteFields, nearest,
};

mod changes;
mod controlled;
mod peers;
mod pool;
mod properties;
mod reserved;
mod selector;
mod subnet;
mod subnet_changes;
mod wire;

fn name(text: &str) -> PoolName {
    text.parse().unwrap()
}

fn fields(subnet: &str, ips: &[&str], excluded: &[&str]) -> PoolFields {
    PoolFields {
        subnet: subnet.into(),
        ips: texts(ips),
        exclude_ips: texts(excluded),
        ..PoolFields::default()
    }
}

fn subnet_fields(subnet: &str, ips: &[&str], excluded: &[&str]) -> SubnetFields {
    SubnetFields {
        subnet: subnet.into(),
        ips: texts(ips),
        exclude_ips: texts(excluded),
        ..SubnetFields::default()
    }
}

fn texts(items: &[&str]) -> Vec<String> {
    items.iter().map(|item| (*item).to_owned()).collect()
}

fn spec(text: &str, fields: &PoolFields) -> PoolSpec {
    PoolSpec::new(&name(text), fields).unwrap()
}

fn create(new: &PoolFields, peers: &[&PoolSpec]) -> Result<PoolSpec, Denial> {
    pool_create(&name("p"), new, Origin::User, peers.iter().copied(), FamilySettings::default())
}

fn update(old: &PoolSpec, new: &PoolFields, records: &[(Addr, &str)]) -> Result<PoolSpec, Denial> {
    let none: [&PoolSpec; 0] = [];
    let settings = FamilySettings::default();
    pool_update(old.name(), old.fields(), new, Origin::User, none, records.iter().copied(), settings)
}

/// Fields of the faults, in order.
fn places<'a>(faults: impl IntoIterator<Item = &'a Fault>) -> Vec<String> {
    faults.into_iter().map(|fault| fault.field().to_owned()).collect()
}

fn text_of<T: std::fmt::Debug>(result: Result<T, impl std::fmt::Display>) -> String {
    result.unwrap_err().to_string()
}
