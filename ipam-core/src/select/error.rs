//! Why a request has no candidates.

use std::collections::BTreeSet;
use std::fmt;

use super::reason::Rejected;
use super::wildcard::BadPattern;
use crate::addr::Family;
use crate::owner::Nic;

/// Why a request has no candidates.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SelectError {
    /// Nothing names a pool, and none is a default one.
    #[error(
        "no IPPool available, no pool selection rules of any type are specified; name pools, or make one the default"
    )]
    NoRules,
    /// A pool that is named does not exist. That fails the request even where others would do.
    #[error("failed to get original IPPool {name}: SpiderIPPool.spiderpool.spidernet.io {name:?} not found")]
    NotFound {
        /// The name.
        name: String,
    },
    /// A name that stands twice.
    #[error("wrong input, duplicate IPPool {name} specified for NIC {nic}")]
    Duplicate {
        /// The name.
        name: String,
        /// The NIC.
        nic: Nic,
    },
    /// A pattern that cannot be read.
    #[error(
        "failed to match wildcard: {family} PoolName pattern '{pattern}', character '{candidate}', error: {}",
        BadPattern
    )]
    BadPattern {
        /// For which family it stands.
        family: Family,
        /// The pattern.
        pattern: String,
        /// The first pool that it was to be held against.
        candidate: String,
    },
    /// All pools of one family are rejected.
    #[error("no IPPool available, all {family} IPPools [{}] of {nic} filtered out: {}", names(.rejected), Reasons(.rejected, .unmatched))]
    FilteredOut {
        /// The NIC.
        nic: Nic,
        /// The family.
        family: Family,
        /// The pools, with why.
        rejected: Vec<Rejected>,
        /// The patterns that match no pool.
        unmatched: Vec<String>,
    },
}

fn names(rejected: &[Rejected]) -> String {
    rejected.iter().map(|one| one.pool.as_str()).collect::<Vec<_>>().join(" ")
}

/// Equal reasons once, brackets around several, as the original has them.
struct Reasons<'a>(&'a [Rejected], &'a [String]);

impl fmt::Display for Reasons<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(rejected, unmatched) = self;
        let mut reasons: Vec<String> = rejected.iter().map(ToString::to_string).collect();
        reasons.extend(unmatched.iter().map(|pattern| format!("no IPPool matches {pattern}")));
        let mut seen = BTreeSet::new();
        let once: Vec<&str> =
            reasons.iter().map(String::as_str).filter(|reason| seen.insert(*reason)).collect();
        match once.as_slice() {
            [one] => f.write_str(one),
            several => write!(f, "[{}]", several.join(", ")),
        }
    }
}
