//! Why a pool is no candidate.

use std::fmt;

use crate::addr::Family;
use crate::owner::Nic;
use crate::pool::{PoolName, PoolSpec};

/// A pool that was named and is not for this request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rejected {
    /// The pool.
    pub pool: PoolName,
    /// Why.
    pub reason: Reason,
}

/// What speaks against a pool, whatever is free in it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Reason {
    /// It was named for the other family.
    WrongFamily {
        /// The family it was named for.
        wanted: Family,
    },
    /// It is for certain pods, nodes or namespaces, of which a single host has none.
    Restricted {
        /// The field that says so, as manifests spell it.
        field: &'static str,
    },
}

impl Rejected {
    /// The first thing that speaks against a pool on a single host, in the order of the original's filter.
    ///
    /// An empty selector matches everything and restricts nothing. Whether the pool is disabled or full is no matter here: the store
    /// says so as it picks, and who holds an address of it already gets that again.
    pub(super) fn on_host(pool: &PoolSpec, wanted: Family) -> Option<Self> {
        let reason = if pool.family() == wanted {
            Reason::Restricted { field: restriction(pool)? }
        } else {
            Reason::WrongFamily { wanted }
        };
        Some(Self { pool: pool.name().clone(), reason })
    }
}

fn restriction(pool: &PoolSpec) -> Option<&'static str> {
    let fields = pool.fields();
    let selects = |selector: &Option<crate::selector::LabelSelector>| {
        selector.as_ref().is_some_and(|one| !one.is_empty())
    };
    [
        ("spec.nodeName", !fields.node_name.is_empty()),
        ("spec.nodeAffinity", selects(&fields.node_affinity)),
        ("spec.namespaceName", !fields.namespace_name.is_empty()),
        ("spec.namespaceAffinity", selects(&fields.namespace_affinity)),
        ("spec.podAffinity", selects(&fields.pod_affinity)),
        ("spec.multusName", !fields.multus_name.is_empty()),
    ]
    .into_iter()
    .find_map(|(field, restricts)| restricts.then_some(field))
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pool = &self.pool;
        match self.reason {
            Reason::WrongFamily { wanted } => {
                let other = match wanted {
                    Family::V4 => Family::V6,
                    Family::V6 => Family::V4,
                };
                write!(f, "expect an {wanted} IPPool, but the version of the IPPool {pool} is {other}")
            }
            Reason::Restricted { field } => {
                write!(
                    f,
                    "IPPool {pool} is restricted by {field}, which nothing on a host without Kubernetes can meet"
                )
            }
        }
    }
}

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
    #[error("failed to get original IPPool {name}: not found")]
    NotFound {
        /// The name.
        name: String,
    },
    /// A pattern that cannot be read.
    #[error(
        "failed to match wildcard: {family} PoolName pattern '{pattern}', character '{candidate}', error: {}",
        super::wildcard::BadPattern
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
        reasons.dedup();
        match reasons.as_slice() {
            [one] => f.write_str(one),
            several => write!(f, "[{}]", several.join(", ")),
        }
    }
}
