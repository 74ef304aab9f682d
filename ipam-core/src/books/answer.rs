//! What books answer.

use std::sync::Arc;

use super::{Books, identity, version};
use crate::addr::Addr;
use crate::owner::{Nic, Owner};
use crate::pool::PoolName;
use crate::record::{Assignment, Record};
use crate::store::{
    Holding, Holdings, Obstacle, PageQuery, PageView, PickQuery, PickView, Query, Version, View, Want,
};

impl Books {
    /// Answers a query. Changes nothing that counts: a pick forgets what was freed long enough ago.
    pub fn read(&mut self, query: &Query) -> View {
        match query {
            Query::Holdings { owner, .. } => View::Holdings(self.holdings(owner)),
            Query::Pick(query) => View::Pick(self.pick(query)),
            Query::Page(query) => View::Page(self.page(query)),
        }
    }

    /// An attachment that outlived its record may name the address of another pool, so the pool counts.
    fn nic_of(&self, pool: &PoolName, owner: &Owner, address: Addr) -> Option<Nic> {
        let attached = self.attached.get(&identity(owner))?;
        let mut attachments = attached.attachments.iter();
        let named = |one: &Assignment| one.pool == *pool && one.address == address;
        let attachment = attachments.find(|attachment| attachment.assignments.iter().any(named));
        attachment.map(|attachment| attachment.nic.clone())
    }

    fn holding(&self, pool: &PoolName, record: &Record) -> Holding {
        let nic = self.nic_of(pool, &record.owner, record.address);
        Holding { pool: pool.clone(), record: record.clone(), nic }
    }

    fn holdings(&self, owner: &Owner) -> Holdings {
        let mut records = Vec::new();
        for (name, pool) in &self.pools {
            let mine = pool.state.records().filter(|record| record.owner.same_identity(owner));
            records.extend(mine.map(|record| self.holding(name, record)));
        }
        let attached = self.attached.get(&identity(owner));
        let attachments = attached.map(|attached| attached.attachments.clone()).unwrap_or_default();
        let named = attachments.iter().flat_map(|attachment| &attachment.assignments).map(|one| &one.pool);
        let mut names: Vec<&PoolName> = named.chain(records.iter().map(|holding| &holding.pool)).collect();
        names.sort();
        names.dedup();
        let pools = names.iter().filter_map(|name| self.pools.get(*name));
        Holdings {
            version: version(attached.map_or(0, |attached| attached.version)),
            bound: attached.map(|attached| attached.bound.clone()),
            pools: pools.map(|pool| Arc::clone(pool.state.spec())).collect(),
            attachments,
            records,
        }
    }

    fn pick(&mut self, query: &PickQuery) -> PickView {
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

    /// The record that a pool of the same subnet has of this address.
    pub(super) fn holder_elsewhere(&self, pool: &PoolName, address: Addr) -> Option<Holding> {
        let subnet = self.pools.get(pool)?.state.spec().subnet();
        let peers =
            self.pools.iter().filter(|(name, peer)| *name != pool && peer.state.spec().subnet() == subnet);
        peers
            .filter_map(|(name, peer)| Some((name, peer.state.record(address)?)))
            .map(|(name, record)| self.holding(name, record))
            .next()
    }

    /// Whether another pool of the subnet has the address by now, and would hand it out as its own.
    pub(super) fn is_of_another(&self, pool: &PoolName, address: Addr) -> bool {
        let Some(subnet) = self.pools.get(pool).map(|pool| pool.state.spec().subnet()) else { return false };
        self.pools.iter().any(|(name, peer)| {
            let spec = peer.state.spec();
            name != pool && spec.subnet() == subnet && spec.allocatable().contains(address)
        })
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
                    let next = records.last().map(|last: &Holding| (last.pool.clone(), last.record.address));
                    return PageView { records, next };
                }
                records.push(self.holding(name, record));
            }
        }
        PageView { records, next: None }
    }
}
