//! `cargo xtask control-plane up|down|status`: a Kubernetes control plane that stays, with our definitions in it.
//!
//! Standard output has the path of the kubeconfig and nothing else, so that a shell can take it:
//! `export KUBECONFIG=$(cargo xtask control-plane up)`.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use lexopt::Parser;
use lexopt::prelude::{Long, Short, Value};
use spiderpool_control_plane::{ControlPlane, Standing, Status, cache, named};

const USAGE: &str = "want: cargo xtask control-plane up|down|status";

/// Reads what to do, and does it.
pub(crate) fn main(mut parser: Parser) -> Result<ExitCode> {
    let mut what = None;
    while let Some(arg) = parser.next()? {
        match arg {
            Value(value) if what.is_none() => what = Some(value),
            Short(_) | Long(_) | Value(_) => return Err(arg.unexpected().into()),
        }
    }
    let standing = Standing::at(&folder()?);
    match what.as_deref().and_then(|what| what.to_str()) {
        Some("up") => up(&standing),
        Some("down") => down(&standing),
        Some("status") => status(&standing),
        Some(_) | None => bail!(USAGE),
    }
}

/// One for each clone of the tree, outside of it: `cargo clean` would take the data of what runs.
fn folder() -> Result<PathBuf> {
    let mut clone = DefaultHasher::new();
    env!("CARGO_MANIFEST_DIR").hash(&mut clone);
    Ok(cache()?.join("control-planes").join(format!("{:016x}", clone.finish())))
}

fn up(standing: &Standing) -> Result<ExitCode> {
    // A shell that has taken our own path asks for the same one again.
    if let Some(config) = named("KUBECONFIG").filter(|config| *config != standing.kubeconfig())
        && let Some(other) = ControlPlane::foreign()?
    {
        eprintln!("KUBECONFIG is set: the cluster {} is used, nothing is started", other.server());
        other.install_crds()?;
        println!("{}", config.display());
        return Ok(ExitCode::SUCCESS);
    }
    standing.up(&mut |line| eprintln!("{line}"))?;
    println!("{}", standing.kubeconfig().display());
    Ok(ExitCode::SUCCESS)
}

fn down(standing: &Standing) -> Result<ExitCode> {
    if standing.down()? {
        eprintln!("the control plane has ended");
    } else {
        eprintln!("no control plane of this clone runs");
    }
    Ok(ExitCode::SUCCESS)
}

fn status(standing: &Standing) -> Result<ExitCode> {
    match standing.status()? {
        Status::Down => {
            eprintln!("no control plane of this clone runs; start one: cargo xtask control-plane up");
            Ok(ExitCode::FAILURE)
        }
        Status::Up { server, programs } => {
            eprintln!("{server}");
            for program in programs {
                eprintln!("{:<24} pid {}", program.component.name(), program.pid);
            }
            println!("{}", standing.kubeconfig().display());
            Ok(ExitCode::SUCCESS)
        }
        Status::Broken { ended } => {
            for program in ended {
                eprintln!("{} (pid {}) has ended", program.component.name(), program.pid);
            }
            eprintln!("start it anew: cargo xtask control-plane up");
            Ok(ExitCode::FAILURE)
        }
    }
}
