//! The loop that keeps something up to date: list, watch, and again.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;

use kube::Resource;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use super::pulse::Pulse;
use crate::client::{CallError, Cluster, Deadline, Event, Failure, Listen};
use crate::meta::Meta;

/// A list may take so long, all pages of it: tens of MiB of statuses over a slow line.
pub(super) const LIST_TIME: Duration = Duration::from_secs(120);
/// The beginning of the answer to a watch comes at once, or the server is overloaded.
const OPEN_TIME: Duration = Duration::from_secs(30);
/// A watch lasts at least so long, and at most a fifth longer, so that not all agents begin anew at once.
const WATCH_SECONDS: u32 = 240;
/// A server tells each minute that nothing has happened. After twice that a connection is dead, and another one costs one request.
const SILENCE: Duration = Duration::from_secs(130);
/// The first wait after a failure; it doubles up to the longest.
const WAIT: Duration = Duration::from_millis(500);
const WAIT_MAX: Duration = Duration::from_secs(30);
/// A kind that is not installed is looked for so often.
const ABSENT_WAIT: Duration = Duration::from_secs(30);
/// A list that was read while the watch was broken is believed for so long.
const FILLED: Duration = Duration::from_secs(10);

/// Something that is kept equal to what the API server has.
pub(super) trait Keeper: Send + Sync + 'static {
    /// The kind that is asked for.
    type Kind: Resource<DynamicType = ()>;
    /// What an event has of an object.
    type Item: DeserializeOwned + Send;
    /// What a list has.
    type Listing: Send;
    /// Whether events have metadata only.
    const AS_METADATA: bool;

    /// Which objects, as a field selector.
    fn fields(&self) -> Option<&str>;
    /// Reads all of them, and the version at which that was so.
    fn list(
        &self,
        cluster: &Cluster,
        deadline: Deadline,
    ) -> impl Future<Output = Result<(Self::Listing, String), CallError>> + Send;
    /// Puts a list in place of all that is known.
    fn replace(&self, listing: Self::Listing);
    /// An object has come, or has changed.
    fn put(&self, item: Self::Item);
    /// It has gone.
    fn remove(&self, meta: &Meta);
    /// There is no such kind, so no such object.
    fn clear(&self);
}

/// A keeper and its watch.
#[derive(Debug)]
pub(super) struct Followed<K> {
    pub(super) keeper: K,
    pub(super) pulse: Pulse,
    filled: Mutex<Option<Instant>>,
}

#[derive(Deserialize)]
struct Head {
    metadata: Meta,
}

impl<K: Keeper> Followed<K> {
    pub(super) fn new(keeper: K, pulse: Pulse) -> Arc<Self> {
        Arc::new(Self { keeper, pulse, filled: Mutex::default() })
    }

    /// Follows for ever. Every failure is waited for and tried again.
    ///
    /// Cancel safe: what is known stays.
    pub(super) async fn follow(self: Arc<Self>, cluster: Cluster) {
        let source = self.pulse.state().source;
        let (mut version, mut failures) = (None, 0);
        loop {
            let began = Instant::now();
            let events = self.pulse.state().events;
            let outcome = self.round(&cluster, &mut version).await;
            let has_moved = self.pulse.state().events != events || began.elapsed() > WAIT_MAX;
            let pause = match outcome {
                // As it should be, unless the server ends each watch at once.
                Ok(()) if has_moved => {
                    failures = 0;
                    continue;
                }
                Ok(()) => Duration::ZERO,
                Err(CallError { failure: Failure::NotFound(_), .. }) if version.is_none() => {
                    if self.pulse.absent() {
                        warn!(%source, "the API server has no such kind: it is looked for again every 30 s, and until then there are none");
                    }
                    self.keeper.clear();
                    sleep(ABSENT_WAIT).await;
                    continue;
                }
                Err(error) => {
                    // What is known up to this version is not to be had any more.
                    if matches!(error.failure, Failure::Expired(_) | Failure::NotFound(_)) {
                        version = None;
                    }
                    if self.pulse.broke(&error) {
                        warn!(%source, %error, cause = %error.failure, "a watch broke; it is opened again");
                    }
                    if let Failure::Throttled { wait, .. } = error.failure { wait } else { Duration::ZERO }
                }
            };
            failures = if has_moved { 1 } else { u32::saturating_add(failures, 1) };
            sleep(pause.max(back_off(failures))).await;
        }
    }

    /// From a version, or from a list where there is none, to the end of one watch.
    async fn round(&self, cluster: &Cluster, version: &mut Option<String>) -> Result<(), CallError> {
        let at = match version {
            Some(version) => version,
            None => {
                let (listing, at) = self.keeper.list(cluster, Deadline::after(LIST_TIME)).await?;
                self.pulse.follow(&at, || self.keeper.replace(listing));
                version.insert(at)
            }
        };
        let seconds = WATCH_SECONDS.saturating_add(random(u64::from(WATCH_SECONDS) / 5));
        let listen =
            Listen { fields: self.keeper.fields(), as_metadata: K::AS_METADATA, version: at, seconds };
        let mut events = cluster.watch::<K::Kind>(listen, Deadline::after(OPEN_TIME)).await?;
        let was_broken = self.pulse.state().failure.is_some();
        self.pulse.opened();
        if was_broken {
            info!(source = %self.pulse.state().source, "a watch is open again");
        }
        while let Some(event) = events.next(SILENCE).await? {
            let (object, is_event) = match &event {
                Event::Put(object) | Event::Gone(object) => (object, true),
                Event::Mark(object) => (object, false),
            };
            let Ok(Head { metadata }) = serde_json::from_str(object.get()) else {
                self.pulse.unreadable();
                continue;
            };
            match &event {
                Event::Gone(_) => self.keeper.remove(&metadata),
                Event::Mark(_) => {}
                Event::Put(object) => match serde_json::from_str::<K::Item>(object.get()) {
                    Ok(item) => self.keeper.put(item),
                    Err(error) => {
                        let Meta { namespace, name, .. } = &metadata;
                        warn!(source = %self.pulse.state().source, namespace, name, %error, "an object cannot be read");
                        self.pulse.unreadable();
                        self.keeper.remove(&metadata);
                    }
                },
            }
            if !metadata.version.is_empty() {
                at.clone_from(&metadata.version);
            }
            self.pulse.moved(at.clone(), is_event);
        }
        Ok(())
    }

    /// Sees to it that what is known may be used: at once while the watch is open, else by a list that all who wait share.
    ///
    /// Cancel safe: yes; a list that is dropped changes nothing.
    pub(super) async fn ready(&self, cluster: &Cluster, deadline: Deadline) -> Result<(), CallError> {
        if self.pulse.is_believed() {
            return Ok(());
        }
        let mut filled = self.filled.lock().await;
        if self.pulse.is_believed() || filled.is_some_and(|at| at.elapsed() < FILLED) {
            return Ok(());
        }
        match self.keeper.list(cluster, deadline).await {
            Ok((listing, _)) => self.pulse.unless_live(|| self.keeper.replace(listing)),
            Err(error) if error.is_not_found() => self.pulse.unless_live(|| self.keeper.clear()),
            Err(error) => return Err(error),
        }
        *filled = Some(Instant::now());
        Ok(())
    }
}

/// The wait before the try after this many failures, between half and all of what it grows to.
pub(super) fn back_off(failures: u32) -> Duration {
    let grown = WAIT.saturating_mul(1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX));
    let half = grown.min(WAIT_MAX) / 2;
    half.saturating_add(Duration::from_millis(u64::from(random(
        u64::try_from(half.as_millis()).unwrap_or(u64::MAX),
    ))))
}

/// A number up to a bound. It only has to differ between agents.
fn random(bound: u64) -> u32 {
    let drawn = RandomState::new().build_hasher().finish();
    let drawn = bound.checked_add(1).and_then(|bound| drawn.checked_rem(bound)).unwrap_or(0);
    u32::try_from(drawn).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_their_bound() {
        for (failures, most) in [(1, 500), (2, 1000), (3, 2000), (6, 16_000), (7, 30_000), (u32::MAX, 30_000)]
        {
            for _ in 0..50 {
                let wait = back_off(failures).as_millis();
                assert!((most / 2..=most).contains(&wait), "{failures}: {wait}");
            }
        }
    }
}
