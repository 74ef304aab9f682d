//! Putting right what a check found, through the store.

use std::time::Duration;

use ipam_core::{
    Addr, AsyncClock as _, AsyncStore as _, Change, DriveError, Owner, PoolName, PoolOp, Record, Release,
    ReleaseRequest, ReleaseScope, Version, run_async,
};

use super::is_wanted;
use super::problem::Problem;
use crate::client::{CallError, Cluster, Deadline};
use crate::snapshot::{self, Pods};
use crate::store::{ClusterStore, ClusterStoreError, EndpointDraft, OnClear, SteadyClock};
use crate::workload::{WorkloadError, Workloads};

/// What became of a problem.
#[derive(Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// Nothing was tried.
    Left,
    /// It was put right.
    Repaired,
    /// It was not, and nothing was changed, or whether it was is not known.
    Failed(RepairError),
}

/// Why something was not put right.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RepairError {
    /// The third look, right before the write, found something else.
    #[error("it has changed meanwhile: {0}")]
    Changed(&'static str),
    /// A record of a pod that there cannot be, so that none of its objects can be asked for.
    #[error("no pod can have the name {0}/{1}; mend the text of the status")]
    NoName(String, String),
    /// An object could not be read.
    #[error(transparent)]
    Call(#[from] CallError),
    /// Whether a workload keeps its addresses could not be found out.
    #[error(transparent)]
    Workload(#[from] WorkloadError),
    /// The store refused.
    #[error(transparent)]
    Store(#[from] ClusterStoreError),
    /// A release did not come to its end.
    #[error(transparent)]
    Release(#[from] DriveError<ClusterStoreError>),
}

/// The means.
pub(super) struct Repair<'a> {
    cluster: &'a Cluster,
    workloads: &'a Workloads,
    timeout: Duration,
    store: ClusterStore,
    clock: SteadyClock,
}

impl<'a> Repair<'a> {
    pub(super) fn new(cluster: &'a Cluster, workloads: &'a Workloads, timeout: Duration) -> Self {
        let store = ClusterStore::cold(cluster.clone(), timeout);
        Self { cluster, workloads, timeout, store, clock: SteadyClock::start() }
    }

    pub(super) async fn repair(&self, problem: &Problem) -> Outcome {
        let done = match problem {
            Problem::Count { pool, .. } => self.store.rewrite(pool).await.map_err(RepairError::from),
            Problem::PodGone { pool, owner, .. } => self.release(pool, owner).await,
            Problem::FreeThoughUsed { owner, pool, address, .. } => {
                self.take_again(owner, pool, *address).await
            }
            Problem::FaultySpec { .. }
            | Problem::FaultyReserved { .. }
            | Problem::Overlap { .. }
            | Problem::UnreadableRecords { .. }
            | Problem::CorruptRecord { .. }
            | Problem::RecordOutside { .. }
            | Problem::TwoOwners { .. }
            | Problem::NoEndpoint { .. }
            | Problem::HeldByAnother { .. }
            | Problem::NoPool { .. }
            | Problem::UnreadableEntry { .. } => return Outcome::Left,
        };
        match done {
            Ok(()) => Outcome::Repaired,
            Err(error) => Outcome::Failed(error),
        }
    }

    fn deadline(&self) -> Deadline {
        Deadline::after(self.timeout)
    }

    /// Frees what a pod had that is gone, as a DEL would have.
    async fn release(&self, pool: &PoolName, owner: &Owner) -> Result<(), RepairError> {
        let (namespace, name) = (owner.scope(), owner.name());
        if !snapshot::can_be(namespace, name) {
            return Err(RepairError::NoName(namespace.to_owned(), name.to_owned()));
        }
        // A virtual machine's record bears the uid of a pod of another name, so all of the namespace are looked at.
        let pods = Pods::read(self.cluster, Some(owner.scope()), self.deadline()).await?;
        if pods.is_there(owner.scope(), owner.uid()) {
            return Err(RepairError::Changed("the pod is there"));
        }
        if is_wanted(self.workloads, owner.scope(), owner.name(), self.deadline()).await? {
            return Err(RepairError::Changed("its workload wants the address"));
        }
        // So that the release looks at this pool too, should no endpoint name it.
        self.store.look_at(pool).await?;
        let deadline = self.clock.now() + self.timeout;
        let request = ReleaseRequest::new(owner.clone(), ReleaseScope::All, deadline);
        let mut draft = EndpointDraft::new(owner, "");
        draft.on_clear = OnClear::LetGo;
        {
            let _draft = self.store.draft(owner, draft);
            run_async(Release::new(request, self.store.is_atomic()), &self.store, &self.clock).await?;
        }
        self.store.delete_endpoint(owner).await?;
        Ok(())
    }

    /// Writes down that a pod that lives has what it uses.
    async fn take_again(&self, owner: &Owner, pool: &PoolName, address: Addr) -> Result<(), RepairError> {
        let pods = Pods::read(self.cluster, Some(owner.scope()), self.deadline()).await?;
        if !pods.is_alive(owner.scope(), owner.uid()) {
            return Err(RepairError::Changed("the pod is gone, or about to go"));
        }
        let endpoint = snapshot::endpoint(self.cluster, owner.scope(), owner.name(), self.deadline()).await?;
        let is_named = |endpoint: &snapshot::Endpoint| {
            endpoint.uid == owner.uid() && endpoint.naming(pool, address).is_some()
        };
        if !endpoint.as_ref().is_some_and(is_named) {
            return Err(RepairError::Changed("its SpiderEndpoint does not name the address"));
        }
        let record = Record { address, owner: owner.clone(), stamp: None };
        let change = Change::Pool {
            pool: pool.clone(),
            version: Version::ANY,
            ops: vec![PoolOp::TakeAgain(record)],
            now: self.clock.now(),
            cooldown: Duration::ZERO,
        };
        self.store.commit(&[change]).await?;
        Ok(())
    }
}
