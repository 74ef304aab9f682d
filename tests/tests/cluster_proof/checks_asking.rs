//! Checks of the chapter on allocation and release, by number: what is asked for, and which pool serves (9 to 30).

use serde_json::{Value, json};
use spiderpool_tests::agent_corpus::http::Request;

use crate::bed::{add, address, addresses, go_records, of, on, refused, run, try_add};

const STRANGER: &str = "00000000-0000-4000-8000-000000000001";

#[test]
fn check_09_a_uid_may_be_empty_and_not_absent() {
    run(async |bed| {
        bed.pool("p4", "10.6.0.0/16", &["10.6.0.10-10.6.0.19"]).await;
        bed.pod("pod-1", r#"{"ipv4":["p4"]}"#).await;
        let agent = bed.agent(json!({})).await;
        let mut body = of("pod-1", "");
        assert_eq!(address(&add(&agent, &body).await), "10.6.0.10/16");
        body.as_object_mut().unwrap().remove("podUID");
        let answer = try_add(&agent, &body).await;
        let want = json!({"code": 602, "message": "podUID in body is required"});
        assert_eq!((answer.code, answer.body), (422, want));
    });
}

#[test]
fn check_10_no_default_pools_in_any_form() {
    run(async |bed| {
        bed.pool_with("p4", "10.6.0.0/16", &["10.6.0.10-10.6.0.19"], json!({"default": true})).await;
        let agent = bed.agent(json!({})).await;
        for (number, none) in [Some(Value::Null), Some(json!([])), None].into_iter().enumerate() {
            let name = format!("pod-{number}");
            let uid = bed.pod_on("n1", &name, json!({})).await;
            let mut body = of(&name, &uid);
            if let Some(none) = none {
                body["defaultIPv4IPPool"] = none.clone();
                body["defaultIPv6IPPool"] = none;
            }
            assert_eq!(address(&add(&agent, &body).await), format!("10.6.0.1{number}/16"));
        }
    });
}

#[test]
fn check_11_the_endpoint_of_a_pod_that_nobody_knows() {
    run(async |bed| {
        let agent = bed.agent(json!({})).await;
        let path = "/v1/workloadendpoint?podNamespace=t&podName=nobody";
        let answer = agent.send(&Request::new("GET", path)).await.unwrap();
        let want = json!("SpiderEndpoint not found for pod t/nobody");
        assert_eq!((answer.code, answer.body), (404, want));
    });
}

#[test]
fn check_16_a_pattern_that_hits_nothing_is_named() {
    run(async |bed| {
        bed.pool("p4", "10.6.0.0/16", &["10.6.0.10-10.6.0.19"]).await;
        bed.pool("q6", "fd00:6::/64", &["fd00:6::10-fd00:6::1f"]).await;
        let agent = bed.agent(json!({})).await;
        // One of the other family is no hit.
        for (name, pattern) in [("none", "none-*"), ("other", "q*")] {
            let uid = bed.pod(name, &format!(r#"{{"ipv4":["{pattern}"]}}"#)).await;
            let told = refused(&agent, &of(name, &uid)).await;
            assert!(told.contains("no IPPool available") && told.contains(pattern), "{told}");
        }
    });
}

#[test]
fn check_21_a_name_beats_an_affinity() {
    run(async |bed| {
        for (pool, net, names) in [
            ("by-node", 6, json!({"nodeName": ["n1"], "nodeAffinity": {"matchLabels": {"zone": "z2"}}})),
            (
                "by-space",
                7,
                json!({"namespaceName": ["t"], "namespaceAffinity": {"matchLabels": {"team": "b"}}}),
            ),
        ] {
            let range = format!("10.{net}.0.10-10.{net}.0.19");
            bed.pool_with(pool, &format!("10.{net}.0.0/16"), &[&range], names).await;
        }
        let agent = bed.agent(json!({})).await;
        for (name, given) in [("by-node", "10.6.0.10/16"), ("by-space", "10.7.0.10/16")] {
            let uid = bed.pod(name, &format!(r#"{{"ipv4":["{name}"]}}"#)).await;
            assert_eq!(address(&add(&agent, &of(name, &uid)).await), given);
        }
    });
}

#[test]
fn check_22_one_affinity_that_does_not_match() {
    run(async |bed| {
        let labels = |key: &str, value: &str| json!({"matchLabels": {key: value}});
        let affinities = |node: &str, space: &str, pod: &str| {
            json!({
                "nodeAffinity": labels("zone", node), "namespaceAffinity": labels("team", space),
                "podAffinity": labels("app", pod)
            })
        };
        for (pool, net, spec) in [
            ("all", 6, affinities("z1", "a", "x")),
            ("node", 7, affinities("z2", "a", "x")),
            ("space", 8, affinities("z1", "b", "x")),
            ("pod", 9, affinities("z1", "a", "y")),
        ] {
            let range = format!("10.{net}.0.10-10.{net}.0.19");
            bed.pool_with(pool, &format!("10.{net}.0.0/16"), &[&range], spec).await;
        }
        let agent = bed.agent(json!({})).await;
        for (name, reason) in [
            ("all", None),
            ("node", Some("unmatched Node affinity of IPPool node")),
            ("space", Some("unmatched Namespace affinity of IPPool space")),
            ("pod", Some("unmatched Pod affinity of IPPool pod")),
        ] {
            let pools = format!(r#"{{"ipv4":["{name}"]}}"#);
            let more = json!({"labels": {"app": "x"}, "annotations": {"ipam.spidernet.io/ippool": pools}});
            let uid = bed.pod_on("n1", name, more).await;
            match reason {
                None => assert_eq!(address(&add(&agent, &of(name, &uid)).await), "10.6.0.10/16"),
                Some(reason) => {
                    let told = refused(&agent, &of(name, &uid)).await;
                    assert!(told.ends_with(&format!("of eth0 filtered out: {reason}")), "{told}");
                    assert_eq!(bed.records(name).await.len(), 0);
                }
            }
        }
    });
}

#[test]
fn check_26_two_full_pools_are_both_named() {
    run(async |bed| {
        for (pool, net) in [("p4", 6), ("q4", 7)] {
            let only = format!("10.{net}.0.10");
            bed.pool(pool, &format!("10.{net}.0.0/16"), &[&only]).await;
            let taken = go_records([(only.as_str(), "other/x", STRANGER)]);
            let status = json!({"allocatedIPs": taken, "allocatedIPCount": 1});
            bed.patch_status("SpiderIPPool", pool, status).await;
        }
        let uid = bed.pod("pod-1", r#"{"ipv4":["p4","q4"]}"#).await;
        let agent = bed.agent(json!({})).await;
        let told = refused(&agent, &of("pod-1", &uid)).await;
        let words = "failed to allocate any IPv4 IP address to NIC eth0 from IPPools [p4 q4]: all IP addresses used out";
        assert!(told.contains(words), "{told}");
    });
}

/// On replay too, and by an agent that was started since.
#[test]
fn check_30_a_default_route_on_one_nic_only() {
    run(async |bed| {
        bed.pool_with("p4", "10.6.0.0/16", &["10.6.0.10-10.6.0.19"], json!({"gateway": "10.6.0.1"})).await;
        bed.pool_with("q4", "10.7.0.0/16", &["10.7.0.10-10.7.0.19"], json!({"gateway": "10.7.0.1"})).await;
        let pools =
            r#"[{"interface":"eth0","ipv4":["p4"]},{"interface":"net1","ipv4":["q4"],"cleangateway":true}]"#;
        let more = json!({"annotations": {"ipam.spidernet.io/ippools": pools}});
        let uid = bed.pod_on("n1", "pod-1", more).await;
        for _ in 0..2 {
            let agent = bed.agent(json!({})).await;
            for nic in ["eth0", "net1", "eth0"] {
                let answer = add(&agent, &on(nic, of("pod-1", &uid))).await;
                assert_eq!(addresses(&answer), ["eth0 10.6.0.10", "net1 10.7.0.10"]);
                let only = json!([{"ifName": "eth0", "dst": "0.0.0.0/0", "gw": "10.6.0.1"}]);
                assert_eq!(answer["routes"], only);
                assert_eq!(answer["ips"][1]["gateway"], "10.7.0.1");
            }
        }
    });
}
