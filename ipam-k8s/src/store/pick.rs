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
            // A commit would be rejected, and other candidates be tried. Nobody knows what is free here, so anything will do.
            Err(ClusterStoreError::UnreadableRecords { .. }) => return self.pick_blind(query).await,
            Err(error) => return Err(error),
        };
        self.reserve(&pool);
        let outcome = pool.state().pick(query);
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
            let record = pool.state().record(address).cloned();
            if let Some(record) = record {
                let holding = Holding { pool: pool.name.clone(), record, nic: None };
                return Ok(Some(Obstacle::Held(Box::new(self.with_nic(holding).await?))));
            }
        }
        Ok(peers.iter().any(|peer| peer.allocatable().contains(address)).then_some(Obstacle::Outside))
    }

    /// Which known pool of the subnet has this address, or would give it out.
    pub(super) fn known_elsewhere(&self, pool: &KnownPool, address: Addr) -> Option<PoolName> {
        let is_peer = |peer: &Arc<KnownPool>| {
            peer.name != pool.name
                && peer.spec.subnet() == pool.spec.subnet()
                && (peer.spec.allocatable().contains(address) || peer.state().record(address).is_some())
        };
        self.shelf.pools().iter().find(|peer| is_peer(peer)).map(|peer| peer.name.clone())
    }

    async fn pick_blind(&self, query: &PickQuery) -> Result<PickView, ClusterStoreError> {
        let spec = self.specs().await?.into_iter().find(|spec| *spec.name() == query.pool);
        let Some(spec) = spec else { return Ok(none()) };
        let outcome = ipam_core::PoolState::new(Arc::clone(&spec)).pick(query);
        Ok(PickView { version: Version::ANY, spec: Some(spec), outcome })
    }
}

const fn none() -> PickView {
    PickView { version: Version::ANY, spec: None, outcome: Err(Obstacle::NoPool) }
}
