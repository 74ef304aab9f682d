//! The table of mended answers: what is right where the original is wrong.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;

/// One entry of `tests/golden/mended/admission.json`.
#[derive(Debug, Deserialize)]
pub struct Mended {
    /// The kind of the object, as the file of cases is named.
    pub file: String,
    /// The name of the case.
    pub name: String,
    /// The name under which the book tells the difference (`docs/reference/differences.md`).
    pub difference: String,
    /// Chapter, section and line of the rule that says so.
    pub rule: String,
    pub(super) allowed: bool,
    #[serde(default)]
    pub(super) spec: Value,
    pub(super) labels: Option<BTreeMap<String, String>>,
    #[serde(default)]
    pub(super) faults: Vec<WantedFault>,
}

/// A fault that the right answer has.
#[derive(Debug, Deserialize)]
pub(super) struct WantedFault {
    pub(super) field: String,
    pub(super) reason: String,
    pub(super) value: Option<String>,
    /// How the detail begins.
    pub(super) detail: String,
}

impl Mended {
    pub(super) fn because(&self) -> String {
        format!("{} ({})", self.difference, self.rule)
    }
}

/// The entries of one kind, by the name of their case.
///
/// # Errors
/// The table cannot be read.
pub fn mended(kind: &str) -> Result<BTreeMap<String, Mended>> {
    let path = super::home().join("mended/admission.json");
    let text = fs::read_to_string(&path).with_context(|| format!("{}: cannot be read", path.display()))?;
    let all: Vec<Mended> = serde_json::from_str(&text).with_context(|| format!("{}", path.display()))?;
    Ok(all.into_iter().filter(|one| one.file == kind).map(|one| (one.name.clone(), one)).collect())
}
