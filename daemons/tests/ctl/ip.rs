//! `ip list`, `who`, `free` and `release`.

use crate::bed::{Bed, pool, reserved};

fn bed() -> Bed {
    Bed::with(&[
        &pool("v4", "10.6.0.0/24", "10.6.0.10-10.6.0.20", "  excludeIPs: [10.6.0.12]\n"),
        &pool("v6", "fd00::/64", "fd00::1-fd00::2", "  disable: true\n"),
        &reserved("routers", "10.6.0.11"),
    ])
}

#[test]
fn held_addresses_are_listed() {
    let bed = bed();
    let nothing = bed.ctl(&["ip", "list"]);
    assert_eq!((nothing.out.as_str(), nothing.err.as_str()), ("", "note: no address is held\n"));
    assert_eq!(bed.ctl(&["ip", "list", "-o", "json"]).json(), serde_json::json!([]));

    bed.take("net1", "c1", "v4");
    bed.take("net2", "c2", "v4");
    bed.take_before_boot("net2", "c3", "v4");
    let table = bed.ctl(&["ip", "list"]).done();
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines[0], "ADDRESS     POOL   NIC    OWNER                          CONFIRMED");
    assert!(
        lines[1].starts_with("10.6.0.10   v4     eth0   container c1 on network net1   0s ago"),
        "{table}"
    );
    assert!(
        lines[3].starts_with("10.6.0.14   v4     eth0   container c3 on network net2   before this boot"),
        "{table}"
    );
    let of_net2 = bed.ctl(&["ip", "list", "--network", "net2", "--pool", "v4", "-o", "json"]).json();
    assert_eq!(of_net2.as_array().unwrap().len(), 2);
    assert_eq!(of_net2[0]["address"], "10.6.0.13");
    assert_eq!(
        of_net2[0]["owner"],
        serde_json::json!({ "kind": "container", "network": "net2", "id": "c2", "uid": "net2/c2" })
    );
    assert_eq!(of_net2[0]["nic"], "eth0");
    assert_eq!(of_net2[1]["confirmed"]["isThisBoot"], false);
    let error = bed.ctl(&["ip", "list", "--pool", "v5"]).failed(1);
    assert_eq!(error, "error: there is no SpiderIPPool v5 in the store, did you mean v4?\n");
}

#[test]
fn who_has_an_address_or_why_nobody() {
    let bed = bed();
    bed.take("net1", "c1", "v4");
    let cases = [
        ("10.6.0.11", "reserved", "is kept by SpiderReservedIP routers and given to nobody"),
        ("10.6.0.12", "excluded", "is taken out of IPPool v4 by its excludeIPs"),
        ("10.6.0.13", "free", "is free in IPPool v4"),
        ("fd00::2", "free", "is free in IPPool v6, which is disabled and gives out nothing"),
        (
            "10.6.0.25",
            "outside",
            "is in no pool; the nearest is v4 with 10.6.0.10-10.6.0.20, 5 away and in its subnet 10.6.0.0/24",
        ),
        (
            "10.5.255.255",
            "outside",
            "is in no pool; the nearest is v4 with 10.6.0.10-10.6.0.20, 11 away and outside of its subnet 10.6.0.0/24",
        ),
    ];
    for (address, state, explanation) in cases {
        assert_eq!(bed.ctl(&["ip", "who", address]).done(), format!("{address} {explanation}\n"));
        let report = bed.ctl(&["ip", "who", address, "-o", "json"]).json();
        assert_eq!(report["state"], state, "{address}");
        assert_eq!(report["explanation"], explanation, "{address}");
    }
    let held = bed.ctl(&["ip", "who", "10.6.0.10"]).done();
    let lines: Vec<&str> = held.lines().collect();
    assert_eq!(lines[0], "10.6.0.10 is held by container c1 on network net1 (eth0)");
    assert_eq!((lines[1], lines[3]), ("  pool       v4", "  uid        net1/c1"));
    bed.apply(&reserved("late", "10.6.0.10")).done();
    let report = bed.ctl(&["ip", "who", "10.6.0.10", "-o", "yaml"]).done();
    assert!(report.contains("once released it is kept by SpiderReservedIP late"), "{report}");
    let empty = Bed::with(&[&pool("v4", "10.6.0.0/24", "10.6.0.10", "")]);
    assert_eq!(
        empty.ctl(&["ip", "who", "fd00::1"]).done(),
        "fd00::1 is in no pool; no pool has IPv6 addresses\n"
    );
    let error = bed.ctl(&["ip", "who", "10.6.0.010"]).failed(2);
    assert!(error.contains("\"10.6.0.010\" is not an IP address"), "{error}");
}

#[test]
fn free_addresses_as_ranges_and_one_by_one() {
    let bed = bed();
    bed.take("net1", "c1", "v4");
    assert_eq!(
        bed.ctl(&["ip", "free"]).done(),
        "\
POOL   FREE                  ADDRESSES
v4     10.6.0.13-10.6.0.20   8
v6     fd00::1-fd00::2       2           pool is disabled
"
    );
    let next = bed.ctl(&["ip", "free", "--pool", "v4", "--count", "2", "-o", "json"]).json();
    assert_eq!(
        next,
        serde_json::json!([{ "pool": "v4", "isDisabled": false, "free": 8, "addresses": ["10.6.0.13", "10.6.0.14"] }])
    );
    bed.ctl(&["ip", "free", "--count", "0"]).failed(2);
}

#[test]
fn a_release_says_who_has_lost_the_address() {
    let bed = bed();
    bed.take("net1", "c1", "v4");
    assert_eq!(
        bed.ctl(&["ip", "release", "10.6.0.10", "--owner", "net1/other"]).failed(1),
        "error: 10.6.0.10 is held by container c1 on network net1 (eth0) (uid \"net1/c1\"), not by \"net1/other\"; nothing was released\n"
    );
    assert_eq!(
        bed.ctl(&["ip", "release", "10.6.0.10", "--owner", "net1/c1"]).done(),
        "10.6.0.10 of IPPool v4 released; container c1 on network net1 (eth0) has lost it\n"
    );
    assert_eq!(
        bed.ctl(&["ip", "release", "10.6.0.10"]).failed(1),
        "error: nobody holds 10.6.0.10, so there is nothing to release; `ip who 10.6.0.10` says more\n"
    );
    bed.take("net1", "c1", "v4");
    let report = bed.ctl(&["ip", "release", "10.6.0.10", "-o", "json"]).json();
    assert_eq!(report["released"][0]["owner"]["id"], "c1");
    bed.ctl(&["fsck"]).done();
}
