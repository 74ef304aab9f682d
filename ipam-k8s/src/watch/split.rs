//! Kinds with a heavy status: metadata is watched, and a spec is read when its generation moves.
//!
//! kube's own `watcher` was weighed. It lists what it watches: with metadata that is a GET for each pool at a cold start, and with whole
//! objects each event brings a status of up to a megabyte. Here the two differ: the first list brings the specs, in pages, and drops
//! each status while it is read; events and later lists bring metadata.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tracing::warn;

use super::follow::{Followed, Keeper, back_off};
use super::object::{Head, Object};
use crate::client::{CallError, Cluster, Deadline, List, Named};
use crate::crd::{Custom, Kind};
use crate::meta::Meta;

/// Objects a page of the first list. A status may have more than half a megabyte.
const PAGE_OBJECTS: u32 = 100;
/// After a break, up to so many specs are read one by one; more of them by the first kind of list.
const SINGLES_MAX: usize = 50;
/// Specs that are read at once.
const FETCHES_MAX: usize = 8;
const FETCH_TIME: Duration = Duration::from_secs(30);
/// A name that comes and goes all the time must not hold up who asks for it.
const TRIES_MAX: usize = 5;

/// Where objects go whose spec is known.
pub(super) trait Shelf<C: Kind>: Send + Sync + 'static {
    /// An object has come, or has changed.
    fn put(&self, meta: &Meta, spec: &Result<C::Spec, String>);
    /// It has gone.
    fn remove(&self, name: &str);
    /// These are all that there are.
    fn replace<'a>(&self, all: impl Iterator<Item = (&'a Meta, &'a Result<C::Spec, String>)>);
    /// The API server told of this version of an object, whether its spec has moved or not.
    fn seen(&self, _: &Meta) {}
    /// It told that there is no such object any more.
    fn gone(&self, _: &str) {}
}

/// The objects of a kind.
#[derive(Debug)]
pub(super) struct Split<C: Kind, S> {
    state: Mutex<State<C>>,
    pub(super) shelf: S,
    wake: Notify,
}

#[derive(Debug)]
struct State<C: Kind> {
    objects: BTreeMap<String, Entry<C>>,
    /// Specs to be read.
    wanted: BTreeSet<String>,
    /// How often something was taken out. A spec that was read before that may be of an object that is gone.
    removals: u64,
}

#[derive(Debug)]
struct Entry<C: Kind> {
    meta: Meta,
    /// With the incarnation and the generation that it is of. `None`: not read yet.
    spec: Option<Spec<C>>,
}

#[derive(Debug)]
struct Spec<C: Kind> {
    uid: String,
    generation: i64,
    read: Result<C::Spec, String>,
}

impl<C: Kind> Entry<C> {
    fn of(Object { meta, spec: read }: Object<C>) -> Self {
        let spec = Some(Spec { uid: meta.uid.clone(), generation: meta.generation, read });
        Self { meta, spec }
    }

    /// Whether the spec is at least of the generation that the metadata tells of: it may have been read before that came.
    fn is_current(&self) -> bool {
        let Self { meta, spec } = self;
        spec.as_ref().is_some_and(|spec| spec.uid == meta.uid && spec.generation >= meta.generation)
    }

    /// The spec, if it is of this incarnation; an older generation is better than none.
    fn usable(&self) -> Option<&Result<C::Spec, String>> {
        self.spec.as_ref().filter(|spec| spec.uid == self.meta.uid).map(|spec| &spec.read)
    }
}

/// What a list has brought.
#[derive(Debug)]
pub(super) enum Listing<C: Kind> {
    Whole(Vec<Object<C>>),
    Heads(Vec<Meta>),
}

impl<C: Kind, S: Shelf<C>> Split<C, S> {
    pub(super) fn new(shelf: S) -> Self {
        let state = State { objects: BTreeMap::new(), wanted: BTreeSet::new(), removals: 0 };
        Self { state: Mutex::new(state), shelf, wake: Notify::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State<C>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells of each object again.
    pub(super) fn tell_again(&self) {
        let heads: Vec<Meta> = self.lock().objects.values().map(|entry| entry.meta.clone()).collect();
        heads.iter().for_each(|meta| self.shelf.seen(meta));
    }

    /// Calls for each object whose spec is known, in order of name.
    pub(super) fn each(&self, mut call: impl FnMut(&Meta, &Result<C::Spec, String>)) {
        for entry in self.lock().objects.values() {
            if let Some(spec) = entry.usable() {
                call(&entry.meta, spec);
            }
        }
    }

    async fn list_whole(
        &self,
        cluster: &Cluster,
        deadline: Deadline,
    ) -> Result<(Listing<C>, String), CallError> {
        let (mut all, mut next) = (Vec::new(), None);
        loop {
            let page = cluster
                .list_page::<Custom<C>, Object<C>>(List::default(), PAGE_OBJECTS, next.as_deref(), deadline)
                .await?;
            all.extend(page.items);
            if page.next.is_none() {
                return Ok((Listing::Whole(all), page.version));
            }
            next = page.next;
        }
    }

    /// Whether so many specs would have to be read after a list of metadata that a list of all is cheaper.
    fn is_far_off(&self, heads: &[Meta]) -> bool {
        let state = self.lock();
        let is_news = |meta: &&Meta| {
            let known = state.objects.get(&meta.name).and_then(|entry| entry.spec.as_ref());
            known.is_none_or(|spec| spec.uid != meta.uid || spec.generation < meta.generation)
        };
        heads.iter().filter(is_news).count() > SINGLES_MAX
    }

    /// Reads one object, whatever the watch has told of it. Whether there is one.
    ///
    /// Cancel safe: yes.
    pub(super) async fn fetch(
        &self,
        cluster: &Cluster,
        name: &str,
        deadline: Deadline,
    ) -> Result<bool, CallError> {
        for _ in 0..TRIES_MAX {
            let (removals, version) = {
                let state = self.lock();
                (state.removals, state.objects.get(name).map(|entry| entry.meta.version.clone()))
            };
            let read = cluster.get_as::<Custom<C>, Object<C>>(Named::cluster(name), deadline).await;
            let object = match read {
                Ok(object) => object,
                Err(error) if error.is_not_found() => return Ok(false),
                Err(error) => return Err(error),
            };
            if self.take(object, removals, version.as_deref()) {
                return Ok(true);
            }
        }
        Ok(true)
    }

    /// Takes in an object that was read, unless something was taken out since: that may have been this one.
    fn take(&self, object: Object<C>, removals: u64, version: Option<&str>) -> bool {
        let mut state = self.lock();
        if state.removals != removals {
            return false;
        }
        let name = object.meta.name.clone();
        let mut fresh = Entry::of(object);
        if let Some(known) = state.objects.remove(&name)
            && Some(known.meta.version.as_str()) != version
            && known.meta.uid == fresh.meta.uid
        {
            // The watch has told of another version meanwhile. It has the last word on the metadata.
            fresh.meta = known.meta;
        }
        if fresh.is_current() {
            state.wanted.remove(&name);
        } else {
            state.wanted.insert(name.clone());
        }
        if let Some(spec) = fresh.usable() {
            self.shelf.put(&fresh.meta, spec);
        }
        state.objects.insert(name, fresh);
        true
    }

    fn remove_entry(&self, state: &mut State<C>, name: &str) {
        state.removals = state.removals.saturating_add(1);
        state.objects.remove(name);
        state.wanted.remove(name);
        self.shelf.remove(name);
    }
}

impl<C: Kind, S: Shelf<C>> Keeper for Split<C, S> {
    type Kind = Custom<C>;
    type Item = Head;
    type Listing = Listing<C>;

    const AS_METADATA: bool = true;

    fn fields(&self) -> Option<&str> {
        None
    }

    async fn list(&self, cluster: &Cluster, deadline: Deadline) -> Result<(Listing<C>, String), CallError> {
        if self.lock().objects.is_empty() {
            return self.list_whole(cluster, deadline).await;
        }
        let page = cluster.list_metadata::<Custom<C>>(List::default(), deadline).await?;
        let heads: Vec<Meta> = page.items.into_iter().map(Meta::from).collect();
        if self.is_far_off(&heads) {
            return self.list_whole(cluster, deadline).await;
        }
        Ok((Listing::Heads(heads), page.version))
    }

    fn replace(&self, listing: Listing<C>) {
        let mut state = self.lock();
        let mut before = std::mem::take(&mut state.objects);
        let entries: Vec<Entry<C>> = match listing {
            Listing::Whole(objects) => objects.into_iter().map(Entry::of).collect(),
            Listing::Heads(heads) => heads
                .into_iter()
                .map(|meta| {
                    let spec = before.get_mut(&meta.name).and_then(|entry| entry.spec.take());
                    Entry { meta, spec }
                })
                .collect(),
        };
        state.removals = state.removals.saturating_add(1);
        state.wanted = entries.iter().filter(|e| !e.is_current()).map(|e| e.meta.name.clone()).collect();
        state.objects = entries.into_iter().map(|entry| (entry.meta.name.clone(), entry)).collect();
        self.shelf.replace(state.objects.values().filter_map(|entry| Some((&entry.meta, entry.usable()?))));
        if !state.wanted.is_empty() {
            self.wake.notify_one();
        }
        let heads: Vec<Meta> = state.objects.values().map(|entry| entry.meta.clone()).collect();
        before.retain(|name, _| !state.objects.contains_key(name));
        // Whoever is told may ask back.
        drop(state);
        heads.iter().for_each(|meta| self.shelf.seen(meta));
        before.keys().for_each(|name| self.shelf.gone(name));
    }

    fn put(&self, Head { metadata: meta }: Head) {
        self.shelf.seen(&meta);
        let mut state = self.lock();
        let name = meta.name.clone();
        let before = state.objects.remove(&name);
        let is_news = before.as_ref().is_none_or(|entry| !entry.meta.is_same_but_version(&meta));
        let entry = Entry { meta, spec: before.and_then(|entry| entry.spec) };
        let is_current = entry.is_current();
        match entry.usable() {
            Some(spec) if is_news => self.shelf.put(&entry.meta, spec),
            Some(_) => {}
            None => self.shelf.remove(&name),
        }
        state.objects.insert(name.clone(), entry);
        if is_current {
            state.wanted.remove(&name);
        } else {
            state.wanted.insert(name);
            self.wake.notify_one();
        }
    }

    fn remove(&self, meta: &Meta) {
        let mut state = self.lock();
        // An object that was read before the watch got there may be the next one of that name.
        if state.objects.get(&meta.name).is_some_and(|entry| entry.meta.uid == meta.uid) {
            self.remove_entry(&mut state, &meta.name);
            drop(state);
            self.shelf.gone(&meta.name);
        }
    }

    fn clear(&self) {
        self.replace(Listing::Whole(Vec::new()));
    }
}

/// Reads specs as they are wanted, a few at once, for ever.
pub(super) async fn fetch_wanted<C: Kind, S: Shelf<C>>(
    followed: Arc<Followed<Split<C, S>>>,
    cluster: Cluster,
) {
    let mut failures = 0_u32;
    loop {
        let names: Vec<String> = followed.keeper.lock().wanted.iter().take(FETCHES_MAX).cloned().collect();
        if names.is_empty() {
            followed.keeper.wake.notified().await;
            continue;
        }
        let mut reads = JoinSet::new();
        for name in names {
            let (followed, cluster) = (Arc::clone(&followed), cluster.clone());
            reads.spawn(async move {
                let read = followed.keeper.fetch(&cluster, &name, Deadline::after(FETCH_TIME)).await;
                if matches!(read, Ok(false)) {
                    // The watch will tell that it is gone.
                    followed.keeper.lock().wanted.remove(&name);
                }
                read
            });
        }
        let mut failure = None;
        while let Some(read) = reads.join_next().await {
            if let Ok(Err(error)) = read {
                failure = Some(error);
            }
        }
        match failure {
            None => failures = 0,
            Some(error) => {
                if failures == 0 {
                    warn!(%error, cause = %error.failure, "a spec cannot be read; it is tried again");
                }
                failures = failures.saturating_add(1);
                sleep(back_off(failures)).await;
            }
        }
    }
}

#[cfg(test)]
mod tests;
