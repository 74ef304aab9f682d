//! What can be wrong in a cluster, in words.

use std::fmt;

use ipam_core::{Addr, Owner, PoolName, RangeSet};

use crate::snapshot::{Place, Unreadable};

/// Something that contradicts something else, or cannot be understood.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Problem {
    /// A pool whose spec breaks the rules.
    FaultySpec {
        /// The pool.
        pool: PoolName,
        /// Each with the path of its field.
        faults: Vec<String>,
    },
    /// A SpiderReservedIP that cannot be read.
    FaultyReserved {
        /// The object.
        name: String,
        /// Each with the path of its field.
        faults: Vec<String>,
    },
    /// Two pools of one subnet that could give out the same addresses.
    Overlap {
        /// One pool.
        pool: PoolName,
        /// The other.
        peer: PoolName,
        /// What they share.
        addresses: RangeSet,
    },
    /// The records of a pool cannot be read at all.
    UnreadableRecords {
        /// The pool.
        pool: PoolName,
        /// In the words of Go, where it has some.
        detail: String,
    },
    /// A record that makes no sense.
    CorruptRecord {
        /// The pool.
        pool: PoolName,
        /// Its key.
        key: String,
        /// Whom it names.
        value: String,
        /// What is wrong with it.
        flaw: String,
    },
    /// A pool's count of records is not their number.
    Count {
        /// The pool.
        pool: PoolName,
        /// What is stored.
        stored: i64,
        /// What was counted.
        counted: usize,
    },
    /// A record of an address that is not among its pool's `ips`.
    RecordOutside {
        /// The pool.
        pool: PoolName,
        /// The address.
        address: Addr,
        /// Who holds it.
        owner: Owner,
    },
    /// An address of one subnet that several hold.
    TwoOwners {
        /// The pool of the first.
        pool: PoolName,
        /// The address.
        address: Addr,
        /// All that say that it is theirs.
        holders: Vec<String>,
    },
    /// A record whose pod is gone, and whose workload does not keep the address for it.
    PodGone {
        /// The pool.
        pool: PoolName,
        /// The address.
        address: Addr,
        /// Whose record it is.
        owner: Owner,
    },
    /// A record of a pod that lives, which no endpoint names.
    NoEndpoint {
        /// The pool.
        pool: PoolName,
        /// The address.
        address: Addr,
        /// Whose record it is.
        owner: Owner,
    },
    /// An address that an endpoint gives to a pod that lives, and that its pool regards as free.
    FreeThoughUsed {
        /// Whose endpoint.
        owner: Owner,
        /// The path of the address.
        field: String,
        /// The pool.
        pool: PoolName,
        /// The address.
        address: Addr,
    },
    /// An address that an endpoint gives to a pod that lives, and that its pool gives to another one.
    HeldByAnother {
        /// Whose endpoint.
        owner: Owner,
        /// The path of the address.
        field: String,
        /// The pool.
        pool: PoolName,
        /// The address.
        address: Addr,
        /// Whom the record names.
        holder: String,
    },
    /// An address that an endpoint gives to a pod that lives, of a pool that does not exist.
    NoPool {
        /// Whose endpoint.
        owner: Owner,
        /// The path of the address.
        field: String,
        /// The pool.
        pool: PoolName,
        /// The address.
        address: Addr,
    },
    /// A field of an endpoint that cannot be understood.
    UnreadableEntry {
        /// The endpoint.
        endpoint: Place,
        /// The field.
        unreadable: Unreadable,
    },
}

impl Problem {
    /// The object that it was found in, as `kubectl` names it.
    #[must_use]
    pub fn object(&self) -> String {
        match self {
            Self::FaultySpec { pool, .. }
            | Self::Overlap { pool, .. }
            | Self::UnreadableRecords { pool, .. }
            | Self::CorruptRecord { pool, .. }
            | Self::Count { pool, .. }
            | Self::RecordOutside { pool, .. }
            | Self::TwoOwners { pool, .. }
            | Self::PodGone { pool, .. }
            | Self::NoEndpoint { pool, .. } => format!("SpiderIPPool {pool}"),
            Self::FaultyReserved { name, .. } => format!("SpiderReservedIP {name}"),
            Self::FreeThoughUsed { owner, .. }
            | Self::HeldByAnother { owner, .. }
            | Self::NoPool { owner, .. } => {
                format!("SpiderEndpoint {}/{}", owner.scope(), owner.name())
            }
            Self::UnreadableEntry { endpoint: (namespace, name), .. } => {
                format!("SpiderEndpoint {namespace}/{name}")
            }
        }
    }

    /// The path of the field.
    #[must_use]
    pub fn field(&self) -> String {
        match self {
            Self::FaultySpec { .. } | Self::FaultyReserved { .. } => "spec".to_owned(),
            Self::Overlap { .. } => "spec.ips".to_owned(),
            Self::UnreadableRecords { .. } => "status.allocatedIPs".to_owned(),
            Self::CorruptRecord { key, .. } => format!("status.allocatedIPs[{key}]"),
            Self::Count { .. } => "status.allocatedIPCount".to_owned(),
            Self::RecordOutside { address, .. }
            | Self::TwoOwners { address, .. }
            | Self::PodGone { address, .. }
            | Self::NoEndpoint { address, .. } => format!("status.allocatedIPs[{address}]"),
            Self::FreeThoughUsed { field, .. }
            | Self::HeldByAnother { field, .. }
            | Self::NoPool { field, .. } => field.clone(),
            Self::UnreadableEntry { unreadable, .. } => unreadable.field.clone(),
        }
    }

    /// What stands there, as far as it can be told in a line.
    #[must_use]
    pub fn value(&self) -> String {
        match self {
            Self::FaultySpec { faults, .. } | Self::FaultyReserved { faults, .. } => faults.join("; "),
            Self::Overlap { addresses, .. } => addresses.to_string(),
            Self::UnreadableRecords { detail, .. } => detail.clone(),
            Self::CorruptRecord { value, .. } => value.clone(),
            Self::Count { stored, .. } => stored.to_string(),
            Self::RecordOutside { owner, .. }
            | Self::PodGone { owner, .. }
            | Self::NoEndpoint { owner, .. } => owner.to_string(),
            Self::TwoOwners { holders, .. } => holders.join(", "),
            Self::FreeThoughUsed { pool, address, .. }
            | Self::HeldByAnother { pool, address, .. }
            | Self::NoPool { pool, address, .. } => format!("{address} of {pool}"),
            Self::UnreadableEntry { unreadable, .. } => unreadable.value.clone(),
        }
    }

    /// Whether a repair may be tried. It looks once more, and does nothing where it could take an address from a pod that lives.
    #[must_use]
    pub const fn is_repairable(&self) -> bool {
        match self {
            Self::Count { .. } | Self::PodGone { .. } | Self::FreeThoughUsed { .. } => true,
            Self::FaultySpec { .. }
            | Self::FaultyReserved { .. }
            | Self::Overlap { .. }
            | Self::UnreadableRecords { .. }
            | Self::CorruptRecord { .. }
            | Self::RecordOutside { .. }
            | Self::TwoOwners { .. }
            | Self::NoEndpoint { .. }
            | Self::HeldByAnother { .. }
            | Self::NoPool { .. }
            | Self::UnreadableEntry { .. } => false,
        }
    }

    /// What a repair does; where there is none, what a person can do.
    #[must_use]
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::Count { .. } => "counts the records anew",
            Self::PodGone { .. } => "releases what the pod had, and deletes its SpiderEndpoint",
            Self::FreeThoughUsed { .. } => "writes the record back",
            Self::FaultySpec { .. } | Self::FaultyReserved { .. } => "change the spec",
            Self::Overlap { .. } => "change the ranges of one of them",
            Self::UnreadableRecords { .. } | Self::CorruptRecord { .. } => {
                "only a person can say whose the address is: mend the text of the status"
            }
            Self::RecordOutside { .. } => "add the address to spec.ips again, or restart the pod",
            Self::TwoOwners { .. } | Self::HeldByAnother { .. } => {
                "delete one of the pods, it gets another address"
            }
            Self::NoEndpoint { .. } => "the next ADD of the pod takes it over, its DEL releases it",
            Self::NoPool { .. } => "make the pool again, or delete the pod",
            Self::UnreadableEntry { .. } => "delete the pod, or mend the field",
        }
    }

    /// What is wrong, without where.
    fn words(&self) -> String {
        match self {
            Self::FaultySpec { .. } => "no address can be taken from the pool".to_owned(),
            Self::FaultyReserved { .. } => "what it reserves is not known".to_owned(),
            Self::Overlap { peer, .. } => format!("SpiderIPPool {peer} has them too"),
            Self::UnreadableRecords { .. } => "nobody can say which addresses are held".to_owned(),
            Self::CorruptRecord { flaw, .. } => flaw.clone(),
            Self::Count { counted, .. } => format!("there are {counted} records"),
            Self::RecordOutside { .. } => "the address is not in spec.ips".to_owned(),
            Self::TwoOwners { .. } => "the address has several owners".to_owned(),
            Self::PodGone { .. } => "the pod is gone".to_owned(),
            Self::NoEndpoint { .. } => {
                "the pod lives, and its SpiderEndpoint does not name the address".to_owned()
            }
            Self::FreeThoughUsed { .. } => {
                "the pod lives, and the pool regards the address as free".to_owned()
            }
            Self::HeldByAnother { holder, .. } => {
                format!("the pod lives, and the record of the address is that of {holder}")
            }
            Self::NoPool { .. } => "the pod lives, and there is no such pool".to_owned(),
            Self::UnreadableEntry { unreadable, .. } => {
                format!("cannot be understood; want {}", unreadable.wanted)
            }
        }
    }

    /// Whether two looks found the same. A count may move between them and still be wrong.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let is_count = matches!((self, other), (Self::Count { .. }, Self::Count { .. }));
        std::mem::discriminant(self) == std::mem::discriminant(other)
            && (self.object(), self.field()) == (other.object(), other.field())
            && (is_count || self == other)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {:?}: {}", self.object(), self.field(), self.value(), self.words())
    }
}
