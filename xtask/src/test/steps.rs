//! The steps, in the order they run: cheap checks first, then what needs builds, then what needs the most tools.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use spiderpool_control_plane::{binary, named};

use super::Stage;
use crate::process::Call;
use crate::workspace::{is_root, stdout_of};
use crate::{api, artifacts, packages, promtool, tidy, tools};

/// How long each fuzz target runs: enough to replay its seeds and to notice what a change has broken near them.
const FUZZ_SECONDS: u32 = 30;

/// Operations of the long simulation, unless `SPIDERPOOL_OPERATIONS` asks for others.
const SIMULATED_OPERATIONS: u64 = 1_000_000;

/// One step of the run.
#[derive(Debug)]
pub(super) struct Step {
    /// As in `--only` and in the summary.
    pub(super) name: &'static str,
    /// What it does, for `--list`.
    pub(super) what: &'static str,
    /// Does it.
    pub(super) run: fn(&mut Stage<'_>) -> Result<()>,
}

/// Every step.
pub(super) const STEPS: &[Step] = &[
    Step { name: "packages", what: "Debian packages that are missing", run: packages_step },
    Step { name: "tools", what: "developers' tools, once a machine", run: tools_step },
    Step { name: "fmt", what: "formatting", run: fmt },
    Step { name: "clippy", what: "lints, warnings denied, all features and none", run: clippy },
    Step { name: "tidy", what: "rules of the house that no other tool checks", run: tidy_step },
    Step { name: "build", what: "the static plugin and spiderpoolctl", run: build },
    Step { name: "test", what: "unit, property and documentation tests", run: test },
    Step {
        name: "test-release",
        what: "ipam-core once more, without debug assertions; a long simulation",
        run: test_release,
    },
    Step {
        name: "control-plane",
        what: "etcd and Kubernetes from their sources, once a machine",
        run: control_plane_step,
    },
    Step { name: "e2e", what: "end to end on real parts: namespaces, Podman, cnitool", run: e2e },
    Step { name: "doc", what: "API documentation, warnings denied", run: doc },
    Step { name: "api", what: "the public API is as the repository says", run: api_step },
    Step { name: "book", what: "the book", run: book },
    Step { name: "features", what: "every combination of features", run: features },
    Step { name: "deny", what: "licences, duplicates and sources of dependencies", run: deny },
    Step { name: "fuzz", what: "each fuzz target for some seconds", run: fuzz },
    Step { name: "bench", what: "benches compile and run once", run: bench },
    Step { name: "package", what: "published crates build from what is published", run: package },
];

fn packages_step(stage: &mut Stage<'_>) -> Result<()> {
    let all: Vec<&str> = packages::NETWORK.iter().chain(packages::RUNTIME).copied().collect();
    packages::ensure(&all, &stage.log)
}

fn tools_step(stage: &mut Stage<'_>) -> Result<()> {
    for tool in tools::ALL {
        tools::ensure(*tool, &stage.log)?;
    }
    if let Err(reason) = tools::ensure_go_tools(&stage.log)? {
        println!("{reason}; the tests that need them will be listed as skipped");
    }
    tools::sweep()
}

fn fmt(stage: &mut Stage<'_>) -> Result<()> {
    stage.cargo(["fmt", "--all", "--check", "--", "--color", "never"])?;
    let manifest = stage.workspace.root().join("fuzz/Cargo.toml");
    if manifest.is_file() {
        // A workspace of its own, so `--all` does not reach it.
        stage.cargo(["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check", "--", "--color", "never"])?;
    }
    Ok(())
}

fn clippy(stage: &mut Stage<'_>) -> Result<()> {
    stage.cargo(["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"])?;
    // The tests of a crate may need its features; its library must do without.
    let mut args = vec!["clippy", "--lib", "--no-default-features"];
    for name in stage.workspace.published() {
        args.extend(["--package", name]);
    }
    args.extend(["--", "-D", "warnings"]);
    stage.cargo(args)
}

fn tidy_step(stage: &mut Stage<'_>) -> Result<()> {
    tidy::check(stage.workspace)
}

fn build(stage: &mut Stage<'_>) -> Result<()> {
    artifacts::build(stage.workspace, &stage.log).map(|_| ())
}

fn test(stage: &mut Stage<'_>) -> Result<()> {
    let call = ["test", "--workspace", "--exclude", "spiderpool-tests", "--all-features", "--no-fail-fast"];
    // `--show-output`, so that a passed test's `skipped:` line is seen.
    let mut call = Call::cargo(call).args(["--", "--show-output"]);
    match promtool::ensure(&stage.log)? {
        Ok(program) => call = call.env("PROMTOOL", program),
        Err(reason) => println!("{reason}; the test that needs it will be listed as skipped"),
    }
    stage.count(call)
}

fn test_release(stage: &mut Stage<'_>) -> Result<()> {
    let call =
        ["test", "--profile", "testrelease", "--package", "ipam-core", "--all-features", "--no-fail-fast"];
    let asked = std::env::var("SPIDERPOOL_OPERATIONS");
    let operations = asked.unwrap_or_else(|_| SIMULATED_OPERATIONS.to_string());
    stage.count(Call::cargo(call).args(["--", "--show-output"]).env("SPIDERPOOL_OPERATIONS", operations))
}

/// A step by itself, so that its minutes are not taken for those of the tests.
fn control_plane_step(_: &mut Stage<'_>) -> Result<()> {
    if let Some(name) = ["KUBECONFIG", "KUBEBUILDER_ASSETS"].into_iter().find(|name| named(name).is_some()) {
        println!("{name} is set, so nothing is built");
        return Ok(());
    }
    let binary = binary::ensure_with(&mut |line| println!("{line}"))?;
    println!("{}", binary.display());
    Ok(())
}

fn e2e(stage: &mut Stage<'_>) -> Result<()> {
    if !is_root() {
        bail!("end-to-end tests make network namespaces and run containers: run them as root");
    }
    packages_step(stage)?;
    let artifacts = artifacts::build(stage.workspace, &stage.log)?;
    let mut call =
        Call::cargo(["test", "--package", "spiderpool-tests", "--no-fail-fast", "--", "--show-output"])
            .envs(artifacts.environment());
    // Without them, the tests that need them list themselves as skipped.
    if let Ok(variables) = tools::ensure_go_tools(&stage.log)? {
        call = call.envs(variables);
    }
    stage.count(call)
}

fn doc(stage: &mut Stage<'_>) -> Result<()> {
    let call = Call::cargo(["doc", "--workspace", "--no-deps", "--all-features"]);
    call.env("RUSTDOCFLAGS", "-Dwarnings").run(&stage.log, |_| {})
}

fn api_step(stage: &mut Stage<'_>) -> Result<()> {
    if let api::Outcome::Skipped(reason) = api::check(stage.workspace, &stage.log, false)? {
        stage.tally.skip(stage.step, "public API", &reason);
    }
    Ok(())
}

fn book(stage: &mut Stage<'_>) -> Result<()> {
    let mdbook = tools::ensure(tools::MDBOOK, &stage.log)?.join("mdbook");
    let output = stage.workspace.target().join("book");
    Call::new(mdbook).args(["build", "docs", "--dest-dir"]).args([output]).run(&stage.log, |_| {})
}

fn features(stage: &mut Stage<'_>) -> Result<()> {
    let path = tools::path_with(&[tools::ensure(tools::HACK, &stage.log)?])?;
    // Not `--no-dev-deps`: it rewrites manifests while it runs, and Cargo's resolver keeps the features of
    // development dependencies out of a library's build without it.
    let mut args = vec!["hack", "check", "--feature-powerset"];
    for name in stage.workspace.published() {
        args.extend(["--package", name]);
    }
    Call::cargo(args).env("PATH", path).env("RUSTFLAGS", "-Dwarnings").run(&stage.log, |_| {})
}

fn deny(stage: &mut Stage<'_>) -> Result<()> {
    let path = tools::path_with(&[tools::ensure(tools::DENY, &stage.log)?])?;
    let reason =
        "the advisory database is fetched from the net; run `cargo deny check advisories` where it can be";
    stage.tally.skip(stage.step, "advisories", reason);
    // Dependencies of other systems are judged too, and only fetching brings them here.
    stage.cargo(["fetch", "--quiet"])?;
    Call::cargo(["deny", "--offline", "--all-features", "check", "bans", "licenses", "sources"])
        .env("PATH", path)
        .run(&stage.log, |_| {})
}

fn fuzz(stage: &mut Stage<'_>) -> Result<()> {
    let root = stage.workspace.root();
    if !root.join("fuzz/Cargo.toml").is_file() {
        bail!("fuzz/Cargo.toml: not found; the fuzz targets live there");
    }
    let path = tools::path_with(&[tools::ensure(tools::FUZZ, &stage.log)?])?;
    let targets = stdout_of(
        std::process::Command::new("cargo").args(["fuzz", "list"]).env("PATH", &path).current_dir(root),
    )?;
    for target in targets.split_whitespace() {
        let findings = stage.workspace.scratch().join("corpus").join(target);
        fs::create_dir_all(&findings).with_context(|| format!("{}: cannot be made", findings.display()))?;
        // New inputs go to the first folder, out of the tree; seeds are only read.
        let mut folders = vec![findings];
        let seeds = root.join("fuzz/corpus").join(target);
        if seeds.is_dir() {
            folders.push(seeds);
        }
        // No sanitizer: ours is safe Rust, and without one stable Rust will do.
        Call::cargo(["fuzz", "run", "--sanitizer", "none", "--target-dir"])
            .args([stage.workspace.target().join("fuzz").as_os_str(), target.as_ref()])
            .args(folders)
            .args(["--", &format!("-max_total_time={FUZZ_SECONDS}"), "-verbosity=0", "-print_final_stats=1"])
            .env("PATH", &path)
            .folder(root)
            .run(&stage.log, |_| {})?;
    }
    Ok(())
}

fn bench(stage: &mut Stage<'_>) -> Result<()> {
    packages::ensure(packages::NETWORK, &stage.log)?;
    let artifacts = artifacts::build(stage.workspace, &stage.log)?;
    // The test profile shares dependencies that the step before has built.
    Call::cargo(["bench", "--profile", "testrelease", "--package", "spiderpool-benches", "--", "--test"])
        .envs(artifacts.environment())
        .run(&stage.log, |_| {})
}

fn package(stage: &mut Stage<'_>) -> Result<()> {
    forget_unpacked(&stage.workspace.published().collect::<Vec<_>>())?;
    // Cargo also takes a compiled crate of a registry to be current for as long as its version is the same.
    let target = stage.workspace.target().join("package-from-nothing");
    if target.exists() {
        fs::remove_dir_all(&target).with_context(|| format!("{}: cannot be deleted", target.display()))?;
    }
    // All at once: one alone would look for its unpublished siblings in the registry.
    let mut call = Call::cargo(["package", "--allow-dirty", "--target-dir"]).args([&target]);
    for name in stage.workspace.published() {
        call = call.args(["--package", name]);
    }
    call.folder(stage.workspace.root()).run(&stage.log, |_| {})
}

/// Deletes what Cargo has unpacked of our crates from registries that are folders (their names have no host).
///
/// `cargo package` puts each crate into such a registry, from which its siblings take it, and unpacks a version once a machine: an earlier run's
/// source would be built in place of this one's.
fn forget_unpacked(published: &[&str]) -> Result<()> {
    let home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")))
        .context("neither CARGO_HOME nor HOME is set: they tell where Cargo unpacks crates")?;
    let unpacked = home.join("registry/src");
    if !unpacked.is_dir() {
        return Ok(());
    }
    let entries = |folder: &Path| {
        let found = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>();
        found.with_context(|| format!("{}: cannot be read", folder.display()))
    };
    let is_ours = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.rsplit_once('-').is_some_and(|(name, _)| published.contains(&name))
    };
    for registry in entries(&unpacked)? {
        if !registry.file_name().is_some_and(|name| name.to_string_lossy().starts_with('-')) {
            continue;
        }
        for crate_folder in entries(&registry)?.into_iter().filter(|path| is_ours(path)) {
            fs::remove_dir_all(&crate_folder)
                .with_context(|| format!("{}: cannot be deleted", crate_folder.display()))?;
        }
    }
    Ok(())
}

impl Stage<'_> {
    /// Runs Cargo in the tree, shown.
    fn cargo<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Result<()> {
        Call::cargo(args).folder(self.workspace.root()).run(&self.log, |_| {})
    }

    /// Runs tests and counts them.
    fn count(&mut self, call: Call) -> Result<()> {
        let (step, log) = (self.step, self.log.clone());
        let tally = &mut *self.tally;
        call.run(&log, |line| tally.read(step, line))
    }
}
