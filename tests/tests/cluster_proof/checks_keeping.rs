//! Checks of the chapter on allocation and release, by number: taking addresses, keeping them, giving them back (31 to 57).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};
use spiderpool_tests::control_plane::ControlPlane;

use crate::bed::{
    Bed, WITHIN, add, address, addresses, call, del, go_records, of, on, refused, run, text, try_add, until,
};

const STRANGER: &str = "00000000-0000-4000-8000-000000000001";

/// 50 pods of two nodes at once, for each of which an ADD that fails is repeated as a kubelet does.
#[test]
fn check_33_two_agents_share_out_a_pool() {
    run(async |bed| {
        bed.pool("p4", "10.6.0.0/16", &["10.6.0.10-10.6.0.59"]).await;
        let (mut pods, annotation) = (Vec::new(), json!({"ipam.spidernet.io/ippool": r#"{"ipv4":["p4"]}"#}));
        for number in 0..50 {
            let (node, name) = (["n1", "n2"][number % 2], format!("pod-{number}"));
            let uid = bed.pod_on(node, &name, json!({"annotations": annotation})).await;
            pods.push((number % 2, name, uid));
        }
        let agents = [
            Arc::new(bed.agent(json!({})).await),
            Arc::new(bed.agent(json!({"SPIDERPOOL_NODE_NAME": "n2"})).await),
        ];
        let adding: Vec<_> = pods
            .into_iter()
            .map(|(agent, name, uid)| {
                let agent = Arc::clone(&agents[agent]);
                tokio::spawn(async move {
                    let (body, end) = (of(&name, &uid), Instant::now() + WITHIN);
                    let answer = loop {
                        let tried = try_add(&agent, &body).await;
                        if tried.code == 200 {
                            break tried.body;
                        }
                        assert!(Instant::now() < end, "{}", tried.body);
                    };
                    (address(&answer).strip_suffix("/16").unwrap().to_owned(), format!("t/{name}"))
                })
            })
            .collect();
        let mut given = Vec::new();
        for one in adding {
            given.push(one.await.unwrap());
        }
        let distinct: BTreeSet<&str> = given.iter().map(|(address, _)| address.as_str()).collect();
        assert_eq!(distinct.len(), 50);
        assert_eq!(bed.records("p4").await, given.into_iter().collect());
        assert_eq!(bed.status("p4").await["allocatedIPCount"], 50);
    });
}

/// Mended: a request that fails keeps nothing, so that it is not even one.
#[test]
fn check_36_a_request_that_fails_twenty_times_keeps_at_most_one_record() {
    run(async |bed| {
        bed.pool("p4", "10.6.0.0/16", &["10.6.0.10-10.6.0.19"]).await;
        bed.pool("q4", "10.7.0.0/16", &["10.7.0.10"]).await;
        let taken = go_records([("10.7.0.10", "other/x", STRANGER)]);
        let status = json!({"allocatedIPs": taken, "allocatedIPCount": 1});
        bed.patch_status("SpiderIPPool", "q4", status).await;
        let pools = r#"[{"interface":"eth0","ipv4":["p4"]},{"interface":"net1","ipv4":["q4"]}]"#;
        let more = json!({"annotations": {"ipam.spidernet.io/ippools": pools}});
        let uid = bed.pod_on("n1", "pod-1", more).await;
        let agent = bed.agent(json!({})).await;
        for _ in 0..20 {
            let told = refused(&agent, &of("pod-1", &uid)).await;
            assert!(told.contains("to NIC net1 from IPPools [q4]: all IP addresses used out"), "{told}");
            assert!(bed.records("p4").await.len() <= 1);
        }
        assert!(bed.get("SpiderEndpoint", "pod-1").await.is_none());
    });
}

#[test]
fn check_39_a_wrong_count_is_right_after_an_add_and_after_a_del() {
    run(async |bed| {
        bed.pool("p4", "10.6.0.0/16", &["10.6.0.10-10.6.0.19"]).await;
        let uid = bed.pod("pod-1", r#"{"ipv4":["p4"]}"#).await;
        let other = [("10.6.0.15", "other/x", STRANGER)];
        let wrong = json!({"allocatedIPs": go_records(other), "allocatedIPCount": 7});
        bed.patch_status("SpiderIPPool", "p4", wrong).await;
        let agent = bed.agent(json!({})).await;
        add(&agent, &of("pod-1", &uid)).await;
        assert_eq!(bed.status("p4").await["allocatedIPCount"], 2);
        bed.patch_status("SpiderIPPool", "p4", json!({"allocatedIPCount": 9})).await;
        bed.delete("Pod", "pod-1").await;
        del(&agent, &of("pod-1", &uid)).await;
        let right = json!({"allocatedIPs": go_records(other), "allocatedIPCount": 1});
        assert_eq!(bed.status("p4").await, right);
    });
}

/// An answer within the time of any other request is the proof: 2^63 addresses are excluded.
#[test]
fn check_40_half_of_a_64_is_excluded() {
    run(async |bed| {
        let excluded = json!({"excludeIPs": ["fd00:6::-fd00:6::7fff:ffff:ffff:ffff"]});
        let whole = "fd00:6::-fd00:6::ffff:ffff:ffff:ffff";
        bed.pool_with("p6", "fd00:6::/64", &[whole], excluded).await;
        let held = ["fd00:6::8000:0:0:0", "fd00:6::8000:0:0:1", "fd00:6::ffff:ffff:ffff:ffff"];
        let held = go_records(held.map(|address| (address, "other/x", STRANGER)));
        let status = json!({"allocatedIPs": held, "allocatedIPCount": 3});
        bed.patch_status("SpiderIPPool", "p6", status).await;
        let uid = bed.pod("pod-1", r#"{"ipv6":["p6"]}"#).await;
        let agent = bed.agent(json!({})).await;
        assert_eq!(address(&add(&agent, &of("pod-1", &uid)).await), "fd00:6::8000:0:0:2/64");
        assert_eq!(bed.status("p6").await["allocatedIPCount"], 4);
    });
}

#[test]
fn check_48_without_the_switch_a_stateful_pod_is_as_any_other() {
    run(async |bed| {
        bed.pool("p4", "10.6.0.0/16", &["10.6.0.10-10.6.0.19"]).await;
        bed.stateful_set(1).await;
        let first = bed.stateful_pod("n1", "web-0", r#"{"ipv4":["p4"]}"#).await;
        let agent = bed.agent(json!({"enableStatefulSet": false})).await;
        add(&agent, &of("web-0", &first)).await;
        let endpoint = bed.get("SpiderEndpoint", "web-0").await.unwrap();
        let owner = json!([{"apiVersion": "v1", "kind": "Pod", "name": "web-0", "uid": first}]);
        assert_eq!(endpoint["metadata"]["ownerReferences"], owner);
        assert_eq!(endpoint["status"]["ownerControllerType"], "StatefulSet");
        bed.delete("Pod", "web-0").await;
        del(&agent, &of("web-0", &first)).await;
        assert_eq!(bed.records("p4").await.len(), 0);
        assert!(bed.get("SpiderEndpoint", "web-0").await.unwrap()["metadata"]["finalizers"].is_null());
    });
}

/// A launcher pod of the machine `vm1`; its uid.
async fn launcher(bed: &mut Bed, node: &str, name: &str, migration: Option<&str>) -> String {
    let mut annotations = json!({"ipam.spidernet.io/ippool": r#"{"ipv4":["p4"]}"#});
    if let Some(migration) = migration {
        annotations["kubevirt.io/migrationJobName"] = json!(migration);
    }
    let owner = json!({
        "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachineInstance", "name": "vm1",
        "uid": "${uid:VirtualMachineInstance/t/vm1}", "controller": true, "blockOwnerDeletion": true
    });
    bed.pod_on(node, name, json!({"annotations": annotations, "ownerReferences": [owner]})).await
}

#[test]
fn check_49_a_machine_that_migrates_has_its_address_on_both_nodes() {
    run(async |bed| {
        bed.pool("p4", "10.6.0.0/16", &["10.6.0.10-10.6.0.19"]).await;
        for kind in ["VirtualMachine", "VirtualMachineInstance"] {
            let metadata = json!({"name": "vm1", "namespace": "t"});
            bed.make(json!({"apiVersion": "kubevirt.io/v1", "kind": kind, "metadata": metadata, "spec": {}}))
                .await;
        }
        let migration = json!({"name": "mig1", "namespace": "t"});
        bed.make(json!({
            "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachineInstanceMigration", "metadata": migration, "spec": {}
        }))
        .await;
        let detecting = json!({"enableIPConflictDetection": true});
        let here = bed.agent(detecting.clone()).await;
        let there = bed.agent(json!({"enableIPConflictDetection": true, "SPIDERPOOL_NODE_NAME": "n2"})).await;
        let old = launcher(bed, "n1", "virt-launcher-vm1-a", None).await;
        let answer = add(&here, &of("virt-launcher-vm1-a", &old)).await;
        assert_eq!(address(&answer), "10.6.0.10/16");
        assert_eq!(answer["ips"][0]["enableIPConflictDetection"], true);
        let new = launcher(bed, "n2", "virt-launcher-vm1-b", Some("mig1")).await;
        let answer = add(&there, &of("virt-launcher-vm1-b", &new)).await;
        assert_eq!(address(&answer), "10.6.0.10/16");
        assert_ne!(
            answer["ips"][0]["enableIPConflictDetection"], true,
            "the address is at the other node still"
        );
        let record = go_records([("10.6.0.10", "t/vm1", new.as_str())]);
        assert_eq!(bed.status("p4").await["allocatedIPs"], record.as_str());
        bed.delete("Pod", "virt-launcher-vm1-a").await;
        del(&here, &of("virt-launcher-vm1-a", &old)).await;
        assert_eq!(bed.status("p4").await["allocatedIPs"], record.as_str(), "the old one releases nothing");
        assert_eq!(text(&bed.get("SpiderEndpoint", "vm1").await.unwrap(), "/status/current/uid"), new);
    });
}

#[test]
fn check_51_the_first_del_of_two_nics_releases_all_four() {
    run(async |bed| {
        let range = |net: &str| format!("{net}10-{net}19");
        for (pool, subnet, net) in [
            ("p4", "10.6.0.0/16", "10.6.0."),
            ("q4", "10.7.0.0/16", "10.7.0."),
            ("p6", "fd00:6::/64", "fd00:6::"),
            ("q6", "fd00:7::/64", "fd00:7::"),
        ] {
            bed.pool(pool, subnet, &[&range(net)]).await;
        }
        let pools = r#"[{"interface":"eth0","ipv4":["p4"],"ipv6":["p6"]},{"interface":"net1","ipv4":["q4"],"ipv6":["q6"]}]"#;
        let more = json!({"annotations": {"ipam.spidernet.io/ippools": pools}});
        let uid = bed.pod_on("n1", "pod-1", more).await;
        let agent = bed.agent(json!({})).await;
        assert_eq!(addresses(&add(&agent, &of("pod-1", &uid)).await).len(), 4);
        bed.terminate("pod-1").await;
        let versions = async || {
            let mut versions = Vec::new();
            for (kind, name) in [("SpiderIPPool", "p4"), ("SpiderIPPool", "q6"), ("SpiderEndpoint", "pod-1")]
            {
                versions.push(text(&bed.get(kind, name).await.unwrap(), "/metadata/resourceVersion"));
            }
            versions
        };
        del(&agent, &on("net1", of("pod-1", &uid))).await;
        for pool in ["p4", "q4", "p6", "q6"] {
            assert_eq!(bed.records(pool).await.len(), 0, "{pool}");
        }
        assert!(bed.get("SpiderEndpoint", "pod-1").await.unwrap()["metadata"]["finalizers"].is_null());
        let before = versions().await;
        del(&agent, &of("pod-1", &uid)).await;
        assert_eq!(versions().await, before, "nothing is written");
    });
}

/// By uid, with the pod gone; without one nothing happens.
#[test]
fn check_52_a_pod_that_is_gone_is_released_by_its_uid() {
    run(async |bed| {
        bed.pool("p4", "10.6.0.0/16", &["10.6.0.10-10.6.0.19"]).await;
        let uid = bed.pod("pod-1", r#"{"ipv4":["p4"]}"#).await;
        let agent = bed.agent(json!({})).await;
        add(&agent, &of("pod-1", &uid)).await;
        bed.delete("Pod", "pod-1").await;
        del(&agent, &of("pod-1", "")).await;
        assert_eq!(bed.records("p4").await.len(), 1);
        del(&agent, &of("pod-1", &uid)).await;
        assert_eq!(bed.records("p4").await.len(), 0);
    });
}

#[test]
fn check_54_what_a_stateful_set_still_wants_is_kept() {
    run(async |bed| {
        bed.pool("p4", "10.6.0.0/16", &["10.6.0.10-10.6.0.29"]).await;
        bed.stateful_set(3).await;
        let agent = bed.agent(json!({})).await;
        let mut uids = std::collections::BTreeMap::new();
        for ordinal in [1, 2, 5, 6, 7] {
            let name = format!("web-{ordinal}");
            let uid = bed.stateful_pod("n1", &name, r#"{"ipv4":["p4"]}"#).await;
            add(&agent, &of(&name, &uid)).await;
            bed.delete("Pod", &name).await;
            uids.insert(ordinal, uid);
        }
        bed.patch("StatefulSet", "web", json!({"spec": {"replicas": 2}})).await;
        let asked = async |ordinal: u32| {
            let name = format!("web-{ordinal}");
            del(&agent, &of(&name, &uids[&ordinal])).await;
            let (records, endpoint) = (bed.records("p4").await, bed.get("SpiderEndpoint", &name).await);
            let is_held = records.values().any(|pod| *pod == format!("t/{name}"));
            assert_eq!(is_held, endpoint.is_some(), "{name}: {endpoint:?}");
            is_held
        };
        assert!(!asked(2).await && asked(1).await);
        bed.patch("StatefulSet", "web", json!({"spec": {"ordinals": {"start": 5}}})).await;
        assert!(asked(5).await && asked(6).await && !asked(7).await);
    });
}

/// Mended: a pool that is gone holds nothing. One that cannot be read does not let a DEL end.
#[test]
fn check_55_a_del_that_fails_half_way_is_finished_by_the_next() {
    run(async |bed| {
        bed.pool("p4", "10.6.0.0/16", &["10.6.0.10-10.6.0.19"]).await;
        bed.pool("p6", "fd00:6::/64", &["fd00:6::10-fd00:6::1f"]).await;
        let uid = bed.pod("pod-1", r#"{"ipv4":["p4"],"ipv6":["p6"]}"#).await;
        let agent = bed.agent(json!({})).await;
        add(&agent, &of("pod-1", &uid)).await;
        let whole = bed.status("p6").await;
        bed.patch_status("SpiderIPPool", "p6", json!({"allocatedIPs": "{"})).await;
        bed.delete("Pod", "pod-1").await;
        // An agent that has not written the pool itself reads it.
        drop(agent);
        let agent = bed.agent(json!({})).await;
        let answer = call(&agent, "DELETE", "/v1/ipam/ip", &of("pod-1", &uid)).await;
        assert_eq!(answer.code, 500, "{}", answer.body);
        let told = answer.body.as_str().unwrap();
        assert!(
            told.starts_with("failed to release all allocated IP addresses map[p4:[{IP:10.6.0.10 "),
            "{told}"
        );
        let finalizers = json!(["spiderpool.spidernet.io"]);
        assert_eq!(bed.get("SpiderEndpoint", "pod-1").await.unwrap()["metadata"]["finalizers"], finalizers);
        bed.patch_status("SpiderIPPool", "p6", whole).await;
        del(&agent, &of("pod-1", &uid)).await;
        assert_eq!((bed.records("p4").await.len(), bed.records("p6").await.len()), (0, 0));
        assert!(bed.get("SpiderEndpoint", "pod-1").await.unwrap()["metadata"]["finalizers"].is_null());
    });
}

/// The configuration of webhooks that nobody serves, about all that the original has some for.
fn dead_webhooks(ca: &str) -> Value {
    let webhook = |name: &str, path: &str| {
        let service = json!({"url": format!("https://127.0.0.1:1/{path}"), "caBundle": ca});
        json!({
            "name": name, "admissionReviewVersions": ["v1"], "sideEffects": "None", "failurePolicy": "Fail",
            "timeoutSeconds": 1, "clientConfig": service,
            "rules": [{
                "apiGroups": ["spiderpool.spidernet.io"], "apiVersions": ["v2beta1"], "operations": ["CREATE", "UPDATE", "DELETE"],
                "resources": ["spiderippools", "spidersubnets", "spiderreservedips", "spidercoordinators", "spidermultusconfigs"]
            }]
        })
    };
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "dead"}, "webhooks": [webhook("dead.example.com", "validate")]
    })
}

/// They go with this value, also when the test fails.
struct Webhooks(&'static ControlPlane);

impl Drop for Webhooks {
    fn drop(&mut self) {
        self.0.kubectl(["delete", "validatingwebhookconfiguration", "dead"]).unwrap().success().unwrap();
    }
}

#[test]
fn check_57_without_webhooks_and_controller_addresses_come_and_go() {
    run(async |bed| {
        bed.pool("p4", "10.6.0.0/16", &["10.6.0.10-10.6.0.19"]).await;
        let uid = bed.pod("pod-1", r#"{"ipv4":["p4"]}"#).await;
        bed.stateful_set(1).await;
        let stateful = bed.stateful_pod("n1", "web-0", r#"{"ipv4":["p4"]}"#).await;
        let kubeconfig = bed.plane.kubectl(["config", "view", "--raw", "--flatten", "-o", "json"]);
        let kubeconfig: Value = serde_json::from_str(&kubeconfig.unwrap().success().unwrap()).unwrap();
        let ca = text(&kubeconfig, "/clusters/0/cluster/certificate-authority-data");
        bed.plane.apply(&dead_webhooks(&ca).to_string()).unwrap();
        let webhooks = Webhooks(bed.plane);
        until("pools cannot be changed", async || {
            let patch = r#"{"metadata":{"labels":{"a":"b"}}}"#;
            let changed = bed.plane.kubectl([
                "patch",
                "spiderippool",
                "p4",
                "--type=merge",
                "--dry-run=server",
                "-p",
                patch,
            ]);
            !changed.unwrap().status.success()
        })
        .await;
        let agent = bed.agent(json!({})).await;
        assert_eq!(address(&add(&agent, &of("pod-1", &uid)).await), "10.6.0.10/16");
        assert_eq!(address(&add(&agent, &of("web-0", &stateful)).await), "10.6.0.11/16");
        bed.delete("Pod", "pod-1").await;
        del(&agent, &of("pod-1", &uid)).await;
        assert_eq!(bed.records("p4").await.into_keys().collect::<Vec<_>>(), ["10.6.0.11"]);
        drop(webhooks);
        until("pools can be changed", async || {
            let patch = r#"{"metadata":{"labels":{"a":"b"}}}"#;
            let changed = bed.plane.kubectl(["patch", "spiderippool", "p4", "--type=merge", "-p", patch]);
            changed.unwrap().status.success()
        })
        .await;
    });
}
