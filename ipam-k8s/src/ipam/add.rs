//! ADD: what a pod has, or what it is given.

use std::sync::Arc;

use ipam_core::annotation::{CustomRoute, PodAnnotations};
use ipam_core::select::source::Asked;
use ipam_core::select::{Claim, Keep, NoSlot, Recorded, SelectError, Slot, claim};
use ipam_core::{
    Allocate, AllocationRequest, AsyncStore as _, DriveError, Family, Follow, NicRequest, Owner, PoolName,
    StoreError, run_async,
};
use ipnet::IpNet;

use super::answer::{Answer, Unclaimed};
use super::cloud::{Binder, Leaving, bind_error};
use super::details::PodDetails;
use super::pipeline::{AddRequest, Ipam, entries_of, of_lookup, of_store, of_workload, uid_of};
use super::refused::{Refused, RefusedKind};
use super::subject::{asked, subject};
use crate::client::Deadline;
use crate::crd::EndpointAddress;
use crate::observe::RequestKind;
use crate::store::EndpointDraft;
use crate::workload::{Pod, StaticKind, TopController};

/// Before everything that goes wrong once it is known that the pod has nothing yet.
pub(super) const STANDARD: &str = "failed to allocate IP addresses in standard mode: ";

/// A pod that is to be served.
#[derive(Debug)]
struct Served {
    pod: Arc<Pod>,
    top: TopController,
    fixed: Option<StaticKind>,
    is_migrating: bool,
    owner: Owner,
}

impl Served {
    fn leaving<'a>(&'a self, entries: &'a [EndpointAddress]) -> Leaving<'a> {
        let Self { pod, owner, .. } = self;
        Leaving { owner, pod_name: &pod.meta.name, pod: Some(pod), node: &pod.node, entries }
    }
}

impl Ipam {
    /// The addresses of a pod, for the NIC of the request and for those that are named with it. The same again is the same.
    ///
    /// Cancel safe: what was begun goes on in a task of its own, and the next ADD of the pod finds it.
    ///
    /// # Errors
    /// [`Refused`], in the original's words where it has some.
    pub async fn add(&self, request: &AddRequest, deadline: Deadline) -> Result<Answer, Refused> {
        let served = self.served(request, deadline).await?;
        let turn = self.turn(&served.owner, RequestKind::Allocation).await;
        let (ipam, request) = (self.clone(), request.clone());
        // A caller that hangs up does not stop it half way: the outcome of a write that is under way would be unknown.
        let serving = tokio::spawn(async move {
            let _turn = turn;
            let mut answer = ipam.serve(&request, &served, deadline).await;
            if let Ok(answer) = &mut answer {
                answer.is_migrating = served.is_migrating;
            }
            if let Err(refused) = &answer {
                ipam.tell_refusal(&served.pod.meta, refused);
            }
            answer
        });
        serving.await.map_err(|error| Refused::of(RefusedKind::Internal, "", &error))?
    }

    async fn served(&self, request: &AddRequest, deadline: Deadline) -> Result<Served, Refused> {
        let AddRequest { namespace, pod, uid, .. } = request;
        let pod = self.0.known.pod_of(namespace, pod, uid, deadline).await;
        let pod = pod.map_err(|error| of_lookup(&error))?;
        pod.check_alive().map_err(|error| Refused::of(RefusedKind::Wrong, "", &error))?;
        let top = self.0.workloads.top(&pod, deadline).await.map_err(|error| of_workload(&error))?;
        let kinds = self.settings().static_kinds;
        let owner = kinds.owner(&pod, &top);
        let owner = owner.map_err(|error| Refused::of(RefusedKind::Wrong, "", &error))?;
        let fixed = kinds.of(&top);
        let is_migrating = match fixed {
            // Asked before anything is written, since the ADD fails where it cannot be told.
            Some(StaticKind::VirtualMachine) => self.0.workloads.is_migrating(&pod, deadline).await,
            Some(_) | None => Ok(false),
        };
        let is_migrating = is_migrating.map_err(|error| of_workload(&error))?;
        Ok(Served { fixed, is_migrating, pod, top, owner })
    }

    async fn serve(
        &self,
        request: &AddRequest,
        served: &Served,
        deadline: Deadline,
    ) -> Result<Answer, Refused> {
        let is_new = served.fixed.is_none() && self.0.known.has_appeared(&served.pod);
        let endpoint = if is_new && !self.0.store.inner().has_touched(&served.owner) {
            None
        } else {
            self.endpoint(&served.owner).await?
        };
        let entries = endpoint.as_deref().map_or(&[][..], entries_of);
        let is_own = endpoint.as_deref().is_some_and(|endpoint| uid_of(endpoint) == served.owner.uid());
        if served.fixed.is_none()
            && is_own
            && self.claimed(served, entries, request).await?
            && let Some(answer) = self.stored(served, request).await?
        {
            return Ok(answer);
        }
        let before: &[EndpointAddress] = if is_own || served.fixed.is_some() { entries } else { &[] };
        self.allocate(request, served, before, is_new, deadline).await
    }

    /// Whether an entry belongs to the NIC of the request; one without a name gets it.
    async fn claimed(
        &self,
        served: &Served,
        entries: &[EndpointAddress],
        request: &AddRequest,
    ) -> Result<bool, Refused> {
        let names: Vec<&str> = entries.iter().map(|entry| entry.interface.as_str()).collect();
        match claim(&names, &request.nic) {
            Ok(Claim::Own(_)) => Ok(true),
            Ok(Claim::Rename(place)) => {
                self.name_nic(&served.owner, place, &request.nic).await?;
                Ok(true)
            }
            Ok(Claim::All) | Err(_) => Ok(false),
        }
    }

    /// The answer of what is stored; none where an address of the NIC cannot be read, so that what is recorded for it is looked for.
    async fn stored(&self, served: &Served, request: &AddRequest) -> Result<Option<Answer>, Refused> {
        let endpoint = self.endpoint(&served.owner).await?;
        let entries = endpoint.as_deref().map_or(&[][..], entries_of);
        let own = entries.iter().find(|entry| entry.interface == request.nic.as_str());
        if own.is_some_and(|entry| !is_readable(entry)) {
            return Ok(None);
        }
        let answer = Answer::new(entries, Unclaimed::Nameless);
        if answer.serves(request.nic.as_str()) {
            return Ok(Some(answer));
        }
        let (namespace, name) = (served.owner.scope(), served.owner.name());
        Err(Refused::new(
            RefusedKind::Internal,
            format!(
                "{STANDARD}no IPPool available, SpiderEndpoint {namespace}/{name} has an entry without a readable address for NIC {}; \
                 delete the SpiderEndpoint, or the Pod",
                request.nic
            ),
        ))
    }

    async fn allocate(
        &self,
        request: &AddRequest,
        served: &Served,
        before: &[EndpointAddress],
        is_new: bool,
        deadline: Deadline,
    ) -> Result<Answer, Refused> {
        let annotations = PodAnnotations::new(&served.pod.meta.annotations);
        let routes = annotations.routes();
        let routes = routes.map_err(|error| Refused::of(RefusedKind::Wrong, STANDARD, &error))?;
        let known = &self.0.known;
        let namespace = known.namespace(&served.pod.meta.namespace, deadline).await;
        let namespace = namespace.map_err(|error| of_lookup(&error))?;
        let settings = self.settings();
        let asked = asked(request, &served.pod, &namespace, &settings);
        let asked = asked.map_err(|error| Refused::of(RefusedKind::NoPool, STANDARD, &error))?;
        let mut claimed = None;
        if asked.is_in_order() && !before.is_empty() {
            if !self.claimed(served, before, request).await? {
                let error = NoSlot { nic: request.nic.clone(), entries: before.len() };
                return Err(Refused::of(RefusedKind::NoPool, STANDARD, &error));
            }
            claimed = self.endpoint(&served.owner).await?;
        }
        let before = claimed.as_deref().map_or(before, entries_of);
        let node = known.node(&served.pod.node, deadline).await.map_err(|error| of_lookup(&error))?;
        let made = self.made_pools(&asked, &served.top, &served.pod, deadline).await?;
        let names: Vec<&str> = asked.pool_names().chain(made.names()).collect();
        let pools = known.catalogue_with(names, deadline).await;
        let pools = pools.map_err(|error| of_lookup(&error))?;
        let (pod, top, node) = (&served.pod, &served.top, node.as_deref());
        let subject = subject(pod, top, &namespace, node, &asked, request, &settings);
        let recorded: Vec<Recorded<'_>> = match served.fixed {
            Some(_) => before.iter().map(recorded).collect(),
            None => Vec::new(),
        };
        let keep = served.fixed.map_or(Keep::WhileNamed, StaticKind::keep);
        let nics = asked.keeping(&request.nic, &recorded, keep, &pools, &subject, &made);
        let nics = nics.map_err(|error| Refused::of(kind_of(&error), STANDARD, &error))?;
        if served.fixed == Some(StaticKind::StatefulSet) {
            self.unbind_outdated(&served.leaving(before), &nics, deadline).await?;
        }
        let slots = nics.iter().zip(asked.nics()).map(|(request, nic)| (&request.nic, nic.slot()));
        let binder = self.binder(&served.pod, slots, deadline);
        let draft = draft(served, &asked, &nics, routes, binder, is_new);
        self.take(served, nics, draft, deadline).await?;
        let endpoint = self.endpoint(&served.owner).await?;
        let entries = endpoint.as_deref().map_or(&[][..], entries_of);
        let mut answer = Answer::new(entries, Unclaimed::Numbered);
        // NICs that were served before are answered to their own ADDs.
        if !before.iter().any(|entry| entry.interface == request.nic.as_str()) {
            let is_asked = |nic: &str| asked.nics().iter().any(|one| one.slot().nic().as_str() == nic);
            answer.ips.retain(|ip| is_asked(&ip.nic));
            answer.routes.retain(|route| is_asked(&route.nic));
        }
        // Where NICs go by their place the first ADD is answered for `eth0`, whoever asks, as the original does.
        if answer.ips.is_empty() {
            return Err(Refused::new(RefusedKind::Internal, format!("{STANDARD}no address was stored")));
        }
        Ok(answer)
    }

    async fn take(
        &self,
        served: &Served,
        nics: Vec<NicRequest>,
        draft: EndpointDraft,
        deadline: Deadline,
    ) -> Result<(), Refused> {
        let mut wanted = AllocationRequest::new(served.owner.clone(), self.deadline(deadline));
        wanted.nics.clone_from(&nics);
        wanted.follow = served.fixed.map_or(Follow::Never, StaticKind::follow);
        wanted.policy = self.settings().policy;
        wanted.cooldown = self.settings().cooldown;
        wanted.seed = self.seed();
        // What a cloud has been told of is not given to somebody else before it was told again.
        wanted.keeps_unattached = self.cloud().is_some();
        let store = &self.0.store;
        let _draft = store.inner().draft(&served.owner, draft);
        match run_async(Allocate::new(wanted, store.is_atomic()), store, &self.0.clock).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(refusal)) => {
                let kind = if refusal.is_exhausted() { RefusedKind::UsedOut } else { RefusedKind::Internal };
                Err(Refused::of(kind, STANDARD, &refusal))
            }
            Err(error) => Err(match bind_error(&error) {
                Some(error) => Refused::of(RefusedKind::Internal, STANDARD, error),
                None => of_drive(&format!("{STANDARD}{}", tried(&nics, &error)), &error),
            }),
        }
    }
}

/// What was tried when the store refused or came to nothing, in the words in which an exhausted pool is told.
fn tried<E: StoreError>(nics: &[NicRequest], error: &DriveError<E>) -> String {
    let Some(text) = error.store_error().map(ToString::to_string) else { return String::new() };
    let slots = || nics.iter().flat_map(|nic| [(nic, Family::V4, &nic.v4), (nic, Family::V6, &nic.v6)]);
    let is_meant = |pools: &[PoolName]| pools.iter().any(|pool| text.contains(pool.as_str()));
    let meant = slots().find(|(_, _, pools)| is_meant(pools));
    meant.map_or_else(String::new, |(nic, family, pools)| {
        let names: Vec<&str> = pools.iter().map(PoolName::as_str).collect();
        format!(
            "failed to allocate any {family} IP address to NIC {} from IPPools [{}]: ",
            nic.nic,
            names.join(" ")
        )
    })
}

/// Whether each address that an entry has is one.
fn is_readable(entry: &EndpointAddress) -> bool {
    [&entry.ipv4, &entry.ipv6].into_iter().flatten().all(|address| address.parse::<IpNet>().is_ok())
}

pub(super) fn recorded(entry: &EndpointAddress) -> Recorded<'_> {
    Recorded {
        nic: &entry.interface,
        v4: entry.ipv4.as_ref().and(entry.ipv4_pool.as_deref()),
        v6: entry.ipv6.as_ref().and(entry.ipv6_pool.as_deref()),
    }
}

fn draft(
    served: &Served,
    asked: &Asked,
    nics: &[NicRequest],
    routes: Vec<CustomRoute>,
    binder: Option<Binder>,
    is_new: bool,
) -> EndpointDraft {
    let mut draft = EndpointDraft::new(&served.owner, served.pod.node.clone());
    draft.controller_type.clone_from(&served.top.kind);
    draft.controller_name.clone_from(&served.top.name);
    draft.goes_with_pod = served.fixed.is_none();
    draft.is_new = is_new;
    let by_request = || nics.iter().zip(asked.nics());
    let nameless = by_request().filter(|(request, nic)| match nic.slot() {
        Slot::Position(0) | Slot::Named(_) => false,
        Slot::Position(_) => request.nic == nic.slot().nic(),
    });
    draft.nameless = nameless.map(|(request, _)| request.nic.clone()).collect();
    let clean = by_request().map(|(request, nic)| (request.nic.clone(), nic.clean_gateway()));
    draft.renews = binder.is_some();
    draft.details = Some(Arc::new(PodDetails { clean_gateway: clean.collect(), routes, binder }));
    draft
}

pub(super) fn kind_of(error: &SelectError) -> RefusedKind {
    match error {
        SelectError::NoRules | SelectError::FilteredOut { .. } => RefusedKind::NoPool,
        SelectError::NotFound { .. } | SelectError::Duplicate { .. } | SelectError::BadPattern { .. } | _ => {
            RefusedKind::Wrong
        }
    }
}

pub(super) fn of_drive<E: StoreError>(prefix: &str, error: &DriveError<E>) -> Refused {
    match error {
        DriveError::Store(error) => of_store(prefix, error),
        // The words by which the original's users and tools know it.
        DriveError::Deadline { .. } => {
            Refused::of(RefusedKind::Exhausted, &format!("{prefix}exhaust all retries: "), error)
        }
        DriveError::Contract | _ => Refused::of(RefusedKind::Internal, prefix, error),
    }
}
