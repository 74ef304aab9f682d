//! The text of a pool's records, as an agent leaves it.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use ipam_core::status::AllocatedIps;
use ipam_core::{Addr, Owner};
use serde_json::Value;

use crate::world::{World, listed};

/// What a pool's status says in the end, against the record: the text to the byte, and the count wherever it is written with it.
pub(crate) fn same_status(world: &World, name: &str, want: &Value) -> Result<()> {
    let pool = world.get("SpiderIPPool", "", name).with_context(|| format!("pool {name}"))?;
    let Some(family) = listed(pool)?.spec().map(|spec| spec.family()) else { return Ok(()) };
    let now: BTreeMap<Addr, Owner> = world
        .store
        .records()
        .into_iter()
        .filter(|(of, _)| of.as_str() == name)
        .map(|(_, record)| (record.address, record.owner))
        .collect();
    // What the agent did since somebody else wrote the status.
    let written = pool.status.get("allocatedIPs").and_then(Value::as_str);
    let mut ips = AllocatedIps::parse(family, written)?;
    let before: BTreeMap<Addr, String> =
        ips.iter().filter_map(|entry| Some((entry.address?, entry.uid.to_owned()))).collect();
    let mut is_changed = false;
    for (address, uid) in &before {
        if now.get(address).is_none_or(|owner| owner.uid() != uid) {
            is_changed |= ips.release(*address, uid);
        }
    }
    for (address, owner) in &now {
        if before.get(address).is_none_or(|uid| uid != owner.uid()) {
            ips.set(*address, owner)?;
            is_changed = true;
        }
    }
    let text = if is_changed { ips.to_text() } else { written.map(str::to_owned) };
    let want_text = want.get("allocatedIPs").and_then(Value::as_str);
    ensure!(want_text == text.as_deref(), "status of {name}: want {want_text:?}, got {text:?}");
    let count = want.get("allocatedIPCount").and_then(Value::as_u64);
    if is_changed {
        ensure!(count == u64::try_from(ips.len()).ok(), "count of {name}: want {count:?}, got {}", ips.len());
    }
    Ok(())
}
