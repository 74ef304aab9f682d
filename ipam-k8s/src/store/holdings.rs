//! What an owner holds.

use std::sync::Arc;

use ipam_core::status::AllocatedIp;
use ipam_core::{Addr, Holding, Holdings, Nic, Owner, PoolName, PoolSpec, Record, Version};

use super::endpoint::{attachments, bound, is_damaged, nic_of, place};
use super::error::ClusterStoreError;
use super::pool::KnownPool;
use super::read::Want;
use super::shelf::EndpointKnown;
use super::{ClusterStore, ENDPOINT_BELIEVED};
use crate::client::Named;
use crate::crd::SpiderEndpoint;

/// The version of an endpoint that is not there.
pub(super) const ABSENT: &str = "absent";

pub(super) fn version_of(endpoint: &SpiderEndpoint) -> Version {
    let part = |part: &Option<String>| part.clone().unwrap_or_default();
    Version::new(format!("{}/{}", part(&endpoint.metadata.uid), part(&endpoint.metadata.resource_version)))
}

impl ClusterStore {
    pub(super) async fn holdings(
        &self,
        owner: &Owner,
        candidates: &[PoolName],
    ) -> Result<Holdings, ClusterStoreError> {
        // Nothing of another kind of owner is ever stored here.
        if place(owner).is_none() {
            return Ok(Holdings { version: Version::new(ABSENT), ..Holdings::default() });
        }
        let endpoint = self.endpoint_of(owner, candidates).await?;
        let is_new = endpoint.is_none() && self.draft_of(owner).is_some_and(|draft| draft.is_new);
        let attachments = endpoint.as_deref().map(attachments).unwrap_or_default();
        let named = attachments.iter().flat_map(|attachment| &attachment.assignments).map(|one| &one.pool);
        let mut attached: Vec<PoolName> = named.cloned().collect();
        if candidates.is_empty() {
            attached.extend(self.pools_of_damaged(endpoint.as_deref()).await?);
        }
        attached.sort();
        attached.dedup();
        let (mut records, mut specs) = (Vec::new(), Vec::<Arc<PoolSpec>>::new());
        for name in &attached {
            let Some(pool) = self.pool(name, Want::Present).await? else { continue };
            pool.readable()?;
            records.extend(named_records_of(&pool, owner, endpoint.as_deref()));
            specs.push(Arc::clone(&pool.spec));
        }
        // See the module: who could have written a record that no endpoint names?
        let is_bound = endpoint.as_deref().and_then(|endpoint| bound(endpoint, owner));
        let is_own = is_new || is_bound.is_some_and(|bound| bound.same_holder(owner));
        let want = if is_own { Want::Any } else { Want::Recent };
        // Who gives back names no pools. A record that no endpoint names is in one that this process has used, or that a collector finds.
        let touched = if candidates.is_empty() { self.shelf.touched() } else { Vec::new() };
        let want = if candidates.is_empty() { Want::Any } else { want };
        for name in candidates.iter().chain(&touched).filter(|name| !attached.contains(name)) {
            let pool = match self.pool(name, want).await {
                Ok(Some(pool)) => pool,
                Ok(None) => continue,
                // A pool that can give nothing has nothing to claim either; a commit would be rejected.
                Err(ClusterStoreError::FaultySpec { .. }) => continue,
                Err(error) => return Err(error),
            };
            let mine = records_of(&pool, owner, endpoint.as_deref());
            if !mine.is_empty() {
                specs.push(Arc::clone(&pool.spec));
                records.extend(mine);
            }
        }
        Ok(Holdings {
            version: endpoint.as_deref().map_or(Version::new(ABSENT), version_of),
            bound: endpoint.as_deref().and_then(|endpoint| bound(endpoint, owner)),
            attachments,
            records,
            pools: specs,
        })
    }

    /// Where an endpoint cannot be read whole, all pools: what it names may be in any of them. Only a release looks so far.
    async fn pools_of_damaged(
        &self,
        endpoint: Option<&SpiderEndpoint>,
    ) -> Result<Vec<PoolName>, ClusterStoreError> {
        if endpoint.is_none_or(|endpoint| !is_damaged(endpoint)) {
            return Ok(Vec::new());
        }
        Ok(self.specs().await?.iter().map(|spec| spec.name().clone()).collect())
    }

    /// The owner's endpoint, from what is believed or live.
    async fn endpoint_of(
        &self,
        owner: &Owner,
        candidates: &[PoolName],
    ) -> Result<Option<Arc<SpiderEndpoint>>, ClusterStoreError> {
        let Some((namespace, name)) = place(owner) else { return Ok(None) };
        if let Some(endpoint) = self.believed(owner, namespace, name) {
            return Ok(Some(endpoint));
        }
        let is_untouched = matches!(self.endpoints.get(namespace, name), EndpointKnown::Untouched);
        if is_untouched && self.draft_of(owner).is_some_and(|draft| draft.is_new) {
            // Nobody but this process can have made one; a record in the pools would say that somebody did.
            let has_record = |name: &PoolName| {
                self.shelf.get(name).is_some_and(|known| !records_of(&known.pool, owner, None).is_empty())
            };
            if !candidates.iter().any(has_record) {
                return Ok(None);
            }
        }
        self.fetch_endpoint(Named::within(namespace, name)).await
    }

    /// The endpoint of an owner with the routes, VLANs and whatever else an answer needs: as it is known where that is believed (see the
    /// [module](super)), else as it is. `None`: there is none.
    ///
    /// # Errors
    /// As [`read`](ipam_core::AsyncStore::read).
    pub async fn endpoint(&self, owner: &Owner) -> Result<Option<Arc<SpiderEndpoint>>, ClusterStoreError> {
        let Some((namespace, name)) = place(owner) else { return Ok(None) };
        if let Some(endpoint) = self.believed(owner, namespace, name) {
            return Ok(Some(endpoint));
        }
        self.fetch_endpoint(Named::within(namespace, name)).await
    }

    /// The endpoint of an owner as it is now. `None`: there is none.
    ///
    /// # Errors
    /// As [`read`](ipam_core::AsyncStore::read).
    pub async fn endpoint_now(
        &self,
        owner: &Owner,
    ) -> Result<Option<Arc<SpiderEndpoint>>, ClusterStoreError> {
        let Some((namespace, name)) = place(owner) else { return Ok(None) };
        self.fetch_endpoint(Named::within(namespace, name)).await
    }

    /// Whether this process has read or written the endpoint of an owner's name, or tried to.
    #[must_use]
    pub fn has_touched(&self, owner: &Owner) -> bool {
        let Some((namespace, name)) = place(owner) else { return false };
        !matches!(self.endpoints.get(namespace, name), EndpointKnown::Untouched)
    }

    fn believed(&self, owner: &Owner, namespace: &str, name: &str) -> Option<Arc<SpiderEndpoint>> {
        let EndpointKnown::Known(endpoint, age) = self.endpoints.get(namespace, name) else { return None };
        let is_its = bound(&endpoint, owner).is_some_and(|bound| bound.same_holder(owner));
        (is_its && age < ENDPOINT_BELIEVED).then_some(endpoint)
    }

    /// The NIC that has an address, as its holder's endpoint says it.
    pub(super) async fn nic_of(
        &self,
        pool: &PoolName,
        record: &Record,
    ) -> Result<Option<Nic>, ClusterStoreError> {
        let Some((namespace, name)) = place(&record.owner) else { return Ok(None) };
        let endpoint = self.fetch_endpoint(Named::within(namespace, name)).await?;
        Ok(endpoint.and_then(|endpoint| nic_of(&endpoint, pool, record.address)))
    }
}

/// The records of an owner's name in a pool. The text of a record does not say whether it names a pod or a virtual machine; it is taken
/// for what asks.
fn records_of(pool: &KnownPool, owner: &Owner, endpoint: Option<&SpiderEndpoint>) -> Vec<Holding> {
    records_where(pool, owner, endpoint, |ip, pod| ip.pod == pod)
}

/// The same in a pool that the owner's endpoint names. There the uid alone says who holds an address (chapter `ipam`, 1), whatever pod the
/// record names. Elsewhere it must not: a virtual machine's addresses bear the uid of the pod that runs it, and outlive that pod.
fn named_records_of(pool: &KnownPool, owner: &Owner, endpoint: Option<&SpiderEndpoint>) -> Vec<Holding> {
    records_where(pool, owner, endpoint, |ip, pod| ip.pod == pod || ip.uid == owner.uid())
}

fn records_where(
    pool: &KnownPool,
    owner: &Owner,
    endpoint: Option<&SpiderEndpoint>,
    is_its: impl Fn(&AllocatedIp<'_>, &str) -> bool,
) -> Vec<Holding> {
    let pod = format!("{}/{}", owner.scope(), owner.name());
    let holding = |(address, uid): (Addr, &str)| {
        let holder = Owner::from_parts(owner.kind(), owner.scope(), owner.name(), uid).ok()?;
        let nic = endpoint.and_then(|endpoint| nic_of(endpoint, &pool.name, address));
        let record = Record { address, owner: holder, stamp: None };
        Some(Holding { pool: pool.name.clone(), record, nic })
    };
    let mine = pool.ips.iter().filter(|ip| is_its(ip, &pod));
    let mine = mine.filter_map(|ip| Some((ip.address?, ip.uid)));
    let mut records: Vec<Holding> = mine.filter_map(holding).collect();
    records.sort_by_key(|holding| holding.record.address);
    records
}
