//! Which addresses of a space are taken: the question behind every allocation.
//!
//! An address counts by its *position*, its rank within the space, so that gaps of the space cost nothing. Positions are
//! cut into chunks of 256, and only chunks that are neither empty nor full are stored (`parts`), each in the form that suits
//! its fill (`chunk`). Full chunks side by side are one entry (`runs`). A space may be a whole /0: nothing here walks over
//! addresses. Taking, giving back and searching cost the same however much is stored, but for a logarithm of the number of
//! runs; only counting within a range and listing go over all that is stored.

mod chunk;
mod parts;
mod runs;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::cmp::Ordering;
use std::iter;

use crate::addr::Addr;
use crate::range::IpRange;
use crate::rangeset::RangeSet;
use chunk::Chunk;
use parts::{Change, Parts};
use runs::Runs;

/// What became of a wish to take an address.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Taken {
    /// It was free and is taken from now on.
    Now,
    /// It was taken before.
    Already,
    /// It is not an address of the space; nothing changed.
    Outside,
}

/// Which addresses of a fixed space are taken.
///
/// ```
/// use ipam_core::{IpRange, Occupancy, Taken};
/// let range: IpRange = "fd00::-fd00::ffff:ffff:ffff:ffff".parse()?;
/// let mut taken = Occupancy::new(range.into());
/// assert_eq!(taken.take("fd00::".parse()?), Taken::Now);
/// assert_eq!(taken.first_free(), Some("fd00::1".parse()?));
/// assert_eq!(taken.free(), (1 << 64) - 1);
/// # Ok::<(), ipam_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Occupancy {
    space: RangeSet,
    /// The highest position; `None` when the space is empty. A length would not fit for the whole IPv6 space.
    last: Option<u128>,
    /// Chunks with something taken and something free. What is neither here nor in a run is free.
    parts: Parts,
    /// Full chunks.
    runs: Runs,
    /// The number of taken positions; each was taken by a call, so 64 bits do.
    taken: u64,
}

impl Occupancy {
    /// A space in which everything is free.
    #[must_use]
    pub fn new(space: RangeSet) -> Self {
        let last = space.last().map(|addr| space.rank(addr));
        Self { space, last, parts: Parts::default(), runs: Runs::default(), taken: 0 }
    }

    /// All addresses that can be taken.
    #[must_use]
    pub const fn space(&self) -> &RangeSet {
        &self.space
    }

    /// Takes an address.
    pub fn take(&mut self, addr: Addr) -> Taken {
        let Some(position) = self.space.position(addr) else {
            return Taken::Outside;
        };
        let (number, offset) = split(position);
        let size = self.size_of(number);
        match self.parts.change(number, size, |chunk| chunk.take(offset, size)) {
            Some(Change::None) => return Taken::Already,
            Some(Change::Full) => self.runs.close(number, size),
            Some(Change::Part | Change::Empty) => {}
            None if self.runs.end_over(number).is_some() => return Taken::Already,
            None if size == 1 => self.runs.close(number, size),
            None => self.parts.insert(number, Chunk::only(offset)),
        }
        self.taken += 1;
        debug_assert!(self.is_sound_at(number), "chunk {number} must be sound after a take");
        Taken::Now
    }

    /// Frees an address; whether it was taken.
    pub fn release(&mut self, addr: Addr) -> bool {
        let Some(position) = self.space.position(addr) else {
            return false;
        };
        let (number, offset) = split(position);
        let size = self.size_of(number);
        match self.parts.change(number, size, |chunk| chunk.release(offset, size)) {
            Some(Change::None) => return false,
            Some(Change::Part | Change::Empty | Change::Full) => {}
            None if !self.runs.open(number, size) => return false,
            None if size == 1 => {}
            None => self.parts.insert(number, Chunk::all_but(offset, size)),
        }
        self.taken -= 1;
        debug_assert!(self.is_sound_at(number), "chunk {number} must be sound after a release");
        true
    }

    /// Whether the address is taken; one outside the space never is.
    #[must_use]
    pub fn is_taken(&self, addr: Addr) -> bool {
        let Some((number, offset)) = self.space.position(addr).map(split) else {
            return false;
        };
        let part = self.parts.look(number, |chunk| chunk.is_taken(offset));
        part.unwrap_or_else(|| self.runs.end_over(number).is_some())
    }

    /// The number of taken addresses.
    #[must_use]
    pub fn taken(&self) -> u128 {
        self.taken.into()
    }

    /// The number of free addresses; `u128::MAX` for the whole IPv6 space with nothing taken, which has one more.
    #[must_use]
    pub fn free(&self) -> u128 {
        self.last.map_or(0, |last| match last.checked_sub(self.taken()) {
            Some(free) => free.saturating_add(1),
            None => 0,
        })
    }

    /// The lowest free address.
    #[must_use]
    pub fn first_free(&self) -> Option<Addr> {
        self.first_free_from(self.space.first()?)
    }

    /// The lowest free address that is not below `addr`; does not wrap around.
    #[must_use]
    pub fn first_free_from(&self, addr: Addr) -> Option<Addr> {
        let last = self.last?;
        let mut position = self.space.position(self.space.next_from(addr)?)?;
        // At most four rounds: the rest of a chunk, a run of full ones, and the chunk behind it, which is not full.
        while position <= last {
            let (number, offset) = split(position);
            let size = self.size_of(number);
            let next = if let Some(found) = self.parts.look(number, |chunk| chunk.first_free(offset, size)) {
                if let Some(offset) = found {
                    position = join(number, offset);
                    break;
                }
                number + 1
            } else if let Some(end) = self.runs.end_over(number) {
                end
            } else {
                break;
            };
            if next > split(last).0 {
                return None;
            }
            position = join(next, 0);
        }
        self.space.nth(position)
    }

    /// The taken addresses in ascending order. Sorts the stored chunks first.
    pub fn iter_taken(&self) -> impl Iterator<Item = Addr> {
        let mut parts: Vec<_> = self.parts.iter().collect();
        parts.sort_unstable_by_key(|(number, _)| *number);
        let mut parts =
            parts.into_iter().flat_map(|(number, chunk)| self.positions_of(number, chunk)).peekable();
        let mut full = self
            .runs
            .iter()
            .flat_map(|(start, taken)| (0..taken).map(move |rank| start + u128::from(rank)))
            .peekable();
        let merged = iter::from_fn(move || match (parts.peek(), full.peek()) {
            (Some(part), Some(full_one)) if full_one < part => full.next(),
            (Some(_), _) => parts.next(),
            (None, _) => full.next(),
        });
        merged.filter_map(|position| self.space.nth(position))
    }

    /// The number of taken addresses within a range. Goes over all stored chunks, of which none is full or empty.
    #[must_use]
    pub fn taken_in(&self, range: IpRange) -> u128 {
        if range.family() != self.space.family() {
            return 0;
        }
        // The last address is counted by itself: there may be none behind it.
        let below = |addr| self.taken_below(self.space.rank(addr));
        u128::from(below(range.last()) - below(range.first())) + u128::from(self.is_taken(range.last()))
    }

    /// About how many bytes are on the heap. Visits every stored chunk: for metrics and tests.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.parts.heap_bytes() + self.runs.heap_bytes()
    }

    /// How many positions a chunk has: 256, but for the last one.
    fn size_of(&self, number: u128) -> u16 {
        match self.last.map(split) {
            Some((last, offset)) if last == number => u16::from(offset) + 1,
            _ => chunk::SIZE,
        }
    }

    fn positions_of(&self, number: u128, chunk: Cow<'_, Chunk>) -> impl Iterator<Item = u128> {
        let size = self.size_of(number);
        let mut from = Some(0);
        iter::from_fn(move || {
            let offset = chunk.first_taken(from?, size)?;
            from = offset.checked_add(1);
            Some(join(number, offset))
        })
    }

    /// The number of taken positions below this one.
    fn taken_below(&self, position: u128) -> u64 {
        let (end, offset) = split(position);
        let below = |(number, chunk): (u128, Cow<'_, Chunk>)| match number.cmp(&end) {
            Ordering::Less => u64::from(chunk.taken()),
            Ordering::Equal => chunk.taken_below(offset).into(),
            Ordering::Greater => 0,
        };
        self.parts.iter().map(below).sum::<u64>() + self.runs.taken_below(position)
    }

    /// What must hold around a chunk after a change; the whole is checked by tests only.
    fn is_sound_at(&self, number: u128) -> bool {
        let is_here = self.parts.look(number, |_| ()).is_some();
        self.parts.is_sound_at(number, self.size_of(number))
            && !(is_here && self.runs.end_over(number).is_some())
            && self.runs.is_sound_around(number)
    }
}

/// The number of the chunk, and the offset within it.
const fn split(position: u128) -> (u128, u8) {
    let [offset, ..] = position.to_le_bytes();
    (position >> chunk::SIZE_LOG2, offset)
}

fn join(number: u128, offset: u8) -> u128 {
    number << chunk::SIZE_LOG2 | u128::from(offset)
}
