//! The asynchronous driver does as the blocking one.

use std::pin::pin;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

use ipam_core::testkit::MemoryStore;
use ipam_core::{Allocate, AsyncClock, Release, ReleaseRequest, ReleaseScope, Time, run, run_async};

use crate::script::{DEADLINE, START, attached, book, clock, container, nic, plant, pools, request};

/// A clock that jumps.
struct Jumping(Mutex<Time>);

impl AsyncClock for Jumping {
    fn now(&self) -> Time {
        *self.0.lock().unwrap()
    }

    async fn wait_until(&self, time: Time) {
        let mut now = self.0.lock().unwrap();
        *now = time.max(*now);
    }
}

/// Nothing here waits for anybody, so one poll is enough.
fn finish<F: Future>(future: F) -> F::Output {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut context) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("a store in memory answers at once"),
    }
}

#[test]
fn both_drivers_do_the_same() {
    for kind in [MemoryStore::atomic, MemoryStore::one_at_a_time] {
        let (mut one, other) = (pools(kind()), pools(kind()));
        plant(&mut one.clone(), "a", "10.6.0.10", "z");
        plant(&mut other.clone(), "a", "10.6.0.10", "z");
        let atomic = ipam_core::Store::is_atomic(&one);
        let time = Jumping(Mutex::new(START));
        for id in ["x", "y"] {
            let wanted = || request(id).nic(nic("eth0", &["a", "b"], &["six"]));
            let blocking = run(Allocate::new(wanted(), atomic), &mut one, &mut clock()).unwrap();
            let polled = finish(run_async(Allocate::new(wanted(), atomic), &other, &time)).unwrap();
            assert_eq!(blocking, polled);
        }
        let release = || ReleaseRequest::new(container("x"), ReleaseScope::All, DEADLINE);
        let blocking = run(Release::new(release(), atomic), &mut one, &mut clock()).unwrap();
        let polled = finish(run_async(Release::new(release(), atomic), &other, &time)).unwrap();
        assert_eq!(blocking, polled);
        assert_eq!((book(&one), attached(&one)), (book(&other), attached(&other)));
        assert_eq!(one.calls(), other.calls());
    }
}
