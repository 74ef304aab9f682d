//! The control record as JSON text, byte for byte as Go's `encoding/json` writes it.

use std::collections::BTreeMap;

use super::application::Application;
use super::record::{ControlRecord, ControlledPools, Unreadable, set_of};
use crate::addr::Family;
use crate::go_json::{JsonError, Place, Value, push_string};
use crate::pool::PoolName;
use crate::range::IpRange;
use crate::rangeset::RangeSet;

const WHOLE: Place = Place::Root("v2beta1.PoolIPPreAllocations");
const ENTRY: Place = Place::Root("v2beta1.PoolIPPreAllocation");
const IPS: Place = Place::Field("PoolIPPreAllocation", "ips");
const APPLICATION: Place = Place::Field("PoolIPPreAllocation", "application");

/// A `status.controlledIPPools` of which nothing can be read.
///
/// The records of living pools can be made anew from [`ControlledPools::new`] by [`sync`](super::sync); a carve must wait for
/// that.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "status.controlledIPPools cannot be read: {0}; want a JSON object of pools, \
     {{\"pool\":{{\"ips\":[\"A-B\"],\"application\":\"…\"}}}}"
)]
pub struct StatusError(#[from] pub JsonError);

impl ControlledPools {
    /// Reads the field; an absent one and `null` are no records.
    ///
    /// Read as Go reads it: keys inside an entry match in any case, of equal ones the last counts, and unknown ones are ignored. An entry that cannot be read is kept
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
        let (mut records, mut unreadable) = (BTreeMap::new(), BTreeMap::new());
        for member in Value::parse(text.as_bytes())?.members(WHOLE)? {
            let (name, entry) = (member.key(), member.value);
            // Of equal keys the last counts, whether it can be read or not.
            if let Ok(pool) = name.parse::<PoolName>() {
                records.remove(&pool);
            }
            unreadable.remove(name);
            match read(family, name, entry) {
                Ok((pool, record)) => {
                    records.insert(pool, record);
                }
                Err((ranges, problem)) => {
                    unreadable.insert(name.to_owned(), Unreadable { text: entry.compact(), problem, ranges });
                }
            }
        }
        Ok(Self::from_entries(family, records, unreadable))
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
            push_string(&mut out, name);
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
            push_string(&mut out, &range.to_string());
        }
        out.push(']');
    }
    if let Some(application) = &record.application {
        out.push_str(",\"application\":");
        push_string(&mut out, &application.to_string());
    }
    out.push('}');
    out
}

/// An entry, or those of its ranges that can be read and what is wrong.
fn read(
    family: Family,
    name: &str,
    entry: Value<'_>,
) -> Result<(PoolName, ControlRecord), (RangeSet, String)> {
    let Ok(fields) = entry.members(ENTRY) else {
        return Err((RangeSet::empty(family), "the entry is no object".to_owned()));
    };
    let (mut ips, mut application) = (None, None);
    for field in fields {
        if field.is("ips") {
            ips = Some(field.value);
        } else if field.is("application") {
            application = Some(field.value);
        }
    }
    let (ranges, mut problem) = ips.map_or((RangeSet::empty(family), None), |ips| read_ranges(family, ips));
    let mut note = |text: String| {
        problem.get_or_insert(text);
    };
    let application = application.and_then(|value| match value.text(APPLICATION) {
        Ok(text) => text?.parse::<Application>().map_err(|error| note(error.to_string())).ok(),
        Err(_) => {
            note(format!("application is {}; want a text", value.compact()));
            None
        }
    });
    let pool = name.parse::<PoolName>().map_err(|error| note(error.to_string())).ok();
    match (pool, problem) {
        (Some(pool), None) => Ok((pool, ControlRecord { ranges, application })),
        (_, problem) => Err((ranges, problem.unwrap_or_default())),
    }
}

fn read_ranges(family: Family, value: Value<'_>) -> (RangeSet, Option<String>) {
    let Ok(items) = value.items(IPS) else {
        return (RangeSet::empty(family), Some(format!("ips is {}; want a list of ranges", value.compact())));
    };
    let (mut ranges, mut problem) = (Vec::new(), None);
    for (index, item) in items.enumerate() {
        let range = match item.text(IPS) {
            Ok(Some(text)) => text.parse::<IpRange>().map_err(|error| error.to_string()),
            Ok(None) | Err(_) => Err(format!("{} is no text", item.compact())),
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
