//! DEL and GC.

use std::fs;

use serde_json::{Value, json};

use crate::host::{Host, pool_v4, small, with};

#[test]
fn del_is_idempotent_and_silent() {
    let host = Host::new();
    let config = host.simple();
    host.call("DEL", &config).run().silent();
    assert!(!host.store().exists(), "a DEL makes no store");
    host.add("c1", &config);
    host.add("c2", &config);
    for _ in 0..3 {
        host.call("DEL", &config).without("CNI_NETNS").run().silent();
    }
    host.call("DEL", &config).id("never-was").run().silent();
    assert_eq!(host.records(), ["10.6.0.11 net/c2/eth0"]);
    let freed: Vec<Value> =
        host.logged("addresses freed").iter().map(|line| line["addresses"].clone()).collect();
    assert_eq!(freed, [json!(["10.6.0.10"]), json!([]), json!([]), json!([])]);
}

#[test]
fn del_is_not_stopped_by_what_only_an_add_needs() {
    for ipam in [
        json!({"pools": "all"}),
        json!({"pools": [{"name": "v4", "subnet": "nonsense", "ips": [3]}]}),
        json!({"pools": null}),
        json!({"default_ipv4_ippool": 4}),
        json!({"default_ipv4_ippool": ["no-such-pool", "[]*"]}),
        json!({"clean_gateway": "yes"}),
        json!({"routes": [{"dst": "x"}]}),
        json!({"resolvConf": "/no/such/file"}),
        json!({"store": {"allocationPolicy": "best"}}),
        json!({"store": {"addressCooldown": "soon"}}),
    ] {
        let host = Host::new();
        host.add("c1", &host.simple());
        host.del("c1", &host.config(ipam.clone()));
        assert_eq!(host.records(), [""; 0], "{ipam}");
    }
}

#[test]
fn del_needs_to_know_which_store() {
    let host = Host::new();
    let message = host.call("DEL", &host.config(json!({"store": {"path": null}}))).run().error(7);
    assert!(message.contains("ipam.store.path is missing"), "{message}");
    let message = host.call("DEL", &host.simple()).args("FOO=1").run().error(4);
    assert!(message.starts_with(r#"failed to load CNI ENV args: ARGS: unknown args ["FOO=1"]"#), "{message}");
}

#[test]
fn del_after_the_store_is_gone() {
    let host = Host::new();
    let config = host.simple();
    host.add("c1", &config);
    fs::remove_file(host.store()).unwrap();
    host.call("DEL", &config).run().silent();
    assert_eq!(host.logged("the store is gone, and what it had is not known").len(), 1);
    // But no ADD makes a new one in its place.
    let message = host.call("ADD", &config).run().error(102);
    assert!(message.contains("has been deleted"), "{message}");
}

#[test]
fn a_freed_address_can_be_had_again() {
    let host = Host::new();
    let config = host.config(json!({"pools": [small(1)]}));
    for id in ["a", "b", "c"] {
        assert_eq!(host.add(id, &config), ["10.9.0.1/24"]);
        host.del(id, &config);
    }
}

fn valid(config: &Value, list: &[(&str, &str)]) -> Value {
    let list: Vec<Value> = list.iter().map(|(id, nic)| json!({"containerID": id, "ifname": nic})).collect();
    with(config, json!({"cni.dev/valid-attachments": list}))
}

#[test]
fn gc_frees_what_is_not_listed_on_this_network() {
    let host = Host::new();
    let config = host.simple();
    let web = with(&config, json!({"name": "web"}));
    host.add("a", &config);
    host.call("ADD", &config).id("a").nic("net1").run().result();
    host.add("b", &config);
    host.add("c", &web);
    host.call("GC", &valid(&config, &[("a", "eth0"), ("unknown", "eth0")])).run().silent();
    assert_eq!(host.records(), ["10.6.0.10 net/a/eth0", "10.6.0.13 web/c/eth0"]);
    host.call("GC", &valid(&config, &[])).run().silent();
    assert_eq!(host.records(), ["10.6.0.13 web/c/eth0"]);
    // The attachment is free too: a new ADD is a new one.
    assert_eq!(host.add("a", &config), ["10.6.0.14/16"]);
}

#[test]
fn gc_without_a_list_frees_nothing() {
    let host = Host::new();
    let config = host.simple();
    host.add("a", &config);
    let message = host.call("GC", &config).run().error(7);
    assert!(message.starts_with("cni.dev/valid-attachments is missing"), "{message}");
    let broken = with(&config, json!({"cni.dev/valid-attachments": [{"containerID": "a"}]}));
    host.call("GC", &broken).run().error(7);
    assert_eq!(host.records().len(), 1);
    // A list that is empty, or null as Go writes an empty one, is a statement.
    host.call("GC", &config)
        .stdin(config.to_string().replacen('{', r#"{"cni.dev/valid-attachments":null,"#, 1))
        .run()
        .silent();
    assert_eq!(host.records(), [""; 0]);
}

#[test]
fn gc_without_a_store_is_done() {
    let host = Host::new();
    let config = host.config(json!({"pools": [pool_v4()], "store": {"path": host.path("none/ipam.db")}}));
    host.call("GC", &valid(&config, &[])).run().silent();
    assert!(!host.path("none").exists());
}
