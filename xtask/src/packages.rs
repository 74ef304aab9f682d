//! Debian packages the tests, the demo and the benches need, installed when they are missing.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process::Call;
use crate::workspace::{find_program, is_root};

/// The real main plugins, host-local, and what moves packets: enough for the demo and the benches.
pub(crate) const NETWORK: &[&str] =
    &["containernetworking-plugins", "iproute2", "iputils-ping", "util-linux"];

/// What the whole test run needs besides: a container runtime whose root file system is one static binary, and a key for a
/// control plane.
pub(crate) const RUNTIME: &[&str] =
    &["podman", "runc", "conmon", "busybox-static", "iptables", "openssl", "sqlite3"];

/// Where apt keeps the lists of what it could install; empty on a fresh image.
const APT_LISTS: &str = "/var/lib/apt/lists";

/// Installs what is missing of `wanted`; says what it does only when there is something to do.
pub(crate) fn ensure(wanted: &[&str], log: &Path) -> Result<()> {
    if find_program("dpkg-query").is_none() || find_program("apt-get").is_none() {
        println!("no apt here; these must be installed by other means: {}", wanted.join(" "));
        return Ok(());
    }
    let missing: Vec<&str> = wanted.iter().copied().filter(|package| !is_installed(package)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    if !is_root() {
        bail!(
            "Debian packages are missing and only root can install them; run: apt-get install {}",
            missing.join(" ")
        );
    }
    println!("installing Debian packages: {}", missing.join(" "));
    if !has_lists() {
        apt(["update", "--quiet"]).run(log, |_| {})?;
    }
    if install(&missing, log).is_ok() {
        return Ok(());
    }
    // Old lists name files that the mirror has already replaced.
    println!("apt-get install failed; updating the package lists and trying once more");
    apt(["update", "--quiet"]).run(log, |_| {})?;
    install(&missing, log).with_context(|| format!("packages {}", missing.join(" ")))
}

fn install(packages: &[&str], log: &Path) -> Result<()> {
    apt(["install", "--yes", "--quiet", "--no-install-recommends"]).args(packages).run(log, |_| {})
}

fn apt<const N: usize>(args: [&str; N]) -> Call {
    Call::new("apt-get").args(args).env("DEBIAN_FRONTEND", "noninteractive").quiet()
}

fn is_installed(package: &str) -> bool {
    let query =
        Command::new("dpkg-query").args(["--show", "--showformat=${db:Status-Status}", package]).output();
    query.is_ok_and(|answer| answer.status.success() && answer.stdout == b"installed")
}

fn has_lists() -> bool {
    let Ok(entries) = fs::read_dir(APT_LISTS) else { return false };
    entries.flatten().any(|entry| entry.file_name().to_string_lossy().contains("_Packages"))
}
