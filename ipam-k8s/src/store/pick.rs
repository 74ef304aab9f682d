//! Picks.

use std::sync::Arc;

use ipam_core::{
    Addr, Holding, Obstacle, PickQuery, PickView, PoolName, PoolSpec, Version, Want as WantAddress,
};

use super::error::ClusterStoreError;
use super::read::Want;
use super::{ClusterStore, pool::KnownPool};

impl ClusterStore {
    pub(super) async fn pick(&self, query: &PickQuery) -> Result<PickView, ClusterStoreError> {
        let pool = match self.pool(&query.pool, Want::Recent).await {
            Ok(Some(pool)) => pool,
            Ok(None) => return Ok(none()),
            // Selection names its faults; here it is one that gives out nothing, and other candidates are tried.
            Err(ClusterStoreError::FaultySpec { .. }) if !matches!(query.want, WantAddress::Again(_)) => {
                return Ok(none());
            }
            Err(error) => return Err(error),
        };
        self.reserve(&pool);
        let outcome = self.pick_from(&pool, query);
        let outcome = match (outcome, query.want) {
            (Ok(address), WantAddress::Again(_)) => {
                self.elsewhere(&pool.spec, address).await?.map_or(Ok(address), Err)
            }
            (Err(Obstacle::Held(held)), _) => Err(Obstacle::Held(Box::new(self.with_nic(*held).await?))),
            (outcome, _) => outcome,
        };
        Ok(PickView {
            version: Version::new(pool.version.clone()),
            spec: Some(Arc::clone(&pool.spec)),
            outcome,
        })
    }

    /// Two pools should not overlap, but nobody may have kept them from it: what another one of the subnet has given out is passed over.
    fn pick_from(&self, pool: &KnownPool, query: &PickQuery) -> Result<Addr, Obstacle> {
        let WantAddress::Any(_) = query.want else { return pool.state().pick(query) };
        let (peers, mut query) = (self.known_peers(pool), query.clone());
        loop {
            let address = pool.state().pick(&query)?;
            if holder_among(&peers, address).is_none() {
                return Ok(address);
            }
            query.except.push(address);
        }
    }

    async fn with_nic(&self, mut holding: Holding) -> Result<Holding, ClusterStoreError> {
        holding.nic = self.nic_of(&holding.pool, &holding.record).await?;
        Ok(holding)
    }

    /// What another pool of the subnet has against giving out an address of this one that its ranges may not have any more.
    pub(super) async fn elsewhere(
        &self,
        spec: &PoolSpec,
        address: Addr,
    ) -> Result<Option<Obstacle>, ClusterStoreError> {
        let specs = self.specs().await?;
        let peers: Vec<&Arc<PoolSpec>> = specs
            .iter()
            .filter(|peer| peer.name() != spec.name() && peer.subnet() == spec.subnet())
            .collect();
        for peer in &peers {
            // It may have been made after the last read of ours, so what is told of it counts.
            let Some(pool) = self.pool(peer.name(), Want::Present).await? else { continue };
            pool.readable()?;
            let record = pool.state().record(address).cloned();
            if let Some(record) = record {
                let holding = Holding { pool: pool.name.clone(), record, nic: None };
                return Ok(Some(Obstacle::Held(Box::new(self.with_nic(holding).await?))));
            }
        }
        Ok(peers.iter().any(|peer| peer.allocatable().contains(address)).then_some(Obstacle::Outside))
    }

    /// The other pools of the subnet, those of them that are known.
    pub(super) fn known_peers(&self, pool: &KnownPool) -> Vec<Arc<KnownPool>> {
        let mut pools = self.shelf.pools();
        pools.retain(|peer| peer.name != pool.name && peer.spec.subnet() == pool.spec.subnet());
        pools
    }
}

/// Which of these pools has a record of this address.
pub(super) fn holder_among(peers: &[Arc<KnownPool>], address: Addr) -> Option<&PoolName> {
    peers.iter().find(|peer| peer.state().record(address).is_some()).map(|peer| &peer.name)
}

const fn none() -> PickView {
    PickView { version: Version::ANY, spec: None, outcome: Err(Obstacle::NoPool) }
}
