//! UIDs of a case: `${uid:NS/NAME}` is a pod's, `${uid:KIND/NS/NAME}` or `${uid:KIND/NAME}` another object's; `#2` marks the second
//! object of a name.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::Value;

/// The UIDs that the API server gave.
#[derive(Debug, Default)]
pub struct Uids {
    known: BTreeMap<String, String>,
    counts: BTreeMap<String, usize>,
}

impl Uids {
    /// Notes an object that was created.
    ///
    /// # Errors
    /// It has no kind, name or uid.
    pub fn note(&mut self, object: &Value) -> Result<()> {
        let text = |path: &str| object.pointer(path).and_then(Value::as_str);
        let name = text("/metadata/name").context("an object without a name")?;
        let kind = text("/kind").context("an object without a kind")?;
        let uid = text("/metadata/uid").context("an object without a uid")?;
        let key = match (kind, text("/metadata/namespace")) {
            ("Pod", namespace) => format!("{}/{name}", namespace.unwrap_or_default()),
            (_, Some(namespace)) => format!("{kind}/{namespace}/{name}"),
            (_, None) => format!("{kind}/{name}"),
        };
        let count = self.counts.entry(key.clone()).or_default();
        *count += 1;
        let marked = if *count == 1 { key } else { format!("{key}#{count}") };
        self.known.insert(marked, uid.to_owned());
        Ok(())
    }

    /// A text with the placeholders filled in, as far as they are known.
    #[must_use]
    pub fn fill(&self, text: &str) -> String {
        let mut parts = text.split("${uid:");
        let mut out = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            match part.split_once('}').and_then(|(key, rest)| Some((self.known.get(key)?, rest))) {
                Some((uid, rest)) => {
                    out.push_str(uid);
                    out.push_str(rest);
                }
                None => {
                    out.push_str("${uid:");
                    out.push_str(part);
                }
            }
        }
        out
    }

    /// A value with the placeholders filled in.
    ///
    /// # Errors
    /// It is no JSON any more.
    pub fn fill_value(&self, value: &Value) -> Result<Value> {
        serde_json::from_str(&self.fill(&value.to_string())).context("a value with placeholders")
    }
}
