//! `fsck` on a cluster.

use ipam_k8s::Causes;
use ipam_k8s::fsck::{Finding, Outcome, fsck};

use super::Connection;
use crate::ctl::fsck::{FindingReport, Report};

pub(in crate::ctl) fn run(connection: &Connection, repair: bool) -> anyhow::Result<Report> {
    let found = connection.ask(fsck(&connection.cluster, repair, connection.timeout))?;
    Ok(Report {
        pools: found.pools,
        records: u64::try_from(found.records).unwrap_or(u64::MAX),
        is_clean: found.is_clean(),
        findings: found.findings.iter().map(|finding| told(connection, finding)).collect(),
    })
}

fn told(connection: &Connection, Finding { problem, outcome, .. }: &Finding) -> FindingReport {
    let remedy = problem.remedy();
    let (line, failure) = match outcome {
        Outcome::Repaired => (format!("{problem}: repaired, {remedy}"), None),
        Outcome::Failed(error) => {
            let error = Causes(error).to_string();
            let server = connection.server();
            (format!("{problem}: not repaired: {error} ({server})"), Some(error))
        }
        Outcome::Left | _ if problem.is_repairable() => (format!("{problem}: `--repair` {remedy}"), None),
        Outcome::Left | _ => (format!("{problem}: cannot be repaired, {remedy}"), None),
    };
    FindingReport {
        problem: problem.to_string(),
        object: Some(problem.object()),
        field: Some(problem.field()),
        value: Some(problem.value()),
        remedy: Some(remedy),
        failure,
        is_repairable: problem.is_repairable(),
        is_repaired: matches!(outcome, Outcome::Repaired),
        line,
    }
}
