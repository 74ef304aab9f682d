//! What is done to any cluster, started here or not: our definitions, and the account that an agent has.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::kubectl::Kubectl;
use crate::programs;

/// A cluster of somebody else's that is not on loopback, by the URL of its server: who names it here says that it may be written to.
const ALLOWED: &str = "SPIDERPOOL_TEST_CLUSTER";
/// Where the agent lives in a cluster.
const NAMESPACE: &str = "spiderpool";
const ACCOUNT: &str = "spiderpool-agent";
/// Longer than any test, and within what an API server grants.
const TOKEN_FOR: &str = "24h";

/// A cluster, and a folder for what belongs to it.
#[derive(Debug)]
pub(crate) struct Cluster {
    kubectl: Kubectl,
    server: String,
    folder: PathBuf,
    agent: Mutex<Option<PathBuf>>,
}

impl Cluster {
    pub(crate) fn new(kubectl: Kubectl, server: String, folder: &Path) -> Self {
        Self { kubectl, server, folder: folder.to_owned(), agent: Mutex::new(None) }
    }

    /// The cluster of `KUBECONFIG`, which is `config`, with files for it in `folder`.
    pub(crate) fn foreign(config: &Path, folder: &Path) -> Result<Self> {
        let program = programs::kubectl()?;
        // By the environment: it may be several files.
        let (first, rest) = program.split_first().context("a program without a name")?;
        let mut view = std::process::Command::new(first);
        view.args(rest).args(["config", "view", "--raw", "--minify", "--flatten", "-o", "json"]);
        let text = crate::command::run(&mut view)?.success().context("read KUBECONFIG")?;
        let server = server_of(&text)?;
        ensure!(
            is_loopback(&server) || std::env::var(ALLOWED).is_ok_and(|allowed| allowed == server),
            "KUBECONFIG ({}) names the cluster {server}, which is not on loopback; unset KUBECONFIG, or set {ALLOWED}={server} if it may \
             be written to",
            config.display()
        );
        let flat = folder.join("kubeconfig");
        fs::write(&flat, text).context("write the kubeconfig")?;
        let kubectl = Kubectl::new(program, flat, folder.join("kubectl-cache"));
        kubectl.success(["get", "--raw", "/readyz"]).with_context(|| format!("reach {server}"))?;
        Ok(Self::new(kubectl, server, folder))
    }

    /// kubectl as `system:masters`, or as whoever `KUBECONFIG` names.
    pub(crate) fn kubectl(&self) -> &Kubectl {
        &self.kubectl
    }

    /// The URL of the API server.
    pub(crate) fn server(&self) -> &str {
        &self.server
    }

    /// Brings in our definitions, and waits until their kinds are served.
    pub(crate) fn install_crds(&self) -> Result<()> {
        let folder = repository("ipam-k8s/crds").into_os_string();
        let apply = ["apply", "--server-side", "--force-conflicts", "-f"].map(Into::into);
        self.kubectl.success(apply.into_iter().chain([folder.clone()]))?;
        let wait = ["wait", "--for=condition=Established", "--timeout=60s", "-f"].map(Into::into);
        self.kubectl.success(wait.into_iter().chain([folder]))?;
        Ok(())
    }

    /// The file by which an agent finds the cluster.
    pub(crate) fn agent_kubeconfig(&self) -> Result<PathBuf> {
        let mut agent = self.agent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(path) = agent.as_ref() {
            return Ok(path.clone());
        }
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}});
        self.kubectl.apply(&namespace.to_string())?;
        let manifest = repository("daemons/rbac/agent.yaml");
        let manifest =
            fs::read_to_string(&manifest).with_context(|| format!("read {}", manifest.display()))?;
        self.kubectl.apply(&manifest)?;
        let token = ["create", "token", ACCOUNT, "--namespace", NAMESPACE, "--duration", TOKEN_FOR];
        let token = self.kubectl.success(token)?;
        let view = ["config", "view", "--raw", "--minify", "--flatten", "-o", "json"];
        let mut config: Value =
            serde_json::from_str(&self.kubectl.success(view)?).context("kubectl config view: not JSON")?;
        let user = config.pointer_mut("/users/0/user").context("kubectl config view: no user")?;
        *user = json!({"token": token.trim()});
        let path = self.folder.join("agent.kubeconfig");
        fs::write(&path, config.to_string()).context("write the agent's kubeconfig")?;
        *agent = Some(path.clone());
        Ok(path)
    }
}

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

fn server_of(config: &str) -> Result<String> {
    let config: Value = serde_json::from_str(config).context("kubectl config view: not JSON")?;
    match config.pointer("/clusters/0/cluster/server").and_then(Value::as_str) {
        Some(server) => Ok(server.to_owned()),
        None => bail!("KUBECONFIG names no cluster"),
    }
}

/// Whether a URL leads to this machine.
fn is_loopback(server: &str) -> bool {
    let Some((_, rest)) = server.split_once("://") else { return false };
    let authority = rest.split('/').next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => authority.rsplit_once(':').map_or(authority, |(host, _)| host),
    };
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|host| host.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn loopback() {
        for here in
            ["https://127.0.0.1:6443", "https://localhost:1/x", "http://[::1]:8080", "https://127.8.9.1"]
        {
            assert!(is_loopback(here), "{here}");
        }
        for away in [
            "https://10.0.0.1:6443",
            "https://127.0.0.1.example.com",
            "https://user@example.com:1",
            "127.0.0.1",
            "",
        ] {
            assert!(!is_loopback(away), "{away}");
        }
    }
}
