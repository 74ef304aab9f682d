//! `cargo xtask crds`: the CustomResourceDefinitions that the types of `ipam-k8s` make.

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use lexopt::Parser;
use lexopt::prelude::{Long, Short, Value};

use crate::workspace::Workspace;

/// Where they are committed, from the workspace's root.
const FOLDER: &str = "ipam-k8s/crds";

/// Writes the definitions, or with `--check` compares. The work is done by an example of the crate, so that xtask
/// itself need not compile the Kubernetes types.
pub(crate) fn main(mut parser: Parser) -> Result<ExitCode> {
    let mut is_check = false;
    let mut folder: Option<OsString> = None;
    while let Some(arg) = parser.next()? {
        match arg {
            Long("check") => is_check = true,
            Value(value) if folder.is_none() => folder = Some(value),
            Short(_) | Long(_) | Value(_) => return Err(arg.unexpected().into()),
        }
    }
    let workspace = Workspace::load()?;
    let folder = match folder {
        Some(folder) => std::path::absolute(folder).context("the folder has no absolute path")?,
        None => workspace.root().join(FOLDER),
    };
    let mut cargo = Command::new("cargo");
    cargo.args(["run", "--quiet", "--package", "ipam-k8s", "--example", "crds", "--"]);
    if is_check {
        cargo.arg("--check");
    }
    let status =
        cargo.arg(folder).current_dir(workspace.root()).status().context("cargo: cannot be started")?;
    match status.code() {
        Some(0) => Ok(ExitCode::SUCCESS),
        Some(_) => Ok(ExitCode::FAILURE),
        None => bail!("cargo: {status}"),
    }
}
