//! Selection: from where pools are named to the candidates of a request, in order, and why a pool is none.
//!
//! There are several places where pools can be named. The first of them that names any wins *as a whole*: where it names pools of one
//! family only, the request gets an address of that family only, whatever a later place says.
//!
//! Everything here is a pure function of names and specs. Which specs are needed a [`PoolSource`] says first ([`PoolSource::needs`]), so that a store
//! with many pools is asked for those few that are named.
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

mod slot;
pub mod source;
mod verdict;
mod wildcard;

use std::sync::Arc;

pub use slot::{Claim, NoSlot, Slot, claim};
pub use verdict::{Reason, Rejected, SelectError};
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
        let mut sorted: Vec<&PoolSpec> = pools.iter().map(Arc::as_ref).collect();
        sorted.sort_by_key(|pool| pool.name());
        let mut candidates = Candidates::default();
        for family in [Family::V4, Family::V6] {
            let Named { pools, unmatched } = self.named(family, &sorted)?;
            let is_named = !pools.is_empty() || !unmatched.is_empty();
            let (mut kept, mut rejected) = (Vec::new(), Vec::new());
            for pool in pools {
                match Rejected::on_host(pool, family) {
                    Some(one) => rejected.push(one),
                    None => kept.push(pool.name().clone()),
                }
            }
            if kept.is_empty() && is_named {
                return Err(SelectError::FilteredOut { nic: nic.clone(), family, rejected, unmatched });
            }
            match family {
                Family::V4 => candidates.v4 = kept,
                Family::V6 => candidates.v6 = kept,
            }
            candidates.rejected.append(&mut rejected);
        }
        if candidates.v4.is_empty() && candidates.v6.is_empty() {
            return Err(SelectError::NoRules);
        }
        Ok(candidates)
    }

    /// The pools that this place names for a family. `all` is in order of name.
    fn named<'p>(&self, family: Family, all: &[&'p PoolSpec]) -> Result<Named<'p>, SelectError> {
        match self {
            Self::Named(names) => expand(family, names.of(family), all),
            Self::Inline(names) => {
                let mut pools = Vec::new();
                for name in names {
                    let pool = find(all, name.as_str())?;
                    if pool.family() == family {
                        pools.push(pool);
                    }
                }
                Ok(Named { pools, unmatched: Vec::new() })
            }
            Self::Default => {
                let wanted = |pool: &&&PoolSpec| pool.is_default() && pool.family() == family;
                Ok(Named { pools: all.iter().filter(wanted).copied().collect(), unmatched: Vec::new() })
            }
        }
    }
}

/// What names and patterns come to.
struct Named<'p> {
    pools: Vec<&'p PoolSpec>,
    /// Patterns without a match.
    unmatched: Vec<String>,
}

fn expand<'p>(family: Family, texts: &[String], all: &[&'p PoolSpec]) -> Result<Named<'p>, SelectError> {
    let mut named = Named { pools: Vec::new(), unmatched: Vec::new() };
    let mut add = |pool: &'p PoolSpec| {
        if !named.pools.iter().any(|known| known.name() == pool.name()) {
            named.pools.push(pool);
        }
    };
    for text in texts {
        if !Wildcard::is_pattern(text) {
            add(find(all, text)?);
            continue;
        }
        // A pattern stands for pools of its family only, where a plain name may be a mistake to be told.
        let mut fitting = all.iter().filter(|pool| pool.family() == family);
        let glob = Wildcard::parse(text).map_err(|BadPattern| SelectError::BadPattern {
            family,
            pattern: text.clone(),
            candidate: fitting.clone().next().map(|pool| pool.name().to_string()).unwrap_or_default(),
        })?;
        let mut matched = false;
        for pool in fitting.by_ref().filter(|pool| glob.matches(pool.name().as_str())) {
            matched = true;
            add(pool);
        }
        if !matched {
            named.unmatched.push(text.clone());
        }
    }
    Ok(named)
}

fn find<'p>(all: &[&'p PoolSpec], name: &str) -> Result<&'p PoolSpec, SelectError> {
    let found = all.iter().find(|pool| pool.name().as_str() == name).copied();
    found.ok_or_else(|| SelectError::NotFound { name: name.to_owned() })
}

#[cfg(test)]
mod tests;
