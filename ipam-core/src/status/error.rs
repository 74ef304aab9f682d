//! What stands against reading or writing `status.allocatedIPs` as a whole.

use crate::addr::{Addr, Family};
use crate::go_json::JsonError;
use crate::owner::Owner;

/// Why the records of a pool cannot be read, or an owner cannot be written there.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StatusError {
    /// The text is no JSON, or JSON of another shape. The words of Go come first: the original's answers hold them.
    #[error(
        "{0} (status.allocatedIPs; want a JSON object of records, or no field where nothing is allocated)"
    )]
    Unreadable(#[from] JsonError),
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
