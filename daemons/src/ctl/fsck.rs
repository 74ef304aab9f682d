//! `fsck`: does what is stored agree with itself?

use ipam_local::{FsckReport, OpenMode};
use serde::Serialize;

use super::Context;
use super::cluster::{self, Connection};
use super::exit::Verdict;
use super::output::Output;
use super::target::Place;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Put right what can be put right without losing a record, in a cluster without taking an address from a pod that lives.
    #[arg(long)]
    repair: bool,
}

/// What was found, in either place.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    pub(super) pools: usize,
    pub(super) records: u64,
    pub(super) is_clean: bool,
    pub(super) findings: Vec<FindingReport>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FindingReport {
    pub(super) problem: String,
    /// In a cluster: the object, the field and what stands there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) object: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) field: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) value: Option<String>,
    /// What a repair does, or a person can do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) remedy: Option<&'static str>,
    /// Why the repair came to nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) failure: Option<String>,
    pub(super) is_repairable: bool,
    pub(super) is_repaired: bool,
    /// All of it for people.
    #[serde(skip)]
    pub(super) line: String,
}

pub(super) fn run(args: &Args, context: &mut Context<'_>) -> anyhow::Result<Verdict> {
    let report = match &context.target.place {
        Place::Cluster(access) => {
            cluster::fsck::run(&Connection::open(access, context.timeout)?, args.repair)?
        }
        Place::Store(_) => {
            let mut store = context.open(OpenMode::MustExist)?;
            Report::of(&store.session(context.timeout)?.fsck(args.repair)?)
        }
    };
    let people = |output: &mut Output<'_>| {
        report.findings.iter().try_for_each(|finding| output.line(&finding.line))?;
        let all = report.findings.len();
        let left = report.findings.iter().filter(|finding| !finding.is_repaired).count();
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
            object: None,
            field: None,
            value: None,
            remedy: None,
            failure: None,
            is_repairable: finding.problem.is_repairable(),
            is_repaired: finding.is_repaired,
            line: finding.to_string(),
        });
        Self {
            pools: found.pools,
            records: found.records,
            is_clean: found.is_clean(),
            findings: findings.collect(),
        }
    }
}
