//! Who polls the store's future, and what becomes of it when they go.

use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use ipam_core::batch::{BatchError, Batched};
use ipam_core::testkit::{MemoryError, MemoryStore};
use ipam_core::{AsyncStore, Change, Class, Query, StoreError as _, Version, View};

use crate::bed::{on, pools, take};

/// A store whose commits wait for a signal.
#[derive(Debug)]
struct Gated {
    store: MemoryStore,
    gate: Arc<Gate>,
    panics: bool,
}

#[derive(Debug, Default)]
struct Gate {
    open: Mutex<(bool, Vec<Waker>)>,
    begun: AtomicUsize,
    /// Commits that ended without an answer.
    dropped: AtomicUsize,
}

impl Gate {
    fn open(&self) {
        let mut open = self.open.lock().unwrap();
        open.0 = true;
        let wakers = std::mem::take(&mut open.1);
        drop(open);
        wakers.into_iter().for_each(Waker::wake);
    }
}

/// Counts if it goes before its time.
struct Watch(Arc<Gate>, bool);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.dropped.fetch_add(usize::from(!self.1), Ordering::Relaxed);
    }
}

impl AsyncStore for Gated {
    type Error = MemoryError;

    fn is_atomic(&self) -> bool {
        AsyncStore::is_atomic(&self.store)
    }

    async fn read(&self, query: &Query) -> Result<View, MemoryError> {
        AsyncStore::read(&self.store, query).await
    }

    async fn commit(&self, changes: &[Change]) -> Result<Vec<Version>, MemoryError> {
        self.gate.begun.fetch_add(1, Ordering::Relaxed);
        let mut watch = Watch(Arc::clone(&self.gate), false);
        std::future::poll_fn(|context| {
            let mut open = self.gate.open.lock().unwrap();
            if open.0 {
                return Poll::Ready(());
            }
            open.1.push(context.waker().clone());
            Poll::Pending
        })
        .await;
        assert!(!self.panics, "a store with a bug");
        watch.1 = true;
        AsyncStore::commit(&self.store, changes).await
    }
}

fn gated(panics: bool) -> (Batched<Gated>, MemoryStore, Arc<Gate>) {
    let (store, gate) = (pools(MemoryStore::one_at_a_time(), 100), Arc::new(Gate::default()));
    (Batched::new(Gated { store: store.clone(), gate: Arc::clone(&gate), panics }), store, gate)
}

fn changes(id: &str, address: &str) -> [Change; 1] {
    [on("v4", vec![take(address, id)])]
}

/// Counts how often it was woken.
#[derive(Debug, Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Count {
    fn woken(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

fn poll<F: Future>(future: Pin<&mut F>, count: &Arc<Count>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(&Waker::from(Arc::clone(count))))
}

#[test]
fn another_takes_over_from_a_driver_that_goes() {
    let (batched, store, gate) = gated(false);
    let [one, two, three] = [changes("a", "10.6.0.1"), changes("b", "10.6.0.2"), changes("c", "10.6.0.3")];
    let counts: [Arc<Count>; 3] = std::array::from_fn(|_| Arc::default());
    let mut first = Box::pin(batched.commit(&one));
    assert!(poll(first.as_mut(), &counts[0]).is_pending());
    let (mut second, mut third) = (pin!(batched.commit(&two)), pin!(batched.commit(&three)));
    assert!(poll(second.as_mut(), &counts[1]).is_pending());
    assert!(poll(third.as_mut(), &counts[2]).is_pending());
    assert_eq!([&counts[0], &counts[1], &counts[2]].map(|count| count.woken()), [0, 0, 0]);
    drop(first);
    assert_eq!((counts[1].woken(), counts[2].woken()), (1, 0), "the next in line drives");
    assert!(poll(second.as_mut(), &counts[1]).is_pending());
    gate.open();
    assert!(counts[1].woken() > 1 && counts[2].woken() == 0, "the store wakes who drives");
    assert_eq!(store.records().len(), 0);
    // The first commit is stored though its caller is gone; the second batch has both others.
    assert!(poll(second.as_mut(), &counts[1]).is_ready());
    assert_eq!(counts[2].woken(), 1);
    assert!(poll(third.as_mut(), &counts[2]).is_ready());
    assert_eq!((store.records().len(), store.calls().0), (3, 2));
    assert_eq!((gate.begun.load(Ordering::Relaxed), gate.dropped.load(Ordering::Relaxed)), (2, 0));
}

#[test]
fn what_nobody_waits_for_is_dropped() {
    let (batched, store, gate) = gated(false);
    let [one, two] = [changes("a", "10.6.0.1"), changes("b", "10.6.0.2")];
    let count = Arc::default();
    let mut first = Box::pin(batched.commit(&one));
    assert!(poll(first.as_mut(), &count).is_pending());
    drop(first);
    assert_eq!(gate.dropped.load(Ordering::Relaxed), 1);
    // It holds up nobody.
    let mut second = pin!(batched.commit(&two));
    assert!(poll(second.as_mut(), &count).is_pending());
    gate.open();
    assert!(poll(second.as_mut(), &count).is_ready());
    assert_eq!(store.records().len(), 1);
}

#[test]
fn who_waits_in_the_queue_and_goes_is_not_sent() {
    let (batched, store, gate) = gated(false);
    let [one, two] = [changes("a", "10.6.0.1"), changes("b", "10.6.0.2")];
    let count = Arc::default();
    let mut first = pin!(batched.commit(&one));
    assert!(poll(first.as_mut(), &count).is_pending());
    let mut second = Box::pin(batched.commit(&two));
    assert!(poll(second.as_mut(), &count).is_pending());
    drop(second);
    gate.open();
    assert!(poll(first.as_mut(), &count).is_ready());
    assert_eq!((store.records().len(), gate.begun.load(Ordering::Relaxed)), (1, 1));
}

#[test]
fn a_panic_of_the_store_is_an_unknown_outcome_for_the_others() {
    let (batched, _, gate) = gated(true);
    let [one, two, three] = [changes("a", "10.6.0.1"), changes("b", "10.6.0.2"), changes("c", "10.6.0.3")];
    let counts: [Arc<Count>; 3] = std::array::from_fn(|_| Arc::default());
    let mut first = pin!(batched.commit(&one));
    assert!(poll(first.as_mut(), &counts[0]).is_pending());
    let (mut second, mut third) = (pin!(batched.commit(&two)), pin!(batched.commit(&three)));
    assert!(poll(second.as_mut(), &counts[1]).is_pending());
    assert!(poll(third.as_mut(), &counts[2]).is_pending());
    gate.open();
    let drive = |future: Pin<&mut _>, count| {
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| poll(future, count).is_pending()))
    };
    assert!(drive(first.as_mut(), &counts[0]).is_err(), "the bug shows where it happens");
    assert!(counts[1].woken() > 0 && counts[2].woken() > 0, "the others go on");
    assert!(
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(
            || poll(second.as_mut(), &counts[1]).is_pending()
        ))
        .is_err()
    );
    match poll(third.as_mut(), &counts[2]) {
        Poll::Ready(Err(error @ BatchError::Lost)) => assert_eq!(error.class(), Class::Unavailable),
        other => panic!("{other:?}"),
    }
}
