//! What is the same: codes and values exactly, lists of addresses and routes as sets, texts by how they begin.

#![expect(clippy::indexing_slicing, reason = "a JSON value has null where it has nothing")]

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value, json};

use super::case::{After, Call, MendedAnswer};
use super::http::Answer;
use crate::recorded::{begins, unordered};

/// One answer against its record.
pub(super) fn same_answer(call: &Call, answer: &Answer) -> Result<()> {
    let want = call.code.context("no answer is recorded, so there must be a mended one")?;
    ensure!(answer.code == want, "want {want} {}, got {} {}", call.answer, answer.code, answer.body);
    match (&call.answer, &answer.body) {
        (Value::String(want), Value::String(got)) => {
            ensure!(begins(got, want), "want {want:?}…, got {got:?}");
        }
        (want, got) => ensure!(unordered(want) == unordered(got), "want {want}, got {got}"),
    }
    let methods = |allow: &Option<String>| -> BTreeSet<String> {
        allow.iter().flat_map(|list| list.split(',')).map(|one| one.trim().to_owned()).collect()
    };
    let (want, got) = (methods(&call.allow), methods(&answer.allow));
    ensure!(want.is_empty() || want == got, "Allow: want {want:?}, got {got:?}");
    Ok(())
}

/// One answer against the mended one.
pub(super) fn same_mended(want: &MendedAnswer, answer: &Answer) -> Result<()> {
    match (want, answer.code, &answer.body) {
        (MendedAnswer::Given(want), 200, got) => {
            ensure!(unordered(want) == unordered(got), "want {want}, got {got}");
        }
        (MendedAnswer::Refused { refused }, 500, Value::String(text)) => {
            ensure!(text.starts_with(refused), "want {refused:?}…, got {text:?}");
        }
        (want, code, got) => bail!("want {want:?}, got {code} {got}"),
    }
    Ok(())
}

/// The state afterwards against the record.
pub(super) fn same_state(
    after: &After,
    pools: &[Value],
    endpoints: &[Value],
    subnets: &[Value],
) -> Result<()> {
    for (kind, want, objects) in [("pool", &after.pools, pools), ("subnet", &after.subnets, subnets)] {
        for (name, want) in want {
            let object = named(objects, name).with_context(|| format!("{kind} {name} is not there"))?;
            let status = object.get("status").cloned().unwrap_or(Value::Null);
            ensure!(
                is_same_status(&want.status, &status),
                "{kind} {name}: want {}, got {status}",
                want.status
            );
            if let Some(created) = &want.created {
                let got = of_created(object, created);
                ensure!(&got == created, "{kind} {name}: want {created}, got {got}");
            }
        }
    }
    let unexpected: Vec<_> =
        pools.iter().filter_map(name_of).filter(|name| !after.pools.contains_key(*name)).collect();
    ensure!(unexpected.is_empty(), "unexpected pools {unexpected:?}");
    let mut want = BTreeMap::new();
    for endpoint in &after.endpoints {
        want.insert(
            key_of(&endpoint.metadata),
            (of_metadata(&endpoint.metadata), unordered(&endpoint.status)),
        );
    }
    let mut got = BTreeMap::new();
    for endpoint in endpoints {
        let metadata = endpoint.get("metadata").cloned().unwrap_or_default();
        let status = endpoint.get("status").cloned().unwrap_or_default();
        got.insert(key_of(&metadata), (of_metadata(&metadata), unordered(&status)));
    }
    ensure!(want == got, "endpoints: want {want:?}, got {got:?}");
    Ok(())
}

/// The records of pools against the mended ones: pod by address.
pub(super) fn same_records(want: &BTreeMap<String, BTreeMap<String, String>>, pools: &[Value]) -> Result<()> {
    let mut got = BTreeMap::new();
    for pool in pools {
        let Some(text) = pool.pointer("/status/allocatedIPs").and_then(Value::as_str) else { continue };
        let records: BTreeMap<String, Value> = serde_json::from_str(text).context("allocatedIPs")?;
        let pod = |record: Value| record["pod"].as_str().unwrap_or_default().to_owned();
        let records: BTreeMap<_, _> =
            records.into_iter().map(|(address, record)| (address, pod(record))).collect();
        got.insert(name_of(pool).unwrap_or_default().to_owned(), records);
    }
    ensure!(&got == want, "records: want {want:?}, got {got:?}");
    Ok(())
}

/// A status that nobody has written may be absent or empty.
fn is_same_status(want: &Value, got: &Value) -> bool {
    let plain = |status: &Value| if status.is_null() { json!({}) } else { status.clone() };
    plain(want) == plain(got)
}

/// Of an object that the agent made, the parts that are recorded.
fn of_created(object: &Value, want: &Value) -> Value {
    let part = |key: &str| match key {
        "spec" => object.get("spec"),
        other => object.get("metadata").and_then(|metadata| metadata.get(other)),
    };
    let keys = want.as_object().into_iter().flat_map(Map::keys);
    keys.map(|key| (key.clone(), part(key).cloned().unwrap_or_default())).collect::<Map<_, _>>().into()
}

fn named<'a>(objects: &'a [Value], name: &str) -> Option<&'a Value> {
    objects.iter().find(|object| name_of(object) == Some(name))
}

fn name_of(object: &Value) -> Option<&str> {
    object.pointer("/metadata/name").and_then(Value::as_str)
}

fn key_of(metadata: &Value) -> (String, String) {
    let text = |key: &str| metadata[key].as_str().unwrap_or_default().to_owned();
    (text("namespace"), text("name"))
}

/// Finalizers, owners, labels, and whether the object is going.
fn of_metadata(metadata: &Value) -> Value {
    let is_going = metadata["deletionTimestamp"].is_string() || metadata["deleting"] == json!(true);
    let mut parts = Map::from_iter([("deleting".to_owned(), json!(is_going))]);
    for key in ["finalizers", "ownerReferences", "labels"] {
        if let Some(value) = metadata.get(key) {
            parts.insert(key.to_owned(), unordered(value));
        }
    }
    parts.into()
}
