//! What is known: pools by name, endpoints by owner.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ipam_core::PoolName;
use tokio::time::Instant;

use super::pool::KnownPool;
use crate::crd::SpiderEndpoint;

/// Endpoints that are kept at most: several times what a node runs at once. The one that was written or read longest ago goes first.
const ENDPOINTS_MAX: usize = 1_024;

/// The pools.
#[derive(Debug, Default)]
pub(super) struct Shelf(Mutex<BTreeMap<PoolName, Slot>>);

#[derive(Debug, Default)]
struct Slot {
    known: Option<Arc<KnownPool>>,
    /// The one before it was taken from the shelf: it remembers which addresses were freed of late.
    former: Option<Arc<KnownPool>>,
    /// What a watch has told: uid and version.
    seen: Option<(String, String)>,
    /// Writes of this process that are under way. A version that a watch tells of meanwhile may be theirs.
    sending: usize,
    /// Held while the pool is read, so that many who wait need one request.
    reading: Arc<tokio::sync::Mutex<()>>,
}

/// A pool on the shelf.
#[derive(Debug)]
pub(super) struct Shelved {
    pub(super) pool: Arc<KnownPool>,
    /// A watch has told of a later version.
    pub(super) is_outdated: bool,
}

impl Shelf {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<PoolName, Slot>> {
        // Each change is one assignment.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self, name: &PoolName) -> Option<Shelved> {
        let slots = self.lock();
        let slot = slots.get(name)?;
        let pool = slot.known.clone()?;
        let is_outdated = slot.seen.as_ref().is_some_and(|(uid, version)| {
            *uid != pool.uid || (*version != pool.version && !is_later(&pool.version, version))
        });
        Some(Shelved { pool, is_outdated: is_outdated && slot.sending == 0 })
    }

    /// A version of the pool that is not believed, but remembers.
    pub(super) fn former(&self, name: &PoolName) -> Option<Arc<KnownPool>> {
        let slots = self.lock();
        let slot = slots.get(name)?;
        slot.known.as_ref().or(slot.former.as_ref()).map(Arc::clone)
    }

    pub(super) fn reading(&self, name: &PoolName) -> Arc<tokio::sync::Mutex<()>> {
        Arc::clone(&self.lock().entry(name.clone()).or_default().reading)
    }

    /// Puts a version on the shelf, unless a later one of the same pool stands there.
    pub(super) fn put(&self, pool: Arc<KnownPool>) {
        let mut slots = self.lock();
        let slot = slots.entry(pool.name.clone()).or_default();
        let is_late = slot
            .known
            .as_ref()
            .is_some_and(|known| known.uid == pool.uid && is_later(&known.version, &pool.version));
        if !is_late {
            (slot.known, slot.former) = (Some(pool), None);
        }
    }

    /// Takes this version from the shelf: whether it is the present one is not known any more.
    pub(super) fn drop_version(&self, name: &PoolName, version: &str) {
        let mut slots = self.lock();
        if let Some(slot) = slots.get_mut(name)
            && slot.known.as_ref().is_some_and(|known| known.version == version)
        {
            slot.former = slot.known.take();
        }
    }

    /// Notes that a version is about to be replaced. Unless [`Sending::landed`] is told how that went, it is taken from the shelf.
    pub(super) fn sending(&self, pool: &KnownPool) -> Sending<'_> {
        let mut slots = self.lock();
        let slot = slots.entry(pool.name.clone()).or_default();
        slot.sending = slot.sending.saturating_add(1);
        Sending { shelf: self, name: pool.name.clone(), version: pool.version.clone(), next: None }
    }

    pub(super) fn note_seen(&self, name: &PoolName, uid: &str, version: &str) {
        let mut slots = self.lock();
        let slot = slots.entry(name.clone()).or_default();
        let is_late =
            slot.seen.as_ref().is_some_and(|(seen_uid, seen)| seen_uid == uid && is_later(seen, version));
        if !is_late {
            slot.seen = Some((uid.to_owned(), version.to_owned()));
        }
    }

    pub(super) fn note_gone(&self, name: &PoolName) {
        self.lock().remove(name);
    }

    /// The names of pools that this process has read, whether what it read is still believed or not.
    pub(super) fn touched(&self) -> Vec<PoolName> {
        let slots = self.lock();
        let is_touched = |slot: &Slot| slot.known.is_some() || slot.former.is_some();
        slots.iter().filter(|(_, slot)| is_touched(slot)).map(|(name, _)| name.clone()).collect()
    }

    /// All pools that are known.
    pub(super) fn pools(&self) -> Vec<Arc<KnownPool>> {
        self.lock().values().filter_map(|slot| slot.known.clone()).collect()
    }
}

/// A write under way. Dropped without an answer, its outcome is unknown.
#[derive(Debug)]
pub(super) struct Sending<'a> {
    shelf: &'a Shelf,
    name: PoolName,
    version: String,
    next: Option<Arc<KnownPool>>,
}

impl Sending<'_> {
    /// It was stored as this.
    pub(super) fn landed(mut self, next: Arc<KnownPool>) {
        self.next = Some(next);
    }
}

impl Drop for Sending<'_> {
    fn drop(&mut self) {
        match self.next.take() {
            Some(next) => self.shelf.put(next),
            None => self.shelf.drop_version(&self.name, &self.version),
        }
        if let Some(slot) = self.shelf.lock().get_mut(&self.name) {
            slot.sending = slot.sending.saturating_sub(1);
        }
    }
}

/// Whether one version of an object is later than another one. They are numbers that grow (Kubernetes API conventions, *Resource
/// versions*; promised for custom resources since 1.35, and so in every release with etcd below it). What is no number is not later.
fn is_later(version: &str, than: &str) -> bool {
    match (version.parse::<u64>(), than.parse::<u64>()) {
        (Ok(version), Ok(than)) => version > than,
        _ => false,
    }
}

type Place = (String, String);

/// The endpoints.
#[derive(Debug, Default)]
pub(super) struct EndpointShelf(Mutex<BTreeMap<Place, EndpointSlot>>);

#[derive(Debug)]
struct EndpointSlot {
    /// `None`: there may be one, of which nothing is known.
    known: Option<Arc<SpiderEndpoint>>,
    at: Instant,
}

/// What is known of an endpoint.
#[derive(Debug)]
pub(super) enum EndpointKnown {
    /// This process has neither read nor written it.
    Untouched,
    /// It was touched, and its state is unknown.
    Unsure,
    /// It was so, this long ago.
    Known(Arc<SpiderEndpoint>, Duration),
}

impl EndpointShelf {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Place, EndpointSlot>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self, namespace: &str, name: &str) -> EndpointKnown {
        let slots = self.lock();
        match slots.get(&(namespace.to_owned(), name.to_owned())) {
            None => EndpointKnown::Untouched,
            Some(EndpointSlot { known: None, .. }) => EndpointKnown::Unsure,
            Some(EndpointSlot { known: Some(endpoint), at }) => {
                EndpointKnown::Known(Arc::clone(endpoint), at.elapsed())
            }
        }
    }

    pub(super) fn put(&self, namespace: &str, name: &str, known: Option<Arc<SpiderEndpoint>>) {
        let mut slots = self.lock();
        slots.insert((namespace.to_owned(), name.to_owned()), EndpointSlot { known, at: Instant::now() });
        if slots.len() > ENDPOINTS_MAX {
            let oldest = slots.iter().min_by_key(|(_, slot)| slot.at).map(|(place, _)| place.clone());
            if let Some(place) = oldest {
                slots.remove(&place);
            }
        }
    }

    /// There is none.
    pub(super) fn note_gone(&self, namespace: &str, name: &str) {
        self.lock().remove(&(namespace.to_owned(), name.to_owned()));
    }
}
