//! `fsck`: does the store agree with itself?

use ipam_local::{FsckReport, OpenMode};
use serde::Serialize;

use super::Context;
use super::exit::Verdict;
use super::output::Output;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Put right what can be put right without losing a record.
    #[arg(long)]
    repair: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    pools: usize,
    records: u64,
    is_clean: bool,
    findings: Vec<FindingReport>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct FindingReport {
    problem: String,
    is_repairable: bool,
    is_repaired: bool,
}

pub(super) fn run(args: &Args, context: &mut Context<'_>) -> anyhow::Result<Verdict> {
    let mut store = context.open(OpenMode::MustExist)?;
    let mut session = store.session(context.timeout)?;
    let found = session.fsck(args.repair)?;
    drop(session);
    let report = Report::of(&found);
    let people = |output: &mut Output<'_>| {
        found.findings.iter().try_for_each(|finding| output.line(finding.to_string()))?;
        let all = found.findings.len();
        let left = found.findings.iter().filter(|finding| !finding.is_repaired).count();
        let result = match (all, left) {
            (0, _) => "nothing is wrong".to_owned(),
            (_, 0) => format!("{all} findings, all repaired"),
            (_, left) if left == all => format!("{all} findings"),
            (_, left) => format!("{all} findings, {left} of them left"),
        };
        output.line(format!("{} pools, {} records: {result}", report.pools, report.records))
    };
    context.output.answer(&report, people)?;
    Ok(if report.is_clean { Verdict::Fine } else { Verdict::Findings })
}

impl Report {
    fn of(found: &FsckReport) -> Self {
        let findings = found.findings.iter().map(|finding| FindingReport {
            problem: finding.problem.to_string(),
            is_repairable: finding.problem.is_repairable(),
            is_repaired: finding.is_repaired,
        });
        Self {
            pools: found.pools,
            records: found.records,
            is_clean: found.is_clean(),
            findings: findings.collect(),
        }
    }
}
