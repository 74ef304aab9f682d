//! Every key, wrong types, misspelt keys, the log.

use std::fs;

use serde_json::{Value, json};

use crate::host::{Host, pool_v4, pool_v6, small, with};

#[test]
fn without_a_store_it_needs_the_agent() {
    let host = Host::new();
    let config = host.config(json!({"store": null, "ipam_unix_socket_path": host.path("none")}));
    for (command, code) in [("ADD", 11), ("DEL", 11), ("STATUS", 50)] {
        let call = host.call(command, &config).env("CNI_NETNS", "/proc/self/ns/net");
        let message = call.env("CNI_NETNS_OVERRIDE", "1").run().error(code);
        assert!(
            message.contains("without ipam.store addresses come from the agent of the node"),
            "{message}"
        );
    }
}

#[test]
fn wrong_types_name_the_key() {
    let prefix = "failed to load CNI network configuration: ";
    for (ipam, want) in [
        (json!({"store": "here"}), "ipam.store is text; want an object"),
        (json!({"store": {"path": 3}}), "ipam.store.path is a number; want text"),
        (
            json!({"store": {"path": null}}),
            "ipam.store.path is missing; want the absolute path of the store's file",
        ),
        (json!({"store": {"path": "ipam.db"}}), r#"ipam.store.path is "ipam.db": it is no absolute path"#),
        (
            json!({"store": {"allocationPolicy": "best"}}),
            r#"ipam.store.allocationPolicy is "best": it is no policy; want lowest, spread or rotate"#,
        ),
        (
            json!({"store": {"addressCooldown": "soon"}}),
            r#"ipam.store.addressCooldown is "soon": it is no duration; want a duration such as"#,
        ),
        (json!({"store": {"addressCooldown": []}}), "ipam.store.addressCooldown is a list; want a duration"),
        (json!({"default_ipv4_ippool": "v4"}), "ipam.default_ipv4_ippool is text; want a list"),
        (json!({"default_ipv6_ippool": ["a", 6]}), "ipam.default_ipv6_ippool[1] is a number; want text"),
        (json!({"clean_gateway": "true"}), "ipam.clean_gateway is text; want a boolean"),
        (json!({"match_master_subnet": 1}), "ipam.match_master_subnet is a number; want a boolean"),
        (json!({"ipam_unix_socket_path": true}), "ipam.ipam_unix_socket_path is a boolean; want text"),
        (json!({"resolvConf": {}}), "ipam.resolvConf is an object; want text"),
        (json!({"routes": [{"dst": "10.0.0.0"}]}), r#"ipam.routes[0].dst is "10.0.0.0""#),
        (json!({"pools": {"name": "v4"}}), "ipam.pools is an object; want a list"),
        (
            json!({"pools": [{"subnet": "10.6.0.0/16"}]}),
            "ipam.pools[0].name is missing; want the name of the pool",
        ),
        (json!({"pools": [{"name": "Bad_Name"}]}), r#"ipam.pools[0].name is "Bad_Name": it is no pool name"#),
        (
            json!({"pools": [pool_v4(), {"name": "b", "ips": "10.6.0.1"}]}),
            "ipam.pools[1].ips is text; want a list",
        ),
        (
            json!({"pools": [{"name": "b", "routes": [{"dst": 1}]}]}),
            "ipam.pools[0].routes[0].dst is a number; want text",
        ),
        (
            json!({"pools": [{"name": "b", "podAffinity": {"matchLabels": {"a": 1}}}]}),
            "ipam.pools[0].podAffinity.matchLabels is an object; want an object of texts",
        ),
        (json!({"log_level": "loud"}), "unsupported log level loud"),
        (json!({"log_file_max_size": "big"}), r#"ipam.log_file_max_size is "big""#),
    ] {
        let host = Host::new();
        let message = host.call("ADD", &host.config(ipam)).run().error(7);
        assert!(message.starts_with(prefix) && message.contains(want), "{want}\n{message}");
        assert!(!host.store().exists(), "{want}");
    }
}

#[test]
fn undecodable_input() {
    let host = Host::new();
    host.call("ADD", &json!({})).stdin("{\"cniVersion\":".to_owned()).run().error(6);
    let message = host.call("ADD", &json!({"cniVersion": "1.0.0", "name": "net"})).run().error(7);
    assert!(message.contains("ipam is missing"), "{message}");
    let message = host.call("ADD", &with(&host.simple(), json!({"name": null}))).run().error(7);
    assert!(message.starts_with("missing network name"), "{message}");
    let message = host.call("ADD", &host.simple()).without("CNI_NETNS").without("CNI_IFNAME").run().error(4);
    assert!(message.starts_with("required env variables [CNI_NETNS,CNI_IFNAME] missing"), "{message}");
    let message = host.call("ADD", &host.simple()).id(&"a".repeat(254)).run().error(4);
    assert!(message.contains("1 to 253 visible ASCII characters"), "{message}");
}

#[test]
fn a_long_configuration_is_read() {
    let host = Host::new();
    let config = with(&host.simple(), json!({"ignored": "x".repeat(1 << 20)}));
    assert_eq!(host.add("c1", &config), ["10.6.0.10/16"]);
}

#[test]
fn keys_without_case_and_the_last_one_wins() {
    let host = Host::new();
    let text = format!(
        r#"{{"CNIVERSION":"1.0.0","Name":"net","ipam":{{"type":"spiderpool","LOG_FILE_PATH":{log:?},"Store":{{"PATH":{store:?}}},
            "clean_gateway":false,"Clean_Gateway":true,
            "Pools":[{{"NAME":"v4","Subnet":"10.6.0.0/16","IPs":["10.6.0.10"],"excludeips":[],"Gateway":"10.6.0.1"}}]}}}}"#,
        log = host.path("log"),
        store = host.store(),
    );
    let result = host.call("ADD", &json!({})).stdin(text).run().result();
    assert_eq!(
        result,
        json!({"cniVersion": "1.0.0", "ips": [{"address": "10.6.0.10/16", "gateway": "10.6.0.1"}], "dns": {}})
    );
}

#[test]
fn routes_and_dns_as_in_host_local() {
    let host = Host::new();
    fs::write(
        host.path("resolv"),
        "nameserver 10.6.0.53\nsearch a.test b.test\ndomain a.test\noptions ndots:2\n",
    )
    .unwrap();
    let mut pool = pool_v4();
    pool["routes"] = json!([{"dst": "172.16.0.0/16", "gw": "10.6.0.2"}]);
    let config = host.config(json!({
        "pools": [pool],
        "routes": [{"dst": "192.168.0.0/16"}, {"dst": "0.0.0.0/0", "gw": "10.6.0.3"}],
        "resolvConf": host.path("resolv"),
    }));
    let result = host.call("ADD", &config).run().result();
    assert_eq!(
        result["routes"],
        json!([
            {"dst": "172.16.0.0/16", "gw": "10.6.0.2"},
            {"dst": "192.168.0.0/16"},
            {"dst": "0.0.0.0/0", "gw": "10.6.0.3"},
        ])
    );
    assert_eq!(
        result["dns"],
        json!({"nameservers": ["10.6.0.53"], "domain": "a.test", "search": ["a.test", "b.test"], "options": ["ndots:2"]})
    );
    let empty = host.config(json!({"pools": [pool_v4()], "resolvConf": ""}));
    assert_eq!(host.call("ADD", &empty).run().result()["dns"], json!({}), "as if it were not there");
    let missing = host.config(json!({"pools": [pool_v4()], "resolvConf": host.path("none")}));
    let message = host.call("ADD", &missing).id("c2").run().error(5);
    assert!(message.contains("(ipam.resolvConf)"), "{message}");
    assert_eq!(host.records().len(), 1, "nothing was given");
}

#[test]
fn clean_gateway_leaves_out_the_default_route_only() {
    let host = Host::new();
    let mut pool = pool_v4();
    pool["routes"] = json!([{"dst": "172.16.0.0/16", "gw": "10.6.0.2"}]);
    let config = host.config(json!({"pools": [pool, pool_v6()], "clean_gateway": true}));
    let result = host.call("ADD", &config).run().result();
    assert_eq!(result["routes"], json!([{"dst": "172.16.0.0/16", "gw": "10.6.0.2"}]));
    assert_eq!(result["ips"][0]["gateway"], "10.6.0.1");
    assert_eq!(result["ips"][1]["gateway"], "fd00:6::1");
}

/// Pools as `spiderpoolctl apply` loads them, and where they are named.
#[test]
fn where_pools_are_named() {
    let host = Host::new();
    let pool =
        |third: u8| json!({"subnet": format!("10.{third}.0.0/24"), "ips": [format!("10.{third}.0.1")]});
    for (name, third) in [("a-1", 1), ("a-2", 2), ("b-1", 3)] {
        host.apply(name, pool(third)).unwrap();
    }
    let mut restricted = pool(4);
    restricted["nodeName"] = json!(["n1"]);
    host.apply("r", restricted).unwrap();
    let nothing = host.call("ADD", &host.config(json!({}))).run().error(100);
    assert_eq!(
        nothing,
        "spiderpool IP allocation error: no IPPool available, no pool selection rules of any type are specified; name pools, or make one the default"
    );
    let mut default = pool(5);
    default["default"] = json!(true);
    host.apply("d", default).unwrap();

    let named = |list: Value| host.config(json!({"default_ipv4_ippool": list}));
    for (config, want) in [
        (host.config(json!({})), "10.5.0.1/24"),
        (named(json!(["b-1"])), "10.3.0.1/24"),
        (named(json!(["a-*"])), "10.1.0.1/24"),
        (named(json!(["b-1", "a-[12]"])), "10.3.0.1/24"),
        (named(json!(["r", "a-2"])), "10.2.0.1/24"),
    ] {
        assert_eq!(host.add("c1", &config), [want]);
        host.del("c1", &config);
    }
    // The next candidate serves where the first has nothing left.
    assert_eq!(host.add("c1", &named(json!(["a-*"]))), ["10.1.0.1/24"]);
    assert_eq!(host.add("c2", &named(json!(["a-*"]))), ["10.2.0.1/24"]);
    let full = host.call("ADD", &named(json!(["a-*"]))).id("c3").run().error(100);
    assert!(full.contains("from IPPools [a-1 a-2]: all IP addresses used out in IPPool a-1"), "{full}");

    for (list, code, want) in [
        (
            json!(["nope"]),
            7,
            "failed to get original IPPool nope: SpiderIPPool.spiderpool.spidernet.io \"nope\" not found",
        ),
        (
            json!(["[]*"]),
            7,
            "failed to match wildcard: IPv4 PoolName pattern '[]*', character 'a-1', error: syntax error in pattern",
        ),
        (json!(["z*"]), 100, "all IPv4 IPPools [] of eth0 filtered out: no IPPool matches z*"),
        (
            json!(["r"]),
            100,
            "all IPv4 IPPools [r] of eth0 filtered out: IPPool r is restricted by spec.nodeName",
        ),
    ] {
        let message = host.call("ADD", &named(list)).id("new").run().error(code);
        assert!(message.contains(want), "{message}");
    }
    let rejected = host.logged("pool is no candidate");
    assert_eq!(rejected.len(), 1, "{rejected:?}");
    assert_eq!((&rejected[0]["level"], &rejected[0]["pool"]), (&json!("DEBUG"), &json!("r")));
}

#[test]
fn names_win_over_inline_pools_which_win_over_default_ones() {
    let host = Host::new();
    host.apply("other", json!({"subnet": "10.8.0.0/24", "ips": ["10.8.0.1-10.8.0.9"], "default": true}))
        .unwrap();
    let inline = json!({"pools": [small(9)]});
    assert_eq!(host.add("c1", &host.config(inline)), ["10.9.0.1/24"]);
    let both = json!({"pools": [small(9)], "default_ipv4_ippool": ["other"]});
    assert_eq!(host.add("c2", &host.config(both)), ["10.8.0.1/24"]);
    // The winner wins as a whole: no IPv4 here.
    let six = json!({"pools": [small(9), pool_v6()], "default_ipv6_ippool": ["v6"]});
    assert_eq!(host.add("c3", &host.config(six)), ["fd00:6::10/64"]);
}

#[test]
fn misspelt_keys_are_warned_about() {
    let host = Host::new();
    let mut pool = pool_v4();
    pool["gatway"] = json!("10.6.0.1");
    pool["unrelated"] = json!(1);
    let config = host.config(json!({
        "pools": [pool],
        "store": {"allocationPolcy": "lowest"},
        "default_ipv4_ipool": ["v4"],
        "log_levle": "info",
        "completely_other": true,
        "routes": [{"dst": "10.0.0.0/8", "gateway": "10.6.0.1", "metirc": 1, "prioritiy": 3}],
    }));
    host.add("c1", &config);
    let warned = host.logged("unknown key is ignored");
    let mut pairs: Vec<(&str, &str)> = warned
        .iter()
        .map(|line| (line["key"].as_str().unwrap(), line["did_you_mean"].as_str().unwrap()))
        .collect();
    pairs.sort_unstable();
    assert_eq!(
        pairs,
        [
            ("ipam.default_ipv4_ipool", "default_ipv4_ippool"),
            ("ipam.log_levle", "log_level"),
            ("ipam.pools[0].gatway", "gateway"),
            ("ipam.routes[0].prioritiy", "priority"),
            ("ipam.store.allocationPolcy", "allocationPolicy"),
        ]
    );
    assert!(warned.iter().all(|line| line["level"] == "WARN" && line["sandbox"] == "c1"));
}

#[test]
fn an_add_is_one_line_in_the_log() {
    let host = Host::new();
    let config = host.simple();
    host.add("c1", &config);
    host.add("c2", &config);
    let lines: Vec<Value> = host.log().into_iter().filter(|line| line["sandbox"] == "c2").collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    let line = &lines[0];
    assert_eq!(line["level"], "INFO");
    assert_eq!(line["msg"], "addresses given");
    assert_eq!(line["cni.command"], "ADD");
    assert_eq!(line["network"], "net");
    assert_eq!(line["ifname"], "eth0");
    assert_eq!(line["addresses"], json!(["10.6.0.11"]));
    assert_eq!(line["pools"], json!(["v4"]));
    assert_eq!(line["policy"], "rotate");
    assert!(line["elapsed_ms"].is_u64());
    host.call("ADD", &config).id("c3").args("IP=10.6.0.10").run().error(101);
    let failed = host.logged("operation failed");
    assert_eq!(failed[0]["code"], 101);
    assert!(failed[0]["why"].as_str().unwrap().contains("is held by container c1"));
}

#[test]
fn the_log_has_a_level_and_a_bound() {
    let host = Host::new();
    host.add("c1", &host.config(json!({"pools": [pool_v4()], "log_level": "Error"})));
    assert_eq!(host.log().len(), 0);
    fs::write(host.path("log"), vec![b' '; (1 << 20) + 1]).unwrap();
    host.add(
        "c2",
        &host.config(json!({"pools": [pool_v4()], "log_file_max_size": "1", "log_file_max_count": 1})),
    );
    assert_eq!(host.log().len(), 1, "a new file was begun");
    let files = fs::read_dir(host.path(""))
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_str().unwrap().starts_with("log"));
    assert!(files.count() >= 2, "and the full one was put aside");
}

#[test]
fn a_log_that_cannot_be_opened() {
    let host = Host::new();
    fs::write(host.path("file"), "").unwrap();
    let config = host.config(json!({"pools": [pool_v4()], "log_file_path": host.path("file/log")}));
    let message = host.call("ADD", &config).run().error(5);
    assert!(message.starts_with("failed to setup file logging: "), "{message}");
}

#[test]
fn sr_iov_matching_is_warned_about() {
    let host = Host::new();
    host.add("c1", &host.config(json!({"pools": [pool_v4()], "match_master_subnet": true})));
    assert_eq!(host.logged("match_master_subnet is not available with a local store").len(), 1);
}
