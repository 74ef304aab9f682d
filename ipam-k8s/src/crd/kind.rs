//! What is fixed for a kind: names, scope, where its status lives, what `kubectl get` shows.

use std::fmt::Debug;

use k8s_openapi::{ClusterResourceScope, NamespaceResourceScope, ResourceScope};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub(super) mod sealed {
    /// Only the kinds of this crate are kinds.
    pub trait Sealed {}
}

/// A kind of object, as a type without values that matter. The facts are those of the shipped CRDs.
pub trait Kind: sealed::Sealed + Clone + Debug + Default + PartialEq + Send + Sync + 'static {
    /// What is wanted.
    type Spec: Clone + Debug + Default + PartialEq + Send + Sync + Serialize + DeserializeOwned + 'static;
    /// What is observed.
    type Status: Clone + Debug + Default + PartialEq + Send + Sync + Serialize + DeserializeOwned + 'static;
    /// Cluster or namespace.
    type Scope: Scope;

    /// The API group.
    const GROUP: &'static str = "spiderpool.spidernet.io";
    /// The only version, served and stored.
    const VERSION: &'static str = "v2beta1";
    /// The kind as it stands in `kind`.
    const KIND: &'static str;
    /// The name in lower case.
    const SINGULAR: &'static str;
    /// The name in URLs.
    const PLURAL: &'static str;
    /// The name of the CustomResourceDefinition: plural and group.
    const CRD_NAME: &'static str;
    /// Short names for `kubectl`.
    const SHORT_NAMES: &'static [&'static str];
    /// Groups of kinds for `kubectl get`.
    const CATEGORIES: &'static [&'static str] = &["spiderpool"];
    /// Whether objects have a `spec`.
    const HAS_SPEC: bool = true;
    /// Where the status lives.
    const STATUS: StatusPlace;
    /// The columns of `kubectl get` after the name.
    const COLUMNS: &'static [Column] = &[];
    /// One sentence about the kind.
    const DESCRIPTION: &'static str;
}

/// A kind whose status is written through `/status`, and ignored in writes of the object itself.
pub trait StatusSubresource: Kind {}

/// Where the status of a kind lives.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StatusPlace {
    /// There is none.
    Absent,
    /// In the object; `/status` is not found.
    Object,
    /// In the object for readers, behind `/status` for writers.
    Subresource,
}

/// Cluster or namespace, by name.
pub trait Scope: ResourceScope {
    /// The word in a CustomResourceDefinition.
    const NAME: &'static str;
}

impl Scope for ClusterResourceScope {
    const NAME: &'static str = "Cluster";
}

impl Scope for NamespaceResourceScope {
    const NAME: &'static str = "Namespaced";
}

/// One column of `kubectl get`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Column {
    /// The heading.
    pub name: &'static str,
    /// The path of the value, with the leading dot.
    pub path: &'static str,
    /// `string`, `integer` or `boolean`.
    pub value_type: &'static str,
    /// One word about it.
    pub description: &'static str,
    /// Above 0 the column is shown with `-o wide` only.
    pub priority: i32,
}

impl Column {
    /// A column of text.
    pub(super) const fn text(name: &'static str, path: &'static str, description: &'static str) -> Self {
        Self { name, path, value_type: "string", description, priority: 0 }
    }

    /// The same column with numbers in it.
    pub(super) const fn integer(self) -> Self {
        Self { value_type: "integer", ..self }
    }

    /// The same column with `true` and `false` in it.
    pub(super) const fn boolean(self) -> Self {
        Self { value_type: "boolean", ..self }
    }

    /// The same column, shown with `-o wide` only.
    pub(super) const fn wide(self) -> Self {
        Self { priority: 10, ..self }
    }
}

/// The spec of a kind without one, the status of a kind without one. Read from anything, written never.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Nothing {}

impl<'de> Deserialize<'de> for Nothing {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer).map(|_| Self {})
    }
}
