//! A route as several kinds have it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::wire::null_as_default;

/// One route, unchecked texts.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Route {
    /// Destination as a CIDR; host bits are allowed and kept.
    #[serde(deserialize_with = "null_as_default")]
    pub dst: String,
    /// Gateway address.
    #[serde(deserialize_with = "null_as_default")]
    pub gw: String,
    /// Fields of a newer version, kept as they are.
    #[serde(flatten)]
    #[cfg_attr(feature = "schema", schemars(skip))]
    pub other: BTreeMap<String, Value>,
}

impl Route {
    /// A route with the two fields that are known.
    pub fn new(dst: impl Into<String>, gw: impl Into<String>) -> Self {
        Self { dst: dst.into(), gw: gw.into(), other: BTreeMap::new() }
    }
}
