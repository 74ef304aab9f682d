//! The one error of the crate.
//!
//! A variant is named for what happened and carries data; the text says object, value and what would be accepted.

use crate::addr::{Addr, Family};
use crate::pool::PoolName;

/// What can go wrong in this crate.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Text that is not an address in the grammar of the API (RFC 4291 section 2.2, dotted quads without leading zeros).
    #[error(
        "{text:?} is not an IP address: {problem}; want a.b.c.d or an IPv6 address without zone or prefix length"
    )]
    InvalidAddress {
        /// What was given.
        text: String,
        /// Why it is none.
        problem: &'static str,
    },
    /// Text that is not a range item.
    #[error(
        "{text:?} is not an IP range: {problem}; want A or A-B with A <= B, both of one family, no blanks"
    )]
    InvalidRange {
        /// What was given.
        text: String,
        /// Why it is none.
        problem: &'static str,
    },
    /// A range whose first address is above its last one.
    #[error("range {first}-{last} is reversed; want {last}-{first}")]
    ReversedRange {
        /// The bound that was written first.
        first: Addr,
        /// The bound that was written last.
        last: Addr,
    },
    /// Addresses of both families where one is expected.
    #[error("{address} is {found}; want {wanted}", found = .address.family())]
    MixedFamilies {
        /// The address of the wrong family.
        address: Addr,
        /// The family that was expected.
        wanted: Family,
    },
    /// A name that the grammar of its kind refuses.
    #[error("{text:?} is not a valid {kind}; want {accepted}")]
    InvalidName {
        /// What is named: pool, interface, container…
        kind: &'static str,
        /// What was given.
        text: String,
        /// What would be accepted.
        accepted: &'static str,
    },
    /// A change that was planned on a state which is no more.
    #[error("IPPool {pool}: {address} {problem}")]
    ConditionFailed {
        /// The pool.
        pool: PoolName,
        /// The address.
        address: Addr,
        /// What stands against the change.
        problem: &'static str,
    },
}
