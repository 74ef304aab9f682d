//! Which free address to take.

use std::fmt;
use std::str::FromStr;

use crate::error::Error;
use crate::owner::{Nic, Owner};
use crate::store::Start;

/// How a free address is chosen. Any policy can have a cooldown beside it.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "lowercase"))]
pub enum Policy {
    /// The lowest free address: what the Go original does, so the default in a cluster.
    #[default]
    Lowest,
    /// The first free one from a place that the owner's name falls on: the same owner tends to the same address, and
    /// writers that don't see each other rarely meet.
    Spread,
    /// The first free one after the address that was given last: a freed address rests as long as the pool allows.
    /// Needs a store that remembers the last one; the default of the local store, as of host-local.
    Rotate,
}

impl Policy {
    /// Where this policy starts to look for an address for the NIC of this owner.
    #[must_use]
    pub fn start(self, owner: &Owner, nic: &Nic) -> Start {
        match self {
            Self::Lowest => Start::Lowest,
            Self::Spread => Start::Spread(owner_hash(owner, nic)),
            Self::Rotate => Start::Rotate,
        }
    }

    /// The policy as one word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lowest => "lowest",
            Self::Spread => "spread",
            Self::Rotate => "rotate",
        }
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Policy {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        [Self::Lowest, Self::Spread, Self::Rotate]
            .into_iter()
            .find(|policy| policy.as_str() == text)
            .ok_or_else(|| Error::InvalidName {
                kind: "allocation policy",
                text: text.to_owned(),
                accepted: "lowest, spread or rotate",
            })
    }
}

/// A hash of an owner's identity and NIC that is the same on every machine and in every version: FNV-1a, 128 bits, with its
/// halves mixed at the end so that names which differ in the last letter fall far apart.
#[must_use]
pub fn owner_hash(owner: &Owner, nic: &Nic) -> u128 {
    const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let mut hash = OFFSET;
    // The separator occurs in no part, so that ("a", "bc") and ("ab", "c") differ.
    for part in [owner.kind().as_str(), owner.scope(), owner.name(), nic.as_str()] {
        for byte in part.bytes().chain([0]) {
            hash = (hash ^ u128::from(byte)).wrapping_mul(PRIME);
        }
    }
    hash ^= hash >> 67;
    hash = hash.wrapping_mul(PRIME);
    hash ^ (hash >> 59)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_pinned() {
        let owner = Owner::container("net", "a").unwrap();
        let nic = "eth0".parse().unwrap();
        // Two versions of the library on one store must look in the same place.
        assert_eq!(owner_hash(&owner, &nic), owner_hash(&owner.clone(), &nic));
        assert_ne!(owner_hash(&owner, &nic), owner_hash(&owner, &"eth1".parse().unwrap()));
        assert_ne!(owner_hash(&owner, &nic), owner_hash(&Owner::container("net", "b").unwrap(), &nic));
    }

    #[test]
    fn policies_print_and_parse() {
        for policy in [Policy::Lowest, Policy::Spread, Policy::Rotate] {
            assert_eq!(policy.to_string().parse(), Ok(policy));
        }
        assert!("random".parse::<Policy>().is_err());
    }
}
