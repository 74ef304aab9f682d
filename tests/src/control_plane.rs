//! A Kubernetes control plane: real etcd, kube-apiserver and kube-controller-manager on loopback, with a folder of their own,
//! that ends with the value that started it.
//!
//! The programs are one Go program of this package (`control-plane`), which `cargo xtask` builds once a machine. Where
//! `KUBEBUILDER_ASSETS` names a folder with etcd and kube-apiserver (the convention of envtest) those are used instead; they
//! come without a controller manager, so nothing there collects what an owner reference ties together.

use std::ffi::OsString;
use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::binaries;
use crate::command::{Outcome, run, run_with};

/// 4.4 s on an idle machine of CI's size; a busy one takes several times as long.
const READY_WITHIN: Duration = Duration::from_secs(120);
/// The one token that is known to the API server. It listens on loopback and lives as long as the test.
const TOKEN: &str = "control-plane-of-a-test";

/// A running control plane.
#[derive(Debug)]
pub struct ControlPlane {
    folder: TempDir,
    programs: Programs,
    server: String,
    children: Vec<Child>,
}

/// How each program is called.
#[derive(Debug, Clone)]
struct Programs {
    etcd: Vec<OsString>,
    apiserver: Vec<OsString>,
    manager: Option<Vec<OsString>>,
    kubectl: Vec<OsString>,
}

impl ControlPlane {
    /// Starts all of it and waits until it is ready.
    ///
    /// # Errors
    /// A program is missing, or ends or hangs on its way; the error shows the end of its log.
    pub fn start() -> Result<Self> {
        let programs = Programs::find()?;
        let folder = TempDir::with_prefix("control-plane-").context("make a folder")?;
        let [peer, client, secure] = free_ports()?;
        let etcd = format!("http://127.0.0.1:{client}");
        let mut plane =
            Self { folder, programs, server: format!("https://127.0.0.1:{secure}"), children: Vec::new() };
        plane.start_etcd(&etcd, peer)?;
        plane.start_apiserver(&etcd, secure)?;
        plane.wait_until_ready()?;
        plane.start_manager()?;
        Ok(plane)
    }

    /// The file by which clients find it, as `system:masters`.
    #[must_use]
    pub fn kubeconfig(&self) -> PathBuf {
        self.path("kubeconfig")
    }

    /// The URL of the API server.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The folder of the programs' logs and data.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Runs kubectl as a user would.
    ///
    /// # Errors
    /// It could not be started.
    pub fn kubectl<const N: usize>(&self, args: [&str; N]) -> Result<Outcome> {
        run(self.kubectl_command()?.args(args))
    }

    /// Applies manifests from memory.
    ///
    /// # Errors
    /// kubectl failed.
    pub fn apply(&self, manifests: &str) -> Result<String> {
        let mut command = self.kubectl_command()?;
        run_with(command.args(["apply", "--server-side", "-f", "-"]), manifests)?.success()
    }

    fn kubectl_command(&self) -> Result<Command> {
        let mut command = called(&self.programs.kubectl)?;
        command.arg("--kubeconfig").arg(self.kubeconfig());
        // Its discovery cache would be shared by all control planes of the user.
        command.arg("--cache-dir").arg(self.path("kubectl-cache"));
        Ok(command)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn start_etcd(&mut self, client: &str, peer: u16) -> Result<()> {
        let peer = format!("http://127.0.0.1:{peer}");
        let cluster = format!("default={peer}");
        let mut command = called(&self.programs.etcd)?;
        command.arg("--data-dir").arg(self.path("etcd")).args([
            "--listen-client-urls",
            client,
            "--advertise-client-urls",
            client,
            "--listen-peer-urls",
            &peer,
            "--initial-advertise-peer-urls",
            &peer,
            "--initial-cluster",
            &cluster,
            "--log-level",
            "warn",
            // Nobody expects its data to outlive it.
            "--unsafe-no-fsync",
        ]);
        self.spawn("etcd", &command)
    }

    fn start_apiserver(&mut self, etcd: &str, port: u16) -> Result<()> {
        let key = self.path("service-account.key");
        let openssl = ["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out"];
        run(Command::new("openssl").args(openssl).arg(&key))?.success().context("make a key")?;
        let tokens = self.path("tokens.csv");
        fs::write(&tokens, format!("{TOKEN},admin,admin,system:masters\n")).context("write tokens.csv")?;
        fs::write(self.kubeconfig(), self.kubeconfig_text()).context("write the kubeconfig")?;
        let mut command = called(&self.programs.apiserver)?;
        command
            .args(["--etcd-servers", etcd, "--secure-port", &port.to_string()])
            .args(["--bind-address", "127.0.0.1", "--advertise-address", "127.0.0.1"])
            .args(["--service-cluster-ip-range", "10.96.0.0/16"])
            .args(["--service-account-issuer", "https://kubernetes.default.svc"])
            .args(["--authorization-mode", "RBAC", "--allow-privileged"])
            // The controller manager makes the accounts that this plugin would wait for, or there is none.
            .args(["--disable-admission-plugins", "ServiceAccount"]);
        for (flag, path) in [
            ("--cert-dir", self.path("certificates")),
            ("--service-account-signing-key-file", key.clone()),
            ("--service-account-key-file", key),
            ("--token-auth-file", tokens),
        ] {
            command.arg(flag).arg(path);
        }
        self.spawn("kube-apiserver", &command)
    }

    fn start_manager(&mut self) -> Result<()> {
        let Some(manager) = &self.programs.manager else { return Ok(()) };
        let mut command = called(manager)?;
        command
            .arg("--kubeconfig")
            .arg(self.kubeconfig())
            .arg("--service-account-private-key-file")
            .arg(self.path("service-account.key"))
            .args(["--leader-elect=false", "--use-service-account-credentials=true", "--secure-port", "0"])
            // No kubelet reports here; nodes would be tainted and their pods evicted.
            .arg("--controllers=*,-nodelifecycle");
        self.spawn("kube-controller-manager", &command)
    }

    /// Starts a program that dies with this process, however this process ends.
    fn spawn(&mut self, name: &str, command: &Command) -> Result<()> {
        let log = File::create(self.path(&format!("{name}.log"))).context("make a log")?;
        let errors = log.try_clone().context("make a log")?;
        let mut guarded = Command::new("setpriv");
        guarded.args(["--pdeathsig", "KILL"]).arg(command.get_program()).args(command.get_args());
        let child = guarded.stdin(Stdio::null()).stdout(log).stderr(errors).spawn();
        self.children.push(child.with_context(|| format!("start {name}"))?);
        Ok(())
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            let answer = self.kubectl(["get", "--raw", "/readyz"])?;
            if answer.status.success() {
                return Ok(());
            }
            if let Some(name) = self.first_dead()? {
                bail!("{name} has ended: {}", self.end_of_log(name));
            }
            if Instant::now() > deadline {
                bail!("not ready after {READY_WITHIN:?}: {answer}; {}", self.end_of_log("kube-apiserver"));
            }
            pause();
        }
    }

    fn first_dead(&mut self) -> Result<Option<&'static str>> {
        for (child, name) in
            self.children.iter_mut().zip(["etcd", "kube-apiserver", "kube-controller-manager"])
        {
            if child.try_wait().context("look after a program")?.is_some() {
                return Ok(Some(name));
            }
        }
        Ok(None)
    }

    fn end_of_log(&self, name: &str) -> String {
        let log = fs::read_to_string(self.path(&format!("{name}.log"))).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines.get(lines.len().saturating_sub(10)..).unwrap_or_default().join("\n")
    }

    fn kubeconfig_text(&self) -> String {
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: test\n\
             clusters: [{{name: test, cluster: {{server: '{}', certificate-authority: '{}'}}}}]\n\
             users: [{{name: admin, user: {{token: {TOKEN}}}}}]\n\
             contexts: [{{name: test, context: {{cluster: test, user: admin}}}}]\n",
            self.server,
            self.path("certificates/apiserver.crt").display(),
        )
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        for child in self.children.iter_mut().rev() {
            // It may have ended by itself; nothing more can be done about a failure here.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Programs {
    fn find() -> Result<Self> {
        if let Some(assets) = std::env::var_os("KUBEBUILDER_ASSETS").filter(|assets| !assets.is_empty()) {
            let program = |name: &str| vec![Path::new(&assets).join(name).into_os_string()];
            return Ok(Self {
                etcd: program("etcd"),
                apiserver: program("kube-apiserver"),
                manager: None,
                kubectl: program("kubectl"),
            });
        }
        let binary = binaries::control_plane()?;
        let program = |name: &str| vec![binary.clone().into_os_string(), name.into()];
        Ok(Self {
            etcd: program("etcd"),
            apiserver: program("kube-apiserver"),
            manager: Some(program("kube-controller-manager")),
            kubectl: program("kubectl"),
        })
    }
}

fn called(program: &[OsString]) -> Result<Command> {
    let (first, rest) = program.split_first().context("a program without a name")?;
    let mut command = Command::new(first);
    command.args(rest);
    Ok(command)
}

/// Ports that were free a moment ago; all are held until the last is known, so they differ.
fn free_ports<const N: usize>() -> Result<[u16; N]> {
    let listeners: Vec<TcpListener> = (0..N)
        .map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
        .collect::<std::io::Result<_>>()
        .context("find a free port")?;
    let mut ports = [0; N];
    for (port, listener) in ports.iter_mut().zip(&listeners) {
        *port = listener.local_addr().context("find a free port")?.port();
    }
    Ok(ports)
}

#[expect(clippy::disallowed_methods, reason = "no event tells that a foreign server is ready")]
fn pause() {
    std::thread::sleep(Duration::from_millis(100));
}
