//! Two stores in memory: one atomic over pools and lenient about versions, like a database, and one that takes one change at
//! a time and insists on versions, like custom resources behind an API server.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::addr::Addr;
use crate::ledger::PoolState;
use crate::owner::{Nic, Owner, OwnerKind};
use crate::pool::{PoolName, PoolSpec};
use crate::rangeset::RangeSet;
use crate::record::{Assignment, Attachment, Record};
use crate::store::{
    AsyncStore, AttachmentOp, Change, Class, Holding, Holdings, Obstacle, PageQuery, PageView, PickView,
    Query, Store, StoreError, Version, View, Want,
};

/// What a store in memory refuses.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MemoryError {
    /// A change was planned on a state that is no more.
    #[error("{what} has moved on")]
    Stale {
        /// The pool or owner.
        what: String,
    },
    /// The condition of an operation does not hold.
    #[error(transparent)]
    Condition(#[from] crate::Error),
    /// A pool that the store doesn't have.
    #[error("IPPool {0} does not exist")]
    NoPool(PoolName),
    /// A pool whose addresses another pool of the same subnet has.
    #[error("IPPool {pool} overlaps with IPPool {peer}")]
    Overlap {
        /// The new pool.
        pool: PoolName,
        /// The one that is there.
        peer: PoolName,
    },
    /// Several changes in one commit, of a store that is not atomic.
    #[error("{0} changes in one commit; this store takes one")]
    NotAtomic(usize),
}

impl StoreError for MemoryError {
    fn class(&self) -> Class {
        match self {
            Self::Stale { .. } | Self::Condition(_) | Self::NoPool(_) => Class::Conflict,
            Self::Overlap { .. } | Self::NotAtomic(_) => Class::Rejected,
        }
    }
}

/// An owner's identity.
type Identity = (OwnerKind, String, String);

#[derive(Clone, Debug)]
struct Attached {
    bound: Owner,
    attachments: Vec<Attachment>,
    version: u64,
}

#[derive(Clone, Debug)]
struct Pool {
    state: PoolState,
    version: u64,
}

#[derive(Clone, Debug, Default)]
struct State {
    pools: BTreeMap<PoolName, Pool>,
    attached: BTreeMap<Identity, Attached>,
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
    /// [`MemoryError::Overlap`] with a pool of the same subnet.
    pub fn put_pool(&self, spec: PoolSpec, reserved: RangeSet) -> Result<(), MemoryError> {
        let mut state = self.lock();
        let overlapping = state.pools.values().map(|pool| pool.state.spec()).find(|peer| {
            peer.name() != spec.name()
                && peer.subnet() == spec.subnet()
                && peer.allocatable().overlaps(spec.allocatable())
        });
        if let Some(peer) = overlapping {
            return Err(MemoryError::Overlap { pool: spec.name().clone(), peer: peer.name().clone() });
        }
        let spec = Arc::new(spec);
        let pool = state
            .pools
            .entry(spec.name().clone())
            .or_insert_with(|| Pool { state: PoolState::new(Arc::clone(&spec)), version: 0 });
        pool.state.reshape(spec, Arc::new(reserved));
        pool.version = pool.version.saturating_add(1);
        Ok(())
    }

    /// Removes a pool with its records.
    pub fn drop_pool(&self, pool: &PoolName) {
        self.lock().pools.remove(pool);
    }

    /// All records, in order of pool and address.
    #[must_use]
    pub fn records(&self) -> Vec<(PoolName, Record)> {
        let state = self.lock();
        let of_pool = |(name, pool): (&PoolName, &Pool)| {
            pool.state.records().map(|record| (name.clone(), record.clone())).collect::<Vec<_>>()
        };
        state.pools.iter().flat_map(of_pool).collect()
    }

    /// All attachments with the incarnation that they belong to.
    #[must_use]
    pub fn attachments(&self) -> Vec<(Owner, Vec<Attachment>)> {
        self.lock()
            .attached
            .values()
            .map(|attached| (attached.bound.clone(), attached.attachments.clone()))
            .collect()
    }

    /// Commits and reads so far: what a caller costs.
    #[must_use]
    pub fn calls(&self) -> (u64, u64) {
        let state = self.lock();
        (state.commits, state.reads)
    }
}

fn identity(owner: &Owner) -> Identity {
    (owner.kind(), owner.scope().to_owned(), owner.name().to_owned())
}

fn version(number: u64) -> Version {
    Version::new(number.to_string())
}

impl State {
    fn nic_of(&self, owner: &Owner, address: Addr) -> Option<Nic> {
        let attached = self.attached.get(&identity(owner))?;
        let names = |attachment: &&Attachment| attachment.assignments.iter().any(|a| a.address == address);
        attached.attachments.iter().find(names).map(|attachment| attachment.nic.clone())
    }

    fn holding(&self, pool: &PoolName, record: &Record) -> Holding {
        Holding {
            pool: pool.clone(),
            record: record.clone(),
            nic: self.nic_of(&record.owner, record.address),
        }
    }

    fn holdings(&self, owner: &Owner) -> Holdings {
        let mut records = Vec::new();
        for (name, pool) in &self.pools {
            let mine = pool.state.records().filter(|record| record.owner.same_identity(owner));
            records.extend(mine.map(|record| self.holding(name, record)));
        }
        let attached = self.attached.get(&identity(owner));
        let attachments = attached.map(|attached| attached.attachments.clone()).unwrap_or_default();
        let named = attachments.iter().flat_map(|attachment| &attachment.assignments).map(|a| &a.pool);
        let mut names: Vec<&PoolName> = named.chain(records.iter().map(|holding| &holding.pool)).collect();
        names.sort();
        names.dedup();
        let pools = names
            .iter()
            .filter_map(|name| self.pools.get(*name))
            .map(|pool| Arc::clone(pool.state.spec()))
            .collect();
        Holdings {
            version: version(attached.map_or(0, |attached| attached.version)),
            bound: attached.map(|attached| attached.bound.clone()),
            attachments,
            records,
            pools,
        }
    }

    fn pick(&mut self, query: &crate::store::PickQuery) -> PickView {
        let Some(pool) = self.pools.get_mut(&query.pool) else {
            return PickView { version: Version::ANY, spec: None, outcome: Err(Obstacle::NoPool) };
        };
        let outcome = pool.state.pick(query);
        let (version, spec) = (version(pool.version), Some(Arc::clone(pool.state.spec())));
        let outcome = outcome.map_err(|obstacle| {
            let Obstacle::Held(holding) = obstacle else { return obstacle };
            Obstacle::Held(Box::new(self.holding(&holding.pool, &holding.record)))
        });
        // A pool of the same subnet may have given out an address that this one keeps no record of.
        let outcome = match (outcome, query.want) {
            (Ok(address), Want::Again(_)) => match self.holder_elsewhere(&query.pool, address) {
                Some(holding) => Err(Obstacle::Held(Box::new(holding))),
                None => Ok(address),
            },
            (outcome, _) => outcome,
        };
        PickView { version, spec, outcome }
    }

    fn holder_elsewhere(&self, pool: &PoolName, address: Addr) -> Option<Holding> {
        let subnet = self.pools.get(pool)?.state.spec().subnet();
        self.pools
            .iter()
            .filter(|(name, peer)| *name != pool && peer.state.spec().subnet() == subnet)
            .find_map(|(name, peer)| peer.state.record(address).map(|record| self.holding(name, record)))
    }

    fn page(&self, query: &PageQuery) -> PageView {
        let after = query.after.as_ref();
        let mut records = Vec::new();
        for (name, pool) in &self.pools {
            if query.pool.as_ref().is_some_and(|wanted| wanted != name) {
                continue;
            }
            for record in pool.state.records() {
                let later = after.is_none_or(|(pool, address)| (pool, address) < (name, &record.address));
                let scoped = query.scope.as_ref().is_none_or(|(kind, scope)| {
                    record.owner.kind() == *kind && record.owner.scope() == scope
                });
                if !later || !scoped {
                    continue;
                }
                if records.len() == query.limit {
                    let next = records.last().map(|h: &Holding| (h.pool.clone(), h.record.address));
                    return PageView { records, next };
                }
                records.push(self.holding(name, record));
            }
        }
        PageView { records, next: None }
    }

    fn apply(&mut self, change: &Change, strict: bool) -> Result<Version, MemoryError> {
        match change {
            Change::Pool { pool: name, version: planned, ops, now, cooldown } => {
                self.not_elsewhere(name, ops)?;
                let pool = self.pools.get_mut(name).ok_or_else(|| MemoryError::NoPool(name.clone()))?;
                if strict && !planned.allows(&version(pool.version)) {
                    return Err(MemoryError::Stale { what: format!("IPPool {name}") });
                }
                pool.state.apply(ops, *now, *cooldown)?;
                pool.version = pool.version.saturating_add(1);
                Ok(version(pool.version))
            }
            Change::Attachments { owner, version: planned, ops } => {
                let stored = self.attached.get(&identity(owner));
                let current = stored.map_or(0, |attached| attached.version);
                if !planned.allows(&version(current)) {
                    return Err(MemoryError::Stale { what: format!("attachments of {owner}") });
                }
                let mut attached = stored.cloned().unwrap_or_else(|| Attached {
                    bound: owner.clone(),
                    attachments: Vec::new(),
                    version: 0,
                });
                for op in ops {
                    self.attach(owner, &mut attached, op);
                }
                attached.version = current.saturating_add(1);
                let next = version(attached.version);
                self.attached.insert(identity(owner), attached);
                Ok(next)
            }
        }
    }

    fn not_elsewhere(&self, pool: &PoolName, ops: &[crate::store::PoolOp]) -> Result<(), MemoryError> {
        for op in ops {
            if let crate::store::PoolOp::Take(record) | crate::store::PoolOp::TakeAgain(record) = op
                && self.holder_elsewhere(pool, record.address).is_some()
            {
                return Err(MemoryError::Stale {
                    what: format!("{} in another IPPool of the subnet", record.address),
                });
            }
        }
        Ok(())
    }

    fn attach(&self, owner: &Owner, attached: &mut Attached, op: &AttachmentOp) {
        match op {
            AttachmentOp::Clear => attached.attachments.clear(),
            AttachmentOp::Set(planned) => {
                attached.bound = owner.clone();
                match attached.attachments.iter_mut().find(|attachment| attachment.nic == planned.nic) {
                    Some(attachment) => attachment.clone_from(planned),
                    None => attached.attachments.push(planned.clone()),
                }
            }
            AttachmentOp::Remove(nic) => attached.attachments.retain(|attachment| attachment.nic != *nic),
            AttachmentOp::Forget(address) => {
                let held = |assignment: &Assignment| {
                    let record =
                        self.pools.get(&assignment.pool).and_then(|pool| pool.state.record(*address));
                    record.is_some_and(|record| record.owner.same_holder(owner))
                };
                for attachment in &mut attached.attachments {
                    attachment
                        .assignments
                        .retain(|assignment| assignment.address != *address || held(assignment));
                }
                attached.attachments.retain(|attachment| !attachment.assignments.is_empty());
            }
        }
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
        Ok(match query {
            Query::Holdings { owner, .. } => View::Holdings(state.holdings(owner)),
            Query::Pick(query) => View::Pick(state.pick(query)),
            Query::Page(query) => View::Page(state.page(query)),
        })
    }

    fn commit(&mut self, changes: &[Change]) -> Result<Vec<Version>, MemoryError> {
        if !self.atomic && changes.len() > 1 {
            return Err(MemoryError::NotAtomic(changes.len()));
        }
        let mut state = self.lock();
        state.commits = state.commits.saturating_add(1);
        // A change that fails must leave nothing of those before it.
        let mut next = state.clone();
        let mut versions = Vec::new();
        for change in changes {
            versions.push(next.apply(change, !self.atomic)?);
        }
        *state = next;
        Ok(versions)
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
