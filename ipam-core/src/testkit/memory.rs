//! Two stores in memory: one atomic over pools and lenient about versions, like a database, and one that takes one change at
//! a time and insists on versions, like custom resources behind an API server.

use std::sync::{Arc, Mutex, MutexGuard};

use crate::books::{Books, BooksError};
use crate::owner::Owner;
use crate::pool::{PoolName, PoolSpec};
use crate::rangeset::RangeSet;
use crate::record::{Attachment, Record};
use crate::store::{AsyncStore, Change, Class, Query, Store, StoreError, Version, View};

/// What a store in memory refuses.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MemoryError {
    /// What its books refuse.
    #[error(transparent)]
    Books(#[from] BooksError),
    /// Several changes in one commit, of a store that is not atomic.
    #[error("{0} changes in one commit; this store takes one")]
    NotAtomic(usize),
}

impl StoreError for MemoryError {
    fn class(&self) -> Class {
        match self {
            Self::Books(error) => error.class(),
            Self::NotAtomic(_) => Class::Rejected,
        }
    }
}

#[derive(Clone, Debug, Default)]
struct State {
    books: Books,
    commits: u64,
    reads: u64,
}

/// A store in memory. Clones share the state, so that several writers can have one each.
#[derive(Clone, Debug)]
pub struct MemoryStore {
    atomic: bool,
    state: Arc<Mutex<State>>,
}

impl MemoryStore {
    /// Stores all changes of a commit together, and looks at their conditions only.
    #[must_use]
    pub fn atomic() -> Self {
        Self { atomic: true, state: Arc::default() }
    }

    /// Takes one change at a time, planned on the current version.
    #[must_use]
    pub fn one_at_a_time() -> Self {
        Self { atomic: false, state: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic of another holder leaves the state of before its commit: nothing is changed until a commit is whole.
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Adds a pool, or gives one another spec or other reserved addresses.
    ///
    /// # Errors
    /// [`BooksError::Overlap`] with a pool of the same subnet.
    pub fn put_pool(&self, spec: PoolSpec, reserved: RangeSet) -> Result<(), MemoryError> {
        Ok(self.lock().books.put_pool(spec, reserved)?)
    }

    /// Removes a pool with its records.
    pub fn drop_pool(&self, pool: &PoolName) {
        self.lock().books.drop_pool(pool);
    }

    /// All records, in order of pool and address.
    #[must_use]
    pub fn records(&self) -> Vec<(PoolName, Record)> {
        let mut records = Vec::new();
        for pool in self.lock().books.pools() {
            records.extend(pool.records().map(|record| (pool.spec().name().clone(), record.clone())));
        }
        records
    }

    /// Shows each record with its pool, in no order and without a copy: for a checker that looks after every event.
    pub fn visit_records(&self, mut visit: impl FnMut(&PoolName, &Record)) {
        for pool in self.lock().books.pools() {
            pool.records_unsorted().for_each(|record| visit(pool.spec().name(), record));
        }
    }

    /// Shows the attachments of each identity with the incarnation that they belong to.
    pub fn visit_attachments(&self, mut visit: impl FnMut(&Owner, &[Attachment])) {
        self.lock().books.attachments().for_each(|(owner, attachments)| visit(owner, attachments));
    }

    /// A store of its own with what this one has now: what a reader with an old view of the world sees.
    #[must_use]
    pub fn snapshot(&self) -> Self {
        Self { atomic: self.atomic, state: Arc::new(Mutex::new(self.lock().clone())) }
    }

    /// The changes with the present versions in place of [`Version::ANY`]: as a client of an API server sends them, which reads the
    /// object, tests the conditions and writes under the version that it read. Such a write may arrive late, but then in vain.
    #[must_use]
    pub fn bind(&self, changes: &[Change]) -> Vec<Change> {
        let state = self.lock();
        let bind = |change: &Change| {
            let (mut bound, present) = (change.clone(), state.books.version(change));
            let (Change::Pool { version, .. } | Change::Attachments { version, .. }) = &mut bound;
            if *version == Version::ANY {
                *version = present;
            }
            bound
        };
        changes.iter().map(bind).collect()
    }

    /// All attachments with the incarnation that they belong to.
    #[must_use]
    pub fn attachments(&self) -> Vec<(Owner, Vec<Attachment>)> {
        let state = self.lock();
        let owned = |(owner, attachments): (&Owner, &[Attachment])| (owner.clone(), attachments.to_vec());
        state.books.attachments().map(owned).collect()
    }

    /// Commits and reads so far: what a caller costs.
    #[must_use]
    pub fn calls(&self) -> (u64, u64) {
        let state = self.lock();
        (state.commits, state.reads)
    }
}

impl Store for MemoryStore {
    type Error = MemoryError;

    fn is_atomic(&self) -> bool {
        self.atomic
    }

    fn read(&mut self, query: &Query) -> Result<View, MemoryError> {
        let mut state = self.lock();
        state.reads = state.reads.saturating_add(1);
        Ok(state.books.read(query))
    }

    fn commit(&mut self, changes: &[Change]) -> Result<Vec<Version>, MemoryError> {
        if !self.atomic && changes.len() > 1 {
            return Err(MemoryError::NotAtomic(changes.len()));
        }
        let mut state = self.lock();
        state.commits = state.commits.saturating_add(1);
        if !self.atomic
            && let [change @ Change::Pool { pool, version, .. }] = changes
            && !version.allows(&state.books.version(change))
        {
            return Err(BooksError::Stale { what: format!("IPPool {pool}") }.into());
        }
        Ok(state.books.commit(changes)?)
    }
}

impl AsyncStore for MemoryStore {
    type Error = MemoryError;

    fn is_atomic(&self) -> bool {
        self.atomic
    }

    async fn read(&self, query: &Query) -> Result<View, MemoryError> {
        Store::read(&mut self.clone(), query)
    }

    async fn commit(&self, changes: &[Change]) -> Result<Vec<Version>, MemoryError> {
        Store::commit(&mut self.clone(), changes)
    }
}
