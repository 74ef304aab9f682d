//! Inline pools: their faults, their updates, and what contradicts them.

use serde_json::{Value, json};

use crate::host::{Host, pool_v4, small, with};

fn applied(mut pool: Value) -> Value {
    pool.as_object_mut().unwrap().remove("name");
    pool
}

#[test]
fn all_faults_at_once_each_with_its_path() {
    let host = Host::new();
    let config = host.config(json!({"pools": [
        {"name": "a", "subnet": "10.6.0.0/24", "ips": ["10.6.0.1", "10.7.0.1"], "gateway": "10.8.0.1"},
        {"name": "b", "subnet": "10.6.0.1/24", "ips": ["10.6.0.300"]},
        {"name": "a", "subnet": "10.9.0.0/24", "ips": ["10.9.0.1"]},
    ]}));
    let message = host.call("ADD", &config).run().error(7);
    for want in [
        "ipam.pools[0].ips[1]: Invalid value: \"10.7.0.1\"",
        "ipam.pools[0].gateway: Invalid value: \"10.8.0.1\"",
        "ipam.pools[1].subnet: Invalid value: \"10.6.0.1/24\"",
        "ipam.pools[2].name: a is the name of ipam.pools[0] too",
    ] {
        assert!(message.contains(want), "{want}\n{message}");
    }
    assert!(!message.contains("; spec."), "{message}");
    assert!(!host.store().exists());
}

#[test]
fn an_unchanged_pool_is_stored_once() {
    let host = Host::new();
    // Written as a person writes, stored in canonical form.
    let config = host.config(json!({"pools": [{"name": "a", "subnet": "10.6.0.0/24", "ips": ["10.6.0.9", "10.6.0.2", "10.6.0.3"]}]}));
    for id in ["c1", "c2", "c3"] {
        host.add(id, &config);
    }
    assert_eq!(host.logged("pool of the configuration stored").len(), 1);
}

#[test]
fn a_pool_may_grow_and_shrink_to_what_is_in_use() {
    let host = Host::new();
    let config = |count| host.config(json!({"pools": [small(count)]}));
    host.add("a", &config(1));
    assert_eq!(host.add("b", &config(2)), ["10.9.0.2/24"]);
    let message = host.call("ADD", &config(1)).id("c").run().error(104);
    assert!(
        message.contains("remove an IP address 10.9.0.2 that is being used by container b on network net"),
        "{message}"
    );
    host.del("b", &config(1));
    host.call("ADD", &config(1)).id("c").run().error(100);
    assert_eq!(host.records(), ["10.9.0.1 net/a/eth0"]);
}

#[test]
fn what_was_applied_is_not_changed_by_a_configuration() {
    let host = Host::new();
    host.apply("small", applied(small(1))).unwrap();
    // The same is no contradiction.
    assert_eq!(host.add("a", &host.config(json!({"pools": [small(1)]}))), ["10.9.0.1/24"]);
    let message = host.call("ADD", &host.config(json!({"pools": [small(2)]}))).id("b").run().error(104);
    assert!(message.contains("SpiderIPPool small comes from `spiderpoolctl apply`"), "{message}");
    assert!(message.contains("cannot be changed by the configuration of network net"), "{message}");
    let message = host.call("STATUS", &host.config(json!({"pools": [small(2)]}))).run().error(50);
    assert!(message.contains("`spiderpoolctl apply`"), "{message}");
    // A DEL goes on.
    host.del("a", &host.config(json!({"pools": [small(2)]})));
}

#[test]
fn nor_the_other_way_round_nor_by_another_network() {
    let host = Host::new();
    let config = host.config(json!({"pools": [small(1)]}));
    host.add("a", &config);
    let error = host.apply("small", applied(small(2))).unwrap_err().to_string();
    assert!(error.contains("comes from the configuration of network net"), "{error}");
    let web = with(&host.config(json!({"pools": [small(2)]})), json!({"name": "web"}));
    let message = host.call("ADD", &web).id("b").run().error(104);
    assert!(message.contains("network net") && message.contains("network web"), "{message}");
    // Two networks may share a pool that both write alike.
    let same = with(&config, json!({"name": "web"}));
    host.del("a", &config);
    assert_eq!(host.add("b", &same), ["10.9.0.1/24"]);
}

#[test]
fn pools_may_not_overlap() {
    let host = Host::new();
    host.add("a", &host.simple());
    let mut other = pool_v4();
    other["name"] = json!("other");
    let web = with(&host.config(json!({"pools": [other]})), json!({"name": "web"}));
    let message = host.call("ADD", &web).id("b").run().error(104);
    assert!(message.contains("overlap") && message.contains("v4"), "{message}");
    assert_eq!(host.records().len(), 1);
}
