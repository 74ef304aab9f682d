//! What a store in memory keeps, and what its answers and changes are.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::MemoryError;
use crate::addr::Addr;
use crate::ledger::PoolState;
use crate::owner::{Nic, Owner, OwnerKind};
use crate::pool::{PoolName, PoolSpec};
use crate::rangeset::RangeSet;
use crate::record::{Assignment, Attachment, Record};
use crate::store::{
    AttachmentOp, Change, Holding, Holdings, Obstacle, PageQuery, PageView, PickQuery, PickView, PoolOp,
    Version, Want,
};

/// An owner's identity.
type Identity = (OwnerKind, String, String);

#[derive(Clone, Debug)]
pub(super) struct Attached {
    pub(super) bound: Owner,
    pub(super) attachments: Vec<Attachment>,
    version: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Pool {
    pub(super) state: PoolState,
    version: u64,
}

/// All that a store in memory has.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    pub(super) pools: BTreeMap<PoolName, Pool>,
    pub(super) attached: BTreeMap<Identity, Attached>,
    pub(super) commits: u64,
    pub(super) reads: u64,
    /// The latest version of anything: one that a pool has had never comes back, not even when the pool is made anew.
    latest: u64,
}

fn identity(owner: &Owner) -> Identity {
    (owner.kind(), owner.scope().to_owned(), owner.name().to_owned())
}

fn restore<K: Ord, V>(map: &mut BTreeMap<K, V>, before: BTreeMap<K, Option<V>>) {
    for (key, value) in before {
        match value {
            Some(value) => drop(map.insert(key, value)),
            None => drop(map.remove(&key)),
        }
    }
}

fn version(number: u64) -> Version {
    Version::new(number.to_string())
}

impl State {
    fn next_version(&mut self) -> u64 {
        self.latest = self.latest.saturating_add(1);
        self.latest
    }

    /// Adds a pool or reshapes it.
    pub(super) fn put_pool(&mut self, spec: PoolSpec, reserved: RangeSet) {
        let (version, spec) = (self.next_version(), Arc::new(spec));
        let pool = self
            .pools
            .entry(spec.name().clone())
            .or_insert_with(|| Pool { state: PoolState::new(Arc::clone(&spec)), version });
        pool.state.reshape(spec, Arc::new(reserved));
        pool.version = version;
    }

    /// The change with the present version in place of none.
    pub(super) fn bind(&self, change: &Change) -> Change {
        let mut bound = change.clone();
        let (planned, present) = match &mut bound {
            Change::Pool { pool, version, .. } => {
                (version, self.pools.get(pool).map_or(0, |pool| pool.version))
            }
            Change::Attachments { owner, version, .. } => {
                (version, self.attached.get(&identity(owner)).map_or(0, |attached| attached.version))
            }
        };
        if *planned == Version::ANY {
            *planned = version(present);
        }
        bound
    }

    /// Applies all changes or none.
    pub(super) fn commit(&mut self, changes: &[Change], strict: bool) -> Result<Vec<Version>, MemoryError> {
        // A change that fails alone leaves nothing; one that fails after others must leave nothing of those.
        if let [alone] = changes {
            return self.apply(alone, strict).map(|version| vec![version]);
        }
        let mut pools = BTreeMap::new();
        let mut attached = BTreeMap::new();
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
        let applied: Result<Vec<Version>, MemoryError> =
            changes.iter().map(|change| self.apply(change, strict)).collect();
        if applied.is_err() {
            restore(&mut self.pools, pools);
            restore(&mut self.attached, attached);
        }
        applied
    }

    fn nic_of(&self, pool: &PoolName, owner: &Owner, address: Addr) -> Option<Nic> {
        let attached = self.attached.get(&identity(owner))?;
        // An attachment that outlived its record may name the address of another pool.
        let names = |attachment: &&Attachment| {
            attachment.assignments.iter().any(|a| a.pool == *pool && a.address == address)
        };
        attached.attachments.iter().find(names).map(|attachment| attachment.nic.clone())
    }

    fn holding(&self, pool: &PoolName, record: &Record) -> Holding {
        Holding {
            pool: pool.clone(),
            record: record.clone(),
            nic: self.nic_of(pool, &record.owner, record.address),
        }
    }

    pub(super) fn holdings(&self, owner: &Owner) -> Holdings {
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

    pub(super) fn pick(&mut self, query: &PickQuery) -> PickView {
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
                None if self.is_of_another(&query.pool, address) => Err(Obstacle::Outside),
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

    /// Whether the address was given to another pool of the subnet, which would hand it out as its own.
    fn is_of_another(&self, pool: &PoolName, address: Addr) -> bool {
        let Some(subnet) = self.pools.get(pool).map(|pool| pool.state.spec().subnet()) else { return false };
        self.pools.iter().any(|(name, peer)| {
            let spec = peer.state.spec();
            name != pool && spec.subnet() == subnet && spec.allocatable().contains(address)
        })
    }

    pub(super) fn page(&self, query: &PageQuery) -> PageView {
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
                let next = self.next_version();
                let pool = self.pools.get_mut(name).ok_or_else(|| MemoryError::NoPool(name.clone()))?;
                if strict && !planned.allows(&version(pool.version)) {
                    return Err(MemoryError::Stale { what: format!("IPPool {name}") });
                }
                pool.state.apply(ops, *now, *cooldown)?;
                pool.version = next;
                Ok(version(next))
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
                attached.version = self.next_version();
                let next = version(attached.version);
                self.attached.insert(identity(owner), attached);
                Ok(next)
            }
        }
    }

    fn not_elsewhere(&self, pool: &PoolName, ops: &[PoolOp]) -> Result<(), MemoryError> {
        for op in ops {
            if let PoolOp::Take(record) | PoolOp::TakeAgain(record) = op
                && (self.holder_elsewhere(pool, record.address).is_some()
                    || self.is_of_another(pool, record.address))
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
