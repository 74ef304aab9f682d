//! The recorded cases, as files have them.

use std::collections::BTreeMap;

use ipam_core::admission::{ControllerRef, FamilySettings, Metadata};
use serde::Deserialize;
use serde_json::Value;

/// One recorded request and its answer.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Case {
    #[serde(default)]
    config: BTreeMap<String, Value>,
    #[serde(default)]
    pub(super) given: Vec<Object>,
    pub(super) operation: String,
    pub(super) subresource: Option<String>,
    pub(super) object: Object,
    pub(super) allowed: bool,
    pub(super) code: u16,
    pub(super) reason: Option<String>,
    message: Option<String>,
    #[serde(default, deserialize_with = "null_is_empty")]
    pub(super) causes: Vec<Cause>,
    /// The object afterwards; of a dry run what it answered.
    pub(super) stored: Option<Object>,
    answered: Option<Object>,
    #[serde(default)]
    pub(super) gone: bool,
}

/// An object, its spec and status as they were on the wire.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Object {
    pub(super) kind: Option<String>,
    #[serde(default)]
    pub(super) metadata: WireMetadata,
    #[serde(default)]
    pub(super) spec: Value,
    #[serde(default)]
    pub(super) status: Value,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct WireMetadata {
    pub(super) name: String,
    labels: BTreeMap<String, String>,
    finalizers: Vec<String>,
    deletion_timestamp: Option<String>,
    owner_references: Vec<OwnerReference>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct OwnerReference {
    kind: String,
    name: String,
    uid: String,
    controller: Option<bool>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Cause {
    #[serde(default)]
    pub(super) field: String,
    #[serde(default)]
    pub(super) reason: String,
    pub(super) message: String,
}

impl Object {
    pub(super) fn metadata(&self) -> Metadata {
        let controller = self.metadata.owner_references.iter().find(|one| one.controller == Some(true));
        Metadata {
            finalizers: self.metadata.finalizers.clone(),
            labels: self.metadata.labels.clone(),
            controller: controller.map(|one| ControllerRef {
                kind: one.kind.clone(),
                name: one.name.clone(),
                uid: one.uid.clone(),
            }),
            terminating: self.metadata.deletion_timestamp.is_some(),
        }
    }

    /// The recorder wrote uids in this way where others refer to them, and nowhere else.
    pub(super) fn uid(&self) -> String {
        let kind = self.kind.as_deref().unwrap_or_default().to_lowercase();
        format!("uid-of-{kind}-{}", self.metadata.name)
    }

    pub(super) fn is(&self, kind: &str) -> bool {
        self.kind.as_deref() == Some(kind)
    }

    pub(super) fn allocated_count(&self) -> u64 {
        self.status.get("allocatedIPCount").and_then(Value::as_u64).unwrap_or(0)
    }
}

impl Case {
    /// Whether a switch of the ConfigMap is on; the recorder's defaults are those of the golden README.
    pub(super) fn is_on(&self, key: &str, default: bool) -> bool {
        self.config.get(key).and_then(Value::as_bool).unwrap_or(default)
    }

    pub(super) fn families(&self) -> FamilySettings {
        FamilySettings { v4: self.is_on("enableIPv4", true), v6: self.is_on("enableIPv6", true) }
    }

    /// The object that the request is about, as it was stored before.
    pub(super) fn before(&self) -> Option<&Object> {
        let is_it = |object: &&Object| {
            object.kind == self.object.kind && object.metadata.name == self.object.metadata.name
        };
        self.given.iter().find(is_it)
    }

    /// What the webhook said, without what the API server puts in front. Nothing where the server spoke itself.
    pub(super) fn webhook_message(&self) -> Option<&str> {
        let (_, words) = self.message.as_deref()?.split_once("denied the request: ")?;
        Some(words)
    }

    /// A dry run stores nothing; what it answered is what it would have stored.
    pub(super) fn with_dry_run(mut self) -> Self {
        self.stored = self.answered.take().or(self.stored);
        self
    }

    /// The answer, for people.
    pub(super) fn told(&self) -> String {
        match (&self.message, &self.stored) {
            (Some(message), _) => format!("{} {message}", self.code),
            (None, Some(stored)) => format!("{} {}", self.code, stored.spec),
            (None, None) => self.code.to_string(),
        }
    }
}

fn null_is_empty<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<Cause>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
