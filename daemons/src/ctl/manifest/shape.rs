//! The fields that a manifest may have, and the type of each.
//!
//! As strict as `kubectl` is by default: an unknown field is an error, since it is most often a known one misspelt, whose rule
//! would then silently not hold.

use ipam_core::nearest;
use serde_json::Value;

/// The type of a field.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    Text,
    Integer,
    Flag,
    Texts,
    /// Keys of the user's choice, with texts.
    TextMap,
    Object(&'static [Field]),
    Objects(&'static [Field]),
    /// Written by a cluster, never by a user: whatever is there is let pass and dropped.
    Dropped,
}

/// A field with its name on the wire.
pub(super) type Field = (&'static str, Shape);

/// A SpiderIPPool.
pub(super) const POOL: Shape = Shape::Object(&[
    ("apiVersion", Shape::Text),
    ("kind", Shape::Text),
    ("metadata", METADATA),
    ("spec", Shape::Object(POOL_SPEC)),
    ("status", Shape::Dropped),
]);

/// A SpiderReservedIP.
pub(super) const RESERVED: Shape = Shape::Object(&[
    ("apiVersion", Shape::Text),
    ("kind", Shape::Text),
    ("metadata", METADATA),
    ("spec", Shape::Object(RESERVED_SPEC)),
    ("status", Shape::Dropped),
]);

const POOL_SPEC: &[Field] = &[
    ("ipVersion", Shape::Integer),
    ("subnet", Shape::Text),
    ("ips", Shape::Texts),
    ("excludeIPs", Shape::Texts),
    ("gateway", Shape::Text),
    ("routes", Shape::Objects(&[("dst", Shape::Text), ("gw", Shape::Text)])),
    ("podAffinity", SELECTOR),
    ("namespaceAffinity", SELECTOR),
    ("namespaceName", Shape::Texts),
    ("nodeAffinity", SELECTOR),
    ("nodeName", Shape::Texts),
    ("multusName", Shape::Texts),
    ("default", Shape::Flag),
    ("disable", Shape::Flag),
];

const RESERVED_SPEC: &[Field] = &[("ipVersion", Shape::Integer), ("ips", Shape::Texts)];

const SELECTOR: Shape = Shape::Object(&[
    ("matchLabels", Shape::TextMap),
    (
        "matchExpressions",
        Shape::Objects(&[("key", Shape::Text), ("operator", Shape::Text), ("values", Shape::Texts)]),
    ),
]);

/// What a user sets, then what a cluster sets: `kubectl get -o yaml` of a cluster's object can be applied as it stands.
const METADATA: Shape = Shape::Object(&[
    ("name", Shape::Text),
    ("labels", Shape::TextMap),
    ("annotations", Shape::TextMap),
    ("creationTimestamp", Shape::Dropped),
    ("deletionGracePeriodSeconds", Shape::Dropped),
    ("deletionTimestamp", Shape::Dropped),
    ("finalizers", Shape::Dropped),
    ("generateName", Shape::Dropped),
    ("generation", Shape::Dropped),
    ("managedFields", Shape::Dropped),
    ("namespace", Shape::Dropped),
    ("ownerReferences", Shape::Dropped),
    ("resourceVersion", Shape::Dropped),
    ("selfLink", Shape::Dropped),
    ("uid", Shape::Dropped),
]);

/// Holds a value to a shape and adds what is wrong to `flaws`. A null is an absent field, as in Kubernetes, and is taken out.
pub(super) fn check(shape: Shape, path: &str, value: &mut Value, flaws: &mut Vec<String>) {
    match (shape, value) {
        (Shape::Dropped, _) | (Shape::Text, Value::String(_)) | (Shape::Flag, Value::Bool(_)) => {}
        (Shape::Integer, Value::Number(number)) if number.is_i64() => {}
        (Shape::Texts, Value::Array(items)) => each(Shape::Text, path, items, flaws),
        (Shape::Objects(fields), Value::Array(items)) => each(Shape::Object(fields), path, items, flaws),
        (Shape::TextMap, Value::Object(map)) => {
            map.retain(|_, value| !value.is_null());
            for (key, value) in map.iter_mut() {
                check(Shape::Text, &join(path, key), value, flaws);
            }
        }
        (Shape::Object(fields), Value::Object(map)) => {
            map.retain(|_, value| !value.is_null());
            for (key, value) in map.iter_mut() {
                match fields.iter().find(|(name, _)| name == key) {
                    Some((_, shape)) => check(*shape, &join(path, key), value, flaws),
                    None => flaws.push(unknown(path, key, fields)),
                }
            }
        }
        (
            Shape::Text
            | Shape::Integer
            | Shape::Flag
            | Shape::Texts
            | Shape::TextMap
            | Shape::Object(_)
            | Shape::Objects(_),
            value,
        ) => flaws.push(wrong_type(shape, path, value)),
    }
}

fn each(shape: Shape, path: &str, items: &mut [Value], flaws: &mut Vec<String>) {
    for (index, item) in items.iter_mut().enumerate() {
        check(shape, &format!("{path}[{index}]"), item, flaws);
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn unknown(path: &str, key: &str, fields: &[Field]) -> String {
    let known: Vec<&str> =
        fields.iter().filter(|(_, shape)| !matches!(shape, Shape::Dropped)).map(|(name, _)| *name).collect();
    let hint = match nearest(key, &known) {
        Some(known) => format!("did you mean {known:?}?"),
        None => format!("want one of {}", known.join(", ")),
    };
    format!("unknown field {:?}, {hint}", join(path, key))
}

fn wrong_type(shape: Shape, path: &str, value: &Value) -> String {
    let wanted = match shape {
        Shape::Text => "a text",
        Shape::Integer => "a whole number",
        Shape::Flag => "true or false",
        Shape::Texts => "a list of texts",
        Shape::TextMap => "keys with texts",
        Shape::Object(_) | Shape::Dropped => "an object",
        Shape::Objects(_) => "a list of objects",
    };
    // A bare 10.6 or yes is what one gets for a text without quotes.
    let quotes = if matches!((shape, value), (Shape::Text, Value::Number(_) | Value::Bool(_))) {
        "; put it in quotes"
    } else {
        ""
    };
    let place = if path.is_empty() { String::new() } else { format!("{path}: ") };
    format!("{place}{} is {}, want {wanted}{quotes}", shown(value), type_of(value))
}

/// The value for a message, not longer than a line bears.
pub(super) fn shown(value: &Value) -> String {
    const SHOWN_CHARS_MAX: usize = 60;
    let text = value.to_string();
    if text.chars().count() <= SHOWN_CHARS_MAX {
        return text;
    }
    let front: String = text.chars().take(SHOWN_CHARS_MAX).collect();
    format!("{front}…")
}

pub(super) fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use ipam_core::{PoolFields, ReservedFields};
    use serde_json::json;

    use super::*;

    fn flaws(mut value: Value) -> Vec<String> {
        let mut flaws = Vec::new();
        check(POOL, "", &mut value, &mut flaws);
        flaws
    }

    #[test]
    fn the_tables_name_the_fields_of_the_specs() {
        let names = |fields: &[Field]| fields.iter().map(|(name, _)| *name).collect::<Vec<_>>();
        assert_eq!(names(POOL_SPEC), PoolFields::KNOWN_FIELDS);
        assert_eq!(names(RESERVED_SPEC), ReservedFields::KNOWN_FIELDS);
    }

    #[test]
    fn faults_name_field_value_and_what_is_wanted() {
        let cases = [
            (json!({ "spec": { "gatway": "a" } }), r#"unknown field "spec.gatway", did you mean "gateway"?"#),
            (
                json!({ "spec": { "routes": [{ "to": "a" }] } }),
                r#"unknown field "spec.routes[0].to", want one of dst, gw"#,
            ),
            (json!({ "metdata": {} }), r#"unknown field "metdata", did you mean "metadata"?"#),
            (
                json!({ "spec": { "ips": "10.6.0.1" } }),
                r#"spec.ips: "10.6.0.1" is a text, want a list of texts"#,
            ),
            (json!({ "spec": { "ips": [1] } }), "spec.ips[0]: 1 is a number, want a text; put it in quotes"),
            (json!({ "spec": { "ips": [null] } }), "spec.ips[0]: null is nothing, want a text"),
            (
                json!({ "spec": { "ipVersion": "4" } }),
                r#"spec.ipVersion: "4" is a text, want a whole number"#,
            ),
            (json!({ "spec": { "ipVersion": 4.5 } }), "spec.ipVersion: 4.5 is a number, want a whole number"),
            (json!({ "spec": { "disable": "no" } }), r#"spec.disable: "no" is a text, want true or false"#),
            (
                json!({ "spec": { "podAffinity": { "matchLabels": { "app": true } } } }),
                "spec.podAffinity.matchLabels.app: true is true or false, want a text; put it in quotes",
            ),
            (json!({ "metadata": { "labels": [] } }), "metadata.labels: [] is a list, want keys with texts"),
            (json!([1]), "[1] is a list, want an object"),
        ];
        for (value, want) in cases {
            assert_eq!(flaws(value.clone()), [want], "{value}");
        }
    }

    #[test]
    fn nulls_are_absent_and_what_a_cluster_writes_passes() {
        let mut value = json!({
            "metadata": { "name": "v4", "uid": 1, "labels": null, "managedFields": [{}] },
            "spec": { "subnet": "10.6.0.0/16", "gateway": null, "podAffinity": { "matchLabels": { "a": null } } },
            "status": { "allocatedIPs": "{}" },
        });
        let mut flaws = Vec::new();
        check(POOL, "", &mut value, &mut flaws);
        assert!(flaws.is_empty(), "{flaws:?}");
        assert_eq!(value["spec"], json!({ "subnet": "10.6.0.0/16", "podAffinity": { "matchLabels": {} } }));
        assert!(value["metadata"].get("labels").is_none());
    }
}
