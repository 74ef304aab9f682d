//! Addresses that are asked for by value.

use serde_json::json;

use crate::host::{Host, pool_v4, pool_v6, with};

#[test]
fn every_way_to_ask() {
    for (name, args, keys) in [
        ("CNI_ARGS", "IP=10.6.1.2", json!({})),
        ("CNI_ARGS with others", "IgnoreUnknown=1;K8S_POD_NAME=a;IP=10.6.1.2/16", json!({})),
        ("args", "", json!({"args": {"cni": {"ips": ["10.6.1.2"]}}})),
        ("capability", "", json!({"runtimeConfig": {"ips": ["10.6.1.2/16"]}})),
        (
            "all of them",
            "IP=10.6.1.2",
            json!({"args": {"cni": {"ips": ["10.6.1.2/16"]}}, "runtimeConfig": {"ips": ["10.6.1.2"]}}),
        ),
    ] {
        let host = Host::new();
        let config = with(&host.simple(), keys);
        let answer = || host.call("ADD", &config).args(args).run().addresses();
        assert_eq!(answer(), ["10.6.1.2/16"], "{name}");
        assert_eq!(answer(), ["10.6.1.2/16"], "{name} again");
    }
}

#[test]
fn one_of_each_family() {
    let host = Host::new();
    let config = host.config(json!({"pools": [pool_v4(), pool_v6()]}));
    let config = with(&config, json!({"runtimeConfig": {"ips": ["fd00:6::99", "10.6.1.2"]}}));
    assert_eq!(host.call("ADD", &config).run().addresses(), ["10.6.1.2/16", "fd00:6::99/64"]);
    let message = host.call("ADD", &config).id("c2").args("IP=10.6.1.3").run().error(7);
    assert!(message.starts_with("both 10.6.1.3 and 10.6.1.2 are asked for"), "{message}");
}

#[test]
fn refusals_say_why() {
    let host = Host::new();
    let mut pool = pool_v4();
    pool["excludeIPs"] = json!(["10.6.9.9"]);
    let config = host.config(json!({"pools": [pool]}));
    host.call("ADD", &config).args("IP=10.6.1.2").run().result();
    for (ask, want) in [
        ("10.6.1.2", "10.6.1.2 of IPPool v4 is held by container c1 on network net, NIC eth0"),
        (
            "10.6.0.1",
            "cannot give 10.6.0.1 to NIC eth0: it is not among the addresses that IPPool v4 gives out",
        ),
        ("10.6.9.9", "it is not among the addresses that IPPool v4 gives out"),
        ("10.7.0.1/24", "it is not among the addresses that IPPool v4 gives out"),
        (
            "10.6.1.3/24",
            "10.6.1.3/24 is asked for, but IPPool v4 has the prefix length 16; want 10.6.1.3/16 or 10.6.1.3",
        ),
        ("fd00::1", "cannot give fd00::1 to NIC eth0: no IPPool is named for it"),
    ] {
        let message = host.call("ADD", &config).id("c2").args(&format!("IP={ask}")).run().error(101);
        assert!(message.contains(want), "{ask}: {message}");
    }
    assert_eq!(host.records(), ["10.6.1.2 net/c1/eth0"]);
    let message = host.call("ADD", &config).args("IP=10.6.1.7").run().error(101);
    assert!(message.contains("the NIC holds 10.6.1.2 of IPPool v4 already"), "{message}");
}

#[test]
fn malformed_asks() {
    let host = Host::new();
    let message = host.call("ADD", &host.simple()).args("IP=10.6.0.300").run().error(4);
    assert!(message.starts_with("failed to load CNI ENV args: ARGS: error parsing value"), "{message}");
    let config = with(&host.simple(), json!({"runtimeConfig": {"ips": ["10.6.0.10/99"]}}));
    let message = host.call("ADD", &config).run().error(7);
    assert!(message.contains(r#"runtimeConfig.ips[0] is "10.6.0.10/99""#), "{message}");
    let config = with(&host.simple(), json!({"args": {"cni": {"ips": ["::ffff:10.6.0.10"]}}}));
    let message = host.call("ADD", &config).run().error(7);
    assert!(message.contains("it is an IPv4-mapped IPv6 address"), "{message}");
    assert!(!host.store().exists(), "nothing was touched");
}
