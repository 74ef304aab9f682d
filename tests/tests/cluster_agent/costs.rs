//! What each kind of ADD and DEL costs an agent in requests to the API server, with the account that an agent has.
//!
//! Requests are asserted one by one. `docs/reference/costs.md` is written from the same rows: with `UPDATE_DOCS=1` anew, otherwise it
//! is held against them (its bytes are of the run that wrote it).

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::{env, fs};

use ipam_k8s::client::{Count, Counts, Verb};
use ipam_k8s::watch::Source;
use serde_json::Value;

use crate::bed::{Agent, Bed, until};

/// The rows of `docs/reference/costs.md`.
#[derive(Default)]
struct Costs(Vec<(&'static str, String, String)>);

impl Costs {
    fn row(&mut self, what: &'static str, counts: &Counts, expected: &str) {
        assert_eq!(counts.to_string().replace('\n', ", "), expected, "{what}");
        self.told(what, counts, expected);
    }

    fn told(&mut self, what: &'static str, counts: &Counts, requests: &str) {
        let of = |bytes: fn(&Count) -> u64| counts.iter().map(|(_, _, count)| bytes(&count)).sum::<u64>();
        let bytes = format!("{} / {}", of(|count| count.sent_bytes), of(|count| count.received_bytes));
        self.0.push((what, if requests.is_empty() { "none".to_owned() } else { requests.to_owned() }, bytes));
    }

    fn write_or_compare(&self) {
        let mut text = HEAD.to_owned();
        for (what, requests, bytes) in &self.0 {
            writeln!(text, "| {what} | {requests} | {bytes} |").unwrap();
        }
        text.push_str(TAIL);
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/costs.md");
        if env::var_os("UPDATE_DOCS").is_some() {
            fs::write(&path, &text).unwrap();
        }
        let stored = fs::read_to_string(&path).unwrap();
        assert_eq!(
            without_bytes(&stored),
            without_bytes(&text),
            "write it anew with UPDATE_DOCS=1, and read the difference"
        );
    }
}

/// Bytes differ a little from run to run, by the length of versions and times.
fn without_bytes(text: &str) -> Vec<&str> {
    let cut = |line: &'_ str| line.trim_end_matches(" |").rfind(" | ").filter(|_| line.starts_with("| "));
    text.lines().map(|line| cut(line).map_or(line, |end| &line[..end])).collect()
}

const HEAD: &str = "\
# What an ADD and a DEL cost

Requests of an agent to the API server, counted below any retry, with its watches open. `tests/tests/cluster_agent/costs.rs` asserts each line against \
a real kube-apiserver and writes this page; the bytes are those of the bodies in the run that wrote it, sent / received.

| what | requests | bytes |
| --- | --- | --- |
";

const TAIL: &str = "
- An agent that has not heard yet of another one's write meets a conflict: it reads the pool and writes it again, two requests more.
- The spec of a pool is read when it changes, its status only where a request needs it. Endpoints are not watched.
- The Go original: ADD GET + PUT for each NIC and family, and one write of the endpoint; DEL GET Pod, GET endpoint, GET + PUT for each pool, and \
a patch. Its caches hold all pods, pools and endpoints of the cluster on each node.
";

const V4: &str = r#"{"ipv4":["p4"]}"#;
const BOTH: &str = r#"{"ipv4":["p4"],"ipv6":["p6"]}"#;

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_add_and_del() {
    let bed = Bed::new().await;
    let agent = bed.agent().await;
    let mut costs = Costs::default();
    for (name, pools) in [("warm", BOTH), ("one", V4), ("both", BOTH), ("cold", V4), ("late", V4)] {
        bed.pod(name, pools).await;
        agent.heard_of(&[name.to_owned()]).await;
    }
    agent.add("warm").await;

    let (first, counts) = agent.counted(agent.add("one")).await;
    costs.row("first ADD, one family", &counts, "1 create spiderendpoints, 1 update spiderippools/status");
    let (again, counts) = agent.counted(agent.add("one")).await;
    costs.row("the same ADD again", &counts, "");
    assert_eq!(first, again);
    let (both, counts) = agent.counted(agent.add("both")).await;
    costs.row("first ADD, both families", &counts, "1 create spiderendpoints, 2 update spiderippools/status");
    assert_eq!(both.ips.len(), 2);

    // An agent of another node, or this one after a restart.
    let other = bed.agent().await;
    other.heard_of(&["late".to_owned()]).await;
    let (again, counts) = other.counted(other.add("one")).await;
    costs.row("an ADD again, the agent has been restarted", &counts, "1 get spiderendpoints");
    assert_eq!(first, again);
    other.add("cold").await;
    let version = ["get", "spiderippool", "p4", "-o", "jsonpath={.metadata.resourceVersion}"];
    let written: u64 = bed.plane.kubectl(version).unwrap().success().unwrap().parse().unwrap();
    until("the agent hears that the pool was written", || {
        let pools = agent.ipam.known().sources();
        pools.iter().any(|state| {
            state.source == Source::Pools && state.version.parse::<u64>().is_ok_and(|heard| heard >= written)
        })
    })
    .await;
    let (_, counts) = agent.counted(agent.add("late")).await;
    costs.row(
        "first ADD, another agent has written the pool",
        &counts,
        "1 get spiderippools, 1 create spiderendpoints, 1 update spiderippools/status",
    );

    // Of a pod that lives nothing is released.
    let del = bed.del_of("both").await;
    let ((), counts) = agent.counted(agent.del(&del)).await;
    costs.row("DEL, the pod lives", &counts, "1 get pods");
    let del_one = bed.del_of("one").await;
    bed.delete("one").await;
    let ((), counts) = agent.counted(agent.del(&del_one)).await;
    costs.row(
        "DEL, the pod is gone, one family",
        &counts,
        "1 get pods, 1 get spiderendpoints, 1 update spiderippools/status, 1 patch spiderendpoints",
    );
    bed.delete("both").await;
    let ((), counts) = agent.counted(agent.del(&del)).await;
    costs.row(
        "DEL, the pod is gone, both families",
        &counts,
        "1 get pods, 1 get spiderendpoints, 2 update spiderippools/status, 1 patch spiderendpoints",
    );
    assert!(!bed.records("p6").contains("default/both"));
    let ((), counts) = agent.counted(agent.del(&del)).await;
    costs.row("the same DEL again", &counts, "1 get pods, 1 get spiderendpoints");

    let counts = burst(&bed, agent).await;
    let pool_writes = counts.of(Verb::Update, "spiderippools/status").requests;
    assert_eq!((counts.writes().requests - pool_writes, counts.reads().requests), (200, 0), "{counts}");
    assert!(pool_writes <= 20, "{counts}");
    costs.told(
        "200 first ADDs at once, one pool",
        &counts,
        "200 create spiderendpoints, at most 20 update spiderippools/status",
    );
    costs.write_or_compare();
}

/// 200 pods that come at once.
async fn burst(bed: &Bed, agent: Agent) -> Counts {
    let names: Vec<String> = (0..200).map(|number| format!("burst-{number}")).collect();
    for name in &names {
        bed.pod(name, V4).await;
    }
    agent.heard_of(&names).await;
    let agent = Arc::new(agent);
    let before = agent.calls.traffic().counts();
    let adding: Vec<_> = names
        .iter()
        .map(|name| {
            let (agent, name) = (Arc::clone(&agent), name.clone());
            tokio::spawn(async move { agent.add(&name).await.ips.first().unwrap().address.clone() })
        })
        .collect();
    let mut addresses = BTreeSet::new();
    for one in adding {
        addresses.insert(one.await.unwrap());
    }
    assert_eq!(addresses.len(), 200, "each its own");
    let counts = agent.calls.traffic().counts().since(&before);
    let records: Value = serde_json::from_str(&bed.records("p4")).unwrap();
    let is_recorded = |address: &str| records.get(address.split('/').next().unwrap()).is_some();
    assert!(addresses.iter().all(|address| is_recorded(address)), "each is in the pool");
    counts
}
