//! Real containers without an image: Podman with its CNI backend, all of its state in the bed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::bed::Bed;
use crate::binaries;
use crate::command::{Outcome, run, sh};

/// What a machine needs for [`Podman`], as names for [`crate::bed::bed`].
pub const TOOLS: [&str; 6] = ["podman", "runc", "conmon", "busybox", "bridge", "macvlan"];

/// A Podman of one bed.
#[derive(Debug)]
pub struct Podman {
    state: PathBuf,
    root_file_system: PathBuf,
    configuration: PathBuf,
    networks: PathBuf,
    control_group: String,
}

impl Podman {
    /// A Podman without any container or network.
    ///
    /// # Errors
    /// A file could not be written.
    pub fn new(bed: &Bed) -> Result<Self> {
        let podman = Self {
            state: bed.path("podman"),
            root_file_system: bed.path("rootfs"),
            configuration: bed.path("containers.conf"),
            networks: bed.path("conflists"),
            control_group: bed.control_group(),
        };
        let root = podman.root_file_system.display();
        sh(&format!(
            "mkdir -p {root}/bin {root}/proc {root}/sys {root}/dev {root}/etc {root}/tmp {root}/run; cp \"$(command -v busybox)\" {root}/bin/busybox
             for applet in sh ip ping sleep; do ln -s busybox {root}/bin/$applet; done"
        ))?;
        fs::create_dir_all(&podman.networks)?;
        let plugins = binaries::plugin_dir()?;
        fs::write(
            &podman.configuration,
            format!(
                "[network]\nnetwork_backend = \"cni\"\nnetwork_config_dir = {:?}\ncni_plugin_dirs = [{:?}, {:?}]\n\
                 [engine]\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\nruntime = \"runc\"\n",
                podman.networks,
                plugins,
                binaries::DISTRIBUTION_PLUGINS
            ),
        )?;
        Ok(podman)
    }

    /// The folder for conflists.
    #[must_use]
    pub fn networks(&self) -> &Path {
        &self.networks
    }

    /// Runs `podman …`.
    ///
    /// # Errors
    /// It could not be started.
    pub fn call(&self, arguments: &[&str]) -> Result<Outcome> {
        run(self.command().args(arguments))
    }

    /// Starts a container that sleeps, and returns its id.
    ///
    /// # Errors
    /// It did not start.
    pub fn start(&self, name: &str, network: &str) -> Result<String> {
        let id = run(&mut self.start_command(name, network))?.success()?;
        Ok(id.trim().to_owned())
    }

    /// The same without waiting for it.
    ///
    /// # Errors
    /// Podman could not be started.
    pub fn spawn_start(&self, name: &str, network: &str) -> Result<Child> {
        self.start_command(name, network)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("start podman")
    }

    /// The first IPv4 address of `eth0` in a running container, as the container sees it.
    ///
    /// # Errors
    /// The container has none.
    pub fn address(&self, name: &str) -> Result<std::net::IpAddr> {
        let text =
            self.call(&["exec", name, "/bin/ip", "-4", "-o", "address", "show", "dev", "eth0"])?.success()?;
        let address = text
            .split_whitespace()
            .skip_while(|word| *word != "inet")
            .nth(1)
            .and_then(|a| a.split('/').next());
        let Some(address) = address else { bail!("{name}: no address in {text:?}") };
        address.parse().with_context(|| format!("{name}: {text:?}"))
    }

    /// The ids of all containers, running or not.
    ///
    /// # Errors
    /// Podman failed.
    pub fn containers(&self, filter: &[&str]) -> Result<Vec<String>> {
        let list = self
            .call(&[&["ps", "--all", "--no-trunc", "--format", "{{.ID}}"], filter].concat())?
            .success()?;
        Ok(list.lines().map(str::to_owned).collect())
    }

    /// Removes containers, or all of them.
    ///
    /// # Errors
    /// Podman failed, which it also does when a DEL failed.
    pub fn remove(&self, which: &[&str]) -> Result<()> {
        let outcome = self.call(&[&["rm", "--force", "--time", "0"], which].concat())?;
        // Podman reports a failed DEL on stderr only.
        if outcome.stderr.contains("level=error") {
            bail!("podman complains: {outcome}");
        }
        outcome.success().map(drop)
    }

    fn start_command(&self, name: &str, network: &str) -> Command {
        let mut command = self.command();
        command
            .args([
                "run",
                "--detach",
                "--name",
                name,
                "--network",
                network,
                "--cgroup-parent",
                &self.control_group,
            ])
            .args(["--ulimit", "nofile=1024:4096", "--ulimit", "nproc=1024:4096", "--no-hosts", "--rootfs"])
            .arg(format!("{}:O", self.root_file_system.display()))
            .args(["/bin/sleep", "1000"]);
        command
    }

    fn command(&self) -> Command {
        let mut command = Command::new("podman");
        command.env("CONTAINERS_CONF", &self.configuration);
        for (flag, folder) in [("--root", "root"), ("--runroot", "run"), ("--tmpdir", "tmp")] {
            command.arg(flag).arg(self.state.join(folder));
        }
        command
    }
}
