//! Which of a pod's items an ADD gets.
//!
//! Where `ippools` names no NICs its items are for the NICs in the order of their ADDs. The first ADD takes addresses for all of them and stores one
//! entry for an item, the first under `eth0`, the others without a name; each later ADD claims the first entry that has none.

use std::fmt;

use crate::annotation::FIRST_NIC;
use crate::owner::Nic;

/// A NIC of a pod, by name or by place.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Slot {
    /// By name.
    Named(Nic),
    /// By place among the items without a name, from 0.
    Position(usize),
}

impl Slot {
    /// The name under which the entry is stored at first: the first is `eth0`, the others have none until they are claimed.
    #[must_use]
    pub fn stored_name(&self) -> &str {
        match self {
            Self::Named(nic) => nic.as_str(),
            Self::Position(0) => FIRST_NIC,
            Self::Position(_) => "",
        }
    }

    /// The NIC as a store is asked for it, and as the answer to the first ADD names it: the original numbers those that are not
    /// claimed yet.
    #[must_use]
    pub fn nic(&self) -> Nic {
        match self {
            Self::Named(nic) => nic.clone(),
            Self::Position(0) => Nic::first(),
            Self::Position(place) => Nic::numbered(*place),
        }
    }
}

/// The name, or the number that the original uses for one.
impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(nic) => nic.fmt(f),
            Self::Position(place) => place.fmt(f),
        }
    }
}

/// The entry that an ADD answers from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Claim {
    /// Nothing is stored yet: all items are to be served.
    All,
    /// The entry at this index has the NIC's name. Nothing is to be written.
    Own(usize),
    /// The entry at this index has no name and gets the NIC's.
    Rename(usize),
}

/// A NIC for which there is no item.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "no IPPool available, NIC {nic} has no item in Pod annotation 'ipam.spidernet.io/ippools': all {entries} items without \
     interface belong to other NICs of the Pod; add an item for each NIC"
)]
pub struct NoSlot {
    /// The NIC.
    pub nic: Nic,
    /// How many entries are stored.
    pub entries: usize,
}

/// The entry that belongs to a NIC, from the names of a pod's stored entries in order. For lists without names only.
///
/// ```
/// use ipam_core::select::{Claim, claim};
/// let net1 = "net1".parse()?;
/// assert_eq!(claim(&["eth0", "", ""], &net1), Ok(Claim::Rename(1)));
/// assert_eq!(claim(&["eth0", "net1", ""], &net1), Ok(Claim::Own(1)));
/// assert!(claim(&["eth0", "net2"], &net1).is_err());
/// # Ok::<(), ipam_core::Error>(())
/// ```
///
/// # Errors
/// [`NoSlot`]: the pod has more NICs than items. The original allocates once more and stores a wrong entry.
pub fn claim<S: AsRef<str>>(stored: &[S], nic: &Nic) -> Result<Claim, NoSlot> {
    if stored.is_empty() {
        return Ok(Claim::All);
    }
    let find = |name: &str| stored.iter().position(|entry| entry.as_ref() == name);
    let own = find(nic.as_str()).map(Claim::Own);
    own.or_else(|| find("").map(Claim::Rename))
        .ok_or_else(|| NoSlot { nic: nic.clone(), entries: stored.len() })
}
