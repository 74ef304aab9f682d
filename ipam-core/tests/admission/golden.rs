//! The recorded cases and the table of mended answers, as files have them.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use ipam_core::admission::Metadata;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// One recorded request and its answer.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Case {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) config: BTreeMap<String, Value>,
    pub(crate) given: Vec<Object>,
    pub(crate) operation: String,
    pub(crate) object: Object,
    pub(crate) allowed: bool,
    pub(crate) code: u16,
    pub(crate) reason: Option<String>,
    pub(crate) message: Option<String>,
    #[serde(default, deserialize_with = "null_is_empty")]
    pub(crate) causes: Vec<Cause>,
    /// The object afterwards; of a dry run what it answered.
    pub(crate) stored: Option<Object>,
    answered: Option<Object>,
    #[serde(default)]
    pub(crate) gone: bool,
}

/// An object, its spec and status as they were on the wire.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Object {
    pub(crate) kind: Option<String>,
    pub(crate) metadata: WireMetadata,
    #[serde(default)]
    pub(crate) spec: Value,
    #[serde(default)]
    pub(crate) status: Value,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct WireMetadata {
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) finalizers: Vec<String>,
    pub(crate) deletion_timestamp: Option<String>,
}

impl Object {
    pub(crate) fn metadata(&self) -> Metadata {
        Metadata {
            finalizers: self.metadata.finalizers.clone(),
            labels: self.metadata.labels.clone(),
            terminating: self.metadata.deletion_timestamp.is_some(),
        }
    }

    pub(crate) fn is(&self, kind: &str) -> bool {
        self.kind.as_deref() == Some(kind)
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct Cause {
    #[serde(default)]
    pub(crate) field: String,
    #[serde(default)]
    pub(crate) reason: String,
    pub(crate) message: String,
}

impl Case {
    /// Whether a switch of the ConfigMap is on; the recorder's defaults are those of the golden README.
    pub(crate) fn is_on(&self, key: &str, default: bool) -> bool {
        self.config.get(key).map_or(default, |value| value.as_bool().unwrap())
    }

    /// The message without what the API server puts in front.
    pub(crate) fn bare_message(&self) -> &str {
        let message = self.message.as_deref().unwrap_or_default();
        message.split_once("denied the request: ").map_or(message, |(_, rest)| rest)
    }

    fn store_answer(mut self) -> Self {
        self.stored = self.answered.take().or(self.stored);
        self
    }
}

/// One entry of `tests/golden/mended/admission.json`.
#[derive(Debug, Deserialize)]
pub(crate) struct Mended {
    file: String,
    pub(crate) name: String,
    /// Chapter, section and line of the rule that says so.
    pub(crate) rule: String,
    pub(crate) allowed: bool,
    #[serde(default)]
    pub(crate) spec: Value,
    pub(crate) labels: Option<BTreeMap<String, String>>,
    #[serde(default)]
    pub(crate) faults: Vec<WantedFault>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct WantedFault {
    pub(crate) field: String,
    pub(crate) reason: String,
    pub(crate) value: Option<String>,
    /// How the detail begins.
    pub(crate) detail: String,
}

pub(crate) fn cases(file: &str) -> Vec<Case> {
    let cases: Vec<Case> = read(&format!("admission/{file}.json"));
    cases.into_iter().map(Case::store_answer).collect()
}

pub(crate) fn mended(file: &str) -> BTreeMap<String, Mended> {
    let all: Vec<Mended> = read("mended/admission.json");
    all.into_iter().filter(|one| one.file == file).map(|one| (one.name.clone(), one)).collect()
}

#[expect(clippy::disallowed_methods, reason = "a test reads its cases; the crate itself opens nothing")]
fn read<T: DeserializeOwned>(path: &str) -> T {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/golden").join(path);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn null_is_empty<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<Cause>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
