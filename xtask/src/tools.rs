//! Developers' tools at pinned versions, installed once a machine into a cache outside the tree.
//!
//! They are built without optimisation: each runs for seconds a day, and an optimised build costs minutes on the
//! two cores of a CI machine.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process::Call;
use crate::workspace::{find_program, stdout_of};

/// A tool by the name and version its registry knows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tool {
    name: &'static str,
    version: &'static str,
}

/// Checks every combination of features.
pub(crate) const HACK: Tool = Tool { name: "cargo-hack", version: "0.6.46" };
/// Checks licences, duplicates and sources of dependencies.
pub(crate) const DENY: Tool = Tool { name: "cargo-deny", version: "0.20.2" };
/// Builds and runs fuzz targets.
pub(crate) const FUZZ: Tool = Tool { name: "cargo-fuzz", version: "0.13.2" };
/// Builds the book.
pub(crate) const MDBOOK: Tool = Tool { name: "mdbook", version: "0.5.4" };
/// Every tool that Cargo installs.
pub(crate) const ALL: &[Tool] = &[HACK, FUZZ, MDBOOK, DENY];

/// A program that Go builds, and the variable by which the end-to-end tests find it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GoTool {
    package: &'static str,
    version: &'static str,
    variable: &'static str,
    /// Whether the variable names the program's folder, for `CNI_PATH`, and not the program.
    is_folder: bool,
}

/// Every tool that Go installs: the CNI project's own runtime library as a command, and a main plugin that speaks
/// CNI 1.1 (Debian 12's stop at 1.0).
pub(crate) const GO: &[GoTool] = &[
    GoTool {
        package: "github.com/containernetworking/cni/cnitool",
        version: "v1.3.0",
        variable: "CNITOOL",
        is_folder: false,
    },
    GoTool {
        package: "github.com/containernetworking/plugins/plugins/main/bridge",
        version: "v1.9.0",
        variable: "CNI_MAIN_PLUGIN_DIR",
        is_folder: true,
    },
];

/// The first Go that builds all of these. Debian 12's own is 1.19.
const GO_MINOR_MIN: u32 = 24;

/// Installs a tool if this machine lacks it; the folder that holds its binary.
pub(crate) fn ensure(tool: Tool, log: &Path) -> Result<PathBuf> {
    let home = cache()?.join(format!("{}-{}", tool.name, tool.version));
    let bin = home.join("bin");
    if bin.join(tool.name).is_file() {
        return Ok(bin);
    }
    let _guard = lock()?;
    if bin.join(tool.name).is_file() {
        return Ok(bin);
    }
    println!("installing {} {} (once a machine, into {})", tool.name, tool.version, home.display());
    let build = cache()?.join("build");
    Call::cargo(["install", "--locked", "--debug", "--version", tool.version, tool.name, "--root"])
        .args([&home])
        // One build folder for all: they share many dependencies.
        .env("CARGO_TARGET_DIR", &build)
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .env("CARGO_INCREMENTAL", "0")
        .quiet()
        .run(log, |_| {})?;
    Ok(bin)
}

/// Removes the build folder that [`ensure`] leaves for the next tool.
pub(crate) fn sweep() -> Result<()> {
    let build = cache()?.join("build");
    if build.is_dir() {
        let _guard = lock()?;
        fs::remove_dir_all(&build).with_context(|| format!("{}: cannot be removed", build.display()))?;
    }
    Ok(())
}

/// The variables of the tools that Go builds, built when this machine lacks them; or, in one sentence, why they
/// cannot be had.
pub(crate) fn ensure_go_tools(
    log: &Path,
) -> Result<std::result::Result<Vec<(&'static str, PathBuf)>, String>> {
    let mut variables = Vec::new();
    for tool in GO {
        let name = tool.package.rsplit('/').next().unwrap_or(tool.package);
        let home = cache()?.join(format!("{name}-{}", tool.version));
        let binary = home.join(name);
        if !binary.is_file() {
            let go = match find_go() {
                Ok(go) => go,
                Err(reason) => return Ok(Err(reason)),
            };
            let _guard = lock()?;
            println!("installing {name} {} (once a machine, into {})", tool.version, home.display());
            Call::new(go)
                .args(["install".to_owned(), format!("{}@{}", tool.package, tool.version)])
                .env("GOBIN", &home)
                .env("CGO_ENABLED", "0")
                .quiet()
                .run(log, |_| {})?;
        }
        if !binary.is_file() {
            bail!("{}: go install succeeded but left no binary there", binary.display());
        }
        variables.push((tool.variable, if tool.is_folder { home } else { binary }));
    }
    Ok(Ok(variables))
}

/// A `PATH` that begins with these folders.
pub(crate) fn path_with(folders: &[PathBuf]) -> Result<OsString> {
    let old = std::env::var_os("PATH").unwrap_or_default();
    let all = folders.iter().cloned().chain(std::env::split_paths(&old));
    std::env::join_paths(all).context("PATH: a folder's name contains a colon")
}

fn find_go() -> std::result::Result<PathBuf, String> {
    let usual = PathBuf::from("/usr/local/go/bin/go");
    let go = find_program("go").or_else(|| usual.is_file().then_some(usual));
    let want = format!("cnitool and CNI 1.1 main plugins are built by Go 1.{GO_MINOR_MIN} or newer");
    let Some(go) = go else { return Err(format!("{want}; no go in PATH")) };
    let version = stdout_of(Command::new(&go).arg("version")).unwrap_or_default();
    match minor_version(&version) {
        Some(minor) if minor >= GO_MINOR_MIN => Ok(go),
        Some(_) | None => Err(format!("{want}; {} says {:?}", go.display(), version.trim())),
    }
}

/// 26 of `go version go1.26.8 linux/amd64`.
fn minor_version(text: &str) -> Option<u32> {
    let (_, rest) = text.split_once("go1.")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// Where tools live: a folder of the user's, shared by all clones.
pub(crate) fn cache() -> Result<PathBuf> {
    let base = match std::env::var_os("XDG_CACHE_HOME") {
        Some(folder) if !folder.is_empty() => PathBuf::from(folder),
        Some(_) | None => {
            PathBuf::from(std::env::var_os("HOME").context("neither XDG_CACHE_HOME nor HOME is set")?)
                .join(".cache")
        }
    };
    Ok(base.join("spiderpool-rs").join("tools"))
}

/// Keeps two runs from installing into the same folder; released when dropped.
pub(crate) fn lock() -> Result<File> {
    let folder = cache()?;
    fs::create_dir_all(&folder).with_context(|| format!("{}: cannot be made", folder.display()))?;
    let path = folder.join("lock");
    let file = File::create(&path).with_context(|| format!("{}: cannot be opened", path.display()))?;
    file.lock().with_context(|| format!("{}: cannot be locked", path.display()))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::minor_version;

    #[test]
    fn go_says_its_version() {
        let cases = [
            ("go version go1.26.8 linux/amd64", Some(26)),
            ("go version go1.19 linux/amd64", Some(19)),
            ("go version go1.22rc1 linux/arm64", Some(22)),
            ("gccgo (Debian 12.2.0) 12.2.0", None),
            ("", None),
        ];
        for (text, want) in cases {
            assert_eq!(minor_version(text), want, "{text:?}");
        }
    }
}
