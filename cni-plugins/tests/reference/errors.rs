//! `docs/reference/errors.md` has every number that the plugin can answer, and its examples are what the plugin says: each is provoked.
//!
//! Below the heading of a number stand blocks marked `text`, one message each, with `…` for what differs from case to case.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use cni_plugins::spiderpool::{Code, Spiderpool};
use ipam_local::{LocalStore, OpenMode};
use serde_json::{Value, json};

use crate::server::{Reply, Server};
use crate::{blocks, call, call_as, read};

const PAGE: &str = "docs/reference/errors.md";

/// Not provoked: no way to it is known, which is its meaning.
const INTERNAL: u64 = 999;

/// A folder, and calls of the plugin on a store in it.
struct Host(tempfile::TempDir);

impl Host {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_string_lossy().into_owned()
    }

    /// A configuration with one pool of two addresses; `with` is laid over its `ipam`, null takes a key away.
    fn config(&self, with: &Value) -> Value {
        let mut ipam = json!({
            "type": "spiderpool",
            "store": {"path": self.path("ipam.db")},
            "log_file_path": self.path("log"),
            "pools": [{"name": "lan", "subnet": "10.6.0.0/24", "ips": ["10.6.0.10-10.6.0.11"]}],
        });
        for (key, value) in with.as_object().unwrap() {
            ipam[key] = value.clone();
        }
        json!({"cniVersion": "1.1.0", "name": "mynet", "type": "bridge", "ipam": ipam})
    }

    fn run(&self, command: &str, id: &str, args: &str, config: &Value) -> Option<Value> {
        let env = [
            ("CNI_COMMAND", command),
            ("CNI_CONTAINERID", id),
            ("CNI_IFNAME", "eth0"),
            ("CNI_NETNS", "/run/netns/none"),
            ("CNI_PATH", "/opt/cni/bin"),
            ("CNI_ARGS", args),
        ];
        call(&env, &config.to_string())
    }

    /// The refusal of an ADD of container `c1`.
    fn refuses(&self, with: &Value) -> Value {
        self.run("ADD", "c1", "", &self.config(with)).unwrap()
    }

    fn add(&self, id: &str) -> Value {
        self.run("ADD", id, "", &self.config(&json!({}))).unwrap()
    }
}

/// Every failure that the page shows.
fn provoked() -> Vec<Value> {
    let host = Host::new();
    let plain = host.config(&json!({}));
    let mut all = Vec::new();

    let mut old = plain.clone();
    old["cniVersion"] = json!("0.2.0");
    all.push(host.run("ADD", "c1", "", &old).unwrap());
    old["cniVersion"] = json!("1.0.0");
    all.push(host.run("GC", "", "", &old).unwrap());

    all.push(call(&[("CNI_COMMAND", "ADD")], &plain.to_string()).unwrap());
    all.push(host.run("ADD", "c1", "FOO=1", &plain).unwrap());
    all.push(host.run("ADD", "c1", "IP=10.6.0.300", &plain).unwrap());

    all.push(host.refuses(&json!({"pools": null})));
    all.push(host.refuses(&json!({"store": {"path": host.path("gone/ipam.db")}})));
    all.push(host.refuses(&json!({"resolvConf": host.path("gone")})));
    all.push(host.refuses(&json!({"log_file_path": "/proc/none/log"})));

    all.push(call(&[("CNI_COMMAND", "STATUS")], "").unwrap());

    all.push(host.refuses(&json!({"store": {"path": null}})));
    all.push(host.refuses(&json!({"store": {"path": 5}})));
    all.push(host.refuses(&json!({"store": {"path": host.path("ipam.db"), "allocationPolicy": "random"}})));
    let bad = json!([{"name": "lan", "subnet": "10.6.0.0/24", "ips": ["10.6.0.300", "10.7.0.1"], "gateway": "10.6.1.1"}]);
    all.push(host.refuses(&json!({"pools": bad})));
    let mut asks = plain.clone();
    asks["args"] = json!({"cni": {"ips": ["10.6.0.10", "10.6.0.11"]}});
    all.push(host.run("ADD", "c1", "", &asks).unwrap());
    all.push(host.refuses(&json!({"default_ipv4_ippool": ["lam"]})));
    all.push(host.run("CHECK", "c1", "", &plain).unwrap());
    all.push(host.run("GC", "", "", &plain).unwrap());

    let env = [
        ("CNI_COMMAND", "ADD"),
        ("CNI_CONTAINERID", "c1"),
        ("CNI_IFNAME", "eth0"),
        ("CNI_NETNS", "/proc/self/ns/net"),
    ];
    all.push(call(&env, &plain.to_string()).unwrap());

    all.extend(after_an_add());
    all.extend(with_an_agent());
    all
}

/// Those of a configuration without a store. The agent answers by the pod that it is asked for.
fn with_an_agent() -> Vec<Value> {
    let host = Host::new();
    let socket = host.path("agent.sock");
    let mut config = host.config(&json!({"store": null, "pools": null, "ipam_unix_socket_path": socket}));
    let run = |command: &str, pod: &str, netns: &str, config: &Value| {
        let args = format!("K8S_POD_NAMESPACE=default;K8S_POD_NAME={pod};K8S_POD_UID=5b0c");
        let env = [
            ("CNI_COMMAND", command),
            ("CNI_CONTAINERID", "c1"),
            ("CNI_IFNAME", "eth0"),
            ("CNI_NETNS", netns),
            ("CNI_NETNS_OVERRIDE", "1"),
            ("CNI_ARGS", if pod.is_empty() { "" } else { &args }),
        ];
        call_as(Spiderpool::default(), &env, &config.to_string()).unwrap()
    };
    let add = |pod: &str, config: &Value| run("ADD", pod, "/proc/self/ns/net", config);
    let mut all = vec![run("ADD", "web", "/run/netns/none", &config), add("web", &config)];
    all.push(run("STATUS", "web", "", &config));
    let agent = Server::start(Path::new(&socket), |seen| {
        let other = json!({"interfaces": [{"interface": "eth0", "ipv4": "10.6.0.11/24"}], "podUID": "5b0c"});
        let old = json!({"interfaces": [], "podUID": "9e21"});
        match (seen.line.as_str(), seen.body["podName"].as_str()) {
            ("GET /v1/ipam/healthy", _) => Reply::Empty(200),
            ("GET /v1/workloadendpoint?podNamespace=default&podName=web", _) => Reply::Json(200, other),
            ("GET /v1/workloadendpoint?podNamespace=default&podName=old", _) => Reply::Json(200, old),
            (line, _) if line.starts_with("GET /v1/workloadendpoint") => {
                Reply::Json(404, json!("SpiderEndpoint not found for pod default/gone"))
            }
            (_, Some("web")) => Reply::Json(500, json!("no IPPool available")),
            (_, Some("hasty")) => Reply::HangUp,
            (_, Some("other")) => Reply::Json(200, json!({"ips": []})),
            _ => Reply::Json(200, json!({})),
        }
    });
    all.extend(["web", "hasty", "other", "odd"].map(|pod| add(pod, &config)));
    config["prevResult"] = json!({"cniVersion": "1.1.0", "ips": [{"address": "10.6.0.10/24"}]});
    all.extend(["web", "old", "gone", ""].map(|pod| run("CHECK", pod, "/proc/self/ns/net", &config)));
    drop(agent);
    all
}

/// Those that need a store with something in it.
fn after_an_add() -> Vec<Value> {
    let host = Host::new();
    let plain = host.config(&json!({}));
    let mut all = Vec::new();
    assert_eq!(host.add("c1")["ips"][0]["address"], "10.6.0.10/24");

    let mut store = LocalStore::open(host.path("ipam.db"), OpenMode::MustExist, Duration::ZERO).unwrap();
    let session = store.session(Duration::from_secs(10)).unwrap();
    all.push(host.add("c2"));
    drop(session);
    drop(store);

    all.push(host.run("ADD", "c2", "IP=10.6.0.10", &plain).unwrap());
    all.push(host.run("ADD", "c2", "IP=10.6.0.99", &plain).unwrap());
    let mut other = plain.clone();
    other["args"] = json!({"cni": {"ips": ["10.6.0.11/16"]}});
    all.push(host.run("ADD", "c2", "", &other).unwrap());

    host.add("c2");
    all.push(host.add("c3"));
    all.push(host.run("STATUS", "", "", &plain).unwrap());
    all.push(host.refuses(&json!({"pools": [], "default_ipv4_ippool": []})));
    all.push(host.run("ADD", "c3", "", &host.config(&json!({"default_ipv4_ippool": ["x-*"]}))).unwrap());

    let mut prev = plain.clone();
    prev["prevResult"] = json!({"cniVersion": "1.1.0", "ips": [{"address": "10.6.0.11/24"}]});
    all.push(host.run("CHECK", "c1", "", &prev).unwrap());
    all.push(host.run("CHECK", "c9", "", &prev).unwrap());

    let shrunk = json!([{"name": "lan", "subnet": "10.6.0.0/24", "ips": ["10.6.0.11"]}]);
    all.push(host.refuses(&json!({"pools": shrunk})));
    let mut stranger = host.config(&json!({"pools": shrunk}));
    stranger["name"] = json!("othernet");
    all.push(host.run("ADD", "c1", "", &stranger).unwrap());

    fs::write(host.path("ipam.db"), "overwritten\n").unwrap();
    all.push(host.add("c1"));
    fs::remove_file(host.path("ipam.db")).unwrap();
    all.push(host.add("c1"));
    all
}

/// The numbers of the page with their examples.
fn documented() -> BTreeMap<u64, Vec<String>> {
    let page = read(PAGE);
    let sections = page.split("\n## ").skip(1);
    let numbered = sections.filter_map(|section| {
        let number = section.split_whitespace().next()?.parse().ok()?;
        Some((
            number,
            blocks(section, "text").into_iter().map(|(_, text)| text.trim_end().to_owned()).collect(),
        ))
    });
    numbered.collect()
}

/// As the page shows it: what is said, and in brackets what more there is.
fn shown(answer: &Value) -> String {
    let text = |key: &str| answer[key].as_str().unwrap_or_default();
    let details = text("details");
    if details.is_empty() { text("msg").to_owned() } else { format!("{} ({details})", text("msg")) }
}

fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('…');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut last = "";
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else { return false };
        (rest, last) = (after, part);
    }
    rest.is_empty() || (pattern.contains('…') && text.ends_with(last))
}

#[test]
fn every_example_is_said_and_every_number_listed() {
    let mut left = documented();
    let mut wrong = String::new();
    for answer in provoked() {
        let (code, said) = (answer["code"].as_u64().unwrap(), shown(&answer));
        let Some(examples) = left.get_mut(&code) else {
            wrong.push_str(&format!("\ncode {code} has no section: {said}"));
            continue;
        };
        match examples.iter().position(|example| matches(example, &said)) {
            Some(found) => drop(examples.remove(found)),
            None => wrong.push_str(&format!("\n## {code}\n```text\n{said}\n```")),
        }
    }
    for (code, examples) in &left {
        for example in examples {
            wrong.push_str(&format!("\ncode {code}: nobody says: {example}"));
        }
    }
    assert!(wrong.is_empty(), "{PAGE}:{wrong}");
}

#[test]
fn the_table_lists_the_sections_and_the_plugins_own_numbers() {
    let page = read(PAGE);
    let rows = crate::rows(&page, "# Error codes");
    let listed: Vec<u64> = rows.iter().map(|row| row[0].parse().unwrap()).collect();
    assert_eq!(listed, documented().into_keys().collect::<Vec<_>>());
    for code in Code::ALL {
        assert!(listed.contains(&u64::from(code.number())), "{code:?} is not listed");
    }
    assert!(listed.contains(&INTERNAL));
}
