//! Processes that end with the demo, however it ends.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use spiderpool_control_plane::command::wait_for;

use crate::workspace::is_root;

/// A busy machine takes a while to start a program.
const ENTERED_WITHIN: Duration = Duration::from_secs(30);

/// A process that is killed when this value goes.
#[derive(Debug)]
pub(super) struct Mortal(pub(super) Child);

impl Drop for Mortal {
    fn drop(&mut self) {
        // It may have ended by itself; nothing more can be done about a failure here.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A network namespace that lives as long as this value.
#[derive(Debug)]
pub(super) struct Namespace {
    process: Mortal,
}

impl Namespace {
    /// Makes one. Who is not root makes it in a user namespace.
    pub(super) fn new() -> Result<Self> {
        let mut command = Command::new("unshare");
        command.arg("--net");
        if !is_root() {
            command.args(["--user", "--map-root-user"]);
        }
        // In this order: a new user namespace would clear what is asked of the kernel before it.
        command.args(["setpriv", "--pdeathsig", "KILL", "sleep", "infinity"]);
        let child = command.stdin(Stdio::null()).spawn().context("unshare: cannot be started")?;
        let mut namespace = Self { process: Mortal(child) };
        let ours = std::fs::read_link("/proc/self/ns/net").context("/proc/self/ns/net: cannot be read")?;
        wait_for("a network namespace", ENTERED_WITHIN, || {
            if let Some(status) = namespace.process.0.try_wait()? {
                anyhow::bail!(
                    "no network namespace can be made here (unshare: {status}); run the demo as root, or allow users to make \
                     namespaces: sysctl -w kernel.unprivileged_userns_clone=1"
                );
            }
            Ok(std::fs::read_link(namespace.path()).ok().filter(|theirs| *theirs != ours))
        })?;
        Ok(namespace)
    }

    /// Where it is found.
    pub(super) fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/ns/net", self.process.0.id()))
    }
}
