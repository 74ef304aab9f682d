//! Why a request to the agent was not carried out, in the words that the original's users know.

use std::fmt;

use crate::Causes;

/// A request that was not carried out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refused {
    /// What the caller is told.
    pub text: String,
    /// What it counts as.
    pub kind: RefusedKind,
}

/// What a refusal counts as in the metrics.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum RefusedKind {
    /// No pool may be used.
    NoPool,
    /// Pools may be used, and none has an address left.
    UsedOut,
    /// Other writers or the API server stood in the way until the deadline.
    Exhausted,
    /// What is asked for makes no sense, or is not there.
    Wrong,
    /// Anything else.
    Internal,
    /// 521 of `DELETE /ipam/ips`.
    StatelessKept,
    /// 522 of `DELETE /ipam/ips`.
    StatefulKept,
    /// 404 of `GET /workloadendpoint`.
    NotFound,
}

impl Refused {
    pub(super) fn new(kind: RefusedKind, text: impl Into<String>) -> Self {
        Self { text: text.into(), kind }
    }

    /// The error and all its causes.
    pub(super) fn of(kind: RefusedKind, prefix: &str, error: &dyn std::error::Error) -> Self {
        Self { text: format!("{prefix}{}", Causes(error)), kind }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Refused {}
