//! The recorded answers of the Go original's agent, replayed against our agent on a real API server.
//!
//! `AGENT_CORPUS` names another folder of that form, `AGENT_CASE` (`file/name`, a part is enough) fewer cases.

#![expect(clippy::print_stdout, reason = "what each case came to is told")]

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use spiderpool_tests::agent_corpus::{Outcome, Stage};
use spiderpool_tests::control_plane::{Component, ControlPlane};
use spiderpool_tests::golden;

/// What only the pipeline sees: pools that are large, requests and pools that are waited for.
const SHOWN: [&str; 4] = [
    "spiderpool_ippool_bytes{ippool=",
    "spiderpool_debug_auto_pool_waited_for_available_counts_total ",
    "spiderpool_ipam_allocation_limit_duration_seconds_count ",
    "spiderpool_ipam_release_limit_duration_seconds_count ",
];

/// Whether a metric is there with more than 0.
fn is_shown(metrics: &str, name: &str) -> bool {
    let mut lines = metrics.lines().filter(|line| line.starts_with(name));
    lines.any(|line| {
        line.rsplit(' ').next().is_some_and(|value| value.parse().is_ok_and(|value: f64| value > 0.0))
    })
}

#[test]
fn recorded_answers() -> Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(replay())
}

async fn replay() -> Result<()> {
    let folder = env::var_os("AGENT_CORPUS").map_or_else(|| golden::home().join("agent"), PathBuf::from);
    let wanted = env::var("AGENT_CASE").unwrap_or_default();
    let plane = ControlPlane::start()?;
    // The record was made without: nothing happens but what a case does.
    plane.stop(Component::Manager)?;
    plane.install_crds()?;
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    plane.apply(&fs::read_to_string(home.join("manifests/kubevirt.yaml"))?)?;
    let mut stage = Stage::new(&plane.kubeconfig(), &plane.agent_kubeconfig()?).await?;
    let mut files: Vec<PathBuf> =
        fs::read_dir(&folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    files.retain(|path| path.extension().is_some_and(|ending| ending == "json"));
    files.sort();
    let (mut counts, mut wrong) = ([0_usize; 2], Vec::new());
    let mut silent: BTreeSet<&str> = SHOWN.into();
    for path in files {
        let file = path.file_stem().and_then(|stem| stem.to_str()).context("a name")?.to_owned();
        let is_wanted = |name: &str| format!("{file}/{name}").contains(&wanted);
        for replayed in stage.replay_file(&path, is_wanted).await? {
            println!("{replayed}");
            silent.retain(|name| !is_shown(&replayed.metrics, name));
            match replayed.outcome {
                Outcome::AsRecorded => counts[0] += 1,
                Outcome::Mended(_) => counts[1] += 1,
                Outcome::Differs(_) => wrong.push(replayed.to_string()),
            }
        }
    }
    println!("{} as recorded, {} mended, {} differ", counts[0], counts[1], wrong.len());
    // Fewer cases need not come to all of them.
    ensure!(silent.is_empty() || !wanted.is_empty(), "no agent has counted {silent:?}");
    ensure!(wrong.is_empty(), "{} cases differ", wrong.len());
    Ok(())
}
