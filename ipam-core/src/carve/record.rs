//! The control record of a subnet: which pool holds which of its addresses.
//!
//! Beside the records it keeps their union, changed in place: carving one range out of a subnet with thousands of pools must not
//! add them all up again.

use std::collections::BTreeMap;

use super::application::Application;
use crate::addr::Family;
use crate::admission::Preallocated;
use crate::error::Error;
use crate::pool::PoolName;
use crate::range::IpRange;
use crate::rangeset::RangeSet;

/// What one pool holds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ControlRecord {
    /// The addresses; may be none.
    pub ranges: RangeSet,
    /// Whom the pool is made for; none for a manual pool.
    pub application: Option<Application>,
}

/// An entry that cannot be read. It is neither lost nor in the way of the others, and those of its addresses that can be read
/// are not given to anybody else until [`sync`](super::sync) has decided about it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unreadable {
    /// The entry's JSON, compact.
    pub text: String,
    /// What is wrong with it.
    pub problem: String,
    /// The part of its ranges that can be read.
    pub(super) ranges: RangeSet,
}

/// All records of a subnet (`status.controlledIPPools`), all of one family.
#[derive(Clone, Debug)]
pub struct ControlledPools {
    family: Family,
    records: BTreeMap<PoolName, ControlRecord>,
    unreadable: BTreeMap<String, Unreadable>,
    /// Addresses of at least one entry.
    union: RangeSet,
    /// Addresses of at least two: none, unless somebody else wrote the status.
    shared: RangeSet,
}

impl PartialEq for ControlledPools {
    fn eq(&self, other: &Self) -> bool {
        // The sets follow from the entries.
        (self.family, &self.records, &self.unreadable) == (other.family, &other.records, &other.unreadable)
    }
}

impl Eq for ControlledPools {}

impl ControlledPools {
    /// No records.
    #[must_use]
    pub const fn new(family: Family) -> Self {
        Self {
            family,
            records: BTreeMap::new(),
            unreadable: BTreeMap::new(),
            union: RangeSet::empty(family),
            shared: RangeSet::empty(family),
        }
    }

    /// These records; of two for one pool the later one counts.
    ///
    /// # Errors
    /// [`Error::MixedFamilies`] for the first range of the other family.
    pub fn from_records(
        family: Family,
        records: impl IntoIterator<Item = (PoolName, ControlRecord)>,
    ) -> Result<Self, Error> {
        let mut all = Self::new(family);
        for (pool, record) in records {
            all.records.insert(pool, of_family(family, record)?);
        }
        all.recount();
        Ok(all)
    }

    /// What was read from a status; all ranges are known to be of the family.
    pub(super) fn from_entries(
        family: Family,
        records: BTreeMap<PoolName, ControlRecord>,
        unreadable: BTreeMap<String, Unreadable>,
    ) -> Self {
        let mut all = Self { records, unreadable, ..Self::new(family) };
        all.recount();
        all
    }

    /// IPv4 or IPv6.
    #[must_use]
    pub const fn family(&self) -> Family {
        self.family
    }

    /// The record of a pool.
    #[must_use]
    pub fn get(&self, pool: &PoolName) -> Option<&ControlRecord> {
        self.records.get(pool)
    }

    /// What an entry holds, whether or not all of it can be read.
    pub(super) fn ranges_of(&self, pool: &PoolName) -> Option<&RangeSet> {
        let unreadable = || self.unreadable.get(pool.as_str()).map(|entry| &entry.ranges);
        self.records.get(pool).map(|record| &record.ranges).or_else(unreadable)
    }

    /// The records in order of name.
    pub fn iter(&self) -> impl Iterator<Item = (&PoolName, &ControlRecord)> {
        self.records.iter()
    }

    /// The records as admission reads them: what the pools of the subnet are held to.
    pub fn preallocated(&self) -> impl Iterator<Item = Preallocated<'_>> {
        let held = self.records.iter().map(|(pool, record)| Preallocated::Held {
            pool: pool.as_str(),
            addresses: &record.ranges,
            is_for_application: record.application.is_some(),
        });
        let malformed = self.unreadable.iter();
        held.chain(malformed.map(|(pool, entry)| Preallocated::Malformed { pool, problem: &entry.problem }))
    }

    /// Entries that cannot be read, by their name.
    pub fn unreadable(&self) -> impl Iterator<Item = (&str, &Unreadable)> {
        self.unreadable.iter().map(|(name, entry)| (name.as_str(), entry))
    }

    /// Whether there is no entry at all; a terminating subnet may go then.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty() && self.unreadable.is_empty()
    }

    /// The addresses of all entries.
    #[must_use]
    pub const fn union(&self) -> &RangeSet {
        &self.union
    }

    /// Addresses that stand in more than one entry: damage that this crate never does, for a check to report.
    #[must_use]
    pub const fn shared(&self) -> &RangeSet {
        &self.shared
    }

    /// The first pool other than `except` whose record shares addresses with `ranges`, and those addresses.
    ///
    /// Also for the creation of a manual pool: addresses that are recorded for another pool are spoken for, although no pool
    /// has them yet.
    #[must_use]
    pub fn holder(&self, ranges: &RangeSet, except: &PoolName) -> Option<(&PoolName, RangeSet)> {
        if ranges.family() != self.family || !self.union.overlaps(ranges) {
            return None;
        }
        self.records
            .iter()
            .filter(|(pool, record)| *pool != except && record.ranges.overlaps(ranges))
            .map(|(pool, record)| (pool, record.ranges.intersection(ranges)))
            .next()
    }

    /// Writes down what a pool holds, in place of an earlier record, also of one that could not be read. Returns the earlier
    /// record.
    ///
    /// # Errors
    /// [`Error::MixedFamilies`] for ranges of the other family; nothing is changed then.
    pub fn set(&mut self, pool: PoolName, record: ControlRecord) -> Result<Option<ControlRecord>, Error> {
        let record = of_family(self.family, record)?;
        let before = self.remove(&pool);
        self.forget_unreadable(pool.as_str());
        if self.union.overlaps(&record.ranges) {
            self.shared = self.shared.union(&self.union.intersection(&record.ranges));
        }
        for range in record.ranges.ranges() {
            self.union.insert(range);
        }
        self.records.insert(pool, record);
        Ok(before)
    }

    /// Strikes out the record of a pool.
    pub fn remove(&mut self, pool: &PoolName) -> Option<ControlRecord> {
        let record = self.records.remove(pool)?;
        self.release(&record.ranges);
        Some(record)
    }

    fn forget_unreadable(&mut self, name: &str) {
        if let Some(entry) = self.unreadable.remove(name) {
            self.release(&entry.ranges);
        }
    }

    fn release(&mut self, ranges: &RangeSet) {
        // Another record may hold some of them as well; only counting anew tells which.
        if self.shared.overlaps(ranges) {
            self.recount();
        } else {
            for range in ranges.ranges() {
                self.union.remove(range);
            }
        }
    }

    fn recount(&mut self) {
        let records = self.records.values().map(|record| &record.ranges);
        let sets = records.chain(self.unreadable.values().map(|entry| &entry.ranges));
        let mut all: Vec<IpRange> = sets.flat_map(RangeSet::ranges).collect();
        all.sort_unstable();
        let mut overlaps = Vec::new();
        let mut reached: Option<IpRange> = None;
        for range in &all {
            if let Some(before) = reached {
                let last = before.last().min(range.last());
                // Ranges are in order of their first address, so that a shared part begins with this one's.
                if let Ok(shared) = IpRange::new(range.first(), last) {
                    overlaps.push(shared);
                }
                if before.last() >= range.last() {
                    continue;
                }
            }
            reached = Some(*range);
        }
        self.union = set_of(self.family, all);
        self.shared = set_of(self.family, overlaps);
    }
}

/// Ranges that are known to be of the family.
pub(super) fn set_of(family: Family, ranges: impl IntoIterator<Item = IpRange>) -> RangeSet {
    RangeSet::from_ranges(family, ranges).unwrap_or_else(|_| RangeSet::empty(family))
}

/// An empty set has no family that matters.
fn of_family(family: Family, record: ControlRecord) -> Result<ControlRecord, Error> {
    if record.ranges.is_empty() {
        return Ok(ControlRecord { ranges: RangeSet::empty(family), ..record });
    }
    match record.ranges.first().filter(|first| first.family() != family) {
        Some(address) => Err(Error::MixedFamilies { address, wanted: family }),
        None => Ok(record),
    }
}
