//! What the agent is asked.

use serde_json::{Value, json};

use crate::node::{NETNS, Node, one_address};
use crate::server::Reply;

#[test]
fn an_add_asks_for_health_and_then_for_addresses() {
    let node = Node::new();
    let agent = node.agent(Reply::Json(200, one_address()));
    let config = node.config(json!({
        "default_ipv4_ippool": ["p4", "q*"], "clean_gateway": true, "match_master_subnet": true,
    }));
    node.call_with("ADD", &config).run().result();
    let seen = agent.seen();
    assert_eq!(agent.lines(), ["GET /v1/ipam/healthy", "POST /v1/ipam/ip"]);
    assert_eq!(
        seen[1].body,
        json!({
            "containerID": "3f", "netNamespace": NETNS, "ifName": "eth0", "podNamespace": "t", "podName": "pod-1", "podUID": "5b0c",
            "defaultIPv4IPPool": ["p4", "q*"], "defaultIPv6IPPool": null, "cleanGateway": true, "matchMasterSubnet": true,
        })
    );
    for seen in &seen {
        assert_eq!(seen.headers["accept"], "application/json");
        assert!(!seen.headers["host"].is_empty());
    }
    assert_eq!(seen[1].headers["content-type"], "application/json");
    assert_eq!(seen[0].body, Value::Null);
}

#[test]
fn what_is_not_set_is_left_out_and_no_parameter_is_needed() {
    let node = Node::new();
    let agent = node.agent(Reply::Json(200, one_address()));
    node.call("ADD").without("CNI_ARGS").run().result();
    assert_eq!(
        agent.seen()[1].body,
        json!({
            "containerID": "3f", "netNamespace": NETNS, "ifName": "eth0", "podNamespace": "", "podName": "", "podUID": "",
            "defaultIPv4IPPool": null, "defaultIPv6IPPool": null,
        })
    );
}

#[test]
fn a_del_names_its_namespace_if_there_is_one() {
    let node = Node::new();
    let agent = node.agent(Reply::Empty(200));
    let body = json!({
        "containerID": "3f", "ifName": "eth0", "podNamespace": "t", "podName": "pod-1", "podUID": "5b0c",
    });
    node.call("DEL").without("CNI_NETNS").run().silent();
    // A namespace that is gone does not stop a DEL.
    node.call("DEL").env("CNI_NETNS", "/run/netns/gone").run().silent();
    let seen = agent.seen();
    assert_eq!(
        agent.lines(),
        ["GET /v1/ipam/healthy", "DELETE /v1/ipam/ip", "GET /v1/ipam/healthy", "DELETE /v1/ipam/ip"]
    );
    assert_eq!(seen[1].body, body);
    let mut with = body;
    with["netNamespace"] = json!("/run/netns/gone");
    assert_eq!(seen[3].body, with);
}

#[test]
fn a_check_escapes_its_query() {
    let node = Node::new();
    let agent = node.agent(Reply::Json(404, json!("no")));
    let mut config = node.config(json!({}));
    config["prevResult"] = json!({"cniVersion": "1.1.0", "ips": [{"address": "10.6.0.9/16"}]});
    let call = node.call_with("CHECK", &config);
    call.env("CNI_ARGS", "K8S_POD_NAMESPACE=t&x;K8S_POD_NAME=a b").run().error(103);
    assert_eq!(agent.lines()[1], "GET /v1/workloadendpoint?podNamespace=t%26x&podName=a%20b");
}

/// Check 7.
#[test]
fn unknown_parameters() {
    let node = Node::new();
    let agent = node.agent(Reply::Json(200, one_address()));
    for command in ["ADD", "DEL", "CHECK"] {
        let call = node.call(command).env("CNI_ARGS", "K8S_POD_NAME=p;FOO=1");
        let message = call.run().error(4);
        assert_eq!(message, r#"failed to load CNI ENV args: ARGS: unknown args ["FOO=1"]"#, "{command}");
        let message = node.call(command).env("CNI_ARGS", "FOO").run().error(4);
        assert_eq!(message, r#"failed to load CNI ENV args: ARGS: invalid pair "FOO""#, "{command}");
    }
    assert_eq!(agent.lines().len(), 0, "the agent is not troubled");
    node.call("ADD").env("CNI_ARGS", "FOO=1;IgnoreUnknown=1").run().result();
}

/// `CNI_ARGS` with `IP` is read and not used, as in the original; who asks that way is told where it has an effect.
#[test]
fn asking_for_an_address() {
    let node = Node::new();
    let _agent = node.agent(Reply::Json(200, one_address()));
    let line = "an address is asked for, which the agent does not take";
    node.call("ADD").env("CNI_ARGS", "IP=10.6.0.9").run().result();
    assert_eq!(node.logged(line).len(), 1);
    let mut config = node.config(json!({}));
    config["runtimeConfig"] = json!({"ips": ["10.6.0.9/16"]});
    node.call_with("ADD", &config).run().result();
    assert_eq!(node.logged(line).len(), 2);
    node.call("ADD").env("CNI_ARGS", "IP=").run().result();
    assert_eq!(node.logged(line).len(), 2);
}

#[test]
fn a_status_asks_for_health_only() {
    let node = Node::new();
    let agent = node.agent(Reply::Empty(500));
    node.call("STATUS").run().silent();
    assert_eq!(agent.lines(), ["GET /v1/ipam/healthy"]);
    let message = node.call_with("STATUS", &node.config(json!({"clean_gateway": 1}))).run().error(7);
    assert!(message.contains("ipam.clean_gateway is a number"), "{message}");
}

#[test]
fn a_gc_asks_for_nothing() {
    let node = Node::new();
    let mut config = node.config(json!({}));
    config["cni.dev/valid-attachments"] = json!([{"containerID": "3f", "ifname": "eth0"}]);
    node.call_with("GC", &config).run().silent();
    let line = &node.logged("nothing to collect here")[0];
    assert_eq!(line["level"], "DEBUG");
}
