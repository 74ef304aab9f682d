//! The machines: what allocates, confirms, releases and collects, without I/O.
//!
//! A [`Machine`] is fed answers and yields what it needs next: a read, a commit, a pause, or its outcome. A driver
//! ([`run`](crate::run), [`run_async`](crate::run_async), the simulator of the test kit) carries that out. So each order of events, each lost answer and each crash
//! is a sequence of inputs that a test can choose.

mod allocate;
mod backoff;
mod collect;
mod confirm;
mod plan;
mod refusal;
mod release;
mod slot;

pub use allocate::{Allocate, Allocation};
pub use collect::{Collect, Collected};
pub use confirm::{Confirm, Confirmed, Unconfirmed};
pub use refusal::{Refusal, SlotRefusal, Verdict, Why};
pub use release::{Release, Released};

use crate::record::Time;
use crate::store::{Change, Class, Query, Version, View};

/// What a machine is told.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Input {
    /// It may start, or the pause is over.
    Go,
    /// The answer to its read.
    Read(Result<View, Class>),
    /// The answer to its commit.
    Committed(Result<Vec<Version>, Class>),
}

/// What a machine wants.
#[derive(Clone, Debug, Eq, PartialEq)]
#[must_use]
pub enum Step<Output> {
    /// The answer to this, as [`Input::Read`].
    Read(Query),
    /// This stored, and told as [`Input::Committed`]. Several changes only if the store is atomic.
    Commit(Vec<Change>),
    /// [`Input::Go`] at this time, or soon after.
    WaitUntil(Time),
    /// Nothing more.
    Done(Output),
    /// Nothing more, without an outcome.
    GiveUp(GiveUp),
}

/// Why a machine ended without an outcome.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum GiveUp {
    /// The deadline passed. What was stored by then stays: the owner's next try finds it, its release frees it.
    Deadline,
    /// The store's last error: the same again would not help.
    Store,
    /// The store answered something else than was asked.
    Contract,
}

/// A request on its way.
pub trait Machine {
    /// What comes out.
    type Output;

    /// The next step. After [`Step::Done`] or [`Step::GiveUp`] a machine gives up with [`GiveUp::Contract`].
    fn step(&mut self, now: Time, input: Input) -> Step<Self::Output>;
}
