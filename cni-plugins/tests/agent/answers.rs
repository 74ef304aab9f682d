//! What becomes of the agent's answers.

use serde_json::{Value, json};

use crate::node::{Node, one_address};
use crate::server::Reply;

fn two_nics() -> Value {
    json!({
        "ips": [
            {"address": "10.6.168.71/16", "gateway": "10.6.0.1", "ipPool": "p4", "nic": "eth0", "version": 4},
            {"address": "10.7.0.10/16", "gateway": "10.7.0.1", "ipPool": "q4", "nic": "net1", "version": 4},
            {"address": "fd00:6::71/64", "gateway": "fd00:6::1", "ipPool": "p6", "nic": "eth0", "version": 6, "vlan": 0,
             "mac": "fa:16:3e:00:00:0a"},
        ],
        "routes": [
            {"ifName": "eth0", "dst": "172.16.0.0/16", "gw": "10.6.0.2"},
            null,
            {"ifName": "net1", "dst": "192.168.0.0/16", "gw": "10.7.0.2"},
            {"ifName": "eth0", "dst": "0.0.0.0/0", "gw": "10.6.0.1"},
            {"ifName": "eth0", "dst": "::/0", "gw": "fd00:6::1"},
        ],
    })
}

/// Check 1, and 5 as far as the result goes.
#[test]
fn every_version_and_only_this_nic() {
    let node = Node::new();
    let _agent = node.agent(Reply::Json(200, two_nics()));
    let routes = json!([
        {"dst": "172.16.0.0/16", "gw": "10.6.0.2"},
        {"dst": "0.0.0.0/0", "gw": "10.6.0.1"},
        {"dst": "::/0", "gw": "fd00:6::1"},
    ]);
    let mut config = node.config(json!({}));
    for version in ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] {
        config["cniVersion"] = json!(version);
        let mut ips = json!([
            {"address": "10.6.168.71/16", "gateway": "10.6.0.1"},
            {"address": "fd00:6::71/64", "gateway": "fd00:6::1"},
        ]);
        if version < "1" {
            ips[0]["version"] = json!("4");
            ips[1]["version"] = json!("6");
        }
        let want = json!({"cniVersion": version, "ips": ips, "routes": routes, "dns": {}});
        assert_eq!(node.call_with("ADD", &config).run().result(), want);
    }
    let result = node.call("ADD").env("CNI_IFNAME", "net1").run().result();
    assert_eq!(result["ips"], json!([{"address": "10.7.0.10/16", "gateway": "10.7.0.1"}]));
    assert_eq!(result["routes"], json!([{"dst": "192.168.0.0/16", "gw": "10.7.0.2"}]));
    config["cniVersion"] = json!("0.2.0");
    let message = node.call_with("ADD", &config).run().error(1);
    assert_eq!(message, "incompatible CNI versions");
}

/// Check 6.
#[test]
fn a_nic_that_the_answer_does_not_have() {
    let node = Node::new();
    let _agent = node.scripted(|seen| match seen.body["ifName"].as_str() {
        Some("net8") => Reply::Json(200, json!({"ips": []})),
        _ => Reply::Json(200, two_nics()),
    });
    for nic in ["net8", "net9"] {
        let message = node.call("ADD").env("CNI_IFNAME", nic).run().error(100);
        assert_eq!(
            message,
            format!("spiderpool IP allocation error: no Interface {nic} IP allocation found")
        );
    }
}

#[test]
fn the_gateway_stays_without_its_route() {
    let node = Node::new();
    let _agent = node.agent(Reply::Json(
        200,
        json!({"ips": [{"address": "10.6.0.9/16", "gateway": "10.6.0.1", "nic": "eth0", "version": 4}], "routes": null,
               "dns": {"nameservers": ["10.6.0.53"], "search": ["a.test"]}}),
    ));
    assert_eq!(
        node.call("ADD").run().result(),
        json!({"cniVersion": "1.1.0", "ips": [{"address": "10.6.0.9/16", "gateway": "10.6.0.1"}],
               "dns": {"nameservers": ["10.6.0.53"], "search": ["a.test"]}})
    );
}

/// Nothing here looks whether an address is in use; who has turned that on must be able to see it.
#[test]
fn what_is_not_done_is_said() {
    let node = Node::new();
    let mut answer = one_address();
    answer["ips"][0]["enableGatewayDetection"] = json!(true);
    let mut other = answer["ips"][0].clone();
    other["nic"] = json!("net1");
    other["enableGatewayDetection"] = json!(false);
    other["gateway"] = json!("none");
    answer["ips"].as_array_mut().unwrap().push(other);
    let _agent = node.agent(Reply::Json(200, answer));
    node.call("ADD").run().result();
    let lines = node.logged("the agent asks for conflict or gateway detection");
    assert_eq!(lines.len(), 1);
    assert_eq!((&lines[0]["level"], &lines[0]["pod"]), (&json!("WARN"), &json!("t/pod-1")));
    // Of its own NIC only, and the answer holds without a gateway.
    let result = node.call("ADD").env("CNI_IFNAME", "net1").run().result();
    assert_eq!(result["ips"], json!([{"address": "10.6.168.71/16"}]));
    assert_eq!(node.logged("the agent asks for").len(), 1);
    assert_eq!(node.logged("gateway is no address")[0]["gateway"], "none");
}

#[test]
fn an_add_is_one_line_in_the_log() {
    let node = Node::new();
    let _agent = node.agent(Reply::Json(200, two_nics()));
    node.call("ADD").run().result();
    let lines = node.logged("");
    assert_eq!(lines.len(), 1, "{lines:?}");
    let line = &lines[0];
    assert_eq!((&line["level"], &line["msg"]), (&json!("INFO"), &json!("addresses given")));
    assert_eq!(line["addresses"], json!(["10.6.168.71", "fd00:6::71"]));
    assert_eq!(line["pools"], json!(["p4", "p6"]));
    for (key, want) in
        [("pod", "t/pod-1"), ("uid", "5b0c"), ("sandbox", "3f"), ("ifname", "eth0"), ("cni.command", "ADD")]
    {
        assert_eq!(line[key], want);
    }
    assert!(line["elapsed_ms"].is_u64());
}
