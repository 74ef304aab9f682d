//! The entries of a SpiderEndpoint as attachments, and operations on them.

use ipam_core::{Addr, Assignment, Attachment, AttachmentOp, Family, Nic, Owner, OwnerKind, PoolName};
use ipnet::IpNet;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

use super::draft::{EndpointDraft, KUBEVIRT_KIND, NicDetail, PlacedNic};
use crate::crd::{EndpointAddress, EndpointStatus, SpiderEndpoint};

/// Keeps an endpoint until its addresses are free.
pub(super) const FINALIZER: &str = "spiderpool.spidernet.io";

/// Namespace and name of an owner's endpoint; `None` for an owner that has none.
pub(super) fn place(owner: &Owner) -> Option<(&str, &str)> {
    let has_one = matches!(owner.kind(), OwnerKind::Pod | OwnerKind::VirtualMachine);
    has_one.then(|| (owner.scope(), owner.name()))
}

/// The incarnation that wrote the endpoint, in the kind of who asks: the records of a cluster don't tell them apart.
pub(super) fn bound(endpoint: &SpiderEndpoint, asks: &Owner) -> Option<Owner> {
    let uid = endpoint.status.as_ref().map(|status| status.current.uid.as_str()).unwrap_or_default();
    Owner::from_parts(asks.kind(), asks.scope(), asks.name(), uid).ok()
}

/// Whether it is that of a virtual machine.
pub(super) fn is_virtual(endpoint: &SpiderEndpoint) -> bool {
    endpoint.status.as_ref().is_some_and(|status| status.owner_controller_type == KUBEVIRT_KIND)
}

/// What an entry says, as far as it can be read. One without a pool or with an unreadable address names nothing, and so does not
/// stand in the way of its NIC's next request.
fn attachment(index: usize, entry: &EndpointAddress) -> Option<Attachment> {
    let nic = nic_name(index, entry).parse().ok()?;
    let pairs = [(Family::V4, &entry.ipv4_pool, &entry.ipv4), (Family::V6, &entry.ipv6_pool, &entry.ipv6)];
    let read = |(family, pool, address): (Family, &Option<String>, &Option<String>)| {
        let pool = pool.as_ref()?.parse().ok()?;
        let address = Addr::from(address.as_ref()?.parse::<IpNet>().ok()?.addr());
        (address.family() == family).then_some(Assignment { pool, address })
    };
    let assignments: Vec<Assignment> = pairs.into_iter().filter_map(read).collect();
    (!assignments.is_empty()).then_some(Attachment { nic, assignments })
}

/// Whether some entry names an address that is not read as one of a pool.
pub(super) fn is_damaged(endpoint: &SpiderEndpoint) -> bool {
    let entries = endpoint.status.as_ref().map(|status| status.current.ips.as_slice()).unwrap_or_default();
    entries.iter().enumerate().any(|(index, entry)| {
        let written = usize::from(entry.ipv4.is_some()) + usize::from(entry.ipv6.is_some());
        attachment(index, entry).map_or(0, |one| one.assignments.len()) < written
    })
}

/// One that has no name yet is known by its place.
fn nic_name(index: usize, entry: &EndpointAddress) -> String {
    if entry.interface.is_empty() { index.to_string() } else { entry.interface.clone() }
}

/// The attachments of an endpoint. Of two entries with one name the first counts.
pub(super) fn attachments(endpoint: &SpiderEndpoint) -> Vec<Attachment> {
    let entries = endpoint.status.as_ref().map(|status| status.current.ips.as_slice()).unwrap_or_default();
    let mut found: Vec<Attachment> = Vec::new();
    for attachment in entries.iter().enumerate().filter_map(|(index, entry)| attachment(index, entry)) {
        if found.iter().all(|other| other.nic != attachment.nic) {
            found.push(attachment);
        }
    }
    found
}

/// The NIC that an endpoint gives an address to.
pub(super) fn nic_of(endpoint: &SpiderEndpoint, pool: &PoolName, address: Addr) -> Option<Nic> {
    let named = |one: &Assignment| one.pool == *pool && one.address == address;
    let found = attachments(endpoint).into_iter().find(|attachment| attachment.assignments.iter().any(named));
    found.map(|attachment| attachment.nic)
}

/// An entry on its way.
#[derive(Clone, Debug)]
pub(super) enum Entry {
    /// As it stands there, perhaps under a name that it had not before.
    Kept(Box<EndpointAddress>, Option<Attachment>),
    /// To be written anew; what stood there before it keeps fields that are not known.
    New(Attachment, Option<Box<EndpointAddress>>),
}

impl Entry {
    fn attachment(&self) -> Option<&Attachment> {
        match self {
            Self::Kept(_, attachment) => attachment.as_ref(),
            Self::New(attachment, _) => Some(attachment),
        }
    }

    fn is_of(&self, nic: &Nic) -> bool {
        match self {
            Self::Kept(entry, attachment) => {
                attachment.as_ref().map_or(entry.interface == nic.as_str(), |one| one.nic == *nic)
            }
            Self::New(attachment, _) => attachment.nic == *nic,
        }
    }
}

/// The entries of an endpoint.
pub(super) fn entries(endpoint: Option<&SpiderEndpoint>) -> Vec<Entry> {
    let ips = endpoint.and_then(|endpoint| endpoint.status.as_ref()).map(|status| &status.current.ips);
    let keep = |(index, entry): (usize, &EndpointAddress)| {
        Entry::Kept(Box::new(entry.clone()), attachment(index, entry))
    };
    ips.into_iter().flatten().enumerate().map(keep).collect()
}

/// Applies an operation. `renews`: a NIC that is set is written anew even where its addresses stay. `is_held`: whether the owner holds a
/// record of this assignment.
pub(super) fn apply(
    entries: &mut Vec<Entry>,
    op: &AttachmentOp,
    renews: bool,
    is_held: impl Fn(&Assignment) -> bool,
) {
    match op {
        AttachmentOp::Clear => entries.clear(),
        AttachmentOp::Remove(nic) => entries.retain(|entry| !entry.is_of(nic)),
        AttachmentOp::Set(planned) => set(entries, planned, renews),
        AttachmentOp::Forget(address) => {
            let goes = |one: &Assignment| one.address == *address && !is_held(one);
            for entry in entries.iter_mut() {
                let Some(mut left) = entry.attachment().cloned() else { continue };
                left.assignments.retain(|one| !goes(one));
                let before = match &*entry {
                    Entry::Kept(before, attachment) if attachment.as_ref() != Some(&left) => {
                        Some(before.clone())
                    }
                    Entry::New(attachment, before) if *attachment != left => before.clone(),
                    Entry::Kept(..) | Entry::New(..) => continue,
                };
                *entry = Entry::New(left, before);
            }
            entries.retain(|entry| entry.attachment().is_none_or(|one| !one.assignments.is_empty()));
        }
        _ => {}
    }
}

fn set(entries: &mut Vec<Entry>, planned: &Attachment, renews: bool) {
    if let Some(entry) = entries.iter_mut().find(|entry| entry.is_of(&planned.nic)) {
        let before = match &*entry {
            _ if entry.attachment() == Some(planned) && !renews => return,
            Entry::Kept(before, _) => Some(before.clone()),
            Entry::New(_, before) => before.clone(),
        };
        *entry = Entry::New(planned.clone(), before);
        return;
    }
    // An entry without a name gets one: it is still the same interface.
    let nameless = entries.iter_mut().find_map(|entry| match entry {
        Entry::Kept(stored, attachment @ Some(_)) if stored.interface.is_empty() => {
            Some((stored, attachment))
        }
        Entry::Kept(..) | Entry::New(..) => None,
    });
    match nameless {
        Some((stored, attachment))
            if attachment.as_ref().is_some_and(|one| one.assignments == planned.assignments) =>
        {
            stored.interface = planned.nic.as_str().to_owned();
            *attachment = Some(planned.clone());
        }
        _ => entries.push(Entry::New(planned.clone(), None)),
    }
}

/// The entry of a NIC. Addresses have the prefix length of the pool's subnet, gateways stand as the pool has them.
pub(super) fn written(
    placed: &PlacedNic,
    detail: NicDetail,
    is_nameless: bool,
    before: Option<EndpointAddress>,
) -> EndpointAddress {
    let interface = if is_nameless { String::new() } else { placed.nic.as_str().to_owned() };
    let other = before.map(|before| before.other).unwrap_or_default();
    let mut entry = EndpointAddress { interface, other, ..EndpointAddress::default() };
    for (Assignment { pool, address }, spec) in &placed.addresses {
        let text = Some(format!("{address}/{}", spec.subnet_prefix()));
        let gateway = spec.fields().gateway.clone().filter(|gateway| !gateway.is_empty());
        let pool = Some(pool.as_str().to_owned());
        match address.family() {
            Family::V4 => (entry.ipv4, entry.ipv4_pool, entry.ipv4_gateway) = (text, pool, gateway),
            Family::V6 => (entry.ipv6, entry.ipv6_pool, entry.ipv6_gateway) = (text, pool, gateway),
        }
    }
    let NicDetail { clean_gateway, routes, vlan, mac } = detail;
    if entry.ipv4_gateway.is_some() || entry.ipv6_gateway.is_some() {
        entry.clean_gateway = Some(clean_gateway);
    }
    (entry.routes, entry.vlan, entry.mac) = (routes, vlan, mac);
    entry
}

/// The object with these entries and this owner, made of the one that is there.
pub(super) fn object(
    owner: &Owner,
    draft: Option<&EndpointDraft>,
    ips: Vec<EndpointAddress>,
    before: Option<&SpiderEndpoint>,
) -> SpiderEndpoint {
    let mut object = before.cloned().unwrap_or_default();
    let metadata = &mut object.metadata;
    (metadata.namespace, metadata.name) = (Some(owner.scope().to_owned()), Some(owner.name().to_owned()));
    let finalizers = metadata.finalizers.get_or_insert_default();
    if finalizers.iter().all(|one| one != FINALIZER) {
        finalizers.push(FINALIZER.to_owned());
    }
    // Without a draft of the caller a new endpoint gets the simplest one, and an old one stays as it is.
    let plain = EndpointDraft::new(owner, "");
    let (is_told, draft) = (draft.is_some(), draft.unwrap_or(&plain));
    if is_told {
        metadata.owner_references = draft.goes_with_pod.then(|| vec![pod_reference(owner)]);
    }
    let status = object.status.get_or_insert_with(EndpointStatus::default);
    if is_told || before.is_none() {
        status.owner_controller_type.clone_from(&draft.controller_type);
        status.owner_controller_name.clone_from(&draft.controller_name);
        status.current.node.clone_from(&draft.node);
    }
    owner.uid().clone_into(&mut status.current.uid);
    status.current.ips = ips;
    object
}

fn pod_reference(owner: &Owner) -> OwnerReference {
    OwnerReference {
        api_version: "v1".to_owned(),
        kind: "Pod".to_owned(),
        name: owner.name().to_owned(),
        uid: owner.uid().to_owned(),
        ..OwnerReference::default()
    }
}
