//! What was seen while the original was recorded and must not happen here: one object that takes an agent down or keeps a pod from
//! starting, and an address that two pods believe to have.

use serde_json::{Value, json};

use crate::bed::{
    add, address, addresses, call, del, go_records, of, on, refused, run, text, try_add, until,
};

const STRANGER: &str = "00000000-0000-4000-8000-000000000001";

/// A pod's endpoint as it is stored, with these entries.
fn endpoint(pod: &str, uid: &str, entries: &Value) -> Value {
    json!({
        "apiVersion": "spiderpool.spidernet.io/v2beta1", "kind": "SpiderEndpoint",
        "metadata": {
            "name": pod, "namespace": "t", "finalizers": ["spiderpool.spidernet.io"],
            "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": pod, "uid": uid}]
        },
        "status": {
            "ownerControllerType": "Pod", "ownerControllerName": pod,
            "current": {"uid": uid, "node": "n1", "ips": entries}
        }
    })
}

/// The original panics at the first, ends its process at the second, and fails every request about the third.
#[test]
fn a_damaged_pool_stops_no_other() {
    run(async |bed| {
        let default = json!({"default": true});
        bed.make(json!({
            "apiVersion": "spiderpool.spidernet.io/v2beta1", "kind": "SpiderIPPool", "metadata": {"name": "a-no-version"},
            "spec": {"subnet": "10.6.0.0/16", "ips": ["10.6.0.10-10.6.0.19"], "default": true}
        }))
        .await;
        bed.pool_with("b-no-prefix", "10.7.0.0", &["10.7.0.10-10.7.0.19"], default.clone()).await;
        bed.pool_with("c-no-records", "10.8.0.0/16", &["10.8.0.10-10.8.0.19"], default.clone()).await;
        bed.patch_status("SpiderIPPool", "c-no-records", json!({"allocatedIPs": "{", "allocatedIPCount": 1}))
            .await;
        bed.pool_with("d-record", "10.9.0.0/16", &["10.9.0.10-10.9.0.19"], default.clone()).await;
        let with_prefix = go_records([("10.9.0.10/16", "other/x", STRANGER)]);
        bed.patch_status(
            "SpiderIPPool",
            "d-record",
            json!({"allocatedIPs": with_prefix, "allocatedIPCount": 1}),
        )
        .await;
        bed.pool_with("e-good", "10.10.0.0/16", &["10.10.0.10-10.10.0.19"], default).await;
        let agent = bed.agent(json!({})).await;
        for number in 0..3 {
            let name = format!("pod-{number}");
            let uid = bed.pod_on("n1", &name, json!({})).await;
            let answer = add(&agent, &of(&name, &uid)).await;
            assert_eq!(address(&answer), format!("10.10.0.1{number}/16"));
        }
        // Who names them is told which one it is, again and again by an agent that lives.
        for (pool, words) in [
            ("a-no-version", "nil ippool ipVersion"),
            ("b-no-prefix", "b-no-prefix"),
            ("c-no-records", "unexpected end of JSON input"),
            ("d-record", "10.9.0.10/16"),
        ] {
            let uid = bed.pod(pool, &format!(r#"{{"ipv4":["{pool}"]}}"#)).await;
            for _ in 0..2 {
                let told = refused(&agent, &of(pool, &uid)).await;
                assert!(told.contains(words), "{told}");
            }
        }
        assert_eq!(bed.status("c-no-records").await["allocatedIPs"], "{", "as it was");
        assert_eq!(bed.status("d-record").await["allocatedIPs"], with_prefix.as_str(), "as it was");
    });
}

/// The original hands it out.
#[test]
fn an_address_outside_of_its_subnet_is_never_given() {
    run(async |bed| {
        bed.pool("p4", "10.6.0.0/16", &["10.7.0.10-10.7.0.19"]).await;
        let agent = bed.agent(json!({})).await;
        let uid = bed.pod("pod-1", r#"{"ipv4":["p4"]}"#).await;
        let told = refused(&agent, &of("pod-1", &uid)).await;
        assert!(told.contains("p4") && told.contains("10.7.0.10"), "{told}");
        assert_eq!(bed.records("p4").await.len(), 0);
    });
}

/// The original's handler panics at an entry without a pool. Here the pod has its addresses, at ADD and at DEL.
#[test]
fn an_entry_without_a_pool_is_answered_and_released() {
    run(async |bed| {
        bed.pool("p4", "10.6.0.0/16", &["10.6.0.10-10.6.0.19"]).await;
        let uid = bed.pod("pod-1", r#"{"ipv4":["p4"]}"#).await;
        let records = go_records([("10.6.0.15", "t/pod-1", uid.as_str())]);
        bed.patch_status("SpiderIPPool", "p4", json!({"allocatedIPs": records, "allocatedIPCount": 1})).await;
        bed.make(endpoint("pod-1", &uid, &json!([{"interface": "eth0", "vlan": 0, "ipv4": "10.6.0.15/16"}])))
            .await;
        let agent = bed.agent(json!({})).await;
        let body = of("pod-1", &uid);
        assert_eq!(address(&add(&agent, &body).await), "10.6.0.15/16");
        assert_eq!(bed.status("p4").await["allocatedIPs"], records.as_str());
        bed.delete("Pod", "pod-1").await;
        del(&agent, &body).await;
        assert_eq!(bed.records("p4").await.len(), 0);
        assert!(bed.get("SpiderEndpoint", "pod-1").await.unwrap()["metadata"]["finalizers"].is_null());
    });
}

/// Nobody can tell which address the pod was given; what is recorded for it is its own all the same.
#[test]
fn an_entry_with_an_unreadable_address_wedges_no_pod() {
    run(async |bed| {
        bed.pool("p4", "10.6.0.0/16", &["10.6.0.10-10.6.0.19"]).await;
        let mut records = Vec::new();
        let written = ["nonsense", "10.6.0.300/16", "10.6.0.12"];
        for (number, _) in written.iter().enumerate() {
            let name = format!("pod-{number}");
            records.push((
                format!("10.6.0.1{number}"),
                format!("t/{name}"),
                bed.pod(&name, r#"{"ipv4":["p4"]}"#).await,
            ));
        }
        let stored = go_records(records.iter().map(|(a, p, u)| (a.as_str(), p.as_str(), u.as_str())));
        bed.patch_status("SpiderIPPool", "p4", json!({"allocatedIPs": stored, "allocatedIPCount": 3})).await;
        let agent = bed.agent(json!({})).await;
        for (number, written) in written.into_iter().enumerate() {
            let (address_of, _, uid) = &records[number];
            let name = format!("pod-{number}");
            let entry = json!({"interface": "eth0", "vlan": 0, "ipv4": written, "ipv4Pool": "p4", "cleanGateway": false});
            bed.make(endpoint(&name, uid, &json!([entry]))).await;
            let answer = add(&agent, &of(&name, uid)).await;
            assert_eq!(address(&answer), format!("{address_of}/16"), "{written}");
            let entry =
                bed.get("SpiderEndpoint", &name).await.unwrap()["status"]["current"]["ips"][0].clone();
            assert_eq!(text(&entry, "/ipv4"), format!("{address_of}/16"), "mended");
        }
        assert_eq!(bed.status("p4").await["allocatedIPs"], stored.as_str());
    });
}

/// After an ADD of two NICs that fails the original keeps the first one's address in its memory, and believes that at the next ADD,
/// whoever has it by then.
#[test]
fn after_a_failed_add_one_address_has_one_pod() {
    run(async |bed| {
        bed.pool("p4", "10.6.0.0/16", &["10.6.0.10-10.6.0.12"]).await;
        bed.pool("q4", "10.7.0.0/16", &["10.7.0.10"]).await;
        let taken = go_records([("10.7.0.10", "other/x", STRANGER)]);
        bed.patch_status("SpiderIPPool", "q4", json!({"allocatedIPs": taken, "allocatedIPCount": 1})).await;
        let both = r#"[{"interface":"eth0","ipv4":["p4"]},{"interface":"net1","ipv4":["q4"]}]"#;
        let two = bed.pod_on("n1", "two", json!({"annotations": {"ipam.spidernet.io/ippools": both}})).await;
        let one = bed
            .pod_on("n2", "one", json!({"annotations": {"ipam.spidernet.io/ippool": r#"{"ipv4":["p4"]}"#}}))
            .await;
        let here = bed.agent(json!({})).await;
        let there = bed.agent(json!({"SPIDERPOOL_NODE_NAME": "n2"})).await;
        assert!(refused(&here, &of("two", &two)).await.contains("used out"));
        // An operator takes away what is left of it, as one might; another node's pod gets what is lowest.
        bed.patch_status("SpiderIPPool", "p4", json!({"allocatedIPs": null, "allocatedIPCount": 0})).await;
        assert_eq!(addresses(&add(&there, &of("one", &one)).await), ["eth0 10.6.0.10"]);
        bed.patch_status("SpiderIPPool", "q4", json!({"allocatedIPs": null, "allocatedIPCount": 0})).await;
        // The agent may still believe its last look at q4 for a moment.
        let mut answer = try_add(&here, &of("two", &two)).await;
        until("the second NIC's pool is known to be free", async || {
            if answer.code != 200 {
                answer = try_add(&here, &of("two", &two)).await;
            }
            answer.code == 200
        })
        .await;
        assert_eq!(addresses(&answer.body), ["eth0 10.6.0.11", "net1 10.7.0.10"]);
        let records = bed.records("p4").await;
        assert_eq!(records["10.6.0.10"], "t/one");
        assert_eq!(records["10.6.0.11"], "t/two");
    });
}

/// Its record was removed by hand, or by a collector that was wrong. The original goes on with an address that is free to be given.
#[test]
fn a_stateful_pod_never_runs_on_a_free_address() {
    run(async |bed| {
        bed.pool("p4", "10.6.0.0/16", &["10.6.0.10-10.6.0.19"]).await;
        bed.stateful_set(1).await;
        let first = bed.stateful_pod("n1", "web-0", r#"{"ipv4":["p4"]}"#).await;
        let agent = bed.agent(json!({})).await;
        assert_eq!(address(&add(&agent, &of("web-0", &first)).await), "10.6.0.10/16");
        bed.delete("Pod", "web-0").await;
        bed.patch_status("SpiderIPPool", "p4", json!({"allocatedIPs": null, "allocatedIPCount": 0})).await;
        let second = bed.stateful_pod("n1", "web-0", r#"{"ipv4":["p4"]}"#).await;
        assert_eq!(address(&add(&agent, &of("web-0", &second)).await), "10.6.0.10/16");
        let again = go_records([("10.6.0.10", "t/web-0", second.as_str())]);
        assert_eq!(bed.status("p4").await, json!({"allocatedIPCount": 1, "allocatedIPs": again}));
        // The same while it runs: an agent that has just been started looks before it answers.
        bed.patch_status("SpiderIPPool", "p4", json!({"allocatedIPs": null, "allocatedIPCount": 0})).await;
        drop(agent);
        let agent = bed.agent(json!({})).await;
        assert_eq!(address(&add(&agent, &of("web-0", &second)).await), "10.6.0.10/16");
        assert_eq!(bed.status("p4").await, json!({"allocatedIPCount": 1, "allocatedIPs": again}));
    });
}

/// A pattern that hits nothing, an empty annotation, no item for the NIC, every family off: the original answers 200 with no address.
#[test]
fn no_candidate_is_an_error() {
    run(async |bed| {
        bed.pool("p4", "10.6.0.0/16", &["10.6.0.10-10.6.0.19"]).await;
        bed.pool("p6", "fd00:6::/64", &["fd00:6::10-fd00:6::1f"]).await;
        let agent = bed.agent(json!({"enableIPv6": false})).await;
        for (number, (key, value)) in [
            ("ippool", r#"{"ipv4":["none-*"]}"#),
            ("ippool", "{}"),
            ("ippool", r#"{"ipv6":["p6"]}"#),
            ("ippools", r#"[{"interface":"eth0"}]"#),
            ("subnets", r#"[{"interface":"net1","ipv4":["s4"]}]"#),
        ]
        .into_iter()
        .enumerate()
        {
            let name = format!("pod-{number}");
            let key = format!("ipam.spidernet.io/{key}");
            let uid = bed.pod_on("n1", &name, json!({"annotations": {key: value}})).await;
            let told = refused(&agent, &of(&name, &uid)).await;
            assert!(told.contains("no IPPool available"), "{value}: {told}");
            assert!(bed.get("SpiderEndpoint", &name).await.is_none(), "{value}");
        }
    });
}

/// Of a pod that never started there is no endpoint. What an ADD left all the same, by an agent that was killed between its writes or by
/// one of the original's, goes at the DEL.
#[test]
fn a_del_after_a_failed_add_leaves_no_record() {
    run(async |bed| {
        bed.pool("p4", "10.6.0.0/16", &["10.6.0.10-10.6.0.19"]).await;
        bed.pool("q4", "10.7.0.0/16", &["10.7.0.10"]).await;
        let uid = bed.pod("pod-1", r#"{"ipv4":["p4"]}"#).await;
        let records =
            go_records([("10.6.0.10", "t/pod-1", uid.as_str()), ("10.6.0.11", "other/x", STRANGER)]);
        bed.patch_status("SpiderIPPool", "p4", json!({"allocatedIPs": records, "allocatedIPCount": 2})).await;
        let taken = go_records([("10.7.0.10", "other/x", STRANGER)]);
        bed.patch_status("SpiderIPPool", "q4", json!({"allocatedIPs": taken, "allocatedIPCount": 1})).await;
        let both = r#"[{"interface":"eth0","ipv4":["p4"]},{"interface":"net1","ipv4":["q4"]}]"#;
        let failing =
            bed.pod_on("n1", "pod-2", json!({"annotations": {"ipam.spidernet.io/ippools": both}})).await;
        let agent = bed.agent(json!({})).await;
        assert!(refused(&agent, &of("pod-2", &failing)).await.contains("used out"));
        for (name, uid) in [("pod-1", &uid), ("pod-2", &failing)] {
            bed.delete("Pod", name).await;
            del(&agent, &of(name, uid)).await;
        }
        let rest = go_records([("10.6.0.11", "other/x", STRANGER)]);
        assert_eq!(bed.status("p4").await, json!({"allocatedIPCount": 1, "allocatedIPs": rest}));
        assert_eq!(bed.status("q4").await["allocatedIPs"], taken.as_str());
    });
}

/// When net1's pool is another one by now the original leaves a second record of the pod in eth0's pool at each try, for ever.
#[test]
fn a_changed_nic_of_a_stateful_pod_leaves_one_record_a_nic() {
    run(async |bed| {
        for (pool, net) in [("p4", 6), ("q4", 7), ("r4", 8)] {
            bed.pool(pool, &format!("10.{net}.0.0/16"), &[format!("10.{net}.0.10-10.{net}.0.19").as_str()])
                .await;
        }
        bed.stateful_set(1).await;
        let pod = |net1: &str| {
            let pools =
                format!(r#"[{{"interface":"eth0","ipv4":["p4"]}},{{"interface":"net1","ipv4":["{net1}"]}}]"#);
            let owner = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web", "uid": "${uid:StatefulSet/t/web}", "controller": true});
            json!({"annotations": {"ipam.spidernet.io/ippools": pools}, "ownerReferences": [owner]})
        };
        let agent = bed.agent(json!({})).await;
        let first = bed.pod_on("n1", "web-0", pod("q4")).await;
        assert_eq!(addresses(&add(&agent, &of("web-0", &first)).await), ["eth0 10.6.0.10", "net1 10.7.0.10"]);
        bed.delete("Pod", "web-0").await;
        let second = bed.pod_on("n1", "web-0", pod("r4")).await;
        for nic in ["net1", "eth0", "eth0", "net1"] {
            let answer = add(&agent, &on(nic, of("web-0", &second))).await;
            assert!(addresses(&answer).iter().any(|address| address.starts_with(nic)), "{nic}: {answer}");
        }
        assert_eq!(bed.records("p4").await.into_keys().collect::<Vec<_>>(), ["10.6.0.10"]);
        assert_eq!(bed.records("q4").await.len(), 0);
        assert_eq!(bed.records("r4").await.into_keys().collect::<Vec<_>>(), ["10.8.0.10"]);
    });
}

/// The clean-up after a conflict meets such an entry too, and empties the endpoint before it panics in the original.
#[test]
fn a_clean_up_over_a_damaged_entry_frees_the_record() {
    run(async |bed| {
        bed.pool("p4", "10.6.0.0/16", &["10.6.0.10-10.6.0.19"]).await;
        let uid = bed.pod("pod-1", r#"{"ipv4":["p4"]}"#).await;
        let records = go_records([("10.6.0.15", "t/pod-1", uid.as_str())]);
        bed.patch_status("SpiderIPPool", "p4", json!({"allocatedIPs": records, "allocatedIPCount": 1})).await;
        bed.make(endpoint("pod-1", &uid, &json!([{"interface": "eth0", "vlan": 0, "ipv4": "nonsense"}])))
            .await;
        let agent = bed.agent(json!({})).await;
        let answer = call(&agent, "DELETE", "/v1/ipam/ips", &of("pod-1", &uid)).await;
        assert_eq!((answer.code, answer.body), (200, Value::Null));
        assert_eq!(bed.records("p4").await.len(), 0);
        assert_eq!(address(&add(&agent, &of("pod-1", &uid)).await), "10.6.0.10/16");
    });
}
