//! Stored records as the rules read them: `status` fields that are strings which hold JSON.

use std::collections::BTreeMap;

use ipam_core::admission::{InUse, Preallocated};
use ipam_core::{Family, IpRange, RangeSet};
use serde::Deserialize;
use serde_json::Value;

/// `status.allocatedIPs` of a pool.
#[derive(Debug)]
pub(super) struct Allocations(Result<Vec<(String, String)>, String>);

impl Allocations {
    pub(super) fn of(status: &Value) -> Self {
        let Some(text) = status.get("allocatedIPs").and_then(Value::as_str) else {
            return Self(Ok(Vec::new()));
        };
        let records: Result<BTreeMap<String, Value>, _> = serde_json::from_str(text);
        Self(records.map_err(|error| error.to_string()).map(|records| {
            let pod =
                |record: &Value| record.get("pod").and_then(Value::as_str).unwrap_or_default().to_owned();
            records.iter().map(|(key, record)| (key.clone(), format!("Pod {}", pod(record)))).collect()
        }))
    }

    pub(super) fn in_use(&self) -> Vec<InUse<'_>> {
        match &self.0 {
            Ok(records) => records.iter().map(|(key, holder)| InUse::under_key(key, holder)).collect(),
            Err(problem) => vec![InUse::Unreadable(problem)],
        }
    }
}

/// `status.controlledIPPools` of a subnet.
#[derive(Debug)]
pub(super) struct Preallocations(Result<Vec<Preallocation>, String>);

#[derive(Debug)]
struct Preallocation {
    pool: String,
    addresses: Result<RangeSet, String>,
    is_for_application: bool,
}

#[derive(Debug, Deserialize)]
struct WireRecord {
    #[serde(default)]
    ips: Option<Vec<String>>,
    #[serde(default)]
    application: Option<String>,
}

impl Preallocations {
    pub(super) fn of(status: &Value, family: Family) -> Self {
        let Some(text) = status.get("controlledIPPools").and_then(Value::as_str) else {
            return Self(Ok(Vec::new()));
        };
        let records: Result<BTreeMap<String, WireRecord>, _> = serde_json::from_str(text);
        Self(records.map_err(|error| error.to_string()).map(|records| {
            let record = |(pool, record): (String, WireRecord)| Preallocation {
                pool,
                addresses: addresses(&record.ips.unwrap_or_default(), family),
                is_for_application: record.application.is_some(),
            };
            records.into_iter().map(record).collect()
        }))
    }

    pub(super) fn told(&self) -> Vec<Preallocated<'_>> {
        let records = match &self.0 {
            Ok(records) => records,
            Err(problem) => return vec![Preallocated::Unreadable(problem)],
        };
        let told = records.iter().map(|record| {
            let Preallocation { pool, addresses, is_for_application } = record;
            match addresses {
                Ok(addresses) => {
                    Preallocated::Held { pool, addresses, is_for_application: *is_for_application }
                }
                Err(problem) => Preallocated::Malformed { pool, problem },
            }
        });
        told.collect()
    }
}

fn addresses(items: &[String], family: Family) -> Result<RangeSet, String> {
    let mut set = RangeSet::empty(family);
    for item in items {
        match item.parse::<IpRange>() {
            Ok(range) if range.family() == family => set.insert(range),
            Ok(_) | Err(_) => return Err(format!("invalid IP range format in {family} '{item}'")),
        }
    }
    Ok(set)
}
