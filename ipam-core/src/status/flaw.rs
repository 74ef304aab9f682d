//! Entries of `allocatedIPs` that make no sense.

use std::fmt;

use super::AllocatedIp;
use crate::addr::{Addr, Family};
use crate::error::Error;

/// An entry that makes no sense, and why. It is kept at every rewrite: only an administrator can say what it was meant to be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Flaw<'a> {
    /// The entry.
    pub ip: AllocatedIp<'a>,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What can be wrong with an entry.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Problem {
    /// The key is no address of the pool's family, so the entry holds none.
    NoAddress {
        /// The pool's family.
        wanted: Family,
    },
    /// There are other entries of this address, in other spellings. It is held until one remains.
    SeveralRecords {
        /// The address.
        address: Addr,
    },
    /// `pod` or `podUid` name nobody. The address is held until the entry is repaired.
    NoOwner(Error),
}

impl fmt::Display for Flaw<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AllocatedIp { key, pod, uid, .. } = self.ip;
        match &self.problem {
            // The Go original reads a key as it reads a range, and says the same of both.
            Problem::NoAddress { wanted } => write!(
                f,
                "invalid IP range format in {wanted} '{key}': the record of {pod:?} (uid {uid:?}) in status.allocatedIPs \
                 holds no address; want {wanted} text as its key"
            ),
            Problem::SeveralRecords { address } => write!(
                f,
                "record {key:?} of {pod:?} (uid {uid:?}) in status.allocatedIPs is one of several of {address}; want one, \
                 with the key \"{address}\""
            ),
            Problem::NoOwner(error) => {
                write!(f, "record {key:?} in status.allocatedIPs names no owner: {error}")
            }
        }
    }
}
