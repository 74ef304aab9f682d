//! Lines of range items: what parses prints canonically, refusals are the right ones, and the set laws hold.
#![no_main]

use std::net::IpAddr;

use ipam_core::{Addr, Family, IpRange, Occupancy, RangeSet, Taken};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let mut ranges = Vec::new();
    for item in text.lines() {
        address(item);
        match item.parse::<IpRange>() {
            Ok(range) => {
                assert_eq!(range.to_string().parse(), Ok(range));
                assert!(range.first() <= range.last() && range.len() > 0);
                ranges.push(range);
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
    for family in [Family::V4, Family::V6] {
        let ours: Vec<IpRange> = ranges.iter().copied().filter(|range| range.family() == family).collect();
        sets(family, &ours);
    }
});

/// Ours is the standard library's grammar without IPv4-mapped addresses.
fn address(text: &str) {
    let ours = text.parse::<Addr>();
    match text.parse::<IpAddr>() {
        Ok(IpAddr::V6(ip)) if ip.to_ipv4_mapped().is_some() => assert!(ours.is_err()),
        Ok(ip) => {
            let addr = ours.expect("the standard library accepts it");
            assert_eq!((addr.to_ip(), addr.to_string()), (ip, ip.to_string()));
            assert_eq!(Addr::from_octets(&addr.octets()), Some(addr));
        }
        Err(_) => assert!(ours.is_err()),
    }
}

/// The ranges in halves, so that there are two sets to combine.
fn sets(family: Family, ranges: &[IpRange]) {
    let (left, right) = ranges.split_at(ranges.len() / 2);
    let set = |ranges: &[IpRange]| RangeSet::from_ranges(family, ranges.iter().copied()).expect("one family");
    let (a, b, all) = (set(left), set(right), set(ranges));
    assert_eq!(a.union(&b), all);
    assert_eq!(all.complement(), a.complement().intersection(&b.complement()));
    assert_eq!(all.difference(&b).union(&b), all);
    assert_eq!(a.overlaps(&b), !a.intersection(&b).is_empty());
    assert!(all.is_superset(&a) && a.union(&a.complement()) == RangeSet::whole(family));

    let mut grown = RangeSet::empty(family);
    ranges.iter().for_each(|range| grown.insert(*range));
    assert_eq!(grown, all);
    right.iter().for_each(|range| grown.remove(*range));
    assert_eq!(grown, all.difference(&b));

    if !all.is_empty() {
        let json = serde_json::to_string(&all).expect("a list of texts");
        assert_eq!(serde_json::from_str::<RangeSet>(&json).expect("its own output"), all);
    }
    ends(&all, ranges);
}

/// Bounds are where off-by-one errors live: take them all, and free them again.
fn ends(space: &RangeSet, ranges: &[IpRange]) {
    let mut occupancy = Occupancy::new(space.clone());
    let bounds = || ranges.iter().flat_map(|range| [range.first(), range.last()]);
    for addr in bounds() {
        assert_eq!(space.nth(space.rank(addr)), Some(addr));
        let before = occupancy.is_taken(addr);
        assert_eq!(occupancy.take(addr), if before { Taken::Already } else { Taken::Now });
        assert_ne!(occupancy.first_free_from(addr), Some(addr));
    }
    assert!(occupancy.iter_taken().all(|addr| bounds().any(|bound| bound == addr)));
    for range in ranges {
        assert!(occupancy.taken_in(*range) >= if range.len() == 1 { 1 } else { 2 });
    }
    for addr in bounds() {
        let before = occupancy.is_taken(addr);
        assert_eq!(occupancy.release(addr), before);
        assert_eq!(occupancy.first_free_from(addr), Some(addr));
    }
    assert_eq!(occupancy.taken(), 0);
}
