//! The binaries that tests, demo and benches run: the plugin as users get it, `spiderpoolctl` and the agent.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::process::Call;
use crate::workspace::Workspace;

/// Where Debian puts host-local, the baseline of the plugin's benches.
const HOST_LOCAL: &str = "/usr/lib/cni/host-local";

/// Built binaries.
#[derive(Debug, Clone)]
pub(crate) struct Artifacts {
    /// A folder for `CNI_PATH` that holds our plugins.
    pub(crate) plugin_folder: PathBuf,
    /// `spiderpoolctl`.
    pub(crate) ctl: PathBuf,
}

impl Artifacts {
    /// Where [`build`] leaves them.
    pub(crate) fn of(workspace: &Workspace) -> Self {
        let folder = workspace.target().join("plugin");
        Self { ctl: folder.join("spiderpoolctl"), plugin_folder: folder }
    }

    /// What tests and benches find them by.
    pub(crate) fn environment(&self) -> [(&'static str, PathBuf); 3] {
        [
            ("SPIDERPOOL_PLUGIN_DIR", self.plugin_folder.clone()),
            ("SPIDERPOOLCTL", self.ctl.clone()),
            ("HOST_LOCAL", HOST_LOCAL.into()),
        ]
    }

    /// The plugin itself.
    pub(crate) fn plugin(&self) -> PathBuf {
        self.plugin_folder.join("spiderpool")
    }

    /// The agent, as [`build`] leaves it.
    pub(crate) fn agent(&self) -> PathBuf {
        self.plugin_folder.join("spiderpool-agent")
    }
}

/// Builds all, static, in the small profile.
pub(crate) fn build(workspace: &Workspace, log: &Path) -> Result<Artifacts> {
    let artifacts = Artifacts::of(workspace);
    // Two calls: in one, Cargo would give the plugin the features that only the command line tool asks for.
    build_package(workspace, "cni-plugins", &[artifacts.plugin()], log)?;
    build_package(workspace, "spiderpool-daemons", &[artifacts.ctl.clone(), artifacts.agent()], log)?;
    Ok(artifacts)
}

fn build_package(workspace: &Workspace, package: &str, binaries: &[PathBuf], log: &Path) -> Result<()> {
    // With `--target`, RUSTFLAGS leave build scripts and procedural macros alone, which cannot be static.
    Call::cargo([
        "build",
        "--profile",
        "plugin",
        "--bins",
        "--package",
        package,
        "--target",
        workspace.host(),
    ])
    .env("RUSTFLAGS", "-Ctarget-feature=+crt-static")
    .folder(workspace.root())
    .run(log, |_| {})?;
    binaries.iter().try_for_each(|binary| put_in_place(workspace, binary))
}

fn put_in_place(workspace: &Workspace, binary: &Path) -> Result<()> {
    let name = binary.file_name().context("a binary has a name")?;
    let built = workspace.target().join(workspace.host()).join("plugin").join(name);
    let folder = binary.parent().context("a binary has a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("{}: cannot be made", folder.display()))?;
    // Copied aside and renamed: a plugin that is running at this moment cannot be written over.
    let fresh = binary.with_extension("new");
    fs::copy(&built, &fresh).with_context(|| format!("{}: cannot be copied", built.display()))?;
    fs::rename(&fresh, binary).with_context(|| format!("{}: cannot be replaced", binary.display()))
}
