//! libcni from the command line: a conflist against a namespace, with libcni's own cache and its own rules of versions.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::bed::Bed;
use crate::binaries;
use crate::command::{Outcome, run};
use crate::plugin::Attachment;

/// What a machine needs for [`CniTool`], as names for [`crate::bed::bed`].
pub const TOOLS: [&str; 1] = ["cnitool"];

/// A folder of conflists and the programs to run them with.
#[derive(Debug)]
pub struct CniTool {
    binary: PathBuf,
    conflists: PathBuf,
    path: String,
}

impl CniTool {
    /// cnitool with an empty folder of conflists.
    ///
    /// # Errors
    /// cnitool is not there.
    pub fn new(bed: &Bed) -> Result<Self> {
        let dirs = [binaries::plugin_dir()?, binaries::main_plugin_dir()?];
        Ok(Self {
            binary: binaries::cnitool()?,
            conflists: bed.path("net.d"),
            path: dirs.map(|dir| dir.display().to_string()).join(":"),
        })
    }

    /// The folder for conflists.
    #[must_use]
    pub fn conflists(&self) -> &Path {
        &self.conflists
    }

    /// Runs one command on a network and a namespace.
    ///
    /// # Errors
    /// cnitool could not be started.
    pub fn call(&self, command: &str, network: &str, netns: &Path) -> Result<Outcome> {
        self.call_with(command, network, netns, &[])
    }

    /// The same with more in the environment: `CNI_ARGS`, `CAP_ARGS`, `CNI_IFNAME`.
    ///
    /// # Errors
    /// cnitool could not be started.
    pub fn call_with(
        &self,
        command: &str,
        network: &str,
        netns: &Path,
        environment: &[(&str, &str)],
    ) -> Result<Outcome> {
        run(Command::new(&self.binary)
            .args([command, network])
            .arg(netns)
            .env("NETCONFPATH", &self.conflists)
            .env("CNI_PATH", &self.path)
            .envs(environment.iter().copied()))
    }

    /// GC of a network as a runtime runs it, with the attachments that are still valid.
    ///
    /// # Errors
    /// The program could not be started.
    pub fn collect(&self, network: &str, valid: &[Attachment]) -> Result<Outcome> {
        run(Command::new(binaries::libcni_gc()?)
            .arg(self.conflists.join(format!("{network}.conflist")))
            .args(valid.iter().map(|attachment| format!("{}/{}", attachment.container, attachment.interface)))
            .env("CNI_PATH", &self.path))
    }
}
