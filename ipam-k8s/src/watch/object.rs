//! Objects as lists and events bring them: each on its own terms.

use serde::{Deserialize, Deserializer};

use crate::crd::Kind;
use crate::meta::Meta;

/// An object of one of our kinds. Its status is passed over while reading. A spec that cannot be read is told in place of it, so that
/// the objects around it are read all the same.
#[derive(Clone, Debug)]
pub(super) struct Object<C: Kind> {
    pub(super) meta: Meta,
    pub(super) spec: Result<C::Spec, String>,
}

#[derive(Deserialize)]
struct Written {
    metadata: Meta,
    spec: Option<serde_json::Value>,
}

impl<'de, C: Kind> Deserialize<'de> for Object<C> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Written { metadata, spec } = Written::deserialize(deserializer)?;
        let spec = spec.map_or_else(
            || Ok(C::Spec::default()),
            |spec| serde_json::from_value(spec).map_err(|error| format!("spec: {error}")),
        );
        Ok(Self { meta: metadata, spec })
    }
}

/// The metadata of an object of any kind.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Head {
    pub(super) metadata: Meta,
}
