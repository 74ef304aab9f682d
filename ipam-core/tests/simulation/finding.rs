//! What the checker reports: which rule is broken, and by what.

use std::fmt;

/// The rule that is broken.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Kind {
    /// An address is acknowledged to two who both still believe that they have it.
    TwoOwners,
    /// An address has two records.
    TwoRecords,
    /// A believed address has no record.
    NoRecord,
    /// The record of a believed address names another owner or pool.
    OtherRecord,
    /// The attachments do not give a believed address to the NIC that believes.
    OtherAttachment,
    /// Two NICs of one owner name one address that it holds.
    TwoNics,
    /// A record is outside of what its pool has.
    Outside,
    /// A reserved address was handed out.
    Reserved,
    /// The answer for a NIC is not the one that it has.
    OtherAnswer,
    /// A refused request has kept something.
    Kept,
    /// After collection a record belongs to nobody alive.
    Lost,
    /// After everybody has let go something is left.
    Left,
    /// The store denies a believed address to its owner.
    Unconfirmed,
    /// A request never came to an end, though nothing but the weather stood against it.
    Starved,
    /// Two pools have one address.
    Overlap,
    /// A machine panicked.
    Panic,
}

/// A broken rule with what a reader needs to see.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Finding {
    pub(crate) kind: Kind,
    pub(crate) text: String,
}

impl Finding {
    pub(crate) fn new(kind: Kind, text: impl Into<String>) -> Box<Self> {
        Box::new(Self { kind, text: text.into() })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.text)
    }
}

/// How everything in the simulated world ends.
pub(crate) type Verdict<T = ()> = Result<T, Box<Finding>>;
