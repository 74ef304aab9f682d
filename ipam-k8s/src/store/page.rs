//! Pages of records, for whoever judges them: always as they are.

use std::collections::{BTreeMap, BTreeSet};

use ipam_core::{Addr, Holding, Owner, OwnerKind, PageQuery, PageView, PoolName};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::ClusterStore;
use super::endpoint::{is_virtual, nic_of};
use super::error::ClusterStoreError;
use super::read::Want;
use crate::client::{List, Named, Page};
use crate::crd::{SpiderEndpoint, SpiderIPPool};

/// Owners of one namespace whose endpoints are read one by one; where there are more the namespace is listed.
const ONE_BY_ONE_MAX: usize = 4;

/// Namespace and name.
type Place = (String, String);

impl ClusterStore {
    /// Pools first, then endpoints. Without a pool in the question, one whose records cannot be read is passed over: it must not keep
    /// the others from being looked at.
    pub(super) async fn page(&self, query: &PageQuery) -> Result<PageView, ClusterStoreError> {
        let mut records: Vec<Holding> = Vec::new();
        let mut is_more = false;
        'pools: for name in self.names(query).await? {
            let pool = match self.pool(&name, Want::Live).await {
                Ok(Some(pool)) => pool,
                Ok(None) => continue,
                Err(ClusterStoreError::FaultySpec { .. }) if query.pool.is_none() => continue,
                Err(error) => return Err(error),
            };
            if query.pool.is_some() {
                pool.readable()?;
            }
            for record in pool.state().records() {
                let is_later = query
                    .after
                    .as_ref()
                    .is_none_or(|(pool, address)| (pool, address) < (&name, &record.address));
                if !is_later || !may_be_of(query, &record.owner) {
                    continue;
                }
                if records.len() >= query.limit {
                    is_more = true;
                    break 'pools;
                }
                records.push(Holding { pool: name.clone(), record: record.clone(), nic: None });
            }
        }
        let next =
            if is_more { records.last().map(|last| (last.pool.clone(), last.record.address)) } else { None };
        self.name_nics(&mut records).await?;
        if let Some((kind, _)) = &query.scope {
            records.retain(|holding| holding.record.owner.kind() == *kind);
        }
        Ok(PageView { records, next })
    }

    /// The pools to look at, in order.
    async fn names(&self, query: &PageQuery) -> Result<Vec<PoolName>, ClusterStoreError> {
        let mut names = match &query.pool {
            Some(name) => vec![name.clone()],
            None => {
                let Page { items, .. } =
                    self.cluster.list_metadata::<SpiderIPPool>(List::default(), self.deadline()).await?;
                let name = |metadata: ObjectMeta| metadata.name?.parse().ok();
                items.into_iter().filter_map(name).collect()
            }
        };
        if let Some((after, _)) = &query.after {
            names.retain(|name| name >= after);
        }
        names.sort();
        Ok(names)
    }

    /// Adds what the endpoints of the holders say: which NIC, and whether the holder is a virtual machine.
    async fn name_nics(&self, records: &mut [Holding]) -> Result<(), ClusterStoreError> {
        let mut wanted: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for Holding { record, .. } in records.iter() {
            let owner = &record.owner;
            if owner.kind() == OwnerKind::Pod {
                wanted.entry(owner.scope().to_owned()).or_default().insert(owner.name().to_owned());
            }
        }
        let mut endpoints: BTreeMap<Place, SpiderEndpoint> = BTreeMap::new();
        for (namespace, names) in wanted {
            if names.len() <= ONE_BY_ONE_MAX {
                for name in names {
                    if let Some(endpoint) = self.fetch_endpoint(Named::within(&namespace, &name)).await? {
                        endpoints.insert((namespace.clone(), name), (*endpoint).clone());
                    }
                }
                continue;
            }
            let list = List { namespace: Some(&namespace), ..List::default() };
            let page = self.cluster.list::<SpiderEndpoint, SpiderEndpoint>(list, self.deadline()).await?;
            for endpoint in page.items {
                let name = endpoint.metadata.name.clone().unwrap_or_default();
                if names.contains(&name) {
                    endpoints.insert((namespace.clone(), name), endpoint);
                }
            }
        }
        for holding in records {
            let owner = &holding.record.owner;
            let Some(endpoint) = endpoints.get(&(owner.scope().to_owned(), owner.name().to_owned())) else {
                continue;
            };
            let address: Addr = holding.record.address;
            holding.nic = nic_of(endpoint, &holding.pool, address);
            if is_virtual(endpoint)
                && let Ok(machine) = Owner::virtual_machine(owner.scope(), owner.name(), owner.uid())
            {
                holding.record.owner = machine;
            }
        }
        Ok(())
    }
}

/// A record says neither pod nor virtual machine, so either may be meant until its endpoint is known.
fn may_be_of(query: &PageQuery, owner: &Owner) -> bool {
    query.scope.as_ref().is_none_or(|(kind, scope)| {
        let may_be_virtual = owner.kind() == OwnerKind::Pod && *kind == OwnerKind::VirtualMachine;
        (owner.kind() == *kind || may_be_virtual) && owner.scope() == scope
    })
}
