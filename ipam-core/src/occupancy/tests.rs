//! The inner forms: which fill is stored how, and that each change keeps them sound.

use super::chunk::{Chunk, SIZE};
use super::parts::{Change, Mixer, Parts};
use super::*;
use crate::addr::Family;

fn form(chunk: &Chunk) -> &'static str {
    match chunk {
        Chunk::Few(_) => "few",
        Chunk::Dense(_) => "dense",
        Chunk::Most { .. } => "most",
    }
}

/// Fills a chunk to one below full and empties it to one; returns the fills at which the form changed.
fn changes(size: u16, mut nth: impl FnMut(u16) -> u8) -> Vec<(u16, &'static str)> {
    let mut chunk = Chunk::only(nth(0));
    let mut seen = vec![(1, form(&chunk))];
    let mut note = |chunk: &Chunk| {
        assert!(chunk.is_sound(size), "{size}: {chunk:?}");
        if seen.last().is_some_and(|(_, last)| *last != form(chunk)) {
            seen.push((chunk.taken(), form(chunk)));
        }
    };
    for index in 1..size - 1 {
        assert!(chunk.take(nth(index), size));
        note(&chunk);
        assert!(!chunk.take(nth(index), size));
    }
    for index in (1..size - 1).rev() {
        assert!(chunk.release(nth(index), size));
        note(&chunk);
        assert!(!chunk.release(nth(index), size));
    }
    seen
}

#[test]
fn forms_change_with_hysteresis() {
    let want = [(1, "few"), (14, "dense"), (248, "most"), (242, "dense"), (8, "few")];
    assert_eq!(changes(SIZE, |index| u8::try_from(index).unwrap()), want, "ascending");
    assert_eq!(changes(SIZE, |index| u8::try_from(index * 167 % SIZE).unwrap()), want, "scattered");
    assert_eq!(changes(SIZE, |index| u8::try_from(SIZE - 1 - index).unwrap()), want, "descending");
}

#[test]
fn short_last_chunks_change_too() {
    for size in 2..SIZE {
        let seen = changes(size, |index| u8::try_from(index).unwrap());
        if size <= 14 {
            assert_eq!(seen, [(1, "few")], "{size}");
        } else if size <= 22 {
            assert_eq!(seen, [(1, "few"), (14, "most"), (size - 14, "few")], "{size}");
        }
    }
}

#[test]
fn chunks_search_and_count_in_every_form() {
    for (size, fill) in [1, 5, 13, 14, 100, 200, 243, 250, 255].map(|fill| (SIZE, fill)).into_iter().chain([
        (11, 10),
        (20, 13),
        (20, 19),
        (201, 12),
        (201, 100),
        (201, 195),
    ]) {
        let offset_of = |index: u16| u8::try_from(index * 91 % size).unwrap();
        let mut chunk = Chunk::only(offset_of(0));
        (1..fill).for_each(|index| assert!(chunk.take(offset_of(index), size)));
        let last = u8::try_from(size - 1).unwrap();
        let taken: Vec<bool> =
            (0..=last).map(|offset| (0..fill).any(|index| offset_of(index) == offset)).collect();
        for from in 0..=last {
            let rest = || (from..=last).map(|offset| (offset, taken[usize::from(offset)]));
            assert_eq!(chunk.is_taken(from), taken[usize::from(from)]);
            assert_eq!(
                chunk.first_taken(from, size),
                rest().find(|(_, taken)| *taken).map(|(offset, _)| offset)
            );
            assert_eq!(
                chunk.first_free(from, size),
                rest().find(|(_, taken)| !*taken).map(|(offset, _)| offset)
            );
            let below = taken[..usize::from(from)].iter().filter(|taken| **taken).count();
            assert_eq!(usize::from(chunk.taken_below(from)), below, "{fill} of {size} taken, below {from}");
        }
    }
}

#[test]
fn runs_of_full_chunks_join_and_part() {
    let range: IpRange = "10.0.0.0-10.0.4.9".parse().unwrap();
    let mut ours = Occupancy::new(range.into());
    let entries = |ours: &Occupancy| -> Vec<(u128, Option<u64>)> {
        let parts = ours.parts.iter().map(|(number, _)| (number, None));
        let runs = ours.runs.iter().map(|(start, taken)| (start / 256, Some(taken)));
        let mut entries: Vec<_> = parts.chain(runs).collect();
        entries.sort_unstable();
        entries
    };
    let fill = |ours: &mut Occupancy, number: u128| {
        let size = ours.size_of(number);
        for offset in 0..size {
            let addr =
                Addr::new(Family::V4, range.first().bits() + number * 256 + u128::from(offset)).unwrap();
            assert_eq!(ours.take(addr), Taken::Now);
        }
    };
    fill(&mut ours, 1);
    fill(&mut ours, 3);
    assert_eq!(entries(&ours), [(1, Some(256)), (3, Some(256))]);
    assert!(ours.is_taken("10.0.1.255".parse().unwrap()));
    assert!(!ours.is_taken("10.0.0.255".parse().unwrap()) && !ours.is_taken("10.0.2.0".parse().unwrap()));
    fill(&mut ours, 4);
    assert_eq!(entries(&ours), [(1, Some(256)), (3, Some(266))], "the last chunk is short");
    fill(&mut ours, 2);
    assert_eq!(entries(&ours), [(1, Some(778))], "both sides join");
    fill(&mut ours, 0);
    assert_eq!(entries(&ours), [(0, Some(1034))]);
    assert_eq!(ours.first_free(), None);
    assert!(ours.release("10.0.2.0".parse().unwrap()));
    assert_eq!(entries(&ours), [(0, Some(512)), (2, None), (3, Some(266))]);
    assert!(ours.release("10.0.4.9".parse().unwrap()));
    assert_eq!(entries(&ours), [(0, Some(512)), (2, None), (3, Some(256)), (4, None)]);
    assert!(ours.release("10.0.0.0".parse().unwrap()));
    assert_eq!(entries(&ours), [(0, None), (1, Some(256)), (2, None), (3, Some(256)), (4, None)]);
}

/// Numbers that fit 64 bits and those that don't lie in tables of their own; nothing may show that.
#[test]
fn chunks_come_and_go_on_both_sides_of_64_bits() {
    let orders: [fn(u128) -> u128; 3] = [|index| index, |index| 4999 - index, |index| index * 1871 % 5000];
    let middle = 1_u128 << 64;
    let spreads: [fn(u128) -> u128; 3] = [|index| index, |index| index << 50, |index| (index << 107) | index];
    let fills: [&[u8]; 3] = [&[7], &[7, 9], &[7, 9, 255]];
    for (order, spread, fill) in orders
        .into_iter()
        .flat_map(|order| spreads.into_iter().flat_map(move |spread| fills.map(|fill| (order, spread, fill))))
    {
        let number = |index: u128| (middle - 2500).wrapping_add(spread(order(index)));
        let mut parts = Parts::default();
        for index in 0..5000 {
            assert!(parts.look(number(index), |_| ()).is_none());
            parts.insert(number(index), Chunk::only(7));
            for offset in fill.iter().skip(1) {
                let change = parts.change(number(index), SIZE, |chunk| chunk.take(*offset, SIZE));
                assert_eq!(change, Some(Change::Part));
                assert!(parts.is_sound_at(number(index), SIZE));
            }
        }
        let mut listed: Vec<_> = parts.iter().map(|(number, _)| number).collect();
        let mut want: Vec<_> = (0..5000).map(number).collect();
        listed.sort_unstable();
        want.sort_unstable();
        assert_eq!(listed, want);
        for index in 0..4990 {
            for (freed, offset) in fill.iter().enumerate() {
                assert_eq!(parts.look(number(index), |chunk| chunk.is_taken(*offset)), Some(true));
                let change = parts.change(number(index), SIZE, |chunk| chunk.release(*offset, SIZE));
                let is_last = freed + 1 == fill.len();
                assert_eq!(change, Some(if is_last { Change::Empty } else { Change::Part }));
                assert!(parts.is_sound_at(number(index), SIZE));
            }
            assert!(parts.look(number(index), |_| ()).is_none());
        }
        assert_eq!(parts.iter().count(), 10);
        assert!(parts.heap_bytes() <= 8_000, "{} bytes are still held for 10 chunks", parts.heap_bytes());
    }
}

/// A poor hash makes searches slow, not wrong: nothing else would notice. Of 4096 numbers spread over as many places by
/// chance, about 7 share the fullest one, and the upper seven bits tell places apart.
#[test]
fn numbers_are_mixed_in_every_spread() {
    use std::hash::{BuildHasher, BuildHasherDefault};
    let hasher = BuildHasherDefault::<Mixer>::default();
    for width in [0, 1, 8, 16, 24, 32, 40, 52] {
        let mut places = vec![0; 4096];
        let mut tags = vec![0; 128];
        for index in 0..4096_u64 {
            let hash = hasher.hash_one(index << width);
            places[usize::try_from(hash % 4096).unwrap()] += 1;
            tags[usize::try_from(hash >> 57).unwrap()] += 1;
        }
        assert!(places.iter().all(|held| *held <= 16), "steps of 2^{width}: {:?}", places.iter().max());
        assert!(tags.iter().all(|held| *held <= 128), "steps of 2^{width}: {:?}", tags.iter().max());
    }
}
