//! `cargo xtask demo --kubernetes`: pods of a real control plane get their addresses from two real agents.
//!
//! Everything is on loopback and of the demo's own: the control plane, whose folder also holds what the agents write, and a network
//! namespace a node. Each process is asked of the kernel to die with this one, and the control plane's folder goes with it too, so
//! that nothing is left behind, also after Ctrl-C. A cluster that `KUBECONFIG` names is left alone: it would get nodes that do not
//! exist and a role that it has not asked for.

mod agents;
mod cluster;
mod costs;
mod draw;
mod filling;
mod kubelet;
mod life;
mod manifests;
mod pools;
mod story;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Result, bail};
use spiderpool_control_plane::named;

use crate::artifacts;
use crate::packages;
use crate::workspace::{Workspace, find_program};

/// What makes the control plane's key, what ends a process with its parent, and what makes a namespace.
const TOOLS: &[(&str, &str)] =
    &[("openssl", "openssl"), ("setpriv", "util-linux"), ("unshare", "util-linux")];

/// The programs that the story is about.
#[derive(Debug)]
pub(super) struct Programs {
    /// A folder for `CNI_PATH` that holds our plugins.
    pub(super) plugin_folder: PathBuf,
    /// `spiderpoolctl`.
    pub(super) ctl: PathBuf,
    /// `spiderpool-agent`.
    pub(super) agent: PathBuf,
}

/// Builds what is not there, and tells the story.
pub(super) fn main(given: Option<Programs>, is_kept: bool) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    let log = workspace.scratch().join("demo.log");
    for (program, package) in TOOLS {
        if find_program(program).is_none() {
            packages::ensure(&[package], &log)?;
        }
        if find_program(program).is_none() {
            bail!("{program} is not in PATH; install it, on Debian by: apt-get install {package}");
        }
    }
    check_variables()?;
    let programs = match given {
        Some(programs) => programs,
        None => {
            let built = artifacts::build(&workspace, &log)?;
            Programs { agent: built.agent(), plugin_folder: built.plugin_folder, ctl: built.ctl }
        }
    };
    let plugin = programs.plugin_folder.join("spiderpool");
    let files = [&plugin, &programs.ctl, &programs.agent];
    if let Some(missing) = files.into_iter().find(|file| !file.is_file()) {
        bail!("{}: no such file; without --plugin-dir, --ctl and --agent all are built", missing.display());
    }
    let started = Instant::now();
    story::tell(&programs, is_kept)?;
    println!("\nAll of this took {:.1} s; nothing of it is left.", started.elapsed().as_secs_f64());
    Ok(ExitCode::SUCCESS)
}

fn check_variables() -> Result<()> {
    if let Some(assets) = named("KUBEBUILDER_ASSETS") {
        let manager = assets.join("kube-controller-manager");
        if !manager.is_file() {
            bail!(
                "KUBEBUILDER_ASSETS: {} is not there, and nothing else makes the pods of a Deployment; unset KUBEBUILDER_ASSETS, and \
                 the programs are built, once a machine",
                manager.display()
            );
        }
    }
    if let Some(config) = named("KUBECONFIG") {
        println!("KUBECONFIG ({}) is left alone: the demo has a cluster of its own.", config.display());
    }
    Ok(())
}
