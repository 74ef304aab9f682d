//! Entries that make no sense are told, hold what they may mean, and survive.

use ipam_core::status::{AllocatedIps, Problem};
use ipam_core::{Family, IpRange, RangeSet};

use crate::{addr, pod, read};

fn space() -> RangeSet {
    "10.6.0.1-10.6.0.9".parse::<IpRange>().unwrap().into()
}

fn flaws(ips: &AllocatedIps) -> Vec<String> {
    ips.flaws().map(|flaw| flaw.to_string()).collect()
}

#[test]
fn absent_null_and_empty_are_no_records() {
    for field in [None, Some("null"), Some("{}"), Some(" { } ")] {
        let ips = AllocatedIps::parse(Family::V4, field).unwrap();
        assert_eq!((ips.len(), ips.is_empty(), ips.to_text()), (0, true, None), "{field:?}");
        assert_eq!(ips, AllocatedIps::new(Family::V4));
        let mut document = "[".to_owned();
        assert!(!ips.append_json(&mut document));
        assert_eq!(document, "[");
    }
}

#[test]
fn a_key_of_another_family_holds_nothing_and_stays() {
    let text = r#"{"10.6.0.1":{"pod":"t/a","podUid":"u"},"fd00::1":{"pod":"t/b","podUid":"w"}}"#;
    let mut ips = read(Family::V4, text);
    assert_eq!(
        flaws(&ips),
        [
            "invalid IP range format in IPv4 'fd00::1': the record of \"t/b\" (uid \"w\") in status.allocatedIPs holds no \
          address; want IPv4 text as its key"
        ]
    );
    assert_eq!(ips.occupancy(space()).taken(), 1);
    assert!(ips.release(addr("10.6.0.1"), "u"));
    assert_eq!(ips.to_text().unwrap(), r#"{"fd00::1":{"pod":"t/b","podUid":"w"}}"#);
    assert_eq!(ips.len(), 1, "it counts in allocatedIPCount, as in Go");
}

#[test]
fn keys_that_are_no_address() {
    for key in
        ["", "x", "10.6.0.01", "10.6.0.1/32", "10.6.0.1-10.6.0.3", "10.6.0", "fd00::1%eth0", " 10.6.0.1"]
    {
        let text = format!(r#"{{"{key}":{{"pod":"t/a","podUid":"u"}}}}"#);
        let ips = read(Family::V4, &text);
        assert!(flaws(&ips)[0].starts_with(&format!("invalid IP range format in IPv4 '{key}'")), "{key}");
        assert_eq!(ips.to_text(), Some(text));
        assert_eq!(ips.occupancy(space()).taken(), 0);
    }
}

#[test]
fn an_address_in_another_spelling_is_held_and_keeps_it() {
    let text = r#"{"::ffff:10.6.0.2":{"pod":"t/a","podUid":"u"},"FD00::2":{"pod":"t/b","podUid":"w"}}"#;
    let mut v4 = read(Family::V4, text);
    assert_eq!(v4.occupancy(space()).first_free_from(addr("10.6.0.2")), Some(addr("10.6.0.3")));
    assert_eq!(v4.get(addr("10.6.0.2")).unwrap().key, "::ffff:10.6.0.2", "Go reads this as IPv4");
    v4.set(addr("10.6.0.2"), &pod("c", "x")).unwrap();
    let rewritten = text.replace(r#""t/a","podUid":"u""#, r#""t/c","podUid":"x""#);
    assert_eq!(v4.to_text().unwrap(), rewritten, "the spelling is not ours to change");
    let mut v6 = read(Family::V6, text);
    assert_eq!(v6.get(addr("fd00::2")).unwrap().pod, "t/b");
    assert!(v6.release(addr("fd00::2"), "w"));
    assert_eq!(v6.get(addr("fd00::2")), None);
}

#[test]
fn one_address_under_two_spellings() {
    let text = r#"{"FD00::2":{"pod":"t/b","podUid":"w"},"fd00:0::2":{"pod":"t/c","podUid":"x"},"fd00::2":{"pod":"t/a","podUid":"u"},"fd00::3":{"pod":"t/a","podUid":"u"}}"#;
    let mut ips = read(Family::V6, text);
    let problems: Vec<_> = ips.flaws().map(|flaw| (flaw.ip.key, flaw.problem)).collect();
    let several = || Problem::SeveralRecords { address: addr("fd00::2") };
    assert_eq!(problems, [("FD00::2", several()), ("fd00:0::2", several()), ("fd00::2", several())]);
    assert!(flaws(&ips)[0].ends_with("is one of several of fd00::2; want one, with the key \"fd00::2\""));
    assert_eq!(ips.to_text().as_deref(), Some(text));
    assert_eq!(ips.get(addr("fd00::2")).unwrap().pod, "t/a", "ours comes first");

    assert!(!ips.release(addr("fd00::2"), "nobody"));
    assert!(ips.release(addr("fd00::2"), "x"), "each is released by who holds it");
    assert_eq!(ips.flaws().count(), 2);
    assert!(ips.release(addr("fd00::2"), "u"));
    assert_eq!((ips.flaws().count(), ips.get(addr("fd00::2")).unwrap().pod), (0, "t/b"));

    let mut ips = read(Family::V6, text);
    ips.set(addr("fd00::2"), &pod("d", "y")).unwrap();
    assert_eq!(
        ips.to_text().unwrap(),
        r#"{"fd00::2":{"pod":"t/d","podUid":"y"},"fd00::3":{"pod":"t/a","podUid":"u"}}"#
    );
}

/// Half a surrogate pair is read on another way than everything else.
#[test]
fn odd_spellings_beside_half_a_surrogate_pair() {
    let text = r#"{"FD00::2":{"pod":"t/a","podUid":"u"},"FD00::2":{"pod":"t/b","podUid":"w"},"fd00::1":{"pod":"\ud800"}}"#;
    let mut ips = read(Family::V6, text);
    assert_eq!((ips.len(), ips.get(addr("fd00::2")).unwrap().pod), (2, "t/b"));
    assert!(ips.release(addr("fd00::2"), "w"));
    assert_eq!(ips.to_text().unwrap(), "{\"fd00::1\":{\"pod\":\"\u{fffd}\",\"podUid\":\"\"}}");
}

#[test]
fn a_record_that_names_nobody_holds_its_address() {
    for (record, rewritten, problem) in [
        ("null", r#"{"pod":"","podUid":""}"#, r#""" is not a valid pod; want namespace/name"#),
        (r#"{"podUid":"u"}"#, r#"{"pod":"","podUid":"u"}"#, r#""" is not a valid pod; want namespace/name"#),
        (r#"{"pod":"a","podUid":"u"}"#, "", r#""a" is not a valid pod; want namespace/name"#),
        (r#"{"pod":"t/","podUid":"u"}"#, "", r#""" is not a valid owner name; want 1 to 253 visible ASCII"#),
        (r#"{"pod":"t/a/b","podUid":"u"}"#, "", r#""a/b" is not a valid owner name"#),
        (r#"{"pod":"t/a","podUid":""}"#, "", r#""" is not a valid owner uid"#),
        (r#"{"pod":"t/ä","podUid":"u"}"#, "", r#""ä" is not a valid owner name"#),
    ] {
        let field = |record: &str| format!(r#"{{"10.6.0.1":{record}}}"#);
        let ips = read(Family::V4, &field(record));
        let said = flaws(&ips).concat();
        let wanted = format!(r#"record "10.6.0.1" in status.allocatedIPs names no owner: {problem}"#);
        assert!(said.starts_with(&wanted), "{said}");
        assert_eq!(ips.to_text().unwrap(), field(if rewritten.is_empty() { record } else { rewritten }));
        assert_eq!(ips.occupancy(space()).first_free(), Some(addr("10.6.0.2")));
    }
}

#[test]
fn mistakes_are_told_in_the_words_of_go_with_the_field_and_what_is_wanted() {
    for (text, problem) in [
        ("", "unexpected end of JSON input"),
        (r#"{"10.6.0.1":{"pod":["#, "unexpected end of JSON input"),
        (
            r#"{"10.6.0.1":{"pod":5}}"#,
            "json: cannot unmarshal number into Go struct field PoolIPAllocation.pod of type string",
        ),
        (r#"{"10.6.0.1":[]}"#, "json: cannot unmarshal array into Go value of type v2beta1.PoolIPAllocation"),
    ] {
        let wanted = format!(
            "{problem} (status.allocatedIPs; want a JSON object of records, or no field where nothing is allocated)"
        );
        assert_eq!(AllocatedIps::parse(Family::V4, Some(text)).unwrap_err().to_string(), wanted);
    }
}
