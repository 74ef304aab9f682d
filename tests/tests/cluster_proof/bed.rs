//! One control plane for all tests of this binary, which take turns: each has the whole of it, without what others left.
//!
//! No controller runs, and no webhook, but where a test starts the controller manager for itself.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use kube::Client;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};
use spiderpool_tests::agent_corpus::agent::Agent;
use spiderpool_tests::agent_corpus::cluster::Cluster;
use spiderpool_tests::agent_corpus::fixture;
use spiderpool_tests::agent_corpus::http::{Answer, Request};
use spiderpool_tests::agent_corpus::uids::Uids;
use spiderpool_tests::connection::config;
use spiderpool_tests::control_plane::{Component, ControlPlane};

/// Longer than a busy machine needs for anything here.
pub(crate) const WITHIN: Duration = Duration::from_secs(60);

static PLANE: LazyLock<(ControlPlane, PathBuf)> = LazyLock::new(|| {
    let plane = std::thread::spawn(ControlPlane::start).join().unwrap().unwrap();
    plane.stop(Component::Manager).unwrap();
    plane.install_crds().unwrap();
    let home = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    plane.apply(&std::fs::read_to_string(home.join("manifests/kubevirt.yaml")).unwrap()).unwrap();
    let agent = plane.agent_kubeconfig().unwrap();
    (plane, agent)
});
static TURN: Mutex<()> = Mutex::new(());

/// The control plane during one test: nodes `n1` and `n2`, namespaces `spiderpool` and `t`, and what the test makes.
pub(crate) struct Bed {
    pub(crate) plane: &'static ControlPlane,
    pub(crate) client: Client,
    agent: &'static PathBuf,
    cluster: Cluster,
    uids: Uids,
}

/// Runs one test, alone.
pub(crate) fn run(body: impl AsyncFnOnce(&mut Bed)) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let (plane, agent) = &*PLANE;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.unwrap().block_on(async {
        let client = Client::try_from(config(&plane.kubeconfig()).await.unwrap()).unwrap();
        let cluster = Cluster::new(client.clone());
        cluster.clear().await.unwrap();
        let mut bed = Bed { plane, client, agent, cluster, uids: Uids::default() };
        for object in fixture() {
            bed.make(object).await;
        }
        body(&mut bed).await;
    });
}

/// The controller manager, as long as this value lives.
pub(crate) struct Manager(&'static ControlPlane);

impl Drop for Manager {
    fn drop(&mut self) {
        self.0.stop(Component::Manager).unwrap();
    }
}

/// Waits until something holds.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + WITHIN;
    while !holds().await {
        assert!(Instant::now() < end, "not within {WITHIN:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

impl Bed {
    /// Starts the controllers of Deployments, StatefulSets and the like.
    pub(crate) fn manager(&self) -> Manager {
        self.plane.run(Component::Manager).unwrap();
        Manager(self.plane)
    }

    /// An agent process on `n1` with what differs from the recorder's settings.
    pub(crate) async fn agent(&self, settings: Value) -> Agent {
        let settings: BTreeMap<String, Value> = serde_json::from_value(settings).unwrap();
        Agent::start(self.agent, &settings).await.unwrap()
    }

    /// Makes an object, its status too; `${uid:…}` in it is filled in.
    pub(crate) async fn make(&mut self, object: Value) {
        self.cluster.create(&object, &mut self.uids).await.unwrap();
    }

    /// A uid by its place holder without the frame: `t/pod-1`, `StatefulSet/t/web`.
    pub(crate) fn uid(&self, key: &str) -> String {
        self.uids.fill(&format!("${{uid:{key}}}"))
    }

    /// A pool of the family of its subnet.
    pub(crate) async fn pool(&mut self, name: &str, subnet: &str, ips: &[&str]) {
        self.pool_with(name, subnet, ips, json!({})).await;
    }

    /// The same with more in its spec.
    pub(crate) async fn pool_with(&mut self, name: &str, subnet: &str, ips: &[&str], more: Value) {
        let version = if subnet.contains(':') { 6 } else { 4 };
        let mut spec = json!({"ipVersion": version, "subnet": subnet, "ips": ips});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.make(json!({
            "apiVersion": "spiderpool.spidernet.io/v2beta1", "kind": "SpiderIPPool", "metadata": {"name": name}, "spec": spec
        }))
        .await;
    }

    /// A pod in `t` on `n1` that names pools by `ipam.spidernet.io/ippool`; its uid.
    pub(crate) async fn pod(&mut self, name: &str, pools: &str) -> String {
        self.pod_on("n1", name, json!({"annotations": {"ipam.spidernet.io/ippool": pools}})).await
    }

    /// A pod in `t` with more in its metadata; its uid, or that of the newest pod of the name.
    pub(crate) async fn pod_on(&mut self, node: &str, name: &str, more: Value) -> String {
        let mut metadata = json!({"name": name, "namespace": "t"});
        metadata.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.make(json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": metadata,
            "spec": {"nodeName": node, "containers": [{"name": "c", "image": "example.com/c:1"}]}
        }))
        .await;
        text(&self.get("Pod", name).await.unwrap(), "/metadata/uid")
    }

    /// A StatefulSet `web` in `t`, which no controller looks after.
    pub(crate) async fn stateful_set(&mut self, replicas: u32) {
        self.make(json!({
            "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "web", "namespace": "t"},
            "spec": {
                "replicas": replicas, "serviceName": "web", "selector": {"matchLabels": {"app": "web"}},
                "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": "example.com/c:1"}]}}
            }
        }))
        .await;
    }

    /// A pod of it; its uid.
    pub(crate) async fn stateful_pod(&mut self, node: &str, name: &str, pools: &str) -> String {
        let owner = json!({
            "apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web", "uid": "${uid:StatefulSet/t/web}",
            "controller": true, "blockOwnerDeletion": true
        });
        let more = json!({"annotations": {"ipam.spidernet.io/ippool": pools}, "ownerReferences": [owner]});
        self.pod_on(node, name, more).await
    }

    /// An object, in `t` if its kind has namespaces.
    pub(crate) async fn get(&self, kind: &str, name: &str) -> Option<Value> {
        let found = self.cluster.api(kind, Some("t")).unwrap().get_opt(name).await.unwrap();
        found.map(|object| serde_json::to_value(object).unwrap())
    }

    pub(crate) async fn patch(&self, kind: &str, name: &str, patch: Value) {
        let api = self.cluster.api(kind, Some("t")).unwrap();
        api.patch(name, &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
    }

    pub(crate) async fn patch_status(&self, kind: &str, name: &str, status: Value) {
        let api = self.cluster.api(kind, Some("t")).unwrap();
        let patch = json!({"status": status});
        api.patch_status(name, &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
    }

    /// As a kubelet ends it that has nothing left to do.
    pub(crate) async fn delete(&self, kind: &str, name: &str) {
        let api = self.cluster.api(kind, Some("t")).unwrap();
        api.delete(name, &DeleteParams::default().grace_period(0)).await.unwrap();
    }

    /// The pod has begun to end, and is still there.
    pub(crate) async fn terminate(&self, name: &str) {
        let api = self.cluster.api("Pod", Some("t")).unwrap();
        api.delete(name, &DeleteParams::default().grace_period(30)).await.unwrap();
    }

    /// A pool's status.
    pub(crate) async fn status(&self, pool: &str) -> Value {
        self.get("SpiderIPPool", pool).await.unwrap().get("status").cloned().unwrap_or(json!({}))
    }

    /// Pod by address, as a pool records it.
    pub(crate) async fn records(&self, pool: &str) -> BTreeMap<String, String> {
        let status = self.status(pool).await;
        let records: BTreeMap<String, Value> =
            serde_json::from_str(status["allocatedIPs"].as_str().unwrap_or("{}")).unwrap();
        records.into_iter().map(|(address, record)| (address, text(&record, "/pod"))).collect()
    }
}

/// What a request says of a pod in `t` on its NIC `eth0`.
pub(crate) fn of(pod: &str, uid: &str) -> Value {
    json!({
        "containerID": format!("container-of-{pod}"), "netNamespace": "/var/run/netns/cni-1", "ifName": "eth0",
        "podNamespace": "t", "podName": pod, "podUID": uid
    })
}

/// A request about another NIC.
pub(crate) fn on(nic: &str, mut body: Value) -> Value {
    body["ifName"] = json!(nic);
    body
}

pub(crate) async fn call(agent: &Agent, method: &str, path: &str, body: &Value) -> Answer {
    let request = Request { body: Some(body.to_string()), ..Request::new(method, path) };
    let answer = agent.send(&request).await;
    answer.unwrap_or_else(|error| panic!("{error:#}; the agent's log ends: {}", agent.log()))
}

pub(crate) async fn try_add(agent: &Agent, body: &Value) -> Answer {
    call(agent, "POST", "/v1/ipam/ip", body).await
}

/// The answer of an ADD that succeeds.
pub(crate) async fn add(agent: &Agent, body: &Value) -> Value {
    let answer = try_add(agent, body).await;
    assert_eq!(answer.code, 200, "{body}: {}", answer.body);
    answer.body
}

/// The text of an ADD that is refused.
pub(crate) async fn refused(agent: &Agent, body: &Value) -> String {
    let answer = try_add(agent, body).await;
    assert_eq!(answer.code, 500, "{body}: {}", answer.body);
    answer.body.as_str().unwrap().to_owned()
}

/// A DEL that succeeds.
pub(crate) async fn del(agent: &Agent, body: &Value) {
    let answer = call(agent, "DELETE", "/v1/ipam/ip", body).await;
    assert_eq!((answer.code, &answer.body), (200, &Value::Null), "{body}");
}

/// Addresses of an answer as `nic address`, without the length of the prefix.
pub(crate) fn addresses(answer: &Value) -> Vec<String> {
    let ips = answer["ips"].as_array().unwrap();
    let address = |ip: &Value| text(ip, "/address").split('/').next().unwrap().to_owned();
    ips.iter().map(|ip| format!("{} {}", text(ip, "/nic"), address(ip))).collect()
}

/// The one address of an answer, as it is written.
pub(crate) fn address(answer: &Value) -> String {
    let ips = answer["ips"].as_array().unwrap();
    assert_eq!(ips.len(), 1, "{answer}");
    text(&ips[0], "/address")
}

/// A text in a value, or none.
pub(crate) fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Records as Go writes them: addresses in the order of their text, nothing between.
pub(crate) fn go_records<'a>(records: impl IntoIterator<Item = (&'a str, &'a str, &'a str)>) -> String {
    let records: BTreeMap<&str, String> = records
        .into_iter()
        .map(|(address, pod, uid)| (address, format!(r#""{address}":{{"pod":"{pod}","podUid":"{uid}"}}"#)))
        .collect();
    format!("{{{}}}", records.into_values().collect::<Vec<_>>().join(","))
}
