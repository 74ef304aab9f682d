//! Full chunks side by side, as one entry each: a search for a free address passes any number of them in one step.

use std::collections::BTreeMap;

use super::{chunk, join};

/// No two runs touch.
#[derive(Clone, Debug, Default)]
pub(super) struct Runs {
    /// The number of taken positions by the number of the first chunk. Only the last chunk of a space may be short.
    taken: BTreeMap<u128, u64>,
}

impl Runs {
    /// The number after the run in which this chunk lies.
    pub(super) fn end_over(&self, number: u128) -> Option<u128> {
        self.over(number).map(|(start, taken)| end_of(start, taken))
    }

    /// Adds a chunk of `size` positions that has become full.
    pub(super) fn close(&mut self, number: u128, size: u16) {
        debug_assert!(self.over(number).is_none(), "chunk {number} must not be full twice");
        let behind = self.taken.remove(&(number + 1)).unwrap_or(0);
        let taken = u64::from(size) + behind;
        let before = self.taken.range_mut(..number).next_back();
        match before.filter(|(start, taken)| end_of(**start, **taken) == number) {
            Some((_, run)) => *run += taken,
            None => {
                self.taken.insert(number, taken);
            }
        }
    }

    /// Cuts out a chunk of `size` positions; `false` when it is in no run.
    pub(super) fn open(&mut self, number: u128, size: u16) -> bool {
        let Some((start, taken)) = self.over(number) else { return false };
        // A run has been taken one by one, so its length fits.
        let left = u64::try_from(join(number - start, 0)).unwrap_or(u64::MAX).min(taken);
        let right = taken.saturating_sub(left).saturating_sub(size.into());
        if left > 0 {
            self.taken.insert(start, left);
        } else {
            self.taken.remove(&start);
        }
        if right > 0 {
            self.taken.insert(number + 1, right);
        }
        true
    }

    /// The number of taken positions below this one.
    pub(super) fn taken_below(&self, position: u128) -> u64 {
        let below = |(start, taken): (&u128, &u64)| {
            let distance = position.saturating_sub(join(*start, 0));
            u64::try_from(distance).unwrap_or(u64::MAX).min(*taken)
        };
        self.taken.iter().take_while(|(start, _)| join(**start, 0) < position).map(below).sum()
    }

    /// First position and length of each, in ascending order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u128, u64)> {
        self.taken.iter().map(|(start, taken)| (join(*start, 0), *taken))
    }

    /// Bytes on the heap: an estimate, since a tree does not tell; its nodes are at least half full.
    pub(super) fn heap_bytes(&self) -> usize {
        self.taken.len() * 2 * size_of::<(u128, u64)>()
    }

    /// What must hold around a chunk.
    pub(super) fn is_sound_around(&self, number: u128) -> bool {
        let before = self.taken.range(..=number).next_back();
        let after = self.taken.range(number.saturating_add(1)..).next();
        let ends_before = |(start, taken): (&u128, &u64), next: u128| end_of(*start, *taken) < next;
        before.is_none_or(|(_, taken)| *taken > 0)
            && before.zip(after).is_none_or(|(run, (next, _))| ends_before(run, *next))
    }

    fn over(&self, number: u128) -> Option<(u128, u64)> {
        let (start, taken) = self.taken.range(..=number).next_back()?;
        (number < end_of(*start, *taken)).then_some((*start, *taken))
    }
}

fn end_of(start: u128, taken: u64) -> u128 {
    start + u128::from(taken.div_ceil(chunk::SIZE.into()))
}
