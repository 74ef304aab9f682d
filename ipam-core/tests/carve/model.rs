//! The same rules over sets of single addresses, written down as the chapter has them.

use std::collections::BTreeSet;

use ipam_core::{Addr, Family, RangeSet};

/// Addresses by their last octet.
pub(crate) type Few = BTreeSet<u8>;

pub(crate) fn few(set: &RangeSet) -> Few {
    let bits = |addr: Addr| u8::try_from(addr.bits() & 0xff).expect("one octet");
    set.ranges().flat_map(|range| bits(range.first())..=bits(range.last())).collect()
}

pub(crate) fn many(few: &Few) -> RangeSet {
    let base = u128::from(u32::from_be_bytes([10, 6, 0, 0]));
    let addr = |octet: &u8| Addr::new(Family::V4, base + u128::from(*octet)).expect("32 bits");
    RangeSet::from_ranges(Family::V4, few.iter().map(|octet| addr(octet).into())).expect("one family")
}

fn lowest(set: &Few, count: usize) -> Few {
    set.iter().copied().take(count).collect()
}

/// What is known when a pool is planned.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) total: Few,
    pub(crate) reserved: Few,
    /// All records but the pool's.
    pub(crate) others_recorded: Few,
    /// All living pools but this one.
    pub(crate) others_living: Few,
    pub(crate) rec: Option<Few>,
    pub(crate) spec: Few,
    pub(crate) in_use: Few,
    pub(crate) is_present: bool,
    pub(crate) desired: usize,
}

#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Outcome {
    New(Few),
    InUse,
    Insufficient { required: usize, left: usize },
}

impl Scene {
    /// Addresses that may be added.
    pub(crate) fn free(&self) -> Few {
        let rec = self.rec.clone().unwrap_or_default();
        let is_taken = |octet: &u8| {
            [&self.others_recorded, &rec, &self.reserved, &self.others_living]
                .iter()
                .any(|set| set.contains(octet))
        };
        self.total.iter().copied().filter(|octet| !is_taken(octet)).collect()
    }

    /// The branches of the chapter to the letter; none for a scene that it does not foresee or gets wrong.
    pub(crate) fn by_the_chapter(&self) -> Option<Outcome> {
        let Some(rec) = &self.rec else {
            return (!self.is_present).then(|| self.grown(&Few::new(), self.desired));
        };
        let is_disturbed = rec.iter().any(|octet| {
            self.others_living.contains(octet)
                || self.others_recorded.contains(octet)
                || !self.total.contains(octet)
        });
        if is_disturbed {
            return None;
        }
        let is_held = self.in_use.is_subset(rec);
        let cut = |from: &Few| {
            if self.in_use.len() > self.desired {
                return Outcome::InUse;
            }
            let gone = lowest(&(from - &self.in_use), from.len() - self.desired);
            Outcome::New(from - &gone)
        };
        match self.desired.cmp(&rec.len()) {
            std::cmp::Ordering::Equal if is_held => Some(Outcome::New(rec.clone())),
            std::cmp::Ordering::Equal => {
                let is_sound =
                    self.spec.len() >= self.desired && self.spec.is_disjoint(&self.others_recorded);
                is_sound.then(|| cut(&self.spec))
            }
            std::cmp::Ordering::Less => is_held.then(|| cut(rec)),
            std::cmp::Ordering::Greater => is_held.then(|| self.grown(rec, self.desired - rec.len())),
        }
    }

    fn grown(&self, rec: &Few, required: usize) -> Outcome {
        let free = self.free();
        if free.len() < required {
            return Outcome::Insufficient { required, left: free.len() };
        }
        Outcome::New(rec | &lowest(&free, required))
    }
}
