//! What is told of objects that contradict each other. Real objects are in `tests/tests/cluster_ctl/findings.rs`.

use serde_json::{Value, json};

use super::*;
use crate::workload::Pod;

/// A look at pools (name, ips, records, count), endpoints (name, uid, address of `v4`) and pods (name, uid, phase).
fn seen(
    pools: &[(&str, &str, Value, i64)],
    endpoints: &[(&str, &str, &str)],
    pods: &[(&str, &str, &str)],
) -> Seen {
    let pool = |(name, ips, records, count): &(&str, &str, Value, i64)| {
        let object = json!({
            "metadata": {"name": name},
            "spec": {"ipVersion": 4, "subnet": "10.6.0.0/24", "ips": [ips]},
            "status": {"allocatedIPs": records.to_string(), "allocatedIPCount": count}
        });
        crate::snapshot::tests::pool(object)
    };
    let endpoint = |(name, uid, address): &(&str, &str, &str)| {
        let object = json!({
            "metadata": {"namespace": "t", "name": name},
            "status": {"ownerControllerType": "Pod", "current": {"uid": uid, "node": "n1", "ips": [
                {"interface": "eth0", "ipv4": format!("{address}/24"), "ipv4Pool": "v4"}
            ]}}
        });
        (("t".to_owned(), (*name).to_owned()), crate::snapshot::tests::endpoint(object))
    };
    let mut known = Pods::default();
    for (name, uid, phase) in pods {
        let object = json!({
            "metadata": {"namespace": "t", "name": name, "uid": uid},
            "spec": {"restartPolicy": "Never"}, "status": {"phase": phase}
        });
        known.insert(&serde_json::from_value::<Pod>(object).unwrap());
    }
    Seen {
        pools: pools.iter().map(pool).collect(),
        reserved: Vec::new(),
        endpoints: endpoints.iter().map(endpoint).collect(),
        pods: known,
    }
}

fn told(seen: &Seen, kept: &[&str]) -> Vec<String> {
    let kept = kept.iter().map(|name| ("t".to_owned(), (*name).to_owned())).collect();
    seen.problems(&kept).iter().map(|problem| format!("{} {}", problem.field(), problem.remedy())).collect()
}

fn record(pod: &str, uid: &str) -> Value {
    json!({"pod": format!("t/{pod}"), "podUid": uid})
}

#[test]
fn what_agrees_is_not_told() {
    let records = json!({"10.6.0.10": record("a", "u1"), "10.6.0.11": record("done", "u2")});
    let found = seen(
        &[("v4", "10.6.0.10-10.6.0.20", records, 2)],
        &[("a", "u1", "10.6.0.10")],
        // One that has ended keeps its record until its DEL, and needs no endpoint.
        &[("a", "u1", "Running"), ("done", "u2", "Succeeded")],
    );
    assert_eq!(told(&found, &[]), Vec::<String>::new());
}

#[test]
fn a_record_is_held_against_the_uid_of_its_pod() {
    let records = json!({"10.6.0.10": record("a", "u1"), "10.6.0.11": record("db-0", "u2"), "10.6.0.12": record("vm", "u3")});
    let found = seen(
        &[("v4", "10.6.0.10-10.6.0.20", records, 3)],
        &[("vm", "u3", "10.6.0.12")],
        // Of the same name, and another; the pod that runs a virtual machine has a name of its own.
        &[("a", "u9", "Running"), ("virt-launcher-vm", "u3", "Running")],
    );
    let gone = "releases what the pod had, and deletes its SpiderEndpoint";
    assert_eq!(told(&found, &["db-0"]), [format!("status.allocatedIPs[10.6.0.10] {gone}")]);
    assert_eq!(
        found.absent().into_iter().map(|(_, name)| name).collect::<Vec<_>>(),
        ["a", "db-0"],
        "whose workloads are asked"
    );
}

#[test]
fn an_address_that_several_use_is_written_back_for_none() {
    let found = seen(
        &[("v4", "10.6.0.10-10.6.0.20", json!({}), 0)],
        &[("a", "u1", "10.6.0.10"), ("b", "u2", "10.6.0.10"), ("gone", "u3", "10.6.0.11")],
        &[("a", "u1", "Running"), ("b", "u2", "Running")],
    );
    assert_eq!(
        told(&found, &[]),
        ["status.allocatedIPs[10.6.0.10] delete one of the pods, it gets another address"]
    );
    assert!(found.problems(&BTreeSet::new()).iter().all(|problem| !problem.is_repairable()));
}

#[test]
fn a_count_that_moved_between_two_looks_is_still_wrong() {
    let one = Problem::Count { pool: "v4".parse().unwrap(), stored: 1, counted: 2 };
    let other = Problem::Count { pool: "v4".parse().unwrap(), stored: 2, counted: 3 };
    assert!(one.is_same(&other));
    let gone = |uid: &str| Problem::PodGone {
        pool: "v4".parse().unwrap(),
        address: "10.6.0.10".parse().unwrap(),
        owner: Owner::pod("t", "a", uid).unwrap(),
    };
    assert!(gone("u1").is_same(&gone("u1")));
    assert!(!gone("u1").is_same(&gone("u2")));
    assert!(!one.is_same(&gone("u1")));
}
