//! What is the same: codes and values exactly, lists of addresses and routes as sets, texts by how they begin.
//!
//! The original joins several reasons in an order that is random, so those in brackets are compared as sets, and says equal
//! ones once. Where our text says more it says so after the original's words.
//!
//! Of endpoints the pod's uid and node, the workload and the entries count: owners, finalizers and labels are kept by the API server.
//! Of pools their records count, in the end to the byte of the text that they are written as, and the number of them.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use ipam_core::Addr;
use serde_json::Value;
use spiderpool_tests::recorded::{begins, unordered};

use crate::auto_pool::created;
use crate::calls::Answer;
use crate::golden::{Call, Case, Mended, MendedAnswer};
use crate::status::same_status;
use crate::world::World;

/// One answer against its record.
pub(crate) fn same_answer(call: &Call, answer: &Answer) -> Result<()> {
    match answer {
        Ok(body) => {
            ensure!(call.code == Some(200), "want {:?} {}, got 200 {body}", call.code, call.answer);
            ensure!(unordered(body) == unordered(&call.answer), "want {}, got {body}", call.answer);
        }
        Err(text) => {
            let want = call.answer.as_str().unwrap_or_default();
            ensure!(call.code == Some(500), "want {:?} {}, got 500 {text}", call.code, call.answer);
            ensure!(begins(text, want), "want {want:?}…, got {text:?}");
        }
    }
    Ok(())
}

/// One answer against the mended one.
pub(crate) fn same_mended(want: &MendedAnswer, answer: &Answer) -> Result<()> {
    match (want, answer) {
        (MendedAnswer::Given(want), Ok(body)) => {
            ensure!(unordered(body) == unordered(want), "want {want}, got {body}");
        }
        (MendedAnswer::Refused { refused }, Err(text)) => {
            ensure!(text.starts_with(refused), "want {refused:?}…, got {text:?}");
        }
        (want, got) => bail!("want {want:?}, got {got:?}"),
    }
    Ok(())
}

/// Whether the original waited tells that a pool's size was not the wanted one, and so which number it wanted.
pub(crate) fn same_waiting(call: &Call, world: &World) -> Result<()> {
    let (want, got) = (call.took_seconds.is_some(), world.original_waits);
    ensure!(want == got, "whether the original waited: {want}; by the number that we want: {got}");
    Ok(())
}

/// The state afterwards against the record.
pub(crate) fn same_state(case: &Case, world: &World) -> Result<()> {
    let mut want = BTreeMap::new();
    for (pool, after) in &case.after.pools {
        if let Some(text) = after.status.get("allocatedIPs").and_then(Value::as_str) {
            let records: Option<BTreeMap<String, Value>> =
                serde_json::from_str(text).context("allocatedIPs")?;
            let mut own = BTreeMap::new();
            for (address, record) in records.unwrap_or_default() {
                let part = |key: &str| record.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
                own.insert(address.parse::<Addr>()?.to_string(), (part("pod"), part("podUid")));
            }
            want.insert(pool.clone(), own);
        }
    }
    let got = records(world, |pod, uid| (pod, uid));
    want.retain(|_, records| !records.is_empty());
    ensure!(want == got, "records: want {want:?}, got {got:?}");
    for (pool, after) in &case.after.pools {
        same_status(world, pool, &after.status)?;
    }

    same_objects(case, world)?;
    let stored =
        |ips: &mut dyn Iterator<Item = Value>| ips.map(|entry| unordered(&entry)).collect::<Vec<_>>();
    let mut endpoints = BTreeMap::new();
    for after in &case.after.endpoints {
        let ips = after.status.pointer("/current/ips").and_then(Value::as_array).cloned().unwrap_or_default();
        let mut entries = stored(&mut ips.into_iter());
        entries.sort_by_key(Value::to_string);
        let text =
            |path: &str| after.status.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
        let head =
            ["/current/uid", "/current/node", "/ownerControllerType", "/ownerControllerName"].map(text);
        endpoints.insert((after.metadata.namespace.clone(), after.metadata.name.clone()), (head, entries));
    }
    let own = world.endpoints.iter().map(|(key, endpoint)| {
        let mut entries = stored(&mut endpoint.entries.iter().map(crate::endpoint::Entry::stored));
        entries.sort_by_key(Value::to_string);
        let (kind, name) = endpoint.workload.clone();
        (key.clone(), ([endpoint.uid.clone(), endpoint.node.clone(), kind, name], entries))
    });
    let own: BTreeMap<_, _> = own.collect();
    ensure!(endpoints == own, "endpoints: want {endpoints:?}, got {own:?}");
    Ok(())
}

/// Pools that the agent made, and what it wrote into subnets.
fn same_objects(case: &Case, world: &World) -> Result<()> {
    for (name, after) in &case.after.pools {
        if let Some(want) = &after.created {
            let pool = world.get("SpiderIPPool", "", name).with_context(|| format!("pool {name}"))?;
            let got = created(pool)?;
            ensure!(&got == want, "pool {name}: want {want}, got {got}");
        }
    }
    let unexpected: Vec<_> = world
        .of_kind("SpiderIPPool")
        .map(|pool| &pool.metadata.name)
        .filter(|name| !case.after.pools.contains_key(*name))
        .collect();
    ensure!(unexpected.is_empty(), "unexpected pools {unexpected:?}");
    for (name, after) in case.after.subnets.iter().flatten() {
        let subnet = world.get("SpiderSubnet", "", name).with_context(|| format!("subnet {name}"))?;
        ensure!(subnet.status == after.status, "subnet {name}: want {}, got {}", after.status, subnet.status);
    }
    Ok(())
}

/// The records afterwards against the mended ones. What the agent made is as recorded also where its answer is not.
pub(crate) fn same_records(case: &Case, mended: &Mended, world: &World) -> Result<()> {
    same_objects(case, world)?;
    let got = records(world, |pod, _| pod);
    ensure!(got == mended.records, "records: want {:?}, got {got:?}", mended.records);
    Ok(())
}

fn records<T>(world: &World, of: impl Fn(String, String) -> T) -> BTreeMap<String, BTreeMap<String, T>> {
    let mut all: BTreeMap<String, BTreeMap<String, T>> = BTreeMap::new();
    for (pool, record) in world.store.records() {
        let pod = format!("{}/{}", record.owner.scope(), record.owner.name());
        let record_of = of(pod, record.owner.uid().to_owned());
        all.entry(pool.to_string()).or_default().insert(record.address.to_string(), record_of);
    }
    all
}
