//! Which addresses a pool gets: pre-allocation.
//!
//! The original decides by four branches on the record. They are one rule: *keep what is in use, keep what is held, then give
//! back the lowest free addresses or add the lowest free ones*. In each branch it is the same result as the original's, save
//! where that one panics, takes an address in use, or stays stuck.

use std::borrow::Cow;

use ipnet::IpNet;

use super::application::Application;
use super::error::CarveError;
use super::record::{ControlRecord, ControlledPools};
use super::stock::{Counts, Stock, without};
use crate::addr::Addr;
use crate::cidr::canonical;
use crate::pool::PoolName;
use crate::range::IpRange;
use crate::rangeset::RangeSet;

/// What an auto pool is to have.
#[derive(Clone, Copy, Debug)]
pub struct Demand<'a> {
    /// The pool.
    pub pool: &'a PoolName,
    /// Whom it is for.
    pub application: &'a Application,
    /// How many addresses it is to have.
    pub desired: u32,
    /// The pool as it is now, if it exists; what it has among the living pools of the stock is then its own.
    pub present: Option<Present<'a>>,
}

/// A pool that exists.
#[derive(Clone, Copy, Debug)]
pub struct Present<'a> {
    /// `spec.subnet`.
    pub net: IpNet,
    /// The addresses of its spec.
    pub ips: &'a RangeSet,
    /// The addresses in use, `status.allocatedIPs`.
    pub allocated: &'a RangeSet,
}

/// How the result differs from the record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Step {
    /// The record stands as it is. It may still be ahead of the pool.
    Kept,
    /// There was no record.
    Made,
    /// More addresses, all of the earlier ones among them.
    Grown,
    /// Fewer addresses, all of them earlier ones.
    Shrunk,
    /// Others: a shrink that was cut short, or addresses that another pool has taken.
    Repaired,
}

/// What one pool gets.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Carving {
    /// The pool.
    pub pool: PoolName,
    /// Its addresses: the new `spec.ips`, to be written after the record.
    pub ranges: RangeSet,
    /// The record to be written first; none when it stands as it is.
    pub change: Option<ControlRecord>,
    /// How the result differs from the record.
    pub step: Step,
}

/// What several pools get, and the status that goes with it.
#[derive(Clone, Debug)]
pub struct Plan {
    /// One for each demand, in their order.
    pub outcomes: Vec<Result<Carving, CarveError>>,
    /// The records as they are to be written.
    pub records: ControlledPools,
    /// The counts as they are to be written.
    pub counts: Counts,
    /// Whether there is anything to write.
    pub changed: bool,
}

impl Stock<'_> {
    /// Plans one pool; the state stays as it is.
    ///
    /// The lowest free addresses are taken, and the lowest free ones are given back. An address in use is never given back.
    ///
    /// # Errors
    /// [`CarveError`], with the numbers.
    pub fn plan(&self, demand: &Demand<'_>) -> Result<Carving, CarveError> {
        self.check(demand)?;
        let desired = u128::from(demand.desired);
        let nothing = RangeSet::empty(self.subnet.family());
        let record = self.records.get(demand.pool);
        let recorded = self.records.ranges_of(demand.pool).unwrap_or(&nothing);
        let (ips, in_use) =
            demand.present.map_or((&nothing, &nothing), |present| (present.ips, present.allocated));

        // An address in use stays, whatever the record says, unless another pool was given it.
        self.check_in_use(demand, &without(in_use, recorded))?;
        if in_use.len() > desired {
            let pool = demand.pool.clone();
            return Err(CarveError::InUse { pool, in_use: in_use.len(), desired: demand.desired });
        }

        let held = self.held(recorded, ips, in_use);
        let is_cut_short = record.is_some() && recorded.len() == desired && !recorded.is_superset(in_use);
        // Without a record the pool itself says what it holds: the status was lost.
        let mut base = if record.is_none() || is_cut_short { self.own(recorded, ips) } else { held.clone() };
        base = base.union(in_use);
        if let Some(excess) = base.len().checked_sub(desired) {
            base = without(&base, &lowest(&without(&base, in_use), excess));
        } else {
            let lacking = desired.saturating_sub(base.len());
            base = base.union(&lowest(&without(&held, &base), lacking));
            base = self.filled(demand, base, ips)?;
        }
        Ok(self.carving(demand, record, base))
    }

    fn check(&self, demand: &Demand<'_>) -> Result<(), CarveError> {
        let subnet = self.subnet.name.to_owned();
        if self.subnet.terminating {
            return Err(CarveError::Terminating { subnet });
        }
        let family = self.subnet.family();
        if let Some(present) = demand.present {
            if present.net.trunc() != self.subnet.net.trunc() {
                return Err(CarveError::NetworkChanged {
                    pool: demand.pool.clone(),
                    subnet,
                    present: canonical(&present.net),
                    net: self.subnet.net,
                });
            }
            if present.ips.family() != family || present.allocated.family() != family {
                return Err(CarveError::WrongFamily { subnet, family, what: "the present pool" });
            }
        }
        let owner = self.records.get(demand.pool).and_then(|record| record.application.as_ref());
        match owner.filter(|owner| *owner != demand.application) {
            Some(owner) => Err(CarveError::ForeignRecord {
                subnet,
                pool: demand.pool.clone(),
                application: Box::new(owner.clone()),
            }),
            None => Ok(()),
        }
    }

    /// `unrecorded`: addresses in use that the record of the pool lacks.
    fn check_in_use(&self, demand: &Demand<'_>, unrecorded: &RangeSet) -> Result<(), CarveError> {
        let elsewhere = unrecorded.intersection(self.records.union());
        let Some(address) = elsewhere.first() else { return Ok(()) };
        let other = self.records.holder(&elsewhere, demand.pool).map(|(other, _)| other.clone());
        Err(CarveError::RecordedElsewhere {
            subnet: self.subnet.name.to_owned(),
            pool: demand.pool.clone(),
            address,
            other,
        })
    }

    /// The part of the record that the pool may keep: not what another living pool has by now, nor what another record holds as
    /// well, nor what the subnet has no more. What the pool has in its spec it keeps before others.
    fn held(&self, recorded: &RangeSet, ips: &RangeSet, in_use: &RangeSet) -> RangeSet {
        let mut kept = recorded.clone();
        for others in [&self.living, self.records.shared()] {
            if kept.overlaps(others) {
                kept = without(&kept, &without(&kept.intersection(others), ips));
            }
        }
        if self.subnet.total.is_superset(&kept) {
            return kept;
        }
        kept.intersection(self.subnet.total).union(&kept.intersection(in_use))
    }

    /// The part of the pool's spec that no other record has.
    fn own(&self, recorded: &RangeSet, ips: &RangeSet) -> RangeSet {
        let ips = ips.intersection(self.subnet.total);
        without(&ips, &without(&ips.intersection(self.records.union()), recorded))
    }

    /// Adds the lowest free addresses until the pool has what it is to have.
    fn filled(&self, demand: &Demand<'_>, base: RangeSet, ips: &RangeSet) -> Result<RangeSet, CarveError> {
        let required = u128::from(demand.desired).saturating_sub(base.len());
        if required == 0 {
            return Ok(base);
        }
        // The pool itself keeps its addresses from being free, not from being its own.
        let mut own = ips.intersection(self.subnet.total);
        for taken in [self.records.union(), &self.reserved] {
            own = without(&own, taken);
        }
        let mut free = Cow::Borrowed(&self.free);
        if !own.is_empty() {
            free = Cow::Owned(free.union(&own));
        }
        if free.overlaps(&base) {
            free = Cow::Owned(free.difference(&base));
        }
        if free.len() < required {
            return Err(CarveError::Insufficient {
                subnet: self.subnet.name.to_owned(),
                pool: demand.pool.clone(),
                required,
                left: free.len(),
            });
        }
        Ok(base.union(&lowest(&free, required)))
    }

    fn carving(&self, demand: &Demand<'_>, record: Option<&ControlRecord>, ranges: RangeSet) -> Carving {
        let step = match record {
            None => Step::Made,
            Some(record) if record.ranges == ranges => Step::Kept,
            Some(record) if ranges.is_superset(&record.ranges) => Step::Grown,
            Some(record) if record.ranges.is_superset(&ranges) => Step::Shrunk,
            Some(_) => Step::Repaired,
        };
        // A record without application would be taken for a manual pool's.
        let is_unsigned = record.is_none_or(|record| record.application.is_none());
        let change = (step != Step::Kept || is_unsigned)
            .then(|| ControlRecord { ranges: ranges.clone(), application: Some(demand.application.clone()) });
        Carving { pool: demand.pool.clone(), ranges, change, step }
    }
}

/// The lowest `count` members, or all if there are fewer.
fn lowest(set: &RangeSet, count: u128) -> RangeSet {
    let Some(index) = count.checked_sub(1) else { return RangeSet::empty(set.family()) };
    let Some(last) = set.nth(index) else { return set.clone() };
    match IpRange::new(Addr::first_of(set.family()), last) {
        Ok(range) => set.intersection(&range.into()),
        Err(_) => RangeSet::empty(set.family()),
    }
}
