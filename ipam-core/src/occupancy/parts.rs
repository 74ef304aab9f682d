//! The chunks that are neither empty nor full, by their number.
//!
//! Why hash tables and not a tree: in a scattered pool a chunk is found by a single cache miss, however many there are, and
//! nothing moves when one comes or goes. What it costs is order, which only counting and listing need; they go over all chunks.
//!
//! A scattered pool mostly has one record in a chunk. Such a chunk is nothing but a position of 8 bytes: a million of
//! them take 19 MiB, as chunks of 24 bytes they took 50.
//!
//! The hash is fixed: a random key would have to come from outside, and this crate has no outside. Whoever can choose
//! the addresses of a pool could slow that pool down, and only that one.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hash, Hasher};

use super::chunk::Chunk;
use super::{join, split};

/// Below this many nothing is given back.
const KEEP: usize = 64;

#[derive(Clone, Debug, Default)]
pub(super) struct Parts {
    /// Chunks with one position taken, where positions fit 64 bits.
    lone: HashSet<Lone, BuildHasherDefault<Mixer>>,
    /// Chunks whose number fits 64 bits. Apart from the others because it costs 8 bytes here and 16 there.
    near: HashMap<u64, Chunk, BuildHasherDefault<Mixer>>,
    far: HashMap<u128, Chunk, BuildHasherDefault<Mixer>>,
}

/// What became of a chunk.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Change {
    /// It is as before.
    None,
    /// Some positions are taken, some are free.
    Part,
    /// It was taken out: nothing is taken in it.
    Empty,
    /// It was taken out: everything is taken in it.
    Full,
}

impl Parts {
    /// Looks at a chunk, if it is here.
    pub(super) fn look<R>(&self, number: u128, look: impl FnOnce(&Chunk) -> R) -> Option<R> {
        if let Some(offset) = self.lone_of(number) {
            return Some(look(&Chunk::only(offset)));
        }
        let chunk = match u64::try_from(number) {
            Ok(number) => self.near.get(&number),
            Err(_) => self.far.get(&number),
        };
        chunk.map(look)
    }

    /// Changes a chunk of `size` positions, if it is here, by a method that says whether it changed anything.
    pub(super) fn change(
        &mut self,
        number: u128,
        size: u16,
        change: impl FnOnce(&mut Chunk) -> bool,
    ) -> Option<Change> {
        if let Some(offset) = self.lone_of(number) {
            let mut chunk = Chunk::only(offset);
            let changed = Change::of(change(&mut chunk), &chunk, size);
            if changed != Change::None {
                self.lone.remove(&Lone::at(number, offset)?);
                self.give_back();
            }
            if changed == Change::Part {
                self.insert(number, chunk);
            }
            return Some(changed);
        }
        let chunk = match u64::try_from(number) {
            Ok(number) => self.near.get_mut(&number),
            Err(_) => self.far.get_mut(&number),
        }?;
        let changed = Change::of(change(chunk), chunk, size);
        let lone = chunk.lone();
        if matches!(changed, Change::Empty | Change::Full) {
            self.remove(number);
        } else if let Some(lone) = lone.and_then(|offset| Lone::at(number, offset)) {
            self.remove(number);
            self.lone.insert(lone);
        }
        Some(changed)
    }

    /// Adds a chunk that is neither empty nor full.
    pub(super) fn insert(&mut self, number: u128, chunk: Chunk) {
        debug_assert!(self.look(number, |_| ()).is_none(), "chunk {number} must not be inserted twice");
        if let Some(lone) = chunk.lone().and_then(|offset| Lone::at(number, offset)) {
            self.lone.insert(lone);
            return;
        }
        match u64::try_from(number) {
            Ok(number) => self.near.insert(number, chunk),
            Err(_) => self.far.insert(number, chunk),
        };
    }

    /// All chunks, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u128, Cow<'_, Chunk>)> {
        let lone = self.lone.iter().map(|Lone(position)| {
            let (number, offset) = split((*position).into());
            (number, Cow::Owned(Chunk::only(offset)))
        });
        let near = self.near.iter().map(|(number, chunk)| (u128::from(*number), Cow::Borrowed(chunk)));
        let far = self.far.iter().map(|(number, chunk)| (*number, Cow::Borrowed(chunk)));
        lone.chain(near).chain(far)
    }

    /// Bytes on the heap: an estimate from what the standard library says of its tables (a byte an entry, an eighth unused).
    pub(super) fn heap_bytes(&self) -> usize {
        let of_table = |capacity: usize, entry: usize| match capacity {
            0 => 0,
            some => some.saturating_mul(8).div_ceil(7).next_power_of_two() * (entry + 1),
        };
        of_table(self.lone.capacity(), size_of::<Lone>())
            + of_table(self.near.capacity(), size_of::<(u64, Chunk)>())
            + of_table(self.far.capacity(), size_of::<(u128, Chunk)>())
            + self.iter().map(|(_, chunk)| chunk.heap_bytes()).sum::<usize>()
    }

    /// What must hold of a chunk of `size` positions.
    pub(super) fn is_sound_at(&self, number: u128, size: u16) -> bool {
        let stored = match u64::try_from(number) {
            Ok(number) => self.near.get(&number),
            Err(_) => self.far.get(&number),
        };
        let lone = self.lone_of(number);
        // Every lone position that fits is stored as one, and no chunk twice.
        stored.is_none_or(|chunk| {
            lone.is_none()
                && chunk.is_sound(size)
                && chunk.lone().and_then(|offset| Lone::at(number, offset)).is_none()
        }) && lone.is_none_or(|offset| Chunk::only(offset).is_sound(size))
    }

    fn lone_of(&self, number: u128) -> Option<u8> {
        let Lone(position) = self.lone.get(&Lone::at(number, 0)?)?;
        Some(split((*position).into()).1)
    }

    fn remove(&mut self, number: u128) {
        match u64::try_from(number) {
            Ok(number) => {
                self.near.remove(&number);
            }
            Err(_) => {
                self.far.remove(&number);
            }
        }
        self.give_back();
    }

    /// Gives memory back where most of it is unused, and keeps enough not to do so again soon.
    fn give_back(&mut self) {
        let spare = |len: usize, capacity: usize| (capacity > KEEP && len < capacity / 8).then_some(len * 2);
        if let Some(keep) = spare(self.lone.len(), self.lone.capacity()) {
            self.lone.shrink_to(keep);
        }
        if let Some(keep) = spare(self.near.len(), self.near.capacity()) {
            self.near.shrink_to(keep);
        }
        if let Some(keep) = spare(self.far.len(), self.far.capacity()) {
            self.far.shrink_to(keep);
        }
    }
}

impl Change {
    fn of(changed: bool, chunk: &Chunk, size: u16) -> Self {
        match chunk.taken() {
            _ if !changed => Self::None,
            0 => Self::Empty,
            taken if taken == size => Self::Full,
            _ => Self::Part,
        }
    }
}

/// The only taken position of a chunk. Equal by the chunk, so that it is found without knowing the position.
#[derive(Clone, Copy, Debug)]
struct Lone(u64);

impl Lone {
    /// `None` when the position does not fit.
    fn at(number: u128, offset: u8) -> Option<Self> {
        u64::try_from(join(number, offset)).ok().map(Self)
    }

    fn chunk(self) -> u128 {
        split(self.0.into()).0
    }
}

impl PartialEq for Lone {
    fn eq(&self, other: &Self) -> bool {
        self.chunk() == other.chunk()
    }
}

impl Eq for Lone {}

impl Hash for Lone {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(u64::try_from(self.chunk()).unwrap_or_default());
    }
}

/// Mixes a number by one wide multiplication.
#[derive(Clone, Copy, Default)]
pub(super) struct Mixer(u64);

impl Hasher for Mixer {
    fn write_u64(&mut self, number: u64) {
        // The fraction of the golden ratio: its bits have no pattern that addresses would follow.
        let product = u128::from(self.0 ^ number) * 0x9e37_79b9_7f4a_7c15;
        let [low, high] = [product, product >> 64].map(|half| half & u128::from(u64::MAX));
        self.0 = u64::try_from(low ^ high).unwrap_or_default();
    }

    fn write_u128(&mut self, number: u128) {
        let [low, high] = [number, number >> 64].map(|half| half & u128::from(u64::MAX));
        self.write_u64(u64::try_from(low).unwrap_or_default());
        self.write_u64(u64::try_from(high).unwrap_or_default());
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64((*byte).into()));
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
