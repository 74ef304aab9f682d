//! Group commit: requests for one pool that arrive while a commit is under way go out together in the next one.
//!
//! A writer whose every write costs the whole pool (a custom resource) pays for a burst of N requests with N writes unless somebody
//! gathers them. [`Batched`] is that somebody, a layer over any [`AsyncStore`](crate::AsyncStore) that is an `AsyncStore` itself;
//! the machines above know nothing of it. [`Batcher`] is its head without I/O, so that a test can choose each order of events.
//!
//! - **No delay.** Nothing waits for company: a request that finds no commit under way goes out at once.
//! - **The members of a batch concern different addresses and different owners**, so their order among themselves means nothing.
//!   Two requests for one address go out one after the other.
//! - **Conditions decide.** A merged change has [`Version::ANY`](crate::Version::ANY): each member was planned on another state, but each
//!   operation brings its condition. A store that must name a version to write (a custom resource) names the one that it knows, and says
//!   [`Class::Conflict`](crate::Class::Conflict) if that has moved on.
//! - **One member's conflict is its own.** Where the store says which address is to blame
//!   ([`StoreError::blames`](crate::StoreError::blames)), its member is refused and the others go out again. Else a batch that conflicts is sent once more, since mostly another writer came first; then it is
//!   halved until those to blame are alone, or [`SPLITS_MAX`] is reached.
//! - **An unknown outcome is everybody's.** [`Class::Unavailable`](crate::Class::Unavailable) goes to all members of the commit; each reads before it
//!   tries again.
//! - **Picks differ.** What a waiting request is about to take is in the `except` of the picks after it. Picks that arrive while one is
//!   under way are asked together ([`AsyncStore::pick_all`](crate::AsyncStore::pick_all)). A pool is called full only on an answer that nothing was kept from.
//! - **Who hangs up leaves the queue.** If the batch has left already, the commit goes on for the others, and what its owner has is read
//!   only once it has landed ([`Batcher::settle`]): a request that is answered from what is stored must not be told of an address that a
//!   release on its way is about to free.
//!
//! An address that a batch frees is not among those that its members take: they were picked while it was still held.

mod asks;
mod batched;
mod batcher;
mod desk;
mod member;
mod plans;
mod queue;

pub use batched::{BatchError, Batched};
pub use batcher::{Batcher, Dispatch, FlightId, Outcome, Reply, Ticket, Work};

/// Most requests in one commit unless set otherwise: a burst of a whole node (110 to 250 pods) is one batch.
pub const MEMBERS_MAX: usize = 256;

/// Most bytes of one commit's operations unless set otherwise, as [`Limits::bytes_max`] counts them. An API server takes
/// requests of a few MiB, and etcd values of 1.5 MiB; the records that a pool has already need most of that.
pub const BYTES_MAX: usize = 256 << 10;

/// How often a batch that is refused is sent again or halved. Enough to find one to blame among [`MEMBERS_MAX`]. A batch costs at
/// most `1 + 2 * SPLITS_MAX` commits; who is not found innocent by then shares the verdict, and tries again like anybody after a conflict.
pub const SPLITS_MAX: usize = 12;

/// Addresses told to askers that have not committed yet, remembered a pool. Older ones may be told again, which costs their second
/// taker a conflict.
pub const PLANS_MAX: usize = 512;

/// Bounds of a batch.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Requests in one commit, and picks in one question. At least one goes.
    pub members_max: usize,
    /// Bytes of the operations of one commit: texts of owners and NICs, and a constant for each operation. One request always goes.
    pub bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { members_max: MEMBERS_MAX, bytes_max: BYTES_MAX }
    }
}
