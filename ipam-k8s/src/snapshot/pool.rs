//! A pool as it was read.

use std::sync::Arc;

use ipam_core::admission::LABEL_APPLICATION;
use ipam_core::select::{ListedPool, Standing};
use ipam_core::status::{AllocatedIps, StatusError};
use ipam_core::{Family, PoolFields, PoolName, PoolSpec};
use serde::Deserialize;
use serde_json::Value;

use crate::crd::IPPoolSpec;
use crate::meta::Meta;

/// A SpiderIPPool with its records.
#[derive(Clone, Debug)]
pub struct Pool {
    /// Name, uid, labels, annotations.
    pub meta: Meta,
    /// The spec, checked; with its faults, if it has some.
    pub listed: ListedPool,
    /// `status.allocatedIPs`, or why nobody can say who holds which address.
    pub records: Result<AllocatedIps, StatusError>,
    /// `status.allocatedIPCount`; absent: 0.
    pub stored_count: i64,
}

#[derive(Deserialize)]
pub(super) struct Written {
    metadata: Meta,
    spec: Option<Value>,
    status: Option<WrittenStatus>,
}

#[derive(Default, Deserialize)]
struct WrittenStatus {
    #[serde(rename = "allocatedIPs")]
    records: Option<String>,
    #[serde(rename = "allocatedIPCount")]
    count: Option<i64>,
}

impl Pool {
    /// `None` for a name that no pool can have; the API server lets none through.
    pub(super) fn read(Written { metadata, spec, status }: Written) -> Option<Self> {
        let name: PoolName = metadata.name.parse().ok()?;
        let standing = Standing {
            is_terminating: metadata.is_terminating(),
            is_auto: metadata.labels.contains_key(LABEL_APPLICATION),
        };
        let spec = spec.map_or_else(|| Ok(IPPoolSpec::default()), serde_json::from_value);
        let listed = match &spec {
            Ok(spec) => ListedPool::new(name, &PoolFields::from(spec), standing),
            Err(error) => ListedPool::unreadable(name, format!("spec: {error}"), standing),
        };
        let status = status.unwrap_or_default();
        let family = family(&listed, spec.as_ref().map_or("", |spec| spec.subnet.as_str()));
        let records = AllocatedIps::parse(family, status.records.as_deref());
        Some(Self { meta: metadata, listed, records, stored_count: status.count.unwrap_or_default() })
    }

    /// The name.
    #[must_use]
    pub const fn name(&self) -> &PoolName {
        self.listed.name()
    }

    /// The spec, if it can be used.
    #[must_use]
    pub const fn spec(&self) -> Option<&Arc<PoolSpec>> {
        self.listed.spec()
    }
}

/// Whose addresses the records are. Of a pool whose spec cannot be used, as far as its subnet tells.
fn family(listed: &ListedPool, subnet: &str) -> Family {
    match listed.spec() {
        Some(spec) => spec.family(),
        None if subnet.contains(':') => Family::V6,
        None => Family::V4,
    }
}
