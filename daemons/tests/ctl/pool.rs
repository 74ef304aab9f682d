//! `pool show`: counts and maps.

use crate::bed::{Bed, pool, reserved};

#[test]
fn a_slash_30() {
    let bed = Bed::with(&[&pool("v4", "10.6.0.0/30", "10.6.0.1-10.6.0.2", "")]);
    bed.take("net1", "c1", "v4");
    let plain = "\
IPPool v4: 10.6.0.0/30, source apply
  2 addresses: 1 used, 1 free

  10.6.0.0   #.
  a cell is 1 address:   . free   # used
";
    assert_eq!(bed.ctl(&["pool", "show", "v4"]).done(), plain);
    assert_eq!(
        bed.ctl(&["pool", "show", "v4", "--draw", "blocks"]).done(),
        plain.replace("#.", "█·").replace(". free   #", "· free   █")
    );
}

#[test]
fn a_slash_16_with_excluded_and_reserved_addresses() {
    let more = "  gateway: 10.6.0.1\n  excludeIPs: [10.6.8.0-10.6.8.31]\n  disable: false\n";
    let bed = Bed::with(&[
        &pool("v4", "10.6.0.0/16", "10.6.0.10-10.6.255.250", more),
        &reserved("routers", "10.6.0.12-10.6.0.13"),
    ]);
    for id in ["a", "b", "c"] {
        bed.take("net1", id, "v4");
    }
    let map = "\
IPPool v4: 10.6.0.0/16, gateway 10.6.0.1, source apply
  65521 addresses: 3 used, 65484 free, 32 excluded, 2 reserved

  10.6.0.0    -...............................................................
  10.6.8.0    x...............................................................
  10.6.16.0   ................................................................
              (29 more lines like this one)
  a cell is 32 addresses:   . free   - under 1/3 used   # all used   x excluded
";
    let shown = bed.ctl(&["pool", "show"]).done();
    assert_eq!(shown, map);
    assert_eq!(
        bed.ctl(&["pool", "show", "v4", "--range", "10.6.0.0-10.6.0.31"])
            .done()
            .lines()
            .skip(3)
            .collect::<Vec<_>>(),
        [
            "  10.6.0.0            ##rr#.................",
            "  a cell is 1 address:   . free   # used   r reserved"
        ]
    );
    let report = bed.ctl(&["pool", "show", "v4", "-o", "json"]).json();
    let counts =
        ["total", "used", "free", "cooling", "excluded", "reserved"].map(|key| report[key].as_u64().unwrap());
    assert_eq!(counts, [65_521, 3, 65_484, 0, 32, 2]);
    assert_eq!(report["map"]["addressesPerCell"], 32);
    assert_eq!(
        report["map"]["used"],
        serde_json::json!([{ "first": "10.6.0.0", "last": "10.6.0.31", "used": 3 }])
    );
}

#[test]
fn a_v6_slash_64() {
    let bed = Bed::with(&[&pool("v6", "fd00:6::/64", "fd00:6::-fd00:6::ffff:ffff:ffff:ffff", "")]);
    bed.take_at("net1", "c1", "v6", "fd00:6:0:0:c000::1");
    assert_eq!(
        bed.ctl(&["pool", "show", "v6"]).done(),
        "\
IPPool v6: fd00:6::/64, source apply
  2^64 addresses: 1 used, about 2^64 free

  fd00:6::           ................................
                     (23 more lines like this one)
  fd00:6:0:0:c000::  -...............................
  fd00:6:0:0:c800::  ................................
                     (6 more lines like this one)
  a cell is 2^54 addresses:   . free   - under 1/3 used   # all used
"
    );
}

#[test]
fn a_reserved_address_that_is_held_is_counted_once() {
    let bed = Bed::with(&[&pool("v4", "10.6.0.0/24", "10.6.0.10-10.6.0.12", "")]);
    bed.take_at("net1", "c1", "v4", "10.6.0.11");
    bed.apply(&reserved("late", "10.6.0.11-10.6.0.12")).done();
    let shown = bed.ctl(&["pool", "show", "v4"]).done();
    assert!(shown.contains("3 addresses: 1 used, 1 free, 2 reserved\n"), "{shown}");
    assert!(shown.contains(".#r\n"), "{shown}");
}

#[test]
fn wrong_names_and_ranges_are_refused() {
    let bed = Bed::with(&[&pool("v4", "10.6.0.0/24", "10.6.0.10-10.6.0.12", "")]);
    assert_eq!(
        bed.ctl(&["pool", "show", "v6"]).failed(1),
        "error: there is no SpiderIPPool v6 in the store, did you mean v4?\n"
    );
    assert_eq!(
        bed.ctl(&["pool", "show", "v4", "--range", "10.7.0.0-10.7.0.9"]).failed(2),
        "error: --range 10.7.0.0-10.7.0.9 has no address of IPPool v4, want a part of 10.6.0.10-10.6.0.12\n"
    );
    let error = bed.ctl(&["pool", "show", "v4", "--range", "10.6.0.9-10.6.0.1"]).failed(2);
    assert!(error.contains("range 10.6.0.9-10.6.0.1 is reversed; want 10.6.0.1-10.6.0.9"), "{error}");
    let text = pool("none", "10.6.0.0/24", "", "").replace("  ips: [\"\"]\n", "");
    let none = Bed::with(&[&text]).ctl(&["pool", "show"]).done();
    assert_eq!(none, "IPPool none: 10.6.0.0/24, source apply\n  0 addresses: 0 used, 0 free\n");
    let empty = Bed::with(&[&reserved("r", "10.6.0.1")]).ctl(&["pool", "show"]);
    assert_eq!(empty.err, "note: there are no pools; load some with `apply -f FILE`\n");
}
