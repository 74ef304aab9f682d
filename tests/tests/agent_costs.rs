//! What each kind of ADD and DEL costs an agent in requests to the API server, with the account that an agent has.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops at the first surprise; the lints spare test functions only"
)]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ipam_k8s::client::{Cluster, ClusterOptions, Counts, Deadline};
use ipam_k8s::ipam::{AddRequest, Answer, DelRequest, Ipam, IpamSettings};
use ipam_k8s::store::{ClusterStore, StoreOptions};
use ipam_k8s::watch::{Known, WatchOptions};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, PostParams};
use kube::{Api, Client, Config};
use serde_json::json;
use spiderpool_tests::control_plane::ControlPlane;

/// Longer than a busy machine needs for anything here.
const WITHIN: Duration = Duration::from_secs(60);

/// An agent on a node of its own.
struct Bed {
    plane: ControlPlane,
    pods: Api<Pod>,
    calls: Cluster,
    ipam: Ipam,
}

async fn config(path: &std::path::Path) -> Config {
    let kubeconfig = kube::config::Kubeconfig::read_from(path).unwrap();
    Config::from_custom_kubeconfig(kubeconfig, &Default::default()).await.unwrap()
}

fn deadline() -> Deadline {
    Deadline::after(WITHIN)
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
        let own = config(&plane.agent_kubeconfig().unwrap()).await;
        let options = ClusterOptions::new("agent-costs/0.1.0");
        let calls = Cluster::new(own.clone(), &options).unwrap();
        let watches = Cluster::new(own, &options).unwrap();
        let known = Known::start(calls.clone(), &watches, WatchOptions::new("n1"));
        let store =
            Arc::new(ClusterStore::new(calls.clone(), Arc::new(known.clone()), StoreOptions::default()));
        known.tell(&store);
        assert!(known.is_ready(deadline()).await);
        let ipam = Ipam::new(calls.clone(), known, store, IpamSettings::new("spiderpool"));
        Self { plane, pods: Api::namespaced(admin, "default"), calls, ipam }
    }

    /// Makes a pod and waits until the agent has heard of it.
    async fn pod(&self, name: &str, pools: &str) {
        let pod = json!({
            "metadata": {"name": name, "annotations": {"ipam.spidernet.io/ippool": pools}},
            "spec": {"nodeName": "n1", "containers": [{"name": "c", "image": "example.com/c:1"}]}
        });
        self.pods.create(&PostParams::default(), &serde_json::from_value(pod).unwrap()).await.unwrap();
    }

    async fn heard_of(&self, names: &[String]) {
        let until = Instant::now() + WITHIN;
        loop {
            let known: BTreeSet<String> =
                self.ipam.known().pods().iter().map(|pod| pod.meta.name.clone()).collect();
            if names.iter().all(|name| known.contains(name)) {
                return;
            }
            assert!(Instant::now() < until, "the watch of pods says nothing");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn add(&self, name: &str, nic: &str) -> Answer {
        let request = AddRequest {
            nic: nic.parse().unwrap(),
            namespace: "default".to_owned(),
            pod: name.to_owned(),
            uid: String::new(),
            default_v4: Vec::new(),
            default_v6: Vec::new(),
            clean_gateway: false,
        };
        self.ipam.add(&request, deadline()).await.unwrap()
    }

    /// What a piece of work asks of the API server.
    async fn counted<T>(&self, work: impl Future<Output = T>) -> (T, Counts) {
        let before = self.calls.traffic().counts();
        let done = work.await;
        (done, self.calls.traffic().counts().since(&before))
    }
}

fn costs(counts: &Counts, expected: &str) {
    assert_eq!(counts.to_string().replace('\n', ", "), expected);
}

const V4: &str = r#"{"ipv4":["p4"]}"#;
const BOTH: &str = r#"{"ipv4":["p4"],"ipv6":["p6"]}"#;

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_add_and_del() {
    let bed = Bed::new().await;
    for (name, pools) in [("warm", BOTH), ("one", V4), ("both", BOTH)] {
        bed.pod(name, pools).await;
        bed.heard_of(&[name.to_owned()]).await;
    }
    bed.add("warm", "eth0").await;

    let (first, counts) = bed.counted(bed.add("one", "eth0")).await;
    costs(&counts, "1 create spiderendpoints, 1 update spiderippools/status");
    let (again, counts) = bed.counted(bed.add("one", "eth0")).await;
    costs(&counts, "");
    assert_eq!(first, again);
    let (both, counts) = bed.counted(bed.add("both", "eth0")).await;
    costs(&counts, "1 create spiderendpoints, 2 update spiderippools/status");
    assert_eq!(both.ips.len(), 2);

    // Of a pod that lives nothing is released.
    let del = DelRequest {
        nic: "eth0".to_owned(),
        namespace: "default".to_owned(),
        pod: "both".to_owned(),
        uid: bed.pods.get("both").await.unwrap().metadata.uid.unwrap(),
    };
    let (released, counts) = bed.counted(bed.ipam.del(&del, deadline())).await;
    released.unwrap();
    costs(&counts, "1 get pods");
    bed.pods.delete("both", &DeleteParams::default().grace_period(0)).await.unwrap();
    let (released, counts) = bed.counted(bed.ipam.del(&del, deadline())).await;
    released.unwrap();
    costs(
        &counts,
        "1 get pods, 1 get spiderendpoints, 2 update spiderippools/status, 1 patch spiderendpoints",
    );
    let left = bed.plane.kubectl(["get", "spiderippool", "p6", "-o", "jsonpath={.status.allocatedIPs}"]);
    assert!(!left.unwrap().success().unwrap().contains("default/both"));

    // A burst: an endpoint each, and a handful of writes of the pool.
    let names: Vec<String> = (0..200).map(|number| format!("burst-{number}")).collect();
    for name in &names {
        bed.pod(name, V4).await;
    }
    bed.heard_of(&names).await;
    let before = bed.calls.traffic().counts();
    let bed = Arc::new(bed);
    let adding: Vec<_> = names
        .iter()
        .map(|name| {
            let (bed, name) = (Arc::clone(&bed), name.clone());
            tokio::spawn(async move { bed.add(&name, "eth0").await.ips[0].address.clone() })
        })
        .collect();
    let mut addresses = BTreeSet::new();
    for one in adding {
        addresses.insert(one.await.unwrap());
    }
    assert_eq!(addresses.len(), 200, "each its own");
    let counts = bed.calls.traffic().counts().since(&before);
    assert_eq!(
        counts.writes().requests - counts.of(ipam_k8s::client::Verb::Update, "spiderippools/status").requests,
        200
    );
    let pool_writes = counts.of(ipam_k8s::client::Verb::Update, "spiderippools/status").requests;
    assert!(pool_writes <= 20, "{counts}");
    assert_eq!(counts.reads().requests, 0, "{counts}");
}
