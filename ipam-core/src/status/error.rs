//! What stands against reading or writing `status.allocatedIPs` as a whole.

use crate::addr::{Addr, Family};
use crate::owner::Owner;

/// Why the records of a pool cannot be read, or an owner cannot be written there.
///
/// The texts of the first two begin as those of Go's `encoding/json`, which the original puts into its answers.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StatusError {
    /// The text is not JSON.
    #[error(
        "{problem} (at byte {offset} of status.allocatedIPs; want a JSON object, or no field where nothing is allocated)"
    )]
    Syntax {
        /// What is wrong, as Go says it: `unexpected end of JSON input`.
        problem: String,
        /// Where, counted from 0.
        offset: usize,
    },
    /// A value is of another type than the format has there.
    #[error("{problem} (at byte {offset} of status.allocatedIPs; want {wanted})")]
    WrongType {
        /// What is wrong, as Go says it: `json: cannot unmarshal number into Go value of type v2beta1.PoolIPAllocation`.
        problem: String,
        /// Where, counted from 0.
        offset: usize,
        /// What would be accepted there.
        wanted: &'static str,
    },
    /// An owner for which the format has no form. Whatever stands there is taken for a pod by everyone who reads it, and
    /// what is no pod is collected.
    #[error("{address} cannot be given to {owner} in status.allocatedIPs; want a pod or a virtual machine")]
    Unwritable {
        /// The address.
        address: Addr,
        /// Who should hold it.
        owner: Box<Owner>,
    },
    /// An address of the other family.
    #[error("{address} cannot stand in status.allocatedIPs of this pool; want {wanted}")]
    OtherFamily {
        /// The address.
        address: Addr,
        /// The family of the pool.
        wanted: Family,
    },
}
