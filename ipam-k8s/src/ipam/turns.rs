//! One request of an owner at a time.
//!
//! No store can tell which of two requests of one owner is the later one, and two ADDs of a pod would both find that it has nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use ipam_core::Owner;
use tokio::sync::OwnedMutexGuard;

type Key = (String, String, String);

/// Who is served now. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Turns(Arc<Mutex<BTreeMap<Key, Weak<tokio::sync::Mutex<()>>>>>);

/// The turn of an owner; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    _held: OwnedMutexGuard<()>,
}

impl Turns {
    /// Waits until no other request of this owner is served: those that came first go first.
    ///
    /// Cancel safe: yes, because a waiter that is dropped leaves the queue.
    pub(super) async fn take(&self, owner: &Owner) -> Turn {
        let key = (owner.kind().as_str().to_owned(), owner.scope().to_owned(), owner.name().to_owned());
        let queue = {
            let mut queues = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            // What nobody holds or waits for any more.
            queues.retain(|_, queue| queue.strong_count() > 0);
            match queues.get(&key).and_then(Weak::upgrade) {
                Some(queue) => queue,
                None => {
                    let queue = Arc::new(tokio::sync::Mutex::new(()));
                    queues.insert(key, Arc::downgrade(&queue));
                    queue
                }
            }
        };
        Turn { _held: queue.lock_owned().await }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use ipam_core::Owner;

    use super::Turns;

    #[tokio::test(flavor = "current_thread")]
    async fn one_at_a_time_and_others_beside() {
        let turns = Turns::default();
        let (first, again) = (Owner::pod("t", "a", "u1").unwrap(), Owner::pod("t", "a", "u2").unwrap());
        let other = Owner::pod("t", "b", "u3").unwrap();
        let held = turns.take(&first).await;
        let served = Arc::new(AtomicUsize::new(0));
        let waiting = tokio::spawn({
            let (turns, served) = (turns.clone(), Arc::clone(&served));
            async move {
                let _turn = turns.take(&again).await;
                served.fetch_add(1, Ordering::SeqCst);
            }
        });
        // Another incarnation of the same pod waits, another pod does not.
        drop(turns.take(&other).await);
        tokio::task::yield_now().await;
        assert_eq!(served.load(Ordering::SeqCst), 0);
        drop(held);
        waiting.await.unwrap();
        assert_eq!(served.load(Ordering::SeqCst), 1);
        drop(turns.take(&other).await);
        assert_eq!(turns.0.lock().unwrap().len(), 1, "queues that nobody is in are forgotten");
    }
}
