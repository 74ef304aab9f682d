//! The suite that holds any [`Store`] to the contract in its module.
//!
//! Each case has a name, a [`Setup`] of pools and a fresh store. The first cases ask and commit directly; those whose names
//! start with `requests:` run machines on the store, so they hold for a store behind faults too ([`Suite::requests`]).
//! What a store may leave out (stamps, the address given last, attachments without records) is found out by trying, and a case
//! that has nothing to test then is listed as skipped in the [`Report`].
//!
//! ```
//! use ipam_core::testkit::{MemoryStore, conformance};
//!
//! let report = conformance::check(|setup| setup.memory(MemoryStore::atomic()).expect("the setup fits the store"))?;
//! assert!(report.skipped.is_empty(), "{report}");
//! # Ok::<(), Box<conformance::Failure>>(())
//! ```
//!
//! [`against_model`] compares a store with [`MemoryStore`] step by step over actions made by
//! [`strategies::actions`](crate::testkit::strategies::actions).

mod action;
mod attaching;
mod collecting;
mod freeing;
mod model;
mod picking;
mod reading;
mod requests;
mod taking;
mod trial;

use std::fmt;

use crate::addr::Family;
use crate::pool::PoolSpec;
use crate::range::IpRange;
use crate::rangeset::RangeSet;
use crate::store::Store;
use crate::testkit::memory::{MemoryError, MemoryStore};

pub use self::action::Action;
pub use self::model::against_model;

use self::trial::{Outcome, Stop, Trial};

/// What a case expects to be in a store before it starts: pools without records, and reserved addresses.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Setup {
    /// The pools. Two of one subnet don't overlap.
    pub pools: Vec<PoolSpec>,
    /// What no pool may give out, as a SpiderReservedIP would say it. Both families.
    pub reserved: Vec<IpRange>,
}

impl Setup {
    /// A setup of one's own, for [`against_model`].
    #[must_use]
    pub const fn new(pools: Vec<PoolSpec>, reserved: Vec<IpRange>) -> Self {
        Self { pools, reserved }
    }

    /// The reserved addresses of one family.
    #[must_use]
    pub fn reserved(&self, family: Family) -> RangeSet {
        let mut set = RangeSet::empty(family);
        for range in self.reserved.iter().filter(|range| range.family() == family) {
            set.insert(*range);
        }
        set
    }

    /// Puts the pools into a store in memory.
    ///
    /// # Errors
    /// [`BooksError::Overlap`](crate::BooksError::Overlap), which no setup of the suite gives.
    pub fn memory(&self, store: MemoryStore) -> Result<MemoryStore, MemoryError> {
        for pool in &self.pools {
            store.put_pool(pool.clone(), self.reserved(pool.family()))?;
        }
        Ok(store)
    }
}

/// A case that does not hold.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("store contract, case \"{case}\": expected {expected}; found {found}")]
#[non_exhaustive]
pub struct Failure {
    /// The case's name.
    pub case: &'static str,
    /// What the contract asks for.
    pub expected: String,
    /// What the store did.
    pub found: String,
}

/// What was run.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Report {
    /// Names of the cases that hold.
    pub held: Vec<&'static str>,
    /// Names of the cases that don't apply to the store, and why.
    pub skipped: Vec<(&'static str, &'static str)>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cases hold, {} do not apply", self.held.len(), self.skipped.len())?;
        for (case, why) in &self.skipped {
            write!(f, "\nskipped: {case}: {why}")?;
        }
        Ok(())
    }
}

/// A case: its name, what it starts from, and what it does.
struct Case<S> {
    name: &'static str,
    setup: fn() -> Result<Setup, Stop>,
    run: fn(&mut Trial<S>) -> Outcome,
}

/// Which cases to run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Suite {
    requests_only: bool,
    only: Option<&'static str>,
}

impl Suite {
    /// All cases.
    #[must_use]
    pub const fn whole() -> Self {
        Self { requests_only: false, only: None }
    }

    /// The cases in which only machines write. They hold for a store that fails now and then, as
    /// [`FaultStore`](crate::testkit::FaultStore) does, since machines try again.
    #[must_use]
    pub const fn requests() -> Self {
        Self { requests_only: true, only: None }
    }

    /// Only the cases whose name contains this.
    #[must_use]
    pub const fn only(mut self, part: &'static str) -> Self {
        self.only = Some(part);
        self
    }

    /// Runs the cases, each on a fresh store with its setup.
    ///
    /// # Errors
    /// The first case that does not hold.
    pub fn run<S: Store>(self, mut fresh: impl FnMut(&Setup) -> S) -> Result<Report, Box<Failure>> {
        let mut report = Report::default();
        let direct = reading::cases()
            .into_iter()
            .chain(picking::cases())
            .chain(taking::cases())
            .chain(freeing::cases())
            .chain(attaching::cases())
            .filter(|_| !self.requests_only);
        for case in direct.chain(requests::cases()).chain(collecting::cases()) {
            if self.only.is_some_and(|part| !case.name.contains(part)) {
                continue;
            }
            let outcome = (case.setup)().and_then(|setup| {
                let store = fresh(&setup);
                (case.run)(&mut Trial::new(store, setup))
            });
            match outcome {
                Ok(()) => report.held.push(case.name),
                Err(Stop::Skip(why)) => report.skipped.push((case.name, why)),
                Err(Stop::Mismatch { expected, found }) => {
                    return Err(Box::new(Failure { case: case.name, expected, found }));
                }
            }
        }
        Ok(report)
    }
}

/// Holds a store to the contract: all cases of the suite, each on a store that `fresh` makes.
///
/// # Errors
/// The first case that does not hold.
pub fn check<S: Store>(fresh: impl FnMut(&Setup) -> S) -> Result<Report, Box<Failure>> {
    Suite::whole().run(fresh)
}
