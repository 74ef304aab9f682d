//! What the store refuses.

use std::time::Duration;

use ipam_core::status::StatusError;
use ipam_core::{Addr, Class, Owner, PoolName, StoreError};

use crate::client::CallError;

/// Why a call of a [`ClusterStore`](super::ClusterStore) failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterStoreError {
    /// The API server's answer, or that there was none.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The condition of an operation does not hold.
    #[error(transparent)]
    Condition(#[from] ipam_core::Error),
    /// A change was planned on a state that is no more.
    #[error("{what} has moved on")]
    Stale {
        /// What it is about.
        what: String,
    },
    /// Other writers were faster, again and again. Nothing was stored.
    #[error("IPPool {pool}: {conflicts} conflicts with other writers within {time:?}")]
    Contended {
        /// The pool.
        pool: PoolName,
        /// How often.
        conflicts: u32,
        /// In which time.
        time: Duration,
    },
    /// A pool that is not there.
    #[error("IPPool {0} does not exist")]
    NoPool(PoolName),
    /// An address that another pool of the subnet has given out, or gives out by now.
    #[error("IPPool {pool}: {address} belongs to IPPool {peer} of the same subnet")]
    Elsewhere {
        /// The pool that was asked.
        pool: PoolName,
        /// The address.
        address: Addr,
        /// The pool that has it.
        peer: PoolName,
    },
    /// A pool whose spec breaks the rules.
    #[error("IPPool {pool}: {}", .faults.join("; "))]
    FaultySpec {
        /// The pool.
        pool: PoolName,
        /// What is wrong with it, each with the path of its field.
        faults: Vec<String>,
    },
    /// A SpiderReservedIP that cannot be read: any address might be reserved, so none is given out.
    #[error("SpiderReservedIP {name}: {}", .faults.join("; "))]
    FaultyReserved {
        /// The object.
        name: String,
        /// What is wrong with it, each with the path of its field.
        faults: Vec<String>,
    },
    /// The records of a pool cannot be read: nobody can say which of its addresses are held, so none is given out and nothing is
    /// written.
    #[error("IPPool {pool}: its records cannot be read")]
    UnreadableRecords {
        /// The pool.
        pool: PoolName,
        /// What stands there.
        #[source]
        source: StatusError,
    },
    /// A record that makes no sense: the pool gives nothing out until it is mended. Releases go on, and keep the record as it is.
    #[error("{flaw} (IPPool {pool}; it gives out no address until this is mended)")]
    CorruptRecord {
        /// The pool.
        pool: PoolName,
        /// The record and what is wrong with it; in the original's words where it has some.
        flaw: String,
    },
    /// The object would have more bytes than a pool may have.
    #[error(
        "IPPool {pool}: with this record the object would have {bytes} bytes; want at most {bytes_max}, since etcd takes no more"
    )]
    TooManyBytes {
        /// The pool.
        pool: PoolName,
        /// Bytes of the object, with what was asked for.
        bytes: u64,
        /// [`POOL_BYTES_MAX`](super::POOL_BYTES_MAX).
        bytes_max: u64,
    },
    /// A record that the status has no form for.
    #[error("IPPool {pool}: a record cannot be written")]
    Unwritable {
        /// The pool.
        pool: PoolName,
        /// Why.
        #[source]
        source: StatusError,
    },
    /// An owner that has no SpiderEndpoint.
    #[error("{0} has no SpiderEndpoint; want a pod or a virtual machine")]
    NoEndpoint(Box<Owner>),
    /// What an endpoint says of its NICs beside their addresses could not be found out.
    #[error("the details of {owner} could not be found out")]
    Details {
        /// Whose.
        owner: Box<Owner>,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Several changes in one commit.
    #[error("{0} changes in one commit; this store takes one")]
    NotAtomic(usize),
    /// A question of a later release of `ipam-core`.
    #[error("this store does not know the question")]
    UnknownQuery,
    /// An object that could not be compared with what is wanted.
    #[error(transparent)]
    Patch(#[from] crate::Error),
}

impl StoreError for ClusterStoreError {
    fn blames(&self) -> Option<Addr> {
        if let Self::Condition(ipam_core::Error::ConditionFailed { address, .. })
        | Self::Elsewhere { address, .. } = self
        {
            return Some(*address);
        }
        None
    }

    fn class(&self) -> Class {
        match self {
            Self::Call(error) => error.class(),
            Self::Condition(_) | Self::Stale { .. } | Self::NoPool(_) | Self::Elsewhere { .. } => {
                Class::Conflict
            }
            // Nothing was stored, but that is no member's fault: all of a batch are told, and it is not taken apart.
            Self::Contended { .. } => Class::Unavailable,
            Self::FaultySpec { .. }
            | Self::UnreadableRecords { .. }
            | Self::CorruptRecord { .. }
            | Self::TooManyBytes { .. }
            | Self::Unwritable { .. }
            | Self::NoEndpoint(_)
            | Self::Details { .. }
            | Self::FaultyReserved { .. }
            | Self::NotAtomic(_)
            | Self::UnknownQuery
            | Self::Patch(_) => Class::Rejected,
        }
    }
}
