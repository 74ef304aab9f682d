//! Names of pools, reserved ranges and subnets.
//!
//! All are names of Kubernetes objects (RFC 1123 subdomains), also where no Kubernetes is near: a pool can then move
//! from a host's file to a cluster and keep its name.

use std::fmt;
use std::str::FromStr;

use crate::error::Error;

/// Longest name Kubernetes admits, from the 253 bytes of a DNS name (RFC 1035 less dots and the root).
pub(crate) const MAX_NAME: usize = 253;

const NAME_ACCEPTED: &str =
    "1 to 253 of a-z, 0-9, - and . where each part between dots starts and ends with a letter or digit";

/// Whether a text is an RFC 1123 subdomain as Kubernetes wants names to be.
pub(crate) fn is_subdomain(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_NAME && text.split('.').all(is_part)
}

fn is_part(part: &str) -> bool {
    let alphanumeric = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = part.as_bytes();
    bytes.first().is_some_and(alphanumeric)
        && bytes.last().is_some_and(alphanumeric)
        && bytes.iter().all(|byte| alphanumeric(byte) || *byte == b'-')
}

fn checked(kind: &'static str, text: &str) -> Result<String, Error> {
    if is_subdomain(text) {
        Ok(text.to_owned())
    } else {
        Err(Error::InvalidName { kind, text: text.to_owned(), accepted: NAME_ACCEPTED })
    }
}

macro_rules! object_name {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
        #[cfg_attr(feature = "serde", serde(try_from = "String", into = "String"))]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self, Error> {
                checked($kind, text).map(Self)
            }
        }

        impl TryFrom<String> for $name {
            type Error = Error;

            fn try_from(text: String) -> Result<Self, Error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

object_name! {
    /// The name of a pool: an RFC 1123 subdomain of at most 253 bytes.
    ///
    /// ```
    /// use ipam_core::PoolName;
    /// let name: PoolName = "v4-pool.team-a".parse()?;
    /// assert_eq!(name.as_str(), "v4-pool.team-a");
    /// assert!("Bad_Name".parse::<PoolName>().is_err());
    /// # Ok::<(), ipam_core::Error>(())
    /// ```
    PoolName, "pool name"
}

object_name! {
    /// The name of an object that keeps ranges out of all pools: the same grammar as [`PoolName`].
    ReservedName, "name of a reserved range"
}

object_name! {
    /// The name of a SpiderSubnet: the same grammar as [`PoolName`].
    SubnetName, "subnet name"
}
