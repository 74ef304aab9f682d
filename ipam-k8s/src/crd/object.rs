//! An object of a kind: metadata, spec, status.
//!
//! Not made by kube's derive: that refuses an object without `spec` (Go reads it as empty, and `kubectl` may send it),
//! does not look at `kind`, and has no place for a kind whose only part is its status.

use std::borrow::Cow;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::ser::SerializeStruct;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::kind::{Kind, StatusPlace};
use super::wire::null_as_default;

/// An object of kind `K`. Used by its aliases: [`SpiderIPPool`](super::SpiderIPPool) and the others.
///
/// It is a [`kube::Resource`], so `kube::Api` takes it. Reading accepts what Go accepts: `null` and absence are the empty value
/// at every level, and unknown fields are passed over. `apiVersion` and `kind` may be absent, as in the items of a list, but
/// those of another kind are refused.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Custom<K: Kind> {
    /// Name, namespace, labels, finalizers and the rest.
    pub metadata: ObjectMeta,
    /// What is wanted.
    pub spec: K::Spec,
    /// What is observed; `None` while nothing is.
    pub status: Option<K::Status>,
}

impl<K: Kind> Custom<K> {
    /// A new object with nothing but a name and a spec.
    #[must_use]
    pub fn new(name: &str, spec: K::Spec) -> Self {
        let metadata = ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() };
        Self { metadata, spec, status: None }
    }

    /// `apiVersion` of the kind.
    #[must_use]
    pub fn api_version() -> String {
        format!("{}/{}", K::GROUP, K::VERSION)
    }
}

impl<K: Kind> Resource for Custom<K> {
    type DynamicType = ();
    type Scope = K::Scope;

    fn kind((): &()) -> Cow<'_, str> {
        K::KIND.into()
    }

    fn group((): &()) -> Cow<'_, str> {
        K::GROUP.into()
    }

    fn version((): &()) -> Cow<'_, str> {
        K::VERSION.into()
    }

    fn plural((): &()) -> Cow<'_, str> {
        K::PLURAL.into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

impl<K: Kind> Serialize for Custom<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let status = self.status.as_ref().filter(|_| K::STATUS != StatusPlace::Absent);
        let parts = 3 + usize::from(K::HAS_SPEC) + usize::from(status.is_some());
        let mut object = serializer.serialize_struct(K::KIND, parts)?;
        object.serialize_field("apiVersion", &Self::api_version())?;
        object.serialize_field("kind", K::KIND)?;
        object.serialize_field("metadata", &self.metadata)?;
        if K::HAS_SPEC {
            object.serialize_field("spec", &self.spec)?;
        }
        if let Some(status) = status {
            object.serialize_field("status", status)?;
        }
        object.end()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", bound = "S: Default + Deserialize<'de>, T: Deserialize<'de>")]
struct Parts<S, T> {
    api_version: Option<String>,
    kind: Option<String>,
    #[serde(default, deserialize_with = "null_as_default")]
    metadata: ObjectMeta,
    #[serde(default, deserialize_with = "null_as_default")]
    spec: S,
    status: Option<T>,
}

impl<'de, K: Kind> Deserialize<'de> for Custom<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Parts { api_version, kind, metadata, spec, status } =
            Parts::<K::Spec, K::Status>::deserialize(deserializer)?;
        for (field, found, want) in
            [("apiVersion", api_version, Self::api_version()), ("kind", kind, K::KIND.to_owned())]
        {
            if let Some(found) = found.filter(|found| !found.is_empty() && *found != want) {
                let name = metadata.name.as_deref().unwrap_or_default();
                let message = format!("{} {name:?}: {field}: {found:?}, want {want:?}", K::KIND);
                return Err(de::Error::custom(message));
            }
        }
        Ok(Self { metadata, spec, status: status.filter(|_| K::STATUS != StatusPlace::Absent) })
    }
}
