//! A control plane of a test's own, and agents on its node `n1`.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ipam_k8s::client::{Cluster, ClusterOptions, Counts, Deadline};
use ipam_k8s::ipam::{AddRequest, Answer, DelRequest, Ipam, IpamSettings, Refused};
use ipam_k8s::observe::{Observer, RequestKind};
use ipam_k8s::store::{ClusterStore, StoreOptions};
use ipam_k8s::watch::{Known, WatchOptions};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, PostParams};
use kube::{Api, Client, Config};
use serde_json::json;
use spiderpool_tests::connection::config;
use spiderpool_tests::control_plane::ControlPlane;

/// Longer than a busy machine needs for anything here.
pub(crate) const WITHIN: Duration = Duration::from_secs(60);

/// A control plane with two pools, and who makes pods in it.
pub(crate) struct Bed {
    pub(crate) plane: ControlPlane,
    pub(crate) admin: Client,
    pub(crate) pods: Api<Pod>,
}

/// An agent on the node `n1`.
pub(crate) struct Agent {
    pub(crate) calls: Cluster,
    pub(crate) ipam: Ipam,
    pub(crate) seen: Arc<Seen>,
}

/// What its observer was told: whose turn was waited for.
#[derive(Debug, Default)]
pub(crate) struct Seen(Mutex<Vec<RequestKind>>);

impl Seen {
    pub(crate) fn turns(&self) -> Vec<RequestKind> {
        self.0.lock().unwrap().clone()
    }
}

impl Observer for Seen {
    fn waited(&self, kind: RequestKind, _: Duration) {
        self.0.lock().unwrap().push(kind);
    }
}

pub(crate) fn connect(config: Config) -> Cluster {
    Cluster::new(config, &ClusterOptions::new("cluster-agent-test/1")).unwrap()
}

pub(crate) fn deadline() -> Deadline {
    Deadline::after(WITHIN)
}

pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + WITHIN;
    while !holds() {
        assert!(Instant::now() < end, "waited for: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

impl Bed {
    pub(crate) async fn new() -> Self {
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
        let admin = Client::try_from(config(&plane.kubeconfig()).await.unwrap()).unwrap();
        Self { plane, pods: Api::namespaced(admin.clone(), "default"), admin }
    }

    pub(crate) async fn agent(&self) -> Agent {
        self.agent_by(connect(self.agent_config().await)).await
    }

    /// How an agent connects.
    pub(crate) async fn agent_config(&self) -> Config {
        config(&self.plane.agent_kubeconfig().unwrap()).await.unwrap()
    }

    /// One whose calls, but not its watches, take another way.
    pub(crate) async fn agent_by(&self, calls: Cluster) -> Agent {
        let watches = connect(self.agent_config().await);
        let known = Known::start(calls.clone(), &watches, WatchOptions::new("n1"));
        let seen = Arc::new(Seen::default());
        let mut options = StoreOptions::default();
        options.observer = seen.clone();
        let store = Arc::new(ClusterStore::new(calls.clone(), Arc::new(known.clone()), options));
        known.tell(&store);
        assert!(known.is_ready(deadline()).await);
        let ipam = Ipam::new(calls.clone(), known, store, IpamSettings::new("spiderpool"));
        Agent { calls, ipam, seen }
    }

    /// Makes a pod; its uid.
    pub(crate) async fn pod(&self, name: &str, pools: &str) -> String {
        self.pod_with(name, "ipam.spidernet.io/ippool", pools).await
    }

    /// The same, by another annotation.
    pub(crate) async fn pod_with(&self, name: &str, key: &str, value: &str) -> String {
        let pod = json!({
            "metadata": {"name": name, "annotations": {key: value}},
            "spec": {"nodeName": "n1", "containers": [{"name": "c", "image": "example.com/c:1"}]}
        });
        let pod = serde_json::from_value(pod).unwrap();
        let pod = self.pods.create(&PostParams::default(), &pod).await.unwrap();
        pod.metadata.uid.unwrap()
    }

    /// The DEL of a pod, as long as it is there.
    pub(crate) async fn del_of(&self, name: &str) -> DelRequest {
        DelRequest {
            nic: "eth0".to_owned(),
            namespace: "default".to_owned(),
            pod: name.to_owned(),
            uid: self.pods.get(name).await.unwrap().metadata.uid.unwrap(),
        }
    }

    pub(crate) async fn delete(&self, name: &str) {
        self.pods.delete(name, &DeleteParams::default().grace_period(0)).await.unwrap();
    }

    /// The records of a pool.
    pub(crate) fn records(&self, pool: &str) -> String {
        let asked =
            self.plane.kubectl(["get", "spiderippool", pool, "-o", "jsonpath={.status.allocatedIPs}"]);
        asked.unwrap().success().unwrap()
    }
}

impl Agent {
    pub(crate) async fn heard_of(&self, names: &[String]) {
        until("the agent hears of its pods", || {
            let known: BTreeSet<String> =
                self.ipam.known().pods().iter().map(|pod| pod.meta.name.clone()).collect();
            names.iter().all(|name| known.contains(name))
        })
        .await;
    }

    pub(crate) async fn try_add(&self, name: &str) -> Result<Answer, Refused> {
        self.add_until(name, deadline()).await
    }

    pub(crate) async fn add_until(&self, name: &str, deadline: Deadline) -> Result<Answer, Refused> {
        self.ipam.add(&add(name), deadline).await
    }

    pub(crate) async fn add(&self, name: &str) -> Answer {
        self.try_add(name).await.unwrap()
    }

    pub(crate) async fn del(&self, request: &DelRequest) {
        self.ipam.del(request, deadline()).await.unwrap();
    }

    /// What a piece of work asks of the API server, below any retry.
    pub(crate) async fn counted<T>(&self, work: impl Future<Output = T>) -> (T, Counts) {
        let before = self.calls.traffic().counts();
        let done = work.await;
        (done, self.calls.traffic().counts().since(&before))
    }
}

/// The ADD of a pod's first NIC.
pub(crate) fn add(name: &str) -> AddRequest {
    AddRequest {
        nic: "eth0".parse().unwrap(),
        namespace: "default".to_owned(),
        pod: name.to_owned(),
        uid: String::new(),
        default_v4: Vec::new(),
        default_v6: Vec::new(),
        clean_gateway: false,
        master: None,
    }
}
