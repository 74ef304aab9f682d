//! `fsck --repair`: what it puts right, and that it takes nothing from a pod that lives.

use serde_json::{Value, json};

use crate::bed::{Account, Bed};

#[test]
fn what_is_safe_is_put_right() {
    let bed = Bed::new();
    bed.pool("v4", "10.6.0.0/24", "10.6.0.10-10.6.0.20", "");
    bed.pool("v6", "fd00:6::/64", "fd00:6::1-fd00:6::ff", "");
    let uid = bed.pod("lives", &[]);
    let entry = json!([{"interface": "eth0", "ipv4": "10.6.0.11/24", "ipv4Pool": "v4"}]);
    bed.endpoint("lives", &uid, &entry);
    bed.endpoint("gone", "u1", &json!([
        {"interface": "eth0", "ipv4": "10.6.0.10/24", "ipv4Pool": "v4", "ipv6": "fd00:6::1/64", "ipv6Pool": "v6"}
    ]));
    bed.records("v4", &[("10.6.0.10", "shop/gone", "u1"), ("10.6.0.12", "shop/stray", "u2")], 9);
    bed.records("v6", &[("fd00:6::1", "shop/gone", "u1")], 1);

    let looked = bed.ctl(Account::Repair, &["fsck"]);
    assert_eq!((looked.code, looked.out.lines().last().unwrap()), (1, "2 pools, 3 records: 5 findings"));
    let repaired = bed.ctl(Account::Repair, &["fsck", "--repair"]).done();
    assert!(
        repaired.contains(": repaired, releases what the pod had, and deletes its SpiderEndpoint\n"),
        "{repaired}"
    );
    assert!(repaired.contains(": repaired, writes the record back\n"), "{repaired}");
    assert!(repaired.contains(": repaired, counts the records anew\n"), "{repaired}");
    assert!(repaired.ends_with("5 findings, all repaired\n"), "{repaired}");

    assert_eq!(bed.stored("v4"), json!({"10.6.0.11": {"pod": "shop/lives", "podUid": uid}}));
    assert_eq!(bed.stored("v6"), json!({}));
    let count = bed.kubectl(["get", "spiderippool", "v4", "-o", "jsonpath={.status.allocatedIPCount}"]);
    assert_eq!(count, "1");
    let left =
        bed.kubectl(["get", "spiderendpoints", "-n", "shop", "-o", "jsonpath={.items[*].metadata.name}"]);
    assert_eq!(left, "lives");
    assert_eq!(bed.ctl(Account::View, &["fsck"]).done(), "2 pools, 1 records: nothing is wrong\n");
}

#[test]
fn a_count_alone_is_put_right() {
    let bed = Bed::new();
    bed.pool("v4", "10.6.0.0/24", "10.6.0.10-10.6.0.20", "");
    let uid = bed.pod("a", &[]);
    bed.endpoint("a", &uid, &json!([{"interface": "eth0", "ipv4": "10.6.0.10/24", "ipv4Pool": "v4"}]));
    bed.records("v4", &[("10.6.0.10", "shop/a", &uid)], 0);
    let report = bed.ctl(Account::Repair, &["fsck", "--repair", "-o", "json"]).json();
    assert_eq!(report["findings"][0]["isRepaired"], true);
    assert_eq!(report["findings"][0]["value"], "0");
    let count = bed.kubectl(["get", "spiderippool", "v4", "-o", "jsonpath={.status.allocatedIPCount}"]);
    assert_eq!(count, "1");
    assert_eq!(bed.stored("v4"), json!({"10.6.0.10": {"pod": "shop/a", "podUid": uid}}));
}

#[test]
fn nothing_is_taken_from_who_lives() {
    let bed = Bed::new();
    bed.pool("v4", "10.6.0.0/24", "10.6.0.10-10.6.0.20", "");
    let (a, b) = (bed.pod("a", &[]), bed.pod("b", &[]));
    let entry = |address: &str| json!([{"interface": "eth0", "ipv4": address, "ipv4Pool": "v4"}]);
    // Two want one address; a record without an endpoint; one outside; and a StatefulSet's pod that is to come back.
    bed.endpoint("a", &a, &entry("10.6.0.10/24"));
    bed.endpoint("b", &b, &entry("10.6.0.10/24"));
    bed.stateful_set();
    let records = [
        ("10.6.0.10", "shop/b", b.as_str()),
        ("10.6.0.15", "shop/a", a.as_str()),
        ("10.6.0.99", "shop/a", a.as_str()),
        ("10.6.0.16", "shop/db-0", "u0"),
    ];
    bed.records("v4", &records, 4);
    let before = bed.stored("v4");
    let run = bed.ctl(Account::Repair, &["fsck", "--repair", "-o", "json"]);
    assert_eq!(run.code, 1, "findings are left");
    let report: Value = serde_json::from_str(&run.out).unwrap();
    let found = report["findings"].as_array().unwrap();
    assert!(found.len() >= 4 && found.iter().all(|one| one["isRepaired"] == false), "{report:#}");
    assert_eq!(bed.stored("v4"), before);
    let ips = |name: &str| {
        bed.kubectl([
            "get",
            "spiderendpoint",
            name,
            "-n",
            "shop",
            "-o",
            "jsonpath={.status.current.ips[0].ipv4}",
        ])
    };
    assert_eq!((ips("a").as_str(), ips("b").as_str()), ("10.6.0.10/24", "10.6.0.10/24"));
}

#[test]
fn an_address_that_another_pool_has_is_not_written_back() {
    let bed = Bed::new();
    bed.pool("v4", "10.6.0.0/24", "10.6.0.10-10.6.0.20", "");
    bed.pool("v4-b", "10.6.0.0/24", "10.6.0.30-10.6.0.40", "");
    let (a, b) = (bed.pod("a", &[]), bed.pod("b", &[]));
    let entry = |pool: &str| json!([{"interface": "eth0", "ipv4": "10.6.0.10/24", "ipv4Pool": pool}]);
    bed.endpoint("a", &a, &entry("v4"));
    bed.endpoint("b", &b, &entry("v4-b"));
    bed.records("v4-b", &[("10.6.0.10", "shop/b", &b)], 1);
    let run = bed.ctl(Account::Repair, &["fsck", "--repair"]);
    assert_eq!(run.code, 1);
    assert!(
        run.out.contains("not repaired: IPPool v4: 10.6.0.10 belongs to IPPool v4-b of the same subnet"),
        "{run:?}"
    );
    assert_eq!(bed.stored("v4"), json!({}));
}
