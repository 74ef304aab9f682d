//! Pools, owners, requests, and stores between the two worlds.

use std::pin::pin;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

use ipam_core::testkit::MemoryStore;
use ipam_core::testkit::conformance::Setup;
use ipam_core::{
    Allocate, AllocationRequest, AsyncStore, Change, NicRequest, Owner, PickQuery, PoolFields, PoolOp,
    PoolSpec, Query, Record, Release, ReleaseRequest, ReleaseScope, Store, Time, Version, View,
};

/// Longer than all pauses of a request on a failing store.
pub(crate) const DEADLINE: Time = Time::from_millis(600_000);

pub(crate) fn pool(name: &str, subnet: &str, ips: &str) -> PoolSpec {
    let fields = PoolFields { subnet: subnet.to_owned(), ips: vec![ips.to_owned()], ..PoolFields::default() };
    PoolSpec::new(&name.parse().unwrap(), &fields).unwrap()
}

/// A v4 pool of so many addresses from 10.6.0.1, and a v6 one of 64 Ki.
pub(crate) fn pools(store: MemoryStore, v4_size: usize) -> MemoryStore {
    let last = format!("10.6.{}.{}", v4_size / 256, v4_size % 256);
    let v4 = pool("v4", "10.6.0.0/16", &format!("10.6.0.1-{last}"));
    let v6 = pool("v6", "fd00:6::/64", "fd00:6::1-fd00:6::ffff");
    Setup::new(vec![v4, v6], Vec::new()).memory(store).unwrap()
}

pub(crate) fn owner(number: usize) -> Owner {
    Owner::container("net", &format!("c{number}")).unwrap()
}

/// For one NIC: an IPv4 address, and an IPv6 one if wanted.
pub(crate) fn request(number: usize, dual: bool) -> AllocationRequest {
    let mut nic = NicRequest::new("eth0".parse().unwrap());
    nic.v4.push("v4".parse().unwrap());
    if dual {
        nic.v6.push("v6".parse().unwrap());
    }
    let request = AllocationRequest::new(owner(number), DEADLINE).nic(nic);
    AllocationRequest { seed: u64::try_from(number).unwrap(), ..request }
}

pub(crate) fn allocate(number: usize, dual: bool, atomic: bool) -> Allocate {
    Allocate::new(request(number, dual), atomic)
}

pub(crate) fn release(number: usize, atomic: bool) -> Release {
    Release::new(ReleaseRequest::new(owner(number), ReleaseScope::All, DEADLINE), atomic)
}

pub(crate) fn take(address: &str, id: &str) -> PoolOp {
    let owner = Owner::container("net", id).unwrap();
    PoolOp::Take(Record { address: address.parse().unwrap(), owner, stamp: None })
}

pub(crate) fn free(address: &str, id: &str) -> PoolOp {
    let owner = Owner::container("net", id).unwrap();
    PoolOp::Release { address: address.parse().unwrap(), owner, seen: None }
}

pub(crate) fn on(pool: &str, ops: Vec<PoolOp>) -> Change {
    let (pool, now) = (pool.parse().unwrap(), Time::default());
    Change::Pool { pool, version: Version::new("planned"), ops, now, cooldown: std::time::Duration::ZERO }
}

/// Not ready so many times.
pub(crate) async fn pause(mut times: usize) {
    std::future::poll_fn(|context| {
        if times == 0 {
            return Poll::Ready(());
        }
        times -= 1;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// What a store was asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Calls {
    pub(crate) reads: usize,
    /// Commits that write a pool.
    pub(crate) pool_commits: usize,
    pub(crate) commits: usize,
    /// Operations of the largest commit.
    pub(crate) ops_max: usize,
}

/// A store that lets others run before it does anything, and again before it answers. Dropped in between, nobody knows.
#[derive(Debug)]
pub(crate) struct Yielding<S> {
    pub(crate) store: Mutex<S>,
    pub(crate) calls: Mutex<Calls>,
}

impl<S> Yielding<S> {
    pub(crate) fn new(store: S) -> Self {
        Self { store: Mutex::new(store), calls: Mutex::default() }
    }

    pub(crate) fn calls(&self) -> Calls {
        *self.calls.lock().unwrap()
    }
}

impl<S: Store + Send> AsyncStore for Yielding<S> {
    type Error = S::Error;

    fn is_atomic(&self) -> bool {
        self.store.lock().unwrap().is_atomic()
    }

    async fn read(&self, query: &Query) -> Result<View, S::Error> {
        pause(1).await;
        self.calls.lock().unwrap().reads += 1;
        let view = self.store.lock().unwrap().read(query);
        pause(1).await;
        view
    }

    async fn commit(&self, changes: &[Change]) -> Result<Vec<Version>, S::Error> {
        pause(1).await;
        {
            let mut calls = self.calls.lock().unwrap();
            let ops = changes.iter().map(|change| match change {
                Change::Pool { ops, .. } => ops.len(),
                Change::Attachments { .. } | _ => 0,
            });
            let ops: usize = ops.sum();
            calls.commits += 1;
            calls.pool_commits += usize::from(ops > 0);
            calls.ops_max = calls.ops_max.max(ops);
        }
        let answer = self.store.lock().unwrap().commit(changes);
        pause(1).await;
        answer
    }

    async fn pick_all(&self, queries: &[PickQuery]) -> Result<Vec<View>, S::Error> {
        pause(1).await;
        self.calls.lock().unwrap().reads += 1;
        let (mut views, mut given) = (Vec::new(), Vec::new());
        for query in queries {
            let mut query = query.clone();
            query.except.extend(&given);
            let view = self.store.lock().unwrap().read(&Query::Pick(query))?;
            if let View::Pick(pick) = &view {
                given.extend(pick.outcome.as_ref().ok());
            }
            views.push(view);
        }
        pause(1).await;
        Ok(views)
    }
}

/// An asynchronous store for one caller who waits.
#[derive(Debug)]
pub(crate) struct Blocking<A>(pub(crate) A);

pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    for _ in 0..1_000 {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return output;
        }
    }
    panic!("a lone caller waits for nobody");
}

impl<A: AsyncStore> Store for Blocking<A> {
    type Error = A::Error;

    fn is_atomic(&self) -> bool {
        self.0.is_atomic()
    }

    fn read(&mut self, query: &Query) -> Result<View, A::Error> {
        block_on(self.0.read(query))
    }

    fn commit(&mut self, changes: &[Change]) -> Result<Vec<Version>, A::Error> {
        block_on(self.0.commit(changes))
    }
}
