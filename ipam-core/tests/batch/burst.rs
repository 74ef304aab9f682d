//! What a burst costs: many requests at once through the asynchronous driver.

use std::collections::BTreeSet;

use ipam_core::batch::{Batched, Limits};
use ipam_core::testkit::{FaultRates, FaultStore, MemoryStore};
use ipam_core::{AsyncStore, Store, run_async};

use crate::bed::{Calls, Yielding, allocate, pools, release};
use crate::executor::{Alarm, Whims, run_all};

const N: usize = 200;

/// Commits of a pool for a burst of [`N`] whose tasks take turns: the first request's own, the others', and a few for those who came in
/// while the first picks were answered.
const COMMITS_MAX: usize = 4;

/// The same where each request takes from two pools, so that the first come back while the others are still asking.
const DUAL_COMMITS_MAX: usize = 6;

/// The same where chance says who runs next, so that some are far ahead of others.
const SHUFFLED_COMMITS_MAX: usize = N / 10;

const CALM: Whims = Whims { seed: 1, shuffled: false, drops: 0 };

/// Everybody at once; the number of those who got all they asked for.
fn burst<A: AsyncStore>(store: &A, dual: bool, whims: Whims) -> (usize, usize) {
    let (alarm, met) = (Alarm::default(), std::cell::Cell::new(0));
    let task = |number: usize| {
        let (alarm, met) = (&alarm, &met);
        Box::pin(async move {
            let outcome = run_async(allocate(number, dual, store.is_atomic()), store, alarm).await;
            met.set(met.get() + usize::from(outcome.is_ok_and(|outcome| outcome.is_ok())));
        })
    };
    let dropped = run_all((0..N).map(task).collect(), &alarm, whims);
    (met.get(), dropped)
}

/// No address has two records, and none that was asked for is missing.
fn records(store: &MemoryStore) -> usize {
    let records = store.records();
    let addresses: BTreeSet<_> = records.iter().map(|(_, record)| record.address).collect();
    assert_eq!(addresses.len(), records.len());
    records.len()
}

fn calm(store: MemoryStore, dual: bool, whims: Whims) -> Calls {
    let store = pools(store, 1_000);
    let batched = Batched::new(Yielding::new(store.clone()));
    assert_eq!(burst(&batched, dual, whims), (N, 0));
    assert_eq!(records(&store), if dual { 2 * N } else { N });
    // The lowest addresses, though nobody waited for anybody.
    let addresses: BTreeSet<_> = store.records().into_iter().map(|(_, record)| record.address).collect();
    assert!(
        addresses.contains(&"10.6.0.1".parse().unwrap())
            && addresses.contains(&"10.6.0.200".parse().unwrap())
    );
    let calls = batched.inner().calls();
    println!("dual: {dual}, {whims:?}: {calls:?}");
    calls
}

#[test]
fn a_burst_costs_a_handful_of_commits() {
    let calls = calm(MemoryStore::one_at_a_time(), false, CALM);
    assert!(calls.pool_commits <= COMMITS_MAX, "{calls:?}");
    assert!(calls.ops_max >= N / 2, "{calls:?}");
    // Holdings of each, and the picks of all.
    assert!(calls.reads <= N + 4, "{calls:?}");
    // An atomic store has the attachments in the same commits.
    let calls = calm(MemoryStore::atomic(), false, CALM);
    assert!(calls.commits <= COMMITS_MAX, "{calls:?}");
}

#[test]
fn a_burst_over_two_families_costs_a_handful_for_each() {
    let calls = calm(MemoryStore::one_at_a_time(), true, CALM);
    assert!(calls.pool_commits <= 2 * DUAL_COMMITS_MAX, "{calls:?}");
    let calls = calm(MemoryStore::atomic(), true, CALM);
    assert!(calls.commits <= COMMITS_MAX, "{calls:?}");
}

#[test]
fn whoever_is_polled_first() {
    for seed in 1..=6 {
        let whims = Whims { seed, shuffled: true, drops: 0 };
        for dual in [false, true] {
            let calls = calm(MemoryStore::one_at_a_time(), dual, whims);
            let pools = if dual { 2 } else { 1 };
            assert!(calls.pool_commits <= pools * SHUFFLED_COMMITS_MAX, "{whims:?}: {calls:?}");
        }
    }
}

#[test]
fn without_batches_a_burst_costs_a_commit_each_and_more() {
    let store = pools(MemoryStore::one_at_a_time(), 1_000);
    let yielding = Yielding::new(store.clone());
    assert_eq!(burst(&yielding, false, CALM), (N, 0));
    assert!(yielding.calls().pool_commits >= 2 * N, "{:?}", yielding.calls());
}

#[test]
fn a_batch_of_one_is_no_batch() {
    let store = pools(MemoryStore::one_at_a_time(), 1_000);
    let limits = Limits { members_max: 1, ..Limits::default() };
    let batched = Batched::with_limits(Yielding::new(store.clone()), limits);
    assert_eq!(burst(&batched, false, CALM), (N, 0));
    assert_eq!((records(&store), batched.inner().calls().pool_commits), (N, N));
}

#[test]
fn a_pool_that_is_too_small_is_given_out_wholly() {
    for store in [MemoryStore::atomic, MemoryStore::one_at_a_time] {
        let store = pools(store(), 150);
        let batched = Batched::new(Yielding::new(store.clone()));
        let (met, _) = burst(&batched, false, CALM);
        assert_eq!((met, records(&store)), (150, 150));
        assert!(batched.inner().calls().pool_commits <= COMMITS_MAX, "{:?}", batched.inner().calls());
    }
}

#[test]
fn faults_and_dropped_futures_make_no_second_owner() {
    let (mut injected, mut dropped) = (0, 0);
    for store in [MemoryStore::atomic, MemoryStore::one_at_a_time] {
        for seed in 1..=4 {
            for drops in [0, 3] {
                let memory = pools(store(), 1_000);
                let faults = FaultStore::new(memory.clone(), FaultRates::rough(), seed);
                let batched = Batched::new(Yielding::new(faults));
                let whims = Whims { seed, shuffled: true, drops };
                let (met, gone) = burst(&batched, seed % 2 == 0, whims);
                assert_eq!(met + gone, N, "{whims:?}: who was not dropped is met at last");
                records(&memory);
                injected += batched.inner().store.lock().unwrap().injected();
                dropped += gone;
                // Everybody comes back, and everybody goes.
                let (met, _) = burst(&batched, seed % 2 == 0, Whims { drops: 0, ..whims });
                assert_eq!(met, N);
                clear(&batched, whims);
                assert_eq!(records(&memory), 0, "{whims:?}");
            }
        }
    }
    assert!(injected > 500 && dropped > 500, "{injected} faults, {dropped} dropped: too few prove little");
}

fn clear<S: Store + Send + 'static>(store: &Batched<Yielding<S>>, whims: Whims) {
    let alarm = Alarm::default();
    let task = |number: usize| {
        let alarm = &alarm;
        Box::pin(async move {
            run_async(release(number, store.is_atomic()), store, alarm).await.unwrap();
        })
    };
    run_all((0..N).map(task).collect(), &alarm, Whims { drops: 0, ..whims });
}
