//! What only a cluster has to show: nodes, pods, and objects that are wrong.

use ipam_k8s::ipam::IpamSettings;
use serde_json::json;

use crate::bed::{Account, Bed, POOL};

#[test]
fn who_has_an_address_and_whether_the_pod_lives() {
    let bed = Bed::new();
    bed.pool("v4", "10.6.0.0/24", "10.6.0.10-10.6.0.20", "");
    let uid = bed.pod("web", &[(POOL, r#"{"ipv4":["v4"]}"#)]);
    let agent = bed.agent(IpamSettings::new("spiderpool"));
    bed.block_on(agent.add("web")).unwrap();
    let who = |address: &str| bed.ctl(Account::View, &["ip", "who", address]).done();
    assert_eq!(
        who("10.6.0.10"),
        format!(
            "10.6.0.10 is held by pod shop/web (uid {uid}) (eth0)\n  pool       v4\n  uid        {uid}\n  node       n1\n  \
             endpoint   shop/web\n  pod        alive\n"
        )
    );
    let report = bed.ctl(Account::View, &["ip", "who", "10.6.0.10", "-o", "json"]).json();
    assert_eq!(report["life"], "alive");
    assert_eq!(report["endpoint"], "shop/web");
    assert_eq!(
        report["held"],
        json!({
            "address": "10.6.0.10", "pool": "v4", "nic": "eth0", "node": "n1",
            "owner": {"kind": "pod", "namespace": "shop", "name": "web", "uid": uid}
        })
    );
    // A pod that is gone, and one whose StatefulSet keeps its address.
    bed.stateful_set();
    bed.records(
        "v4",
        &[
            ("10.6.0.11", "shop/db-0", "u0"),
            ("10.6.0.12", "shop/away", "u1"),
            ("10.6.0.10", "shop/web", &uid),
        ],
        3,
    );
    assert!(
        who("10.6.0.11")
            .ends_with("  pod        gone; its StatefulSet or virtual machine keeps the address\n")
    );
    assert!(who("10.6.0.12").ends_with("  pod        gone; `fsck --repair` releases what it had\n"));

    let list = |args: &[&str]| {
        let all = [&["ip", "list", "-o", "json"], args].concat();
        let found = bed.ctl(Account::View, &all).json();
        found
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["address"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(list(&[]), ["10.6.0.10", "10.6.0.11", "10.6.0.12"]);
    assert_eq!(list(&["--node", "n1"]), ["10.6.0.10"]);
    assert_eq!(list(&["--owner", "u1"]), ["10.6.0.12"]);
    assert_eq!(list(&["--namespace", "shop", "--pool", "v4"]).len(), 3);
    assert_eq!(list(&["--namespace", "other"]), Vec::<String>::new());
    let error = bed.ctl(Account::View, &["ip", "list", "--pool", "v5"]).failed(1);
    assert_eq!(error, "error: there is no SpiderIPPool v5 in the cluster, did you mean v4?\n");
}

#[test]
fn a_bad_object_hides_no_other() {
    let bed = Bed::new();
    bed.pool("good", "10.6.0.0/24", "10.6.0.10", "");
    bed.pool("odd", "10.7.0.0/33", "10.7.0.10", "");
    bed.pool("torn", "10.8.0.0/24", "10.8.0.10", "");
    bed.status("torn", "{", 0);
    let shown = bed.ctl(Account::View, &["pool", "show", "-o", "json"]);
    assert!(shown.err.contains("note: SpiderIPPool odd is left out: spec."), "{shown:?}");
    assert!(shown.err.contains("note: SpiderIPPool torn is left out: status.allocatedIPs: "), "{shown:?}");
    let shown = shown.json();
    assert_eq!((shown.as_array().unwrap().len(), &shown[0]["name"]), (1, &json!("good")));
    let error = bed.ctl(Account::View, &["pool", "show", "torn"]).failed(1);
    assert!(error.contains("error: SpiderIPPool torn cannot be shown: status.allocatedIPs: "), "{error}");
    bed.kubectl(["delete", "spiderippools", "--all"]);
    let empty = bed.ctl(Account::View, &["pool", "show"]);
    assert_eq!(empty.err, "note: there are no pools; make some with `kubectl apply -f FILE`\n");
}
