//! Stores that cannot be used, and those that others use.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use cni_plugins::cni::{Exit, run};
use cni_plugins::spiderpool::Spiderpool;
use serde_json::{Value, json};

use crate::host::{Host, pool_v4};

#[test]
fn unusable_stores_are_left_alone() {
    let garbage = "this is no data base, though it is long enough to be looked at by all means".repeat(99);
    let host = Host::new();
    fs::write(host.store(), &garbage).unwrap();
    for command in ["ADD", "DEL"] {
        let message = host.call(command, &host.simple()).run().error(102);
        assert!(message.contains("is damaged"), "{message}");
    }
    assert_eq!(fs::read_to_string(host.store()).unwrap(), garbage);
}

#[test]
fn a_store_that_was_cut_short() {
    let host = Host::new();
    host.add("c1", &host.simple());
    let file = fs::OpenOptions::new().write(true).open(host.store()).unwrap();
    file.set_len(0).unwrap();
    let message = host.call("ADD", &host.simple()).id("c2").run().error(102);
    assert!(message.contains(host.store().to_str().unwrap()), "{message}");
}

/// SQLite's file format, section 1.3: user version at 60, application id at 68.
#[test]
fn stores_of_others() {
    for (offset, want) in [(60, "has schema version"), (68, "is a SQLite data base of another program")] {
        let host = Host::new();
        host.add("c1", &host.simple());
        let mut bytes = fs::read(host.store()).unwrap();
        bytes[offset..offset + 4].copy_from_slice(&[0, 0, 99, 99]);
        fs::write(host.store(), &bytes).unwrap();
        for command in ["ADD", "DEL"] {
            let message = host.call(command, &host.simple()).run().error(102);
            assert!(message.contains(want), "{message}");
        }
        assert_eq!(fs::read(host.store()).unwrap(), bytes);
    }
}

#[test]
fn places_where_no_store_can_be() {
    let host = Host::new();
    let at = |path: Value| host.config(json!({"pools": [pool_v4()], "store": {"path": path}}));
    let message = host.call("ADD", &at(json!(host.path("none/ipam.db")))).run().error(5);
    assert!(message.contains("does not exist; make it with `mkdir -p"), "{message}");
    assert!(!host.path("none").exists(), "a directory that is gone is a mistake to be noticed");
    let message = host.call("ADD", &at(json!(host.path("")))).run().error(7);
    assert!(message.contains("cannot be a store"), "{message}");
    let message = host.call("ADD", &host.config(json!({}))).run().error(5);
    assert!(message.starts_with("there is no store at "), "{message}");
}

#[test]
fn a_busy_store_is_waited_for_until_the_limit() {
    let host = Host::new();
    host.add("c1", &host.simple());
    let mut other = host.open();
    let turn = other.session(Duration::from_secs(30)).unwrap();
    let env = BTreeMap::from([
        ("CNI_COMMAND", "ADD"),
        ("CNI_CONTAINERID", "c2"),
        ("CNI_NETNS", "/run/netns/none"),
        ("CNI_IFNAME", "eth0"),
    ]);
    let ask = |limit| {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let plugin = Spiderpool::default().with_limit(limit);
        let config = host.simple().to_string();
        let exit = run(&plugin, &env, &mut config.as_bytes(), &mut stdout, &mut stderr);
        (exit, serde_json::from_slice::<Value>(&stdout).unwrap())
    };
    let (exit, error) = ask(Duration::from_millis(20));
    assert_eq!(exit, Exit::Failure);
    assert_eq!(error["code"], 11);
    assert!(error["msg"].as_str().unwrap().contains("another process holds"), "{error}");
    drop(turn);
    let (exit, answer) = ask(Duration::from_secs(30));
    assert_eq!(exit, Exit::Success, "{answer}");
}

#[test]
fn many_at_once_get_distinct_addresses() {
    let host = Host::new();
    let config = host.simple();
    let mut addresses: Vec<Vec<String>> = std::thread::scope(|scope| {
        let add = |id: usize| {
            let (host, config) = (&host, &config);
            scope.spawn(move || host.add(&format!("c{id}"), config))
        };
        let calls: Vec<_> = (0..24).map(add).collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    addresses.sort();
    addresses.dedup();
    assert_eq!(addresses.len(), 24);
    assert_eq!(host.records().len(), 24);
}
