//! Whether nothing was lost between two JSON values, as Go understands loss.

use serde_json::Value;

/// What `ours` lacks of `original` or has differently, by path. Go's `omitempty` may drop nulls and empty lists, and what is always
/// written may come in with its empty value.
pub(crate) fn losses(original: &Value, ours: &Value) -> Vec<String> {
    let mut losses = Vec::new();
    compare("", original, ours, &mut losses);
    losses
}

fn compare(path: &str, original: &Value, ours: &Value, losses: &mut Vec<String>) {
    match (original, ours) {
        (Value::Object(original), Value::Object(ours)) => {
            for (key, value) in original {
                let path = format!("{path}.{key}");
                match ours.get(key) {
                    Some(ours) => compare(&path, value, ours, losses),
                    None if value.is_null() || value.as_array().is_some_and(Vec::is_empty) => {}
                    None => losses.push(format!("{path}: lost {value}")),
                }
            }
            let added = ours.iter().filter(|(key, value)| !original.contains_key(*key) && !is_empty(value));
            losses.extend(added.map(|(key, value)| format!("{path}.{key}: came from nowhere: {value}")));
        }
        (Value::Array(original), Value::Array(ours)) if original.len() == ours.len() => {
            for (index, (original, ours)) in original.iter().zip(ours).enumerate() {
                compare(&format!("{path}[{index}]"), original, ours, losses);
            }
        }
        (Value::Null, ours) if is_empty(ours) => {}
        (original, ours) if original == ours => {}
        (original, ours) => losses.push(format!("{path}: {original} became {ours}")),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.values().all(is_empty),
    }
}

#[test]
fn loss_is_seen() {
    use serde_json::json;
    for (original, ours, want) in [
        (json!({"a": 1}), json!({}), 1),
        (json!({"a": {}}), json!({}), 1),
        (json!({"a": [{"b": 1}]}), json!({"a": [{"b": 2}]}), 1),
        (json!({"a": ["x"]}), json!({"a": []}), 1),
        (json!({}), json!({"a": "x"}), 1),
        (json!({"a": null, "b": []}), json!({"c": "", "d": {"e": 0}}), 0),
    ] {
        assert_eq!(losses(&original, &ours).len(), want, "{original} {ours}");
    }
}
