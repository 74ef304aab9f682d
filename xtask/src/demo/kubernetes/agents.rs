//! An agent: the real program, as its DaemonSet starts it on a node.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use spiderpool_control_plane::command::{wait_for, with_parent};

use super::cluster::{Cluster, DONE_WITHIN};
use super::life::Mortal;
use super::manifests::CONF;

/// A probe that is not answered by then is tried again.
const PROBED_WITHIN: Duration = Duration::from_secs(5);
/// How much of a log is told when its agent fails.
const TAIL_LINES: usize = 10;

/// The place of an agent on a node; it runs, or it does not.
#[derive(Debug)]
pub(super) struct Agent {
    program: PathBuf,
    node: &'static str,
    kubeconfig: PathBuf,
    folder: PathBuf,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    process: Mortal,
    metric_port: u16,
}

impl Agent {
    /// Writes its `conf.yml` and starts it.
    pub(super) fn start(program: &Path, node: &'static str, cluster: &Cluster) -> Result<Self> {
        let folder = cluster.folder().join(node);
        fs::create_dir(&folder).with_context(|| format!("{}: cannot be made", folder.display()))?;
        let kubeconfig = cluster.agent_kubeconfig()?;
        let mut agent = Self { program: program.to_owned(), node, kubeconfig, folder, running: None };
        let mut conf: Value = serde_json::from_str(CONF).context("conf.yml of the demo")?;
        if let Some(keys) = conf.as_object_mut() {
            // On a node of its own each would have the usual one.
            keys.insert("ipamUnixSocketPath".to_owned(), json!(agent.socket()));
        }
        fs::write(agent.conf(), conf.to_string()).context("conf.yml: cannot be written")?;
        agent.run()?;
        Ok(agent)
    }

    /// Where the plugin finds it.
    pub(super) fn socket(&self) -> PathBuf {
        self.folder.join("spiderpool.sock")
    }

    /// Where the plugin of this node logs.
    pub(super) fn plugin_log(&self) -> PathBuf {
        self.folder.join("plugin.log")
    }

    /// Starts it, on the socket that it had before.
    pub(super) fn run(&mut self) -> Result<()> {
        let [health_port, metric_port] = free_ports()?;
        let log = File::options().create(true).append(true).open(self.log());
        let log = log.with_context(|| format!("{}: cannot be opened", self.log().display()))?;
        let mut command = Command::new(&self.program);
        command.args(["daemon", "--config-path"]).arg(self.conf());
        let mut command = with_parent(&command);
        command
            .env("KUBECONFIG", &self.kubeconfig)
            .env("SPIDERPOOL_NODE_NAME", self.node)
            .env("SPIDERPOOL_POD_NAMESPACE", "spiderpool")
            .env("SPIDERPOOL_POD_NAME", format!("spiderpool-agent-{}", self.node))
            .env("SPIDERPOOL_ENABLED_METRIC", "true")
            .env("SPIDERPOOL_HEALTH_PORT", health_port.to_string())
            .env("SPIDERPOOL_METRIC_HTTP_PORT", metric_port.to_string())
            .stdin(Stdio::null())
            .stdout(log.try_clone().context("a log cannot be opened twice")?)
            .stderr(log);
        let process =
            command.spawn().with_context(|| format!("{}: cannot be started", self.program.display()));
        let mut process = Mortal(process?);
        let ready = wait_for("an agent", DONE_WITHIN, || {
            let ended = process.0.try_wait().context("look after an agent")?;
            Ok(ended.map(Err).or_else(|| get(health_port, "/v1/runtime/readiness").ok().map(Ok)))
        });
        match ready {
            Ok(Ok(_)) => {}
            Ok(Err(status)) => bail!("the agent of {} ended with {status}: {}", self.node, self.end_of_log()),
            Err(_) => {
                bail!("the agent of {} is not ready after {DONE_WITHIN:?}: {}", self.node, self.end_of_log())
            }
        }
        self.running = Some(Running { process, metric_port });
        Ok(())
    }

    /// Kills it as a crash does: it can say goodbye to nobody, and its socket stays where it is.
    pub(super) fn kill(&mut self) {
        self.running = None;
    }

    pub(super) fn pid(&self) -> u32 {
        self.running.as_ref().map_or(0, |running| running.process.0.id())
    }

    /// What it counts, in the text form of Prometheus.
    pub(super) fn metrics(&self) -> Result<String> {
        let running = self.running.as_ref().with_context(|| format!("no agent runs on {}", self.node))?;
        get(running.metric_port, "/metrics")
    }

    fn conf(&self) -> PathBuf {
        self.folder.join("conf.yml")
    }

    fn log(&self) -> PathBuf {
        self.folder.join("agent.log")
    }

    fn end_of_log(&self) -> String {
        let log = fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines.get(lines.len().saturating_sub(TAIL_LINES)..).unwrap_or_default().join("\n")
    }
}

/// The body of a success.
fn get(port: u16, path: &str) -> Result<String> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, PROBED_WITHIN).context("connect")?;
    stream.set_read_timeout(Some(PROBED_WITHIN)).context("set a timeout")?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").context("ask")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).context("read the answer")?;
    let (head, body) = answer.split_once("\r\n\r\n").context("an answer without an end of its head")?;
    match head.split(' ').nth(1) {
        Some("200") => Ok(body.to_owned()),
        Some(_) | None => bail!("GET {path}: {}", head.lines().next().unwrap_or_default()),
    }
}

/// Ports that were free a moment ago; all are held until the last is known, so they differ.
fn free_ports<const N: usize>() -> Result<[u16; N]> {
    let bind = |()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let listeners = std::iter::repeat_n((), N).map(bind).collect::<std::io::Result<Vec<_>>>();
    let listeners = listeners.context("no port is free")?;
    let mut ports = [0; N];
    for (port, listener) in ports.iter_mut().zip(&listeners) {
        *port = listener.local_addr().context("no port is free")?.port();
    }
    Ok(ports)
}
