//! Group commit on top of any asynchronous store.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::addr::Addr;
use crate::batch::Limits;
use crate::batch::batcher::{Batcher, Ticket, Work};
use crate::batch::desk::{Answer, Desk, Errand, Told};
use crate::owner::Owner;
use crate::store::{AsyncStore, Change, Class, PickQuery, Query, StoreError, Version, View};

/// Why a call of a [`Batched`] store failed.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum BatchError<E: StoreError> {
    /// The store's own error, which other members of the batch may have been told too.
    #[error(transparent)]
    Store(Arc<E>),
    /// Nothing was stored: another request of an earlier batch took the address, or the batch was refused and it could not be found out
    /// in time which of its members was to blame.
    #[error("another request was first")]
    Overtaken,
    /// The future of the store's call ended without an answer (it panicked): the outcome is unknown.
    #[error("the commit was given up before its answer")]
    Lost,
}

impl<E: StoreError> BatchError<E> {
    pub(super) fn new(class: Class, error: Option<&Arc<E>>) -> Self {
        match (error, class) {
            (Some(error), _) if error.class() == class => Self::Store(Arc::clone(error)),
            (_, Class::Conflict) => Self::Overtaken,
            (_, Class::Unavailable | Class::Rejected) => Self::Lost,
        }
    }
}

impl<E: StoreError> StoreError for BatchError<E> {
    fn class(&self) -> Class {
        match self {
            Self::Store(error) => error.class(),
            Self::Overtaken => Class::Conflict,
            Self::Lost => Class::Unavailable,
        }
    }

    fn blames(&self) -> Option<Addr> {
        match self {
            Self::Store(error) => error.blames(),
            Self::Overtaken | Self::Lost => None,
        }
    }
}

// Derived, it would ask for `E: Debug` in each place that names the type; every error has it.
impl<E: StoreError> fmt::Debug for BatchError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => f.debug_tuple("Store").field(error).finish(),
            Self::Overtaken => f.write_str("Overtaken"),
            Self::Lost => f.write_str("Lost"),
        }
    }
}

/// A store whose commits and picks go to the store below in groups; the [module](self::super) says how. Clones share the queue.
///
/// It needs no runtime, no thread and no clock: the future of one of the waiting callers drives the store's call for all. So the
/// futures of its calls must be polled when they are woken, or dropped; one that is kept and not polled holds up the others.
///
/// Cancel safe: yes. A dropped call leaves the queue; if its commit is under way already, its outcome is unknown
/// ([`Class::Unavailable`] says the same), while the others on board get theirs.
///
/// ```
/// use ipam_core::batch::Batched;
/// use ipam_core::testkit::{MemoryStore, conformance};
/// use ipam_core::{Allocate, AllocationRequest, AsyncClock, AsyncStore as _, NicRequest, Owner, PoolFields, PoolSpec, Time, run_async};
///
/// # struct Still; impl AsyncClock for Still { fn now(&self) -> Time { Time::default() } async fn wait_until(&self, _: Time) {} }
/// # let fields = PoolFields { subnet: "10.6.0.0/24".into(), ips: vec!["10.6.0.10-10.6.0.19".into()], ..PoolFields::default() };
/// # let pools = vec![PoolSpec::new(&"v4".parse()?, &fields)?];
/// # let memory = conformance::Setup::new(pools, Vec::new()).memory(MemoryStore::one_at_a_time())?;
/// # let clock = Still;
/// let store = Batched::new(memory);
/// let nic = NicRequest { v4: vec!["v4".parse()?], ..NicRequest::new("eth0".parse()?) };
/// let request = AllocationRequest::new(Owner::container("net", "a")?, Time::from_millis(1_000)).nic(nic);
/// // As many of these at once as you like, in as many tasks.
/// let allocating = run_async(Allocate::new(request, store.is_atomic()), &store, &clock);
/// # let mut allocating = std::pin::pin!(allocating);
/// # assert!(allocating.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_ready());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Batched<S: AsyncStore> {
    store: Arc<S>,
    desk: Arc<Desk<S::Error>>,
}

impl<S: AsyncStore> Clone for Batched<S> {
    fn clone(&self) -> Self {
        Self { store: Arc::clone(&self.store), desk: Arc::clone(&self.desk) }
    }
}

impl<S: AsyncStore> fmt::Debug for Batched<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batched").field("is_atomic", &self.store.is_atomic()).finish_non_exhaustive()
    }
}

impl<S: AsyncStore + Send + 'static> Batched<S> {
    /// Batches of [`MEMBERS_MAX`](super::MEMBERS_MAX) requests and [`BYTES_MAX`](super::BYTES_MAX) bytes at most.
    #[must_use]
    pub fn new(store: S) -> Self {
        Self::with_limits(store, Limits::default())
    }

    /// Batches of these bounds.
    #[must_use]
    pub fn with_limits(store: S, limits: Limits) -> Self {
        let desk = Desk::new(Batcher::new(store.is_atomic(), limits));
        Self { store: Arc::new(store), desk: Arc::new(desk) }
    }

    /// The store below.
    #[must_use]
    pub fn inner(&self) -> &S {
        &self.store
    }

    /// Waits until no commit about this owner is under way, be it one that its caller has hung up on.
    async fn settle(&self, owner: &Owner) {
        let watch = |context: &mut Context<'_>| Poll::Ready(self.desk.watch(context.waker(), owner));
        while let Some(ticket) = poll_fn(watch).await {
            Call { batched: self, ticket }.await;
        }
    }

    fn start(&self, work: Work) -> Errand<S::Error> {
        let store = Arc::clone(&self.store);
        match work {
            Work::Pick(queries) => Box::pin(async move { Answer::Picked(pick(&*store, &queries).await) }),
            Work::Commit(changes) => Box::pin(async move { Answer::Committed(store.commit(&changes).await) }),
        }
    }
}

/// A lone pick is a read like any other.
async fn pick<S: AsyncStore>(store: &S, queries: &[PickQuery]) -> Result<Vec<View>, S::Error> {
    match queries {
        [query] => Ok(vec![store.read(&Query::Pick(query.clone())).await?]),
        _ => store.pick_all(queries).await,
    }
}

impl<S: AsyncStore + Send + 'static> AsyncStore for Batched<S> {
    type Error = BatchError<S::Error>;

    fn is_atomic(&self) -> bool {
        self.store.is_atomic()
    }

    async fn read(&self, query: &Query) -> Result<View, Self::Error> {
        if let Query::Holdings { owner, .. } = query {
            self.settle(owner).await;
        }
        let Query::Pick(query) = query else {
            let _call = Call { batched: self, ticket: self.desk.open(None, Batcher::enter) };
            return self.store.read(query).await.map_err(|error| BatchError::Store(Arc::new(error)));
        };
        match Call::open(self, |batcher| batcher.pick(query.clone())).await.await {
            Told::Picked(answer) => answer,
            Told::Committed(_) | Told::Settled => Err(BatchError::Lost),
        }
    }

    async fn commit(&self, changes: &[Change]) -> Result<Vec<Version>, Self::Error> {
        match Call::open(self, |batcher| batcher.commit(changes.to_vec())).await.await {
            Told::Committed(answer) => answer,
            Told::Picked(_) | Told::Settled => Err(BatchError::Lost),
        }
    }
}

/// A call on its way; dropping it ends it.
struct Call<'a, S: AsyncStore> {
    batched: &'a Batched<S>,
    ticket: Ticket,
}

impl<'a, S: AsyncStore> Call<'a, S> {
    async fn open(batched: &'a Batched<S>, call: impl Fn(&mut Batcher) -> Ticket) -> Self {
        let open = |context: &mut Context<'_>| Poll::Ready(batched.desk.open(Some(context.waker()), &call));
        Self { batched, ticket: poll_fn(open).await }
    }
}

impl<S: AsyncStore + Send + 'static> Future for Call<'_, S> {
    type Output = Told<S::Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.batched.desk.poll(self.ticket, context, &|work| self.batched.start(work))
    }
}

impl<S: AsyncStore> Drop for Call<'_, S> {
    fn drop(&mut self) {
        self.batched.desk.close(self.ticket);
    }
}
