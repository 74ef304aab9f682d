//! DEL, and the clean-up after a conflict.

use std::collections::BTreeMap;
use std::time::Duration;

use ipam_core::{AsyncStore as _, Owner, Release, ReleaseRequest, ReleaseScope, run_async};

use super::add::of_drive;
use super::cloud::Leaving;
use super::pipeline::{DelRequest, Ipam, entries_of, of_lookup, of_store, of_workload, uid_of};
use super::refused::{Refused, RefusedKind};
use crate::client::Deadline;
use crate::crd::{EndpointAddress, SpiderEndpoint};
use crate::observe::RequestKind;
use crate::store::{EndpointDraft, OnClear};
use crate::watch::LookupError;
use crate::workload::{Pod, PodOrdinal, StaticKind};

/// What is left of a pod's grace period when a release of it must have ended.
const GRACE_SPARED: Duration = Duration::from_secs(5);
/// Shortest time for a release of a pod that is still there.
const RELEASE_TIME_MIN: Duration = Duration::from_secs(5);

impl Ipam {
    /// Releases what a dead pod has, on all its NICs; of one that lives nothing, since its sandbox will be made again.
    ///
    /// Cancel safe: what was begun goes on in a task of its own.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn del(&self, request: &DelRequest, deadline: Deadline) -> Result<(), Refused> {
        let (ipam, request) = (self.clone(), request.clone());
        let releasing = tokio::spawn(async move { ipam.release(&request, deadline).await });
        releasing.await.map_err(|error| Refused::of(RefusedKind::Internal, "", &error))?
    }

    async fn release(&self, request: &DelRequest, deadline: Deadline) -> Result<(), Refused> {
        let DelRequest { namespace, pod: name, .. } = request;
        let pod = match self.0.known.pod_now(namespace, name, deadline).await {
            Ok(pod) => Some(pod),
            Err(LookupError::NoPod { .. }) => None,
            Err(error) => return Err(of_lookup(&error)),
        };
        // Alive: this also shields a new pod of the name from the late DEL of the old one.
        if pod.as_deref().is_some_and(Pod::is_alive) {
            return Ok(());
        }
        let deadline = pod.as_deref().map_or(deadline, |pod| deadline.min(bound(pod)));
        let uid = pod.as_deref().map_or(request.uid.as_str(), |pod| pod.meta.uid.as_str());
        if uid.is_empty() {
            return Ok(());
        }
        let owner = self.owner_of(namespace, name, uid, pod.as_deref(), deadline).await?;
        let _turn = self.turn(&owner, RequestKind::Release).await;
        let endpoint = self.0.store.inner().endpoint_now(&owner).await;
        let endpoint = endpoint.map_err(|error| of_store("", &error))?;
        let Some(endpoint) = endpoint else {
            // A failed ADD may have left a record without an endpoint. One that is kept for life looks the same when somebody has
            // deleted its endpoint, so its workload is asked.
            if let Some(kind) = self.kept_without_endpoint(&owner, pod.as_deref(), deadline).await? {
                let is_wanted = self.0.workloads.is_wanted(kind, owner.scope(), owner.name(), deadline).await;
                if is_wanted.map_err(|error| of_workload(&error))? {
                    return Ok(());
                }
            }
            let (pod, node) = (pod.as_deref(), "");
            let leaving = Leaving { owner: &owner, pod_name: name, pod, node, entries: &[] };
            return self.release_all(&leaving, OnClear::LetGo, deadline).await;
        };
        let kind = endpoint.status.as_ref().map_or("", |status| status.owner_controller_type.as_str());
        let fixed = self.settings().static_kinds.of_recorded(kind);
        if let Some(kind) = fixed {
            let is_wanted = self.0.workloads.is_wanted(kind, owner.scope(), owner.name(), deadline).await;
            if is_wanted.map_err(|error| of_workload(&error))? {
                return Ok(());
            }
        }
        let has_nic = entries_of(&endpoint)
            .iter()
            .any(|entry| entry.interface == request.nic || entry.interface.is_empty());
        if uid_of(&endpoint) == uid && has_nic {
            let (pod, node, entries) = (pod.as_deref(), node_of(&endpoint), entries_of(&endpoint));
            let leaving = Leaving { owner: &owner, pod_name: name, pod, node, entries };
            self.release_all(&leaving, OnClear::LetGo, deadline).await?;
        }
        if fixed.is_some() {
            let deleted = self.0.store.inner().delete_endpoint(&holder(&owner, &endpoint)).await;
            deleted.map_err(|error| of_store("", &error))?;
        }
        Ok(())
    }

    /// By which rule a pod without an endpoint would keep its addresses. Of one that is gone only its name can tell.
    async fn kept_without_endpoint(
        &self,
        owner: &Owner,
        pod: Option<&Pod>,
        deadline: Deadline,
    ) -> Result<Option<StaticKind>, Refused> {
        let kinds = self.settings().static_kinds;
        let Some(pod) = pod else {
            let is_like_one = kinds.stateful_set && PodOrdinal::of(owner.name()).is_some();
            return Ok(is_like_one.then_some(StaticKind::StatefulSet));
        };
        let top = self.0.workloads.top(pod, deadline).await.map_err(|error| of_workload(&error))?;
        Ok(kinds.of(&top))
    }

    /// Releases what a pod has after a conflict was found, and leaves its endpoint without addresses.
    ///
    /// Cancel safe: what was begun goes on in a task of its own.
    ///
    /// # Errors
    /// [`Refused`]: 521 and 522 of the API, an endpoint that is not there or is another pod's, a failed release.
    pub async fn release_conflicting(
        &self,
        request: &DelRequest,
        is_flagged: bool,
        deadline: Deadline,
    ) -> Result<(), Refused> {
        let (ipam, request) = (self.clone(), request.clone());
        let releasing = tokio::spawn(async move { ipam.empty(&request, is_flagged, deadline).await });
        releasing.await.map_err(|error| Refused::of(RefusedKind::Internal, "", &error))?
    }

    async fn empty(&self, request: &DelRequest, is_flagged: bool, deadline: Deadline) -> Result<(), Refused> {
        let DelRequest { namespace, pod: name, uid, .. } = request;
        let found = if is_flagged || uid.is_empty() {
            self.0.known.pod_now(namespace, name, deadline).await
        } else {
            self.0.known.pod(namespace, name, deadline).await
        };
        let pod = match found {
            Ok(pod) => Some(pod),
            Err(LookupError::NoPod { .. }) if uid.is_empty() => return Ok(()),
            Err(LookupError::NoPod { .. }) if is_flagged && self.settings().may_release_conflicts => {
                let text = format!("failed to get Pod '{namespace}/{name}', error: pods {name:?} not found");
                return Err(Refused::new(RefusedKind::Internal, text));
            }
            Err(LookupError::NoPod { .. }) => None,
            Err(error) => return Err(of_lookup(&error)),
        };
        if is_flagged && !self.settings().may_release_conflicts {
            let text = "forbid releasing IPs for stateless workload";
            return Err(Refused::new(RefusedKind::StatelessKept, text));
        }
        let uid = if uid.is_empty() {
            pod.as_deref().map_or("", |pod| pod.meta.uid.as_str())
        } else {
            uid.as_str()
        };
        let owner = self.owner_of(namespace, name, uid, pod.as_deref(), deadline).await?;
        if is_flagged && let Some(pod) = pod.as_deref() {
            let top = self.0.workloads.top(pod, deadline).await.map_err(|error| of_workload(&error))?;
            if self.settings().static_kinds.of(&top).is_some() {
                let text = "forbid releasing IPs for stateful workload ";
                return Err(Refused::new(RefusedKind::StatefulKept, text));
            }
        }
        let _turn = self.turn(&owner, RequestKind::Release).await;
        let endpoint = self.0.store.inner().endpoint_now(&owner).await;
        let endpoint = endpoint.map_err(|error| of_store("", &error))?;
        let Some(endpoint) = endpoint else {
            let text = format!(
                "failed to get SpiderEndpoint '{namespace}/{name}', error: spiderendpoints.spiderpool.spidernet.io {:?} not found",
                owner.name()
            );
            return Err(Refused::new(RefusedKind::Internal, text));
        };
        if uid_of(&endpoint) != uid {
            let text = format!(
                "failed to release SpiderEndpoint IPs, error: the SpiderEndpoint recorded PodUID '{}' is unmacthed with the given PodUID '{uid}'",
                uid_of(&endpoint)
            );
            return Err(Refused::new(RefusedKind::Internal, text));
        }
        let (pod, node, entries) = (pod.as_deref(), node_of(&endpoint), entries_of(&endpoint));
        let leaving = Leaving { owner: &owner, pod_name: name, pod, node, entries };
        self.release_all(&leaving, OnClear::Empty, deadline).await
    }

    async fn release_all(
        &self,
        leaving: &Leaving<'_>,
        on_clear: OnClear,
        deadline: Deadline,
    ) -> Result<(), Refused> {
        let owner = leaving.owner;
        self.unbind(leaving, deadline).await?;
        let mut request = ReleaseRequest::new(owner.clone(), ReleaseScope::All, self.deadline(deadline));
        request.cooldown = self.settings().cooldown;
        request.seed = self.seed();
        let store = &self.0.store;
        let mut draft = EndpointDraft::new(owner, "");
        draft.on_clear = on_clear;
        let _draft = store.inner().draft(owner, draft);
        let released = run_async(Release::new(request, store.is_atomic()), store, &self.0.clock).await;
        released.map_err(|error| {
            let recorded = recorded(leaving.entries, owner.uid());
            of_drive(&format!("failed to release all allocated IP addresses {recorded}: "), &error)
        })?;
        if leaving.entries.is_empty() {
            return Ok(());
        }
        store.inner().clear_unreadable(owner).await.map_err(|error| of_store("", &error))
    }

    /// Whose the addresses are. Without the pod nobody can tell whether it ran a virtual machine.
    async fn owner_of(
        &self,
        namespace: &str,
        name: &str,
        uid: &str,
        pod: Option<&Pod>,
        deadline: Deadline,
    ) -> Result<Owner, Refused> {
        let machine = match pod {
            Some(pod) => {
                let top = self.0.workloads.top(pod, deadline).await.map_err(|error| of_workload(&error))?;
                let fixed = self.settings().static_kinds.of(&top);
                (fixed == Some(StaticKind::VirtualMachine)).then_some(top.name)
            }
            None => None,
        };
        let owner = match machine {
            Some(machine) => Owner::virtual_machine(namespace, &machine, uid),
            None => Owner::pod(namespace, name, uid),
        };
        owner.map_err(|error| Refused::of(RefusedKind::Wrong, "", &error))
    }
}

/// What an endpoint records, as Go prints it: `map[p4:[{IP:10.6.0.10 UID:…}]]`.
fn recorded(entries: &[EndpointAddress], uid: &str) -> String {
    let mut pools: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for entry in entries {
        for (address, pool) in [(&entry.ipv4, &entry.ipv4_pool), (&entry.ipv6, &entry.ipv6_pool)] {
            let (Some(address), Some(pool)) = (address, pool) else { continue };
            let address = address.split_once('/').map_or(address.as_str(), |(address, _)| address);
            pools.entry(pool).or_default().push(format!("{{IP:{address} UID:{uid}}}"));
        }
    }
    let pools: Vec<String> =
        pools.into_iter().map(|(pool, ips)| format!("{pool}:[{}]", ips.join(" "))).collect();
    format!("map[{}]", pools.join(" "))
}

/// The node that an endpoint was written on.
fn node_of(endpoint: &SpiderEndpoint) -> &str {
    endpoint.status.as_ref().map_or("", |status| status.current.node.as_str())
}

/// Who an endpoint says that it is.
fn holder(owner: &Owner, endpoint: &SpiderEndpoint) -> Owner {
    let named = Owner::from_parts(owner.kind(), owner.scope(), owner.name(), uid_of(endpoint));
    named.unwrap_or_else(|_| owner.clone())
}

fn bound(pod: &Pod) -> Deadline {
    let seconds = pod.meta.deletion.as_ref().and_then(|deletion| deletion.grace_seconds);
    let grace =
        Duration::from_secs(seconds.and_then(|seconds| u64::try_from(seconds).ok()).unwrap_or_default());
    Deadline::after(grace.saturating_sub(GRACE_SPARED).max(RELEASE_TIME_MIN))
}
