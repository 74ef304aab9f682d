//! What an ADD of a pod would come to, and why: the way of [`add`](super::add) without its writes, for a pod that is there or is not yet.

use std::collections::BTreeMap;

use ipam_core::carve::{Choice, PoolView};
use ipam_core::explain::{Explain, Explanation, Question};
use ipam_core::select::source::Asked;
use ipam_core::select::{Catalogue, Claim, Keep, MadePools, Recorded, Selected, Subject, claim};
use ipam_core::{
    AllocationRequest, AsyncClock as _, DriveError, Family, Follow, NicRequest, Owner, PoolName, run_async,
};
use k8s_openapi::api::core::v1 as core;

use super::AddRequest;
use super::add::{STANDARD, recorded};
use super::made::{PREFIX, Part, Wish, parts, view, wish};
use super::pipeline::{entries_of, uid_of};
use super::refused::{Refused, RefusedKind};
use super::settings::IpamSettings;
use super::subject::{asked, subject};
use crate::client::{CallError, Cluster, Deadline, Named};
use crate::crd::EndpointAddress;
use crate::meta::Meta;
use crate::snapshot;
use crate::store::{ClusterStore, ClusterStoreError, SteadyClock};
use crate::workload::{Pod, StaticKind, TopController, WorkloadError, Workloads};

/// A pod that is not there yet.
#[derive(Clone, Debug)]
pub struct ImaginedPod {
    /// What it would be: namespace, name, labels, annotations, node.
    pub pod: Pod,
    /// What would control it; none: it stands for itself.
    pub controller: Option<TopController>,
}

/// Why nothing can be explained.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExplainError {
    /// There is no such pod.
    #[error("failed to get Pod {namespace}/{name}: Pod {name:?} not found")]
    NoPod {
        /// The namespace.
        namespace: String,
        /// The name.
        name: String,
    },
    /// There is no such namespace.
    #[error("failed to get Namespace {0}: Namespace {0:?} not found")]
    NoNamespace(String),
    /// The API server's answer, or that there was none.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The pod's controller.
    #[error(transparent)]
    Workload(#[from] WorkloadError),
    /// A pod without name, namespace or uid.
    #[error(transparent)]
    Name(#[from] ipam_core::Error),
    /// What is stored for the pod.
    #[error(transparent)]
    Store(#[from] ClusterStoreError),
    /// The explanation did not come to its end.
    #[error(transparent)]
    Drive(#[from] DriveError<ClusterStoreError>),
}

/// Who asks.
struct Asker {
    pod: Pod,
    top: TopController,
    fixed: Option<StaticKind>,
    owner: Owner,
}

/// Explains what an agent would answer to this ADD now. Nothing is written. An agent remembers which addresses were freed of late, which
/// nobody else can know; so with a cooldown it may choose another address of the same pool.
///
/// Cancel safe: yes.
///
/// # Errors
/// [`ExplainError`]. What the pod would be refused is a part of the explanation.
pub async fn explain(
    cluster: &Cluster,
    settings: &IpamSettings,
    request: &AddRequest,
    imagined: Option<ImaginedPod>,
    deadline: Deadline,
) -> Result<Explanation, ExplainError> {
    let asker = asker(cluster, settings, request, imagined, deadline).await?;
    if let Err(error) = asker.pod.check_alive() {
        return Ok(refused(&asker.owner, "nothing yet", &Refused::of(RefusedKind::Wrong, "", &error).text));
    }
    let store = ClusterStore::cold(cluster.clone(), deadline.remaining());
    let endpoint = store.endpoint_now(&asker.owner).await?;
    let entries = endpoint.as_deref().map_or(&[][..], entries_of);
    let is_own = endpoint.as_deref().is_some_and(|endpoint| uid_of(endpoint) == asker.owner.uid());
    let clock = SteadyClock::start();
    let mut wanted = AllocationRequest::new(asker.owner.clone(), clock.now() + deadline.remaining());
    (wanted.policy, wanted.cooldown) = (settings.policy, settings.cooldown);
    wanted.follow = asker.fixed.map_or(Follow::Never, StaticKind::follow);
    let question = if asker.fixed.is_none() && is_own && is_claimed(entries, request) {
        of_entries(wanted, entries)
    } else {
        let before: &[EndpointAddress] = if is_own || asker.fixed.is_some() { entries } else { &[] };
        let looking = Looking { cluster, settings, request, asker: &asker, deadline };
        match looking.question(wanted, before).await? {
            Ok(question) => question,
            Err((source, text)) => return Ok(refused(&asker.owner, &source, &text)),
        }
    };
    Ok(run_async(Explain::new(question), &store, &clock).await?)
}

/// An explanation that ends before any pool is asked.
fn refused(owner: &Owner, source: &str, text: &str) -> Explanation {
    let text = text.strip_prefix(STANDARD).unwrap_or(text);
    Explanation {
        owner: owner.clone(),
        source: source.to_owned(),
        refusal: Some(text.to_owned()),
        slots: Vec::new(),
    }
}

async fn asker(
    cluster: &Cluster,
    settings: &IpamSettings,
    request: &AddRequest,
    imagined: Option<ImaginedPod>,
    deadline: Deadline,
) -> Result<Asker, ExplainError> {
    let (pod, top) = match imagined {
        Some(ImaginedPod { pod, controller }) => {
            let itself = || TopController {
                api_version: "v1".to_owned(),
                kind: "Pod".to_owned(),
                namespace: pod.meta.namespace.clone(),
                name: pod.meta.name.clone(),
                uid: pod.meta.uid.clone(),
            };
            let top = controller.unwrap_or_else(itself);
            (pod, top)
        }
        None => {
            let (namespace, name) = (&request.namespace, &request.pod);
            let found = snapshot::pod(cluster, namespace, name, deadline).await?;
            let none = || ExplainError::NoPod { namespace: namespace.clone(), name: name.clone() };
            let pod = found.ok_or_else(none)?;
            let top = Workloads::new(cluster.clone()).top(&pod, deadline).await?;
            (pod, top)
        }
    };
    let owner = settings.static_kinds.owner(&pod, &top)?;
    Ok(Asker { fixed: settings.static_kinds.of(&top), pod, top, owner })
}

/// Whether the agent would answer from the endpoint: an entry is the NIC's, or waits for one.
fn is_claimed(entries: &[EndpointAddress], request: &AddRequest) -> bool {
    let names: Vec<&str> = entries.iter().map(|entry| entry.interface.as_str()).collect();
    matches!(claim(&names, &request.nic), Ok(Claim::Own(_) | Claim::Rename(_)))
}

/// The question of a pod that has its addresses already: selection is not asked again.
fn of_entries(wanted: AllocationRequest, entries: &[EndpointAddress]) -> Question {
    let mut question = Question::new(wanted, "its SpiderEndpoint".to_owned());
    for (place, entry) in entries.iter().enumerate() {
        let recorded = recorded(entry);
        let nic = recorded.name(place);
        for (family, pool) in [(Family::V4, recorded.v4), (Family::V6, recorded.v6)] {
            let candidates: Vec<PoolName> = pool.and_then(|pool| pool.parse().ok()).into_iter().collect();
            question.select(&nic, family, Ok(Selected { candidates, rejected: Vec::new() }));
        }
    }
    question
}

/// What a look at the cluster needs.
struct Looking<'a> {
    cluster: &'a Cluster,
    settings: &'a IpamSettings,
    request: &'a AddRequest,
    asker: &'a Asker,
    deadline: Deadline,
}

/// What is asked, or the source that came to nothing, with the refusal.
type Found = Result<Question, (String, String)>;

impl Looking<'_> {
    async fn question(
        &self,
        wanted: AllocationRequest,
        before: &[EndpointAddress],
    ) -> Result<Found, ExplainError> {
        let Self { cluster, settings, request, asker, deadline } = *self;
        let namespace = metadata::<core::Namespace>(cluster, &asker.pod.meta.namespace, deadline).await?;
        let namespace =
            namespace.ok_or_else(|| ExplainError::NoNamespace(asker.pod.meta.namespace.clone()))?;
        let asked = match asked(request, &asker.pod, &namespace, settings) {
            Ok(asked) => asked,
            Err(error) => {
                let text = Refused::of(RefusedKind::NoPool, "", &error).text;
                return Ok(Err(("annotations that cannot be used".to_owned(), text)));
            }
        };
        let source = asked.source().to_string();
        let node = match asker.pod.node.as_str() {
            "" => None,
            node => metadata::<core::Node>(cluster, node, deadline).await?,
        };
        let pools = snapshot::pools(cluster, deadline).await?;
        let metas: Vec<(PoolName, Meta)> =
            pools.iter().map(|pool| (pool.name().clone(), pool.meta.clone())).collect();
        let made = match self.made(&asked, &metas) {
            Ok(made) => made,
            Err(text) => return Ok(Err((source, text))),
        };
        let catalogue: Catalogue = pools.into_iter().map(|pool| pool.listed).collect();
        let (pod, top) = (&asker.pod, &asker.top);
        let subject = subject(pod, top, &namespace, node.as_ref(), &asked, request, settings);
        let mut question = Question::new(wanted, source);
        match asker.fixed {
            Some(kind) if !before.is_empty() => {
                self.keep(&mut question, &asked, before, kind.keep(), &catalogue, &subject, &made);
            }
            Some(_) | None => {
                for nic in asked.nics() {
                    for (family, found) in nic.surveys(&catalogue, &subject, &made) {
                        question.select(&nic.slot().nic(), family, found);
                    }
                }
            }
        }
        Ok(Ok(question))
    }

    /// The candidates of a pod that keeps what it has, and why others are none.
    #[expect(clippy::too_many_arguments, reason = "one step of a way, cut out to be read")]
    fn keep(
        &self,
        question: &mut Question,
        asked: &Asked,
        before: &[EndpointAddress],
        keep: Keep,
        catalogue: &Catalogue,
        subject: &Subject,
        made: &MadePools,
    ) {
        let entries: Vec<Recorded<'_>> = before.iter().map(recorded).collect();
        let nic = &self.request.nic;
        let requests = match asked.keeping(nic, &entries, keep, catalogue, subject, made) {
            Ok(requests) => requests,
            Err(error) => {
                question.select(nic, Family::V4, Err(error));
                return;
            }
        };
        for NicRequest { nic, v4, v6, .. } in requests {
            let surveyed = asked.nics().iter().find(|one| one.slot().nic() == nic);
            let mut surveys: BTreeMap<Family, Selected> = surveyed
                .into_iter()
                .flat_map(|one| one.surveys(catalogue, subject, made))
                .filter_map(|(family, found)| Some((family, found.ok()?)))
                .collect();
            for (family, candidates) in [(Family::V4, v4), (Family::V6, v6)] {
                let mut rejected = surveys.remove(&family).unwrap_or_default().rejected;
                rejected.retain(|one| !candidates.contains(&one.pool));
                question.select(&nic, family, Ok(Selected { candidates, rejected }));
            }
        }
    }

    /// The pools of subnets as they are: none is waited for or made. The errors of several families are told together.
    fn made(&self, asked: &Asked, pools: &[(PoolName, Meta)]) -> Result<MadePools, String> {
        let parts = parts(asked);
        let mut made = MadePools::default();
        if parts.is_empty() {
            return Ok(made);
        }
        let wish = wish(&self.asker.top, &self.asker.pod).map_err(|refused| refused.text)?;
        let mut refused = Vec::new();
        for part in parts {
            match present(&wish, &part, pools) {
                Ok(pool) => made.insert(part.nic, part.family, &pool),
                Err(text) => refused.push(text),
            }
        }
        if refused.is_empty() { Ok(made) } else { Err(format!("{PREFIX}{}", refused.join("; "))) }
    }
}

/// The pool of a subnet for a workload, if it is there.
fn present(wish: &Wish, part: &Part, pools: &[(PoolName, Meta)]) -> Result<PoolName, String> {
    let claim = wish.claim(part);
    let views: Vec<PoolView<'_>> = pools.iter().map(view).collect();
    if wish.application.is_built_in() {
        return claim.find(&views).map(|pool| pool.name.clone()).map_err(|error| error.to_string());
    }
    match claim.choose(&views).map_err(|error| error.to_string())? {
        Choice::Take(pool) => Ok(pool.name.clone()),
        Choice::Make => {
            let name = claim.pool_name().map_err(|error| error.to_string())?;
            Err(format!(
                "IPPool {name} is not there yet, the agent makes it of SpiderSubnet {} at the ADD",
                part.subnet
            ))
        }
    }
}

/// The metadata of an object of the cluster; `None`: there is none of this name.
async fn metadata<K: kube::Resource<DynamicType = ()>>(
    cluster: &Cluster,
    name: &str,
    deadline: Deadline,
) -> Result<Option<Meta>, CallError> {
    match cluster.get_metadata::<K>(Named::cluster(name), deadline).await {
        Ok(meta) => Ok(Some(meta.into())),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}
