//! One case through the pure rules, in the order in which an API server calls them: mutate, then validate.

use std::collections::BTreeMap;

use ipam_core::admission::{
    Denial, FamilySettings, InUse, Metadata, Peer, mutate_pool, mutate_reserved, pool_create, pool_delete,
    pool_name, pool_update, pool_update_terminating, reserved_create, reserved_name, reserved_update,
    reserved_update_terminating,
};
use ipam_core::{PoolFields, ReservedFields};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::golden::{Case, Object};

/// What became of a request.
#[derive(Debug)]
pub(crate) enum Answer {
    Undecodable,
    Allowed { spec: Value, metadata: Metadata },
    Refused(Denial),
}

pub(crate) fn replay(file: &str, case: &Case) -> Answer {
    let families = FamilySettings { v4: case.is_on("enableIPv4", true), v6: case.is_on("enableIPv6", true) };
    match (file, case.operation.as_str()) {
        ("spiderippool", "delete") => delete_pool(case),
        ("spiderippool", _) => write_pool(case, families),
        ("spiderreservedip", _) => write_reserved(case, families),
        other => panic!("no replay for {other:?}"),
    }
}

fn write_pool(case: &Case, families: FamilySettings) -> Answer {
    let Some(sent) = decode::<PoolFields>(&case.object.spec) else { return Answer::Undecodable };
    let name = match pool_name(&case.object.metadata.name) {
        Ok(name) => name,
        Err(refusal) => return Answer::Refused(refusal),
    };
    let (fields, metadata) = mutate_pool(&sent, &case.object.metadata());
    let pools: Vec<(&str, PoolFields)> = case
        .given
        .iter()
        .filter(|object| object.is("SpiderIPPool"))
        .map(|object| (object.metadata.name.as_str(), decode(&object.spec).unwrap()))
        .collect();
    let peers = pools.iter().map(|(name, fields)| Peer::stored(name, fields));
    let checked = if case.operation == "create" {
        pool_create(&name, &fields, metadata.origin(), peers, families)
    } else if metadata.terminating {
        return match pool_update_terminating(name.as_str(), &metadata) {
            Ok(()) => Answer::Allowed { spec: encode(&fields), metadata },
            Err(refusal) => Answer::Refused(refusal),
        };
    } else {
        let (_, old) = pools.iter().find(|(other, _)| *other == name.as_str()).unwrap();
        let text = Records::of(case);
        pool_update(&name, old, &fields, metadata.origin(), peers, text.in_use(), families)
    };
    match checked {
        Ok(spec) => {
            assert_eq!(spec.fields(), &fields, "{}: what was mutated once is changed again", case.name);
            Answer::Allowed { spec: encode(spec.fields()), metadata }
        }
        Err(refusal) => Answer::Refused(refusal),
    }
}

fn delete_pool(case: &Case) -> Answer {
    let object = given(case);
    let count = object.status.get("allocatedIPCount").map_or(0, |count| count.as_u64().unwrap());
    let is_guarded = case.is_on("enableValidatingResourcesDeletedWebhook", false);
    match pool_delete(&object.metadata.name, count, is_guarded) {
        Ok(()) => Answer::Allowed { spec: object.spec.clone(), metadata: object.metadata() },
        Err(refusal) => Answer::Refused(refusal),
    }
}

fn write_reserved(case: &Case, families: FamilySettings) -> Answer {
    let Some(sent) = decode::<ReservedFields>(&case.object.spec) else { return Answer::Undecodable };
    let name = reserved_name(&case.object.metadata.name).unwrap();
    let metadata = case.object.metadata();
    let fields = mutate_reserved(&sent, &metadata);
    let checked = if case.operation == "create" {
        reserved_create(&name, &fields, families)
    } else {
        let old: ReservedFields = decode(&given(case).spec).unwrap();
        if metadata.terminating {
            return match reserved_update_terminating(name.as_str(), &old, &fields) {
                Ok(()) => Answer::Allowed { spec: encode(&fields), metadata },
                Err(refusal) => Answer::Refused(refusal),
            };
        }
        reserved_update(&name, &old, &fields, families)
    };
    match checked {
        Ok(spec) => {
            assert_eq!(spec.fields(), &fields, "{}: what was mutated once is changed again", case.name);
            Answer::Allowed { spec: encode(spec.fields()), metadata }
        }
        Err(refusal) => Answer::Refused(refusal),
    }
}

/// The object that the request is about, as it was stored before.
fn given(case: &Case) -> &Object {
    let is_it = |object: &&Object| {
        object.kind == case.object.kind && object.metadata.name == case.object.metadata.name
    };
    case.given.iter().find(is_it).unwrap()
}

/// The stored records, from `status.allocatedIPs`: a string that holds a JSON object.
struct Records(Result<Vec<(String, String)>, String>);

impl Records {
    fn of(case: &Case) -> Self {
        let status = &given(case).status;
        let Some(text) = status.get("allocatedIPs").and_then(Value::as_str) else {
            return Self(Ok(Vec::new()));
        };
        let records: Result<BTreeMap<String, Value>, _> = serde_json::from_str(text);
        Self(records.map_err(|error| error.to_string()).map(|records| {
            let holder = |record: &Value| format!("Pod {}", record["pod"].as_str().unwrap());
            records.iter().map(|(key, record)| (key.clone(), holder(record))).collect()
        }))
    }

    fn in_use(&self) -> Vec<InUse<'_>> {
        match &self.0 {
            Ok(records) => records.iter().map(|(key, holder)| InUse::under_key(key, holder)).collect(),
            Err(problem) => vec![InUse::Unreadable(problem)],
        }
    }
}

/// An absent spec is an empty one.
fn decode<T: DeserializeOwned + Default>(spec: &Value) -> Option<T> {
    if spec.is_null() { Some(T::default()) } else { serde_json::from_value(spec.clone()).ok() }
}

fn encode(fields: &impl serde::Serialize) -> Value {
    serde_json::to_value(fields).unwrap()
}
