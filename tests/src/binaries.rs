//! Where programs are found: ours by environment variables (set by `cargo xtask test`) or built on the spot, foreign ones in `PATH`
//! or installed once into a cache outside the tree.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command::run;
use crate::control_plane::{self, named};

/// The folder that holds our plugins.
const PLUGIN_DIR: &str = "SPIDERPOOL_PLUGIN_DIR";
/// Our command line tool.
const CTL: &str = "SPIDERPOOLCTL";
/// Our agent.
const AGENT: &str = "SPIDERPOOL_AGENT";
/// libcni's command line tool.
const CNITOOL: &str = "CNITOOL";
/// A folder with a `bridge` that speaks CNI 1.1 (Debian 12's stops at 1.0).
const MAIN_DIR: &str = "CNI_MAIN_PLUGIN_DIR";

/// Main plugins of the distribution, up to CNI 1.0.0.
pub const DISTRIBUTION_PLUGINS: &str = "/usr/lib/cni";

/// The runtime's side of GC: `libcni-gc` of this package.
const LIBCNI_GC: &str = "LIBCNI_GC";

const CNITOOL_MODULE: &str = "github.com/containernetworking/cni/cnitool@v1.3.0";
const BRIDGE_MODULE: &str = "github.com/containernetworking/plugins/plugins/main/bridge@v1.9.0";

/// The folder that holds our plugins.
///
/// # Errors
/// They are neither named by the environment nor can be built.
pub fn plugin_dir() -> Result<PathBuf> {
    named(PLUGIN_DIR).map_or_else(build, Ok)
}

/// Our command line tool.
///
/// # Errors
/// It is neither named by the environment nor can be built.
pub fn spiderpoolctl() -> Result<PathBuf> {
    named(CTL).map_or_else(|| build().map(|dir| dir.join("spiderpoolctl")), Ok)
}

/// Our agent.
///
/// # Errors
/// It is neither named by the environment nor can be built.
pub fn agent() -> Result<PathBuf> {
    named(AGENT).map_or_else(|| build().map(|dir| dir.join("spiderpool-agent")), Ok)
}

/// What developers run, with the demo in it.
///
/// # Errors
/// It cannot be built.
pub fn xtask() -> Result<PathBuf> {
    build_packages(&["xtask"]).map(|dir| dir.join("xtask"))
}

/// libcni's command line tool.
///
/// # Errors
/// It is neither named by the environment nor can be installed.
pub fn cnitool() -> Result<PathBuf> {
    named(CNITOOL).map_or_else(|| install(CNITOOL_MODULE), Ok)
}

/// A folder with a `bridge` plugin that speaks CNI 1.1.
///
/// # Errors
/// It is neither named by the environment nor can be installed.
pub fn main_plugin_dir() -> Result<PathBuf> {
    named(MAIN_DIR).map_or_else(|| install(BRIDGE_MODULE).map(|binary| parent(&binary).to_owned()), Ok)
}

/// libcni's GC with a list of valid attachments, a program of this package.
///
/// # Errors
/// It is neither named by the environment nor can be built.
pub fn libcni_gc() -> Result<PathBuf> {
    if let Some(binary) = named(LIBCNI_GC) {
        return Ok(binary);
    }
    let binary = cache()?.join("libcni-gc").join("libcni-gc");
    run(Command::new("go")
        .args(["build", "-trimpath", "-o"])
        .arg(&binary)
        .arg(".")
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("libcni-gc"))
        .env("CGO_ENABLED", "0"))?
    .success()
    .context("build libcni-gc")?;
    Ok(binary)
}

/// Whether a foreign program is there, or can be installed.
pub(crate) fn exists(tool: &str) -> bool {
    let in_path = |name: &str| {
        std::env::var_os("PATH")
            .is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(name).is_file()))
    };
    match tool {
        "cnitool" => {
            in_path("go")
                || [CNITOOL, MAIN_DIR, LIBCNI_GC].into_iter().all(|variable| named(variable).is_some())
        }
        "bridge" | "macvlan" => Path::new(DISTRIBUTION_PLUGINS).join(tool).is_file(),
        other => in_path(other),
    }
}

/// All variables that a process without network needs to find the programs of this module.
pub(crate) fn environment(tools: &[&str]) -> Result<Vec<(&'static str, OsString)>> {
    let mut variables = vec![(PLUGIN_DIR, plugin_dir()?.into()), (CTL, spiderpoolctl()?.into())];
    if tools.contains(&"cnitool") {
        variables.push((CNITOOL, cnitool()?.into()));
        variables.push((MAIN_DIR, main_plugin_dir()?.into()));
        variables.push((LIBCNI_GC, libcni_gc()?.into()));
    }
    Ok(variables)
}

fn build() -> Result<PathBuf> {
    build_packages(&["cni-plugins", "spiderpool-daemons"])
}

/// Builds programs of ours beside the test binary, which is in `TARGET/PROFILE/deps`.
fn build_packages(packages: &[&str]) -> Result<PathBuf> {
    let test = std::env::current_exe().context("find the test binary")?;
    let profile_dir = parent(parent(&test)).to_owned();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    run(Command::new(cargo)
        .args(["build", "--target-dir"])
        .arg(parent(&profile_dir))
        .args(packages.iter().flat_map(|package| ["--package", package]))
        .current_dir(env!("CARGO_MANIFEST_DIR")))?
    .success()
    .with_context(|| format!("build {}", packages.join(" and ")))?;
    // Whatever profile the tests were built with, this build has the default one.
    Ok(parent(&profile_dir).join("debug"))
}

/// Installs a Go program once a machine and returns its path.
fn install(module: &str) -> Result<PathBuf> {
    let Some((path, version)) = module.split_once('@') else { bail!("{module}: want PATH@VERSION") };
    let name = path.rsplit('/').next().unwrap_or(path);
    let dir = cache()?.join(format!("{name}-{version}"));
    let binary = dir.join(name);
    if !binary.is_file() {
        run(Command::new("go").args(["install", module]).env("GOBIN", &dir).env("CGO_ENABLED", "0"))?
            .success()
            .with_context(|| format!("install {module}"))?;
    }
    Ok(binary)
}

fn cache() -> Result<PathBuf> {
    Ok(control_plane::cache()?.join("tools"))
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}
