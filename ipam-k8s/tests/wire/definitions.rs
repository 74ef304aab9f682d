//! The committed definitions are what the types make, and say what the shipped ones say.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use ipam_k8s::crd::{
    Attachment, Coordinator, Endpoint, IPPool, Kind, MultusConfig, ReservedIP, StatusPlace,
    StatusSubresource, Subnet, definitions,
};
use serde_json::Value;

use crate::files;
use crate::recorded::{compat, in_manifest};

fn folder(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

#[test]
fn committed_files_are_what_the_types_make() {
    let faults = files::faults(&folder("crds")).unwrap();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The YAML reads back as the same definitions.
#[test]
fn committed_files_are_whole() {
    let read: Vec<Value> = fs::read_dir(folder("crds"))
        .unwrap()
        .map(|entry| serde_saphyr::from_str(&fs::read_to_string(entry.unwrap().path()).unwrap()).unwrap())
        .collect();
    let made: Vec<Value> = definitions().iter().map(|crd| serde_json::to_value(crd).unwrap()).collect();
    assert_eq!(by_name(read), by_name(made));
}

/// Everything but descriptions, down to the last column and bound.
#[test]
fn definitions_say_what_the_shipped_ones_say() {
    let shipped = fs::read_dir(folder("tests/data/crds")).unwrap();
    let shipped = shipped
        .map(|entry| serde_json::from_str(&fs::read_to_string(entry.unwrap().path()).unwrap()).unwrap());
    compare(by_name(shipped.collect()));
}

/// The same against the files as they are shipped.
#[test]
fn definitions_say_what_the_reference_says() {
    let Some(folder) = compat("definitions_say_what_the_reference_says") else { return };
    let shipped = fs::read_dir(folder.join("crds")).unwrap();
    compare(by_name(shipped.flat_map(|entry| in_manifest(&entry.unwrap().path())).collect()));
}

fn by_name(definitions: Vec<Value>) -> BTreeMap<String, Value> {
    let named = |mut crd: Value| {
        files::make_whole(&mut crd);
        (crd["metadata"]["name"].as_str().unwrap().to_owned(), crd)
    };
    definitions.into_iter().map(named).collect()
}

fn compare(shipped: BTreeMap<String, Value>) {
    let ours = by_name(definitions().iter().map(|crd| serde_json::to_value(crd).unwrap()).collect());
    assert_eq!(shipped.keys().collect::<Vec<_>>(), ours.keys().collect::<Vec<_>>());
    for (name, shipped) in shipped {
        assert_eq!(facts(&shipped), facts(&ours[&name]), "{name}");
    }
}

/// A definition's spec without descriptions, without the name of the list, which the API server derives in the same
/// way, and with `required` in order.
fn facts(definition: &Value) -> Value {
    let mut spec = definition["spec"].clone();
    spec["names"].as_object_mut().unwrap().remove("listKind");
    for version in spec["versions"].as_array_mut().unwrap() {
        let version = version.as_object_mut().unwrap();
        // No subresource is an empty list of them.
        if version.get("subresources").is_some_and(|list| list.as_object().unwrap().is_empty()) {
            version.remove("subresources");
        }
        strip(&mut version["schema"]["openAPIV3Schema"]);
    }
    spec
}

fn strip(schema: &mut Value) {
    let Some(node) = schema.as_object_mut() else { return };
    node.remove("description");
    if let Some(Value::Array(required)) = node.get_mut("required") {
        required.sort_by_key(Value::to_string);
    }
    if let Some(Value::Object(properties)) = node.get_mut("properties") {
        properties.values_mut().for_each(strip);
    }
    for key in ["items", "additionalProperties"] {
        if let Some(below) = node.get_mut(key) {
            strip(below);
        }
    }
}

#[test]
fn facts_of_a_kind_agree() {
    fn check<K: Kind>() {
        assert_eq!(K::CRD_NAME, format!("{}.{}", K::PLURAL, K::GROUP));
    }
    fn is_subresource<K: StatusSubresource>() -> (&'static str, StatusPlace) {
        (K::KIND, K::STATUS)
    }
    check::<IPPool>();
    check::<Subnet>();
    check::<ReservedIP>();
    check::<Endpoint>();
    check::<Coordinator>();
    check::<MultusConfig>();
    check::<Attachment>();
    let marked = [is_subresource::<IPPool>(), is_subresource::<Subnet>(), is_subresource::<Coordinator>()];
    for (kind, place) in marked {
        assert_eq!(place, StatusPlace::Subresource, "{kind}");
    }
    let with_subresource =
        definitions().into_iter().filter(|crd| crd.spec.versions[0].subresources.is_some());
    assert_eq!(with_subresource.count(), marked.len());
}
