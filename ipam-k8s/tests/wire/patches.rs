//! A patch makes the wanted object of the one that was read, and leaves everything that is not known where it is.

use ipam_k8s::Error;
use ipam_k8s::crd::{
    Coordinator, Custom, EndpointAddress, IPPool, IPPoolSpec, Kind, Route, SpiderEndpoint, SpiderIPPool,
    StatusPlace, StatusSubresource, Subnet,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::recorded::{Recorded, committed, corpus};
use crate::roundtrip::for_kind;

/// The key that stands for a newer version's field.
const NEWER: &str = "newerThanWeAre";

/// RFC 7386, as an API server does it.
fn apply(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let target = target.as_object_mut().unwrap();
    for (key, value) in patch {
        if value.is_null() {
            target.remove(key);
        } else {
            apply(target.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

/// Puts an unknown field into each object below the root, list items included; label maps take texts only.
fn inject(value: &mut Value, path: &str, depth: usize) {
    match value {
        Value::Object(fields) => {
            for (key, below) in fields.iter_mut() {
                inject(below, &format!("{path}/{key}"), depth + 1);
            }
            if depth > 0 && !path.ends_with("Labels") && !path.contains("/metadata") {
                fields.insert(NEWER.to_owned(), json!({"at": path}));
            }
        }
        Value::Array(items) => {
            items.iter_mut().for_each(|item| inject(item, &format!("{path}[]"), depth + 1));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Takes the unknown fields out; gives the paths they stood at, lists aside.
fn take_out(value: &mut Value, found: &mut Vec<String>, in_list: bool) {
    match value {
        Value::Object(fields) => {
            if let Some(newer) = fields.remove(NEWER)
                && !in_list
            {
                found.push(newer["at"].as_str().unwrap().to_owned());
            }
            fields.values_mut().for_each(|below| take_out(below, found, in_list));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| take_out(item, found, true)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Paths of the objects below the root, lists aside, that both have.
fn shared_paths(a: &Value, b: &Value, path: &str, found: &mut Vec<String>) {
    if let (Value::Object(a), Value::Object(b)) = (a, b) {
        if !path.is_empty() && !path.ends_with("Labels") && !path.contains("/metadata") {
            found.push(path.to_owned());
        }
        for (key, a) in a {
            if let Some(b) = b.get(key) {
                shared_paths(a, b, &format!("{path}/{key}"), found);
            }
        }
    }
}

/// Sends a patch to what a server stores, which is the object that was read with unknown fields at each level, and checks
/// that the parts named by `is_sent` became the wanted ones, the others did not change, and nothing newer was lost.
fn check_patch<K: Kind>(
    read: &Value,
    wanted: &Value,
    is_sent: impl Fn(&str) -> bool,
    patch: impl Fn(&Custom<K>, &Custom<K>) -> Result<Option<Value>, Error>,
) {
    let typed = |value: &Value| serde_json::from_value::<Custom<K>>(value.clone()).unwrap();
    let (mut read, mut wanted) = (typed(read), typed(wanted));
    read.metadata.resource_version = Some("7".to_owned());
    wanted.metadata = read.metadata.clone();
    let before = serde_json::to_value(&read).unwrap();
    let mut stored = before.clone();
    inject(&mut stored, "", 0);
    let read = typed(&stored);
    let mut after = serde_json::to_value(&wanted).unwrap();
    for part in ["spec", "status"].into_iter().filter(|part| !is_sent(part)) {
        match before.get(part) {
            Some(before) => after[part] = before.clone(),
            None => drop(after.as_object_mut().unwrap().remove(part)),
        }
    }
    let mut kept = Vec::new();
    shared_paths(&stored, &after, "", &mut kept);
    if let Some(patch) = patch(&read, &wanted).unwrap() {
        assert_eq!(patch["metadata"], json!({"resourceVersion": "7"}));
        apply(&mut stored, &patch);
    }
    let mut found = Vec::new();
    take_out(&mut stored, &mut found, false);
    assert_eq!(stored, after);
    for path in kept {
        assert!(found.contains(&path), "{path}: what is newer was lost");
    }
}

fn object<K: Kind>(read: &Value, wanted: &Value) {
    let is_sent = |part: &str| part != "status" || K::STATUS != StatusPlace::Subresource;
    check_patch::<K>(read, wanted, is_sent, Custom::object_patch);
}

fn status<K: StatusSubresource>(read: &Value, wanted: &Value) {
    check_patch::<K>(read, wanted, |part| part == "status", Custom::status_patch);
}

/// Each object becomes the next one of its kind, and the other way round.
fn check_all(objects: &[Recorded]) -> usize {
    let mut checked = 0;
    let kinds = ["IPPool", "Subnet", "ReservedIP", "Endpoint", "Coordinator", "MultusConfig"];
    for kind in kinds.map(|kind| format!("Spider{kind}")) {
        let of_kind: Vec<&Recorded> =
            objects.iter().filter(|one| !one.is_refused && one.kind() == kind).collect();
        for (a, b) in of_kind.iter().zip(of_kind.iter().skip(1)).flat_map(|(a, b)| [(a, b), (b, a)]) {
            for_kind!(kind.as_str(), object(&a.object, &b.object));
            match kind.as_str() {
                "SpiderIPPool" => status::<IPPool>(&a.object, &b.object),
                "SpiderSubnet" => status::<Subnet>(&a.object, &b.object),
                "SpiderCoordinator" => status::<Coordinator>(&a.object, &b.object),
                _ => {}
            }
            checked += 1;
        }
    }
    checked
}

#[test]
fn patches_leave_what_is_newer() {
    let checked = check_all(&committed());
    println!("{checked} pairs");
    assert!(checked > 500, "{checked}");
}

#[test]
fn patches_leave_what_is_newer_in_the_corpus() {
    let Some(objects) = corpus("patches_leave_what_is_newer_in_the_corpus") else { return };
    let checked = check_all(&objects);
    println!("{checked} pairs");
    assert!(checked > 2500, "{checked}");
}

/// A list is replaced as a whole, so its items must bring what is newer along.
#[test]
fn items_of_lists_keep_what_is_newer() {
    let mut stored = json!({
        "apiVersion": "spiderpool.spidernet.io/v2beta1", "kind": "SpiderEndpoint",
        "metadata": {"name": "p", "namespace": "t", "resourceVersion": "7"},
        "status": {
            "current": {"uid": "u", "node": "n", "newer": 1, "ips": [
                {"interface": "eth0", "vlan": 0, "newer": 2, "routes": [{"dst": "10.0.0.0/8", "gw": "10.6.0.1", "newer": 3}]}
            ]},
            "ownerControllerType": "Pod", "ownerControllerName": "p", "newer": 4
        }
    });
    let read: SpiderEndpoint = serde_json::from_value(stored.clone()).unwrap();
    let mut wanted = read.clone();
    let current = &mut wanted.status.as_mut().unwrap().current;
    current.ips.push(EndpointAddress { interface: "net1".to_owned(), ..EndpointAddress::default() });
    current.ips[0].routes.insert(0, Route::new("10.9.0.0/16", "10.6.0.1"));
    let patch = read.object_patch(&wanted).unwrap().unwrap();
    assert_eq!(patch["status"]["current"].as_object().unwrap().keys().collect::<Vec<_>>(), ["ips"]);
    let mut after = stored.clone();
    after["status"]["current"]["ips"] = json!([
        {"interface": "eth0", "vlan": 0, "newer": 2, "routes": [
            {"dst": "10.9.0.0/16", "gw": "10.6.0.1"},
            {"dst": "10.0.0.0/8", "gw": "10.6.0.1", "newer": 3}
        ]},
        {"interface": "net1", "vlan": 0}
    ]);
    apply(&mut stored, &patch);
    assert_eq!(stored, after);
}

#[test]
fn a_patch_is_of_one_object_that_was_read() {
    let mut read = SpiderIPPool::new("v4", IPPoolSpec::default());
    let mut wanted = read.clone();
    wanted.spec.disable = Some(true);
    let message =
        |read: &SpiderIPPool, wanted: &SpiderIPPool| read.object_patch(wanted).unwrap_err().to_string();
    assert_eq!(
        message(&read, &wanted),
        r#"SpiderIPPool "v4": metadata.resourceVersion: absent, want that of the object as it was read"#
    );
    read.metadata.resource_version = Some("7".to_owned());
    assert_eq!(read.object_patch(&read).unwrap(), None);
    wanted.metadata.name = Some("v6".to_owned());
    assert_eq!(
        message(&read, &wanted),
        r#"SpiderIPPool "v4": metadata.name: "v6", want "v4" as it was read"#
    );
}

/// The server moves versions and managers by itself.
#[test]
fn a_version_that_differs_is_not_a_difference() {
    let mut read = SpiderIPPool::new("v4", IPPoolSpec::default());
    read.metadata.resource_version = Some("7".to_owned());
    let mut wanted = read.clone();
    wanted.metadata.resource_version = None;
    wanted.metadata.managed_fields = Some(Vec::new());
    assert_eq!(read.object_patch(&wanted).unwrap(), None);
    wanted.metadata.finalizers = Some(vec!["spiderpool.spidernet.io".to_owned()]);
    let patch = json!({"metadata": {"resourceVersion": "7", "finalizers": ["spiderpool.spidernet.io"]}});
    assert_eq!(read.object_patch(&wanted).unwrap(), Some(patch));
    assert_eq!(read.status_patch(&wanted).unwrap(), None);
}

fn specs() -> impl Strategy<Value = IPPoolSpec> {
    let texts = || prop::collection::vec("[a-z]{0,2}", 0..3);
    let routes = prop::option::of(prop::collection::vec(("[a-z]?", "[a-z]?"), 0..3));
    let flags = (any::<Option<bool>>(), any::<Option<bool>>(), prop::option::of("[a-z]{0,2}"));
    let labels = prop::option::of(prop::option::of(prop::collection::btree_map("[a-c]", "[a-c]", 0..3)));
    (texts(), texts(), routes, flags, labels, any::<Option<i64>>()).prop_map(
        |(ips, exclude_ips, routes, (default, disable, gateway), labels, ip_version)| IPPoolSpec {
            ip_version,
            ips,
            exclude_ips,
            routes: routes.map(|list| list.iter().map(|(dst, gw)| Route::new(dst, gw)).collect()),
            gateway,
            pod_affinity: labels.map(|match_labels| LabelSelector { match_labels, match_expressions: None }),
            default,
            disable,
            ..IPPoolSpec::default()
        },
    )
}

proptest! {
    #[test]
    fn any_spec_becomes_any_other(a in specs(), b in specs()) {
        let whole = |spec: IPPoolSpec| serde_json::to_value(SpiderIPPool::new("v4", spec)).unwrap();
        object::<IPPool>(&whole(a), &whole(b));
    }
}
