//! What gives addresses in a cluster, behind the seam: [`ipam_k8s`] with the settings of the agent.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use ipam_core::Addr;
use ipam_core::select::source::{SubnetFeature, Switches};
use ipam_k8s::Causes;
use ipam_k8s::client::{Cluster, ClusterOptions, Deadline};
use ipam_k8s::events::{PodEvents, REPEATED_AFTER};
use ipam_k8s::iaas::{Cloud, HostInterfaces, Parents, Provider, ProviderSettings};
use ipam_k8s::ipam::{self, CoordinatorConfig, IpamSettings, Refused, RefusedKind};
use ipam_k8s::store::{ClusterStore, StoreOptions};
use ipam_k8s::watch::{Known, WatchOptions};
use ipam_k8s::workload::StaticKinds;
use netcfg::uplink::physical_function;
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{info, warn};

use super::USER_AGENT;
use super::cli::Start;
use super::ipam::{
    AddRequest, Allocated, Cause, ConflictRequest, DelRequest, Ipam, PodRef, Refusal, Sandbox,
    WorkloadEndpoint,
};
use super::settings::{LiveSettings, Settings};

/// How long the agent waits for its watches at start. It serves without them too, from single reads.
const WATCHES_WITHIN: Duration = Duration::from_secs(30);

/// How long the agent waits for the networks of a cloud's provider at start.
const NETWORKS_WITHIN: Duration = Duration::from_secs(10);

/// The pipeline of `ipam-k8s` as the API calls it.
#[derive(Debug)]
pub struct ClusterIpam {
    ipam: ipam::Ipam,
    live: watch::Receiver<LiveSettings>,
}

/// Connects to the cluster that `KUBECONFIG`, `~/.kube/config` or the pod's own account names.
///
/// # Errors
/// There is none, or its configuration cannot be used.
pub async fn connect(start: Start) -> anyhow::Result<Arc<ClusterIpam>> {
    let settings = start.settings;
    let config = kube::Config::infer().await.context("no cluster is configured")?;
    let options = ClusterOptions::new(USER_AGENT);
    let calls = Cluster::new(config.clone(), &options)?;
    // Watches have connections of their own, so that no call waits behind them.
    let watches = Cluster::new(config, &options)?;
    let mut watched = WatchOptions::new(settings.node_name.clone());
    watched.subnets = settings.is_subnet_enabled;
    let known = Known::start(calls.clone(), &watches, watched);
    let mut stored = StoreOptions::default();
    stored.records_max = Some(settings.pool_records_max.into());
    stored.seed = seed(&settings);
    stored.observer = start.metrics.clone();
    let store = Arc::new(ClusterStore::new(calls.clone(), Arc::new(known.clone()), stored));
    known.tell(&store);
    start.metrics.show_pools(Arc::clone(&store));
    if known.is_ready(Deadline::after(WATCHES_WITHIN)).await {
        info!("the cluster is known");
    } else {
        warn!("not all watches are open; what they would tell is read when it is needed");
    }
    let mut live = start.live;
    let of_now = ipam_settings(&settings, &live.borrow_and_update());
    let ipam = ipam::Ipam::new(calls.clone(), known, store, of_now);
    if let Some(provider) = &settings.iaas {
        ipam.bind_in(cloud(&calls, provider).await?);
    }
    ipam.tell_pods(PodEvents::start(calls, "spiderpool-agent", &settings.node_name, REPEATED_AFTER));
    tokio::spawn(follow(ipam.clone(), settings, live.clone()));
    Ok(Arc::new(ClusterIpam { ipam, live }))
}

/// The provider of the cloud that the node is in, with the interfaces that its networks are on.
async fn cloud(calls: &Cluster, settings: &ProviderSettings) -> anyhow::Result<Arc<Cloud>> {
    let provider = Provider::new(settings, USER_AGENT)?;
    let parents = Parents::new(calls.clone(), HostInterfaces::new(Path::new("/")));
    match parents.warm(Deadline::after(NETWORKS_WITHIN)).await {
        Ok(found) => {
            for (network, mac) in found {
                match mac {
                    Ok(mac) => info!(%network, %mac, "a network of the IaaS provider"),
                    Err(error) => {
                        info!(%network, error = %Causes(&error), "a network of the IaaS provider that this node lacks");
                    }
                }
            }
        }
        Err(error) => {
            warn!(error = %Causes(&error), "the networks of the IaaS provider are read when they are needed");
        }
    }
    info!(url = settings.url(), timeout = ?settings.timeout(), "addresses are bound by an IaaS provider");
    Ok(Arc::new(Cloud::new(provider, parents)))
}

/// Takes over what may change while the agent runs.
async fn follow(ipam: ipam::Ipam, settings: Arc<Settings>, mut live: watch::Receiver<LiveSettings>) {
    while live.changed().await.is_ok() {
        let now = live.borrow_and_update().clone();
        ipam.adopt(ipam_settings(&settings, &now));
    }
}

/// Agents must not pause alike.
fn seed(settings: &Settings) -> u64 {
    let texts = [&settings.node_name, &settings.pod_name];
    texts.into_iter().flat_map(|text| text.bytes()).fold(u64::from(std::process::id()), |seed, byte| {
        seed.wrapping_mul(0x0100_0000_01b3) ^ u64::from(byte)
    })
}

pub(crate) fn ipam_settings(settings: &Settings, live: &LiveSettings) -> IpamSettings {
    let mut of = IpamSettings::new(settings.pod_namespace.clone());
    of.cluster_network.clone_from(&settings.multus_network);
    of.switches = Switches {
        v4: settings.is_ipv4,
        v6: settings.is_ipv6,
        subnets: match (settings.is_subnet_enabled, live.is_auto_pool_enabled) {
            (false, _) => SubnetFeature::Off,
            (true, false) => SubnetFeature::WithoutAutoPools,
            (true, true) => SubnetFeature::AutoPools,
        },
    };
    of.static_kinds = StaticKinds {
        stateful_set: live.is_stateful_set_static,
        virtual_machine: settings.is_kubevirt_static,
    };
    of.policy = live.policy;
    of.cooldown = live.cooldown;
    of.auto_pool_wait = settings.auto_pool_wait.saturating_mul(settings.auto_pool_looks);
    of.may_release_conflicts = settings.is_conflict_release_allowed;
    of
}

impl Ipam for ClusterIpam {
    async fn allocate(&self, request: AddRequest, deadline: Instant) -> Result<Allocated, Refusal> {
        let Sandbox { pod, pod_uid, netns, .. } = request.sandbox;
        let nic = request.nic.parse().map_err(|error: ipam_core::Error| {
            Refusal::failed(
                format!("failed to allocate IP addresses in standard mode: {error}"),
                [Cause::WrongInput],
            )
        })?;
        let master = match request.is_master_subnet_matched {
            true => Some(master_of(PathBuf::from(netns), request.nic).await),
            false => None,
        };
        let add = ipam::AddRequest {
            nic,
            namespace: pod.namespace,
            pod: pod.name,
            uid: pod_uid,
            default_v4: request.default_pools_v4,
            default_v6: request.default_pools_v6,
            clean_gateway: request.is_gateway_cleaned,
            master,
        };
        let answer = self.ipam.add(&add, Deadline::at(deadline)).await.map_err(refusal)?;
        let live = self.live.borrow();
        Ok(Allocated {
            is_conflict_detected: live.is_conflict_detected && !answer.is_migrating,
            answer,
            is_gateway_detected: live.is_gateway_detected,
        })
    }

    async fn release(&self, request: DelRequest, deadline: Instant) -> Result<(), Refusal> {
        let del = del(request.sandbox, request.nic);
        self.ipam.del(&del, Deadline::at(deadline)).await.map_err(refusal)
    }

    async fn release_conflicting(&self, request: ConflictRequest, deadline: Instant) -> Result<(), Refusal> {
        let del = del(request.sandbox, String::new());
        let released = self.ipam.release_conflicting(&del, request.is_conflict, Deadline::at(deadline));
        released.await.map_err(refusal)
    }

    async fn workload_endpoint(&self, pod: PodRef, deadline: Instant) -> Result<WorkloadEndpoint, Refusal> {
        let found = self.ipam.endpoint_of(&pod.namespace, &pod.name, Deadline::at(deadline)).await;
        let endpoint = found.map_err(refusal)?;
        let current = endpoint.status.clone().unwrap_or_default().current;
        let metadata = &endpoint.metadata;
        Ok(WorkloadEndpoint {
            pod: PodRef {
                namespace: metadata.namespace.clone().unwrap_or_default(),
                name: metadata.name.clone().unwrap_or_default(),
            },
            pod_uid: current.uid,
            node: current.node,
            entries: current.ips,
        })
    }

    async fn coordinator_config(&self, pod: PodRef, deadline: Instant) -> Result<CoordinatorConfig, Refusal> {
        let found = self.ipam.coordinator_config(&pod.namespace, &pod.name, Deadline::at(deadline));
        found.await.map_err(refusal)
    }
}

/// The addresses of the physical function behind a NIC.
async fn master_of(netns: PathBuf, nic: String) -> Result<Vec<Addr>, String> {
    let looking = tokio::task::spawn_blocking(move || physical_function(Path::new("/"), &netns, &nic));
    match looking.await {
        Ok(Ok(function)) => Ok(function.addresses.iter().map(|net| net.addr().into()).collect()),
        Ok(Err(error)) => Err(Causes(&error).to_string()),
        Err(error) => Err(error.to_string()),
    }
}

fn del(sandbox: Sandbox, nic: String) -> ipam::DelRequest {
    ipam::DelRequest { nic, namespace: sandbox.pod.namespace, pod: sandbox.pod.name, uid: sandbox.pod_uid }
}

fn refusal(refused: Refused) -> Refusal {
    let Refused { text, kind } = refused;
    match kind {
        RefusedKind::NotFound => Refusal::not_found(text),
        RefusedKind::StatelessKept => Refusal::stateless(),
        RefusedKind::StatefulKept => Refusal::stateful(),
        RefusedKind::NoPool => Refusal::failed(text, [Cause::NoAvailablePool]),
        RefusedKind::UsedOut => Refusal::failed(text, [Cause::UsedOut]),
        RefusedKind::Exhausted => Refusal::failed(text, [Cause::RetriesExhausted]),
        RefusedKind::Wrong => Refusal::failed(text, [Cause::WrongInput]),
        RefusedKind::Internal | _ => Refusal::internal(text),
    }
}
