//! Why a request asks for nothing that could be given.

use std::fmt;

use super::Source;
use crate::addr::Family;
use crate::annotation::{AnnotationError, Key};
use crate::owner::Nic;
use crate::select::slot::NoSlot;

/// Why a request asks for nothing that could be given.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// An annotation that names pools.
    #[error(transparent)]
    Annotation(#[from] AnnotationError),
    /// An annotation that names subnets.
    #[error("failed to get IPPool candidates from Subnet: {0}")]
    Subnets(AnnotationError),
    /// Subnets where the cluster makes no pools of them.
    #[error(
        "it's invalid to use '{}' or '{}' annotation when Auto-Pool feature is disabled; name pools with '{}', or set \
         enableAutoPoolForApplication: true",
        Key::Subnets,
        Key::Subnet,
        Key::IpPool
    )]
    AutoPoolsOff,
    /// A source that wins and names nothing for the NIC of the request.
    #[error("no IPPool available, {from} names nothing for NIC {nic}{}", Disabled(.disabled))]
    NothingAsked {
        /// The source.
        from: Source,
        /// The NIC.
        nic: Nic,
        /// The families that the cluster has switched off.
        disabled: Vec<Family>,
    },
    /// `subnets` without the NIC of the request.
    #[error("no IPPool available, Pod annotation '{}' has no item for NIC {nic}; its items are for {}", Key::Subnets, listed.iter().map(Nic::as_str).collect::<Vec<_>>().join(", "))]
    NicNotListed {
        /// The NIC.
        nic: Nic,
        /// The NICs that have one.
        listed: Vec<Nic>,
    },
    /// An item without a NIC that asks for nothing, before one that asks. NICs take the items in order, so the next would take the wrong one.
    #[error(
        "no IPPool available, item {position} of Pod annotation '{}' names no IPPool{}, but item {next} does, and items without \
         interface are taken in order",
        Key::IpPools, Disabled(.disabled)
    )]
    Gap {
        /// The item, counted from 0.
        position: usize,
        /// The next one that asks for something.
        next: usize,
        /// The families that the cluster has switched off.
        disabled: Vec<Family>,
    },
    /// More NICs than items without a NIC.
    #[error(transparent)]
    NoSlot(#[from] NoSlot),
}

/// What is off, for a text.
struct Disabled<'a>(&'a [Family]);

impl fmt::Display for Disabled<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for family in self.0 {
            write!(f, "; {family} is switched off (enable{family}: false)")?;
        }
        Ok(())
    }
}
