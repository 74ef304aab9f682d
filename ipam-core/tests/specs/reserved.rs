//! Reserved ranges.

use super::*;

/// What the case shows, `ipVersion`, `ips`, the fields with faults.
type Row<'a> = (&'a str, Option<i64>, &'a [&'a str], &'a [&'a str]);

#[test]
fn reserved_ranges_are_read_strictly() {
    let reserved = |version: Option<i64>, ips: &[&str]| {
        let fields = ReservedFields { ip_version: version, ips: texts(ips) };
        reserved_create(&"r".parse().unwrap(), &fields, FamilySettings::default())
    };
    assert_eq!(reserved(None, &["FD00::3", "fd00::2"]).unwrap().fields().ips, ["fd00::2-fd00::3"]);
    assert!(reserved(Some(4), &[]).unwrap().ranges().is_empty());
    let table: [Row<'_>; 6] = [
        ("nothing", None, &[], &["spec.ipVersion"]),
        ("first bad", None, &["bad"], &["spec.ipVersion", "spec.ips[0]"]),
        ("two bad", Some(4), &["10.0.0.1", "bad", "fd00::1"], &["spec.ips[1]", "spec.ips[2]"]),
        ("reversed", Some(4), &["10.0.0.9-10.0.0.1"], &["spec.ips[0]"]),
        ("CIDR", Some(4), &["10.0.0.0/24"], &["spec.ips[0]"]),
        ("mapped", None, &["::ffff:10.0.0.1"], &["spec.ipVersion", "spec.ips[0]"]),
    ];
    for (case, version, ips, want) in table {
        assert_eq!(places(reserved(version, ips).unwrap_err().faults()), want, "{case}");
    }
    let old = ReservedFields { ip_version: Some(4), ips: texts(&["10.0.0.1"]) };
    let new = ReservedFields { ip_version: None, ips: texts(&["fd00::1"]) };
    let refusal = reserved_update(&"r".parse().unwrap(), &old, &new, FamilySettings::default()).unwrap_err();
    assert_eq!(places(refusal.faults()), ["spec.ipVersion"]);
}
