//! A store across a sea: commits that arrive late, after their sender was told that nobody knows, and reads of an old state.

use std::collections::VecDeque;

use ipam_core::testkit::{FaultyError, MemoryError, MemoryStore};
use ipam_core::{Change, Query, Store, Version, View};

/// Old states that a read may see.
const SNAPSHOTS_MAX: usize = 4;
/// Commits between two of them.
const SNAPSHOT_COMMITS: u64 = 3;
/// Longest way of a late commit, in calls of the store by anybody.
const LATE_CALLS_MAX: u64 = 120;

/// How often, in thousandths, what happens.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Tides {
    /// A commit gets no answer and arrives later, if the state that it was planned on is still there.
    pub(crate) late: u16,
    /// A pick or a page is answered from an old state.
    pub(crate) stale: u16,
}

impl Tides {
    pub(crate) const fn high() -> Self {
        Self { late: 60, stale: 200 }
    }
}

#[derive(Debug)]
struct Letter {
    due: u64,
    changes: Vec<Change>,
}

/// The store and what is on its way to it.
#[derive(Debug)]
pub(crate) struct Sea {
    store: MemoryStore,
    pub(crate) tides: Tides,
    /// Late commits have no version, only their conditions: what a store must not do.
    pub(crate) is_unbound: bool,
    random: u64,
    calls: u64,
    commits: u64,
    letters: Vec<Letter>,
    snapshots: VecDeque<MemoryStore>,
    /// Late commits that were stored, and old answers that were given.
    pub(crate) landed: u64,
    pub(crate) aged: u64,
}

impl Sea {
    pub(crate) fn new(store: MemoryStore, tides: Tides, seed: u64) -> Self {
        Self {
            store,
            tides,
            is_unbound: false,
            random: seed.wrapping_mul(0xd134_2543_de82_ef95) | 1,
            calls: 0,
            commits: 0,
            letters: Vec::new(),
            snapshots: VecDeque::new(),
            landed: 0,
            aged: 0,
        }
    }

    /// The store as it is.
    pub(crate) const fn store(&self) -> &MemoryStore {
        &self.store
    }

    pub(crate) fn roll(&mut self, below: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 20) % below
    }

    fn strikes(&mut self, rate: u16) -> bool {
        rate > 0 && self.roll(1_000) < u64::from(rate)
    }

    /// Everything under way arrives.
    pub(crate) fn land_all(&mut self) {
        self.land(u64::MAX);
    }

    fn land(&mut self, now: u64) {
        let (due, later) =
            std::mem::take(&mut self.letters).into_iter().partition(|letter| letter.due <= now);
        self.letters = later;
        let due: Vec<Letter> = due;
        for letter in due {
            // Nobody waits for the answer.
            self.landed += u64::from(self.store.commit(&letter.changes).is_ok());
        }
    }

    fn pass(&mut self) {
        self.calls += 1;
        if !self.letters.is_empty() {
            self.land(self.calls);
        }
    }
}

impl Store for Sea {
    type Error = FaultyError<MemoryError>;

    fn is_atomic(&self) -> bool {
        Store::is_atomic(&self.store)
    }

    fn read(&mut self, query: &Query) -> Result<View, Self::Error> {
        self.pass();
        // What a runtime's list judges must be as it is: a NIC may have changed though its record has not.
        let may_be_old = match query {
            Query::Pick(_) => true,
            Query::Page(page) => page.scope.is_none(),
            _ => false,
        };
        if may_be_old && !self.snapshots.is_empty() && self.strikes(self.tides.stale) {
            self.aged += 1;
            let count = u64::try_from(self.snapshots.len()).unwrap();
            let which = usize::try_from(self.roll(count)).unwrap();
            return Store::read(&mut self.snapshots[which], query).map_err(FaultyError::Store);
        }
        Store::read(&mut self.store, query).map_err(FaultyError::Store)
    }

    fn commit(&mut self, changes: &[Change]) -> Result<Vec<Version>, Self::Error> {
        self.pass();
        if self.tides.stale > 0 && self.commits.is_multiple_of(SNAPSHOT_COMMITS) {
            self.snapshots.push_back(self.store.snapshot());
            if self.snapshots.len() > SNAPSHOTS_MAX {
                self.snapshots.pop_front();
            }
        }
        self.commits += 1;
        if self.strikes(self.tides.late) {
            let changes = if self.is_unbound { changes.to_vec() } else { self.store.bind(changes) };
            let due = self.calls + 1 + self.roll(LATE_CALLS_MAX);
            self.letters.push(Letter { due, changes });
            return Err(FaultyError::NoAnswer);
        }
        Store::commit(&mut self.store, changes).map_err(FaultyError::Store)
    }
}
