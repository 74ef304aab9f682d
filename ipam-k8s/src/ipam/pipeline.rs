//! The pipeline's parts, and what its steps share.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use ipam_core::batch::Batched;
use ipam_core::{Addr, Attachment, AttachmentOp, Change, Nic, Owner, Query, View};
use ipam_core::{AsyncStore as _, StoreError};
use tokio::time::Instant;

use super::clock::StoreClock;
use super::refused::{Refused, RefusedKind};
use super::settings::IpamSettings;
use super::turns::{Turn, Turns};
use crate::client::{Cluster, Deadline};
use crate::crd::{EndpointAddress, SpiderEndpoint};
use crate::events::PodEvents;
use crate::iaas::Cloud;
use crate::meta::Meta;
use crate::observe::RequestKind;
use crate::store::ClusterStore;
use crate::watch::{Known, LookupError};
use crate::workload::{WorkloadError, Workloads};

/// The reason of an event for a pod that gets no address.
const REFUSED: &str = "IPAllocationFailed";

/// An ADD: what the plugin says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AddRequest {
    /// The NIC (`CNI_IFNAME`).
    pub nic: Nic,
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's name.
    pub pod: String,
    /// The pod's uid, as far as the runtime says it; empty: not said.
    pub uid: String,
    /// `default_ipv4_ippool` of the CNI configuration.
    pub default_v4: Vec<String>,
    /// `default_ipv6_ippool`.
    pub default_v6: Vec<String>,
    /// `clean_gateway`.
    pub clean_gateway: bool,
    /// `match_master_subnet`: the addresses of the physical function behind the NIC, or why they cannot be told; `None`: not asked for.
    /// Pools for the request's NIC only are held against it: the other NICs of a first ADD are not there yet.
    pub master: Option<Result<Vec<Addr>, String>>,
}

/// A DEL.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DelRequest {
    /// The NIC, as written.
    pub nic: String,
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's name.
    pub pod: String,
    /// The pod's uid; empty: not said.
    pub uid: String,
}

/// The pipeline of one agent. Clones share it.
#[derive(Clone)]
pub struct Ipam(pub(super) Arc<Parts>);

/// What it is made of.
pub(super) struct Parts {
    pub(super) cluster: Cluster,
    pub(super) known: Known,
    pub(super) workloads: Workloads,
    pub(super) store: Batched<Arc<ClusterStore>>,
    settings: RwLock<Arc<IpamSettings>>,
    pub(super) turns: Turns,
    pub(super) clock: StoreClock,
    rolls: AtomicU64,
    events: OnceLock<PodEvents>,
    cloud: OnceLock<Arc<Cloud>>,
}

impl fmt::Debug for Ipam {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ipam").field("settings", &self.settings()).finish_non_exhaustive()
    }
}

impl Ipam {
    /// A pipeline over these parts. `store` should be told of pools by `known` ([`Known::tell`]).
    #[must_use]
    pub fn new(cluster: Cluster, known: Known, store: Arc<ClusterStore>, settings: IpamSettings) -> Self {
        let workloads = Workloads::new(cluster.clone());
        Self(Arc::new(Parts {
            cluster,
            known,
            workloads,
            store: Batched::new(store),
            settings: RwLock::new(Arc::new(settings)),
            turns: Turns::default(),
            clock: StoreClock::new(),
            rolls: AtomicU64::new(0),
            events: OnceLock::new(),
            cloud: OnceLock::new(),
        }))
    }

    /// From now on a pod that gets no address is told so in an event. The first call counts.
    pub fn tell_pods(&self, events: PodEvents) {
        _ = self.0.events.set(events);
    }

    /// From now on a cloud's provider is told of addresses that are taken and freed. To be called before the first request; the first call
    /// counts.
    pub fn bind_in(&self, cloud: Arc<Cloud>) {
        _ = self.0.cloud.set(cloud);
    }

    pub(super) fn cloud(&self) -> Option<&Arc<Cloud>> {
        self.0.cloud.get()
    }

    pub(super) fn tell_refusal(&self, pod: &Meta, refused: &Refused) {
        if let Some(events) = self.0.events.get() {
            events.warn(pod, REFUSED, &refused.text);
        }
    }

    /// What is known of the cluster.
    #[must_use]
    pub fn known(&self) -> &Known {
        &self.0.known
    }

    /// The settings that hold now.
    #[must_use]
    pub fn settings(&self) -> Arc<IpamSettings> {
        Arc::clone(&self.0.settings.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// From the next request on these settings hold.
    pub fn adopt(&self, settings: IpamSettings) {
        *self.0.settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
    }

    /// Waits for the requests of the same pod that came before.
    pub(super) async fn turn(&self, owner: &Owner, kind: RequestKind) -> Turn {
        let began = Instant::now();
        let turn = self.0.turns.take(owner).await;
        self.0.store.inner().observer().waited(kind, began.elapsed());
        turn
    }

    /// A seed for the pauses of a request; two requests never have the same.
    pub(super) fn seed(&self) -> u64 {
        self.0.rolls.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) async fn endpoint(&self, owner: &Owner) -> Result<Option<Arc<SpiderEndpoint>>, Refused> {
        self.0.store.inner().endpoint(owner).await.map_err(|error| of_store("", &error))
    }

    /// Gives the entry at this place its NIC's name.
    pub(super) async fn name_nic(&self, owner: &Owner, place: usize, nic: &Nic) -> Result<(), Refused> {
        let query = Query::Holdings { owner: owner.clone(), pools: Vec::new() };
        let view = self.0.store.read(&query).await.map_err(|error| of_store("", &error))?;
        let View::Holdings(holdings) = view else {
            return Err(Refused::new(RefusedKind::Internal, "the store answered another question"));
        };
        let unnamed = holdings.attachments.iter().find(|one| one.nic.as_str() == place.to_string());
        let Some(unnamed) = unnamed else { return Ok(()) };
        let named = Attachment { nic: nic.clone(), assignments: unnamed.assignments.clone() };
        let change = Change::Attachments {
            owner: owner.clone(),
            version: holdings.version,
            ops: vec![AttachmentOp::Set(named)],
        };
        self.0.store.commit(&[change]).await.map_err(|error| of_store("", &error))?;
        Ok(())
    }

    pub(super) fn deadline(&self, deadline: Deadline) -> ipam_core::Time {
        self.0.clock.at(deadline)
    }
}

/// The uid that an endpoint was written for.
pub(super) fn uid_of(endpoint: &SpiderEndpoint) -> &str {
    endpoint.status.as_ref().map_or("", |status| status.current.uid.as_str())
}

/// Its entries.
pub(super) fn entries_of(endpoint: &SpiderEndpoint) -> &[EndpointAddress] {
    endpoint.status.as_ref().map_or(&[], |status| status.current.ips.as_slice())
}

pub(super) fn of_store(prefix: &str, error: &impl StoreError) -> Refused {
    let kind = match error.class() {
        ipam_core::Class::Conflict => RefusedKind::Exhausted,
        ipam_core::Class::Unavailable | ipam_core::Class::Rejected => RefusedKind::Internal,
    };
    Refused::of(kind, prefix, error)
}

pub(super) fn of_lookup(error: &LookupError) -> Refused {
    Refused::of(RefusedKind::Internal, "", error)
}

pub(super) fn of_workload(error: &WorkloadError) -> Refused {
    Refused::of(RefusedKind::Internal, "", error)
}
