//! An asynchronous allocator on top of any `Store`, for a program that serves many at once: `Batched` gathers the requests that come while a
//! commit is under way, so that a burst of 200 costs a handful of commits.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use ipam_core::batch::Batched;
use ipam_core::testkit::MemoryStore;
use ipam_core::{
    Allocate, AllocationRequest, AsyncClock, AsyncStore, Change, NicRequest, Owner, PoolFields, PoolSpec,
    Query, RangeSet, Store, Time, Version, View, run_async,
};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Containers that start at the same moment.
const BURST: usize = 200;
/// What a commit takes: an API server, or a disk with a data base on it.
const COMMIT: Duration = Duration::from_millis(40);
const PATIENCE: Duration = Duration::from_secs(30);

/// Makes an asynchronous store of one that answers while its caller waits.
///
/// A store that works on a file would do so in `tokio::task::spawn_blocking`; this one stands for a server, which takes its time.
struct Remote<S> {
    store: Mutex<S>,
    commits: AtomicUsize,
}

impl<S> Remote<S> {
    fn lock(&self) -> MutexGuard<'_, S> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Store + Send> AsyncStore for Remote<S> {
    type Error = S::Error;

    fn is_atomic(&self) -> bool {
        self.lock().is_atomic()
    }

    async fn read(&self, query: &Query) -> Result<View, S::Error> {
        self.lock().read(query)
    }

    async fn commit(&self, changes: &[Change]) -> Result<Vec<Version>, S::Error> {
        tokio::time::sleep(COMMIT).await;
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.lock().commit(changes)
    }
}

/// The machines have no clock of their own.
#[derive(Clone, Copy)]
struct TokioClock(Instant);

impl AsyncClock for TokioClock {
    fn now(&self) -> Time {
        Time::default() + self.0.elapsed()
    }

    async fn wait_until(&self, time: Time) {
        tokio::time::sleep_until(self.0 + time.since(Time::default())).await;
    }
}

fn main() -> Result<()> {
    // The clock moves on only when nobody can do anything, so that this prints the same on every machine.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
    let (commits, time) = runtime.block_on(burst(|store| store))?;
    println!("one by one: {BURST} addresses cost {commits} commits and {} ms", time.as_millis());
    let (commits, time) = runtime.block_on(burst(Batched::new))?;
    println!("in groups: {BURST} addresses cost {commits} commits and {} ms", time.as_millis());
    Ok(())
}

/// Everybody at once; the commits it cost, and the time until the last had an answer.
async fn burst<A: AsyncStore + Send + 'static>(
    layer: impl Fn(Arc<Remote<MemoryStore>>) -> A,
) -> Result<(usize, Duration)> {
    let fields = PoolFields {
        subnet: "10.6.0.0/16".to_owned(),
        ips: vec!["10.6.0.10-10.6.255.250".to_owned()],
        ..PoolFields::default()
    };
    let (memory, pool) = (MemoryStore::atomic(), PoolSpec::new(&"v4".parse()?, &fields)?);
    let nothing_reserved = RangeSet::empty(pool.family());
    memory.put_pool(pool, nothing_reserved)?;
    let remote = Arc::new(Remote { store: Mutex::new(memory), commits: AtomicUsize::new(0) });
    let (store, clock) = (Arc::new(layer(Arc::clone(&remote))), TokioClock(Instant::now()));

    let mut tasks = JoinSet::new();
    for number in 0..BURST {
        let owner = Owner::container("mynet", &format!("c{number}"))?;
        let nic = NicRequest { v4: vec!["v4".parse()?], ..NicRequest::new("eth0".parse()?) };
        let mut request = AllocationRequest::new(owner, clock.now() + PATIENCE).nic(nic);
        request.seed = u64::try_from(number)?;
        let store = Arc::clone(&store);
        tasks.spawn(
            async move { run_async(Allocate::new(request, store.is_atomic()), &*store, &clock).await },
        );
    }
    let mut addresses = std::collections::BTreeSet::new();
    while let Some(task) = tasks.join_next().await {
        let allocation = task?.context("the store answers in time")?.context("there are enough addresses")?;
        let assignments = allocation.attachments.into_iter().flat_map(|attachment| attachment.assignments);
        addresses.extend(assignments.map(|assignment| assignment.address));
    }
    anyhow::ensure!(addresses.len() == BURST, "an address was given twice");
    Ok((remote.commits.load(Ordering::Relaxed), clock.0.elapsed()))
}
