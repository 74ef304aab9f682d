//! The seam between the rules and whatever keeps the state.
//!
//! A [`Store`] answers narrow questions and commits small changes. The rules know nothing of how; a store knows nothing of
//! policies, retries or NICs. The contract:
//!
//! - **One owner.** Within a subnet an address has at most one record. [`PoolOp::Take`] of an address that has one, is outside
//!   what its pool gives out, or belongs to a disabled pool is a [`Class::Conflict`]: nothing of the commit is stored.
//! - **Conditions travel with the change.** Each [`PoolOp`] names what must still be so; the store tests it against its
//!   *current* state as part of the commit. A [`Version`] that has moved on is reason enough for a conflict, but a store that can
//!   test the conditions may let the commit pass: changes to different addresses of a pool do not disturb each other.
//! - **All or nothing.** The operations of one [`Change`] are stored together and are durable when `commit` returns. Whether several
//!   changes of one commit are stored together is what [`Store::is_atomic`] says.
//! - **Unknown is said.** When a store cannot tell whether a commit was stored, that is [`Class::Unavailable`]; the caller
//!   reads before it tries again. A store never repeats a commit by itself.
//! - **Fresh where it decides.** A pick may be answered from an older state, since the commit tests what it was planned on.
//!   [`Query::Holdings`] may not: a repeated request is answered from it without a commit. Nor may a page that a runtime's list judges: an
//!   address may have come to another NIC while its record is the same. A late commit must be bound to the state that it was sent on, for
//!   the condition of a release is true again as soon as its owner has the address again.
//! - **Narrow reads.** The cost of answering [`Query::Holdings`] and [`Query::Pick`] should not grow with the records of a pool.
//!
//! [`testkit`](crate::testkit) (feature `testkit`) has the suite that holds a store to this.

use std::sync::Arc;
use std::time::Duration;

use crate::addr::Addr;
use crate::owner::{Nic, Owner, OwnerKind};
use crate::pool::{PoolName, PoolSpec};
use crate::record::{Attachment, Record, Stamp, Time};

/// An opaque mark of the state that was read, handed back with the change that is planned on it.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct Version(String);

impl Version {
    /// No expectation: the conditions of the operations alone decide.
    pub const ANY: Self = Self(String::new());

    /// A version with the store's own text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The store's text; empty for [`Version::ANY`].
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a change planned on this version may be applied to a state at `current`.
    #[must_use]
    pub fn allows(&self, current: &Self) -> bool {
        self.0.is_empty() || self == current
    }
}

/// Where in a pool to look for a free address first.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Start {
    /// At the lowest address.
    Lowest,
    /// At the address that this number, a hash of who asks, falls on; wrapping at the end.
    Spread(u128),
    /// After the address that was given last; wrapping at the end.
    Rotate,
}

/// Which address is wanted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Want {
    /// Any free one.
    Any(Start),
    /// This one, if the pool may give it out.
    Exactly(Addr),
    /// This one, which the owner already uses: only another record stands against it, or that another pool of the subnet has
    /// it by now ([`Obstacle::Outside`]), not the pool's present ranges.
    Again(Addr),
}

/// The question for an address of a pool.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PickQuery {
    /// The pool.
    pub pool: PoolName,
    /// Which address.
    pub want: Want,
    /// Addresses that the asker has planned already in the same commit.
    pub except: Vec<Addr>,
    /// The time now.
    pub now: Time,
    /// An address freed less than this long ago is taken only when nothing else is free. Zero: no difference.
    pub cooldown: Duration,
}

/// What a machine asks of a store.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Query {
    /// Records and attachments of this owner's identity, in whatever incarnation. → [`View::Holdings`]
    Holdings {
        /// Whose.
        owner: Owner,
        /// Pools that a store which cannot search by owner should look at; the others the attachments name.
        pools: Vec<PoolName>,
    },
    /// An address of a pool. → [`View::Pick`]
    Pick(PickQuery),
    /// Records in order of (pool, address), a page at a time. → [`View::Page`]
    Page(PageQuery),
}

/// The question for a page of records.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PageQuery {
    /// Only those of owners of this kind and scope (a container's network, a pod's namespace).
    pub scope: Option<(OwnerKind, String)>,
    /// Only those of this pool.
    pub pool: Option<PoolName>,
    /// Only those after this one.
    pub after: Option<(PoolName, Addr)>,
    /// At most so many.
    pub limit: usize,
}

/// A record with the pool and, where an attachment names it, the NIC.
#[derive(Clone, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Holding {
    /// The pool that the address is from.
    pub pool: PoolName,
    /// The record.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub record: Record,
    /// The NIC whose attachment names it.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub nic: Option<Nic>,
}

/// All that an owner has.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Holdings {
    /// Mark of the attachments.
    pub version: Version,
    /// The owner as the attachments know it: the incarnation that wrote them last.
    pub bound: Option<Owner>,
    /// The attachments.
    pub attachments: Vec<Attachment>,
    /// The records of this identity.
    pub records: Vec<Holding>,
    /// The pools that the attachments and records name, those of them that exist.
    pub pools: Vec<Arc<PoolSpec>>,
}

/// What stands against an address.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Obstacle {
    /// There is no such pool.
    NoPool,
    /// The pool gives out nothing new.
    Disabled,
    /// Every address is held or reserved.
    Exhausted {
        /// Addresses that the pool could give out: its ranges less excluded and reserved ones.
        capacity: u128,
    },
    /// The pool may have no more records.
    Limit {
        /// So many.
        records_max: u64,
    },
    /// The address is held.
    Held(Box<Holding>),
    /// The address is not among the pool's `ips`, or is excluded.
    Outside,
    /// A SpiderReservedIP keeps the address.
    Reserved,
}

/// What a store says to a [`PickQuery`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PickView {
    /// Mark of the pool's state.
    pub version: Version,
    /// The pool, if it exists.
    pub spec: Option<Arc<PoolSpec>>,
    /// The address, or what stands against it.
    pub outcome: Result<Addr, Obstacle>,
}

/// A page of records.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct PageView {
    /// The records.
    pub records: Vec<Holding>,
    /// Where the next page starts; `None` at the end.
    pub next: Option<(PoolName, Addr)>,
}

/// A store's answer to a [`Query`], of the same name.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum View {
    /// To [`Query::Holdings`].
    Holdings(Holdings),
    /// To [`Query::Pick`].
    Pick(PickView),
    /// To [`Query::Page`].
    Page(PageView),
}

/// One operation on a pool, with its condition.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum PoolOp {
    /// Give the address to the owner. Condition: it is free and the pool may give it out.
    Take(Record),
    /// As [`PoolOp::Take`] for an address that the owner already uses. Condition: no record has it, and no other pool of the
    /// subnet gives it out. A store whose attachments cannot outlive their records is never asked.
    TakeAgain(Record),
    /// Free the address. Without effect, and no conflict, unless the record is still held by this owner
    /// ([`Owner::same_holder`]) and, where given, still bears this stamp.
    Release {
        /// The address.
        address: Addr,
        /// The holder that is to lose it.
        owner: Owner,
        /// The stamp that the verdict was based on.
        seen: Option<Stamp>,
    },
    /// Hand the address to a new incarnation. Condition: it is held by `from`.
    Rebind {
        /// The address.
        address: Addr,
        /// The holder until now.
        from: Owner,
        /// The holder from now on.
        to: Owner,
        /// Stamp of the new record.
        stamp: Option<Stamp>,
    },
    /// Note that the owner still uses the address. Condition: it is held by this owner.
    Confirm {
        /// The address.
        address: Addr,
        /// The holder.
        owner: Owner,
        /// The new stamp.
        stamp: Stamp,
    },
}

/// One operation on the attachments of an owner.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum AttachmentOp {
    /// Drop all, those of other incarnations too.
    Clear,
    /// The NIC has these addresses from now on, and the attachments belong to the incarnation that the change names.
    Set(Attachment),
    /// The NIC has none.
    Remove(Nic),
    /// No NIC has this address any more; a NIC left without any is removed. Without effect while the owner holds a record of it, be
    /// it in another incarnation than the one that the change names: a judge of the earlier one may come late.
    Forget(Addr),
}

/// What is to be stored together.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Change {
    /// Records of one pool.
    Pool {
        /// The pool.
        pool: PoolName,
        /// The state that the change was planned on.
        version: Version,
        /// In order. Releases are applied first.
        ops: Vec<PoolOp>,
        /// The time now, for what is freed.
        now: Time,
        /// How long what is freed is to be avoided; a store may forget it sooner if zero.
        cooldown: Duration,
    },
    /// Attachments of one owner. A store that keeps the NIC with the record may demand ([`Class::Rejected`]) that the owner holds what is attached.
    Attachments {
        /// Whose.
        owner: Owner,
        /// The state that the change was planned on.
        version: Version,
        /// In order.
        ops: Vec<AttachmentOp>,
    },
}

/// What a failure of a store means for the caller.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Class {
    /// Nothing was stored, since the state has moved on: read again and plan again.
    Conflict,
    /// Unknown whether it was stored, or no answer to a read: read before the next try.
    Unavailable,
    /// Nothing was stored, and the same again would not be either.
    Rejected,
}

/// What the rules need to know of a store's error.
pub trait StoreError: std::error::Error + Send + Sync + 'static {
    /// What it means for the caller.
    fn class(&self) -> Class;

    /// Of a [`Class::Conflict`] that one operation is to blame for: its address. A layer that merged the requests of several
    /// ([`Batched`](crate::batch::Batched)) then refuses that one and sends the others again. `None`: not known, or nobody is.
    fn blames(&self) -> Option<Addr> {
        None
    }
}

/// A store that answers while the caller waits. See the module for the contract.
pub trait Store {
    /// Its errors.
    type Error: StoreError;

    /// Whether the changes of one commit are stored together, whatever pools and attachments they touch. If not, they are
    /// committed one at a time and taken back where a later one fails.
    fn is_atomic(&self) -> bool;

    /// Answers a query with the view of the same name.
    ///
    /// # Errors
    /// [`Class::Unavailable`] where there is no answer, [`Class::Rejected`] where what is stored cannot be understood.
    fn read(&mut self, query: &Query) -> Result<View, Self::Error>;

    /// Stores the changes and returns the new version of each.
    ///
    /// # Errors
    /// Of the [`Class`] that says what is stored now.
    fn commit(&mut self, changes: &[Change]) -> Result<Vec<Version>, Self::Error>;
}

/// A store that answers later. The same contract as [`Store`]; shared by many requests at once.
///
/// Dropping the future of a commit leaves its outcome unknown, as [`Class::Unavailable`] does.
pub trait AsyncStore: Sync {
    /// Its errors.
    type Error: StoreError;

    /// As [`Store::is_atomic`].
    fn is_atomic(&self) -> bool;

    /// As [`Store::read`].
    fn read(&self, query: &Query) -> impl Future<Output = Result<View, Self::Error>> + Send;

    /// As [`Store::commit`].
    fn commit(&self, changes: &[Change]) -> impl Future<Output = Result<Vec<Version>, Self::Error>> + Send;

    /// The views of several picks, in order: each as if the addresses that those before it were given in the same pool were in its
    /// [`PickQuery::except`].
    ///
    /// Asks for one after the other unless the store has a way of its own, which is worth having where a read takes time:
    /// [`Batched`](crate::batch::Batched) asks so for all that has come while it waited for an answer.
    ///
    /// # Errors
    /// As [`AsyncStore::read`]; one failure stands for all.
    fn pick_all(&self, queries: &[PickQuery]) -> impl Future<Output = Result<Vec<View>, Self::Error>> + Send {
        async move {
            let (mut views, mut given) = (Vec::with_capacity(queries.len()), Vec::new());
            for query in queries {
                let mut asked = query.clone();
                let here = given.iter().filter(|(pool, _)| *pool == &query.pool);
                asked.except.extend(here.map(|(_, address)| *address));
                let view = self.read(&Query::Pick(asked)).await?;
                if let View::Pick(PickView { outcome: Ok(address), .. }) = &view {
                    given.push((&query.pool, *address));
                }
                views.push(view);
            }
            Ok(views)
        }
    }
}

/// A store that several hold is a store.
impl<S: AsyncStore + Send> AsyncStore for Arc<S> {
    type Error = S::Error;

    fn is_atomic(&self) -> bool {
        S::is_atomic(self)
    }

    fn read(&self, query: &Query) -> impl Future<Output = Result<View, Self::Error>> + Send {
        S::read(self, query)
    }

    fn commit(&self, changes: &[Change]) -> impl Future<Output = Result<Vec<Version>, Self::Error>> + Send {
        S::commit(self, changes)
    }

    fn pick_all(&self, queries: &[PickQuery]) -> impl Future<Output = Result<Vec<View>, Self::Error>> + Send {
        S::pick_all(self, queries)
    }
}

impl PoolOp {
    /// The address that it is about.
    #[must_use]
    pub const fn address(&self) -> Addr {
        match self {
            Self::Take(record) | Self::TakeAgain(record) => record.address,
            Self::Release { address, .. } | Self::Rebind { address, .. } | Self::Confirm { address, .. } => {
                *address
            }
        }
    }
}
