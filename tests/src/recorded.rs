//! When what we say is what the Go original's agent said, as recorded.

use std::collections::BTreeSet;

use serde_json::Value;

/// A value whose lists are sorted, to be compared as sets.
#[must_use]
pub fn unordered(value: &Value) -> Value {
    match value {
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(unordered).collect();
            items.sort_by_key(Value::to_string);
            items.into()
        }
        Value::Object(members) => {
            members.iter().map(|(key, value)| (key.clone(), unordered(value))).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

/// Whether a text begins with another one. The original joins several reasons in an order that is random, so those in brackets
/// are a set; where its text prints a pointer or a structure for its authors, the record has `${any}`, or that is its end.
#[must_use]
pub fn begins(text: &str, want: &str) -> bool {
    let (want, _) = want.split_once(": &PodSubnetAnnoConfig{").unwrap_or((want, ""));
    if matches(text, want) {
        return true;
    }
    let reasons = |text: &str| -> Option<(String, BTreeSet<String>)> {
        let (head, list) = text.split_once(": [")?;
        Some((head.to_owned(), list.strip_suffix(']')?.split(", ").map(str::to_owned).collect()))
    };
    matches!((reasons(text), reasons(want)), (Some(own), Some(want)) if own == want)
}

fn matches(text: &str, want: &str) -> bool {
    let want = want.replace("${number}", "${any}");
    let mut pieces = want.split("${any}");
    let Some(mut rest) = text.strip_prefix(pieces.next().unwrap_or_default()) else { return false };
    for piece in pieces {
        match rest.find(piece) {
            Some(at) => rest = rest.get(at + piece.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    true
}
