//! Selection: from where pools are named to the candidates of a request, in order, and why a pool is none.
//!
//! There are several places where pools can be named. The first of them that names any wins *as a whole*: where it names pools of one
//! family only, the request gets an address of that family only, whatever a later place says.
//!
//! Everything here is a pure function of names and specs. Two fronts share the reading of names, the reasons and the errors:
//!
//! - On a single host [`PoolSource::candidates`] takes the specs that are needed. Which those are a [`PoolSource`] says first
//!   ([`PoolSource::needs`]), so that a store with many pools is asked for those few that are named.
//! - In a cluster a [`Catalogue`] holds all pools ready and is asked with a [`Subject`]: the pod, where it runs, what its NICs hang on.
//!
//! ```
//! use std::sync::Arc;
//! use ipam_core::select::{Needs, PoolNames, PoolSource};
//! use ipam_core::{PoolFields, PoolSpec};
//!
//! let fields = PoolFields { subnet: "10.6.0.0/24".into(), ips: vec!["10.6.0.10-10.6.0.99".into()], ..PoolFields::default() };
//! let pools = [Arc::new(PoolSpec::new(&"v4-a".parse()?, &fields)?)];
//!
//! let source = PoolSource::first_of(PoolNames { v4: vec!["v4-*".into()], v6: vec![] }, vec![]);
//! assert_eq!(source.needs(), Needs::All);
//! let candidates = source.candidates(&"eth0".parse()?, &pools)?;
//! assert_eq!(candidates.v4, ["v4-a".parse()?]);
//! assert!(candidates.v6.is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod catalogue;
mod error;
mod filter;
mod index;
mod keep;
mod listed;
mod names;
mod reason;
mod requests;
mod sheets;
mod slot;
pub mod source;
mod subject;
mod wildcard;

use std::sync::Arc;

pub use catalogue::{Asked, Catalogue, Survey};
pub use error::SelectError;
use filter::{left_of, on_host};
pub use keep::{Keep, Recorded};
pub use listed::{ListedPool, Standing};
use names::{Named, expand, read};
pub use reason::{Constraint, Reason, Rejected};
pub use requests::MadePools;
pub use slot::{Claim, NoSlot, Slot, claim};
pub use subject::{Controller, Labels, Network, Subject, Uplink};
pub use wildcard::{BadPattern, Wildcard};

use crate::addr::Family;
use crate::owner::Nic;
use crate::pool::{PoolName, PoolSpec};

/// Names of pools, or patterns of names, as they are written; family by family.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct PoolNames {
    /// For an IPv4 address.
    pub v4: Vec<String>,
    /// For an IPv6 address.
    pub v6: Vec<String>,
}

impl PoolNames {
    /// Whether nothing is named.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    /// The names of a family.
    #[must_use]
    pub fn of(&self, family: Family) -> &[String] {
        match family {
            Family::V4 => &self.v4,
            Family::V6 => &self.v6,
        }
    }
}

/// The place whose pools a request uses.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum PoolSource {
    /// Names and patterns (`default_ipv4_ippool`, `default_ipv6_ippool`), in order. Matches of a pattern are in order of name and take
    /// its place; a pool that is named twice counts once, where it is named first.
    Named(PoolNames),
    /// Pools that come with the configuration itself, in order, each for its own family.
    Inline(Vec<PoolName>),
    /// The pools with `spec.default: true`, in order of name.
    Default,
}

/// Which pools have to be known to tell the candidates.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Needs {
    /// These, as far as they exist.
    Only(Vec<PoolName>),
    /// All.
    All,
}

/// Pools to try in this order, family by family.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Candidates {
    /// For an IPv4 address; none: no such address is wanted.
    pub v4: Vec<PoolName>,
    /// The same for IPv6.
    pub v6: Vec<PoolName>,
    /// Pools that were named and are no candidates.
    pub rejected: Vec<Rejected>,
}

/// What selection found for one NIC and family.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Selected {
    /// Pools to try in this order; none: no address of this family is wanted.
    pub candidates: Vec<PoolName>,
    /// Pools that were named and are no candidates.
    pub rejected: Vec<Rejected>,
}

impl PoolSource {
    /// The first of the places that names a pool.
    #[must_use]
    pub fn first_of(named: PoolNames, inline: Vec<PoolName>) -> Self {
        if !named.is_empty() {
            Self::Named(named)
        } else if !inline.is_empty() {
            Self::Inline(inline)
        } else {
            Self::Default
        }
    }

    /// The pools that [`PoolSource::candidates`] has to be given. Texts that can be no pool's name are left out: no such pool exists.
    #[must_use]
    pub fn needs(&self) -> Needs {
        match self {
            Self::Named(names) => {
                let texts = || names.v4.iter().chain(&names.v6);
                if texts().any(|text| Wildcard::is_pattern(text)) {
                    return Needs::All;
                }
                let mut needed: Vec<PoolName> = texts().filter_map(|text| text.parse().ok()).collect();
                needed.sort();
                needed.dedup();
                Needs::Only(needed)
            }
            Self::Inline(names) => Needs::Only(names.clone()),
            Self::Default => Needs::All,
        }
    }

    /// The candidates for a NIC on a host without Kubernetes, from the pools that there are.
    ///
    /// # Errors
    /// [`SelectError`]; among them a family for which pools are named and none may be used.
    pub fn candidates(&self, nic: &Nic, pools: &[Arc<PoolSpec>]) -> Result<Candidates, SelectError> {
        let mut found = Candidates::default();
        for family in [Family::V4, Family::V6] {
            let Selected { candidates, mut rejected } = self.family(nic, family, pools)?;
            match family {
                Family::V4 => found.v4 = candidates,
                Family::V6 => found.v6 = candidates,
            }
            found.rejected.append(&mut rejected);
        }
        if found.v4.is_empty() && found.v6.is_empty() {
            return Err(SelectError::NoRules);
        }
        Ok(found)
    }

    /// The same for one family: nothing where nothing is named for it.
    ///
    /// # Errors
    /// As [`PoolSource::candidates`], less that nothing at all is named.
    pub fn family(
        &self,
        nic: &Nic,
        family: Family,
        pools: &[Arc<PoolSpec>],
    ) -> Result<Selected, SelectError> {
        let mut sorted: Vec<&PoolSpec> = pools.iter().map(Arc::as_ref).collect();
        sorted.sort_by_key(|pool| pool.name());
        let named = self.named(family, &sorted)?;
        let (kept, rejected) = left_of(named, nic, family, |pool: &PoolSpec| on_host(pool, family))?;
        Ok(Selected { candidates: kept.into_iter().map(|pool| pool.name().clone()).collect(), rejected })
    }

    /// The pools that this place names for a family. `all` is in order of name.
    fn named<'p>(&self, family: Family, all: &[&'p PoolSpec]) -> Result<Named<&'p PoolSpec>, SelectError> {
        let of_family = || all.iter().copied().filter(|pool| pool.family() == family);
        let find = |name: &str| all.iter().find(|pool| pool.name().as_str() == name).copied();
        match self {
            Self::Named(names) => {
                let fitting: Vec<&PoolSpec> = of_family().collect();
                let first = || fitting.first().map(|pool| pool.name().to_string());
                expand(&read(family, names.of(family), first)?, find, &fitting)
            }
            Self::Inline(names) => {
                let mut pools = Vec::new();
                for name in names {
                    let missing = || SelectError::NotFound { name: name.to_string() };
                    pools.push(find(name.as_str()).ok_or_else(missing)?);
                }
                pools.retain(|pool| pool.family() == family);
                Ok(Named { pools, unmatched: Vec::new() })
            }
            Self::Default => Ok(Named {
                pools: of_family().filter(|pool| pool.is_default()).collect(),
                unmatched: Vec::new(),
            }),
        }
    }
}

#[cfg(test)]
mod tests;
