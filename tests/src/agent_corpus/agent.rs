//! The agent under test: the program itself, with the settings of a case.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::http::{Answer, Place, Request};
use crate::binaries;

/// Start, first lists, first probe: about a second on an idle machine.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// The recorder's environment and `conf.yml`, without what a case changes.
const ENVIRONMENT: &[(&str, &str)] = &[
    ("SPIDERPOOL_POD_NAMESPACE", "spiderpool"),
    ("SPIDERPOOL_POD_NAME", "agent"),
    ("SPIDERPOOL_NODE_NAME", "n1"),
    ("MULTUS_CLUSTER_NETWORK", "kube-system/macvlan-conf"),
    ("SPIDERPOOL_WAIT_SUBNET_POOL_TIME_IN_SECOND", "1"),
    ("SPIDERPOOL_WAIT_SUBNET_POOL_MAX_RETRIES", "2"),
    ("SPIDERPOOL_GOPS_LISTEN_PORT", ""),
    ("SPIDERPOOL_ENABLED_METRIC", "true"),
];
const SWITCHES: &[(&str, bool)] = &[
    ("enableIPv4", true),
    ("enableIPv6", true),
    ("enableStatefulSet", true),
    ("enableKubevirtStaticIP", true),
    ("enableSpiderSubnet", true),
    ("enableAutoPoolForApplication", true),
    ("tuneSysctlConfig", false),
    ("enableIPConflictDetection", false),
    ("enableGatewayDetection", false),
];

/// A running agent; it ends with this value.
#[derive(Debug)]
pub struct Agent {
    child: Child,
    folder: TempDir,
    health_port: u16,
    metric_port: u16,
}

impl Agent {
    /// Starts the agent with what differs from the recorder's settings (keys of `conf.yml`, and variables in capitals; `null`: not
    /// set) and waits until it is ready.
    ///
    /// # Errors
    /// It cannot be started, ends, or does not become ready; the error shows the end of its log.
    pub async fn start(kubeconfig: &Path, settings: &BTreeMap<String, Value>) -> Result<Self> {
        let folder = TempDir::with_prefix("agent-").context("make a folder")?;
        let [health_port, metric_port] = free_ports()?;
        let is_switch = |key: &str| key.starts_with(|c: char| c.is_ascii_lowercase());
        let mut conf: serde_json::Map<String, Value> =
            SWITCHES.iter().map(|(key, on)| ((*key).to_owned(), json!(on))).collect();
        conf.insert("ipamUnixSocketPath".to_owned(), json!(folder.path().join("agent.sock")));
        conf.extend(settings.iter().filter(|(key, _)| is_switch(key)).map(|(k, v)| (k.clone(), v.clone())));
        let path = folder.path().join("conf.yml");
        // JSON is YAML.
        fs::write(&path, Value::from(conf).to_string()).context("write conf.yml")?;
        let log = File::create(folder.path().join("log")).context("make a log")?;
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL"])
            .arg(binaries::agent()?)
            .args(["daemon", "--config-path"])
            .arg(&path)
            .env("KUBECONFIG", kubeconfig)
            .envs(ENVIRONMENT.iter().copied())
            .env("SPIDERPOOL_HEALTH_PORT", health_port.to_string())
            .env("SPIDERPOOL_METRIC_HTTP_PORT", metric_port.to_string())
            .stdin(Stdio::null())
            .stdout(log.try_clone().context("make a log")?)
            .stderr(log);
        for (key, value) in settings.iter().filter(|(key, _)| !is_switch(key)) {
            match value.as_str() {
                Some(value) => command.env(key, value),
                None => command.env_remove(key),
            };
        }
        let child = command.spawn().context("start the agent")?;
        let mut agent = Self { child, folder, health_port, metric_port };
        agent.wait_until_ready().await?;
        Ok(agent)
    }

    /// Sends a request and waits for the answer.
    ///
    /// # Errors
    /// No answer came.
    pub async fn send(&self, request: &Request) -> Result<Answer> {
        let place = match request.on_health_port {
            true => Place::Port(self.health_port),
            false => Place::Socket(self.folder.path().join("agent.sock")),
        };
        super::http::send(&place, request).await
    }

    /// What a scraper gets.
    ///
    /// # Errors
    /// No answer came.
    pub async fn metrics(&self) -> Result<String> {
        let answer =
            super::http::send(&Place::Port(self.metric_port), &Request::new("GET", "/metrics")).await?;
        answer.body.as_str().map(str::to_owned).context("metrics are text")
    }

    /// The end of what it logged.
    #[must_use]
    pub fn log(&self) -> String {
        let log = fs::read_to_string(self.log_path()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines.get(lines.len().saturating_sub(20)..).unwrap_or_default().join("\n")
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    async fn wait_until_ready(&mut self) -> Result<()> {
        let probe = Request { on_health_port: true, ..Request::new("GET", "/v1/runtime/readiness") };
        let deadline = Instant::now() + READY_WITHIN;
        while !self.send(&probe).await.is_ok_and(|answer| answer.code == 200) {
            if let Some(status) = self.child.try_wait().context("look after the agent")? {
                bail!("the agent has ended with {status}: {}", self.log());
            }
            if Instant::now() > deadline {
                bail!("the agent is not ready after {READY_WITHIN:?}: {}", self.log());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // It may have ended by itself; nothing more can be done about a failure here.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Ports that were free a moment ago; all are held until the last is known, so they differ.
fn free_ports<const N: usize>() -> Result<[u16; N]> {
    let bind = |()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let listeners = std::iter::repeat_n((), N).map(bind).collect::<std::io::Result<Vec<_>>>()?;
    let mut ports = [0; N];
    for (port, listener) in ports.iter_mut().zip(&listeners) {
        *port = listener.local_addr().context("find a free port")?.port();
    }
    Ok(ports)
}
