//! `cargo xtask demo --kubernetes` holds what it tells, and leaves nothing, also when it is ended in its midst.
#![forbid(unsafe_code)]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use spiderpool_tests::bed::skip;
use spiderpool_tests::binaries;
use spiderpool_tests::command::{run, wait_for};
use spiderpool_tests::control_plane::named;
use spiderpool_tests::shown::is_like;
use tempfile::TempDir;

/// Longer than a killed program takes to be gone on a busy machine.
const GONE_WITHIN: Duration = Duration::from_secs(30);

/// A demo on its way; all its files are below a folder of the test's.
struct Demo {
    child: Child,
    folder: TempDir,
}

impl Demo {
    /// `None` where there is no control plane for it; then the test is listed as skipped.
    fn start(test: &str) -> Result<Option<Self>> {
        for variable in ["KUBECONFIG", "KUBEBUILDER_ASSETS"] {
            if named(variable).is_some() {
                // Nothing has built what the demo would start, and that takes minutes.
                skip(test, &format!("{variable} is set, and the demo has a control plane of its own"))?;
                return Ok(None);
            }
        }
        let folder = TempDir::with_prefix("demo-").context("make a folder")?;
        let child = Command::new(binaries::xtask()?)
            .args(["demo", "--kubernetes", "--plugin-dir"])
            .arg(binaries::plugin_dir()?)
            .arg("--ctl")
            .arg(binaries::spiderpoolctl()?)
            .arg("--agent")
            .arg(binaries::agent()?)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env("TMPDIR", folder.path())
            // As a shell starts it, so that it can be interrupted as Ctrl-C does.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("start the demo")?;
        Ok(Some(Self { child, folder }))
    }

    fn expect_nothing_left(&self) -> Result<()> {
        let folder = self.folder.path();
        wait_for("the demo's processes and files are gone", GONE_WITHIN, || {
            let is_empty = fs::read_dir(folder)?.next().is_none();
            Ok((is_empty && processes(folder)? == 0).then_some(()))
        })
    }
}

#[test]
fn demo_kubernetes_holds_what_it_tells() -> Result<()> {
    let Some(mut demo) = Demo::start("demo_kubernetes_holds_what_it_tells")? else { return Ok(()) };
    let mut told = String::new();
    demo.child.stdout.take().context("a standard output")?.read_to_string(&mut told)?;
    // What a step claims it has checked itself; these lines stand behind the checks.
    let status = demo.child.wait()?;
    ensure!(status.success(), "{status}: {told}");
    for claim in
        [" 20 POST spiderendpoints", " 15 used, 1 free", "error 11: unhealthy spiderpool-agent backend, "]
    {
        ensure!(told.contains(claim), "not told: {claim}\n{told}");
    }
    for line in shown()? {
        ensure!(
            told.lines().any(|told| is_like(&line, told)),
            "the book shows, and nobody told: {line}\n{told}"
        );
    }
    demo.expect_nothing_left()
}

#[test]
fn demo_kubernetes_leaves_nothing_when_interrupted() -> Result<()> {
    let Some(mut demo) = Demo::start("demo_kubernetes_leaves_nothing_when_interrupted")? else {
        return Ok(());
    };
    let told = BufReader::new(demo.child.stdout.take().context("a standard output")?);
    let mut lines = told.lines();
    // Agents, kubelets and the watch of the pools are all there by then.
    let filling = lines.find(|line| line.as_ref().is_ok_and(|line| line.contains("  5 used, ")));
    ensure!(filling.is_some(), "the pools are not filled");
    ensure!(processes(demo.folder.path())? > 4, "nothing runs that could be left");
    let group = format!("-{}", demo.child.id());
    run(Command::new("kill").args(["-INT", "--", &group]))?.success()?;
    ensure!(!demo.child.wait()?.success(), "an interrupted demo says that all is well");
    demo.expect_nothing_left()
}

/// The lines of the demo that the book shows, but for those of the costs, which are of one run.
fn shown() -> Result<Vec<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/tutorials/cluster.md");
    let page = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    let blocks = page.split("```text\n").skip(1).filter_map(|rest| rest.split("```").next());
    let blocks = blocks.filter(|block| !block.starts_with("6. "));
    let lines: Vec<String> = blocks.flat_map(str::lines).map(str::to_owned).collect();
    ensure!(lines.len() > 10, "the book shows little of the demo: {lines:?}");
    Ok(lines)
}

/// How many processes have the folder in their command line or their environment.
fn processes(folder: &Path) -> Result<usize> {
    let folder = folder.to_str().context("a path in UTF-8")?;
    let names =
        |path: &Path| fs::read(path).is_ok_and(|text| String::from_utf8_lossy(&text).contains(folder));
    let mut count = 0;
    for entry in fs::read_dir("/proc").context("read /proc")? {
        // Processes end while they are counted.
        let Ok(path) = entry.map(|entry| entry.path()) else { continue };
        count += usize::from(names(&path.join("cmdline")) || names(&path.join("environ")));
    }
    Ok(count)
}
