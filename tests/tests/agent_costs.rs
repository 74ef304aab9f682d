//! What each kind of ADD and DEL costs an agent in requests to the API server, with the account that an agent has.
//!
//! Requests are asserted one by one. `docs/reference/costs.md` is written from the same rows: with `UPDATE_DOCS=1` anew, otherwise it
//! is held against them (its bytes are of the run that wrote it).

#![expect(
    clippy::unwrap_used,
    reason = "a test stops at the first surprise; the lints spare test functions only"
)]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{env, fs};

use ipam_k8s::client::{Cluster, ClusterOptions, Count, Counts, Deadline, Verb};
use ipam_k8s::ipam::{AddRequest, Answer, DelRequest, Ipam, IpamSettings};
use ipam_k8s::store::{ClusterStore, StoreOptions};
use ipam_k8s::watch::{Known, Source, WatchOptions};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, PostParams};
use kube::{Api, Client, Config};
use serde_json::{Value, json};
use spiderpool_tests::control_plane::ControlPlane;

/// Longer than a busy machine needs for anything here.
const WITHIN: Duration = Duration::from_secs(60);

/// A control plane with two pools, and who makes pods in it.
struct Bed {
    plane: ControlPlane,
    pods: Api<Pod>,
}

/// An agent on the node `n1`.
struct Agent {
    calls: Cluster,
    ipam: Ipam,
}

async fn config(path: &Path) -> Config {
    let kubeconfig = kube::config::Kubeconfig::read_from(path).unwrap();
    Config::from_custom_kubeconfig(kubeconfig, &Default::default()).await.unwrap()
}

fn deadline() -> Deadline {
    Deadline::after(WITHIN)
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + WITHIN;
    while !holds() {
        assert!(Instant::now() < end, "waited for: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

impl Bed {
    async fn new() -> Self {
        let plane = ControlPlane::start().unwrap();
        plane.install_crds().unwrap();
        plane.apply("{apiVersion: v1, kind: Node, metadata: {name: n1}}").unwrap();
        for (name, version, subnet, ips) in [
            ("p4", 4, "10.6.0.0/16", "10.6.0.10-10.6.2.250"),
            ("p6", 6, "fd00:6::/64", "fd00:6::10-fd00:6::ffff"),
        ] {
            plane
                .apply(&format!(
                    "{{apiVersion: spiderpool.spidernet.io/v2beta1, kind: SpiderIPPool, metadata: {{name: {name}}}, \
                     spec: {{ipVersion: {version}, subnet: '{subnet}', ips: ['{ips}']}}}}"
                ))
                .unwrap();
        }
        let admin = Client::try_from(config(&plane.kubeconfig()).await).unwrap();
        Self { plane, pods: Api::namespaced(admin, "default") }
    }

    async fn agent(&self) -> Agent {
        let own = config(&self.plane.agent_kubeconfig().unwrap()).await;
        let options = ClusterOptions::new("agent-costs/0.1.0");
        let calls = Cluster::new(own.clone(), &options).unwrap();
        let watches = Cluster::new(own, &options).unwrap();
        let known = Known::start(calls.clone(), &watches, WatchOptions::new("n1"));
        let store =
            Arc::new(ClusterStore::new(calls.clone(), Arc::new(known.clone()), StoreOptions::default()));
        known.tell(&store);
        assert!(known.is_ready(deadline()).await);
        let ipam = Ipam::new(calls.clone(), known, store, IpamSettings::new("spiderpool"));
        Agent { calls, ipam }
    }

    async fn pod(&self, name: &str, pools: &str) {
        let pod = json!({
            "metadata": {"name": name, "annotations": {"ipam.spidernet.io/ippool": pools}},
            "spec": {"nodeName": "n1", "containers": [{"name": "c", "image": "example.com/c:1"}]}
        });
        self.pods.create(&PostParams::default(), &serde_json::from_value(pod).unwrap()).await.unwrap();
    }

    /// The DEL of a pod, as long as it is there.
    async fn del_of(&self, name: &str) -> DelRequest {
        DelRequest {
            nic: "eth0".to_owned(),
            namespace: "default".to_owned(),
            pod: name.to_owned(),
            uid: self.pods.get(name).await.unwrap().metadata.uid.unwrap(),
        }
    }

    async fn delete(&self, name: &str) {
        self.pods.delete(name, &DeleteParams::default().grace_period(0)).await.unwrap();
    }

    /// The records of a pool.
    fn records(&self, pool: &str) -> String {
        let asked =
            self.plane.kubectl(["get", "spiderippool", pool, "-o", "jsonpath={.status.allocatedIPs}"]);
        asked.unwrap().success().unwrap()
    }
}

impl Agent {
    async fn heard_of(&self, names: &[String]) {
        until("the agent hears of its pods", || {
            let known: BTreeSet<String> =
                self.ipam.known().pods().iter().map(|pod| pod.meta.name.clone()).collect();
            names.iter().all(|name| known.contains(name))
        })
        .await;
    }

    async fn add(&self, name: &str) -> Answer {
        let request = AddRequest {
            nic: "eth0".parse().unwrap(),
            namespace: "default".to_owned(),
            pod: name.to_owned(),
            uid: String::new(),
            default_v4: Vec::new(),
            default_v6: Vec::new(),
            clean_gateway: false,
        };
        self.ipam.add(&request, deadline()).await.unwrap()
    }

    async fn del(&self, request: &DelRequest) {
        self.ipam.del(request, deadline()).await.unwrap();
    }

    /// What a piece of work asks of the API server, below any retry.
    async fn counted<T>(&self, work: impl Future<Output = T>) -> (T, Counts) {
        let before = self.calls.traffic().counts();
        let done = work.await;
        (done, self.calls.traffic().counts().since(&before))
    }
}

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

Requests of an agent to the API server, counted below any retry, with its watches open. `tests/tests/agent_costs.rs` asserts each line against \
a real kube-apiserver and writes this page; the bytes are those of the bodies in the run that wrote it, sent / received.

| what | requests | bytes |
| --- | --- | --- |
";

const TAIL: &str = "
- A request more comes where another agent has written the pool in between and this one is told of a conflict: it reads the pool again. An agent \
that has heard of the write reads the pool before, and has no conflict.
- Pools are read in single requests when they are named, and their status is not watched; endpoints are not watched at all.
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
