//! The metadata of an object, as far as the rules look at it.
//!
//! Lean, since an agent holds it for each pool, namespace and pod that it knows: `managedFields`, often the larger part of the
//! bytes, are passed over while reading.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use serde::{Deserialize, Deserializer};

/// Metadata of an object of any kind. What is absent is empty.
///
/// ```
/// use ipam_k8s::Meta;
/// let text = r#"{"name": "web-5d", "namespace": "t", "labels": null,
///     "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "u1", "controller": true}]}"#;
/// let meta: Meta = serde_json::from_str(text)?;
/// assert_eq!(meta.controller().map(|owner| owner.name.as_str()), Some("web"));
/// assert!(!meta.is_terminating());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Meta {
    /// The name.
    pub name: String,
    /// The namespace; empty for an object of the cluster.
    pub namespace: String,
    /// Which incarnation of the name it is.
    pub uid: String,
    /// Moves with each write. Opaque: two of them are equal or not, and nothing else.
    pub version: String,
    /// Moves when what is wanted changes, and not with a status.
    pub generation: i64,
    /// The labels.
    pub labels: BTreeMap<String, String>,
    /// The annotations.
    pub annotations: BTreeMap<String, String>,
    /// The owners, in the order in which they are written.
    pub owners: Vec<OwnerRef>,
    /// That it is being deleted; `None`: it is not.
    pub deletion: Option<Deletion>,
}

/// A reference to an owner of an object.
#[derive(Clone, Debug, Default, Eq, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OwnerRef {
    /// Group and version, `apps/v1`; `v1` for the core group.
    pub api_version: String,
    /// The kind.
    pub kind: String,
    /// The name, in the namespace of what is owned.
    pub name: String,
    /// The incarnation.
    pub uid: String,
    /// Whether this owner is the one that steers the object: the API server lets one owner say so.
    #[serde(rename = "controller", deserialize_with = "null_as_false")]
    pub is_controller: bool,
}

impl OwnerRef {
    /// The API group; empty for the core group.
    #[must_use]
    pub fn group(&self) -> &str {
        self.api_version.split_once('/').map_or("", |(group, _)| group)
    }
}

/// That an object is being deleted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Deletion {
    /// The time from which it may be removed: the request's with the grace period added.
    pub at: Time,
    /// The grace period in seconds.
    pub grace_seconds: Option<i64>,
}

impl Meta {
    /// The owner that steers the object, if one does.
    #[must_use]
    pub fn controller(&self) -> Option<&OwnerRef> {
        self.owners.iter().find(|owner| owner.is_controller)
    }

    /// Whether nothing but the version has moved, as after the write of a status.
    #[cfg(feature = "client")]
    pub(crate) fn is_same_but_version(&self, other: &Self) -> bool {
        let Self { name, namespace, uid, version: _, generation, labels, annotations, owners, deletion } =
            self;
        (uid, generation, deletion) == (&other.uid, &other.generation, &other.deletion)
            && (name, namespace) == (&other.name, &other.namespace)
            && (labels, annotations, owners) == (&other.labels, &other.annotations, &other.owners)
    }

    /// Whether it is being deleted.
    #[must_use]
    pub const fn is_terminating(&self) -> bool {
        self.deletion.is_some()
    }
}

impl From<ObjectMeta> for Meta {
    fn from(meta: ObjectMeta) -> Self {
        let ObjectMeta { deletion_grace_period_seconds: grace_seconds, .. } = meta;
        Self {
            name: meta.name.unwrap_or_default(),
            namespace: meta.namespace.unwrap_or_default(),
            uid: meta.uid.unwrap_or_default(),
            version: meta.resource_version.unwrap_or_default(),
            generation: meta.generation.unwrap_or_default(),
            labels: meta.labels.unwrap_or_default(),
            annotations: meta.annotations.unwrap_or_default(),
            owners: meta
                .owner_references
                .into_iter()
                .flatten()
                .map(|owner| OwnerRef {
                    api_version: owner.api_version,
                    kind: owner.kind,
                    name: owner.name,
                    uid: owner.uid,
                    is_controller: owner.controller.unwrap_or(false),
                })
                .collect(),
            deletion: meta.deletion_timestamp.map(|at| Deletion { at, grace_seconds }),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Written {
    name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    generation: Option<i64>,
    labels: Option<BTreeMap<String, String>>,
    annotations: Option<BTreeMap<String, String>>,
    owner_references: Option<Vec<OwnerRef>>,
    deletion_timestamp: Option<Time>,
    deletion_grace_period_seconds: Option<i64>,
}

impl<'de> Deserialize<'de> for Meta {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let meta = Written::deserialize(deserializer)?;
        let grace_seconds = meta.deletion_grace_period_seconds;
        Ok(Self {
            name: meta.name.unwrap_or_default(),
            namespace: meta.namespace.unwrap_or_default(),
            uid: meta.uid.unwrap_or_default(),
            version: meta.resource_version.unwrap_or_default(),
            generation: meta.generation.unwrap_or_default(),
            labels: meta.labels.unwrap_or_default(),
            annotations: meta.annotations.unwrap_or_default(),
            owners: meta.owner_references.unwrap_or_default(),
            deletion: meta.deletion_timestamp.map(|at| Deletion { at, grace_seconds }),
        })
    }
}

fn null_as_false<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Option::<bool>::deserialize(deserializer).map(Option::unwrap_or_default)
}
