//! What is on its way, and what comes of it.

use std::fmt;

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
    /// And whether it is to free all that the owner has.
    Release(Owner, bool),
    Confirm(Owner),
    /// And whether by the runtime's list, which must not run beside the runtime's other calls.
    Collect(bool),
}

impl Errand {
    /// Whose it is.
    pub(crate) const fn owner(&self) -> Option<&Owner> {
        match self {
            Self::Allocate(owner) | Self::Release(owner, _) | Self::Confirm(owner) => Some(owner),
            Self::Collect(_) => None,
        }
    }

    pub(crate) fn is_of_containers(&self) -> bool {
        self.owner().map_or(matches!(self, Self::Collect(true)), |owner| owner.kind() == OwnerKind::Container)
    }
}

/// What has happened.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Count {
    pub(crate) operations: u64,
    pub(crate) done: u64,
    pub(crate) refused: u64,
    pub(crate) crashed: u64,
    pub(crate) freed: u64,
    pub(crate) collected: u64,
    pub(crate) boots: u64,
    /// Faults of the store.
    pub(crate) injected: u64,
    /// Late commits that were stored after all.
    pub(crate) landed: u64,
    /// Answers from an old state.
    pub(crate) aged: u64,
    /// Changes of pools and reserved addresses that were admitted, and those that were not.
    pub(crate) admitted: u64,
    pub(crate) denied: u64,
    /// Pools of the subnet that were written after their record.
    pub(crate) carved: u64,
    /// Commits of several requests at once.
    pub(crate) batches: u64,
}

impl Count {
    fn fields(&mut self) -> [(&'static str, &mut u64); 14] {
        [
            ("operations", &mut self.operations),
            ("done", &mut self.done),
            ("refused", &mut self.refused),
            ("crashed", &mut self.crashed),
            ("freed", &mut self.freed),
            ("collected", &mut self.collected),
            ("boots", &mut self.boots),
            ("faults", &mut self.injected),
            ("landed late", &mut self.landed),
            ("old answers", &mut self.aged),
            ("pools changed", &mut self.admitted),
            ("changes denied", &mut self.denied),
            ("carved", &mut self.carved),
            ("batches", &mut self.batches),
        ]
    }

    pub(crate) fn add(&mut self, mut other: Self) {
        for ((_, sum), (_, more)) in self.fields().into_iter().zip(other.fields()) {
            *sum += *more;
        }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut copy = *self;
        let texts: Vec<String> = copy
            .fields()
            .into_iter()
            .filter(|(_, n)| **n > 0)
            .map(|(name, n)| format!("{n} {name}"))
            .collect();
        f.write_str(&texts.join(", "))
    }
}
