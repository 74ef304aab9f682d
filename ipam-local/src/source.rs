//! Where a pool comes from: an operator's `apply` or a network's configuration.
//!
//! A pool has one source. Without that rule a conflist that was edited in one place and a manifest in another would
//! overwrite each other at each ADD, silently.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Who wrote an object into the store.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
#[non_exhaustive]
pub enum Source {
    /// An operator, by `spiderpoolctl apply` or through the library.
    Applied,
    /// The configuration of this network (inline `pools`).
    Network(String),
}

const APPLIED: &str = "apply";
const NETWORK: &str = "network:";

impl FromStr for Source {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(text.strip_prefix(NETWORK).map_or(Self::Applied, |network| Self::Network(network.to_owned())))
    }
}

impl From<String> for Source {
    fn from(text: String) -> Self {
        text.strip_prefix(NETWORK).map_or(Self::Applied, |network| Self::Network(network.to_owned()))
    }
}

impl From<Source> for String {
    fn from(source: Source) -> Self {
        source.as_text()
    }
}

impl Source {
    pub(crate) fn as_text(&self) -> String {
        match self {
            Self::Applied => APPLIED.to_owned(),
            Self::Network(network) => format!("{NETWORK}{network}"),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Applied => f.write_str("`spiderpoolctl apply`"),
            Self::Network(network) => write!(f, "the configuration of network {network}"),
        }
    }
}

/// The parts of a manifest's metadata that a user may set.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct Metadata {
    /// Labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}
