//! The stored chunks in ascending order, as blocks of up to 128 entries.
//!
//! Why not a `BTreeMap`: it leaves its nodes half empty when keys arrive in order, as they do when a store is read at
//! start; a million scattered chunks would then cost an estimated 75 MB (not measured). Each block also keeps the sum of
//! what is taken in it, so that counting below an address need not visit every chunk.

use super::chunk::{self, Chunk};

/// Of 32, 64 and 128 none was clearly the quickest with a million scattered chunks (`benches/benches/core.rs`; runs of one size differ by
/// as much); the largest has the shortest list of blocks.
const BLOCK_MAX: usize = 128;
/// Neighbours are merged when both together are no more than half a block: far enough from a split.
const MERGE_MAX: usize = BLOCK_MAX / 2;
/// Steps from where an entry should be to where it is, before the search goes on by halves: a bound, not a tuned number.
const WALK_MAX: usize = 8;

/// A chunk, or a run of full ones, by the number of its first chunk.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) number: u128,
    pub(super) slot: Slot,
}

// The sums in the module docs rest on it.
const _: () = assert!(size_of::<Entry>() == 32, "an entry must stay two words of 128 bits");

/// What is stored for a chunk.
#[derive(Clone, Debug)]
pub(super) enum Slot {
    /// Some positions are taken, some are free.
    Part(Chunk),
    /// Full chunks side by side; nothing is stored of them but the number of positions.
    Full { taken: u64 },
}

impl Entry {
    /// The number after the last chunk of this entry.
    pub(super) fn end(&self) -> u128 {
        match self.slot {
            Slot::Part(_) => self.number + 1,
            Slot::Full { taken } => self.number + u128::from(taken.div_ceil(chunk::SIZE.into())),
        }
    }

    fn taken(&self) -> u64 {
        match &self.slot {
            Slot::Part(chunk) => chunk.taken().into(),
            Slot::Full { taken } => *taken,
        }
    }
}

/// Entries by number.
#[derive(Clone, Debug, Default)]
pub(super) struct Slots {
    /// The number of the first entry of each block. Apart from the blocks, so that the search for one stays within the processor's
    /// cache when they don't.
    firsts: Vec<u128>,
    blocks: Vec<Block>,
}

/// Never empty.
#[derive(Clone, Debug)]
struct Block {
    /// The sum over the entries.
    taken: u64,
    /// Ascending by number.
    entries: Vec<Entry>,
}

/// Where a number belongs: behind this many entries of this block. Valid until the next change.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot {
    block: usize,
    behind: usize,
}

impl Slots {
    /// Where the last entry is that does not begin after this chunk.
    pub(super) fn locate(&self, number: u128) -> Spot {
        let Some(block) = self.block_of(number) else { return Spot { block: 0, behind: 0 } };
        let (Some(found), Some(first)) = (self.blocks.get(block), self.firsts.get(block)) else {
            return Spot { block, behind: 0 };
        };
        let end = self.firsts.get(block + 1).copied();
        Spot { block, behind: entries_up_to(&found.entries, *first, end, number) }
    }

    /// The entry before a spot.
    pub(super) fn entry(&self, spot: Spot) -> Option<&Entry> {
        self.blocks.get(spot.block)?.entries.get(spot.behind.checked_sub(1)?)
    }

    /// The last entry that does not begin after this chunk.
    pub(super) fn floor(&self, number: u128) -> Option<&Entry> {
        self.entry(self.locate(number))
    }

    /// The entry that begins at this chunk.
    pub(super) fn exactly(&self, number: u128) -> Option<&Entry> {
        self.floor(number).filter(|entry| entry.number == number)
    }

    /// Changes the entry before a spot; `None` when there is none.
    pub(super) fn update_at<R>(&mut self, spot: Spot, change: impl FnOnce(&mut Slot) -> R) -> Option<R> {
        let block = self.blocks.get_mut(spot.block)?;
        let entry = block.entries.get_mut(spot.behind.checked_sub(1)?)?;
        let before = entry.taken();
        let result = change(&mut entry.slot);
        block.taken = block.taken - before + entry.taken();
        Some(result)
    }

    /// Changes the entry that begins at this chunk; `None` when there is none.
    pub(super) fn update<R>(&mut self, number: u128, change: impl FnOnce(&mut Slot) -> R) -> Option<R> {
        let spot = self.locate(number);
        self.entry(spot).filter(|entry| entry.number == number)?;
        self.update_at(spot, change)
    }

    /// Adds an entry; none may begin there yet.
    pub(super) fn insert(&mut self, entry: Entry) {
        self.insert_at(self.locate(entry.number), entry);
    }

    /// Adds an entry at the spot of its number; none may begin there yet.
    pub(super) fn insert_at(&mut self, spot: Spot, entry: Entry) {
        debug_assert!(self.exactly(entry.number).is_none(), "an entry must not be inserted twice");
        let Spot { block: at, behind } = spot;
        let (Some(block), Some(first)) = (self.blocks.get_mut(at), self.firsts.get_mut(at)) else {
            self.firsts.push(entry.number);
            self.blocks.push(Block::of(vec![entry]));
            return;
        };
        *first = entry.number.min(*first);
        if block.entries.len() < BLOCK_MAX {
            block.insert(behind, entry);
            return;
        }
        let mut upper = Block::of(block.entries.split_off(BLOCK_MAX / 2));
        block.taken -= upper.taken;
        if let Some(index) = behind.checked_sub(BLOCK_MAX / 2).filter(|index| *index > 0) {
            // The lower half may never get anything again: entries often arrive in order. The upper one fits already.
            block.entries.shrink_to_fit();
            upper.insert(index, entry);
        } else {
            block.insert(behind, entry);
        }
        self.firsts.insert(at + 1, upper.entries.first().map_or(0, |entry| entry.number));
        self.blocks.insert(at + 1, upper);
    }

    /// Removes the entry that begins at this chunk, if there is one.
    pub(super) fn remove(&mut self, number: u128) {
        let spot = self.locate(number);
        if self.entry(spot).is_some_and(|entry| entry.number == number) {
            self.remove_at(spot);
        }
    }

    /// Removes the entry before a spot, if there is one.
    pub(super) fn remove_at(&mut self, spot: Spot) {
        let Spot { block: at, behind } = spot;
        let (Some(block), Some(first)) = (self.blocks.get_mut(at), self.firsts.get_mut(at)) else { return };
        let Some(index) = behind.checked_sub(1).filter(|index| *index < block.entries.len()) else { return };
        block.taken -= block.entries.remove(index).taken();
        match block.entries.first() {
            Some(entry) => *first = entry.number,
            None => {
                self.firsts.remove(at);
                self.blocks.remove(at);
                shrink(&mut self.firsts);
                shrink(&mut self.blocks);
                return;
            }
        }
        shrink(&mut block.entries);
        if block.entries.len() <= MERGE_MAX {
            self.merge(at);
            if let Some(before) = at.checked_sub(1) {
                self.merge(before);
            }
        }
    }

    /// All entries in ascending order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.blocks.iter().flat_map(|block| &block.entries)
    }

    /// What is taken in the entries that begin before this chunk.
    pub(super) fn taken_before(&self, number: u128) -> u64 {
        let Some(at) = self.block_of(number) else { return 0 };
        let whole: u64 = self.blocks.iter().take(at).map(|block| block.taken).sum();
        let part = self.blocks.get(at).into_iter().flat_map(|block| &block.entries);
        whole + part.take_while(|entry| entry.number < number).map(Entry::taken).sum::<u64>()
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        let of_entry = |entry: &Entry| match &entry.slot {
            Slot::Part(chunk) => chunk.heap_bytes(),
            Slot::Full { .. } => 0,
        };
        let of_block = |block: &Block| {
            block.entries.capacity() * size_of::<Entry>() + block.entries.iter().map(of_entry).sum::<usize>()
        };
        let lists = self.firsts.capacity() * size_of::<u128>() + self.blocks.capacity() * size_of::<Block>();
        lists + self.blocks.iter().map(of_block).sum::<usize>()
    }

    /// What must hold in the block of this chunk and at its borders.
    pub(super) fn is_sound_around(&self, number: u128) -> bool {
        let at = self.block_of(number).unwrap_or(0);
        let around = || self.blocks.iter().take(at + 2).skip(at.saturating_sub(1));
        let entries = || around().flat_map(|block| &block.entries);
        let begins = self.firsts.iter().zip(&self.blocks).take(at + 2).skip(at.saturating_sub(1));
        let mut begins =
            begins.map(|(first, block)| block.entries.first().map(|entry| entry.number) == Some(*first));
        begins.all(|fits| fits)
            && around().all(Block::is_sound)
            && entries().zip(entries().skip(1)).all(|(a, b)| a.end() <= b.number)
    }

    fn block_of(&self, number: u128) -> Option<usize> {
        self.firsts.partition_point(|first| *first <= number).checked_sub(1)
    }

    /// Merges a block with the one after it when both are small.
    fn merge(&mut self, at: usize) {
        let (Some(block), Some(next)) = (self.blocks.get(at), self.blocks.get(at + 1)) else { return };
        if block.entries.len() + next.entries.len() > MERGE_MAX {
            return;
        }
        let next = self.blocks.remove(at + 1);
        self.firsts.remove(at + 1);
        if let Some(block) = self.blocks.get_mut(at) {
            block.taken += next.taken;
            block.entries.extend(next.entries);
        }
        shrink(&mut self.firsts);
        shrink(&mut self.blocks);
    }
}

impl Block {
    fn of(entries: Vec<Entry>) -> Self {
        Self { taken: entries.iter().map(Entry::taken).sum(), entries }
    }

    fn insert(&mut self, index: usize, entry: Entry) {
        self.taken += entry.taken();
        self.entries.insert(index, entry);
    }

    fn is_sound(&self) -> bool {
        !self.entries.is_empty()
            && self.entries.len() <= BLOCK_MAX
            && self.taken == self.entries.iter().map(Entry::taken).sum::<u64>()
    }
}

/// How many entries begin at or before a number, which is not below `first`, the first one's; `end` is where the next block begins.
///
/// Entries of scattered chunks lie evenly, so the search starts where this one should be and mostly ends within a cache line
/// or two; where they don't, it goes on by halves.
fn entries_up_to(entries: &[Entry], first: u128, end: Option<u128>, number: u128) -> usize {
    let is_in = |index: usize| entries.get(index).is_some_and(|entry| entry.number <= number);
    let guess =
        end.map_or(entries.len(), |end| expected(entries.len(), number.saturating_sub(first), end - first));
    let mut index = guess.min(entries.len());
    if index > 0 && !is_in(index - 1) {
        for _ in 0..WALK_MAX {
            index -= 1;
            if index == 0 || is_in(index - 1) {
                return index;
            }
        }
        return entries.get(..index).unwrap_or_default().partition_point(|entry| entry.number <= number);
    }
    for _ in 0..WALK_MAX {
        if !is_in(index) {
            return index;
        }
        index += 1;
    }
    index + entries.get(index..).unwrap_or_default().partition_point(|entry| entry.number <= number)
}

/// The share of `len` that `part` is of `whole`, in 64 bits: a guess need not be exact, and a division of 128 bits is slow.
fn expected(len: usize, part: u128, whole: u128) -> usize {
    let shift = 96_u32.saturating_sub(whole.leading_zeros());
    let small = |bits: u128| u64::try_from(bits >> shift).unwrap_or(u64::MAX);
    let len = u64::try_from(len).unwrap_or(u64::MAX);
    let share = small(part).saturating_mul(len).checked_div(small(whole)).unwrap_or(0);
    usize::try_from(share.saturating_add(1)).unwrap_or(usize::MAX)
}

/// Gives memory back when three quarters are unused, and keeps enough not to do so again soon.
fn shrink<T>(items: &mut Vec<T>) {
    if items.len() < items.capacity() / 4 {
        items.shrink_to(items.len() * 2);
    }
}
