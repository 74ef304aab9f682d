//! ADD: what a pod has, or what it is given.

use std::sync::Arc;

use ipam_core::annotation::PodAnnotations;
use ipam_core::select::source::Asked;
use ipam_core::select::{Claim, MadePools, NoSlot, SelectError, claim};
use ipam_core::{
    Allocate, AllocationRequest, AsyncStore as _, DriveError, Follow, Nic, NicRequest, Owner, StoreError as _,
    run_async,
};

use super::answer::{Answer, Unclaimed};
use super::clock::StoreClock;
use super::details::PodDetails;
use super::refused::{Refused, RefusedKind};
use super::request::{Choice, Keep};
use super::subject::{asked, subject};
use super::{AddRequest, Ipam};
use crate::client::Deadline;
use crate::crd::{EndpointAddress, SpiderEndpoint};
use crate::store::{ClusterStoreError, EndpointDraft};
use crate::workload::{Pod, StaticKind, TopController};

/// The prefix of everything that goes wrong once it is known that the pod has nothing yet.
const STANDARD: &str = "failed to allocate IP addresses in standard mode: ";

/// A pod that is to be served.
pub(super) struct Served {
    pub(super) pod: Arc<Pod>,
    pub(super) top: TopController,
    pub(super) fixed: Option<StaticKind>,
    pub(super) owner: Owner,
}

impl Ipam {
    /// The addresses of a pod, for the NIC of the request and for those that are named with it. The same again is the same.
    ///
    /// Cancel safe: what was sent goes on, and the next ADD of the pod finds it.
    ///
    /// # Errors
    /// [`Refused`], in the original's words where it has some.
    pub async fn add(&self, request: &AddRequest, deadline: Deadline) -> Result<Answer, Refused> {
        let served = self.served(request, deadline).await?;
        let turn = self.turns.take(&served.owner).await;
        let (ipam, request) = (self.clone(), request.clone());
        // A caller that hangs up does not stop it half way: a write that is under way would be unknown.
        let serving = tokio::spawn(async move {
            let _turn = turn;
            ipam.serve(&request, &served, deadline).await
        });
        serving.await.map_err(|error| Refused::of(RefusedKind::Internal, "", &error))?
    }

    async fn served(&self, request: &AddRequest, deadline: Deadline) -> Result<Served, Refused> {
        let pod = self.pod_of(request, deadline).await?;
        pod.check_alive().map_err(|error| Refused::of(RefusedKind::Wrong, "", &error))?;
        let top = self.workloads.top(&pod, deadline).await;
        let top = top.map_err(|error| Refused::of(RefusedKind::Internal, "", &error))?;
        let kinds = self.settings().static_kinds;
        let owner = kinds.owner(&pod, &top);
        let owner = owner.map_err(|error| Refused::of(RefusedKind::Wrong, "", &error))?;
        Ok(Served { fixed: kinds.of(&top), pod, top, owner })
    }

    async fn serve(
        &self,
        request: &AddRequest,
        served: &Served,
        deadline: Deadline,
    ) -> Result<Answer, Refused> {
        let endpoint = self.endpoint(&served.owner).await?;
        let entries = endpoint.as_deref().map_or(&[][..], entries_of);
        let is_own = endpoint.as_deref().is_some_and(|endpoint| uid_of(endpoint) == served.owner.uid());
        if served.fixed.is_none() && is_own {
            let names: Vec<&str> = entries.iter().map(|entry| entry.interface.as_str()).collect();
            match claim(&names, &request.nic) {
                Ok(Claim::Own(_)) => return answered(entries, &request.nic),
                Ok(Claim::Rename(place)) => {
                    let entries = self.name_nic(&served.owner, place, &request.nic).await?;
                    return answered(&entries, &request.nic);
                }
                Ok(Claim::All) | Err(_) => {}
            }
        }
        let before: &[EndpointAddress] = if is_own || served.fixed.is_some() { entries } else { &[] };
        self.allocate(request, served, before, deadline).await
    }

    async fn allocate(
        &self,
        request: &AddRequest,
        served: &Served,
        before: &[EndpointAddress],
        deadline: Deadline,
    ) -> Result<Answer, Refused> {
        let settings = self.settings();
        let wrong = |error: &dyn std::error::Error| Refused::of(RefusedKind::Wrong, STANDARD, error);
        let annotations = PodAnnotations::new(&served.pod.meta.annotations);
        let routes = annotations.routes().map_err(|error| wrong(&error))?;
        let namespace = self.namespace(&served.pod.meta.namespace, deadline).await?;
        let asked = asked(request, &served.pod, &namespace, &settings).map_err(|error| {
            Refused::of(RefusedKind::NoPool, STANDARD, &error)
        })?;
        if asked.is_in_order() && served.fixed.is_none() && !before.is_empty() {
            let error = NoSlot { nic: request.nic.clone(), entries: before.len() };
            return Err(Refused::of(RefusedKind::NoPool, STANDARD, &error));
        }
        let made = self.made_pools(&asked, served, deadline).await?;
        let nics = self.candidates(request, served, before, &asked, &made, deadline).await?;
        let draft = self.draft(served, &asked, &nics, routes);
        let answer = self.take(served, nics, draft, deadline).await?;
        // In order of the list, a later ADD gives the next entry its name; the first one is that of this request.
        answered_numbered(&answer, &request.nic, &asked)
    }

    async fn candidates(
        &self,
        request: &AddRequest,
        served: &Served,
        before: &[EndpointAddress],
        asked: &Asked,
        made: &MadePools,
        deadline: Deadline,
    ) -> Result<Vec<NicRequest>, Refused> {
        let settings = self.settings();
        let namespace = self.namespace(&served.pod.meta.namespace, deadline).await?;
        let node = self.node(&served.pod.node, deadline).await?;
        let pools = self.catalogue(deadline).await?;
        let subject = subject(&served.pod, &served.top, &namespace, node.as_deref(), asked, &settings);
        let choice = Choice { asked, pools: &pools, subject: &subject, made };
        let found = match served.fixed {
            Some(StaticKind::StatefulSet) if !before.is_empty() => choice.keeping(before, Keep::WhileNamed),
            Some(StaticKind::VirtualMachine) if !before.is_empty() => choice.keeping(before, Keep::Always),
            Some(_) | None => asked.requests(&pools, &subject, made),
        };
        let _ = request;
        found.map_err(|error| Refused::of(kind_of(&error), STANDARD, &error))
    }

    fn draft(
        &self,
        served: &Served,
        asked: &Asked,
        nics: &[NicRequest],
        routes: Vec<ipam_core::annotation::CustomRoute>,
    ) -> EndpointDraft {
        let mut draft = EndpointDraft::new(&served.owner, served.pod.node.clone());
        draft.controller_type.clone_from(&served.top.kind);
        draft.controller_name.clone_from(&served.top.name);
        draft.goes_with_pod = served.fixed.is_none();
        draft.is_new = self.is_new(served);
        draft.nameless = nics.iter().skip(1).map(|nic| nic.nic.clone()).filter(is_number).collect();
        let clean = asked.nics().iter().map(|nic| (nic.slot().nic(), nic.clean_gateway())).collect();
        draft.details = Some(Arc::new(PodDetails { clean_gateway: clean, routes }));
        draft
    }

    /// Takes the addresses and returns the entries that are stored then.
    async fn take(
        &self,
        served: &Served,
        nics: Vec<NicRequest>,
        draft: EndpointDraft,
        deadline: Deadline,
    ) -> Result<Vec<EndpointAddress>, Refused> {
        let settings = self.settings();
        let clock = StoreClock::new();
        let mut wanted = AllocationRequest::new(served.owner.clone(), clock.at(deadline));
        wanted.nics = nics;
        wanted.follow = match served.fixed {
            None => Follow::Never,
            Some(StaticKind::StatefulSet) => Follow::WhilePoolsMatch,
            Some(_) => Follow::Always,
        };
        wanted.policy = settings.policy;
        wanted.cooldown = settings.cooldown;
        wanted.seed = self.roll();
        let store = self.store.inner();
        let guard = store.draft(&served.owner, draft);
        let outcome =
            run_async(Allocate::new(wanted, self.store.is_atomic()), &self.store, &clock).await;
        drop(guard);
        match outcome {
            Ok(Ok(_)) => {}
            Ok(Err(refusal)) => {
                let kind =
                    if refusal.is_exhausted() { RefusedKind::UsedOut } else { RefusedKind::Internal };
                return Err(Refused::of(kind, STANDARD, &refusal));
            }
            Err(error) => return Err(Refused::of(kind_of_drive(&error), STANDARD, &error)),
        }
        let endpoint = self.endpoint(&served.owner).await?;
        Ok(endpoint.as_deref().map(|endpoint| entries_of(endpoint).to_vec()).unwrap_or_default())
    }
}
