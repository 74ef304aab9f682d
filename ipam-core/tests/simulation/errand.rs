//! What is on its way, and what comes of it.

use ipam_core::{Allocation, Collected, Confirmed, Owner, OwnerKind, Refusal, Released, Unconfirmed};

/// Any machine's outcome.
pub(crate) enum Outcome {
    Allocated(Result<Allocation, Refusal>),
    Released(Released),
    Confirmed(Result<Confirmed, Unconfirmed>),
    Collected(Collected),
}

/// What a task was to do.
#[derive(Clone, Debug)]
pub(crate) enum Errand {
    Allocate(Owner),
    Release(Owner),
    Confirm(Owner),
    Collect,
}

impl Errand {
    pub(crate) fn is_of_containers(&self) -> bool {
        match self {
            Self::Allocate(owner) | Self::Release(owner) | Self::Confirm(owner) => {
                owner.kind() == OwnerKind::Container
            }
            Self::Collect => true,
        }
    }
}

/// What has happened.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Count {
    pub(crate) operations: u64,
    pub(crate) done: u64,
    pub(crate) refused: u64,
    pub(crate) crashed: u64,
    pub(crate) gave_up: u64,
    pub(crate) freed: usize,
    pub(crate) collected: usize,
    pub(crate) boots: u64,
    pub(crate) injected: u64,
}
