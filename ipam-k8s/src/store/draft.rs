//! What a SpiderEndpoint says beside names and addresses: told by the caller before it asks for addresses.

use std::collections::BTreeSet;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use ipam_core::{Assignment, Nic, Owner, OwnerKind, PoolSpec};

use crate::crd::Route;

/// The parts of an owner's SpiderEndpoint that the store cannot know. Given by [`ClusterStore::draft`](super::ClusterStore::draft), it is
/// used by whatever is written about this owner until the guard is dropped, so that a whole endpoint is one request.
#[derive(Clone)]
#[non_exhaustive]
pub struct EndpointDraft {
    /// `status.current.node`.
    pub node: String,
    /// `status.ownerControllerType`: the kind of the top controller, `Pod` where there is none.
    pub controller_type: String,
    /// `status.ownerControllerName`.
    pub controller_name: String,
    /// Whether the endpoint goes with its pod: it has an owner reference to it. Not so for owners whose addresses outlive a pod.
    pub goes_with_pod: bool,
    /// NICs whose names are not known yet. They are written without one and read back under the number of their place: `1`, `2`.
    pub nameless: BTreeSet<Nic>,
    /// The caller knows that no endpoint was written for this owner's uid but by this process, and that the owner takes over nothing
    /// from an earlier incarnation: a pod without fixed addresses that appeared on this node while its pods were watched.
    ///
    /// Then the endpoint is not looked for before it is created. If the caller is wrong, nothing is lost: the creation finds it, and
    /// what was taken meanwhile is given back.
    pub is_new: bool,
    /// Whether a NIC that keeps its addresses in the owner's next incarnation is told anew, with new details: a cloud must hear of each.
    pub renews: bool,
    /// What [`AttachmentOp::Clear`](ipam_core::AttachmentOp::Clear) does when it comes alone.
    pub on_clear: OnClear,
    /// Says what is to be written of NICs beside their addresses. `None`: [`NicDetail::of_pools`].
    pub details: Option<Arc<dyn Details>>,
}

impl fmt::Debug for EndpointDraft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { node, controller_type, controller_name, goes_with_pod, is_new, renews, on_clear, .. } =
            self;
        f.debug_struct("EndpointDraft")
            .field("node", node)
            .field("controller", &(controller_type, controller_name))
            .field("goes_with_pod", goes_with_pod)
            .field("is_new", is_new)
            .field("renews", renews)
            .field("on_clear", on_clear)
            .finish_non_exhaustive()
    }
}

impl EndpointDraft {
    /// A draft of the endpoint of a pod without a controller; of a virtual machine's, whose addresses outlive its pods.
    #[must_use]
    pub fn new(owner: &Owner, node: impl Into<String>) -> Self {
        let is_virtual = owner.kind() == OwnerKind::VirtualMachine;
        let (controller_type, goes_with_pod) =
            if is_virtual { (KUBEVIRT_KIND, false) } else { ("Pod", true) };
        Self {
            node: node.into(),
            controller_type: controller_type.to_owned(),
            controller_name: owner.name().to_owned(),
            goes_with_pod,
            nameless: BTreeSet::new(),
            is_new: false,
            renews: false,
            on_clear: OnClear::Empty,
            details: None,
        }
    }
}

/// `status.ownerControllerType` of a virtual machine's endpoint.
pub(super) const KUBEVIRT_KIND: &str = "VirtualMachineInstance";

/// What becomes of an endpoint whose owner is to have nothing any more.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum OnClear {
    /// `ips` is empty (chapter `ipam`, 9.2: the clean-up after a conflict).
    #[default]
    Empty,
    /// The finalizer goes and `ips` stays, for whoever wants to know what a dead pod had, until Kubernetes collects the object with its
    /// pod (chapter `ipam`, 8: after a DEL).
    LetGo,
}

/// A NIC with its addresses and the pools that they are from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PlacedNic {
    /// The NIC.
    pub nic: Nic,
    /// Its addresses, v4 first.
    pub addresses: Vec<(Assignment, Arc<PoolSpec>)>,
}

/// What a SpiderEndpoint says of a NIC beside its addresses and gateways.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct NicDetail {
    /// Whether no default route goes through the NIC. Written only where a pool of the NIC has a gateway.
    pub clean_gateway: bool,
    /// The routes but the default ones.
    pub routes: Vec<Route>,
    /// VLAN of an external provider, else 0.
    pub vlan: i64,
    /// Hardware address of an external provider.
    pub mac: Option<String>,
}

impl NicDetail {
    /// The routes of the NIC's pools, and nothing else.
    #[must_use]
    pub fn of_pools(placed: &PlacedNic) -> Self {
        let specs = placed.addresses.iter().map(|(_, spec)| spec.fields());
        let routes = specs.flat_map(|fields| fields.routes.iter().flatten()).map(Route::from).collect();
        Self { routes, ..Self::default() }
    }
}

/// What [`Details::details`] returns: a detail for each NIC, in their order.
pub type DetailsFuture<'a> = Pin<
    Box<dyn Future<Output = Result<Vec<NicDetail>, Box<dyn std::error::Error + Send + Sync>>> + Send + 'a>,
>;

/// Finds out what is to be written of NICs beside their addresses. It is asked once an endpoint's addresses are in the pools, for those NICs
/// that are written anew; so it is the place for a provider that must be told of addresses before they are used.
pub trait Details: Send + Sync {
    /// The details of these NICs, in their order.
    fn details<'a>(&'a self, nics: &'a [PlacedNic]) -> DetailsFuture<'a>;
}
