//! What is written how: every normalisation and refusal of addresses, ranges and sets, and the ends of both families.

use std::collections::HashSet;
use std::net::IpAddr;

use ipam_core::{Addr, Error, Family, IpRange, RangeSet};
use ipnet::IpNet;

use crate::{addr, range, set};

const V4_LAST: &str = "255.255.255.255";
const V6_LAST: &str = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";

#[test]
fn families_have_numbers_and_bounds() {
    for (family, number, text, prefix, last) in
        [(Family::V4, 4, "IPv4", 32, V4_LAST), (Family::V6, 6, "IPv6", 128, V6_LAST)]
    {
        assert_eq!(family.number(), number);
        assert_eq!(Family::from_number(number.into()), Some(family));
        assert_eq!(family.to_string(), text);
        assert_eq!(family.prefix_max(), prefix);
        assert_eq!(Addr::last_of(family), addr(last));
        assert_eq!(family.max_bits(), addr(last).bits());
    }
    for number in [i64::MIN, -4, 0, 5, 46, i64::MAX] {
        assert_eq!(Family::from_number(number), None, "{number}");
    }
    assert!(Family::V4 < Family::V6);
}

#[test]
fn addresses_normalise() {
    let table = [
        ("10.6.0.5", "10.6.0.5"),
        ("0.0.0.0", "0.0.0.0"),
        (V4_LAST, V4_LAST),
        ("FD00::0001", "fd00::1"),
        ("fd00:0:0:0:0:0:0:1", "fd00::1"),
        ("FD00:172:0016::00aB", "fd00:172:16::ab"),
        ("::", "::"),
        ("0:0:0:0:0:0:0:0", "::"),
        ("::1", "::1"),
        ("1::", "1::"),
        ("1:0:0:2:0:0:0:3", "1:0:0:2::3"),
        ("1:0:0:2:3:0:0:4", "1::2:3:0:0:4"),
        ("1:2:3:4:5:6:7:0", "1:2:3:4:5:6:7:0"),
        ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"),
        ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"),
        // IPv4-compatible prints as hex; an embedded quad is only a way to write 32 bits.
        ("::a00:1", "::a00:1"),
        ("::10.0.0.1", "::a00:1"),
        ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"),
        ("::ffff:0:10.0.0.1", "::ffff:0:a00:1"),
        (V6_LAST, V6_LAST),
    ];
    for (text, want) in table {
        assert_eq!(addr(text).to_string(), want, "{text}");
        assert_eq!(addr(want), addr(text), "{text}");
        assert_eq!(format!("{:?}", addr(text)), want);
    }
}

#[test]
fn refused_addresses_say_why() {
    let table = [
        ("", "it is empty"),
        (" ", "it holds blanks"),
        ("10.0.0.1 ", "it holds blanks"),
        ("\t10.0.0.1", "it holds blanks"),
        ("fd00::1\n", "it holds blanks"),
        ("10.0.0.0/24", "it has a prefix length"),
        ("fd00::/64", "it has a prefix length"),
        ("fe80::1%eth0", "it has a zone"),
        ("::ffff:10.0.0.1", "it is IPv4-mapped, write it as IPv4"),
        ("::FFFF:a00:1", "it is IPv4-mapped, write it as IPv4"),
        ("0:0:0:0:0:ffff:10.0.0.1", "it is IPv4-mapped, write it as IPv4"),
        ("010.0.0.1", "an octet has leading zeros"),
        ("10.0.0.01", "an octet has leading zeros"),
        ("10.0.0.00", "an octet has leading zeros"),
        ("10.0.0.256", "an octet is not a number from 0 to 255"),
        ("10.0.0.1000", "an octet is not a number from 0 to 255"),
        ("10.0..1", "an octet is not a number from 0 to 255"),
        ("10.0.0", "it is neither IPv4 nor IPv6 text"),
        ("10.0.0.0.1", "it is neither IPv4 nor IPv6 text"),
        ("10.0.0.-1", "it is neither IPv4 nor IPv6 text"),
        ("10.0.0.0x1", "it is neither IPv4 nor IPv6 text"),
        ("167772161", "it is neither IPv4 nor IPv6 text"),
        ("abc", "it is neither IPv4 nor IPv6 text"),
        ("１０.0.0.1", "it is neither IPv4 nor IPv6 text"),
        (":", "it is not IPv6 text"),
        (":::", "it is not IPv6 text"),
        ("1::2::3", "it is not IPv6 text"),
        ("1:2:3:4:5:6:7", "it is not IPv6 text"),
        ("1:2:3:4:5:6:7:8:9", "it is not IPv6 text"),
        // `::` stands for at least one group.
        ("1:2:3:4::5:6:7:8", "it is not IPv6 text"),
        ("12345::", "it is not IPv6 text"),
        ("g::", "it is not IPv6 text"),
        ("[::1]", "it is not IPv6 text"),
        ("::10.0.0.01", "it is not IPv6 text"),
        ("10.0.0.1::", "it is not IPv6 text"),
        ("10.0.0.1:80", "it is not IPv6 text"),
    ];
    for (text, problem) in table {
        let want = Error::InvalidAddress { text: text.to_owned(), problem };
        assert_eq!(text.parse::<Addr>(), Err(want), "{text:?}");
    }
}

#[test]
fn stepping_stops_at_the_ends() {
    for (family, first, last) in [(Family::V4, "0.0.0.0", V4_LAST), (Family::V6, "::", V6_LAST)] {
        assert_eq!(Addr::first_of(family).to_string(), first);
        assert_eq!(addr(first).prev(), None);
        assert_eq!(addr(last).next(), None);
        assert_eq!(addr(first).next().and_then(Addr::prev), Some(addr(first)));
        assert_eq!(addr(last).prev().and_then(Addr::next), Some(addr(last)));
    }
    assert_eq!(Addr::new(Family::V4, 1 << 32), None);
    assert_eq!(Addr::new(Family::V6, u128::MAX), Some(addr(V6_LAST)));
    assert!(addr(V4_LAST) < addr("::"), "IPv4 sorts before IPv6");
    assert!(addr("9.0.0.0") < addr("10.0.0.0"), "order is by number, not by text");
}

#[test]
fn octets_and_standard_types_convert() {
    assert_eq!(addr("10.6.0.5").octets(), [10, 6, 0, 5]);
    assert_eq!(addr("::1").octets().len(), 16);
    for octets in [&[][..], &[1, 2, 3], &[0; 5], &[0; 15], &[0; 17]] {
        assert_eq!(Addr::from_octets(octets), None, "{octets:?}");
    }
    let mapped: IpAddr = "::ffff:10.0.0.1".parse().expect("an address for std");
    assert_eq!(Addr::from(mapped), addr("10.0.0.1"), "as Go treats it");
    let by_number = Addr::new(Family::V6, 0xffff_0a00_0001).expect("it fits");
    assert!(by_number.is_ipv4_mapped());
    assert_eq!(by_number.family(), Family::V6);
    assert!(!addr("::a00:1").is_ipv4_mapped() && !addr("10.0.0.1").is_ipv4_mapped());
}

#[test]
fn ranges_normalise() {
    let table = [
        ("10.6.0.5", "10.6.0.5", 1),
        ("10.6.0.5-10.6.0.5", "10.6.0.5", 1),
        ("10.6.0.1-10.6.0.2", "10.6.0.1-10.6.0.2", 2),
        ("10.6.0.1-10.6.0.9", "10.6.0.1-10.6.0.9", 9),
        ("255.255.255.254-255.255.255.255", "255.255.255.254-255.255.255.255", 2),
        ("0.0.0.0-255.255.255.255", "0.0.0.0-255.255.255.255", 1 << 32),
        ("FD00::0001", "fd00::1", 1),
        ("fd00::000A-FD00::00ff", "fd00::a-fd00::ff", 246),
        ("64:ff9b::-64:ff9b::ffff:ffff", "64:ff9b::-64:ff9b::ffff:ffff", 1 << 32),
        (
            "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe",
            "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe",
            u128::MAX,
        ),
        // One more than a u128 holds.
        (
            "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            u128::MAX,
        ),
    ];
    for (text, want, len) in table {
        assert_eq!(range(text).to_string(), want, "{text}");
        assert_eq!(range(text).len(), len, "{text}");
        assert_eq!(format!("{:?}", range(text)), want);
    }
}

#[test]
fn refused_ranges_say_why() {
    let table = [
        ("", "it is empty"),
        ("10.6.0.1 - 10.6.0.9", "it holds blanks"),
        (" 10.6.0.1", "it holds blanks"),
        ("10.6.0.1\u{a0}", "it holds blanks"),
        ("10.6.0.0/28", "it is in CIDR form"),
        ("10.6.0.0/28-10.6.0.9", "it is in CIDR form"),
        ("fd00::/64", "it is in CIDR form"),
        ("10.6.0.1-2-3", "it has more than one '-'"),
        ("10.6.0.1--10.6.0.3", "it has more than one '-'"),
        ("-", "a bound is missing"),
        ("10.6.0.1-", "a bound is missing"),
        ("-10.6.0.1", "a bound is missing"),
        ("abc", "it is neither IPv4 nor IPv6 text"),
        ("10.6.0.1-9", "it is neither IPv4 nor IPv6 text"),
        ("10.6.0.1–10.6.0.9", "it is neither IPv4 nor IPv6 text"),
        ("10.6.0.1-10.6.0.256", "an octet is not a number from 0 to 255"),
        ("10.6.0.01", "an octet has leading zeros"),
        ("fe80::1%eth0", "it has a zone"),
        ("::ffff:10.0.0.1", "it is IPv4-mapped, write it as IPv4"),
        ("10.0.0.1-::ffff:10.0.0.2", "it is IPv4-mapped, write it as IPv4"),
    ];
    for (text, problem) in table {
        let want = Error::InvalidRange { text: text.to_owned(), problem };
        assert_eq!(text.parse::<IpRange>(), Err(want), "{text:?}");
    }
    let reversed = Error::ReversedRange { first: addr("10.6.0.9"), last: addr("10.6.0.1") };
    assert_eq!(reversed.to_string(), "range 10.6.0.9-10.6.0.1 is reversed; want 10.6.0.1-10.6.0.9");
    assert_eq!("10.6.0.9-10.6.0.1".parse::<IpRange>(), Err(reversed));
    for (text, address, wanted) in
        [("10.0.0.1-fd00::1", "fd00::1", Family::V4), ("::-0.0.0.1", "0.0.0.1", Family::V6)]
    {
        assert_eq!(text.parse::<IpRange>(), Err(Error::MixedFamilies { address: addr(address), wanted }));
    }
}

#[test]
fn networks_become_ranges() {
    let table = [
        ("10.6.0.0/16", "10.6.0.0-10.6.255.255"),
        ("10.6.1.2/16", "10.6.0.0-10.6.255.255"),
        ("10.6.1.2/32", "10.6.1.2"),
        ("10.6.1.2/31", "10.6.1.2-10.6.1.3"),
        ("0.0.0.0/0", "0.0.0.0-255.255.255.255"),
        ("fd00::/64", "fd00::-fd00::ffff:ffff:ffff:ffff"),
        ("fd00::1/128", "fd00::1"),
        ("::/0", "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ];
    for (net, want) in table {
        assert_eq!(IpRange::of_net(&net.parse().expect(net)).to_string(), want, "{net}");
    }
    let mapped: IpNet = "::ffff:0:0/96".parse().expect("a network");
    assert_eq!(IpRange::of_net(&mapped).family(), Family::V6);
    assert_eq!(IpRange::whole(Family::V6), IpRange::of_net(&"::/0".parse().expect("a network")));
}

#[test]
fn sets_merge_and_sort() {
    let table: [(Family, &[&str], &str, u128); 9] = [
        (
            Family::V4,
            &["172.18.40.10", "172.18.40.1-172.18.40.3", "172.18.40.2-172.18.40.5"],
            "172.18.40.1-172.18.40.5,172.18.40.10",
            6,
        ),
        (Family::V4, &[], "", 0),
        (Family::V4, &["10.0.0.2", "10.0.0.1"], "10.0.0.1-10.0.0.2", 2),
        (Family::V4, &["10.0.0.1", "10.0.0.1", "10.0.0.1-10.0.0.1"], "10.0.0.1", 1),
        (Family::V4, &["10.0.0.1-10.0.0.9", "10.0.0.3-10.0.0.4"], "10.0.0.1-10.0.0.9", 9),
        (Family::V4, &["9.0.0.0", "10.0.0.0"], "9.0.0.0,10.0.0.0", 2),
        (
            Family::V4,
            &["255.255.255.255", "255.255.255.254", "0.0.0.0"],
            "0.0.0.0,255.255.255.254-255.255.255.255",
            3,
        ),
        (Family::V6, &["fd00::2", "FD00::0001", "fd00::4"], "fd00::1-fd00::2,fd00::4", 3),
        (
            Family::V6,
            &["::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe", V6_LAST],
            &format!("::-{V6_LAST}"),
            u128::MAX,
        ),
    ];
    for (family, items, want, len) in table {
        let set = set(family, items);
        assert_eq!(set.to_string(), want);
        assert_eq!(set.len(), len, "{want}");
        assert_eq!(set.family(), family);
    }
    let mixed = RangeSet::from_ranges(Family::V4, [range("10.0.0.1"), range("fd00::1")]);
    let error = Error::MixedFamilies { address: addr("fd00::1"), wanted: Family::V4 };
    assert_eq!(error.to_string(), "fd00::1 is IPv6; want IPv4");
    assert_eq!(mixed, Err(error));
}

#[test]
fn the_whole_of_a_family_is_a_set_like_others() {
    for (family, last) in [(Family::V4, V4_LAST), (Family::V6, V6_LAST)] {
        let whole = RangeSet::whole(family);
        assert_eq!(whole, RangeSet::from(IpRange::whole(family)));
        assert_eq!(whole.complement(), RangeSet::empty(family));
        assert_eq!(RangeSet::empty(family).complement(), whole);
        assert_eq!((whole.first(), whole.last()), (Some(Addr::first_of(family)), Some(addr(last))));
        assert_eq!(whole.nth(family.max_bits()), Some(addr(last)));
        assert_eq!(whole.rank(addr(last)), family.max_bits());
        assert_eq!(whole.next_from(addr(last)), Some(addr(last)));
        let mut holed = whole.clone();
        holed.remove(IpRange::single(addr(last)));
        assert_eq!(holed.len(), family.max_bits());
        assert_eq!(holed.next_from(addr(last)), None);
        assert_eq!(holed.nth(family.max_bits()), None);
        assert_eq!(holed.complement().to_string(), last);
        holed.insert(IpRange::single(addr(last)));
        assert_eq!(holed, whole);
        holed.insert(IpRange::single(addr(last)));
        assert_eq!(holed, whole);
    }
}

#[test]
fn an_address_of_the_other_family_is_no_member() {
    let set = RangeSet::whole(Family::V4);
    assert!(!set.contains(addr("::")));
    assert_eq!(set.next_from(addr("::")), None);
    assert_eq!(set.rank(addr("::1")), 0);
    assert_ne!(RangeSet::empty(Family::V4), RangeSet::empty(Family::V6));
    assert!(!range("0.0.0.0-255.255.255.255").contains(addr("::1")));
}

#[test]
fn json_is_text() {
    let json = serde_json::to_string(&(
        addr("FD00::1"),
        range("10.0.0.1-10.0.0.1"),
        set(Family::V4, &["10.0.0.2", "10.0.0.1"]),
    ));
    assert_eq!(json.expect("plain values"), r#"["fd00::1","10.0.0.1",["10.0.0.1-10.0.0.2"]]"#);
    assert_eq!(serde_json::from_str::<Addr>(r#""fd00::1""#).expect("an address"), addr("fd00::1"));
    assert_eq!(
        serde_json::from_str::<RangeSet>(r#"["10.0.0.1","10.0.0.2"]"#).expect("a set"),
        set(Family::V4, &["10.0.0.1-10.0.0.2"])
    );
    for (refused, part) in [
        ("[]", "has no family"),
        (r#"["10.0.0.1","::"]"#, ":: is IPv6; want IPv4"),
        (r#"["10.0.0.0/8"]"#, "CIDR"),
    ] {
        let error = serde_json::from_str::<RangeSet>(refused).expect_err(refused).to_string();
        assert!(error.contains(part), "{error}");
    }
    assert!(serde_json::from_str::<IpRange>("7").is_err());
}

#[test]
fn equal_values_have_equal_hashes() {
    let texts = ["fd00::1", "FD00:0::1", "fd00::0001"];
    assert_eq!(texts.map(addr).into_iter().collect::<HashSet<_>>().len(), 1);
    assert_eq!(["10.0.0.1", "10.0.0.1-10.0.0.1"].map(range).into_iter().collect::<HashSet<_>>().len(), 1);
}
