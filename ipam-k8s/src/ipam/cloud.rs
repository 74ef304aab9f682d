//! The provider of a cloud's addresses in ADD and DEL (chapter `ipam`, section 10).
//!
//! An address is bound after its record is in the pool and before the endpoint names it, and given back before its record goes: whoever
//! takes it next finds it free in the pool and in the cloud. So it is the record that says what is to be given back; an endpoint that
//! outlives its records (after a DEL it stands until Kubernetes collects it) says only how.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;

use ipam_core::annotation::{Network, PodAnnotations};
use ipam_core::select::Slot;
use ipam_core::{Addr, AsyncStore as _, Attachment, Holding, Holdings, Nic, NicRequest, Owner, Query, View};
use ipnet::IpNet;

use super::pipeline::{Ipam, of_store};
use super::refused::{Refused, RefusedKind};
use super::settings::IpamSettings;
use crate::client::Deadline;
use crate::crd::EndpointAddress;
use crate::iaas::{BindError, Binding, Cloud, CloudNic, PodRef};
use crate::store::PlacedNic;
use crate::workload::Pod;

/// Binds what one ADD has taken.
#[derive(Clone, Debug)]
pub(super) struct Binder {
    cloud: Arc<Cloud>,
    pod: PodRef,
    networks: BTreeMap<Nic, Network>,
    deadline: Deadline,
}

impl Binder {
    /// What the cloud has given to each NIC, in their order.
    pub(super) async fn bind(&self, placed: &[PlacedNic]) -> Result<Vec<Binding>, BindError> {
        let nics: Vec<CloudNic> = placed
            .iter()
            .map(|one| CloudNic {
                nic: one.nic.clone(),
                network: self.networks.get(&one.nic).cloned(),
                addresses: one.addresses.iter().map(|(at, spec)| (spec.subnet(), at.address)).collect(),
                is_bound: false,
            })
            .collect();
        let bindings = self.cloud.bind(self.pod.clone(), &nics, self.deadline, Some(self.deadline)).await?;
        let of = |one: &PlacedNic| {
            bindings.of_nic(&one.nic, one.addresses.iter().map(|(assignment, _)| assignment.address))
        };
        placed.iter().map(of).collect::<Result<_, _>>().map_err(BindError::Provider)
    }
}

/// The refusal of the provider in what the store told, if there is one.
pub(super) fn bind_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a BindError> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// A pod whose addresses go, as far as it is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leaving<'a> {
    pub(super) owner: &'a Owner,
    /// The pod's name, which is not the owner's where that is a virtual machine.
    pub(super) pod_name: &'a str,
    pub(super) pod: Option<&'a Pod>,
    /// The node of its endpoint; empty where there is none.
    pub(super) node: &'a str,
    /// What its endpoint records.
    pub(super) entries: &'a [EndpointAddress],
}

impl Leaving<'_> {
    fn pod_ref(&self) -> PodRef {
        let node = self.pod.map(|pod| pod.node.as_str()).filter(|node| !node.is_empty());
        PodRef {
            name: self.pod_name.to_owned(),
            namespace: self.owner.scope().to_owned(),
            uid: self.owner.uid().to_owned(),
            node: node.unwrap_or(self.node).to_owned(),
        }
    }
}

impl Ipam {
    /// What binds the addresses of these NICs; `None`: there is no provider.
    pub(super) fn binder<'a>(
        &self,
        pod: &Pod,
        nics: impl IntoIterator<Item = (&'a Nic, &'a Slot)>,
        deadline: Deadline,
    ) -> Option<Binder> {
        let cloud = Arc::clone(self.cloud()?);
        let settings = self.settings();
        let network = |slot: &Slot| network_of(pod, slot, &settings);
        let networks = nics.into_iter().filter_map(|(nic, slot)| Some((nic.clone(), network(slot)?)));
        let networks = networks.collect();
        Some(Binder { cloud, pod: pod_ref(pod), networks, deadline })
    }

    /// Gives everything back that the owner holds and the cloud has bound. Nothing of it may be freed before.
    pub(super) async fn unbind(&self, leaving: &Leaving<'_>, deadline: Deadline) -> Result<(), Refused> {
        let goes =
            |holding: &Holding, _: Option<&Attachment>| holding.record.owner.same_holder(leaving.owner);
        self.unbind_where(leaving, goes, deadline).await
    }

    /// Gives back what an ADD is about to free, since its NIC asks for other pools now.
    pub(super) async fn unbind_outdated(
        &self,
        leaving: &Leaving<'_>,
        nics: &[NicRequest],
        deadline: Deadline,
    ) -> Result<(), Refused> {
        if leaving.entries.is_empty() {
            return Ok(());
        }
        let asks = |attachment: &Attachment| nics.iter().find(|nic| nic.nic == attachment.nic);
        let goes = |_: &Holding, attachment: Option<&Attachment>| {
            attachment.is_some_and(|one| asks(one).is_some_and(|nic| !nic.matches(one)))
        };
        self.unbind_where(leaving, goes, deadline).await
    }

    async fn unbind_where(
        &self,
        leaving: &Leaving<'_>,
        goes: impl Fn(&Holding, Option<&Attachment>) -> bool,
        deadline: Deadline,
    ) -> Result<(), Refused> {
        let Some(cloud) = self.cloud() else { return Ok(()) };
        let query = Query::Holdings { owner: leaving.owner.clone(), pools: Vec::new() };
        let view = self.0.store.read(&query).await.map_err(|error| of_store("", &error))?;
        let View::Holdings(holdings) = view else {
            return Err(Refused::new(RefusedKind::Internal, "the store answered another question"));
        };
        let nics = self.leaving_nics(leaving, &holdings, goes);
        let unbound = cloud.unbind(&leaving.pod_ref(), &nics, deadline, Some(deadline)).await;
        unbound.map_err(|error| Refused::of(RefusedKind::Internal, "", &error))
    }

    fn leaving_nics(
        &self,
        leaving: &Leaving<'_>,
        holdings: &Holdings,
        goes: impl Fn(&Holding, Option<&Attachment>) -> bool,
    ) -> Vec<CloudNic> {
        let settings = self.settings();
        let mut named: BTreeMap<Nic, CloudNic> = BTreeMap::new();
        let mut unnamed = Vec::new();
        for holding in &holdings.records {
            let address = holding.record.address;
            let names = |one: &&Attachment| one.assignments.iter().any(|one| one.address == address);
            let attachment = holdings.attachments.iter().find(names);
            let spec = holdings.pools.iter().find(|pool| *pool.name() == holding.pool);
            let Some(spec) = spec.filter(|_| goes(holding, attachment)) else { continue };
            let Some(attachment) = attachment else {
                // Of an ADD that has failed. Which NIC it was for nobody knows any more; its subnet tells the network.
                let addresses = vec![(spec.subnet(), address)];
                unnamed.push(CloudNic {
                    nic: Slot::Position(0).nic(),
                    network: None,
                    addresses,
                    is_bound: false,
                });
                continue;
            };
            let nic = &attachment.nic;
            let one = named.entry(nic.clone()).or_insert_with(|| CloudNic {
                nic: nic.clone(),
                network: leaving.pod.and_then(|pod| network_of(pod, &Slot::Named(nic.clone()), &settings)),
                addresses: Vec::new(),
                is_bound: false,
            });
            one.addresses.push((spec.subnet(), address));
            one.is_bound |= leaving.entries.iter().any(|entry| is_bound(entry, address));
        }
        named.into_values().chain(unnamed).collect()
    }
}

fn pod_ref(pod: &Pod) -> PodRef {
    let Pod { meta, node, .. } = pod;
    PodRef {
        name: meta.name.clone(),
        namespace: meta.namespace.clone(),
        uid: meta.uid.clone(),
        node: node.clone(),
    }
}

/// The Multus network of a NIC; `None`: the pod and the cluster name none for it.
fn network_of(pod: &Pod, slot: &Slot, settings: &IpamSettings) -> Option<Network> {
    let networks = PodAnnotations::new(&pod.meta.annotations).networks();
    networks.of(slot, settings.network_scope(&pod.meta.namespace)).ok()
}

/// Whether the provider has bound this address: nobody else gives hardware addresses and VLANs.
fn is_bound(entry: &EndpointAddress, address: Addr) -> bool {
    let mut nets =
        [&entry.ipv4, &entry.ipv6].into_iter().flatten().filter_map(|text| text.parse::<IpNet>().ok());
    let has_more = entry.vlan != 0 || entry.mac.as_ref().is_some_and(|mac| !mac.is_empty());
    has_more && nets.any(|net| Addr::from(net.addr()) == address)
}
