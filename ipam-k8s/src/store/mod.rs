//! A [`Store`](ipam_core::AsyncStore) on a cluster: records in the status of SpiderIPPools, attachments as SpiderEndpoints. Feature
//! `client`.
//!
//! Byte for byte what Go agents read and write, with fewer requests: an address of one family for a new pod is one status PUT and one
//! POST. The store is not atomic over several objects; [`Allocate`](ipam_core::Allocate) writes pools first, then the endpoint. Put
//! [`Batched`](ipam_core::batch::Batched) around it, and a burst on one pool costs a handful of PUTs.
//!
//! ```no_run
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use ipam_core::batch::Batched;
//! use ipam_core::{Allocate, AllocationRequest, AsyncClock as _, AsyncStore as _, NicRequest, Owner, run_async};
//! use ipam_k8s::client::{Cluster, ClusterOptions};
//! use ipam_k8s::store::{ClusterStore, ColdBook, EndpointDraft, SteadyClock, StoreOptions};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let cluster = Cluster::new(kube::Config::infer().await?, &ClusterOptions::new("example/0.1.0"))?;
//! let store = Batched::new(ClusterStore::new(cluster, Arc::new(ColdBook), StoreOptions::default()));
//! let clock = SteadyClock::start();
//!
//! let pod = Owner::pod("default", "web-0", "5b0c6a2e-0f7b-4c66-a1c0-1c3a5a2f9d11")?;
//! let nic = NicRequest { v4: vec!["v4".parse()?], ..NicRequest::new("eth0".parse()?) };
//! let request = AllocationRequest::new(pod.clone(), clock.now() + Duration::from_secs(90)).nic(nic);
//! let _draft = store.inner().draft(&pod, EndpointDraft::new(&pod, "node-1"));
//! let allocation = run_async(Allocate::new(request, store.is_atomic()), &store, &clock).await??;
//! println!("{:?}", allocation.attachments);
//! # Ok(())
//! # }
//! ```
//!
//! # What is known, and when it is believed
//!
//! After its own write the store knows the object and its version (the answer is asked for as metadata only, so a pool's records cross
//! the wire once). So it keeps pools and endpoints on a shelf. What may be answered from there differs:
//!
//! - **A pick, and the base of a commit**: always. The PUT names the version, so one that was planned on an old state is not stored.
//!   [`ClusterStore::note_seen`] lets a watch say that there is a later one; then the pool is read once, before it is used.
//! - **The records behind a repeated request** (pools that the owner's endpoint names): only while a watch is live and has told of no
//!   later version ([`PoolBook::is_live`]); else they are read.
//! - **Records that no endpoint names**, which the owner claims after a crash between the two writes: from any state of the pool that was
//!   read since this process began and that no unknown outcome has touched. Only an agent of the pod's own node writes such a record. A
//!   pool of which nothing is known is read.
//! - **An endpoint**: if this process read or wrote it less than [`ENDPOINT_BELIEVED`] ago and it belongs to the uid that asks. Who else
//!   writes the endpoint of a pod that lives on this node? No other agent (another node's agent writes it for another incarnation, which
//!   is another uid), and a collector only when it has seen the pod dead twice, a full delay apart. A repeated ADD comes within seconds to
//!   minutes of the first. Anything else is a live GET.
//! - **A page of records**: never. Each is read when it is asked for, pool first, then endpoints.
//! - **That there is no endpoint**: only if the caller says that it would know ([`EndpointDraft::is_new`]). Then the first thing that is
//!   asked of the API server about it is to create it. If there is one all the same, that is a conflict, the next read is live, and an
//!   address that was taken meanwhile is given back ([`Allocate`](ipam_core::Allocate) does).
//!
//! An outcome that is unknown, a conflict and a dropped future all take from the shelf what they were about.
//!
//! # Conflicts
//!
//! When a PUT is refused because another writer was faster, nothing was stored and everything that was asked for is still to do: the
//! store reads the pool, tests the conditions again and writes again, with pauses that grow and that differ between writers, until
//! [`StoreOptions::patience`] is spent. Only a condition that does not hold any more is the caller's conflict. So a batch is not taken
//! apart for somebody else's write, and it is not the first one in the queue that pays.
//!
//! # What stops a pool
//!
//! A record that makes no sense, records that are no JSON, a spec that breaks the rules: the pool gives nothing out, commits to it are
//! rejected with the pool and the record named, and other candidates are tried. What is there is kept as it is. The same where
//! one more record would make the object larger than [`POOL_BYTES_MAX`].

mod attach;
mod book;
mod clock;
mod commit;
mod draft;
mod endpoint;
mod error;
mod holdings;
mod page;
mod pick;
mod pool;
mod read;
mod shelf;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ipam_core::{AsyncStore, Change, Owner, OwnerKind, PoolName, Query, Version, View};

pub use self::book::{ColdBook, PoolBook};
pub use self::clock::SteadyClock;
pub use self::draft::{Details, DetailsFuture, EndpointDraft, NicDetail, OnClear, PlacedNic};
pub use self::error::ClusterStoreError;

use self::shelf::{EndpointShelf, Shelf};
use crate::client::{Cluster, Deadline};
use crate::observe::{Observer, Unobserved};

/// Largest pool that is written, in bytes of the object as the API server stores it. etcd refuses a write of more than 1.5 MiB
/// (`--max-request-bytes`), and what stands around the object there and what an update of `managedFields` adds is far below the
/// 64 KiB that are left. About 12,000 records.
pub const POOL_BYTES_MAX: u64 = (3 << 19) - (64 << 10);

/// Records in a pool unless set otherwise: the original's `SPIDERPOOL_IPPOOL_MAX_ALLOCATED_IPS`.
pub const RECORDS_MAX: u64 = 5_000;

/// How long an endpoint is believed that this process read or wrote itself. Longer than a runtime and the kubelet repeat an ADD,
/// shorter than two rounds of a collector (ten minutes each unless set otherwise).
pub const ENDPOINT_BELIEVED: Duration = Duration::from_secs(300);

/// How long a pool is believed where no watch is live.
const POOL_BELIEVED: Duration = Duration::from_secs(10);

/// How a [`ClusterStore`] works.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StoreOptions {
    /// Longest time for one request to the API server, the wait that it asks for with a 429 included.
    pub call_timeout: Duration,
    /// How long the store itself goes on when other writers are faster, before it says so to the caller.
    pub patience: Duration,
    /// Most records in a pool; `None`: as many as fit into [`POOL_BYTES_MAX`].
    pub records_max: Option<u64>,
    /// Seed of the pauses between tries; agents must not have the same.
    pub seed: u64,
    /// Who counts conflicts.
    pub observer: Arc<dyn Observer>,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            call_timeout: Duration::from_secs(15),
            patience: Duration::from_secs(10),
            records_max: Some(RECORDS_MAX),
            seed: 0,
            observer: Arc::new(Unobserved),
        }
    }
}

/// Owners by kind, namespace and name.
type Identity = (OwnerKind, String, String);

fn identity(owner: &Owner) -> Identity {
    (owner.kind(), owner.scope().to_owned(), owner.name().to_owned())
}

/// The store. The [module](self) says how it works.
pub struct ClusterStore {
    cluster: Cluster,
    book: Arc<dyn PoolBook>,
    options: StoreOptions,
    shelf: Shelf,
    endpoints: EndpointShelf,
    drafts: Mutex<BTreeMap<Identity, Arc<EndpointDraft>>>,
    random: AtomicU64,
}

impl fmt::Debug for ClusterStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClusterStore").field("options", &self.options).finish_non_exhaustive()
    }
}

impl ClusterStore {
    /// A store for a program that watches nothing and ends soon: each pool is read when it is asked for. `call_timeout` is that of
    /// [`StoreOptions`]; the pauses between tries are this process's own.
    #[must_use]
    pub fn cold(cluster: Cluster, call_timeout: Duration) -> Self {
        let seed = u64::from(std::process::id());
        let options = StoreOptions { call_timeout, seed, ..StoreOptions::default() };
        Self::new(cluster, Arc::new(ColdBook), options)
    }

    /// A store on a cluster, with what a watch knows of it.
    #[must_use]
    pub fn new(cluster: Cluster, book: Arc<dyn PoolBook>, options: StoreOptions) -> Self {
        let random = AtomicU64::new(options.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        Self {
            cluster,
            book,
            options,
            shelf: Shelf::default(),
            endpoints: EndpointShelf::default(),
            drafts: Mutex::default(),
            random,
        }
    }

    /// The cluster that it writes to.
    #[must_use]
    pub const fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// A watch has told of this version of a pool, or somebody has read it. Older ones and our own cost nothing.
    pub fn note_seen(&self, pool: &PoolName, uid: &str, resource_version: &str) {
        self.shelf.note_seen(pool, uid, resource_version);
    }

    /// A watch has told that a pool is gone.
    pub fn note_gone(&self, pool: &PoolName) {
        self.shelf.note_gone(pool);
    }

    /// The size in bytes of each pool that is known: the value of a gauge that warns before [`POOL_BYTES_MAX`] is reached.
    pub fn pool_bytes(&self) -> impl Iterator<Item = (PoolName, u64)> {
        self.shelf.pools().into_iter().map(|pool| (pool.name.clone(), pool.bytes))
    }

    /// From now on until the guard is dropped, this is what is written of an owner's endpoint beside addresses. Requests of one
    /// owner come one after the other, so there is one draft of an owner at a time; a second one replaces it.
    #[must_use = "the draft counts as long as the guard lives"]
    pub fn draft(&self, owner: &Owner, draft: EndpointDraft) -> DraftGuard<'_> {
        let (identity, draft) = (identity(owner), Arc::new(draft));
        let mut drafts = self.drafts.lock().unwrap_or_else(PoisonError::into_inner);
        drafts.insert(identity.clone(), Arc::clone(&draft));
        DraftGuard { store: self, identity, draft }
    }

    pub(crate) fn observer(&self) -> &dyn Observer {
        self.options.observer.as_ref()
    }

    fn draft_of(&self, owner: &Owner) -> Option<Arc<EndpointDraft>> {
        self.drafts.lock().unwrap_or_else(PoisonError::into_inner).get(&identity(owner)).cloned()
    }

    fn deadline(&self) -> Deadline {
        Deadline::after(self.options.call_timeout)
    }

    /// A number from the seed, for pauses.
    fn roll(&self) -> u64 {
        let mut number = self.random.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        number ^ (number >> 31)
    }
}

/// A draft that counts. See [`ClusterStore::draft`].
#[derive(Debug)]
pub struct DraftGuard<'a> {
    store: &'a ClusterStore,
    identity: Identity,
    draft: Arc<EndpointDraft>,
}

impl Drop for DraftGuard<'_> {
    fn drop(&mut self) {
        let mut drafts = self.store.drafts.lock().unwrap_or_else(PoisonError::into_inner);
        // A later one stays.
        if drafts.get(&self.identity).is_some_and(|draft| Arc::ptr_eq(draft, &self.draft)) {
            drafts.remove(&self.identity);
        }
    }
}

/// Cancel safe: a dropped call leaves the outcome of its write unknown; what the store knew about its object is forgotten.
impl AsyncStore for ClusterStore {
    type Error = ClusterStoreError;

    fn is_atomic(&self) -> bool {
        false
    }

    async fn read(&self, query: &Query) -> Result<View, ClusterStoreError> {
        Ok(match query {
            Query::Holdings { owner, pools } => View::Holdings(self.holdings(owner, pools).await?),
            Query::Pick(query) => View::Pick(self.pick(query).await?),
            Query::Page(query) => View::Page(self.page(query).await?),
            _ => return Err(ClusterStoreError::UnknownQuery),
        })
    }

    async fn commit(&self, changes: &[Change]) -> Result<Vec<Version>, ClusterStoreError> {
        let version = match changes {
            [] => return Ok(Vec::new()),
            [Change::Pool { pool, ops, now, cooldown, .. }] => {
                self.commit_pool(pool, ops, *now, *cooldown).await?
            }
            [Change::Attachments { owner, version, ops }] => self.attach(owner, version, ops).await?,
            several => return Err(ClusterStoreError::NotAtomic(several.len())),
        };
        Ok(vec![version])
    }
}
