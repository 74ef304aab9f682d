//! The same pools with the same records in a cluster and in the store of a host are shown the same.

use ipam_k8s::ipam::IpamSettings;
use serde_json::{Value, json};

use crate::bed::{Account, Bed, POOL};

/// What only one of the two can know.
fn without(mut value: Value, keys: &[&str]) -> Value {
    match &mut value {
        Value::Object(object) => {
            keys.iter().for_each(|key| drop(object.remove(*key)));
            object.values_mut().for_each(|one| *one = without(one.take(), keys));
        }
        Value::Array(items) => items.iter_mut().for_each(|one| *one = without(one.take(), keys)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    value
}

#[test]
fn a_cluster_and_a_host_with_the_same_pools() {
    let bed = Bed::new();
    bed.pool("v4", "10.6.0.0/24", "10.6.0.10-10.6.0.20", ", excludeIPs: ['10.6.0.12'], gateway: '10.6.0.1'");
    bed.pool("v6", "fd00:6::/64", "fd00:6::1-fd00:6::ff", ", disable: true");
    bed.pool("kept", "10.9.0.0/24", "10.9.0.1-10.9.0.2", "");
    bed.reserved("all-kept", "10.9.0.1-10.9.0.2");
    bed.pool("spare", "10.8.0.0/24", "10.8.0.1-10.8.0.2", "");
    bed.reserved("routers", "10.6.0.11");
    let uids: Vec<(&str, String)> =
        ["a", "b"].into_iter().map(|name| (name, bed.pod(name, &[(POOL, r#"{"ipv4":["v4"]}"#)]))).collect();
    let agent = bed.agent(IpamSettings::new("spiderpool"));
    let records: Vec<Value> = uids
        .iter()
        .map(|(name, uid)| {
            let answer = bed.block_on(agent.add(name)).unwrap();
            let address = answer.ips[0].address.split('/').next().unwrap().to_owned();
            json!({
                "pool": "v4", "address": address, "nic": "eth0",
                "owner": {"kind": "pod", "scope": "shop", "name": name, "uid": uid}
            })
        })
        .collect();

    // The manifests as `get` has them are those of the host's store.
    let store = bed.folder.path().join("ipam.db").to_string_lossy().into_owned();
    let manifests = bed.ctl(Account::View, &["get", "-o", "json"]).done();
    let file = bed.file("pools.json", &manifests);
    bed.run(&["--store", &store, "apply", "-f", &file], &[]).done();
    let mut export = bed.run(&["--store", &store, "export", "-o", "json"], &[]).json();
    export["records"] = json!(records);
    let file = bed.file("all.json", &export.to_string());
    bed.run(&["--store", &store, "import", "-f", &file], &[]).done();

    let own = ["node", "endpoint", "life", "source"];
    let both = |args: &[&str]| {
        let json = [args, &["-o", "json"]].concat();
        let cluster = bed.ctl(Account::View, &json).json();
        let host = bed.run(&[&["--store", &store], json.as_slice()].concat(), &[]).json();
        assert_eq!(without(cluster.clone(), &own), without(host, &own), "{args:?}");
        let cluster_table = bed.ctl(Account::View, args).done();
        let host_table = bed.run(&[&["--store", &store], args].concat(), &[]).done();
        (cluster, cluster_table, host_table)
    };
    for args in [&["pool", "show"][..], &["pool", "show", "v4", "--range", "10.6.0.8-10.6.0.15"]] {
        let (_, cluster, host) = both(args);
        assert_eq!(cluster, host.replace("source apply", "source cluster"), "{args:?}");
        assert!(cluster.contains("11 addresses: 2 used, 7 free, 1 excluded, 1 reserved"), "{cluster}");
    }
    let (list, cluster, host) = both(&["ip", "list"]);
    assert_eq!(cluster, host);
    assert_eq!((&list[0]["address"], &list[0]["node"]), (&json!("10.6.0.10"), &json!("n1")));
    assert_eq!(list[1]["owner"]["name"], "b");
    let (_, cluster, host) = both(&["ip", "free", "--count", "2"]);
    assert_eq!(cluster, host);
    both(&["get"]);
    for address in ["10.6.0.10", "10.6.0.11", "10.6.0.12", "10.6.0.14", "10.6.0.99", "fd00:6::2"] {
        let (who, cluster, host) = both(&["ip", "who", address]);
        assert!(
            cluster.starts_with(&host),
            "a cluster knows more and says the rest in the same words: {who}"
        );
    }

    // What a container or a pod would get of the same pools.
    let v4 = ["--ipv4", "kept,v4,spare"];
    let pod = [&["explain", "shop/new", "--new", "--policy", "lowest", "-o", "json"], &v4[..]].concat();
    let container = [
        &["--store", &store, "explain", "new", "--network", "n", "--policy", "lowest", "-o", "json"],
        &v4[..],
    ]
    .concat();
    let (cluster, host) = (bed.ctl(Account::View, &pod).json(), bed.run(&container, &[]).json());
    assert_eq!(cluster["slots"], host["slots"]);
    assert_eq!(cluster["slots"][0]["address"], "10.6.0.14");
    let findings: Vec<&Value> =
        cluster["slots"][0]["pools"].as_array().unwrap().iter().map(|pool| &pool["finding"]).collect();
    assert_eq!(findings, ["cannot", "gives", "couldGive"]);
    assert_eq!(cluster.get("refusal"), host.get("refusal"));
}
