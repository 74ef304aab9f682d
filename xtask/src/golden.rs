//! `cargo xtask golden admission|agent FOLDER`: recorded answers of the Go original, replayed against our rules, or against our agent.
//!
//! The replay is a program of the tests package, so that these commands need not be built with the rules; that of the agent is a test, which
//! brings a control plane of its own.

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
    let (what, folder) = match values.as_slice() {
        [what, folder] if what == "admission" || what == "agent" => (what, PathBuf::from(folder)),
        _ => bail!("want: cargo xtask golden admission FOLDER, or agent FOLDER"),
    };
    let folder = folder.canonicalize().with_context(|| format!("{}: cannot be found", folder.display()))?;
    let workspace = Workspace::load()?;
    let mut cargo = Command::new("cargo");
    cargo.current_dir(workspace.root());
    if what == "admission" {
        cargo.args(["run", "--quiet", "--package", "spiderpool-tests", "--bin", "golden", "--", "admission"]);
        cargo.arg(&folder);
    } else {
        cargo.args(["test", "--quiet", "--package", "spiderpool-tests", "--test", "agent_corpus"]);
        cargo.args(["--", "--nocapture"]).env("AGENT_CORPUS", &folder);
    }
    let status = cargo.status().context("cargo: cannot be started")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
