//! Group commit on a runtime with threads: who is woken where is up to the machine, so this finds what a single thread cannot.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ipam_core::batch::Batched;
use ipam_core::testkit::{MemoryError, MemoryStore, conformance};
use ipam_core::{
    Allocate, AllocationRequest, AsyncClock, AsyncStore, Change, NicRequest, Owner, PoolFields, PoolSpec,
    Query, Release, ReleaseRequest, ReleaseScope, Time, Version, View, run_async,
};

const BURST: usize = 200;
const ROUNDS: usize = 20;

/// A store that lets others run before each answer.
struct Busy {
    store: MemoryStore,
    commits: AtomicUsize,
}

impl AsyncStore for Busy {
    type Error = MemoryError;

    fn is_atomic(&self) -> bool {
        AsyncStore::is_atomic(&self.store)
    }

    async fn read(&self, query: &Query) -> Result<View, MemoryError> {
        tokio::task::yield_now().await;
        AsyncStore::read(&self.store, query).await
    }

    async fn commit(&self, changes: &[Change]) -> Result<Vec<Version>, MemoryError> {
        tokio::task::yield_now().await;
        self.commits.fetch_add(1, Ordering::Relaxed);
        let answer = AsyncStore::commit(&self.store, changes).await;
        tokio::task::yield_now().await;
        answer
    }
}

#[derive(Clone, Copy)]
struct TokioClock(tokio::time::Instant);

impl AsyncClock for TokioClock {
    fn now(&self) -> Time {
        Time::default() + self.0.elapsed()
    }

    async fn wait_until(&self, time: Time) {
        tokio::time::sleep_until(self.0 + time.since(Time::default())).await;
    }
}

fn pool() -> PoolSpec {
    let fields = PoolFields {
        subnet: "10.6.0.0/16".to_owned(),
        ips: vec!["10.6.0.10-10.6.255.250".to_owned()],
        ..PoolFields::default()
    };
    PoolSpec::new(&"v4".parse().unwrap(), &fields).unwrap()
}

/// Everybody asks, every third hangs up at once, everybody asks again and all go.
async fn rounds(memory: MemoryStore) {
    let clock = TokioClock(tokio::time::Instant::now());
    // Far longer than it takes: a lost wake-up shows as a test that does not end.
    let patience = Duration::from_secs(3_600);
    let busy = Arc::new(Busy { store: memory.clone(), commits: AtomicUsize::new(0) });
    let store = Batched::new(Arc::clone(&busy));
    let allocate = |number: usize| {
        let owner = Owner::container("net", &format!("c{number}")).unwrap();
        let nic = NicRequest { v4: vec!["v4".parse().unwrap()], ..NicRequest::new("eth0".parse().unwrap()) };
        let mut request = AllocationRequest::new(owner, clock.now() + patience).nic(nic);
        request.seed = u64::try_from(number).unwrap();
        let (store, machine) = (store.clone(), Allocate::new(request, AsyncStore::is_atomic(&memory)));
        tokio::spawn(async move { run_async(machine, &store, &clock).await.unwrap().unwrap() })
    };
    for _ in 0..ROUNDS {
        let first: Vec<_> = (0..BURST).map(allocate).collect();
        tokio::task::yield_now().await;
        for (number, task) in first.into_iter().enumerate() {
            if number % 3 == 0 {
                task.abort();
            }
            let _aborted = task.await;
        }
        let mut addresses = BTreeSet::new();
        for task in (0..BURST).map(allocate).collect::<Vec<_>>() {
            let allocation = task.await.unwrap();
            addresses.extend(
                allocation.attachments.iter().flat_map(|one| &one.assignments).map(|one| one.address),
            );
        }
        assert_eq!((addresses.len(), memory.records().len()), (BURST, BURST));
        let release = |number: usize| {
            let owner = Owner::container("net", &format!("c{number}")).unwrap();
            let request = ReleaseRequest::new(owner, ReleaseScope::All, clock.now() + patience);
            let (store, machine) = (store.clone(), Release::new(request, AsyncStore::is_atomic(&memory)));
            tokio::spawn(async move { run_async(machine, &store, &clock).await.unwrap() })
        };
        for task in (0..BURST).map(release).collect::<Vec<_>>() {
            task.await.unwrap();
        }
        assert_eq!(memory.records().len(), 0);
    }
    assert!(busy.commits.load(Ordering::Relaxed) > 0);
}

#[test]
fn many_threads_share_one_batch() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_time().build().unwrap();
    for store in [MemoryStore::atomic, MemoryStore::one_at_a_time] {
        let memory = conformance::Setup::new(vec![pool()], Vec::new()).memory(store()).unwrap();
        runtime.block_on(rounds(memory));
    }
}
