//! The drivers: they carry out what a [`Machine`] asks for, on a [`Store`], until it is done.
//!
//! [`run`] waits in the calling thread (a plugin), [`run_async`] on any executor (a daemon). The third driver, which decides every
//! interleaving and every lost answer from a seed, is `testkit::Simulator`.

use crate::machine::{GiveUp, Input, Machine, Step};
use crate::record::Time;
use crate::store::{AsyncStore, Store, StoreError};

/// The clock of a blocking caller.
pub trait Clock {
    /// The time now.
    fn now(&self) -> Time;

    /// Returns at this time, or soon after.
    fn wait_until(&mut self, time: Time);
}

/// The clock of an asynchronous caller.
pub trait AsyncClock: Sync {
    /// The time now.
    fn now(&self) -> Time;

    /// Completes at this time, or soon after.
    fn wait_until(&self, time: Time) -> impl Future<Output = ()> + Send;
}

/// Why a request ended without an outcome.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DriveError<E: StoreError> {
    /// The deadline passed. What was stored by then stays; the owner's next try finds it.
    #[error("the deadline has passed before the store could be written")]
    Deadline {
        /// The store's last error.
        #[source]
        last: Option<E>,
    },
    /// The store refused, and the same again would not help.
    #[error("the store refused")]
    Store(#[source] E),
    /// The store answered something else than was asked: a bug in the store.
    #[error("the store broke its contract: its answer was of another kind than the question")]
    Contract,
}

impl<E: StoreError> DriveError<E> {
    fn new(why: GiveUp, last: Option<E>) -> Self {
        match (why, last) {
            (GiveUp::Deadline, last) => Self::Deadline { last },
            (GiveUp::Store, Some(error)) => Self::Store(error),
            (GiveUp::Store | GiveUp::Contract, _) => Self::Contract,
        }
    }

    /// The store's last error.
    #[must_use]
    pub const fn store_error(&self) -> Option<&E> {
        match self {
            Self::Deadline { last } => last.as_ref(),
            Self::Store(error) => Some(error),
            Self::Contract => None,
        }
    }
}

/// Runs a machine on a store while the caller waits.
///
/// # Errors
/// [`DriveError`] where the machine gives up; what the request itself is refused for is in its output.
pub fn run<M: Machine, S: Store>(
    mut machine: M,
    store: &mut S,
    clock: &mut impl Clock,
) -> Result<M::Output, DriveError<S::Error>> {
    let mut last = None;
    let mut input = Input::Go;
    loop {
        input = match machine.step(clock.now(), input) {
            Step::Read(query) => Input::Read(store.read(&query).map_err(|error| note(&mut last, error))),
            Step::Commit(changes) => {
                Input::Committed(store.commit(&changes).map_err(|error| note(&mut last, error)))
            }
            Step::WaitUntil(time) => {
                clock.wait_until(time);
                Input::Go
            }
            Step::Done(output) => return Ok(output),
            Step::GiveUp(why) => return Err(DriveError::new(why, last)),
        };
    }
}

/// Runs a machine on an asynchronous store.
///
/// Cancel safe: yes, because each commit is whole or not at all, and what a dropped request has stored its owner's next try finds.
///
/// # Errors
/// As [`run`].
pub async fn run_async<M: Machine, S: AsyncStore>(
    mut machine: M,
    store: &S,
    clock: &impl AsyncClock,
) -> Result<M::Output, DriveError<S::Error>> {
    let mut last = None;
    let mut input = Input::Go;
    loop {
        input = match machine.step(clock.now(), input) {
            Step::Read(query) => {
                Input::Read(store.read(&query).await.map_err(|error| note(&mut last, error)))
            }
            Step::Commit(changes) => {
                Input::Committed(store.commit(&changes).await.map_err(|error| note(&mut last, error)))
            }
            Step::WaitUntil(time) => {
                clock.wait_until(time).await;
                Input::Go
            }
            Step::Done(output) => return Ok(output),
            Step::GiveUp(why) => return Err(DriveError::new(why, last)),
        };
    }
}

fn note<E: StoreError>(last: &mut Option<E>, error: E) -> crate::store::Class {
    let class = error.class();
    *last = Some(error);
    class
}
