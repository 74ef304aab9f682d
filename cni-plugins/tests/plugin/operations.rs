//! ADD and CHECK, and what every operation answers in every version.

use serde_json::json;

use crate::host::{Host, pool_v4, pool_v6, small, with};

const VERSIONS: [&str; 5] = ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"];

#[test]
fn every_operation_in_every_version() {
    for version in VERSIONS {
        let host = Host::new();
        let config = with(&host.simple(), json!({"cniVersion": version}));
        let result = host.call("ADD", &config).run().result();
        let mut ip = json!({"address": "10.6.0.10/16", "gateway": "10.6.0.1"});
        if version < "1.0.0" {
            ip["version"] = json!("4");
        }
        let want = json!({"cniVersion": version, "ips": [ip], "routes": [{"dst": "0.0.0.0/0", "gw": "10.6.0.1"}], "dns": {}});
        assert_eq!(result, want);

        let check = host.call("CHECK", &with(&config, json!({"prevResult": result}))).run();
        if version < "0.4.0" {
            assert!(check.error(1).starts_with("config version does not allow CHECK"), "{version}");
        } else {
            check.silent();
        }
        host.call("DEL", &with(&config, json!({"prevResult": result}))).run().silent();
        assert_eq!(host.records(), [""; 0]);

        let gc = host.call("GC", &with(&config, json!({"cni.dev/valid-attachments": []}))).run();
        let status = host.call("STATUS", &config).run();
        if version < "1.1.0" {
            gc.error(1);
            status.error(1);
        } else {
            gc.silent();
            status.silent();
        }
        let answer = host.call("VERSION", &config).run().result();
        assert_eq!(answer, json!({"cniVersion": version, "supportedVersions": VERSIONS}));
    }
    let host = Host::new();
    for version in ["0.1.0", "0.2.0", "1.2.0", ""] {
        let answer = host.call("ADD", &with(&host.simple(), json!({"cniVersion": version}))).run();
        assert!(answer.error(1).starts_with("incompatible CNI versions"), "{version}");
    }
}

#[test]
fn a_person_at_a_terminal_is_told_what_it_is() {
    let host = Host::new();
    let answer = host.call("ADD", &json!({})).without("CNI_COMMAND").run();
    assert_eq!((answer.code, answer.stdout.as_str()), (0, ""));
    assert!(answer.stderr.starts_with("CNI IPAM plugin spiderpool v"), "{}", answer.stderr);
}

#[test]
fn two_families_in_one_answer() {
    let host = Host::new();
    let mut v4 = pool_v4();
    v4["routes"] = json!([{"dst": "172.16.0.0/16", "gw": "10.6.0.2"}]);
    let config = host.config(json!({"pools": [pool_v6(), v4]}));
    let result = host.call("ADD", &config).run().result();
    assert_eq!(
        result,
        json!({
            "cniVersion": "1.1.0",
            "ips": [
                {"address": "10.6.0.10/16", "gateway": "10.6.0.1"},
                {"address": "fd00:6::10/64", "gateway": "fd00:6::1"},
            ],
            "routes": [
                {"dst": "172.16.0.0/16", "gw": "10.6.0.2"},
                {"dst": "0.0.0.0/0", "gw": "10.6.0.1"},
                {"dst": "::/0", "gw": "fd00:6::1"},
            ],
            "dns": {},
        })
    );
    host.call("CHECK", &with(&config, json!({"prevResult": result}))).run().silent();
    host.del("c1", &config);
    assert_eq!(host.records(), [""; 0]);
}

#[test]
fn two_families_or_none() {
    let host = Host::new();
    let config = host.config(json!({"pools": [small(1), pool_v6()]}));
    host.add("a", &config);
    let message = host.call("ADD", &config).id("b").run().error(100);
    assert_eq!(
        message,
        "spiderpool IP allocation error: failed to allocate any IPv4 IP address to NIC eth0 from IPPools [small]: \
         all IP addresses used out in IPPool small (it can give out 1), for container b on network net"
    );
    assert_eq!(host.records(), ["10.9.0.1 net/a/eth0", "fd00:6::10 net/a/eth0"]);
}

#[test]
fn a_repeated_add_gets_the_same() {
    let host = Host::new();
    let config = host.config(json!({"pools": [pool_v4(), pool_v6()]}));
    let first = host.call("ADD", &config).run().result();
    host.add("other", &config);
    assert_eq!(host.call("ADD", &config).run().result(), first);
    // Stored state decides, not the policy, and not whether the pool still gives out new ones.
    let mut closed = pool_v4();
    closed["disable"] = json!(true);
    let config = host.config(json!({"pools": [closed, pool_v6()], "store": {"allocationPolicy": "spread"}}));
    assert_eq!(host.call("ADD", &config).run().result(), first);
    let refused = host.call("ADD", &config).id("new").run().error(100);
    assert!(refused.contains("disabled IPPool v4"), "{refused}");
    assert_eq!(host.records().len(), 4);
}

#[test]
fn interfaces_and_networks_are_apart() {
    let host = Host::new();
    let config = host.simple();
    let other = with(&config, json!({"name": "web"}));
    let mut all = vec![
        host.add("c1", &config),
        host.call("ADD", &config).nic("net1").run().addresses(),
        host.add("c1", &other),
        host.add("c2", &config),
    ];
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 4);
    host.del("c1", &config);
    assert_eq!(host.records(), ["10.6.0.11 net/c1/net1", "10.6.0.12 web/c1/eth0", "10.6.0.13 net/c2/eth0"]);
}

#[test]
fn policies() {
    for (policy, want) in
        [("lowest", ["10.6.0.10/16", "10.6.0.10/16"]), ("rotate", ["10.6.0.10/16", "10.6.0.11/16"])]
    {
        let host = Host::new();
        let config = host.config(json!({"pools": [pool_v4()], "store": {"allocationPolicy": policy}}));
        let first = host.add("a", &config);
        host.del("a", &config);
        assert_eq!([first[0].as_str(), host.add("b", &config)[0].as_str()], want, "{policy}");
    }
    let host = Host::new();
    let spread = host.config(json!({"pools": [pool_v4()], "store": {"allocationPolicy": "spread"}}));
    let first = host.add("a", &spread);
    host.del("a", &spread);
    host.add("b", &spread);
    assert_eq!(host.add("a", &spread), first, "the same owner falls on the same address");
}

#[test]
fn a_freed_address_rests() {
    let host = Host::new();
    let config = host.config(
        json!({"pools": [small(2)], "store": {"allocationPolicy": "lowest", "addressCooldown": "1h"}}),
    );
    assert_eq!(host.add("a", &config), ["10.9.0.1/24"]);
    host.del("a", &config);
    assert_eq!(host.add("b", &config), ["10.9.0.2/24"]);
    assert_eq!(host.add("c", &config), ["10.9.0.1/24"], "taken when nothing else is free");
}

#[test]
fn check_compares_both_ways() {
    let host = Host::new();
    let config = host.config(json!({"pools": [pool_v4(), pool_v6()]}));
    let result = host.call("ADD", &config).run().result();
    let check = |ips: serde_json::Value| {
        let mut result = result.clone();
        result["ips"] = ips;
        host.call("CHECK", &with(&config, json!({"prevResult": result}))).run()
    };
    let (v4, v6) = (json!({"address": "10.6.0.10/16"}), json!({"address": "fd00:6::10/64"}));
    check(json!([v4, v6])).silent();
    // From another plugin, out of no pool here.
    check(json!([v4, v6, {"address": "192.168.7.7/24"}])).silent();
    for (name, ips, want) in [
        (
            "other",
            json!([{"address": "10.6.0.11/16"}, v6]),
            "addresses that the store does not give it: 10.6.0.11",
        ),
        (
            "more",
            json!([v4, {"address": "10.6.0.12/16"}, v6]),
            "addresses that the store does not give it: 10.6.0.12",
        ),
        ("less", json!([v4]), "prevResult lacks fd00:6::10"),
        ("none", json!([]), "prevResult lacks 10.6.0.10, fd00:6::10"),
    ] {
        let message = check(ips).error(103);
        assert!(message.contains(want), "{name}: {message}");
    }
    let message = host.call("CHECK", &with(&config, json!({"prevResult": result}))).id("c2").run().error(103);
    assert!(message.contains("NIC eth0 of container c2 on network net"), "{message}");
    host.call("CHECK", &config).run().error(7);
    host.del("c1", &config);
    let empty = with(&config, json!({"prevResult": {"cniVersion": "1.1.0", "ips": []}}));
    let message = host.call("CHECK", &empty).run().error(103);
    assert_eq!(message, "the store has no address for NIC eth0 of container c1 on network net");
}

#[test]
fn records_are_confirmed_in_the_boot_that_runs() {
    let host = Host::new();
    let config = host.simple();
    let now = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap().trim().to_owned();
    let result = host.call("ADD", &config).run().result();
    assert_eq!(host.boots(), [now.as_str()]);
    host.reboot();
    assert_eq!(host.boots(), ["before"]);
    assert_eq!(host.call("ADD", &config).run().result(), result);
    assert_eq!(host.boots(), [now.as_str()], "by an ADD");
    host.reboot();
    host.call("CHECK", &with(&config, json!({"prevResult": result}))).run().silent();
    assert_eq!(host.boots(), [now.as_str()], "by a CHECK");
}

#[test]
fn check_without_a_store_fails() {
    let host = Host::new();
    let previous = json!({"prevResult": {"cniVersion": "1.1.0", "ips": [{"address": "10.6.0.10/16"}]}});
    let message = host.call("CHECK", &with(&host.simple(), previous)).run().error(5);
    assert!(message.starts_with("there is no store at "), "{message}");
    assert!(!host.store().exists());
}
