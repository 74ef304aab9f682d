//! Why a pool is no candidate.

use std::fmt;

use crate::addr::Family;
use crate::owner::Nic;
use crate::pool::PoolName;

/// A pool that was named and is not for this request.
#[derive(Clone, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Rejected {
    /// The pool.
    pub pool: PoolName,
    /// Why.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub reason: Reason,
}

/// What speaks against a pool, whatever is free in it. Displayed through [`Rejected`], since the texts name the pool.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(tag = "reason", rename_all = "camelCase", rename_all_fields = "camelCase")
)]
#[non_exhaustive]
pub enum Reason {
    /// It is being deleted.
    Terminating,
    /// It gives out nothing new.
    Disabled,
    /// It is stored without `spec.ipVersion`, which admission would have filled in.
    NoVersion,
    /// It was named for the other family.
    WrongFamily {
        /// The family it was named for.
        wanted: Family,
    },
    /// Its condition does not hold for who asks.
    Unmatched {
        /// The condition.
        by: Constraint,
    },
    /// It was made for another workload.
    OtherApplication,
    /// It has a selector that cannot be read, so that nothing meets it.
    Malformed {
        /// Where.
        by: Constraint,
        /// What is wrong, complete.
        fault: String,
    },
    /// It asks for labels of a node that is not known.
    NoNode {
        /// The node.
        node: String,
    },
    /// It is for certain Multus networks, and the NIC has none.
    NoNetwork {
        /// Those.
        multus_name: Vec<String>,
    },
    /// It is for certain Multus networks, and which one the NIC has could not be told.
    UnknownNetwork {
        /// Why, complete.
        why: String,
    },
    /// It is for other Multus networks than the NIC's.
    OtherNetwork {
        /// Those.
        multus_name: Vec<String>,
        /// The NIC.
        nic: Nic,
        /// The NIC's, `namespace/name`.
        network: String,
    },
    /// The master's addresses are to match and are not known.
    UnknownMaster {
        /// Why.
        why: String,
    },
    /// No address of the NIC's master is in the pool's subnet.
    OffMaster {
        /// The NIC.
        nic: Nic,
        /// The subnet.
        subnet: String,
    },
    /// It is stored and breaks rules without which no address can be taken from it: written past admission, or by an older release.
    Invalid {
        /// The faults, complete.
        faults: Vec<String>,
    },
    /// It is for certain pods, nodes or namespaces, of which a single host has none.
    Restricted {
        /// By which condition.
        by: Constraint,
    },
}

/// The conditions that a pool can set, in the order in which pools that set them are preferred.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "camelCase"))]
#[non_exhaustive]
pub enum Constraint {
    /// `spec.podAffinity`
    PodAffinity,
    /// `spec.nodeName`
    NodeName,
    /// `spec.nodeAffinity`
    NodeAffinity,
    /// `spec.namespaceName`
    NamespaceName,
    /// `spec.namespaceAffinity`
    NamespaceAffinity,
    /// `spec.multusName`
    MultusName,
}

impl Constraint {
    /// The field, as manifests spell it.
    #[must_use]
    pub const fn field(self) -> &'static str {
        match self {
            Self::PodAffinity => "spec.podAffinity",
            Self::NodeName => "spec.nodeName",
            Self::NodeAffinity => "spec.nodeAffinity",
            Self::NamespaceName => "spec.namespaceName",
            Self::NamespaceAffinity => "spec.namespaceAffinity",
            Self::MultusName => "spec.multusName",
        }
    }

    /// As the original's texts name it.
    const fn words(self) -> &'static str {
        match self {
            Self::PodAffinity => "Pod affinity",
            Self::NodeName => "Node name",
            Self::NodeAffinity => "Node affinity",
            Self::NamespaceName => "Namespace name",
            Self::NamespaceAffinity => "Namespace affinity",
            Self::MultusName => "Multus name",
        }
    }
}

/// The original's words, where it has some: tools compare them.
impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pool = &self.pool;
        match &self.reason {
            Reason::Terminating => write!(f, "terminating IPPool {pool}"),
            Reason::Disabled => write!(f, "disabled IPPool {pool}"),
            Reason::NoVersion => f.write_str("nil ippool ipVersion"),
            Reason::WrongFamily { wanted } => {
                let other = match wanted {
                    Family::V4 => Family::V6,
                    Family::V6 => Family::V4,
                };
                write!(f, "expect an {wanted} IPPool, but the version of the IPPool {pool} is {other}")
            }
            Reason::Unmatched { by } => write!(f, "unmatched {} of IPPool {pool}", by.words()),
            Reason::OtherApplication => write!(f, "unmatched Pod annifity of auto-created IPool {pool}"),
            Reason::Malformed { fault, .. } => f.write_str(fault),
            Reason::NoNode { node } => write!(f, "Node {node:?} not found"),
            Reason::NoNetwork { multus_name } => write!(
                f,
                "cluster-network multus isn't set, the IPPool {pool} specified multusName [{}] unmatched",
                multus_name.join(" ")
            ),
            Reason::UnknownNetwork { why } => f.write_str(why),
            Reason::OtherNetwork { multus_name, nic, network } => write!(
                f,
                "the spec.multusName [{}] in the IPPool {pool} used by the Pod interface {nic} \
                 is not matched with the multusCR {network} specified by the Pod",
                multus_name.join(" ")
            ),
            Reason::UnknownMaster { why } => write!(f, "filterPoolCandidatesByPfSubnet: {why}"),
            Reason::OffMaster { nic, subnet } => write!(
                f,
                "filterPoolCandidatesByPfSubnet: no address of the master of NIC {nic} lies in spec.subnet {subnet} of IPPool {pool}"
            ),
            Reason::Invalid { faults } => {
                write!(f, "IPPool {pool} is stored with faults and cannot be used: {}", faults.join("; "))
            }
            Reason::Restricted { by } => write!(
                f,
                "IPPool {pool} is restricted by {}, which nothing on a host without Kubernetes can meet",
                by.field()
            ),
        }
    }
}
