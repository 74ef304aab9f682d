//! 256 neighbouring positions, in the form that suits how many of them are taken.
//!
//! Why 256: an offset is one byte, so that a list of 13 offsets lies within the 16 bytes of the enum and costs no
//! allocation, be it the taken ones of an almost empty chunk or the free ones of an almost full chunk. Those are the usual
//! cases: a scattered IPv6 pool has one or two records a chunk, a full IPv4 pool frees and takes single addresses. In
//! between, the bits take 32 bytes, no more than a sorted list of 32 offsets. Larger chunks would shorten nothing (a /16
//! has 256 chunks) and make the lists wider.
//!
//! The forms change with hysteresis: a list becomes bits when the 14th offset arrives, bits become a list when only
//! eight are left, so that an address which comes and goes does not convert the chunk each time.
//!
//! The bits are bitvec's. Plain words search a chunk in 1.5 ns in place of 6 and change a bit as fast; in an allocation of
//! about 100 ns that is not worth our own masks.

use bitvec::array::BitArray;
use bitvec::order::Lsb0;

/// Binary logarithm of [`SIZE`].
pub(super) const SIZE_LOG2: u32 = 8;
/// Positions in a chunk; the last chunk of a space may have fewer.
pub(super) const SIZE: u16 = 1 << SIZE_LOG2;

/// What a list can hold: with tag, length and size it fills 16 bytes.
const LIST_MAX: usize = 13;
/// Bits become a list again when no more than this many would be on it.
const LIST_AGAIN: u16 = 8;

/// A chunk that is neither empty nor full. The methods that change it may leave it so; the caller then removes it.
///
/// `size` is the number of positions and must be the same in every call.
#[derive(Clone, Debug)]
pub(super) enum Chunk {
    /// Only these offsets are taken.
    Few(Offsets),
    /// A bit for each offset, set when it is taken.
    Dense(Box<Dense>),
    /// All offsets but these are taken.
    Most { free: Offsets, last: u8 },
}

#[derive(Clone, Debug)]
pub(super) struct Dense {
    bits: BitArray<[u64; 4], Lsb0>,
    taken: u16,
}

/// Up to 13 offsets in ascending order, without an allocation.
#[derive(Clone, Debug, Default)]
pub(super) struct Offsets {
    len: u8,
    at: [u8; LIST_MAX],
}

impl Chunk {
    /// Nothing but this offset is taken.
    pub(super) fn only(offset: u8) -> Self {
        Self::Few(Offsets::from_iter([offset]))
    }

    /// Everything but this offset is taken.
    pub(super) fn all_but(offset: u8, size: u16) -> Self {
        Self::Most { free: Offsets::from_iter([offset]), last: last_of(size) }
    }

    /// In the last chunk of a space, the end of one list may be the beginning of the other.
    fn of(dense: Dense, size: u16) -> Self {
        dense.as_list(size).unwrap_or_else(|| Self::Dense(Box::new(dense)))
    }

    /// Takes an offset; `false` when it was taken before.
    pub(super) fn take(&mut self, offset: u8, size: u16) -> bool {
        match self {
            Self::Few(taken) if taken.is_full() && !taken.contains(offset) => {
                let mut dense = Dense::of(taken.iter());
                dense.set(offset, true);
                *self = Self::of(dense, size);
                true
            }
            Self::Few(taken) => taken.insert(offset),
            Self::Most { free, .. } => free.remove(offset),
            Self::Dense(dense) => {
                let changed = dense.set(offset, true);
                if let Some(list) = dense.as_list(size) {
                    *self = list;
                }
                changed
            }
        }
    }

    /// Frees an offset; `false` when it was free before.
    pub(super) fn release(&mut self, offset: u8, size: u16) -> bool {
        match self {
            Self::Most { free, .. } if free.is_full() && !free.contains(offset) => {
                let free = free.clone();
                let mut dense = Dense::of((0..=last_of(size)).filter(|&offset| !free.contains(offset)));
                dense.set(offset, false);
                *self = Self::of(dense, size);
                true
            }
            Self::Most { free, .. } => free.insert(offset),
            Self::Few(taken) => taken.remove(offset),
            Self::Dense(dense) => {
                let changed = dense.set(offset, false);
                if let Some(list) = dense.as_list(size) {
                    *self = list;
                }
                changed
            }
        }
    }

    /// Whether this offset is taken.
    pub(super) fn is_taken(&self, offset: u8) -> bool {
        match self {
            Self::Few(taken) => taken.contains(offset),
            Self::Most { free, .. } => !free.contains(offset),
            Self::Dense(dense) => dense.bits.get(usize::from(offset)).is_some_and(|bit| *bit),
        }
    }

    /// The number of taken offsets.
    pub(super) fn taken(&self) -> u16 {
        match self {
            Self::Few(taken) => taken.len.into(),
            Self::Most { free, last } => u16::from(*last) + 1 - u16::from(free.len),
            Self::Dense(dense) => dense.taken,
        }
    }

    /// The taken offset, when there is only one.
    pub(super) fn lone(&self) -> Option<u8> {
        match self {
            Self::Few(Offsets { len: 1, at: [offset, ..] }) => Some(*offset),
            Self::Most { .. } if self.taken() == 1 => self.first_taken(0, SIZE),
            Self::Few(_) | Self::Most { .. } | Self::Dense(_) => None,
        }
    }

    /// The number of taken offsets below this one.
    pub(super) fn taken_below(&self, offset: u8) -> u16 {
        match self {
            Self::Few(taken) => taken.below(offset),
            Self::Most { free, .. } => u16::from(offset) - free.below(offset),
            Self::Dense(dense) => {
                let below = dense.bits.get(..usize::from(offset)).map_or(0, |bits| bits.count_ones());
                u16::try_from(below).unwrap_or(SIZE)
            }
        }
    }

    /// The first free offset that is not below `from`.
    pub(super) fn first_free(&self, from: u8, size: u16) -> Option<u8> {
        match self {
            Self::Few(taken) => taken.first_absent(from, size),
            Self::Most { free, .. } => free.first_present(from),
            Self::Dense(dense) => dense.first(false, from, size),
        }
    }

    /// The first taken offset that is not below `from`.
    pub(super) fn first_taken(&self, from: u8, size: u16) -> Option<u8> {
        match self {
            Self::Few(taken) => taken.first_present(from),
            Self::Most { free, .. } => free.first_absent(from, size),
            Self::Dense(dense) => dense.first(true, from, size),
        }
    }

    /// Bytes beyond the enum itself.
    pub(super) const fn heap_bytes(&self) -> usize {
        if matches!(self, Self::Dense(_)) { size_of::<Dense>() } else { 0 }
    }

    /// Neither empty nor full, and in a form that its fill allows.
    pub(super) fn is_sound(&self, size: u16) -> bool {
        let partly = 0 < self.taken() && self.taken() < size;
        partly
            && match self {
                Self::Few(list) | Self::Most { free: list, .. } => {
                    list.is_sorted() && list.iter().all(|offset| u16::from(offset) < size)
                }
                Self::Dense(dense) => {
                    usize::from(dense.taken) == dense.bits.count_ones()
                        && dense.taken > LIST_AGAIN
                        && size - dense.taken > LIST_AGAIN
                        && dense.first(true, last_of(size), SIZE).is_none_or(|offset| offset == last_of(size))
                }
            }
    }
}

impl Dense {
    fn of(offsets: impl Iterator<Item = u8>) -> Self {
        let mut dense = Self { bits: BitArray::ZERO, taken: 0 };
        offsets.for_each(|offset| {
            dense.set(offset, true);
        });
        dense
    }

    /// The same as a list, when one would be short enough.
    fn as_list(&self, size: u16) -> Option<Chunk> {
        if self.taken <= LIST_AGAIN {
            Some(Chunk::Few(self.offsets(true, size).collect()))
        } else if size - self.taken <= LIST_AGAIN {
            Some(Chunk::Most { free: self.offsets(false, size).collect(), last: last_of(size) })
        } else {
            None
        }
    }

    /// Whether that changed anything.
    fn set(&mut self, offset: u8, taken: bool) -> bool {
        let changed = self.bits.replace(usize::from(offset), taken) != taken;
        match (changed, taken) {
            (true, true) => self.taken += 1,
            (true, false) => self.taken -= 1,
            (false, _) => {}
        }
        changed
    }

    fn first(&self, taken: bool, from: u8, size: u16) -> Option<u8> {
        let rest = self.bits.get(usize::from(from)..)?;
        let distance = if taken { rest.first_one() } else { rest.first_zero() }?;
        u8::try_from(usize::from(from) + distance).ok().filter(|&offset| u16::from(offset) < size)
    }

    fn offsets(&self, taken: bool, size: u16) -> impl Iterator<Item = u8> {
        std::iter::successors(self.first(taken, 0, size), move |offset| {
            offset.checked_add(1).and_then(|from| self.first(taken, from, size))
        })
    }
}

impl Offsets {
    fn as_slice(&self) -> &[u8] {
        self.at.get(..usize::from(self.len)).unwrap_or_default()
    }

    fn iter(&self) -> impl Iterator<Item = u8> {
        self.as_slice().iter().copied()
    }

    fn is_full(&self) -> bool {
        usize::from(self.len) == LIST_MAX
    }

    fn is_sorted(&self) -> bool {
        self.as_slice().is_sorted_by(|a, b| a < b)
    }

    fn contains(&self, offset: u8) -> bool {
        self.as_slice().contains(&offset)
    }

    /// How many on the list are below this one.
    fn below(&self, offset: u8) -> u16 {
        self.iter().take_while(|&listed| listed < offset).map(|_| 1).sum()
    }

    /// `false` when it is on the list already, or the list is full: the caller looks first.
    fn insert(&mut self, offset: u8) -> bool {
        let Err(index) = self.as_slice().binary_search(&offset) else { return false };
        let len = usize::from(self.len);
        debug_assert!(len < LIST_MAX, "a full list must be converted first");
        if len == LIST_MAX {
            return false;
        }
        self.at.copy_within(index..len, index + 1);
        if let Some(free) = self.at.get_mut(index) {
            *free = offset;
        }
        self.len += 1;
        true
    }

    fn remove(&mut self, offset: u8) -> bool {
        let Ok(index) = self.as_slice().binary_search(&offset) else { return false };
        self.at.copy_within(index + 1..usize::from(self.len), index);
        self.len -= 1;
        true
    }

    fn first_present(&self, from: u8) -> Option<u8> {
        self.iter().find(|&listed| listed >= from)
    }

    fn first_absent(&self, from: u8, size: u16) -> Option<u8> {
        let mut candidate = from;
        for listed in self.iter().skip_while(|&listed| listed < from) {
            if listed != candidate {
                break;
            }
            candidate = candidate.checked_add(1)?;
        }
        (u16::from(candidate) < size).then_some(candidate)
    }
}

impl FromIterator<u8> for Offsets {
    /// At most 13 offsets.
    fn from_iter<I: IntoIterator<Item = u8>>(offsets: I) -> Self {
        let mut list = Self::default();
        for offset in offsets {
            list.insert(offset);
        }
        list
    }
}

/// The last offset of a chunk.
fn last_of(size: u16) -> u8 {
    u8::try_from(size.saturating_sub(1)).unwrap_or(u8::MAX)
}
