//! One control plane for all tests of this binary, which take turns: they count requests about the whole cluster.

use std::future::Future;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use ipam_core::PoolName;
use ipam_k8s::client::{Cluster, ClusterOptions, Counts, Deadline, Named, Verb};
use ipam_k8s::crd::SpiderIPPool;
use ipam_k8s::watch::{Known, PoolSeen, Source, SourceState, WatchOptions};
use serde_json::{Value, json};
use spiderpool_tests::connection::config;
use spiderpool_tests::control_plane::ControlPlane;

/// Longest wait for anything that is to happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

static PLANE: LazyLock<Plane> = LazyLock::new(Plane::start);
static TURN: Mutex<()> = Mutex::new(());

/// The control plane, with our definitions and an account as an agent has it.
pub(crate) struct Plane {
    pub(crate) plane: ControlPlane,
    agent: PathBuf,
}

impl Plane {
    fn start() -> Self {
        let plane = ControlPlane::start().unwrap();
        plane.install_crds().unwrap();
        let agent = plane.agent_kubeconfig().unwrap();
        for node in ["n1", "n2"] {
            let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": node, "labels": {"zone": node}}});
            plane.apply(&node.to_string()).unwrap();
        }
        Self { plane, agent }
    }

    /// A connection with the rights of an agent.
    pub(crate) async fn agent(&self) -> Cluster {
        Cluster::new(config(&self.agent).await.unwrap(), &options()).unwrap()
    }

    /// The same through another address.
    pub(crate) async fn agent_through(&self, address: std::net::SocketAddr) -> Cluster {
        let mut config = config(&self.agent).await.unwrap();
        config.cluster_url = format!("https://{address}").parse().unwrap();
        Cluster::new(config, &options()).unwrap()
    }

    /// A connection that may do everything.
    pub(crate) async fn admin(&self) -> Cluster {
        Cluster::new(config(&self.plane.kubeconfig()).await.unwrap(), &options()).unwrap()
    }
}

fn options() -> ClusterOptions {
    ClusterOptions::new("spiderpool-tests/0.1.0")
}

/// Runs one test, alone.
pub(crate) fn run<F: Future>(body: impl FnOnce(&'static Plane) -> F) -> F::Output {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let plane = &*PLANE;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.unwrap().block_on(body(plane))
}

pub(crate) fn soon() -> Deadline {
    Deadline::after(PATIENCE)
}

/// Waits until something holds.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = soon();
    while !holds() {
        assert!(deadline.remaining() > Duration::ZERO, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// What is watched, with the connections that it uses.
pub(crate) struct Watched {
    pub(crate) known: Known,
    pub(crate) calls: Cluster,
    pub(crate) watches: Cluster,
}

impl Watched {
    pub(crate) async fn start(plane: &Plane) -> Self {
        let (calls, watches) = (plane.agent().await, plane.agent().await);
        let mut options = WatchOptions::new("n1");
        options.subnets = true;
        let known = Known::start(calls.clone(), &watches, options);
        assert!(known.is_ready(soon()).await, "{:?}", known.sources());
        Self { known, calls, watches }
    }

    pub(crate) fn source(&self, source: Source) -> SourceState {
        state(&self.known, source)
    }
}

pub(crate) fn state(known: &Known, source: Source) -> SourceState {
    known.sources().into_iter().find(|state| state.source == source).unwrap()
}

/// Requests about a resource since then: how many of the verb.
pub(crate) fn since(cluster: &Cluster, earlier: &Counts, verb: Verb, resource: &str) -> u64 {
    cluster.traffic().counts().since(earlier).of(verb, resource).requests
}

/// All that was told of pools.
#[derive(Debug, Default)]
pub(crate) struct Told(Mutex<Vec<(String, String)>>);

impl Told {
    pub(crate) fn all(&self) -> Vec<(String, String)> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn has(&self, name: &str, version: &str) -> bool {
        self.0.lock().unwrap().contains(&(name.to_owned(), version.to_owned()))
    }
}

impl PoolSeen for Told {
    fn pool_seen(&self, name: &PoolName, _: &str, version: &str) {
        self.0.lock().unwrap().push((name.to_string(), version.to_owned()));
    }

    fn pool_gone(&self, name: &PoolName) {
        self.0.lock().unwrap().push((name.to_string(), "gone".to_owned()));
    }
}

pub(crate) fn told(known: &Known) -> Arc<Told> {
    let told = Arc::new(Told::default());
    known.tell(&told);
    told
}

/// A pool of a network of its own.
pub(crate) fn pool(name: &str, spec: Value) -> Value {
    json!({
        "apiVersion": "spiderpool.spidernet.io/v2beta1", "kind": "SpiderIPPool",
        "metadata": {"name": name}, "spec": spec
    })
}

pub(crate) fn fine(third: u8) -> Value {
    json!({"ipVersion": 4, "subnet": format!("10.6.{third}.0/24"), "ips": [format!("10.6.{third}.10-10.6.{third}.99")]})
}

/// Makes a pool; its version.
pub(crate) async fn create(admin: &Cluster, pool: &Value) -> String {
    let name = pool["metadata"]["name"].as_str().unwrap();
    let meta = admin.create::<SpiderIPPool>(Named::cluster(name), pool, soon()).await.unwrap();
    meta.resource_version.unwrap()
}

/// Changes a pool; its version.
pub(crate) async fn patch(admin: &Cluster, name: &str, patch: Value) -> String {
    let meta = admin.merge_patch::<SpiderIPPool>(Named::cluster(name), &patch, soon()).await.unwrap();
    meta.resource_version.unwrap()
}

pub(crate) async fn delete(admin: &Cluster, name: &str) {
    admin.delete::<SpiderIPPool>(Named::cluster(name), None, None, soon()).await.unwrap();
}
