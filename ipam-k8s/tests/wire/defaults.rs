//! `set_defaults` does what the API server does with the defaults of the definitions.

use ipam_k8s::crd::{
    Coordinator, CoordinatorSpec, Custom, IPPool, IPPoolSpec, Kind, MultusConfig, MultusConfigSpec,
    definitions,
};
use serde_json::Value;

use crate::recorded::{Recorded, committed, corpus};

fn check(objects: &[Recorded]) -> usize {
    let all = definitions();
    let mut checked = 0;
    for one in objects.iter().filter(|one| !one.is_refused && one.object["spec"].is_object()) {
        let definition = all.iter().find(|crd| crd.spec.names.kind == one.kind()).unwrap();
        let schema = serde_json::to_value(&definition.spec.versions[0].schema).unwrap();
        let mut filled = one.object.clone();
        fill(&mut filled, &schema["openAPIV3Schema"]);
        match one.kind() {
            "SpiderIPPool" => same::<IPPool>(&one.object, &filled, IPPoolSpec::set_defaults),
            "SpiderCoordinator" => same::<Coordinator>(&one.object, &filled, CoordinatorSpec::set_defaults),
            "SpiderMultusConfig" => {
                same::<MultusConfig>(&one.object, &filled, MultusConfigSpec::set_defaults)
            }
            _ => continue,
        }
        checked += 1;
    }
    checked
}

fn same<K: Kind>(object: &Value, filled: &Value, set_defaults: impl Fn(&mut K::Spec)) {
    let mut ours: Custom<K> = serde_json::from_value(object.clone()).unwrap();
    set_defaults(&mut ours.spec);
    let wanted: Custom<K> = serde_json::from_value(filled.clone()).unwrap();
    assert_eq!(ours, wanted, "{object}");
}

/// Kubernetes' defaulting: what is absent, or null and not nullable, gets the default; then the parts that are there.
fn fill(value: &mut Value, schema: &Value) {
    match value {
        Value::Object(fields) => {
            for (key, schema) in schema["properties"].as_object().into_iter().flatten() {
                if fields.get(key).is_none_or(Value::is_null)
                    && let Some(default) = schema.get("default")
                {
                    fields.insert(key.clone(), default.clone());
                }
                if let Some(below) = fields.get_mut(key) {
                    fill(below, schema);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| fill(item, &schema["items"])),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn defaults_are_those_of_the_schema() {
    let checked = check(&committed());
    println!("{checked} objects");
    assert!(checked > 100, "{checked}");
}

#[test]
fn defaults_are_those_of_the_schema_in_the_corpus() {
    let Some(objects) = corpus("defaults_are_those_of_the_schema_in_the_corpus") else { return };
    let checked = check(&objects);
    println!("{checked} objects");
    assert!(checked > 1000, "{checked}");
}
