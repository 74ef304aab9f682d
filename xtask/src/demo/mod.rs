//! `cargo xtask demo`: the plugin at work, told for someone who has never heard of CNI.
//!
//! The story runs in a network and a mount namespace of its own, and its store lives on a memory file system mounted
//! in there. The kernel takes all of it away with the last process, so nothing is left behind however it ends.

mod cni;
mod kubernetes;
mod stage;
mod steps;
mod story;

use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use lexopt::Parser;
use lexopt::prelude::{Long, Short, Value, ValueExt};

use self::kubernetes::Programs;
use crate::artifacts::{self, Artifacts};
use crate::packages;
use crate::workspace::{Workspace, is_root};

/// Where distributions and the CNI project's own releases put the main plugins.
const MAIN_PLUGIN_FOLDERS: &[&str] = &["/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni"];

/// Reads the options; builds and goes inside, or, when inside, tells the story. With `--kubernetes` it is another story.
pub(crate) fn main(mut parser: Parser) -> Result<ExitCode> {
    let (mut is_inside, mut is_kubernetes, mut is_kept) = (false, false, false);
    let (mut plugin_folder, mut ctl, mut agent) = (None, None, None);
    while let Some(arg) = parser.next()? {
        match arg {
            // How the demo calls itself; not for people.
            Long("inside") => is_inside = true,
            Long("kubernetes") => is_kubernetes = true,
            Long("keep") => is_kept = true,
            Long("plugin-dir") => plugin_folder = Some(PathBuf::from(parser.value()?.string()?)),
            Long("ctl") => ctl = Some(PathBuf::from(parser.value()?.string()?)),
            Long("agent") => agent = Some(PathBuf::from(parser.value()?.string()?)),
            Short(_) | Long(_) | Value(_) => return Err(arg.unexpected().into()),
        }
    }
    if is_kubernetes {
        let given = match (plugin_folder, ctl, agent) {
            (Some(plugin_folder), Some(ctl), Some(agent)) => Some(Programs { plugin_folder, ctl, agent }),
            (None, None, None) => None,
            _ => bail!("with --kubernetes, --plugin-dir, --ctl and --agent go together"),
        };
        if is_inside {
            bail!("--inside does not go with --kubernetes");
        }
        return kubernetes::main(given, is_kept);
    }
    if is_kept || agent.is_some() {
        bail!("--keep and --agent go with --kubernetes");
    }
    let given = match (plugin_folder, ctl) {
        (Some(plugin_folder), Some(ctl)) => Some(Artifacts { plugin_folder, ctl }),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => bail!("--plugin-dir and --ctl go together"),
    };
    match given {
        Some(artifacts) if is_inside => story::tell(&stage::Stage::enter(artifacts, main_plugins()?)?),
        None if is_inside => bail!("--inside needs --plugin-dir and --ctl"),
        Some(_) | None => outside(given),
    }
}

fn outside(given: Option<Artifacts>) -> Result<ExitCode> {
    if !is_root() {
        bail!(
            "the demo makes network namespaces, which only root may; run it as root (it stays in a private network \
             and leaves nothing behind)"
        );
    }
    let workspace = Workspace::load()?;
    let log = workspace.scratch().join("demo.log");
    packages::ensure(packages::NETWORK, &log)?;
    let artifacts = match given {
        Some(artifacts) => artifacts,
        None => artifacts::build(&workspace, &log)?,
    };
    let started = Instant::now();
    let myself = std::env::current_exe().context("the path of this program is not known")?;
    let status = Command::new("unshare")
        .args(["--net", "--mount", "--propagation", "private", "--"])
        .arg(myself)
        .args(["demo", "--inside", "--plugin-dir"])
        .arg(artifacts.plugin_folder)
        .arg("--ctl")
        .arg(artifacts.ctl)
        .status()
        .context("unshare (of util-linux) cannot be started")?;
    if !status.success() {
        bail!("the demo did not end well ({status}); its private network is gone all the same");
    }
    println!("\nAll of this took {:.1} s.", started.elapsed().as_secs_f64());
    Ok(ExitCode::SUCCESS)
}

fn main_plugins() -> Result<PathBuf> {
    let mut folders = MAIN_PLUGIN_FOLDERS.iter().map(PathBuf::from);
    let found = folders.find(|folder| folder.join(stage::MAIN_PLUGIN).is_file());
    found.with_context(|| format!("the CNI plugin `bridge` is in none of {}", MAIN_PLUGIN_FOLDERS.join(", ")))
}
