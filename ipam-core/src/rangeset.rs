//! A set of addresses as a list of runs, never as a list of addresses.
//!
//! A pool's `ips` may be a /0; the cost of a set is the number of its runs. The runs are sorted, disjoint and merged (no
//! two are adjacent), so that each set has one form and equality is equality of lists. Each run also knows how many
//! addresses lie before it: rank and n-th member are binary searches.

use std::fmt;

use crate::addr::{Addr, Family};
use crate::error::Error;
use crate::range::IpRange;

/// One run of the set.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Run {
    first: u128,
    last: u128,
    /// Members of the set below `first`. Fits: only the whole IPv6 space has 2^128 members, and that is one run.
    before: u128,
}

/// Addresses of one family.
///
/// Operations on two sets are for sets of the same family. It is a mistake of the caller to mix them, found by a debug
/// assertion; in a release build the other set counts as empty, and so does a range of the other family. An *address*
/// of the other family is simply not a member.
///
/// ```
/// use ipam_core::{Family, RangeSet};
/// let items = ["172.18.40.10", "172.18.40.1-172.18.40.3", "172.18.40.2-172.18.40.5"];
/// let ranges: Vec<_> = items.iter().map(|item| item.parse()).collect::<Result<_, _>>()?;
/// let set = RangeSet::from_ranges(Family::V4, ranges)?;
/// assert_eq!(set.to_string(), "172.18.40.1-172.18.40.5,172.18.40.10");
/// assert_eq!(set.len(), 6);
/// # Ok::<(), ipam_core::Error>(())
/// ```
#[derive(Clone, Eq, PartialEq)]
pub struct RangeSet {
    family: Family,
    /// Ascending; between two runs at least one address is missing.
    runs: Vec<Run>,
}

impl RangeSet {
    /// The set without members.
    #[must_use]
    pub const fn empty(family: Family) -> Self {
        Self { family, runs: Vec::new() }
    }

    /// All addresses of a family.
    #[must_use]
    pub fn whole(family: Family) -> Self {
        IpRange::whole(family).into()
    }

    /// The union of ranges in any order; they may overlap.
    ///
    /// # Errors
    /// [`Error::MixedFamilies`] for the first range of the other family.
    pub fn from_ranges(family: Family, ranges: impl IntoIterator<Item = IpRange>) -> Result<Self, Error> {
        let mut bounds = Vec::new();
        for range in ranges {
            if range.family() != family {
                return Err(Error::MixedFamilies { address: range.first(), wanted: family });
            }
            bounds.push((range.first().bits(), range.last().bits()));
        }
        Ok(Self::merge(family, bounds))
    }

    /// IPv4 or IPv6, also when empty.
    #[must_use]
    pub const fn family(&self) -> Family {
        self.family
    }

    /// Adds all addresses of a range.
    pub fn insert(&mut self, range: IpRange) {
        if !self.accepts(range.family()) {
            return;
        }
        let (mut first, mut last) = (range.first().bits(), range.last().bits());
        // Runs that touch the range without overlapping it are merged as well.
        let low = self.runs.partition_point(|run| run.last.saturating_add(1) < first);
        let high = self.runs.partition_point(|run| run.first <= last.saturating_add(1));
        for run in self.runs.iter().take(high).skip(low) {
            first = first.min(run.first);
            last = last.max(run.last);
        }
        self.runs.splice(low..high, [Run { first, last, before: 0 }]);
        self.recount(low);
    }

    /// Removes all addresses of a range.
    pub fn remove(&mut self, range: IpRange) {
        if !self.accepts(range.family()) {
            return;
        }
        let (first, last) = (range.first().bits(), range.last().bits());
        let low = self.runs.partition_point(|run| run.last < first);
        let high = self.runs.partition_point(|run| run.first <= last);
        let hit = || self.runs.iter().take(high).skip(low);
        // Only the outermost runs can reach beyond the range.
        let left = hit().next().filter(|run| run.first < first).map(|run| (run.first, first - 1));
        let right = hit().next_back().filter(|run| run.last > last).map(|run| (last + 1, run.last));
        let rest = [left, right].into_iter().flatten().map(|(first, last)| Run { first, last, before: 0 });
        self.runs.splice(low..high, rest);
        self.recount(low);
    }

    /// Members of either set.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        if !self.accepts(other.family) {
            return self.clone();
        }
        Self::merge(self.family, self.bounds().chain(other.bounds()).collect())
    }

    /// Members of both sets.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        if !self.accepts(other.family) {
            return Self::empty(self.family);
        }
        let mut bounds = Vec::new();
        let (mut ours, mut theirs) = (self.bounds().peekable(), other.bounds().peekable());
        while let (Some(&(a, b)), Some(&(c, d))) = (ours.peek(), theirs.peek()) {
            let (first, last) = (a.max(c), b.min(d));
            if first <= last {
                bounds.push((first, last));
            }
            // The run that ends first can meet nothing more.
            if b <= d {
                ours.next();
            } else {
                theirs.next();
            }
        }
        Self::of_sorted(self.family, bounds)
    }

    /// Members of this set that are not in the other.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        if !self.accepts(other.family) {
            return self.clone();
        }
        self.intersection(&other.complement())
    }

    /// Addresses of the family that are not members.
    #[must_use]
    pub fn complement(&self) -> Self {
        let mut bounds = Vec::with_capacity(self.runs.len() + 1);
        let mut gap = Some(0);
        for run in &self.runs {
            if let Some(first) = gap.filter(|&first| first < run.first) {
                bounds.push((first, run.first - 1));
            }
            gap = run.last.checked_add(1);
        }
        let max = self.family.max_bits();
        if let Some(first) = gap.filter(|&first| first <= max) {
            bounds.push((first, max));
        }
        Self::of_sorted(self.family, bounds)
    }

    /// Whether the address is a member.
    #[must_use]
    pub fn contains(&self, addr: Addr) -> bool {
        self.position(addr).is_some()
    }

    /// Whether every member of the other set is one of this set.
    #[must_use]
    pub fn is_superset(&self, other: &Self) -> bool {
        // A run of the other set lies in one of ours or not at all, since ours are merged.
        !self.accepts(other.family)
            || other.bounds().all(|(first, last)| {
                self.run_from(first).is_some_and(|run| run.first <= first && last <= run.last)
            })
    }

    /// Whether the sets have a member in common.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.accepts(other.family)
            && other.bounds().any(|(first, last)| self.run_from(first).is_some_and(|run| run.first <= last))
    }

    /// Whether there is no member.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// The number of members; `u128::MAX` for the whole IPv6 space, which has one more.
    #[must_use]
    pub fn len(&self) -> u128 {
        self.runs.last().map_or(0, |run| (run.before + (run.last - run.first)).saturating_add(1))
    }

    /// The runs in ascending order: disjoint, and with a gap between any two.
    pub fn ranges(&self) -> impl Iterator<Item = IpRange> {
        let family = self.family;
        self.bounds().map(move |(first, last)| IpRange::of_bits(family, first, last))
    }

    /// The lowest member.
    #[must_use]
    pub fn first(&self) -> Option<Addr> {
        self.runs.first().map(|run| Addr::clamped(self.family, run.first))
    }

    /// The highest member.
    #[must_use]
    pub fn last(&self) -> Option<Addr> {
        self.runs.last().map(|run| Addr::clamped(self.family, run.last))
    }

    /// The first member that is not below `addr`; `None` for an address of the other family.
    #[must_use]
    pub fn next_from(&self, addr: Addr) -> Option<Addr> {
        if addr.family() != self.family {
            return None;
        }
        self.run_from(addr.bits()).map(|run| Addr::clamped(self.family, run.first.max(addr.bits())))
    }

    /// The member with `index` members below it; the first one is 0.
    #[must_use]
    pub fn nth(&self, index: u128) -> Option<Addr> {
        let after = self.runs.partition_point(|run| run.before <= index);
        let run = self.runs.get(after.checked_sub(1)?)?;
        let offset = index - run.before;
        (offset <= run.last - run.first).then(|| Addr::clamped(self.family, run.first + offset))
    }

    /// The number of members below `addr`; 0 for an address of the other family.
    #[must_use]
    pub fn rank(&self, addr: Addr) -> u128 {
        if addr.family() != self.family {
            return 0;
        }
        let bits = addr.bits();
        let after = self.runs.partition_point(|run| run.first <= bits);
        let Some(run) = after.checked_sub(1).and_then(|index| self.runs.get(index)) else {
            return 0;
        };
        if bits <= run.last {
            run.before + (bits - run.first)
        } else {
            run.before + (run.last - run.first) + 1
        }
    }

    /// The rank of a member, `None` for any other address.
    pub(crate) fn position(&self, addr: Addr) -> Option<u128> {
        let run = self.run_from(addr.bits()).filter(|_| addr.family() == self.family)?;
        addr.bits().checked_sub(run.first).map(|offset| run.before + offset)
    }

    fn accepts(&self, family: Family) -> bool {
        debug_assert_eq!(self.family, family, "both operands must be of one family");
        self.family == family
    }

    fn bounds(&self) -> impl Iterator<Item = (u128, u128)> {
        self.runs.iter().map(|run| (run.first, run.last))
    }

    /// The first run that ends at or after `bits`.
    fn run_from(&self, bits: u128) -> Option<&Run> {
        self.runs.get(self.runs.partition_point(|run| run.last < bits))
    }

    fn merge(family: Family, mut bounds: Vec<(u128, u128)>) -> Self {
        // The stable sort finds ascending stretches, so that the union of two sets is one merge.
        bounds.sort();
        let mut merged: Vec<(u128, u128)> = Vec::with_capacity(bounds.len());
        for (first, last) in bounds {
            match merged.last_mut() {
                Some(run) if first <= run.1.saturating_add(1) => run.1 = run.1.max(last),
                _ => merged.push((first, last)),
            }
        }
        Self::of_sorted(family, merged)
    }

    /// From bounds that are sorted, disjoint and merged already.
    fn of_sorted(family: Family, bounds: Vec<(u128, u128)>) -> Self {
        let runs = bounds.into_iter().map(|(first, last)| Run { first, last, before: 0 }).collect();
        let mut set = Self { family, runs };
        set.recount(0);
        set
    }

    /// Restores `before` from this run on.
    fn recount(&mut self, from: usize) {
        let previous = from.checked_sub(1).and_then(|index| self.runs.get(index));
        let mut before = previous.map_or(0, |run| run.before + (run.last - run.first) + 1);
        for run in self.runs.iter_mut().skip(from) {
            run.before = before;
            // Saturates only when the run is the whole IPv6 space, and then no run follows.
            before = (before + (run.last - run.first)).saturating_add(1);
        }
        debug_assert!(self.is_sound(), "runs must be sorted, disjoint, merged and within the family");
    }

    fn is_sound(&self) -> bool {
        let gaps = self.runs.iter().zip(self.runs.iter().skip(1));
        self.runs.iter().all(|run| run.first <= run.last && run.last <= self.family.max_bits())
            && gaps.into_iter().all(|(a, b)| b.first > a.last && b.first - a.last > 1)
    }
}

impl From<IpRange> for RangeSet {
    fn from(range: IpRange) -> Self {
        Self::of_sorted(range.family(), vec![(range.first().bits(), range.last().bits())])
    }
}

impl fmt::Display for RangeSet {
    /// The runs, joined by commas; nothing for the empty set.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, range) in self.ranges().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            range.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Debug for RangeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{{{self}}}", self.family)
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for RangeSet {
    /// A list of range texts, as the API writes `ips`.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.ranges())
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for RangeSet {
    /// A list of range texts in any order. An empty list is refused: nothing in it says of which family the set is.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let ranges = Vec::<IpRange>::deserialize(deserializer)?;
        let Some(first) = ranges.first() else {
            return Err(serde::de::Error::custom(
                "a range set without ranges has no family; want at least one range",
            ));
        };
        Self::from_ranges(first.family(), ranges).map_err(serde::de::Error::custom)
    }
}
