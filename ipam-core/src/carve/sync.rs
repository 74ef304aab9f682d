//! Bringing the control record in line with what lives.

use std::collections::BTreeSet;

use super::application::Application;
use super::claim::uid_suffix;
use super::reclaim::Existence;
use super::record::{ControlRecord, ControlledPools, set_of};
use super::stock::{Counts, Subnet, without};
use crate::pool::PoolName;
use crate::rangeset::RangeSet;

/// Who made a pool.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Maker<'a> {
    /// A person: the record follows the pool.
    Person,
    /// The system, for an application; none where the pool's labels do not name one. The pool follows the record.
    System(Option<&'a Application>),
}

/// A pool that exists and is from the subnet.
#[derive(Clone, Copy, Debug)]
pub struct LivingPool<'a> {
    /// Its name.
    pub name: &'a PoolName,
    /// Who made it.
    pub maker: Maker<'a>,
    /// `spec.ips` less `spec.excludeIPs`.
    pub total: &'a RangeSet,
}

/// Why an entry was dropped.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Dropped {
    /// It could not be read.
    Unreadable(String),
    /// It names no application, and no such pool exists.
    NoApplication,
    /// Neither pool nor application exists.
    ApplicationGone,
    /// The pool is gone, and the application is not the one that it was made for.
    OtherIncarnation {
        /// The UID of the application that lives.
        uid: String,
    },
    /// The pool is gone, and so will be the subnet.
    Terminating,
    /// The pool of a person has no addresses.
    NoAddresses,
}

/// What the sync met; for logs, events and checks.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Finding {
    /// An entry is no more.
    Dropped {
        /// Its name.
        pool: String,
        /// Why.
        why: Dropped,
    },
    /// The record of a living auto pool was lost and is back.
    Rebuilt {
        /// The pool.
        pool: PoolName,
    },
    /// Addresses of a record now belong to another living pool.
    GaveWay {
        /// The pool whose record lost them.
        pool: PoolName,
        /// The addresses.
        ranges: RangeSet,
    },
    /// Two living pools have the same addresses. The record of this one does without.
    Overlap {
        /// The pool.
        pool: PoolName,
        /// The addresses.
        ranges: RangeSet,
    },
}

/// The status as it is to be.
#[derive(Clone, Debug)]
pub struct Synced {
    /// The records.
    pub records: ControlledPools,
    /// The counts, always of these records.
    pub counts: Counts,
    /// What was met.
    pub findings: Vec<Finding>,
}

/// The records as they should be.
///
/// - A living auto pool keeps its record, or gets it back from the pool; a living manual pool's record is the pool's part of the
///   subnet.
/// - A record without a pool stays while a carve is in flight for it (`in_flight`), while it cannot be told whether the application
///   lives, and while the application lives as the incarnation that the pool's name is made of: its next carve uses the record. In a
///   terminating subnet it goes.
/// - No address is recorded twice. A living pool comes before a record alone.
///
/// Idempotent. Pools of the other family than the subnet's are skipped, records of it dropped.
#[must_use]
pub fn sync(
    subnet: &Subnet<'_>,
    records: &ControlledPools,
    pools: &[LivingPool<'_>],
    in_flight: &BTreeSet<PoolName>,
    existence: impl Fn(&Application) -> Existence,
) -> Synced {
    let family = subnet.family();
    let pools: Vec<&LivingPool<'_>> = pools.iter().filter(|pool| pool.total.family() == family).collect();
    let living = set_of(family, pools.iter().flat_map(|pool| pool.total.ranges()));
    let mut draft = Draft { subnet, living, records: ControlledPools::new(family), findings: Vec::new() };

    for (name, entry) in records.unreadable() {
        draft.drop(name, Dropped::Unreadable(entry.problem.clone()));
    }
    if records.family() != family {
        for (name, _) in records.iter() {
            draft.drop(name.as_str(), Dropped::Unreadable(format!("it is {}", records.family())));
        }
    }
    let none = ControlledPools::new(family);
    let records = if records.family() == family { records } else { &none };
    let of_pool = |pool: &LivingPool<'_>| records.get(pool.name);
    for pool in &pools {
        if let (Maker::System(_), Some(record @ ControlRecord { application: Some(_), .. })) =
            (pool.maker, of_pool(pool))
        {
            draft.keep(pool.name, record, pool.total);
        }
    }
    for pool in &pools {
        if let Maker::System(application) = pool.maker
            && of_pool(pool).is_none_or(|record| record.application.is_none())
        {
            let is_same = draft.follow(pool, application) == of_pool(pool);
            if !is_same {
                draft.findings.push(Finding::Rebuilt { pool: pool.name.clone() });
            }
        }
    }
    for pool in pools.iter().filter(|pool| pool.maker == Maker::Person) {
        if !pool.total.is_empty() {
            draft.follow(pool, None);
        } else if of_pool(pool).is_some() {
            draft.drop(pool.name.as_str(), Dropped::NoAddresses);
        }
    }
    let names: BTreeSet<&PoolName> = pools.iter().map(|pool| pool.name).collect();
    for (name, record) in records.iter().filter(|(name, _)| !names.contains(name)) {
        match orphaned(subnet, name, record, in_flight, &existence) {
            None => draft.keep(name, record, &RangeSet::empty(family)),
            Some(why) => draft.drop(name.as_str(), why),
        }
    }
    let counts = Counts::of(subnet.total, &draft.records);
    Synced { counts, records: draft.records, findings: draft.findings }
}

/// Why the record of a pool that does not exist is to go, if it is.
fn orphaned(
    subnet: &Subnet<'_>,
    name: &PoolName,
    record: &ControlRecord,
    in_flight: &BTreeSet<PoolName>,
    existence: impl Fn(&Application) -> Existence,
) -> Option<Dropped> {
    if subnet.terminating {
        return Some(Dropped::Terminating);
    }
    if in_flight.contains(name) {
        return None;
    }
    let Some(application) = &record.application else { return Some(Dropped::NoApplication) };
    match existence(application) {
        Existence::Gone => Some(Dropped::ApplicationGone),
        Existence::Unknown => None,
        Existence::Exists { uid } => {
            let end = uid_suffix(&uid).map(|suffix| format!("-{suffix}"));
            let is_its = end.is_some_and(|end| name.as_str().ends_with(&end));
            (!is_its).then_some(Dropped::OtherIncarnation { uid })
        }
    }
}

/// The records as far as they are settled.
struct Draft<'a> {
    subnet: &'a Subnet<'a>,
    /// The addresses of all living pools.
    living: RangeSet,
    records: ControlledPools,
    findings: Vec<Finding>,
}

impl Draft<'_> {
    fn drop(&mut self, name: &str, why: Dropped) {
        self.findings.push(Finding::Dropped { pool: name.to_owned(), why });
    }

    /// Keeps a record, but for what belongs to other living pools or is settled already. `own` is what the pool itself has.
    fn keep(&mut self, name: &PoolName, record: &ControlRecord, own: &RangeSet) {
        let others = without(&record.ranges.intersection(&self.living), own);
        let kept = without(&record.ranges, &others);
        let ranges = without(&kept, self.records.union());
        let lost = without(&record.ranges, &ranges);
        if !lost.is_empty() {
            self.findings.push(Finding::GaveWay { pool: name.clone(), ranges: lost });
        }
        self.set(name, ControlRecord { ranges, application: record.application.clone() });
    }

    /// Records what a living pool has of the subnet.
    fn follow(&mut self, pool: &LivingPool<'_>, application: Option<&Application>) -> Option<&ControlRecord> {
        let total = pool.total.intersection(self.subnet.total);
        let ranges = without(&total, self.records.union());
        let twice = without(&total, &ranges);
        if !twice.is_empty() {
            self.findings.push(Finding::Overlap { pool: pool.name.clone(), ranges: twice });
        }
        self.set(pool.name, ControlRecord { ranges, application: application.cloned() });
        self.records.get(pool.name)
    }

    fn set(&mut self, name: &PoolName, record: ControlRecord) {
        // Every range here was cut from sets of the subnet's family.
        let result = self.records.set(name.clone(), record);
        debug_assert!(result.is_ok(), "records are of the subnet's family");
    }
}
