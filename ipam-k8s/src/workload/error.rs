//! Why a question about a workload has no answer.

use ipam_core::{Class, StoreError};

use super::pod::Death;
use crate::client::CallError;

/// A question about a pod's workload that could not be answered. Nothing may be concluded from it: neither that a pod lives, nor that
/// an address is free.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkloadError {
    /// The pod is dead and gets no address. The words are the original's.
    #[error("dead Pod {namespace}/{name}, we cannot allocate IP addresees to it")]
    Dead {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// Why it counts as dead.
        death: Death,
    },
    /// The object that the pod names as its controller does not exist. The words are the original's.
    #[error(
        "failed to get the top controller of the Pod {namespace}/{pod}: failed to get pod '{namespace}/{pod}' owner: {kind}.{group} \
         {name:?} not found"
    )]
    NoOwner {
        /// The pod's namespace.
        namespace: String,
        /// The pod's name.
        pod: String,
        /// The kind of its controller: `ReplicaSet`.
        kind: String,
        /// The API group of that kind.
        group: String,
        /// The controller's name.
        name: String,
    },
    /// The pod's controller could not be read.
    #[error(
        "failed to get the top controller of the Pod {namespace}/{pod}: failed to get pod '{namespace}/{pod}' owner"
    )]
    OwnerUnread {
        /// The pod's namespace.
        namespace: String,
        /// The pod's name.
        pod: String,
        /// Why.
        #[source]
        source: CallError,
    },
    /// An object that decides whether a pod is still wanted could not be read.
    #[error("cannot tell whether {kind} {namespace}/{name} still wants its addresses")]
    Unread {
        /// The kind.
        kind: &'static str,
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// Why.
        #[source]
        source: CallError,
    },
    /// Which kinds the API server has could not be found out.
    #[error("cannot tell which kinds of {group} the API server has")]
    Discovery {
        /// The API group.
        group: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The API server has the kind, but not in the version that is known here.
    #[error(
        "{group}: {resource} in version {found} only, want {wanted}: cannot tell whether any of them still wants its addresses"
    )]
    OtherVersion {
        /// The API group.
        group: &'static str,
        /// The kind in the plural.
        resource: &'static str,
        /// The version that has it.
        found: String,
        /// The version that is known.
        wanted: &'static str,
    },
}

impl StoreError for WorkloadError {
    fn class(&self) -> Class {
        match self {
            Self::Dead { .. } | Self::NoOwner { .. } | Self::OtherVersion { .. } => Class::Rejected,
            Self::OwnerUnread { source, .. } | Self::Unread { source, .. } => source.class(),
            Self::Discovery { .. } => Class::Unavailable,
        }
    }
}
