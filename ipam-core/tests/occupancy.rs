//! The occupancy of a space against a naive set, at both ends of both families, and what it costs in a vast space.
#![expect(clippy::expect_used, reason = "functions that tests share count as code for clippy")]

use std::collections::BTreeSet;

use ipam_core::{Addr, Family, IpRange, Occupancy, RangeSet, Taken};
use proptest::prelude::*;

fn addr(text: &str) -> Addr {
    text.parse().expect(text)
}

fn space(family: Family, items: &[&str]) -> RangeSet {
    let ranges = items.iter().map(|item| item.parse::<IpRange>().expect(item));
    RangeSet::from_ranges(family, ranges).expect("one family")
}

/// The same questions, answered by walking.
struct Naive {
    members: Vec<Addr>,
    taken: BTreeSet<Addr>,
}

impl Naive {
    fn take(&mut self, addr: Addr) -> Taken {
        if self.members.binary_search(&addr).is_err() {
            Taken::Outside
        } else if self.taken.insert(addr) {
            Taken::Now
        } else {
            Taken::Already
        }
    }

    fn first_free_from(&self, from: Addr) -> Option<Addr> {
        self.members.iter().copied().find(|addr| *addr >= from && !self.taken.contains(addr))
    }
}

fn count<T>(items: impl Iterator<Item = T>) -> u128 {
    items.map(|_| 1).sum()
}

fn agree(ours: &Occupancy, naive: &Naive) {
    assert!(ours.iter_taken().eq(naive.taken.iter().copied()), "taken: {:?}", naive.taken);
    assert_eq!(ours.taken(), count(naive.taken.iter()));
    assert_eq!(ours.taken() + ours.free(), ours.space().len());
    assert_eq!(ours.first_free(), naive.members.first().and_then(|first| naive.first_free_from(*first)));
}

#[derive(Clone, Debug)]
enum Step {
    Take(u16),
    Release(u16),
    /// Runs of neighbours fill and empty chunks, which single addresses hardly do.
    TakeRun(u16, u16),
    ReleaseRun(u16, u16),
    Ask(u16, u16),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        any::<u16>().prop_map(Step::Take),
        any::<u16>().prop_map(Step::Release),
        (any::<u16>(), 0_u16..600).prop_map(|(at, len)| Step::TakeRun(at, len)),
        (any::<u16>(), 0_u16..400).prop_map(|(at, len)| Step::ReleaseRun(at, len)),
        (any::<u16>(), any::<u16>()).prop_map(|(a, b)| Step::Ask(a, b)),
    ];
    prop::collection::vec(step, 1..40)
}

/// A space of up to about a thousand addresses with gaps, at one of the ends of a family.
fn spaces() -> impl Strategy<Value = RangeSet> {
    let family = prop_oneof![Just(Family::V4), Just(Family::V6)];
    let runs = prop::collection::vec((1_u128..400, 0_u128..30), 1..5);
    (family, any::<bool>(), runs).prop_map(|(family, at_end, runs)| {
        let width: u128 = runs.iter().map(|(len, gap)| len + gap).sum();
        let mut at = if at_end { family.max_bits() - (width - 1) } else { 0 };
        let mut space = RangeSet::empty(family);
        for (len, gap) in runs {
            let bound = |bits| Addr::new(family, bits).expect("within the family");
            space.insert(IpRange::new(bound(at + gap), bound(at + gap + (len - 1))).expect("ordered"));
            at = (at + gap).saturating_add(len);
        }
        space
    })
}

proptest! {
    #[test]
    fn agrees_with_a_naive_set(space in spaces(), steps in steps()) {
        let members: Vec<Addr> = space.ranges().flat_map(|range| {
            std::iter::successors(Some(range.first()), |addr| addr.next()).take_while(move |addr| *addr <= range.last())
        }).collect();
        let (mut ours, mut naive) = (Occupancy::new(space), Naive { members, taken: BTreeSet::new() });
        let len = naive.members.len();
        for step in steps {
            let run = |at: u16, count: u16| {
                let start = usize::from(at) % len;
                start..(start + usize::from(count)).min(len)
            };
            match step {
                Step::Take(at) => {
                    let addr = naive.members[usize::from(at) % len];
                    prop_assert_eq!(ours.take(addr), naive.take(addr));
                }
                Step::Release(at) => {
                    let addr = naive.members[usize::from(at) % len];
                    prop_assert_eq!(ours.release(addr), naive.taken.remove(&addr));
                }
                Step::TakeRun(at, count) => for index in run(at, count) {
                    let addr = naive.members[index];
                    prop_assert_eq!(ours.take(addr), naive.take(addr));
                },
                Step::ReleaseRun(at, count) => for index in run(at, count) {
                    let addr = naive.members[index];
                    prop_assert_eq!(ours.release(addr), naive.taken.remove(&addr));
                },
                Step::Ask(a, b) => {
                    // Addresses in gaps and beyond the space are asked for as well.
                    let first = naive.members[0].bits().saturating_sub(3);
                    let at = |by: u16| Addr::new(ours.space().family(), first.saturating_add(u128::from(by) % 1100));
                    let (Some(a), Some(b)) = (at(a), at(b)) else { continue };
                    prop_assert_eq!(ours.first_free_from(a), naive.first_free_from(a));
                    prop_assert_eq!(ours.is_taken(a), naive.taken.contains(&a));
                    let range = IpRange::new(a.min(b), a.max(b)).expect("ordered");
                    prop_assert_eq!(ours.taken_in(range), count(naive.taken.iter().filter(|addr| range.contains(**addr))));
                }
            }
            agree(&ours, &naive);
        }
    }
}

#[test]
fn nothing_outside_is_ever_taken() {
    let mut ours = Occupancy::new(space(Family::V4, &["10.0.0.1-10.0.0.3", "10.0.0.9"]));
    for outside in ["10.0.0.0", "10.0.0.4", "10.0.0.10", "::", "::a00:1"] {
        assert_eq!(ours.take(addr(outside)), Taken::Outside, "{outside}");
        assert!(!ours.is_taken(addr(outside)) && !ours.release(addr(outside)), "{outside}");
    }
    assert_eq!(ours.first_free_from(addr("10.0.0.4")), Some(addr("10.0.0.9")), "a gap is skipped");
    assert_eq!(ours.first_free_from(addr("10.0.0.10")), None, "no wrap");
    assert_eq!(ours.first_free_from(addr("::")), None, "the other family");
    assert_eq!(ours.taken_in(IpRange::whole(Family::V6)), 0);

    let mut empty = Occupancy::new(RangeSet::empty(Family::V6));
    assert_eq!((empty.free(), empty.first_free(), empty.take(addr("::"))), (0, None, Taken::Outside));
}

#[test]
fn whole_families_work_at_their_ends() {
    for family in [Family::V4, Family::V6] {
        let (first, last) = (Addr::first_of(family), Addr::last_of(family));
        let mut ours = Occupancy::new(RangeSet::whole(family));
        assert_eq!(ours.free(), ours.space().len());
        assert_eq!(ours.first_free_from(last), Some(last));
        assert_eq!((ours.take(first), ours.take(last)), (Taken::Now, Taken::Now));
        assert_eq!(ours.first_free(), first.next());
        assert_eq!(ours.first_free_from(last), None);
        assert_eq!(ours.taken_in(IpRange::whole(family)), 2);
        assert_eq!(ours.free(), family.max_bits() - 1);
        // Fill the last chunk, so that a run of full chunks touches the end.
        let mut addr = last;
        for _ in 0..300 {
            addr = addr.prev().expect("far from the start");
            assert_eq!(ours.take(addr), Taken::Now);
        }
        assert_eq!(ours.first_free_from(addr), None);
        assert_eq!(ours.first_free_from(addr.prev().expect("far from the start")), addr.prev());
        assert!(ours.release(last));
        assert_eq!(ours.first_free_from(addr), Some(last));
        assert_eq!(ours.iter_taken().last(), last.prev());
    }
}

#[test]
fn a_full_slash_16_is_stored_as_one_run() {
    let range: IpRange = "10.6.0.0-10.6.255.255".parse().expect("a range");
    let mut ours = Occupancy::new(range.into());
    let order = |index: u32| range.first().bits() + u128::from(index.wrapping_mul(40_503) & 0xffff);
    for index in 0..=0xffff {
        assert_eq!(ours.take(Addr::new(Family::V4, order(index)).expect("in the net")), Taken::Now);
    }
    assert_eq!((ours.taken(), ours.free(), ours.first_free()), (1 << 16, 0, None));
    assert!(ours.heap_bytes() < 4096, "{} bytes", ours.heap_bytes());
    let middle = addr("10.6.128.7");
    assert!(ours.release(middle));
    assert_eq!(ours.first_free(), Some(middle));
    assert_eq!(ours.taken_in(range), 0xffff);
    assert_eq!(ours.take(middle), Taken::Now);
    for index in 0..=0xffff {
        assert!(ours.release(Addr::new(Family::V4, order(index)).expect("in the net")));
    }
    assert_eq!((ours.taken(), ours.first_free()), (0, Some(range.first())));
    assert!(ours.heap_bytes() < 4096, "{} bytes", ours.heap_bytes());
}

/// In a debug build each change is checked in full, hence the smaller number there; the cost a record is the same.
#[test]
fn scattered_records_of_a_slash_64_cost_at_most_20_bytes_each() {
    let records: u32 = if cfg!(debug_assertions) { 20_000 } else { 1_000_000 };
    let range: IpRange = "fd00::-fd00::ffff:ffff:ffff:ffff".parse().expect("a range");
    let step = u128::from(u64::MAX / u64::from(records));
    type Order = fn(u32, u32) -> u32;
    // A place in a table takes 9 bytes, and after it has doubled hardly half of them are used.
    let orders: [(&str, Order); 3] = [
        ("ascending", |index, _| index),
        ("descending", |index, records| records - 1 - index),
        ("scattered", |index, records| {
            u32::try_from(u64::from(index) * 611_953 % u64::from(records)).expect("below")
        }),
    ];
    for (name, order) in orders {
        let mut ours = Occupancy::new(range.into());
        for index in 0..records {
            let bits = range.first().bits() + u128::from(order(index, records)) * step;
            assert_eq!(ours.take(Addr::new(Family::V6, bits).expect("any number")), Taken::Now, "{name}");
        }
        let limit = usize::try_from(records).expect("32 bits") * 20;
        assert!(ours.heap_bytes() <= limit, "{name}: {} bytes for {records} records", ours.heap_bytes());
        assert_eq!(ours.first_free(), range.first().next());
        assert_eq!(ours.taken_in(range), records.into());
    }
}
