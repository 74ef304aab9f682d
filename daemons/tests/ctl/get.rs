//! `get` and `delete`.

use crate::bed::{Bed, pool, reserved};

fn bed() -> Bed {
    let v4 =
        pool("v4", "10.6.0.0/24", "10.6.0.10-10.6.0.20", "  gateway: 10.6.0.1\n  excludeIPs: [10.6.0.12]\n");
    let labelled = v4.replace("  name: v4\n", "  name: v4\n  labels: {team: \"on\"}\n");
    Bed::with(&[
        &labelled,
        &pool("v6", "fd00::/64", "fd00::1-fd00::ffff:ffff:ffff:ffff", ""),
        &reserved("routers", "10.6.0.11"),
    ])
}

#[test]
fn tables_list_what_is_there() {
    let bed = bed();
    bed.take("net1", "c1", "v4");
    assert_eq!(
        bed.ctl(&["get"]).done(),
        "\
NAME   VERSION   SUBNET        ALLOCATED-IP-COUNT   TOTAL-IP-COUNT   DEFAULT   SOURCE
v4     4         10.6.0.0/24   1                    10               false     apply
v6     6         fd00::/64     0                    about 2^64       false     apply

NAME      VERSION   ADDRESSES   IPS
routers   4         1           10.6.0.11
"
    );
    assert_eq!(
        bed.ctl(&["get", "sr"]).done(),
        "NAME      VERSION   ADDRESSES   IPS\nrouters   4         1           10.6.0.11\n"
    );
    let none = Bed::with(&[&reserved("routers", "10.6.0.11")]).ctl(&["get", "ippools"]);
    assert_eq!(none.err, "note: there are no pools\n");
}

#[test]
fn manifests_come_back_as_they_can_be_applied() {
    let bed = bed();
    assert_eq!(
        bed.ctl(&["get", "ippool", "v4", "-o", "yaml"]).done(),
        "\
apiVersion: spiderpool.spidernet.io/v2beta1
kind: SpiderIPPool
metadata:
  name: v4
  labels:
    team: \"on\"
spec:
  ipVersion: 4
  subnet: 10.6.0.0/24
  ips:
  - 10.6.0.10-10.6.0.20
  excludeIPs:
  - \"10.6.0.12\"
  gateway: \"10.6.0.1\"
  default: false
  disable: false
status:
  allocatedIPCount: 0
  totalIPCount: 10
"
    );
    for format in ["yaml", "json"] {
        let all = bed.ctl(&["get", "-o", format]).done();
        let again = bed.apply(&all).done();
        assert_eq!(again.lines().filter(|line| line.ends_with(" unchanged")).count(), 3, "{format}: {again}");
        let other = Bed::new();
        other.apply(&all).done();
        assert_eq!(other.ctl(&["get", "-o", format]).done(), all);
    }
}

#[test]
fn an_absent_object_is_named_with_what_was_perhaps_meant() {
    let bed = bed();
    let cases = [
        (vec!["get", "ippool", "v5"], "error: there is no SpiderIPPool v5 in the store, did you mean v4?\n"),
        (
            vec!["get", "reservedip", "rooters"],
            "error: there is no SpiderReservedIP rooters in the store, did you mean routers?\n",
        ),
        (vec!["delete", "reservedip", "x"], "error: there is no SpiderReservedIP x in the store\n"),
        (
            vec!["delete", "ippool", "other"],
            "error: there is no SpiderIPPool other in the store, there are: v4, v6\n",
        ),
    ];
    for (args, want) in cases {
        assert_eq!(bed.ctl(&args).failed(1), want);
    }
    assert_eq!(
        bed.ctl(&["delete", "ippool", "V4"]).failed(2).split(';').next().unwrap(),
        "error: \"V4\" is not a valid pool name"
    );
}

#[test]
fn a_pool_in_use_is_deleted_by_force_only() {
    let bed = bed();
    for id in ["c1", "c2"] {
        bed.take("net1", id, "v4");
    }
    assert_eq!(
        bed.ctl(&["delete", "ippool", "v6", "v4"]).failed(1),
        "error: IPPool v4 has 2 addresses in use, nothing was deleted; release them, or use --force, which drops the records of:\
         \n  10.6.0.10 held by container c1 on network net1 (eth0)\n  10.6.0.13 held by container c2 on network net1 (eth0)\n"
    );
    assert!(bed.ctl(&["get", "ippool", "v6"]).done().contains("fd00"), "nothing was deleted");
    assert_eq!(
        bed.ctl(&["delete", "ippool", "v4", "--force"]).done(),
        "spiderippool.spiderpool.spidernet.io \"v4\" deleted\n  10.6.0.10 taken from container c1 on network net1 (eth0)\n  \
         10.6.0.13 taken from container c2 on network net1 (eth0)\n"
    );
    bed.ctl(&["fsck"]).done();
}

#[test]
fn a_file_says_what_is_deleted() {
    let bed = bed();
    let text = format!("{}---\n{}", pool("v6", "whatever", "x", ""), reserved("routers", "y"));
    let file = bed.file("gone.yaml", &text);
    let gone = bed.ctl(&["delete", "-f", &file, "-o", "json"]).json();
    assert_eq!(
        gone,
        serde_json::json!([{ "kind": "SpiderIPPool", "name": "v6" }, { "kind": "SpiderReservedIP", "name": "routers" }])
    );
    let left = bed.ctl(&["get", "-o", "json"]).json();
    assert_eq!(left["items"].as_array().unwrap().len(), 1);
}
