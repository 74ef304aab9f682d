//! One control plane's folder and ports, and how its programs are called on them. The same a second time: a program that was
//! stopped comes back with its data, its keys and its address.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::command::{IF_PARENT_LIVES, pause, run, with_parent};
use crate::kubectl::Kubectl;
use crate::programs::Programs;

/// 4.4 s on an idle machine of CI's size; a busy one takes several times as long.
const READY_WITHIN: Duration = Duration::from_secs(120);
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// The token of `system:masters`. The API server listens on loopback, and its folder is the user's alone.
const TOKEN: &str = "control-plane-of-a-test";
/// How much of a log is told when its program fails.
const TAIL_LINES: usize = 10;

/// A program of a control plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Component {
    /// Keeps the objects.
    Etcd,
    /// kube-apiserver
    Apiserver,
    /// kube-controller-manager; not among what envtest brings for `KUBEBUILDER_ASSETS`.
    Manager,
}

impl Component {
    /// All, in the order in which they need each other.
    pub const ALL: [Self; 3] = [Self::Etcd, Self::Apiserver, Self::Manager];

    /// The program's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::Apiserver => "kube-apiserver",
            Self::Manager => "kube-controller-manager",
        }
    }
}

/// How long a program lives.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Life {
    /// As long as the thread that starts it.
    WithParent,
    /// Until somebody ends it.
    Standing,
}

/// Starts a program again whenever it ends, as a kubelet does: the manager ends when the API server goes away at the wrong moment. The
/// second argument is what a program does that is started just when the loop is killed.
const AGAIN: &str =
    r#"check=$1; shift; while :; do setpriv --pdeathsig KILL sh -c "$check" $$ "$@"; sleep 0.2; done"#;

/// Folder, ports and programs.
#[derive(Debug)]
pub(crate) struct Layout {
    folder: PathBuf,
    programs: Programs,
    peer: u16,
    client: u16,
    secure: u16,
}

impl Layout {
    /// Ports that are free, and the files that the programs read.
    pub(crate) fn new(folder: &Path, programs: Programs) -> Result<Self> {
        let [peer, client, secure] = free_ports()?;
        let layout = Self { folder: folder.to_owned(), programs, peer, client, secure };
        let openssl = ["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out"];
        run(Command::new("openssl").args(openssl).arg(layout.key()))?.success().context("make a key")?;
        fs::write(layout.path("tokens.csv"), format!("{TOKEN},admin,admin,system:masters\n"))
            .context("write tokens.csv")?;
        fs::write(layout.kubeconfig(), layout.kubeconfig_text()).context("write the kubeconfig")?;
        Ok(layout)
    }

    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.path("kubeconfig")
    }

    pub(crate) fn server(&self) -> String {
        format!("https://127.0.0.1:{}", self.secure)
    }

    pub(crate) fn kubectl(&self) -> Kubectl {
        Kubectl::new(self.programs.kubectl.clone(), self.kubeconfig(), self.path("kubectl-cache"))
    }

    /// A program with its flags, its output going to its log; `None` if there is none.
    pub(crate) fn command(&self, component: Component, life: Life) -> Result<Option<Command>> {
        let Some(mut program) = self.programs.command(component)? else { return Ok(None) };
        match component {
            Component::Etcd => self.etcd(&mut program),
            Component::Apiserver => self.apiserver(&mut program),
            Component::Manager => self.manager(&mut program),
        }
        if component == Component::Manager {
            let mut again = Command::new("sh");
            again.args(["-c", AGAIN, "again", IF_PARENT_LIVES]);
            again.arg(program.get_program()).args(program.get_args());
            program = again;
        }
        let mut command = match life {
            Life::WithParent => with_parent(&program),
            Life::Standing => {
                // In a session of its own no terminal takes it along.
                let mut command = Command::new("setsid");
                command.arg(program.get_program()).args(program.get_args());
                command
            }
        };
        let path = self.log(component);
        let log = File::options().create(true).append(true).open(&path);
        let log = log.with_context(|| format!("open {}", path.display()))?;
        let errors = log.try_clone().context("open a log twice")?;
        command.stdin(Stdio::null()).stdout(log).stderr(errors);
        Ok(Some(command))
    }

    /// Waits until the program serves; `first_dead` says whether one of them has ended meanwhile.
    pub(crate) fn wait_for(
        &self,
        component: Component,
        mut first_dead: impl FnMut() -> Result<Option<Component>>,
    ) -> Result<()> {
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            let found = match component {
                Component::Etcd => self.etcd_listens(),
                Component::Apiserver => self.is_ready()?,
                // Nobody waits for its work to begin, and it does not tell.
                Component::Manager => true,
            };
            if found {
                return Ok(());
            }
            if let Some(dead) = first_dead()? {
                bail!("{} has ended: {}", dead.name(), self.end_of_log(dead));
            }
            if Instant::now() > deadline {
                bail!(
                    "{} not ready after {READY_WITHIN:?}: {}",
                    component.name(),
                    self.end_of_log(component)
                );
            }
            pause(LOOK_AGAIN);
        }
    }

    fn etcd_listens(&self) -> bool {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.client));
        TcpStream::connect_timeout(&address, LOOK_AGAIN).is_ok()
    }

    fn is_ready(&self) -> Result<bool> {
        Ok(self.kubectl().run(["get", "--raw", "/readyz"])?.status.success())
    }

    fn etcd(&self, command: &mut Command) {
        let peer = format!("http://127.0.0.1:{}", self.peer);
        let client = self.etcd_url();
        command.arg("--data-dir").arg(self.path("etcd"));
        for (flag, value) in [
            ("--listen-client-urls", &client),
            ("--advertise-client-urls", &client),
            ("--listen-peer-urls", &peer),
            ("--initial-advertise-peer-urls", &peer),
            ("--initial-cluster", &format!("default={peer}")),
        ] {
            command.args([flag, value]);
        }
        // Without fsync nothing is lost when the program is killed, only when the machine is; and no data here outlives that.
        command.args(["--log-level", "warn", "--unsafe-no-fsync"]);
    }

    fn apiserver(&self, command: &mut Command) {
        command
            .args(["--etcd-servers", &self.etcd_url(), "--secure-port", &self.secure.to_string()])
            .args(["--bind-address", "127.0.0.1", "--advertise-address", "127.0.0.1"])
            .args(["--service-cluster-ip-range", "10.96.0.0/16"])
            .args(["--service-account-issuer", "https://kubernetes.default.svc"])
            .args(["--authorization-mode", "RBAC", "--allow-privileged"])
            // The controller manager makes the accounts that this plugin would wait for, or there is none.
            .args(["--disable-admission-plugins", "ServiceAccount"]);
        for (flag, path) in [
            ("--cert-dir", self.path("certificates")),
            ("--service-account-signing-key-file", self.key()),
            ("--service-account-key-file", self.key()),
            ("--token-auth-file", self.path("tokens.csv")),
        ] {
            command.arg(flag).arg(path);
        }
    }

    fn manager(&self, command: &mut Command) {
        command
            .arg("--kubeconfig")
            .arg(self.kubeconfig())
            .arg("--service-account-private-key-file")
            .arg(self.key())
            .args(["--leader-elect=false", "--use-service-account-credentials=true", "--secure-port", "0"])
            // No kubelet reports here; nodes would be tainted and their pods evicted.
            .arg("--controllers=*,-nodelifecycle");
    }

    fn etcd_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.client)
    }

    fn key(&self) -> PathBuf {
        self.path("service-account.key")
    }

    fn log(&self, component: Component) -> PathBuf {
        self.path(&format!("{}.log", component.name()))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn end_of_log(&self, component: Component) -> String {
        let log = fs::read_to_string(self.log(component)).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines.get(lines.len().saturating_sub(TAIL_LINES)..).unwrap_or_default().join("\n")
    }

    fn kubeconfig_text(&self) -> String {
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: test\n\
             clusters: [{{name: test, cluster: {{server: '{}', certificate-authority: '{}'}}}}]\n\
             users: [{{name: admin, user: {{token: {TOKEN}}}}}]\n\
             contexts: [{{name: test, context: {{cluster: test, user: admin}}}}]\n",
            self.server(),
            self.path("certificates/apiserver.crt").display(),
        )
    }
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
