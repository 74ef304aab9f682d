//! The tree these commands work on, as Cargo sees it.
//!
//! Asking `cargo metadata` rather than guessing keeps `CARGO_TARGET_DIR` and a moved member working.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// A member of the workspace.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    /// The package's name.
    pub(crate) name: String,
    /// Whether it goes to the crate registry.
    pub(crate) is_published: bool,
}

/// Where the tree is, where builds go, who its members are.
#[derive(Debug)]
pub(crate) struct Workspace {
    root: PathBuf,
    target: PathBuf,
    members: Vec<Member>,
    host: String,
}

impl Workspace {
    /// Asks Cargo about the workspace this program was built from.
    pub(crate) fn load() -> Result<Self> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let text = stdout_of(
            Command::new("cargo")
                .args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"])
                .arg(&manifest),
        )?;
        let metadata: Value = serde_json::from_str(&text).context("cargo metadata: not JSON")?;
        let path = |key: &str| {
            let text = metadata.get(key).and_then(Value::as_str);
            text.map(PathBuf::from).with_context(|| format!("cargo metadata: no {key}"))
        };
        let packages =
            metadata.get("packages").and_then(Value::as_array).context("cargo metadata: no packages")?;
        let members = packages.iter().filter_map(|package| {
            let name = package.get("name")?.as_str()?.to_owned();
            // `null` means anywhere, an empty list means nowhere.
            let is_published = package.get("publish").is_none_or(Value::is_null);
            Some(Member { name, is_published })
        });
        let version = stdout_of(Command::new("rustc").arg("-vV"))?;
        let host = version
            .lines()
            .find_map(|line| line.strip_prefix("host: "))
            .context("rustc -vV: no host line")?;
        Ok(Self {
            root: path("workspace_root")?,
            target: path("target_directory")?,
            members: members.collect(),
            host: host.to_owned(),
        })
    }

    /// The folder with the workspace's `Cargo.toml`.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Cargo's target folder.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// Where these commands keep logs and scratch files.
    pub(crate) fn scratch(&self) -> PathBuf {
        self.target.join("xtask")
    }

    /// The target triple of this machine.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Names of all crates that a library of ours is built with when it has these features, itself not among them.
    pub(crate) fn dependencies_of(&self, name: &str, features: &str) -> Result<Vec<String>> {
        let args =
            ["tree", "--edges", "normal,build", "--target", "all", "--prefix", "none", "--format", "{p}"];
        let tree = stdout_of(
            Command::new("cargo")
                .args(args)
                .args(["--package", name, "--features", features])
                .current_dir(&self.root),
        )?;
        let mut names: Vec<String> =
            tree.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect();
        names.sort();
        names.dedup();
        names.retain(|found| found != name);
        Ok(names)
    }

    /// Names of the crates that are published, in Cargo's order.
    pub(crate) fn published(&self) -> impl Iterator<Item = &str> {
        self.members.iter().filter(|member| member.is_published).map(|member| member.name.as_str())
    }
}

/// Runs a short query and gives back what it printed.
pub(crate) fn stdout_of(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("{name}: cannot be started"))?;
    if !output.status.success() {
        bail!("{name}: {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether this process may do what only root may.
pub(crate) fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// The first file of this name in `PATH`.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}
