//! The working state of a subnet: what is free, kept up to date as ranges come and go.

use ipnet::IpNet;

use super::error::CarveError;
use super::plan::{Carving, Demand, Plan};
use super::record::{ControlRecord, ControlledPools, set_of};
use crate::addr::Family;
use crate::cidr::net_family;
use crate::pool::{PoolName, RouteFields};
use crate::range::IpRange;
use crate::rangeset::RangeSet;
use crate::subnet::SubnetSpec;

/// The part of a SpiderSubnet that carving reads.
#[derive(Clone, Copy, Debug)]
pub struct Subnet<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its UID, for owner references.
    pub uid: &'a str,
    /// `spec.subnet`.
    pub net: IpNet,
    /// `spec.ips` less `spec.excludeIPs`.
    pub total: &'a RangeSet,
    /// `spec.gateway` as it is written; new pools copy it.
    pub gateway: Option<&'a str>,
    /// `spec.routes` as they are written; new pools copy them.
    pub routes: &'a [RouteFields],
    /// Whether it is being deleted.
    pub terminating: bool,
}

impl<'a> Subnet<'a> {
    /// A subnet without UID, gateway and routes, which is not being deleted.
    #[must_use]
    pub const fn new(name: &'a str, net: IpNet, total: &'a RangeSet) -> Self {
        Self { name, uid: "", net, total, gateway: None, routes: &[], terminating: false }
    }

    /// A checked subnet as it is stored.
    #[must_use]
    pub fn of(spec: &'a SubnetSpec, uid: &'a str, terminating: bool) -> Self {
        Self {
            name: spec.name().as_str(),
            uid,
            net: spec.subnet(),
            total: spec.total(),
            gateway: spec.fields().gateway.as_deref(),
            routes: spec.inherited_routes(),
            terminating,
        }
    }

    /// IPv4 or IPv6, by its network.
    #[must_use]
    pub fn family(&self) -> Family {
        net_family(&self.net)
    }
}

/// The counts of a subnet's status.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Counts {
    /// `totalIPCount`: the addresses of the subnet, reserved ones included; at most `i64::MAX`.
    pub total: i64,
    /// `allocatedIPCount`: the addresses in records; at most `i64::MAX`.
    pub allocated: i64,
}

impl Counts {
    /// Of these sets.
    #[must_use]
    pub fn of(total: &RangeSet, records: &ControlledPools) -> Self {
        let saturated = |set: &RangeSet| i64::try_from(set.len()).unwrap_or(i64::MAX);
        Self { total: saturated(total), allocated: saturated(records.union()) }
    }
}

/// A subnet, its records, and what is free in it.
///
/// Free is what the subnet has and that is neither recorded, nor reserved, nor an address of a living pool. The last is more
/// careful than the original, which looks at records only: between the write of a smaller record and the write of the smaller
/// pool an address stands in the pool alone, and a manual pool stands in no record at all before the next sync.
#[derive(Clone, Debug)]
pub struct Stock<'a> {
    pub(super) subnet: Subnet<'a>,
    pub(super) records: ControlledPools,
    pub(super) reserved: RangeSet,
    /// The addresses of all living pools of the network.
    pub(super) living: RangeSet,
    pub(super) free: RangeSet,
}

impl<'a> Stock<'a> {
    /// The state as it was read. `reserved` are the reserved ranges, `living` the addresses (`ips` less `excludeIPs`) of the pools
    /// that exist in the subnet's network; sets of the other family are skipped in both.
    ///
    /// # Errors
    /// [`CarveError::WrongFamily`] when total or records are not of the network's family.
    pub fn new<'s>(
        subnet: Subnet<'a>,
        records: ControlledPools,
        reserved: impl IntoIterator<Item = &'s RangeSet>,
        living: impl IntoIterator<Item = &'s RangeSet>,
    ) -> Result<Self, CarveError> {
        let family = subnet.family();
        let wrong = |what| CarveError::WrongFamily { subnet: subnet.name.to_owned(), family, what };
        if subnet.total.family() != family {
            return Err(wrong("its set of addresses"));
        }
        if records.family() != family {
            return Err(wrong("its control record"));
        }
        let (reserved, living) = (joined(family, reserved), joined(family, living));
        let taken = [records.union(), &reserved, &living];
        let mut free = subnet.total.difference(&joined(family, taken));
        // `::ffff:a.b.c.d` is an IPv4 address in disguise: no pool would hand it out.
        if family == Family::V6 {
            free.remove(IpRange::ipv4_mapped());
        }
        Ok(Self { subnet, records, reserved, living, free })
    }

    /// The records as they are to be written.
    #[must_use]
    pub const fn records(&self) -> &ControlledPools {
        &self.records
    }

    /// What no pool has, and that may be given to one.
    #[must_use]
    pub const fn free(&self) -> &RangeSet {
        &self.free
    }

    /// The counts of the status as it is to be written.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts::of(self.subnet.total, &self.records)
    }

    /// Makes a plan part of the state. A plan without a change, and one that is made part a second time, change nothing.
    ///
    /// # Errors
    /// [`CarveError::WrongFamily`] for a plan that was made for a subnet of the other family.
    pub fn apply(&mut self, carving: &Carving) -> Result<(), CarveError> {
        match &carving.change {
            Some(record) => self.replace(&carving.pool, Some(record.clone())),
            None => Ok(()),
        }
    }

    /// Strikes out the record of a pool that is gone, and returns it.
    pub fn give_back(&mut self, pool: &PoolName) -> Option<ControlRecord> {
        let record = self.records.get(pool).cloned()?;
        // Without a new record no family can be wrong.
        self.replace(pool, None).ok()?;
        Some(record)
    }

    /// Plans several pools on one working state: each sees what those before it got, and each fails alone.
    ///
    /// What one of them gives back is not given to another: its pool has it until the pool is written.
    #[must_use]
    pub fn plan_all(mut self, demands: &[Demand<'_>]) -> Plan {
        let mut changed = false;
        let outcomes = demands
            .iter()
            .map(|demand| {
                let carving = self.plan(demand)?;
                self.apply(&carving)?;
                changed |= carving.change.is_some();
                Ok(carving)
            })
            .collect();
        Plan { outcomes, counts: self.counts(), records: self.records, changed }
    }

    fn replace(&mut self, pool: &PoolName, record: Option<ControlRecord>) -> Result<(), CarveError> {
        let family = self.subnet.family();
        let nothing = RangeSet::empty(family);
        let before = self.records.ranges_of(pool).unwrap_or(&nothing).clone();
        let after = record.as_ref().map_or(nothing, |record| record.ranges.clone());
        match record {
            Some(record) => {
                self.records.set(pool.clone(), record).map_err(|_| CarveError::WrongFamily {
                    subnet: self.subnet.name.to_owned(),
                    family,
                    what: "the plan for a pool",
                })?;
            }
            None => {
                self.records.remove(pool);
            }
        }
        if after.family() == family {
            for range in without(&after, &before).ranges() {
                self.free.remove(range);
            }
        }
        let mut freed = without(&before, &after).intersection(self.subnet.total);
        for taken in [self.records.union(), &self.reserved, &self.living] {
            freed = without(&freed, taken);
        }
        if family == Family::V6 {
            freed.remove(IpRange::ipv4_mapped());
        }
        for range in freed.ranges() {
            self.free.insert(range);
        }
        Ok(())
    }
}

fn joined<'s>(family: Family, sets: impl IntoIterator<Item = &'s RangeSet>) -> RangeSet {
    let fitting = sets.into_iter().filter(|set| set.family() == family);
    set_of(family, fitting.flat_map(RangeSet::ranges))
}

/// The members of `set` that `other` has not; cheap when `set` is small and `other` is not. Both are of one family.
pub(super) fn without(set: &RangeSet, other: &RangeSet) -> RangeSet {
    if set.overlaps(other) { set.difference(&set.intersection(other)) } else { set.clone() }
}
