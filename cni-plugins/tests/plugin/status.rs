//! STATUS: could an ADD be served?

use std::fs;

use serde_json::json;

use crate::host::{Host, pool_v4, pool_v6, small};

#[test]
fn before_the_first_add() {
    let host = Host::new();
    host.call("STATUS", &host.simple()).run().silent();
    assert!(!host.store().exists(), "a STATUS makes no store");
    let message = host.call("STATUS", &host.config(json!({}))).run().error(50);
    assert!(message.starts_with("no IPPool can serve: there is no store at"), "{message}");
    let mut closed = pool_v4();
    closed["disable"] = json!(true);
    let message = host.call("STATUS", &host.config(json!({"pools": [closed]}))).run().error(50);
    assert_eq!(message, "no IPPool can serve: no IPv4 address is free: disabled IPPool v4");
    let elsewhere = host.config(json!({"pools": [pool_v4()], "store": {"path": host.path("none/ipam.db")}}));
    let message = host.call("STATUS", &elsewhere).run().error(50);
    assert!(message.contains("does not exist; make it with"), "{message}");
}

#[test]
fn a_full_pool_and_a_disabled_one() {
    let host = Host::new();
    let config = host.config(json!({"pools": [small(1), pool_v6()]}));
    host.add("a", &config);
    let message = host.call("STATUS", &config).run().error(50);
    assert_eq!(
        message,
        "no IPPool can serve: no IPv4 address is free: all IP addresses used out in IPPool small (it can give out 1)"
    );
    host.del("a", &config);
    host.call("STATUS", &config).run().silent();
    let mut closed = small(1);
    closed["disable"] = json!(true);
    let closed = host.config(json!({"pools": [closed, pool_v6()]}));
    host.call("ADD", &closed).id("b").run().error(100);
    assert!(host.call("STATUS", &closed).run().error(50).contains("disabled IPPool small"));
}

#[test]
fn a_resting_address_counts() {
    let host = Host::new();
    let config = host.config(json!({"pools": [small(1)], "store": {"addressCooldown": 3600}}));
    host.add("a", &config);
    host.del("a", &config);
    host.call("STATUS", &config).run().silent();
    assert_eq!(host.add("b", &config), ["10.9.0.1/24"]);
}

#[test]
fn what_is_named_must_be_there() {
    let host = Host::new();
    host.add("a", &host.simple());
    let config = host.config(json!({"default_ipv4_ippool": ["other"]}));
    let message = host.call("STATUS", &config).run().error(50);
    assert!(
        message.contains(
            "failed to get original IPPool other: SpiderIPPool.spiderpool.spidernet.io \"other\" not found"
        ),
        "{message}"
    );
    host.call("STATUS", &host.config(json!({"default_ipv4_ippool": ["v*"]}))).run().silent();
}

#[test]
fn a_store_that_cannot_be_read() {
    let host = Host::new();
    fs::write(
        host.store(),
        "this is no data base, though it is long enough to be looked at by all means".repeat(99),
    )
    .unwrap();
    let message = host.call("STATUS", &host.simple()).run().error(50);
    assert!(message.contains("is damaged"), "{message}");
    // A wrong configuration is that first of all.
    host.call("STATUS", &host.config(json!({"pools": 1}))).run().error(7);
}
