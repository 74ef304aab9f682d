//! The stored chunks in ascending order, as blocks of up to 128 entries.
//!
//! Why not a `BTreeMap`: it leaves its nodes half empty when keys arrive in order, as they do when a store is read at
//! start; a million scattered chunks would then cost about 75 MB in place of 32 to 64. Each block also keeps the sum of
//! what is taken in it, so that counting below an address need not visit every chunk.

use super::chunk::{self, Chunk};

/// Measured with a full /16 and with a million scattered chunks against 256: insertions are quicker, and the list of blocks
/// is still short (500 kB for that million).
const BLOCK_MAX: usize = 128;
/// Neighbours are merged when both together are no more than half a block: far enough from a split.
const MERGE_MAX: usize = BLOCK_MAX / 2;

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
    blocks: Vec<Block>,
}

/// Never empty.
#[derive(Clone, Debug)]
struct Block {
    /// The number of the first entry, kept here to spare searches a jump to the entries.
    first: u128,
    /// The sum over the entries.
    taken: u64,
    /// Ascending by number.
    entries: Vec<Entry>,
}

impl Slots {
    /// The last entry that does not begin after this chunk.
    pub(super) fn floor(&self, number: u128) -> Option<&Entry> {
        let entries = &self.blocks.get(self.block_of(number)?)?.entries;
        entries.get(entries.partition_point(|entry| entry.number <= number).checked_sub(1)?)
    }

    /// The entry that begins at this chunk.
    pub(super) fn exactly(&self, number: u128) -> Option<&Entry> {
        self.floor(number).filter(|entry| entry.number == number)
    }

    /// Changes the entry that begins at this chunk; `None` when there is none.
    pub(super) fn update<R>(&mut self, number: u128, change: impl FnOnce(&mut Slot) -> R) -> Option<R> {
        let at = self.block_of(number)?;
        let block = self.blocks.get_mut(at)?;
        let index = block.entries.binary_search_by_key(&number, |entry| entry.number).ok()?;
        let entry = block.entries.get_mut(index)?;
        let before = entry.taken();
        let result = change(&mut entry.slot);
        block.taken = block.taken - before + entry.taken();
        Some(result)
    }

    /// Adds an entry; none may begin there yet.
    pub(super) fn insert(&mut self, entry: Entry) {
        debug_assert!(self.exactly(entry.number).is_none(), "an entry must not be inserted twice");
        let at = self.block_of(entry.number).unwrap_or(0);
        let Some(block) = self.blocks.get_mut(at) else {
            self.blocks.push(Block::of(vec![entry]));
            return;
        };
        if block.entries.len() < BLOCK_MAX {
            block.insert(entry);
            return;
        }
        let mut upper = Block::of(block.entries.split_off(BLOCK_MAX / 2));
        block.taken -= upper.taken;
        if entry.number < upper.first {
            block.insert(entry);
        } else {
            // The lower half may never get anything again: entries often arrive in order. The upper one fits already.
            block.entries.shrink_to_fit();
            upper.insert(entry);
        }
        self.blocks.insert(at + 1, upper);
    }

    /// Removes the entry that begins at this chunk, if there is one.
    pub(super) fn remove(&mut self, number: u128) {
        let Some(at) = self.block_of(number) else { return };
        let Some(block) = self.blocks.get_mut(at) else { return };
        let Ok(index) = block.entries.binary_search_by_key(&number, |entry| entry.number) else { return };
        block.taken -= block.entries.remove(index).taken();
        match block.entries.first() {
            Some(entry) => block.first = entry.number,
            None => {
                self.blocks.remove(at);
                shrink(&mut self.blocks);
                return;
            }
        }
        shrink(&mut block.entries);
        self.merge(at);
        if let Some(before) = at.checked_sub(1) {
            self.merge(before);
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
        self.blocks.capacity() * size_of::<Block>() + self.blocks.iter().map(of_block).sum::<usize>()
    }

    /// What must hold in the block of this chunk and at its borders.
    pub(super) fn is_sound_around(&self, number: u128) -> bool {
        let at = self.block_of(number).unwrap_or(0);
        let around = || self.blocks.iter().take(at + 2).skip(at.saturating_sub(1));
        let entries = || around().flat_map(|block| &block.entries);
        around().all(Block::is_sound) && entries().zip(entries().skip(1)).all(|(a, b)| a.end() <= b.number)
    }

    fn block_of(&self, number: u128) -> Option<usize> {
        self.blocks.partition_point(|block| block.first <= number).checked_sub(1)
    }

    /// Merges a block with the one after it when both are small.
    fn merge(&mut self, at: usize) {
        let (Some(block), Some(next)) = (self.blocks.get(at), self.blocks.get(at + 1)) else { return };
        if block.entries.len() + next.entries.len() > MERGE_MAX {
            return;
        }
        let next = self.blocks.remove(at + 1);
        if let Some(block) = self.blocks.get_mut(at) {
            block.taken += next.taken;
            block.entries.extend(next.entries);
        }
        shrink(&mut self.blocks);
    }
}

impl Block {
    fn of(entries: Vec<Entry>) -> Self {
        let first = entries.first().map_or(0, |entry| entry.number);
        Self { first, taken: entries.iter().map(Entry::taken).sum(), entries }
    }

    fn insert(&mut self, entry: Entry) {
        self.taken += entry.taken();
        self.first = self.first.min(entry.number);
        let index = self.entries.partition_point(|other| other.number < entry.number);
        self.entries.insert(index, entry);
    }

    fn is_sound(&self) -> bool {
        self.entries.first().is_some_and(|entry| entry.number == self.first)
            && self.entries.len() <= BLOCK_MAX
            && self.taken == self.entries.iter().map(Entry::taken).sum::<u64>()
    }
}

/// Gives memory back when three quarters are unused, and keeps enough not to do so again soon.
fn shrink<T>(items: &mut Vec<T>) {
    if items.len() < items.capacity() / 4 {
        items.shrink_to(items.len() * 2);
    }
}
