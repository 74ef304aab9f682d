//! One control plane for all tests, which use it one after the other: `fsck` is about a whole cluster, so each finds it empty.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ipam_k8s::client::{Cluster, ClusterOptions, Deadline};
use ipam_k8s::ipam::{AddRequest, Answer, Ipam, IpamSettings, Refused};
use ipam_k8s::store::{ClusterStore, StoreOptions};
use ipam_k8s::watch::{Known, WatchOptions};
use serde_json::{Value, json};
use spiderpool_tests::binaries;
use spiderpool_tests::connection::config;
use spiderpool_tests::control_plane::ControlPlane;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Longer than a busy machine needs for anything here.
const WITHIN: Duration = Duration::from_secs(60);

/// Whose rights the program has.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Account {
    /// `spiderpoolctl-view`.
    View,
    /// That and `spiderpoolctl-repair`.
    Repair,
    /// None.
    Nobody,
}

impl Account {
    const ALL: [Self; 3] = [Self::View, Self::Repair, Self::Nobody];

    const fn name(self) -> &'static str {
        match self {
            Self::View => "viewer",
            Self::Repair => "mender",
            Self::Nobody => "nobody",
        }
    }
}

struct Plane {
    plane: ControlPlane,
    accounts: BTreeMap<Account, PathBuf>,
    turn: Mutex<()>,
    ctl: PathBuf,
}

static PLANE: LazyLock<Plane> = LazyLock::new(|| {
    let plane = ControlPlane::start().unwrap();
    plane.install_crds().unwrap();
    plane.apply("{apiVersion: v1, kind: Node, metadata: {name: n1, labels: {rack: a}}}").unwrap();
    plane.apply("{apiVersion: v1, kind: Namespace, metadata: {name: spiderpool}}").unwrap();
    plane.apply("{apiVersion: v1, kind: Namespace, metadata: {name: shop}}").unwrap();
    let roles = Path::new(env!("CARGO_MANIFEST_DIR")).join("../daemons/rbac/ctl.yaml");
    plane.apply(&fs::read_to_string(roles).unwrap()).unwrap();
    let accounts = Account::ALL.into_iter().map(|account| (account, made(&plane, account))).collect();
    Plane { plane, accounts, turn: Mutex::new(()), ctl: binaries::spiderpoolctl().unwrap() }
});

/// A service account with its roles; its kubeconfig.
fn made(plane: &ControlPlane, account: Account) -> PathBuf {
    let name = account.name();
    let roles: &[(&str, &str, &str)] = match account {
        Account::Nobody => &[],
        Account::View => &[
            ("ClusterRoleBinding", "ClusterRole", "spiderpoolctl-view"),
            ("RoleBinding", "Role", "spiderpoolctl-view"),
        ],
        Account::Repair => &[
            ("ClusterRoleBinding", "ClusterRole", "spiderpoolctl-view"),
            ("RoleBinding", "Role", "spiderpoolctl-view"),
            ("ClusterRoleBinding", "ClusterRole", "spiderpoolctl-repair"),
        ],
    };
    let own = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": "spiderpool"}});
    plane.apply(&own.to_string()).unwrap();
    for (kind, role_kind, role) in roles {
        let mut metadata = json!({"name": format!("{name}-{role}")});
        if *kind == "RoleBinding" {
            metadata["namespace"] = json!("kube-system");
        }
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": metadata,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role_kind, "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": "spiderpool"}]
        });
        plane.apply(&binding.to_string()).unwrap();
    }
    let token =
        plane.kubectl(["create", "token", name, "--namespace", "spiderpool"]).unwrap().success().unwrap();
    let view = ["config", "view", "--raw", "--minify", "--flatten", "-o", "json"];
    let mut config: Value = serde_json::from_str(&plane.kubectl(view).unwrap().success().unwrap()).unwrap();
    config["users"][0]["user"] = json!({"token": token.trim()});
    let path = plane.folder().join(format!("{name}.kubeconfig"));
    fs::write(&path, config.to_string()).unwrap();
    path
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Run {
    /// The output of a run that did what it should.
    #[track_caller]
    pub(crate) fn done(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.out
    }

    #[track_caller]
    pub(crate) fn json(self) -> Value {
        serde_json::from_str(&self.done()).unwrap()
    }

    /// The errors of a run that ended with this code and printed no answer.
    #[track_caller]
    pub(crate) fn failed(self, code: i32) -> String {
        assert_eq!(self.code, code, "{self:?}");
        assert_eq!(self.out, "", "an error goes to standard error alone");
        self.err
    }
}

/// A cluster without pools, endpoints and pods.
pub(crate) struct Bed {
    pub(crate) folder: TempDir,
    runtime: Runtime,
    _turn: MutexGuard<'static, ()>,
}

impl Bed {
    pub(crate) fn new() -> Self {
        // A test that failed has left its objects, not its turn.
        let turn = PLANE.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let bed = Self { folder: TempDir::new().unwrap(), runtime: Runtime::new().unwrap(), _turn: turn };
        bed.clear();
        bed
    }

    fn clear(&self) {
        for kinds in ["statefulsets", "pods"] {
            self.kubectl(["delete", kinds, "--all", "-A", "--force", "--grace-period=0", "--wait=true"]);
        }
        let ends = self.kubectl(["get", "spiderendpoints", "-A", "-o", "json"]);
        let ends: Value = serde_json::from_str(&ends).unwrap();
        for end in ends["items"].as_array().unwrap() {
            let (name, space) =
                (end["metadata"]["name"].as_str().unwrap(), end["metadata"]["namespace"].as_str().unwrap());
            let patch = r#"{"metadata":{"finalizers":null}}"#;
            // Those of pods are collected with them, maybe just now.
            let _ = PLANE.plane.kubectl([
                "patch",
                "spiderendpoint",
                name,
                "-n",
                space,
                "--type=merge",
                "-p",
                patch,
            ]);
        }
        self.kubectl(["delete", "spiderendpoints", "--all", "-A", "--wait=true"]);
        self.kubectl(["delete", "spiderippools,spiderreservedips,spidersubnets", "--all", "--wait=true"]);
        self.kubectl(["delete", "configmap", "spiderpool-conf", "-n", "kube-system", "--ignore-not-found"]);
        self.kubectl(["annotate", "namespace", "shop", "ipam.spidernet.io/default-ipv4-ippool-"]);
    }

    #[track_caller]
    pub(crate) fn kubectl<const N: usize>(&self, args: [&str; N]) -> String {
        PLANE.plane.kubectl(args).unwrap().success().unwrap()
    }

    #[track_caller]
    pub(crate) fn apply(&self, manifests: &str) {
        PLANE.plane.apply(manifests).unwrap();
    }

    /// A StatefulSet `shop/db` that wants one pod, `db-0`.
    #[track_caller]
    pub(crate) fn stateful_set(&self) {
        self.apply(
            "{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: db, namespace: shop}, spec: {replicas: 1, serviceName: db, \
             selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {nodeName: n1, containers: [{name: c, image: 'e/c:1'}]}}}}",
        );
    }

    /// A pool; `more` are fields of its spec as YAML in braces: `, disable: true`.
    #[track_caller]
    pub(crate) fn pool(&self, name: &str, subnet: &str, ips: &str, more: &str) {
        let version = if subnet.contains(':') { 6 } else { 4 };
        self.apply(&format!(
            "{{apiVersion: spiderpool.spidernet.io/v2beta1, kind: SpiderIPPool, metadata: {{name: {name}}}, \
             spec: {{ipVersion: {version}, subnet: '{subnet}', ips: ['{ips}']{more}}}}}"
        ));
    }

    pub(crate) fn reserved(&self, name: &str, ips: &str) {
        self.apply(&format!(
            "{{apiVersion: spiderpool.spidernet.io/v2beta1, kind: SpiderReservedIP, metadata: {{name: {name}}}, \
             spec: {{ipVersion: 4, ips: ['{ips}']}}}}"
        ));
    }

    /// A pod of namespace `shop` on `n1`, with these annotations; its uid.
    #[track_caller]
    pub(crate) fn pod(&self, name: &str, annotations: &[(&str, &str)]) -> String {
        let annotations: BTreeMap<&str, &str> = annotations.iter().copied().collect();
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "namespace": "shop", "annotations": annotations, "labels": {"app": name}},
            "spec": {"nodeName": "n1", "containers": [{"name": "c", "image": "example.com/c:1"}]}
        });
        self.apply(&pod.to_string());
        self.kubectl(["get", "pod", name, "-n", "shop", "-o", "jsonpath={.metadata.uid}"])
    }

    pub(crate) fn delete_pod(&self, name: &str) {
        self.kubectl(["delete", "pod", name, "-n", "shop", "--force", "--grace-period=0", "--wait=true"]);
    }

    /// Writes the records of a pool as they are given, with this count.
    #[track_caller]
    pub(crate) fn records(&self, pool: &str, records: &[(&str, &str, &str)], count: usize) {
        let all: BTreeMap<&str, Value> = records
            .iter()
            .map(|(address, pod, uid)| (*address, json!({"pod": pod, "podUid": uid})))
            .collect();
        self.status(pool, &json!(all).to_string(), count);
    }

    /// The same with any text.
    #[track_caller]
    pub(crate) fn status(&self, pool: &str, text: &str, count: usize) {
        let patch = json!({"status": {"allocatedIPs": text, "allocatedIPCount": count}}).to_string();
        self.kubectl(["patch", "spiderippool", pool, "--subresource=status", "--type=merge", "-p", &patch]);
    }

    /// The records of a pool.
    pub(crate) fn stored(&self, pool: &str) -> Value {
        let text = self.kubectl(["get", "spiderippool", pool, "-o", "jsonpath={.status.allocatedIPs}"]);
        if text.is_empty() { json!({}) } else { serde_json::from_str(&text).unwrap() }
    }

    /// An endpoint of namespace `shop` with these entries.
    #[track_caller]
    pub(crate) fn endpoint(&self, name: &str, uid: &str, entries: &Value) {
        let endpoint = json!({
            "apiVersion": "spiderpool.spidernet.io/v2beta1", "kind": "SpiderEndpoint",
            "metadata": {"name": name, "namespace": "shop", "finalizers": ["spiderpool.spidernet.io"]},
            "status": {
                "ownerControllerType": "Pod", "ownerControllerName": name,
                "current": {"uid": uid, "node": "n1", "ips": entries}
            }
        });
        self.apply(&endpoint.to_string());
    }

    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_string_lossy().into_owned()
    }

    /// Runs the program on the cluster, by `KUBECONFIG`.
    pub(crate) fn ctl(&self, account: Account, args: &[&str]) -> Run {
        let file = PLANE.accounts[&account].to_string_lossy().into_owned();
        self.run(args, &[("KUBECONFIG", &file)])
    }

    /// Runs the program with these variables.
    pub(crate) fn run(&self, args: &[&str], variables: &[(&str, &str)]) -> Run {
        let mut command = Command::new(&PLANE.ctl);
        command.args(args).env_clear().env("HOME", self.folder.path()).envs(variables.iter().copied());
        let output = command.stdin(Stdio::null()).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Run { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }

    pub(crate) fn kubeconfig(&self, account: Account) -> String {
        PLANE.accounts[&account].to_string_lossy().into_owned()
    }

    pub(crate) fn server(&self) -> String {
        PLANE.plane.server().to_owned()
    }

    pub(crate) fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// An agent of `n1`, with an agent's rights.
    pub(crate) fn agent(&self, settings: IpamSettings) -> Agent {
        let kubeconfig = PLANE.plane.agent_kubeconfig().unwrap();
        let ipam = self.block_on(async {
            let own = config(&kubeconfig).await.unwrap();
            let options = ClusterOptions::new("cluster-ctl-test/1");
            let calls = Cluster::new(own.clone(), &options).unwrap();
            let watches = Cluster::new(own, &options).unwrap();
            let known = Known::start(calls.clone(), &watches, WatchOptions::new("n1"));
            let store =
                Arc::new(ClusterStore::new(calls.clone(), Arc::new(known.clone()), StoreOptions::default()));
            known.tell(&store);
            assert!(known.is_ready(Deadline::after(WITHIN)).await);
            Ipam::new(calls, known, store, settings)
        });
        Agent(ipam)
    }
}

#[derive(Clone)]
pub(crate) struct Agent(Ipam);

impl Agent {
    /// The ADD of `eth0` of a pod of `shop`.
    pub(crate) async fn add(&self, pod: &str) -> Result<Answer, Refused> {
        let request = AddRequest {
            nic: "eth0".parse().unwrap(),
            namespace: "shop".to_owned(),
            pod: pod.to_owned(),
            uid: String::new(),
            default_v4: Vec::new(),
            default_v6: Vec::new(),
            clean_gateway: false,
            master: None,
        };
        self.0.add(&request, Deadline::after(WITHIN)).await
    }
}

/// The annotation that names pools.
pub(crate) const POOL: &str = "ipam.spidernet.io/ippool";
