//! Checking a cluster: what pools, endpoints and pods say against each other. Feature `client`.
//!
//! The records of a pool are the truth about its addresses, endpoints say which NIC uses them, pods whether anybody does. They are
//! three objects, written one after the other, so a single look may find what an ADD or a DEL is about to put right. Whatever is found
//! is looked for again a moment later, and told only if it is still there.
//!
//! A repair changes three things, each through the [store](crate::store), whose conditions let no other writer's change be lost:
//!
//! | Found | Before it is put right | Put right by |
//! |---|---|---|
//! | the record of a pod that is gone | no pod of the namespace has its uid now, and no StatefulSet or virtual machine wants its addresses | a release in the name of that uid |
//! | an address of a pod that lives and that its pool regards as free | the pod lives now, and its endpoint still names the address | a record, if nobody has the address by then |
//! | a count that is wrong | | a write of the status at the version that was read |
//!
//! **Nothing takes an address from a pod that lives.** What needs a decision is left to a person.

mod check;
mod problem;
mod repair;

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::sleep;

pub use self::problem::Problem;
pub use self::repair::{Outcome, RepairError};

use self::check::Seen;
use crate::client::{CallError, Cluster, Deadline};
use crate::snapshot::{self, Place, Pods};
use crate::workload::{StaticKind, WorkloadError, Workloads};

/// Between the two looks: many times what an agent needs from the write of a pool to that of the endpoint.
const SECOND_LOOK_AFTER: Duration = Duration::from_secs(2);

/// What a check found.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// All that is wrong. Empty: nothing contradicts anything.
    pub findings: Vec<Finding>,
    /// How many pools were looked at.
    pub pools: usize,
    /// How many records.
    pub records: usize,
}

/// One thing that is wrong.
#[derive(Debug)]
#[non_exhaustive]
pub struct Finding {
    /// What.
    pub problem: Problem,
    /// What became of it.
    pub outcome: Outcome,
}

impl Report {
    /// Whether nothing is wrong, or nothing any more.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.findings.iter().all(|finding| matches!(finding.outcome, Outcome::Repaired))
    }
}

/// Why a cluster could not be checked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FsckError {
    /// A list or an object could not be read.
    #[error(transparent)]
    Call(#[from] CallError),
    /// Whether a workload keeps its addresses could not be found out.
    #[error(transparent)]
    Workload(#[from] WorkloadError),
}

/// Checks a cluster, and puts right what can be, if asked to. Each list may take `timeout`.
///
/// Cancel safe: yes; a repair that is under way may or may not be carried out.
///
/// # Errors
/// [`FsckError`]. What a repair fails with is a part of the report.
pub async fn fsck(cluster: &Cluster, repair: bool, timeout: Duration) -> Result<Report, FsckError> {
    let workloads = Workloads::new(cluster.clone());
    let (seen, first) = look(cluster, &workloads, timeout).await?;
    let (seen, problems) = if first.is_empty() {
        (seen, first)
    } else {
        sleep(SECOND_LOOK_AFTER).await;
        let (seen, mut second) = look(cluster, &workloads, timeout).await?;
        second.retain(|problem| first.iter().any(|before| before.is_same(problem)));
        (seen, second)
    };
    let mut report = Report { pools: seen.pools.len(), ..Report::default() };
    report.records = seen.pools.iter().flat_map(|pool| &pool.records).map(|ips| ips.len()).sum();
    let repairing = repair.then(|| repair::Repair::new(cluster, &workloads, timeout));
    for problem in problems {
        let outcome = match &repairing {
            Some(repairing) if problem.is_repairable() => repairing.repair(&problem).await,
            Some(_) | None => Outcome::Left,
        };
        report.findings.push(Finding { problem, outcome });
    }
    Ok(report)
}

async fn look(
    cluster: &Cluster,
    workloads: &Workloads,
    timeout: Duration,
) -> Result<(Seen, Vec<Problem>), FsckError> {
    let deadline = || Deadline::after(timeout);
    // Pods last: one that is not there then was not there when its record was read, or has gone since.
    let seen = Seen {
        endpoints: snapshot::endpoints(cluster, None, deadline()).await?,
        pools: snapshot::pools(cluster, deadline()).await?,
        reserved: snapshot::reserved(cluster, deadline()).await?,
        pods: Pods::read(cluster, None, deadline()).await?,
    };
    let mut kept: BTreeSet<Place> = BTreeSet::new();
    for (namespace, name) in seen.absent() {
        if is_wanted(workloads, &namespace, &name, deadline()).await? {
            kept.insert((namespace, name));
        }
    }
    let problems = seen.problems(&kept);
    Ok((seen, problems))
}

/// Whether a StatefulSet or a virtual machine wants the addresses of this name. Both are asked, whatever the settings of the agents are and
/// whatever the endpoint says: nothing that may be kept is released.
///
/// # Errors
/// [`WorkloadError`]: then nothing may be released.
pub async fn is_wanted(
    workloads: &Workloads,
    namespace: &str,
    name: &str,
    deadline: Deadline,
) -> Result<bool, WorkloadError> {
    if !snapshot::can_be(namespace, name) {
        return Ok(false);
    }
    for kind in [StaticKind::StatefulSet, StaticKind::VirtualMachine] {
        if workloads.is_wanted(kind, namespace, name, deadline).await? {
            return Ok(true);
        }
    }
    Ok(false)
}
