//! Why nothing was carved, and whether it is worth trying again.
//!
//! Texts begin with the words of the Go original, which tools and people compare.

use ipnet::IpNet;

use super::application::Application;
use crate::addr::{Addr, Family};
use crate::cidr::canonical;
use crate::fault::Faults;
use crate::pool::PoolName;

/// When the same attempt may succeed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Retry {
    /// Not before the application, its annotations or the subnet change.
    Never,
    /// As soon as the pool's status changes, and with a growing pause in any case.
    Soon,
    /// In a while: somebody has to make room.
    Later,
}

/// Why a pool got no ranges. Nothing is to be written then.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CarveError {
    /// The subnet is being deleted.
    #[error(
        "wrong input: SpiderSubnet '{subnet}' is terminating, we can't reconcile an auto-created IPPool from it; \
         name another SpiderSubnet or wait until this one is gone and made again"
    )]
    Terminating {
        /// The subnet.
        subnet: String,
    },
    /// A pool of that name lives in another network.
    #[error(
        "wrong input: it's invalid to change recoincile auto-created IPPool {pool} with different subnet SpiderSubnet {subnet}: \
         the pool's spec.subnet is {present}, the SpiderSubnet's {}; delete the pool once its addresses are released",
        canonical(.net)
    )]
    NetworkChanged {
        /// The pool.
        pool: PoolName,
        /// The subnet.
        subnet: String,
        /// `spec.subnet` of the pool.
        present: String,
        /// `spec.subnet` of the subnet.
        net: IpNet,
    },
    /// Sets of addresses of the wrong family.
    #[error("SpiderSubnet {subnet} is {family}, {what} is {}; want {family}", other(.family))]
    WrongFamily {
        /// The subnet.
        subnet: String,
        /// Its family.
        family: Family,
        /// What is of the other one.
        what: &'static str,
    },
    /// The subnet has too few free addresses.
    #[error(
        "insufficient subnet FreeIPs, required '{required}' but only left '{left}', in SpiderSubnet {subnet} for IPPool {pool}"
    )]
    Insufficient {
        /// The subnet.
        subnet: String,
        /// The pool.
        pool: PoolName,
        /// How many addresses the pool lacks.
        required: u128,
        /// How many are free.
        left: u128,
    },
    /// More addresses are in use than the pool is to keep.
    #[error(
        "failed to scale down IPPool {pool} IPs: IPPool available free IPs are not enough, \
         {in_use} are in use, want at most {desired}"
    )]
    InUse {
        /// The pool.
        pool: PoolName,
        /// How many are in use.
        in_use: u128,
        /// How many the pool is to keep.
        desired: u32,
    },
    /// An address in use by this pool is recorded for another pool: the other one's record has to give way first.
    #[error(
        "IPPool {pool} has {address} in use, which SpiderSubnet {subnet} records for {}; \
         it is settled when that record is carved anew or dropped",
        .other.as_ref().map_or_else(|| "an entry that cannot be read".to_owned(), |other| format!("IPPool {other}"))
    )]
    RecordedElsewhere {
        /// The subnet.
        subnet: String,
        /// The pool.
        pool: PoolName,
        /// The lowest such address.
        address: Addr,
        /// Whose record it stands in.
        other: Option<PoolName>,
    },
    /// The record of that name belongs to another application.
    #[error(
        "SpiderSubnet {subnet} records IPPool {pool} for {application}; two applications come to one pool name, \
         rename one of them"
    )]
    ForeignRecord {
        /// The subnet.
        subnet: String,
        /// The pool.
        pool: PoolName,
        /// Whose record it is.
        application: Box<Application>,
    },
}

impl CarveError {
    /// When to try again.
    #[must_use]
    pub const fn retry(&self) -> Retry {
        match self {
            Self::Terminating { .. } | Self::NetworkChanged { .. } | Self::WrongFamily { .. } => Retry::Never,
            Self::InUse { .. } | Self::RecordedElsewhere { .. } => Retry::Soon,
            Self::Insufficient { .. } | Self::ForeignRecord { .. } => Retry::Later,
        }
    }
}

/// Why an application can have no pool, or not this one.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ClaimError {
    /// A name too long for the value of a label, by which pools are found.
    #[error(
        "{what} {text:?} has {} bytes; want at most 63, since auto-created IPPools are found by a label with it",
        .text.len()
    )]
    TooLong {
        /// What is named.
        what: &'static str,
        /// The name.
        text: String,
    },
    /// A text that no label can have.
    #[error("an auto-created IPPool cannot be labelled: {faults}")]
    Label {
        /// What Kubernetes says of it.
        faults: Faults,
    },
    /// The parts come to no name of an object.
    #[error("{name:?} cannot name an auto-created IPPool of {application}, NIC {nic}: {problem}")]
    Name {
        /// What they come to.
        name: String,
        /// The application.
        application: Box<Application>,
        /// The NIC.
        nic: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The application has no UID.
    #[error("{application} has no UID; want that of the live object")]
    NoUid {
        /// The application.
        application: Box<Application>,
    },
    /// A subnet of one family is named for the other.
    #[error(
        "failed to parse '{}' when allocating empty Auto-created IPPool '{pool}': SpiderSubnet {subnet} is {}, \
         yet annotation ipam.spidernet.io/subnet or ipam.spidernet.io/subnets names it under {}; want an {wanted} one there",
        canonical(.net), other(.wanted), key(.wanted)
    )]
    WrongFamily {
        /// The pool that it is for.
        pool: PoolName,
        /// The subnet.
        subnet: String,
        /// Its network.
        net: IpNet,
        /// The family that it is named for.
        wanted: Family,
    },
    /// The application has a pool of that name from another subnet.
    #[error(
        "IPPool {pool} of {application} is from SpiderSubnet {present}; to move to SpiderSubnet {wanted}, delete the IPPool, \
         once its addresses are released, or the application"
    )]
    OtherSubnet {
        /// The pool.
        pool: PoolName,
        /// The application.
        application: Box<Application>,
        /// The subnet that it is from.
        present: String,
        /// The subnet that is asked for.
        wanted: String,
    },
    /// The pool of that name is somebody else's.
    #[error(
        "IPPool {pool} exists and is {owner}; want another name for {application}, or that IPPool deleted"
    )]
    Foreign {
        /// The pool.
        pool: PoolName,
        /// The application that asks.
        application: Box<Application>,
        /// Whose it is.
        owner: String,
    },
    /// The pool of that name is being deleted.
    #[error("IPPool {pool} is terminating; it is made again when its last address is released")]
    Leaving {
        /// The pool.
        pool: PoolName,
    },
    /// No pool has the labels.
    #[error("no matching {kind} IPPool candidate with matchLables '{labels}'")]
    NoPool {
        /// `auto-created`, with more words for kinds that are not built in.
        kind: &'static str,
        /// The labels, as [`labels_text`](super::labels_text) has them.
        labels: String,
    },
    /// More than one pool has the labels.
    #[error(
        "it's invalid for '{application}' corresponding SpiderSubnet '{subnet}' owns multiple matchLables '{labels}' \
         corresponding IPPools '{}' for one specify application",
        .pools.join(" ")
    )]
    Several {
        /// Kind, namespace and name.
        application: String,
        /// The subnet.
        subnet: String,
        /// The labels, as [`labels_text`](super::labels_text) has them.
        labels: String,
        /// The names of the pools.
        pools: Vec<String>,
    },
}

impl ClaimError {
    /// When to try again.
    #[must_use]
    pub const fn retry(&self) -> Retry {
        match self {
            Self::Leaving { .. } | Self::NoPool { .. } => Retry::Soon,
            Self::TooLong { .. }
            | Self::Label { .. }
            | Self::Name { .. }
            | Self::NoUid { .. }
            | Self::WrongFamily { .. }
            | Self::Several { .. } => Retry::Never,
            Self::OtherSubnet { .. } | Self::Foreign { .. } => Retry::Later,
        }
    }
}

fn other(family: &Family) -> Family {
    match family {
        Family::V4 => Family::V6,
        Family::V6 => Family::V4,
    }
}

/// The key of the annotation.
fn key(family: &Family) -> &'static str {
    match family {
        Family::V4 => "ipv4",
        Family::V6 => "ipv6",
    }
}
