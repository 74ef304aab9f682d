//! What the caller of a request does not see of it, told to whoever counts it: a daemon's metrics, a test.

use std::fmt;
use std::time::Duration;

/// What a request is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RequestKind {
    /// To have addresses.
    Allocation,
    /// To give them back.
    Release,
}

/// Is told of each event when it happens, on the task that it happens on: methods return at once. All do nothing unless written.
pub trait Observer: fmt::Debug + Send + Sync {
    /// A write of a pool met a newer version, and is tried again. One write can serve several requests; if one of them is an
    /// allocation, it counts as one.
    fn conflict(&self, kind: RequestKind) {
        _ = kind;
    }

    /// A request waited so long for another one of the same pod.
    fn waited(&self, kind: RequestKind, time: Duration) {
        _ = (kind, time);
    }

    /// An allocation had to wait for the pool that the controller makes of a subnet.
    fn auto_pool_waited(&self) {}
}

/// Counts nothing.
#[derive(Debug)]
pub(crate) struct Unobserved;

impl Observer for Unobserved {}
