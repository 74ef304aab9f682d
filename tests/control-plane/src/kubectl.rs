//! kubectl, as a user would call it.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::command::{Outcome, run, run_with};

/// kubectl with the file by which it finds its cluster.
#[derive(Debug, Clone)]
pub struct Kubectl {
    program: Vec<OsString>,
    kubeconfig: PathBuf,
    cache: PathBuf,
}

impl Kubectl {
    /// `cache` is a folder for what it finds out about the API; its usual one is shared by all clusters of the user.
    pub(crate) fn new(program: Vec<OsString>, kubeconfig: PathBuf, cache: PathBuf) -> Self {
        Self { program, kubeconfig, cache }
    }

    /// The same cluster as somebody else.
    #[must_use]
    pub fn with(&self, kubeconfig: &Path) -> Self {
        Self { kubeconfig: kubeconfig.to_owned(), ..self.clone() }
    }

    /// The file by which it finds its cluster.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Runs it.
    ///
    /// # Errors
    /// It could not be started.
    pub fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Result<Outcome> {
        run(self.command()?.args(args))
    }

    /// Runs it, and gives back what it printed.
    ///
    /// # Errors
    /// It could not be started, or failed.
    pub fn success<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Result<String> {
        self.run(args)?.success()
    }

    /// Applies manifests from memory.
    ///
    /// # Errors
    /// kubectl failed.
    pub fn apply(&self, manifests: &str) -> Result<String> {
        // Without the line, YAML that begins with a brace is taken for JSON by some versions.
        let manifests = format!("---\n{manifests}");
        run_with(self.command()?.args(["apply", "--server-side", "-f", "-"]), &manifests)?.success()
    }

    /// The program and what tells it its cluster, for a call that is more than run to its end.
    ///
    /// # Errors
    /// It has no name.
    pub fn command(&self) -> Result<Command> {
        let (first, rest) = self.program.split_first().context("a program without a name")?;
        let mut command = Command::new(first);
        command.args(rest).arg("--kubeconfig").arg(&self.kubeconfig).arg("--cache-dir").arg(&self.cache);
        Ok(command)
    }
}
