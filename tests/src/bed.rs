//! A bed: the private namespaces that one test lives in.
//!
//! The test binary starts itself again for the one test, inside fresh network, mount and process namespaces. The process namespace is
//! the guard against leftovers: when its first process ends, for whatever reason, the kernel kills all others in it, and with them go
//! the mounts, links and named network namespaces. `/run`, `/dev/shm` and `/var/lib` are shadowed, so that nothing (netns names,
//! Podman's locks, the CNI cache) reaches the host or another bed. Control groups have no such namespace: what a test creates there
//! lies below one group named after the bed, and is removed from outside.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::binaries;
use crate::command::{run, sh};

/// Set inside a bed: the folder that the bed lives in.
const VARIABLE: &str = "SPIDERPOOL_TEST_BED";
/// Written by the inner process once the body has passed, so that a misspelt test name cannot pass by running nothing.
const PASSED: &str = "passed";
/// No test may take longer than this: all processes of a bed are killed then.
const LIMIT_SECONDS: &str = "600";

/// The private world of one test.
#[derive(Debug)]
pub struct Bed {
    dir: PathBuf,
}

impl Bed {
    /// A folder on a real disk that goes with the bed.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// A path in [`Bed::dir`].
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// The control group below which containers of this bed are to run, as `/name`.
    #[must_use]
    pub fn control_group(&self) -> String {
        format!("/{}", self.dir.file_name().unwrap_or_default().to_string_lossy())
    }

    /// Makes an empty network namespace with a name.
    ///
    /// # Errors
    /// `ip netns add` failed.
    pub fn netns(&self, name: &str) -> Result<PathBuf> {
        sh(&format!("ip netns add {name}"))?;
        Ok(Path::new("/run/netns").join(name))
    }
}

/// Runs `body` in a bed of its own. `test` is the name of the calling test, `tools` the foreign programs that it needs.
///
/// Without root or one of the tools, the test is listed as skipped.
///
/// # Errors
/// The body failed, or the bed could not be made.
pub fn bed(test: &str, tools: &[&str], body: impl FnOnce(&Bed) -> Result<()>) -> Result<()> {
    if let Some(dir) = std::env::var_os(VARIABLE) {
        return inside(dir, body);
    }
    if let Some(reason) = obstacle(tools) {
        return skip(test, &reason);
    }
    // Built outside: within a bed there is no network to fetch a crate or a module from.
    let prepared = binaries::environment(tools)?;
    let dir =
        tempfile::Builder::new().prefix("spiderpool-bed-").tempdir().context("make a folder for the bed")?;
    let outcome = outside(test, dir.path(), &prepared);
    remove_control_groups(dir.path());
    outcome.and_then(|()| close(dir))
}

/// Whether this process is the inner one, that runs a test's body.
#[must_use]
pub fn is_inside() -> bool {
    std::env::var_os(VARIABLE).is_some()
}

/// Lists a test as skipped: the line reaches the log even where the test harness captures output.
///
/// # Errors
/// Stdout is closed.
pub fn skip(test: &str, reason: &str) -> Result<()> {
    writeln!(io::stdout(), "\nskipped: {test}: {reason}").context("list the test as skipped")
}

fn outside(test: &str, dir: &Path, prepared: &[(&'static str, OsString)]) -> Result<()> {
    let outcome = run(Command::new("setpriv")
        // Both guards: the bed dies with this process, and at its time limit.
        .args(["--pdeathsig", "KILL", "timeout", "--signal", "KILL", LIMIT_SECONDS])
        .args(["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "--mount", "--pid", "--fork"])
        .args(["--kill-child", "--mount-proc", "--propagation", "private"])
        // The first process must be one that reaps orphans, such as those that Podman leaves behind.
        .args(["sh", "-c", r#""$@"; exit $?"#, "sh"])
        .arg(std::env::current_exe().context("find the test binary")?)
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(VARIABLE, dir)
        .envs(prepared.iter().map(|(name, value)| (name, value))))?;
    let printed = without_harness(test, &outcome.stdout);
    if !outcome.status.success() {
        bail!("{test} failed in its namespaces ({}):\n{printed}{}", outcome.status, outcome.stderr);
    }
    if !dir.join(PASSED).exists() {
        bail!("{test}: its body did not run: is this the test's whole name?\n{printed}");
    }
    show(&printed);
    Ok(())
}

/// What the inner process printed, without the lines of its own test harness: whoever counts results would count them twice.
fn without_harness(test: &str, printed: &str) -> String {
    let begin = format!("test {test} ... ");
    let lines = printed.lines().map(|line| line.strip_prefix(&begin).unwrap_or(line));
    let noise = |line: &&str| {
        line.is_empty()
            || ["ok", "FAILED", "failures:", "running 1 test", "running 0 tests"].contains(line)
            || line.starts_with("test result: ")
            || line.trim() == test
    };
    lines.filter(|line| !noise(line)).flat_map(|line| [line, "\n"]).collect()
}

fn inside(dir: OsString, body: impl FnOnce(&Bed) -> Result<()>) -> Result<()> {
    let bed = Bed { dir: PathBuf::from(dir) };
    sh("mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /dev/shm && mkdir /run/upper /run/work \
        && mount -t overlay overlay -o lowerdir=/var/lib,upperdir=/run/upper,workdir=/run/work /var/lib \
        && ip link set lo up")
    .context("shadow the host's state")?;
    body(&bed)?;
    fs::write(bed.path(PASSED), "").context("note that the body passed")
}

fn obstacle(tools: &[&str]) -> Option<String> {
    let root = fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    if !root {
        return Some("needs root, to make network namespaces".to_owned());
    }
    let missing: Vec<&str> = tools
        .iter()
        .chain(&["unshare", "setpriv", "timeout", "ip"])
        .filter(|tool| !binaries::exists(tool))
        .copied()
        .collect();
    (!missing.is_empty()).then(|| format!("needs {}, not found in PATH", missing.join(", ")))
}

/// Best effort, innermost first: the processes are dead by now, but the kernel may need a moment to let go of a group.
fn remove_control_groups(dir: &Path) {
    let Some(name) = dir.file_name() else { return };
    let hierarchies =
        fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten().map(|entry| entry.path());
    for group in hierarchies.chain([PathBuf::from("/sys/fs/cgroup")]).map(|parent| parent.join(name)) {
        if group.is_dir() {
            let _ = run(Command::new("find")
                .arg(&group)
                .args(["-depth", "-type", "d", "-exec", "rmdir", "{}", ";"]));
        }
    }
}

fn close(dir: TempDir) -> Result<()> {
    let path = dir.path().to_owned();
    dir.close().with_context(|| format!("remove {}", path.display()))
}

#[expect(clippy::print_stdout, reason = "the test harness shows or hides what the inner process printed")]
fn show(text: &str) {
    print!("{text}");
}
