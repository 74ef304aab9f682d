//! Everything that a store keeps, in memory, with the rules for asking and changing it: a store that holds all of its state at hand
//! only has to load it and save it.

mod answer;
mod saved;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::addr::Addr;
use crate::ledger::PoolState;
use crate::owner::{Owner, OwnerKind};
use crate::pool::{PoolName, PoolSpec};
use crate::rangeset::RangeSet;
use crate::record::{Assignment, Attachment};
use crate::store::{AttachmentOp, Change, Class, PoolOp, StoreError, Version};

pub use saved::Saved;

/// What books refuse.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BooksError {
    /// A change was planned on a state that is no more.
    #[error("{what} has moved on")]
    Stale {
        /// The pool or owner.
        what: String,
    },
    /// The condition of an operation does not hold.
    #[error(transparent)]
    Condition(#[from] crate::Error),
    /// A pool that is not there.
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
    /// What was saved gives an address two holders.
    #[error("IPPool {pool}: {address} has two records; want one within the subnet")]
    Twice {
        /// The pool of one of them.
        pool: PoolName,
        /// The address.
        address: Addr,
    },
}

impl StoreError for BooksError {
    fn class(&self) -> Class {
        match self {
            Self::Stale { .. } | Self::Condition(_) | Self::NoPool(_) => Class::Conflict,
            Self::Overlap { .. } | Self::Twice { .. } => Class::Rejected,
        }
    }
}

/// An owner's identity.
type Identity = (OwnerKind, String, String);

#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
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

/// Pools with their records, and attachments: all that the contract of [`Store`](crate::Store) is about.
///
/// A store that keeps them answers with [`Books::read`], changes them with [`Books::commit`], and makes that durable in whatever way
/// it has: [`Books::saved`] is what to write (with feature `serde` in any format), [`Books::restore`] takes it back. A commit that
/// could not be saved must not be seen, so change a copy first:
///
/// ```
/// use ipam_core::{Books, BooksError, Change, PoolFields, PoolSpec, Query, RangeSet, Version, View};
///
/// struct Mine { books: Books }
///
/// impl Mine {
///     fn read(&mut self, query: &Query) -> Result<View, BooksError> {
///         Ok(self.books.read(query))
///     }
///
///     fn commit(&mut self, changes: &[Change]) -> Result<Vec<Version>, BooksError> {
///         let mut next = self.books.clone();
///         let versions = next.commit(changes)?;
///         // Here `next.saved()` is written, and an error returned if that fails.
///         self.books = next;
///         Ok(versions)
///     }
/// }
///
/// let fields = PoolFields { subnet: "10.6.0.0/24".into(), ips: vec!["10.6.0.10-10.6.0.19".into()], ..PoolFields::default() };
/// let spec = PoolSpec::new(&"v4".parse()?, &fields)?;
/// let (mut books, nothing) = (Books::default(), RangeSet::empty(spec.family()));
/// books.put_pool(spec, nothing)?;
/// let store = Mine { books };
/// # let mut store = store;
/// # assert!(store.commit(&[]).is_ok());
/// # let owner = ipam_core::Owner::container("net", "a")?;
/// # assert!(matches!(store.read(&Query::Holdings { owner, pools: vec![] })?, View::Holdings(_)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// An answer about an owner or a page of records walks the records of all pools, so this is for thousands of records, not millions.
#[derive(Clone, Debug, Default)]
pub struct Books {
    pools: BTreeMap<PoolName, Pool>,
    attached: BTreeMap<Identity, Attached>,
    /// The latest version of anything: one that a pool has had never comes back, not even when the pool is made anew.
    latest: u64,
}

fn identity(owner: &Owner) -> Identity {
    (owner.kind(), owner.scope().to_owned(), owner.name().to_owned())
}

fn version(number: u64) -> Version {
    Version::new(number.to_string())
}

fn restore<K: Ord, V>(map: &mut BTreeMap<K, V>, before: BTreeMap<K, Option<V>>) {
    for (key, value) in before {
        match value {
            Some(value) => drop(map.insert(key, value)),
            None => drop(map.remove(&key)),
        }
    }
}

impl Books {
    const fn next_version(&mut self) -> u64 {
        self.latest = self.latest.saturating_add(1);
        self.latest
    }

    /// Adds a pool, or gives one another spec or other reserved addresses.
    ///
    /// # Errors
    /// [`BooksError::Overlap`] with a pool of the same subnet.
    pub fn put_pool(&mut self, spec: PoolSpec, reserved: RangeSet) -> Result<(), BooksError> {
        let overlapping = self.pools().map(PoolState::spec).find(|peer| {
            peer.name() != spec.name()
                && peer.subnet() == spec.subnet()
                && peer.allocatable().overlaps(spec.allocatable())
        });
        if let Some(peer) = overlapping {
            return Err(BooksError::Overlap { pool: spec.name().clone(), peer: peer.name().clone() });
        }
        let (version, spec) = (self.next_version(), Arc::new(spec));
        let pool = self
            .pools
            .entry(spec.name().clone())
            .or_insert_with(|| Pool { state: PoolState::new(Arc::clone(&spec)), version });
        pool.state.reshape(spec, Arc::new(reserved));
        pool.version = version;
        Ok(())
    }

    /// Removes a pool with its records.
    pub fn drop_pool(&mut self, pool: &PoolName) {
        self.pools.remove(pool);
    }

    /// The pools, by name.
    pub fn pools(&self) -> impl Iterator<Item = &PoolState> {
        self.pools.values().map(|pool| &pool.state)
    }

    /// The attachments of each identity that ever had some, with the incarnation that they belong to.
    pub fn attachments(&self) -> impl Iterator<Item = (&Owner, &[Attachment])> {
        self.attached.values().map(|attached| (&attached.bound, attached.attachments.as_slice()))
    }

    /// The present version of what a change is about. What is not there has one too, which nothing that is there has.
    #[must_use]
    pub fn version(&self, change: &Change) -> Version {
        match change {
            Change::Pool { pool, .. } => version(self.pools.get(pool).map_or(0, |pool| pool.version)),
            Change::Attachments { owner, .. } => {
                version(self.attached.get(&identity(owner)).map_or(0, |attached| attached.version))
            }
        }
    }

    /// Applies all changes or none. In pools the conditions of the operations decide; attachments must be at the version that the change
    /// was planned on. A commit of several changes copies the pools that it touches, for their undoing.
    ///
    /// # Errors
    /// The first change that does not fit, in the order given.
    pub fn commit(&mut self, changes: &[Change]) -> Result<Vec<Version>, BooksError> {
        // A change that fails alone leaves nothing; one that fails after others must leave nothing of those.
        if let [alone] = changes {
            return self.apply(alone).map(|version| vec![version]);
        }
        let (mut pools, mut attached, latest) = (BTreeMap::new(), BTreeMap::new(), self.latest);
        for change in changes {
            match change {
                Change::Pool { pool, .. } => drop(pools.insert(pool.clone(), self.pools.get(pool).cloned())),
                Change::Attachments { owner, .. } => {
                    let identity = identity(owner);
                    let before = self.attached.get(&identity).cloned();
                    attached.insert(identity, before);
                }
            }
        }
        let applied: Result<Vec<Version>, BooksError> =
            changes.iter().map(|change| self.apply(change)).collect();
        if applied.is_err() {
            restore(&mut self.pools, pools);
            restore(&mut self.attached, attached);
            self.latest = latest;
        }
        applied
    }

    fn apply(&mut self, change: &Change) -> Result<Version, BooksError> {
        match change {
            Change::Pool { pool: name, ops, now, cooldown, .. } => {
                self.not_elsewhere(name, ops)?;
                let pool = self.pools.get_mut(name).ok_or_else(|| BooksError::NoPool(name.clone()))?;
                pool.state.apply(ops, *now, *cooldown)?;
                self.latest = self.latest.saturating_add(1);
                pool.version = self.latest;
                Ok(version(self.latest))
            }
            Change::Attachments { owner, version: planned, ops } => {
                if !planned.allows(&self.version(change)) {
                    return Err(BooksError::Stale { what: format!("attachments of {owner}") });
                }
                let stored = self.attached.get(&identity(owner)).cloned();
                let mut attached = stored.unwrap_or_else(|| Attached {
                    bound: owner.clone(),
                    attachments: Vec::new(),
                    version: 0,
                });
                for op in ops {
                    self.attach(owner, &mut attached, op);
                }
                attached.version = self.next_version();
                let next = version(attached.version);
                self.attached.insert(identity(owner), attached);
                Ok(next)
            }
        }
    }

    fn not_elsewhere(&self, pool: &PoolName, ops: &[PoolOp]) -> Result<(), BooksError> {
        for op in ops {
            if let PoolOp::Take(record) | PoolOp::TakeAgain(record) = op
                && (self.holder_elsewhere(pool, record.address).is_some()
                    || self.is_of_another(pool, record.address))
            {
                let what = format!("{} in another IPPool of the subnet", record.address);
                return Err(BooksError::Stale { what });
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
                    let pool = self.pools.get(&assignment.pool);
                    let record = pool.and_then(|pool| pool.state.record(*address));
                    // By name: the next incarnation may hold it by now, and these are its attachments.
                    record.is_some_and(|record| record.owner.same_identity(owner))
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
