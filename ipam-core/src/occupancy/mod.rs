//! Which addresses of a space are taken: the question behind every allocation.
//!
//! An address counts by its *position*, its rank within the space, so that gaps of the space cost nothing. Positions are
//! cut into chunks of 256, and only chunks that are neither empty nor full are stored, each in the form that suits its
//! fill (`chunk`). Neighbouring full chunks are one entry, so a search for a free address passes any number of them in one
//! step; entries lie in blocks that know how much of them is taken (`slots`). A space may be a whole /0: nothing here
//! walks over addresses, and no cost grows with how full the space is, only with the logarithm of what is stored.

mod chunk;
mod slots;
#[cfg(test)]
mod tests;

use std::iter;

use crate::addr::Addr;
use crate::range::IpRange;
use crate::rangeset::RangeSet;
use chunk::Chunk;
use slots::{Entry, Slot, Slots, Spot};

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
    /// Chunks by number (position / 256). What is not here is free.
    slots: Slots,
    /// The number of taken positions; each was taken by a call, so 64 bits do.
    taken: u64,
}

impl Occupancy {
    /// A space in which everything is free.
    #[must_use]
    pub fn new(space: RangeSet) -> Self {
        let last = space.last().map(|addr| space.rank(addr));
        Self { space, last, slots: Slots::default(), taken: 0 }
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
        let spot = self.slots.locate(number);
        let full = match self.state_at(spot, number) {
            State::Full => return Taken::Already,
            State::Empty => {
                self.slots.insert_at(spot, Entry { number, slot: Slot::Part(Chunk::only(offset)) });
                size == 1
            }
            State::Part => {
                let changed = self.slots.update_at(spot, |slot| match slot {
                    Slot::Part(chunk) => chunk.take(offset, size).then(|| chunk.taken() == size),
                    Slot::Full { .. } => None,
                });
                match changed.flatten() {
                    Some(full) => full,
                    None => return Taken::Already,
                }
            }
        };
        if full {
            self.close(number, size);
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
        let spot = self.slots.locate(number);
        match self.state_at(spot, number) {
            State::Empty => return false,
            State::Full => self.open(number, offset, size),
            State::Part => {
                let changed = self.slots.update_at(spot, |slot| match slot {
                    Slot::Part(chunk) => chunk.release(offset, size).then(|| chunk.taken() == 0),
                    Slot::Full { .. } => None,
                });
                match changed.flatten() {
                    Some(true) => self.slots.remove_at(spot),
                    Some(false) => {}
                    None => return false,
                }
            }
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
        self.slots.floor(number).is_some_and(|entry| match &entry.slot {
            Slot::Part(chunk) => entry.number == number && chunk.is_taken(offset),
            Slot::Full { .. } => number < entry.end(),
        })
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
            let Some(entry) = self.slots.floor(number) else { break };
            let next = match &entry.slot {
                Slot::Full { .. } if number < entry.end() => entry.end(),
                Slot::Part(chunk) if number == entry.number => {
                    if let Some(offset) = chunk.first_free(offset, self.size_of(number)) {
                        position = join(number, offset);
                        break;
                    }
                    number + 1
                }
                Slot::Full { .. } | Slot::Part(_) => break,
            };
            if next > split(last).0 {
                return None;
            }
            position = join(next, 0);
        }
        self.space.nth(position)
    }

    /// The taken addresses in ascending order.
    pub fn iter_taken(&self) -> impl Iterator<Item = Addr> {
        self.slots
            .iter()
            .flat_map(|entry| self.positions_of(entry))
            .filter_map(|position| self.space.nth(position))
    }

    /// The number of taken addresses within a range. Adds up the counts of the blocks below it: about one step for
    /// every hundred stored chunks.
    #[must_use]
    pub fn taken_in(&self, range: IpRange) -> u128 {
        if range.family() != self.space.family() {
            return 0;
        }
        // The last address is counted by itself: there may be none behind it.
        let below = |addr| self.taken_below(self.space.rank(addr));
        u128::from(below(range.last()) - below(range.first())) + u128::from(self.is_taken(range.last()))
    }

    /// Bytes on the heap, allocator overhead not counted. Visits every stored chunk: for metrics and tests.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.slots.heap_bytes()
    }

    fn state_at(&self, spot: Spot, number: u128) -> State {
        match self.slots.entry(spot) {
            Some(Entry { number: found, slot: Slot::Part(_) }) if *found == number => State::Part,
            Some(entry @ Entry { slot: Slot::Full { .. }, .. }) if number < entry.end() => State::Full,
            _ => State::Empty,
        }
    }

    /// How many positions a chunk has: 256, but for the last one.
    fn size_of(&self, number: u128) -> u16 {
        match self.last.map(split) {
            Some((last, offset)) if last == number => u16::from(offset) + 1,
            _ => chunk::SIZE,
        }
    }

    /// Makes a chunk that has become full part of a run of full ones. Changes entries in place where it can: each one
    /// added or removed moves half a block.
    fn close(&mut self, number: u128, size: u16) {
        let mut taken = u64::from(size);
        if let Some(Entry { slot: Slot::Full { taken: behind }, .. }) = self.slots.exactly(number + 1) {
            taken += behind;
            self.slots.remove(number + 1);
        }
        let before = number.checked_sub(1).and_then(|number| self.slots.floor(number));
        match before {
            Some(entry @ &Entry { number: start, slot: Slot::Full { taken: run } })
                if entry.end() == number =>
            {
                self.slots.remove(number);
                self.slots.update(start, |slot| *slot = Slot::Full { taken: run + taken });
            }
            _ => {
                self.slots.update(number, |slot| *slot = Slot::Full { taken });
            }
        }
    }

    /// Cuts a run of full chunks at one of them, in which `offset` becomes free.
    fn open(&mut self, number: u128, offset: u8, size: u16) {
        let Some(&Entry { number: start, slot: Slot::Full { taken } }) = self.slots.floor(number) else {
            debug_assert!(false, "only a full chunk can be opened");
            return;
        };
        // A run has been taken one by one, so its length fits.
        let left = u64::try_from(join(number - start, 0)).unwrap_or(u64::MAX).min(taken);
        let right = taken.saturating_sub(left).saturating_sub(size.into());
        let opened = (size > 1).then(|| Slot::Part(Chunk::all_but(offset, size)));
        if left > 0 {
            self.slots.update(start, |slot| *slot = Slot::Full { taken: left });
            if let Some(slot) = opened {
                self.slots.insert(Entry { number, slot });
            }
        } else if let Some(opened) = opened {
            self.slots.update(start, |slot| *slot = opened);
        } else {
            self.slots.remove(start);
        }
        if right > 0 {
            self.slots.insert(Entry { number: number + 1, slot: Slot::Full { taken: right } });
        }
    }

    fn positions_of<'a>(&'a self, entry: &'a Entry) -> impl Iterator<Item = u128> + 'a {
        let size = self.size_of(entry.number);
        let start = join(entry.number, 0);
        let (chunk, run) = match &entry.slot {
            Slot::Part(chunk) => (Some(chunk), 0),
            Slot::Full { taken } => (None, *taken),
        };
        let offsets = chunk.into_iter().flat_map(move |chunk| {
            iter::successors(chunk.first_taken(0, size), move |offset| {
                offset.checked_add(1).and_then(|from| chunk.first_taken(from, size))
            })
        });
        offsets.map(u64::from).chain(0..run).map(move |offset| start + u128::from(offset))
    }

    /// The number of taken positions below this one.
    fn taken_below(&self, position: u128) -> u64 {
        let (number, offset) = split(position);
        let Some(entry) = self.slots.floor(number) else { return 0 };
        let within = match &entry.slot {
            Slot::Part(chunk) if entry.number == number => chunk.taken_below(offset).into(),
            Slot::Part(chunk) => chunk.taken().into(),
            Slot::Full { taken } => {
                u64::try_from(position - join(entry.number, 0)).unwrap_or(u64::MAX).min(*taken)
            }
        };
        self.slots.taken_before(entry.number) + within
    }

    /// What must hold around a chunk after a change; the whole is checked by tests only.
    fn is_sound_at(&self, number: u128) -> bool {
        let size = self.size_of(number);
        let entry_is_sound = match self.slots.floor(number) {
            Some(Entry { number: found, slot: Slot::Part(chunk) }) if *found == number => {
                chunk.is_sound(size)
            }
            Some(entry @ Entry { slot: Slot::Full { taken }, .. }) => {
                // A run ends where the space does, or it is whole chunks and no full chunk follows.
                *taken > 0
                    && !matches!(self.slots.exactly(entry.end()), Some(Entry { slot: Slot::Full { .. }, .. }))
            }
            _ => true,
        };
        entry_is_sound && self.slots.is_sound_around(number)
    }
}

enum State {
    Empty,
    Part,
    Full,
}

/// The number of the chunk, and the offset within it.
const fn split(position: u128) -> (u128, u8) {
    let [offset, ..] = position.to_le_bytes();
    (position >> chunk::SIZE_LOG2, offset)
}

fn join(number: u128, offset: u8) -> u128 {
    number << chunk::SIZE_LOG2 | u128::from(offset)
}
