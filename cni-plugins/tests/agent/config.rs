//! The keys of `ipam`, in the order in which they matter.

use std::fs;

use serde_json::json;

use crate::node::{Node, one_address};
use crate::server::Reply;

/// Check 2.
#[test]
fn log_levels_and_wrong_types() {
    let node = Node::new();
    let agent = node.agent(Reply::Json(200, one_address()));
    let prefix = "failed to load CNI network configuration: ";
    for command in ["ADD", "DEL", "CHECK", "STATUS"] {
        let config = node.config(json!({"log_level": "bad"}));
        let message = node.call_with(command, &config).run().error(7);
        assert_eq!(message, format!("{prefix}unsupported log level bad"), "{command}");
        let config = node.config(json!({"ipam_unix_socket_path": 5}));
        let mut call = node.call_with(command, &config);
        if command == "CHECK" {
            let mut config = config.clone();
            config["prevResult"] = json!({"ips": []});
            call = node.call_with(command, &config);
        }
        let message = call.run().error(7);
        assert_eq!(
            message,
            format!("{prefix}ipam.ipam_unix_socket_path is a number; want text"),
            "{command}"
        );
    }
    for (keys, want) in [
        (json!({"default_ipv4_ippool": "v4"}), "ipam.default_ipv4_ippool is text; want a list"),
        (json!({"default_ipv6_ippool": ["a", 6]}), "ipam.default_ipv6_ippool[1] is a number; want text"),
        (json!({"clean_gateway": "true"}), "ipam.clean_gateway is text; want a boolean"),
        (json!({"match_master_subnet": 1}), "ipam.match_master_subnet is a number; want a boolean"),
        (json!({"log_file_max_size": "big"}), r#"ipam.log_file_max_size is "big": not a whole number"#),
    ] {
        let message = node.call_with("ADD", &node.config(keys.clone())).run().error(7);
        assert!(message.starts_with(&format!("{prefix}{want}")), "{message}");
        // A release does not fail by a key that it does not need.
        if keys.get("log_file_max_size").is_none() {
            node.call_with("DEL", &node.config(keys)).run().silent();
        }
    }
    assert!(agent.lines().iter().all(|line| !line.starts_with("POST")));
}

/// As the original's manual has them, and as its code wants them.
#[test]
fn numbers_of_the_log_in_both_forms() {
    let node = Node::new();
    let _agent = node.agent(Reply::Json(200, one_address()));
    for keys in [
        json!({"log_level": "INFO", "log_file_max_size": "100", "log_file_max_age": "30", "log_file_max_count": "7"}),
        json!({"log_level": "debug", "log_file_max_size": 100, "log_file_max_age": 30, "log_file_max_count": -1}),
    ] {
        node.call_with("ADD", &node.config(keys)).run().result();
    }
}

#[test]
fn a_namespace_that_is_not_there_before_the_log() {
    let node = Node::new();
    let agent = node.agent(Reply::Json(200, one_address()));
    fs::write(node.path("file"), "").unwrap();
    let config = node.config(json!({"log_file_path": node.path("file/log")}));
    let add = || node.call_with("ADD", &config);
    let message = add().env("CNI_NETNS", "/run/netns/none").run().error(8);
    let want = r#"failed to GetNS "/run/netns/none" for pod: failed to Statfs "/run/netns/none": "#;
    assert!(message.starts_with(want), "{message}");
    let message = add().env("CNI_NETNS", node.path("file").to_str().unwrap()).run().error(8);
    assert!(message.contains(" for pod: unknown FS magic on "), "{message}");
    let message = add().run().error(5);
    assert!(message.starts_with("failed to setup file logging: "), "{message}");
    assert_eq!(agent.lines().len(), 0);
}

#[test]
fn the_default_socket() {
    let node = Node::new();
    for keys in [json!({"ipam_unix_socket_path": null}), json!({"ipam_unix_socket_path": ""})] {
        let config = node.config(keys);
        // Some node's real agent may listen there; a DEL of an unknown pod harms nobody, so that is the command.
        let outcome = node.call_with("DEL", &config);
        if fs::metadata("/var/run/spidernet/spiderpool.sock").is_err() {
            let message = outcome.run().error(11);
            assert!(message.contains("cannot connect to /var/run/spidernet/spiderpool.sock: "), "{message}");
        }
    }
}

#[test]
fn keys_of_a_local_store_and_misspelt_ones_are_warned_about() {
    let node = Node::new();
    let _agent = node.agent(Reply::Json(200, one_address()));
    let config = node
        .config(json!({"store": null, "pools": [], "resolvConf": "/etc/resolv.conf", "clean_gatway": true}));
    node.call_with("ADD", &config).run().result();
    let keys: Vec<_> = node
        .logged("key has a meaning with a local store only")
        .into_iter()
        .map(|line| line["key"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(keys, ["ipam.pools", "ipam.resolvConf"]);
    assert_eq!(node.logged("unknown key is ignored")[0]["did_you_mean"], "clean_gateway");
}

#[test]
fn versions_are_told_without_an_agent() {
    let node = Node::new();
    let result = node.call("VERSION").run().result();
    assert_eq!(result["supportedVersions"], json!(["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"]));
}
