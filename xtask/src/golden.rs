//! `cargo xtask golden admission FOLDER`: recorded answers of the Go original, replayed against our rules.
//!
//! The replay is a program of the tests package, so that these commands need not be built with the rules.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use lexopt::Parser;
use lexopt::prelude::{Long, Short, Value};

use crate::workspace::Workspace;

/// Reads the folder and starts the replay; its exit code is ours.
pub(crate) fn main(mut parser: Parser) -> Result<ExitCode> {
    let mut values = Vec::new();
    while let Some(arg) = parser.next()? {
        match arg {
            Value(value) => values.push(value),
            Short(_) | Long(_) => return Err(arg.unexpected().into()),
        }
    }
    let folder = match values.as_slice() {
        [what, folder] if what == "admission" => PathBuf::from(folder),
        _ => bail!("want: cargo xtask golden admission FOLDER"),
    };
    let folder = folder.canonicalize().with_context(|| format!("{}: cannot be found", folder.display()))?;
    let workspace = Workspace::load()?;
    let status = Command::new("cargo")
        .args(["run", "--quiet", "--package", "spiderpool-tests", "--bin", "golden", "--", "admission"])
        .arg(&folder)
        .current_dir(workspace.root())
        .status()
        .context("cargo: cannot be started")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
