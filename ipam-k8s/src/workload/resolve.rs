//! The objects that the rules ask for, read.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use k8s_openapi::api::apps::v1::{ReplicaSet, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::error::WorkloadError;
use super::fixed::StaticKind;
use super::machine::{
    Discovery, MachineKind, VirtualMachine, VirtualMachineInstance, VirtualMachineInstanceMigration,
};
use super::pod::Pod;
use super::top::{Climb, Parent, ParentKind, TopController};
use super::valid::{Instance, PodOrdinal, StatefulSetSize, is_machine_alive};
use crate::client::{CallError, Cluster, Deadline, Named};
use crate::meta::Meta;

/// The annotation that KubeVirt puts on the pod into which a machine moves: the name of the move.
const MIGRATION: &str = "kubevirt.io/migrationJobName";
/// ReplicaSets and Jobs whose top is remembered. A node runs 110 pods unless it is told otherwise.
const REMEMBERED_MAX: usize = 1024;
/// For so long it is. The controller of a ReplicaSet of one uid changes only when a person takes it out of its Deployment's hands.
const REMEMBERED_FOR: Duration = Duration::from_secs(600);

type Top = Arc<OnceCell<TopController>>;

/// What the rules need of a cluster, read as it is asked for.
///
/// Metadata only, but for the numbers of a StatefulSet. Answers to *is it still wanted* are never remembered; the top of a ReplicaSet
/// or Job is, for ten minutes, so that the pods of a Deployment cost one GET and not one each.
///
/// Cancel safe: all calls; they read.
#[derive(Debug)]
pub struct Workloads {
    cluster: Cluster,
    tops: Mutex<HashMap<String, (Instant, Top)>>,
    discovery: Discovery,
}

impl Workloads {
    /// Over a connection.
    #[must_use]
    pub fn new(cluster: Cluster) -> Self {
        Self { cluster, tops: Mutex::default(), discovery: Discovery::default() }
    }

    /// The top controller of a pod. At most one GET.
    ///
    /// # Errors
    /// [`WorkloadError::NoOwner`], [`WorkloadError::OwnerUnread`].
    pub async fn top(&self, pod: &Pod, deadline: Deadline) -> Result<TopController, WorkloadError> {
        match Climb::from_pod(pod) {
            Climb::Top(top) => Ok(top),
            Climb::Ask(parent) => {
                let known = self.remembered(parent.reference());
                known.get_or_try_init(|| self.read_top(pod, &parent, deadline)).await.cloned()
            }
        }
    }

    async fn read_top(
        &self,
        pod: &Pod,
        parent: &Parent,
        deadline: Deadline,
    ) -> Result<TopController, WorkloadError> {
        let reference = parent.reference();
        let named = Named::within(&reference.namespace, &reference.name);
        let read = match parent.kind() {
            ParentKind::ReplicaSet => self.cluster.get_metadata::<ReplicaSet>(named, deadline).await,
            ParentKind::Job => self.cluster.get_metadata::<Job>(named, deadline).await,
        };
        let (namespace, name) = (pod.meta.namespace.clone(), pod.meta.name.clone());
        match read {
            Ok(meta) => Ok(parent.top(&Meta::from(meta))),
            Err(error) if error.is_not_found() => Err(WorkloadError::NoOwner {
                namespace,
                pod: name,
                kind: reference.kind.clone(),
                group: reference.controller().group,
                name: reference.name.clone(),
            }),
            Err(source) => Err(WorkloadError::OwnerUnread { namespace, pod: name, source }),
        }
    }

    /// The place for the top of an object. Whoever asks while another one reads waits for that answer.
    fn remembered(&self, TopController { namespace, name, uid, .. }: &TopController) -> Top {
        let mut tops = self.tops.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if tops.len() >= REMEMBERED_MAX {
            tops.retain(|_, (since, _)| now.duration_since(*since) < REMEMBERED_FOR);
            if tops.len() >= REMEMBERED_MAX {
                tops.clear();
            }
        }
        let (since, top) =
            tops.entry(format!("{namespace}/{name}/{uid}")).or_insert_with(|| (now, Top::default()));
        if now.duration_since(*since) >= REMEMBERED_FOR {
            (*since, *top) = (now, Top::default());
        }
        Arc::clone(top)
    }

    /// Whether the workload of a pod whose addresses are kept still wants them (chapter `ipam`, 9.1, step 5). `name` is the endpoint's:
    /// that of the pod, or of the virtual machine instance. One GET at most for a StatefulSet; for a virtual machine two, and those
    /// that tell whether KubeVirt is installed.
    ///
    /// # Errors
    /// [`WorkloadError::Unread`], [`WorkloadError::Discovery`], [`WorkloadError::OtherVersion`]: then nothing may be released.
    pub async fn is_wanted(
        &self,
        kind: StaticKind,
        namespace: &str,
        name: &str,
        deadline: Deadline,
    ) -> Result<bool, WorkloadError> {
        match kind {
            StaticKind::StatefulSet => self.stateful_set_wants(namespace, name, deadline).await,
            StaticKind::VirtualMachine => self.machine_wants(namespace, name, deadline).await,
        }
    }

    async fn stateful_set_wants(
        &self,
        namespace: &str,
        pod: &str,
        deadline: Deadline,
    ) -> Result<bool, WorkloadError> {
        let Some(PodOrdinal { stateful_set, ordinal }) = PodOrdinal::of(pod) else { return Ok(false) };
        // No object has an empty name, and a request with one is that of a list.
        if stateful_set.is_empty() {
            return Ok(false);
        }
        let named = Named::within(namespace, stateful_set);
        let size = self.cluster.get_as::<StatefulSet, StatefulSetSize>(named, deadline).await;
        match size {
            Ok(size) => Ok(size.wants(ordinal)),
            Err(error) if error.is_not_found() => Ok(false),
            Err(source) => Err(unread("StatefulSet", named, source)),
        }
    }

    async fn machine_wants(
        &self,
        namespace: &str,
        name: &str,
        deadline: Deadline,
    ) -> Result<bool, WorkloadError> {
        let named = Named::within(namespace, name);
        let instance = self.machine_part::<VirtualMachineInstance>(named, deadline).await?;
        match Instance::of(instance.as_ref()) {
            Instance::Wanted => Ok(true),
            Instance::Unwanted => Ok(false),
            Instance::AsMachine => {
                let machine = self.machine_part::<VirtualMachine>(named, deadline).await?;
                Ok(is_machine_alive(machine.as_ref()))
            }
        }
    }

    /// Whether a virtual machine moves into this pod just now: two pods have its addresses then, and that is no conflict (chapter `ipam`,
    /// 5.4, step 3). One GET at most; none for a pod without the annotation of a move.
    ///
    /// # Errors
    /// As [`Workloads::is_wanted`].
    pub async fn is_migrating(&self, pod: &Pod, deadline: Deadline) -> Result<bool, WorkloadError> {
        let Some(migration) = pod.meta.annotations.get(MIGRATION).filter(|name| !name.is_empty()) else {
            return Ok(false);
        };
        let named = Named::within(&pod.meta.namespace, migration);
        let found = self.machine_part::<VirtualMachineInstanceMigration>(named, deadline).await?;
        Ok(found.is_some())
    }

    /// An object of KubeVirt as it is now. `None` means that there is none: it is not there, and nor is its kind under another version.
    async fn machine_part<K: MachineKind>(
        &self,
        named: Named<'_>,
        deadline: Deadline,
    ) -> Result<Option<Meta>, WorkloadError> {
        match self.cluster.get_metadata::<K>(named, deadline).await {
            Ok(meta) => Ok(Some(Meta::from(meta))),
            Err(error) if error.is_not_found() => {
                self.discovery.confirm_absence::<K>(&self.cluster, deadline).await?;
                Ok(None)
            }
            Err(source) => Err(unread(K::KIND, named, source)),
        }
    }
}

fn unread(kind: &'static str, named: Named<'_>, source: CallError) -> WorkloadError {
    let namespace = named.namespace.unwrap_or_default().to_owned();
    WorkloadError::Unread { kind, namespace, name: named.name.to_owned(), source }
}

impl Pod {
    /// That it may be given addresses.
    ///
    /// # Errors
    /// [`WorkloadError::Dead`].
    pub fn check_alive(&self) -> Result<(), WorkloadError> {
        let Some(death) = self.death() else { return Ok(()) };
        let Meta { namespace, name, .. } = &self.meta;
        Err(WorkloadError::Dead { namespace: namespace.clone(), name: name.clone(), death })
    }
}
