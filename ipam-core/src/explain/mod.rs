//! Why an owner got this address, or none: pool by pool, also for an owner that is not there yet.
//!
//! [`Explain`] runs the allocation itself, [`Allocate`](crate::Allocate), against what a store answers, and lets nothing be
//! written. So what it says is what an allocation would do now, and its reasons are those of the refusals, in the same words.
//!
//! ```
//! use std::sync::Arc;
//! use ipam_core::explain::{Explain, Question};
//! use ipam_core::select::{PoolNames, PoolSource};
//! use ipam_core::testkit::{ManualClock, MemoryStore};
//! use ipam_core::{AllocationRequest, Family, Owner, PoolFields, PoolSpec, RangeSet, Time, run};
//!
//! let fields = PoolFields { subnet: "10.6.0.0/24".into(), ips: vec!["10.6.0.10-10.6.0.19".into()], ..PoolFields::default() };
//! let pools = [Arc::new(PoolSpec::new(&"v4".parse()?, &fields)?)];
//! let source = PoolSource::Named(PoolNames { v4: vec!["v4".into()], v6: vec![] });
//!
//! let request = AllocationRequest::new(Owner::container("mynet", "c1")?, Time::from_millis(1_000));
//! let mut question = Question::new(request, "default_ipv4_ippool".into());
//! let eth0 = "eth0".parse()?;
//! question.select(&eth0, Family::V4, source.family(&eth0, Family::V4, &pools));
//!
//! let mut store = MemoryStore::atomic();
//! store.put_pool(pools[0].as_ref().clone(), RangeSet::empty(Family::V4))?;
//! let explanation = run(Explain::new(question), &mut store, &mut ManualClock::default())?;
//! assert_eq!(
//!     explanation.to_string(),
//!     "container c1 on network mynet, pools named by default_ipv4_ippool\n\
//!      eth0 IPv4: would get 10.6.0.10 of IPPool v4\n  \
//!        v4: gives 10.6.0.10\n"
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod run;
mod text;
#[cfg(feature = "serde")]
mod wire;

pub use run::{Explain, Question};

use crate::addr::{Addr, Family};
use crate::machine::Why;
use crate::owner::{Nic, Owner};
use crate::pool::PoolName;
use crate::record::Assignment;
use crate::select::Reason;

/// What a request would come to, and why.
#[derive(Clone, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
pub struct Explanation {
    /// Who asks.
    pub owner: Owner,
    /// Where its pools are named, in words.
    pub source: String,
    /// What the request is refused with, as a whole; `None`: it is met.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub refusal: Option<String>,
    /// NIC by NIC and family by family.
    pub slots: Vec<SlotExplanation>,
}

/// What one NIC would get of one family.
#[derive(Clone, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
pub struct SlotExplanation {
    /// The NIC.
    pub nic: Nic,
    /// The family.
    pub family: Family,
    /// The address that is asked for by value.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub ask: Option<Addr>,
    /// What it comes to.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub outcome: Outcome,
    /// The pools: candidates in the order in which they are tried, then those that are none.
    pub pools: Vec<PoolFinding>,
}

/// What a NIC and family come to.
#[derive(Clone, Debug, Eq, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(tag = "outcome", rename_all = "camelCase", rename_all_fields = "camelCase")
)]
pub enum Outcome {
    /// The owner has it already, and would be given it again.
    Holds(Assignment),
    /// It would be given.
    WouldGet(Assignment),
    /// Nothing would be given.
    Nothing {
        /// Why, in the words of the refusal.
        why: String,
    },
}

/// What was found about one pool.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PoolFinding {
    /// The pool.
    pub pool: PoolName,
    /// What.
    pub finding: Finding,
    /// How full it is, where the caller told ([`Explanation::with_room`]).
    pub room: Option<Room>,
}

/// What a pool has to say.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Finding {
    /// The owner's address is from it.
    Holds(Addr),
    /// The address would be from it.
    Gives(Addr),
    /// It could give this one, and is not asked, since another pool does or the request is refused for another reason.
    CouldGive(Addr),
    /// It is a candidate and gives nothing.
    Cannot(Why),
    /// It is no candidate.
    Rejected(Reason),
}

/// How full a pool is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Room {
    /// Addresses that can be given out now.
    pub free: u128,
    /// Addresses that it could give out, were none held.
    pub capacity: u128,
}

impl Explanation {
    /// Adds how full each pool is, as far as `room` knows.
    #[must_use]
    pub fn with_room(mut self, mut room: impl FnMut(&PoolName) -> Option<Room>) -> Self {
        for found in self.slots.iter_mut().flat_map(|slot| &mut slot.pools) {
            found.room = room(&found.pool);
        }
        self
    }
}
