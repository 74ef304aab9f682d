//! Set algebra and round trips as properties, in small windows at the start, in the middle and at the end of a family.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipam_core::{Addr, Error, Family, IpRange, RangeSet};
use proptest::prelude::*;

use crate::{addr, range};

/// A window of 64 addresses at the start, in the middle or at the end of a family.
#[derive(Clone, Copy, Debug)]
struct Window {
    family: Family,
    base: u128,
}

const WIDTH: u128 = 64;

impl Window {
    fn addr(self, offset: u128) -> Addr {
        Addr::new(self.family, self.base + offset).expect("offsets are below the width")
    }

    fn range(self, (a, b): (u128, u128)) -> IpRange {
        IpRange::new(self.addr(a.min(b)), self.addr(a.max(b))).expect("ordered")
    }

    fn set(self, spans: &[(u128, u128)]) -> RangeSet {
        RangeSet::from_ranges(self.family, spans.iter().map(|&span| self.range(span))).expect("one family")
    }

    /// Members within the window, by walking over it.
    fn members(self, set: &RangeSet) -> BTreeSet<u128> {
        (0..WIDTH).filter(|&offset| set.contains(self.addr(offset))).collect()
    }
}

fn naive(spans: &[(u128, u128)]) -> BTreeSet<u128> {
    spans.iter().flat_map(|&(a, b)| a.min(b)..=a.max(b)).collect()
}

fn window() -> impl Strategy<Value = Window> {
    (prop_oneof![Just(Family::V4), Just(Family::V6)], 0_u8..3).prop_map(|(family, place)| {
        let highest = family.max_bits() - (WIDTH - 1);
        Window { family, base: [0, highest / 2, highest][usize::from(place)] }
    })
}

fn spans() -> impl Strategy<Value = Vec<(u128, u128)>> {
    prop::collection::vec((0..WIDTH, 0_u128..9).prop_map(|(a, len)| (a, (a + len).min(WIDTH - 1))), 0..10)
}

fn any_addr() -> impl Strategy<Value = Addr> {
    prop_oneof![
        any::<u32>().prop_map(|bits| Addr::new(Family::V4, bits.into()).expect("32 bits")),
        any::<u128>().prop_map(|bits| Addr::new(Family::V6, bits).expect("any number")),
        // Zero runs are what RFC 5952 is about.
        (any::<u128>(), any::<u128>())
            .prop_map(|(a, b)| Addr::new(Family::V6, a & b & (b >> 7)).expect("any number")),
    ]
    .prop_filter("mapped text is refused", |addr| !addr.is_ipv4_mapped())
}

proptest! {
    #[test]
    fn texts_and_octets_round_trip(a in any_addr(), b in any_addr()) {
        prop_assert_eq!(addr(&a.to_string()), a);
        prop_assert_eq!(addr(&a.to_string().to_uppercase()), a);
        prop_assert_eq!(Addr::from_octets(&a.octets()), Some(a));
        prop_assert_eq!(Addr::from(IpAddr::from(a)), a);
        match IpRange::new(a, b) {
            Ok(made) => prop_assert_eq!(range(&made.to_string()), made),
            Err(Error::ReversedRange { .. }) => prop_assert!(a > b),
            Err(_) => prop_assert_ne!(a.family(), b.family()),
        }
    }

    #[test]
    fn no_text_panics_and_what_parses_is_canonical_after_printing(text in "[0-9a-fA-F:./% -]{0,24}") {
        if let Ok(parsed) = text.parse::<IpRange>() {
            prop_assert_eq!(range(&parsed.to_string()), parsed);
        }
        if let Ok(parsed) = text.parse::<Addr>() {
            prop_assert!(text.parse::<IpAddr>().is_ok());
            prop_assert_eq!(addr(&parsed.to_string()), parsed);
        }
    }

    #[test]
    fn set_algebra_agrees_with_naive_sets(w in window(), a in spans(), b in spans()) {
        let (left, right, nl, nr) = (w.set(&a), w.set(&b), naive(&a), naive(&b));
        prop_assert_eq!(w.members(&left), nl.clone());
        prop_assert_eq!(left.len(), nl.iter().map(|_| 1).sum::<u128>());
        prop_assert_eq!(w.members(&left.union(&right)), &nl | &nr);
        prop_assert_eq!(w.members(&left.intersection(&right)), &nl & &nr);
        prop_assert_eq!(w.members(&left.difference(&right)), &nl - &nr);
        prop_assert_eq!(left.is_superset(&right), nl.is_superset(&nr));
        prop_assert_eq!(left.overlaps(&right), !nl.is_disjoint(&nr));
        prop_assert_eq!(left == right, nl == nr);
        prop_assert_eq!(left.is_empty(), nl.is_empty());
        let runs: Vec<IpRange> = left.ranges().collect();
        prop_assert!(runs.windows(2).all(|pair| pair[1].first().bits() - pair[0].last().bits() > 1), "{left}");
    }

    #[test]
    fn set_laws_hold(w in window(), a in spans(), b in spans(), c in spans()) {
        let (a, b, c) = (w.set(&a), w.set(&b), w.set(&c));
        prop_assert_eq!(a.complement().complement(), a.clone());
        prop_assert_eq!(a.union(&b).complement(), a.complement().intersection(&b.complement()));
        prop_assert_eq!(a.union(&a.complement()), RangeSet::whole(w.family));
        prop_assert!(!a.overlaps(&a.complement()));
        prop_assert_eq!(a.union(&b), b.union(&a));
        prop_assert_eq!(a.union(&b.union(&c)), a.union(&b).union(&c));
        prop_assert_eq!(a.intersection(&b.union(&c)), a.intersection(&b).union(&a.intersection(&c)));
        prop_assert_eq!(a.difference(&b).union(&a.intersection(&b)), a.clone());
        prop_assert!(a.union(&b).is_superset(&a) && a.is_superset(&a.intersection(&b)));
    }

    #[test]
    fn inserting_and_removing_agree_with_naive_sets(w in window(), steps in prop::collection::vec((any::<bool>(), 0..WIDTH, 0..WIDTH), 0..20)) {
        let (mut set, mut model) = (RangeSet::empty(w.family), BTreeSet::new());
        for (insert, a, b) in steps {
            let wanted = naive(&[(a, b)]);
            if insert {
                set.insert(w.range((a, b)));
                model.extend(wanted);
            } else {
                set.remove(w.range((a, b)));
                model.retain(|offset| !wanted.contains(offset));
            }
            prop_assert_eq!(w.members(&set), model.clone());
            prop_assert_eq!(&RangeSet::from_ranges(w.family, set.ranges()).expect("one family"), &set);
        }
    }

    #[test]
    fn ranks_and_members_are_inverse(w in window(), a in spans()) {
        let (set, model) = (w.set(&a), naive(&a));
        for (index, &offset) in (0_u128..).zip(&model) {
            prop_assert_eq!(set.nth(index), Some(w.addr(offset)));
        }
        prop_assert_eq!(set.nth(set.len()), None);
        for offset in 0..WIDTH {
            prop_assert_eq!(set.rank(w.addr(offset)), model.range(..offset).map(|_| 1).sum::<u128>());
            let next = model.range(offset..).next().map(|&offset| w.addr(offset));
            prop_assert_eq!(set.next_from(w.addr(offset)), next);
        }
        let ends = (set.first(), set.last());
        prop_assert_eq!(ends, (model.first().map(|&o| w.addr(o)), model.last().map(|&o| w.addr(o))));
    }
}
