//! The control record as JSON text, byte for byte as Go's `encoding/json` writes it.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Map, Value};

use super::application::Application;
use super::record::{ControlRecord, ControlledPools, Unreadable, set_of};
use crate::addr::Family;
use crate::pool::PoolName;
use crate::range::IpRange;
use crate::rangeset::RangeSet;

/// A `status.controlledIPPools` of which nothing can be read.
///
/// The records of living pools can be made anew from [`ControlledPools::new`] by [`sync`](super::sync); a carve must wait for
/// that.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "status.controlledIPPools cannot be read: {problem}; want a JSON object of pools, \
     {{\"pool\":{{\"ips\":[\"A-B\"],\"application\":\"…\"}}}}"
)]
pub struct StatusError {
    /// What is wrong with the text.
    pub problem: String,
}

impl ControlledPools {
    /// Reads the field; an absent one and `null` are no records.
    ///
    /// As in Go, keys inside an entry match in any case and unknown ones are ignored. An entry that cannot be read is kept
    /// apart ([`ControlledPools::unreadable`]).
    ///
    /// ```
    /// use ipam_core::{Family, carve::ControlledPools};
    /// let text = r#"{"auto4-a-eth0-a5bd3":{"ips":["10.6.0.1-10.6.0.3"],"application":"apps_v1_Deployment_ns_a"},"m":{"ips":["10.6.0.9"]}}"#;
    /// let pools = ControlledPools::from_json(Family::V4, Some(text))?;
    /// assert_eq!(pools.union().to_string(), "10.6.0.1-10.6.0.3,10.6.0.9");
    /// assert_eq!(pools.to_json().as_deref(), Some(text));
    /// # Ok::<(), ipam_core::carve::StatusError>(())
    /// ```
    ///
    /// # Errors
    /// [`StatusError`] when the text is no JSON object.
    pub fn from_json(family: Family, text: Option<&str>) -> Result<Self, StatusError> {
        let Some(text) = text else { return Ok(Self::new(family)) };
        let value: Value =
            serde_json::from_str(text).map_err(|error| StatusError { problem: error.to_string() })?;
        let entries = match value {
            Value::Null => Map::new(),
            Value::Object(entries) => entries,
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                return Err(StatusError { problem: "it is no object".to_owned() });
            }
        };
        let (mut records, mut unreadable) = (BTreeMap::new(), BTreeMap::new());
        for (name, entry) in entries {
            match read(family, &name, &entry) {
                Ok((pool, record)) => {
                    records.insert(pool, record);
                }
                Err((ranges, problem)) => {
                    let mut text = String::new();
                    write_value(&mut text, &entry);
                    unreadable.insert(name, Unreadable { text, problem, ranges });
                }
            }
        }
        let all = Self::from_records(family, records)
            .map_err(|error| StatusError { problem: error.to_string() })?;
        Ok(if unreadable.is_empty() { all } else { all.with_unreadable(unreadable) })
    }

    /// The field's text; `None` is an absent field, which is how no records are written.
    #[must_use]
    pub fn to_json(&self) -> Option<String> {
        if self.is_empty() {
            return None;
        }
        let mut entries: BTreeMap<&str, String> =
            self.unreadable().map(|(name, entry)| (name, entry.text.clone())).collect();
        entries.extend(self.iter().map(|(pool, record)| (pool.as_str(), entry_text(record))));
        let mut out = String::from("{");
        for (name, text) in entries {
            if out.len() > 1 {
                out.push(',');
            }
            write_text(&mut out, name);
            out.push(':');
            out.push_str(&text);
        }
        out.push('}');
        Some(out)
    }
}

fn entry_text(record: &ControlRecord) -> String {
    let mut out = String::from("{\"ips\":");
    if record.ranges.is_empty() {
        // A nil slice in Go.
        out.push_str("null");
    } else {
        for (index, range) in record.ranges.ranges().enumerate() {
            out.push(if index == 0 { '[' } else { ',' });
            write_text(&mut out, &range.to_string());
        }
        out.push(']');
    }
    if let Some(application) = &record.application {
        out.push_str(",\"application\":");
        write_text(&mut out, &application.to_string());
    }
    out.push('}');
    out
}

/// An entry, or those of its ranges that can be read and what is wrong.
fn read(family: Family, name: &str, entry: &Value) -> Result<(PoolName, ControlRecord), (RangeSet, String)> {
    let none = Map::new();
    let fields = match entry {
        Value::Null => &none,
        Value::Object(fields) => fields,
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            return Err((RangeSet::empty(family), "the entry is no object".to_owned()));
        }
    };
    let (ranges, mut problem) = read_ranges(family, field(fields, "ips"));
    let mut note = |text: String| {
        problem.get_or_insert(text);
    };
    let application = match field(fields, "application") {
        Value::Null => None,
        Value::String(text) => text.parse::<Application>().map_err(|error| note(error.to_string())).ok(),
        other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            note(format!("application is {other}; want a text"));
            None
        }
    };
    let pool = name.parse::<PoolName>().map_err(|error| note(error.to_string())).ok();
    match (pool, problem) {
        (Some(pool), None) => Ok((pool, ControlRecord { ranges, application })),
        (_, problem) => Err((ranges, problem.unwrap_or_default())),
    }
}

/// Go matches the names of fields in any case; the exact one is preferred here, where Go takes the last.
fn field<'v>(fields: &'v Map<String, Value>, name: &str) -> &'v Value {
    let folded = || fields.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    fields.get(name).or_else(folded).unwrap_or(&Value::Null)
}

fn read_ranges(family: Family, value: &Value) -> (RangeSet, Option<String>) {
    let items = match value {
        Value::Null => return (RangeSet::empty(family), None),
        Value::Array(items) => items,
        other @ (Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => {
            return (RangeSet::empty(family), Some(format!("ips is {other}; want a list of ranges")));
        }
    };
    let (mut ranges, mut problem) = (Vec::new(), None);
    for (index, item) in items.iter().enumerate() {
        let range = match item {
            Value::String(text) => text.parse::<IpRange>().map_err(|error| error.to_string()),
            other
            @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                Err(format!("{other} is no text"))
            }
        };
        match range {
            Ok(range) if range.family() == family => ranges.push(range),
            Ok(range) => {
                problem.get_or_insert(format!("ips[{index}]: {range} is {}; want {family}", range.family()));
            }
            Err(error) => {
                problem.get_or_insert(format!("ips[{index}]: {error}"));
            }
        }
    }
    (set_of(family, ranges), problem)
}

/// Compact JSON in Go's spelling.
fn write_value(out: &mut String, value: &Value) {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => out.push_str(&value.to_string()),
        Value::String(text) => write_text(out, text),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_value(out, item);
            }
            out.push(']');
        }
        Value::Object(fields) => {
            out.push('{');
            for (index, (name, value)) in fields.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_text(out, name);
                out.push(':');
                write_value(out, value);
            }
            out.push('}');
        }
    }
}

/// A JSON string as Go escapes it: also what could end a script element in HTML, and the two line ends that JavaScript knows.
fn write_text(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..='\u{1f}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            _ => out.push(c),
        }
    }
    out.push('"');
}
