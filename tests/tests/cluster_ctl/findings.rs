//! `fsck`: each finding, made by writing the real objects.

use ipam_k8s::ipam::IpamSettings;
use serde_json::{Value, json};

use crate::bed::{Account, Bed, POOL};

/// What `fsck` says, with its exit code.
fn findings(bed: &Bed) -> (i32, Vec<Value>) {
    let run = bed.ctl(Account::View, &["fsck", "-o", "json"]);
    assert!(run.code < 2, "{run:?}");
    let report: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(report["isClean"], json!(run.code == 0));
    (run.code, report["findings"].as_array().unwrap().clone())
}

/// The only finding.
#[track_caller]
fn only(bed: &Bed) -> (String, String, String, bool) {
    let (code, found) = findings(bed);
    assert_eq!((code, found.len()), (1, 1), "{found:#?}");
    let text = |key: &str| found[0][key].as_str().unwrap().to_owned();
    assert!(text("problem").starts_with(&format!("{}: {}: ", text("object"), text("field"))));
    (text("object"), text("field"), text("problem"), found[0]["isRepairable"].as_bool().unwrap())
}

#[test]
fn of_pools() {
    let bed = Bed::new();
    bed.pool("v4", "10.6.0.0/24", "10.6.0.10-10.6.0.20", "");
    bed.pod("web", &[(POOL, r#"{"ipv4":["v4"]}"#)]);
    let agent = bed.agent(IpamSettings::new("spiderpool"));
    bed.block_on(agent.add("web")).unwrap();
    assert_eq!(findings(&bed), (0, Vec::new()));
    let record = bed.stored("v4");

    bed.status("v4", &record.to_string(), 7);
    let (object, field, problem, is_repairable) = only(&bed);
    assert_eq!(
        (object.as_str(), field.as_str(), is_repairable),
        ("SpiderIPPool v4", "status.allocatedIPCount", true)
    );
    assert_eq!(problem, "SpiderIPPool v4: status.allocatedIPCount: \"7\": there are 1 records");
    bed.status("v4", &record.to_string(), 1);

    let mut flawed = record.clone();
    flawed["10.6.0.300"] = json!({"pod": "shop/x", "podUid": "u"});
    bed.status("v4", &flawed.to_string(), 2);
    let (_, field, problem, is_repairable) = only(&bed);
    assert_eq!((field.as_str(), is_repairable), ("status.allocatedIPs[10.6.0.300]", false));
    assert!(problem.contains("invalid IP range format"), "{problem}");

    bed.status("v4", "{\"10.6.0.10\":", 1);
    let (code, found) = findings(&bed);
    assert_eq!(
        (code, found.len()),
        (1, 1),
        "what cannot be read says nothing of the endpoint either: {found:#?}"
    );
    assert_eq!(found[0]["field"], "status.allocatedIPs");
    bed.status("v4", &record.to_string(), 1);

    bed.pool("odd", "10.7.0.0/33", "10.7.0.10", "");
    let (object, field, ..) = only(&bed);
    assert_eq!((object.as_str(), field.as_str()), ("SpiderIPPool odd", "spec"));
    bed.kubectl(["delete", "spiderippool", "odd"]);

    bed.reserved("bad", "10.6.0.300");
    let (object, ..) = only(&bed);
    assert_eq!(object, "SpiderReservedIP bad");
    bed.kubectl(["delete", "spiderreservedip", "bad"]);

    bed.pool("v4-b", "10.6.0.0/24", "10.6.0.20-10.6.0.30", "");
    let (_, field, problem, _) = only(&bed);
    assert_eq!(field, "spec.ips");
    assert_eq!(problem, "SpiderIPPool v4: spec.ips: \"10.6.0.20\": SpiderIPPool v4-b has them too");
    bed.kubectl(["delete", "spiderippool", "v4-b"]);
    assert_eq!(findings(&bed).0, 0);
}

#[test]
fn of_records() {
    let bed = Bed::new();
    bed.pool("v4", "10.6.0.0/24", "10.6.0.10-10.6.0.20", "");
    bed.records("v4", &[("10.6.0.10", "shop/gone", "u1")], 1);
    let (_, field, problem, is_repairable) = only(&bed);
    assert_eq!((field.as_str(), is_repairable), ("status.allocatedIPs[10.6.0.10]", true));
    assert_eq!(
        problem,
        "SpiderIPPool v4: status.allocatedIPs[10.6.0.10]: \"pod shop/gone (uid u1)\": the pod is gone"
    );
    let table = bed.ctl(Account::View, &["fsck"]);
    assert_eq!(table.code, 1);
    assert_eq!(
        table.out,
        format!(
            "{problem}: `--repair` releases what the pod had, and deletes its SpiderEndpoint\n1 pools, 1 records: 1 findings\n"
        )
    );

    // The next incarnation of a pod is not the one of the record.
    let uid = bed.pod("gone", &[]);
    let (_, _, problem, _) = only(&bed);
    assert!(problem.ends_with("the pod is gone"), "{problem}");

    bed.records("v4", &[("10.6.0.10", "shop/gone", &uid)], 1);
    let (_, _, problem, is_repairable) = only(&bed);
    assert!(
        problem.ends_with("the pod lives, and its SpiderEndpoint does not name the address"),
        "{problem}"
    );
    assert!(!is_repairable);

    let entry =
        |address: &str| json!([{"interface": "eth0", "ipv4": format!("{address}/24"), "ipv4Pool": "v4"}]);
    bed.records("v4", &[("10.6.0.99", "shop/gone", &uid)], 1);
    bed.endpoint("gone", &uid, &entry("10.6.0.99"));
    let (_, field, problem, is_repairable) = only(&bed);
    assert_eq!((field.as_str(), is_repairable), ("status.allocatedIPs[10.6.0.99]", false));
    assert!(problem.ends_with("the address is not in spec.ips"), "{problem}");

    // Two pools of one subnet, whose ranges do not overlap any more, both have it.
    bed.pool("v4-b", "10.6.0.0/24", "10.6.0.30-10.6.0.40", "");
    bed.records("v4", &[("10.6.0.10", "shop/gone", &uid)], 1);
    bed.records("v4-b", &[("10.6.0.10", "shop/gone", &uid)], 1);
    bed.endpoint("gone", &uid, &entry("10.6.0.10"));
    let (code, found) = findings(&bed);
    let problems: Vec<&str> = found.iter().map(|one| one["problem"].as_str().unwrap()).collect();
    assert_eq!(code, 1);
    assert!(problems.iter().any(|one| one.ends_with("the address has several owners")), "{problems:?}");
    let who = bed.ctl(Account::View, &["ip", "who", "10.6.0.10"]);
    assert_eq!(who.err, "note: 10.6.0.10 has a record in v4-b too; `fsck` says more\n");

    // A StatefulSet keeps the address of a pod that is not there.
    bed.kubectl(["delete", "spiderippool", "v4-b"]);
    bed.stateful_set();
    bed.records(
        "v4",
        &[
            ("10.6.0.10", "shop/gone", &uid),
            ("10.6.0.11", "shop/db-0", "u0"),
            ("10.6.0.12", "shop/db-1", "u1"),
        ],
        3,
    );
    let (_, field, ..) = only(&bed);
    assert_eq!(field, "status.allocatedIPs[10.6.0.12]", "one replica is wanted");
}

#[test]
fn of_endpoints() {
    let bed = Bed::new();
    bed.pool("v4", "10.6.0.0/24", "10.6.0.10-10.6.0.20", "");
    let (a, b) = (bed.pod("a", &[]), bed.pod("b", &[]));
    let entry = |address: &str, pool: &str| json!([{"interface": "eth0", "ipv4": address, "ipv4Pool": pool}]);

    bed.endpoint("a", &a, &entry("10.6.0.10/24", "v4"));
    let (object, field, problem, is_repairable) = only(&bed);
    assert_eq!((object.as_str(), field.as_str()), ("SpiderEndpoint shop/a", "status.current.ips[0].ipv4"));
    assert_eq!(
        problem,
        "SpiderEndpoint shop/a: status.current.ips[0].ipv4: \"10.6.0.10 of v4\": the pod lives, and the pool regards the address as free"
    );
    assert!(is_repairable);

    bed.records("v4", &[("10.6.0.10", "shop/b", &b)], 1);
    bed.endpoint("b", &b, &entry("10.6.0.10/24", "v4"));
    let (code, found) = findings(&bed);
    let problems: Vec<&str> = found.iter().map(|one| one["problem"].as_str().unwrap()).collect();
    assert_eq!((code, problems.len()), (1, 2), "{problems:?}");
    assert!(problems[0].ends_with("the address has several owners"), "{problems:?}");
    assert!(
        problems[1]
            .ends_with(&format!("the pod lives, and the record of the address is that of shop/b (uid {b})")),
        "{problems:?}"
    );
    assert!(found.iter().all(|one| one["isRepairable"] == false));

    // Nobody can say which of the two is to have it.
    bed.records("v4", &[], 0);
    let (_, field, problem, is_repairable) = only(&bed);
    assert_eq!((field.as_str(), is_repairable), ("status.allocatedIPs[10.6.0.10]", false));
    assert!(problem.ends_with("the address has several owners"), "{problem}");
    bed.endpoint("b", &b, &json!([]));

    bed.endpoint("a", &a, &entry("ten", "v4"));
    let (_, field, problem, _) = only(&bed);
    assert_eq!(field, "status.current.ips[0].ipv4");
    assert!(problem.contains("\"ten\": cannot be understood; want IPv4 text"), "{problem}");
    bed.endpoint("a", &a, &json!([{"interface": "eth0", "ipv4": "10.6.0.10/24"}]));
    assert_eq!(only(&bed).1, "status.current.ips[0].ipv4Pool");
    bed.endpoint("a", &a, &entry("10.9.0.10/24", "none"));
    assert!(only(&bed).2.ends_with("the pod lives, and there is no such pool"));

    // What a pod had that is gone is nobody's.
    bed.delete_pod("a");
    assert_eq!(findings(&bed), (0, Vec::new()));
}
