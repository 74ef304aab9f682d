//! Reading pools: from the shelf, or from the API server.

use std::sync::Arc;

use ipam_core::select::{ListedPool, Standing};
use ipam_core::{Family, PoolFields, PoolName, PoolSpec, RangeSet, ReservedFields, ReservedSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;

use super::error::ClusterStoreError;
use super::pool::{KnownPool, PoolObject};
use super::{ClusterStore, POOL_BELIEVED};
use crate::client::{List, Named};
use crate::crd::{IPPoolSpec, SpiderIPPool, SpiderReservedIP};

/// Which state of a pool will do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Want {
    /// Any that was read since the process began.
    Any,
    /// The present one as far as anybody has told: what is written or picked on it is tested.
    Recent,
    /// The present one while a watch is live.
    Present,
    /// What the API server says now.
    Live,
}

/// A pool without its status.
#[derive(Deserialize)]
pub(super) struct SpecOnly {
    pub(super) metadata: ObjectMeta,
    spec: Option<IPPoolSpec>,
}

impl ClusterStore {
    /// The pool; `None`: there is none.
    pub(super) async fn pool(
        &self,
        name: &PoolName,
        want: Want,
    ) -> Result<Option<Arc<KnownPool>>, ClusterStoreError> {
        if let Some(pool) = self.shelved(name, want) {
            return Ok(Some(pool));
        }
        let reading = self.shelf.reading(name);
        let _one_at_a_time = reading.lock().await;
        // Somebody else may have read it meanwhile.
        if let Some(pool) = self.shelved(name, want) {
            return Ok(Some(pool));
        }
        self.fetch(name).await
    }

    fn shelved(&self, name: &PoolName, want: Want) -> Option<Arc<KnownPool>> {
        let shelved = self.shelf.get(name)?;
        let is_live = self.book.is_live();
        let will_do = match want {
            Want::Any => true,
            Want::Recent => !shelved.is_outdated && (is_live || shelved.pool.at.elapsed() < POOL_BELIEVED),
            Want::Present => !shelved.is_outdated && is_live,
            Want::Live => false,
        };
        will_do.then_some(shelved.pool)
    }

    /// Whether what stands on the shelf is as good as read.
    pub(super) fn is_present(&self, pool: &KnownPool) -> bool {
        self.shelved(&pool.name, Want::Present).is_some_and(|shelved| shelved.version == pool.version)
    }

    async fn fetch(&self, name: &PoolName) -> Result<Option<Arc<KnownPool>>, ClusterStoreError> {
        let read = self
            .cluster
            .get_measured::<SpiderIPPool, PoolObject>(Named::cluster(name.as_str()), self.deadline())
            .await;
        let (object, bytes) = match read {
            Ok(read) => read,
            Err(error) if error.is_not_found() => {
                self.shelf.note_gone(name);
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        let family = object.spec(name)?.family();
        let reserved = self.reserved(family).await?;
        let earlier = self.shelf.former(name);
        let records_max = self.options.records_max;
        let pool = KnownPool::read(name, object, bytes, reserved, records_max, earlier.as_deref())?;
        let pool = Arc::new(pool);
        self.shelf.put(Arc::clone(&pool));
        Ok(Some(pool))
    }

    /// The addresses that no pool gives out.
    async fn reserved(&self, family: Family) -> Result<Arc<RangeSet>, ClusterStoreError> {
        if let Some(reserved) = self.book.reserved(family) {
            return Ok(reserved);
        }
        let list =
            self.cluster.list::<SpiderReservedIP, SpiderReservedIP>(List::default(), self.deadline()).await?;
        let mut all = RangeSet::empty(family);
        for object in list.items {
            // One that is going away keeps nothing any more (chapter `ipam`, 7, step 2).
            if object.metadata.deletion_timestamp.is_some() {
                continue;
            }
            let name = object.metadata.name.unwrap_or_default();
            let checked =
                name.parse().ok().map(|name| ReservedSpec::new(&name, &ReservedFields::from(&object.spec)));
            match checked {
                Some(Ok(spec)) if spec.family() == family => {
                    spec.ranges().ranges().for_each(|range| all.insert(range));
                }
                Some(Ok(_)) | None => {}
                // What cannot be read might reserve anything.
                Some(Err(faults)) => {
                    let faults = faults.iter().map(ToString::to_string).collect();
                    return Err(ClusterStoreError::FaultyReserved { name, faults });
                }
            }
        }
        Ok(Arc::new(all))
    }

    /// Takes in what is reserved by now, where somebody watches it.
    pub(super) fn reserve(&self, pool: &KnownPool) {
        if let Some(reserved) = self.book.reserved(pool.spec.family()) {
            pool.reserve(&reserved);
        }
    }

    /// The specs of all pools, as far as they can be used.
    pub(super) async fn specs(&self) -> Result<Vec<Arc<PoolSpec>>, ClusterStoreError> {
        if let Some(specs) = self.book.specs() {
            return Ok(specs);
        }
        let list = self.cluster.list::<SpiderIPPool, SpecOnly>(List::default(), self.deadline()).await?;
        let specs = list.items.into_iter().filter_map(|SpecOnly { metadata, spec }| {
            let name: PoolName = metadata.name?.parse().ok()?;
            let fields = PoolFields::from(&spec.unwrap_or_default());
            ListedPool::new(name, &fields, Standing::default()).spec().cloned()
        });
        Ok(specs.collect())
    }
}
