//! The control plane, and what an operator and a scheduler do with it.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use spiderpool_control_plane::command::{run, run_with, wait_for, with_parent};
use spiderpool_control_plane::{ControlPlane, Kubectl};

use super::manifests::{CONF, DEPLOYMENT, NAMESPACE, NODES};
use crate::workspace::find_program;

/// Longer than a busy machine takes for anything that a controller or an agent does.
pub(super) const DONE_WITHIN: Duration = Duration::from_secs(120);

/// A pod on a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pod {
    pub(super) name: String,
    pub(super) uid: String,
    pub(super) node: String,
}

/// A control plane of the demo's own.
#[derive(Debug)]
pub(super) struct Cluster {
    plane: ControlPlane,
    kubectl: Kubectl,
    ctl: PathBuf,
}

impl Cluster {
    /// Starts it, with our definitions, what an installation brings, the namespace of the application, and its nodes.
    pub(super) fn start(ctl: &Path) -> Result<Self> {
        let plane = ControlPlane::start_own()?;
        plane.install_crds()?;
        let kubectl = plane.kubectl_as(&plane.kubeconfig());
        let object =
            |kind: &str, name: &str| json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name}});
        let nodes = NODES.iter().map(|(name, _)| object("Node", name));
        let conf = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "data": {"conf.yml": CONF},
            "metadata": {"name": "spiderpool-conf", "namespace": "kube-system"}
        });
        let all: Vec<String> =
            nodes.chain([object("Namespace", NAMESPACE), conf]).map(|object| object.to_string()).collect();
        kubectl.apply(&all.join("\n---\n"))?;
        Ok(Self { plane, kubectl, ctl: ctl.to_owned() })
    }

    pub(super) fn server(&self) -> &str {
        self.plane.server()
    }

    /// What a shell is told so that `kubectl` leads here: where it is, or, if there is none, what stands in for it.
    pub(super) fn way_in(&self) -> Result<String> {
        if find_program("kubectl").is_some() {
            return Ok(format!("export KUBECONFIG={}", self.kubectl.kubeconfig().display()));
        }
        let ours = self.kubectl.command()?;
        let words: Vec<_> = [ours.get_program()].into_iter().chain(ours.get_args()).collect();
        Ok(format!("alias kubectl='{}'", words.join(OsStr::new(" ")).display()))
    }

    /// The file by which an agent finds it, with an agent's account.
    pub(super) fn agent_kubeconfig(&self) -> Result<PathBuf> {
        self.plane.agent_kubeconfig()
    }

    /// A folder that goes with the demo.
    pub(super) fn folder(&self) -> &Path {
        self.plane.folder()
    }

    /// Applies manifests, as from a file of this name, and shows them.
    pub(super) fn apply(&self, name: &str, manifests: &str) -> Result<()> {
        for line in manifests.lines() {
            println!("   {line}");
        }
        println!("   $ kubectl apply -f {name}");
        self.kubectl.apply(manifests).map(drop)
    }

    /// Runs kubectl and shows what was typed; what it printed.
    pub(super) fn typed(&self, line: &str) -> Result<String> {
        println!("   $ kubectl {line}");
        self.kubectl.success(line.split(' '))
    }

    /// Runs `spiderpoolctl` and shows what was typed and what it printed; that once more.
    pub(super) fn ctl(&self, line: &str) -> Result<String> {
        println!("   $ spiderpoolctl {line}");
        let mut call = Command::new(&self.ctl);
        let printed =
            run(call.args(line.split(' ')).env("KUBECONFIG", self.kubectl.kubeconfig()))?.success()?;
        for line in printed.lines() {
            println!("{}", format!("   {line}").trim_end());
        }
        Ok(printed)
    }

    /// Runs kubectl behind the scenes; what it printed.
    pub(super) fn quietly<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Result<String> {
        self.kubectl.success(args)
    }

    /// What an object is.
    pub(super) fn json(&self, args: &[&str]) -> Result<Value> {
        let text = self.quietly(args.iter().chain(&["-o", "json"]))?;
        serde_json::from_str(&text).with_context(|| format!("kubectl {}: not JSON", args.join(" ")))
    }

    /// kubectl that says each state of the pools until it is killed.
    pub(super) fn watching_pools(&self) -> Result<Command> {
        let mut command = with_parent(&self.kubectl.command()?);
        command.args(["get", "spiderippools", "--watch", "-o", "json"]);
        Ok(command)
    }

    /// Waits until the application has `count` pods that have no node yet; puts them on the nodes in turn, as a scheduler does.
    pub(super) fn schedule(&self, count: usize) -> Result<Vec<Pod>> {
        let waiting = wait_for("the Deployment's pods", DONE_WITHIN, || {
            let waiting: Vec<Value> =
                self.pods()?.into_iter().filter(|pod| text(pod, "/spec/nodeName").is_empty()).collect();
            Ok((waiting.len() == count).then_some(waiting))
        })?;
        let in_turn = NODES.iter().map(|(node, _)| (*node).to_owned()).cycle();
        let pods: Vec<Pod> = waiting
            .iter()
            .zip(in_turn)
            .map(|(pod, node)| Pod {
                name: text(pod, "/metadata/name").to_owned(),
                uid: text(pod, "/metadata/uid").to_owned(),
                node,
            })
            .collect();
        let bindings: Vec<Value> = pods.iter().map(binding).collect();
        let list = json!({"apiVersion": "v1", "kind": "List", "items": bindings});
        run_with(self.kubectl.command()?.args(["create", "-f", "-"]), &list.to_string())?
            .success()
            .context("put pods on nodes")?;
        Ok(pods)
    }

    fn pods(&self) -> Result<Vec<Value>> {
        let label = format!("app={DEPLOYMENT}");
        let list = self.json(&["get", "pods", "--namespace", NAMESPACE, "--selector", &label])?;
        Ok(list.get("items").and_then(Value::as_array).cloned().unwrap_or_default())
    }

    /// Who has which address, as all pools say: address, then pod.
    pub(super) fn records(&self) -> Result<BTreeMap<Ipv4Addr, String>> {
        let list = self.json(&["get", "spiderippools"])?;
        let pools = list.get("items").and_then(Value::as_array).context("a list without items")?;
        let mut all = BTreeMap::new();
        for pool in pools {
            all.extend(super::pools::records(pool)?);
        }
        Ok(all)
    }

    /// The lines of events in what `kubectl describe pod` prints, once there are any.
    pub(super) fn events(&self, pod: &str) -> Result<String> {
        let line = format!("describe pod {pod} --namespace {NAMESPACE}");
        let events = wait_for("an event on the pod", DONE_WITHIN, || {
            let text = self.quietly(line.split(' '))?;
            let events = text.split_once("\nEvents:").map(|(_, events)| events.trim_end().to_owned());
            Ok(events.filter(|events| !events.contains("<none>")))
        })?;
        println!("   $ kubectl {line}");
        Ok(format!("…\nEvents:{events}"))
    }

    /// What the API server counts, in the text form of Prometheus.
    pub(super) fn metrics(&self) -> Result<String> {
        self.quietly(["get", "--raw", "/metrics"])
    }
}

fn binding(pod: &Pod) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Binding", "metadata": {"name": pod.name, "namespace": NAMESPACE},
        "target": {"apiVersion": "v1", "kind": "Node", "name": pod.node}
    })
}

fn text<'a>(object: &'a Value, path: &str) -> &'a str {
    object.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

/// Fails unless a claim of the story holds.
pub(super) fn check(holds: bool, claim: impl FnOnce() -> String) -> Result<()> {
    if holds { Ok(()) } else { bail!("{}", claim()) }
}
