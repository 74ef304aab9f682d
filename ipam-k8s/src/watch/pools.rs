//! The pools, as a catalogue that is always up to date.

use std::sync::{Arc, PoisonError, RwLock, Weak};

use ipam_core::PoolName;
use ipam_core::admission::LABEL_APPLICATION;
use ipam_core::select::{Catalogue, ListedPool, Standing};
use tokio::sync::watch;
use tracing::warn;

use super::split::Shelf;
use crate::crd::{IPPool, IPPoolSpec};
use crate::meta::Meta;
use crate::store::ClusterStore;

/// Who wants to know which version of a pool the API server has: a store that would else read a pool to find out.
pub trait PoolSeen: Send + Sync {
    /// The API server has this version of a pool, or had it a moment ago. Versions of a pool come in order but for a list, which
    /// may tell one again.
    fn pool_seen(&self, name: &PoolName, uid: &str, version: &str);
    /// It has no such pool any more.
    fn pool_gone(&self, name: &PoolName);
}

impl PoolSeen for ClusterStore {
    fn pool_seen(&self, name: &PoolName, uid: &str, version: &str) {
        self.note_seen(name, uid, version);
    }

    fn pool_gone(&self, name: &PoolName) {
        self.note_gone(name);
    }
}

/// The pools by name.
#[derive(Default)]
pub(super) struct Pools {
    catalogue: watch::Sender<Arc<Catalogue>>,
    /// Weak, since who is told usually asks here in turn.
    told: RwLock<Option<Weak<dyn PoolSeen>>>,
}

impl std::fmt::Debug for Pools {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pools").field("pools", &self.catalogue.borrow().len()).finish_non_exhaustive()
    }
}

impl Pools {
    pub(super) fn catalogue(&self) -> Arc<Catalogue> {
        Arc::clone(&self.catalogue.borrow())
    }

    pub(super) fn changes(&self) -> watch::Receiver<Arc<Catalogue>> {
        self.catalogue.subscribe()
    }

    pub(super) fn tell(&self, seen: Weak<dyn PoolSeen>) {
        *self.told.write().unwrap_or_else(PoisonError::into_inner) = Some(seen);
    }

    fn told(&self, name: &str, tell: impl FnOnce(&dyn PoolSeen, &PoolName)) {
        let told = self.told.read().unwrap_or_else(PoisonError::into_inner).as_ref().and_then(Weak::upgrade);
        if let (Some(told), Ok(name)) = (told, name.parse()) {
            tell(told.as_ref(), &name);
        }
    }
}

/// What selection takes. A pool that cannot be used is listed with its faults, which are told to who names it.
pub(super) fn listed(meta: &Meta, spec: &Result<IPPoolSpec, String>) -> Option<ListedPool> {
    let name: PoolName = match meta.name.parse() {
        Ok(name) => name,
        Err(error) => {
            warn!(pool = meta.name, %error, "a pool cannot be known by its name");
            return None;
        }
    };
    let standing = Standing {
        is_terminating: meta.is_terminating(),
        is_auto: meta.labels.contains_key(LABEL_APPLICATION),
    };
    Some(match spec {
        Ok(spec) => ListedPool::new(name, &spec.into(), standing),
        Err(fault) => ListedPool::unreadable(name, fault.clone(), standing),
    })
}

impl Shelf<IPPool> for Pools {
    fn put(&self, meta: &Meta, spec: &Result<IPPoolSpec, String>) {
        let Some(pool) = listed(meta, spec) else { return };
        self.catalogue.send_modify(|catalogue| {
            Arc::make_mut(catalogue).insert(pool);
        });
    }

    fn remove(&self, name: &str) {
        self.catalogue.send_if_modified(|catalogue| {
            let is_there = catalogue.get(name).is_some();
            if is_there {
                Arc::make_mut(catalogue).remove(name);
            }
            is_there
        });
    }

    fn replace<'a>(&self, all: impl Iterator<Item = (&'a Meta, &'a Result<IPPoolSpec, String>)>) {
        let catalogue = all.filter_map(|(meta, spec)| listed(meta, spec)).collect();
        self.catalogue.send_replace(Arc::new(catalogue));
    }

    fn seen(&self, meta: &Meta) {
        self.told(&meta.name, |told, name| told.pool_seen(name, &meta.uid, &meta.version));
    }

    fn gone(&self, name: &str) {
        self.told(name, |told, name| told.pool_gone(name));
    }
}
