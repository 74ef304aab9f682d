//! CHECK: `prevResult` against what the agent has for the pod.

use serde_json::{Value, json};

use crate::node::Node;
use crate::server::Reply;

/// As a running original answered it, with a UID in place of the recorded placeholder.
fn endpoint() -> Value {
    json!({
        "interfaces": [
            {"interface": "eth0", "ipv4": "10.6.0.10/16", "ipv4Gateway": "10.6.0.1", "ipv4Pool": "p4", "ipv6": "fd00:6::10/64",
             "ipv6Gateway": "fd00:6::1", "ipv6Pool": "p6", "routes": [{"dst": "172.16.0.0/16", "gw": "10.6.0.2", "ifName": null}]},
            {"interface": "net1", "ipv4": "10.7.0.10/16", "ipv4Pool": "q4", "routes": null},
        ],
        "node": "n1", "podName": "pod-1", "podNamespace": "t", "podUID": "5b0c",
    })
}

fn config(node: &Node, previous: Value) -> Value {
    let mut config = node.config(json!({}));
    config["prevResult"] = previous;
    config
}

fn ips(addresses: &[&str]) -> Value {
    let ips: Vec<Value> = addresses.iter().map(|address| json!({"address": address})).collect();
    json!({"cniVersion": "1.1.0", "ips": ips})
}

#[test]
fn agreement() {
    let node = Node::new();
    let agent = node.agent(Reply::Json(200, endpoint()));
    let both = ips(&["fd00:6::10/64", "10.6.0.10/16"]);
    node.call_with("CHECK", &config(&node, both)).run().silent();
    assert_eq!(
        agent.lines(),
        ["GET /v1/ipam/healthy", "GET /v1/workloadendpoint?podNamespace=t&podName=pod-1"]
    );
    // The whole pod's result, as the main plugin of net1 would hand it over.
    let whole = json!({
        "cniVersion": "1.1.0",
        "interfaces": [{"name": "eth0", "sandbox": "/n"}, {"name": "net1", "sandbox": "/n"}],
        "ips": [{"address": "10.6.0.10/16", "interface": 0}, {"address": "10.7.0.10/16", "interface": 1}],
    });
    node.call_with("CHECK", &config(&node, whole)).env("CNI_IFNAME", "net1").run().silent();
    // An older result, and no UID to compare.
    let old = json!({"cniVersion": "0.4.0", "ips": [{"version": "4", "address": "10.7.0.10/16"}]});
    let mut old = config(&node, old);
    old["cniVersion"] = json!("0.4.0");
    let call = node.call_with("CHECK", &old).env("CNI_IFNAME", "net1");
    call.env("CNI_ARGS", "K8S_POD_NAMESPACE=t;K8S_POD_NAME=pod-1").run().silent();
}

#[test]
fn differences() {
    let node = Node::new();
    let _agent = node.agent(Reply::Json(200, endpoint()));
    let start = "prevResult and the SpiderEndpoint of pod t/pod-1 differ in NIC ";
    for (nic, previous, want) in [
        (
            "eth0",
            ips(&["10.6.0.10/16"]),
            "eth0: prevResult has 10.6.0.10/16, the endpoint has 10.6.0.10/16, fd00:6::10/64",
        ),
        (
            "eth0",
            ips(&["10.6.0.11/16", "fd00:6::10/64"]),
            "eth0: prevResult has 10.6.0.11/16, fd00:6::10/64, the endpoint has 10.6.0.10/16, fd00:6::10/64",
        ),
        ("net1", ips(&["10.7.0.10/24"]), "net1: prevResult has 10.7.0.10/24, the endpoint has 10.7.0.10/16"),
        ("net1", ips(&[]), "net1: prevResult has none, the endpoint has 10.7.0.10/16"),
        ("net9", ips(&["10.9.0.1/16"]), "net9: prevResult has 10.9.0.1/16, the endpoint has none"),
        ("net9", ips(&[]), "net9: prevResult has none, the endpoint has none"),
    ] {
        let call = node.call_with("CHECK", &config(&node, previous)).env("CNI_IFNAME", nic);
        assert_eq!(call.run().error(103), format!("{start}{want}"));
    }
}

#[test]
fn another_pod_of_that_name_or_none() {
    let node = Node::new();
    let agent = node.agent(Reply::Json(200, endpoint()));
    let config = config(&node, ips(&["10.7.0.10/16"]));
    let check = || node.call_with("CHECK", &config).env("CNI_IFNAME", "net1");
    let call = check().env("CNI_ARGS", "K8S_POD_NAMESPACE=t;K8S_POD_NAME=pod-1;K8S_POD_UID=9e21");
    assert_eq!(
        call.run().error(103),
        r#"the SpiderEndpoint of pod t/pod-1 is of the pod with UID "5b0c", not of "9e21""#
    );
    assert_eq!(
        check().env("CNI_ARGS", "K8S_POD_NAME=pod-1").run().error(4),
        "CNI_ARGS lacks K8S_POD_NAMESPACE or K8S_POD_NAME; want the pod whose addresses are to be checked"
    );
    drop(agent);
    std::fs::remove_file(node.socket()).unwrap();
    let _agent = node.agent(Reply::Json(404, json!("SpiderEndpoint not found for pod t/pod-1")));
    assert_eq!(
        check().run().error(103),
        "failed to get the SpiderEndpoint: [GET /workloadendpoint][404] getWorkloadendpointNotFound  SpiderEndpoint not found for pod t/pod-1"
    );
}

#[test]
fn answers_that_cannot_be_used() {
    for (reply, code, want) in [
        (
            Reply::Json(500, json!("broken")),
            105,
            "[GET /workloadendpoint][500] getWorkloadendpointInternalServerError  broken",
        ),
        (Reply::Json(200, json!([])), 106, "body is a list; want an object"),
        (Reply::Json(200, json!({"interfaces": {}})), 106, "interfaces is an object; want a list"),
        (
            Reply::Json(200, json!({"interfaces": [{"interface": "eth0", "ipv4": "10.6.0.10"}]})),
            106,
            r#"interfaces[0].ipv4 is "10.6.0.10": it is no address with a prefix length"#,
        ),
    ] {
        let node = Node::new();
        let _agent = node.agent(reply);
        let message = node.call_with("CHECK", &config(&node, ips(&["10.6.0.10/16"]))).run().error(code);
        assert!(
            message.starts_with("failed to get the SpiderEndpoint: ") && message.contains(want),
            "{message}"
        );
    }
}

#[test]
fn versions_that_have_no_check_and_calls_without_a_result() {
    let node = Node::new();
    let mut old = config(&node, ips(&["10.6.0.10/16"]));
    old["cniVersion"] = json!("0.3.1");
    assert_eq!(node.call_with("CHECK", &old).run().error(1), "config version does not allow CHECK");
    let message = node.call("CHECK").run().error(7);
    assert!(message.starts_with("prevResult is missing"), "{message}");
}
