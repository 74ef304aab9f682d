//! What an agent does for a pod: its addresses bound after they were taken, and given back before they are freed.

use std::collections::BTreeMap;

use ipam_core::annotation::Network;
use ipam_core::{Addr, Nic};
use ipnet::IpNet;

use super::binding::Bindings;
use super::error::{BindError, UnbindError};
use super::parents::{Parents, Unbinding};
use super::provider::Provider;
use super::request::{AllocateRequest, Assigned, PodRef, ReleaseRequest};
use crate::client::Deadline;

/// A NIC with the addresses that pools have given to it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CloudNic {
    /// The NIC.
    pub nic: Nic,
    /// Its Multus network; `None` where it has none, or its pod is gone and cannot tell.
    pub network: Option<Network>,
    /// The addresses, each with its pool's `spec.subnet`.
    pub addresses: Vec<(IpNet, Addr)>,
    /// Whether the pod's endpoint has a hardware address or a VLAN for it. Asked only by [`Cloud::unbind`].
    pub is_bound: bool,
}

impl CloudNic {
    fn subnets(&self) -> impl Iterator<Item = IpNet> {
        self.addresses.iter().map(|(subnet, _)| *subnet)
    }
}

/// A provider, and what is needed to know which addresses are its own.
#[derive(Debug)]
pub struct Cloud {
    provider: Provider,
    parents: Parents,
}

impl Cloud {
    /// Of both.
    #[must_use]
    pub const fn new(provider: Provider, parents: Parents) -> Self {
        Self { provider, parents }
    }

    /// The interfaces of the host.
    #[must_use]
    pub const fn parents(&self) -> &Parents {
        &self.parents
    }

    /// Has the addresses bound that are the provider's, of all NICs and families in one call; no call where none is. What the answer
    /// has for each belongs into the endpoint, so it comes after the records in the pools and before the endpoint. `lookup` is until
    /// when networks are read, `deadline` the caller's, if it has one.
    ///
    /// Cancel safe: as [`Provider::allocate`].
    ///
    /// # Errors
    /// [`BindError`]. The records in the pools are to stay: the next ADD takes the same addresses.
    pub async fn bind(
        &self,
        pod: PodRef,
        nics: &[CloudNic],
        lookup: Deadline,
        deadline: Option<Deadline>,
    ) -> Result<Bindings, BindError> {
        let mut parents = BTreeMap::new();
        let mut assigned = Vec::new();
        for one in nics {
            let Some(network) = &one.network else { continue };
            let parent = self.parents.to_bind(network, one.subnets(), lookup).await;
            if let Some(parent) = parent.map_err(BindError::Parent)? {
                parents.insert(one.nic.clone(), parent);
            }
            for (subnet, address) in &one.addresses {
                assigned.push(Assigned { nic: one.nic.clone(), subnet: *subnet, address: *address });
            }
        }
        let Some(request) = AllocateRequest::new(pod, &assigned, &parents) else {
            return Ok(Bindings::default());
        };
        self.provider.allocate(&request, deadline).await.map_err(BindError::Provider)
    }

    /// Gives the addresses back that are the provider's, of both families, one call each; none of them may leave its pool before. `lookup`
    /// and `deadline` as for [`Cloud::bind`].
    ///
    /// Cancel safe: as [`Provider::release`].
    ///
    /// # Errors
    /// [`UnbindError`]. A repeated DEL gives all of them back again.
    pub async fn unbind(
        &self,
        pod: &PodRef,
        nics: &[CloudNic],
        lookup: Deadline,
        deadline: Option<Deadline>,
    ) -> Result<(), UnbindError> {
        let mut requests = Vec::new();
        for one in nics {
            let unbinding =
                self.parents.to_unbind(one.network.as_ref(), one.subnets(), one.is_bound, lookup).await;
            let nic = || one.nic.clone();
            let unbinding = unbinding.map_err(|source| UnbindError::Parent { nic: nic(), source })?;
            if let Unbinding::From(parent) = unbinding {
                requests.extend(
                    one.addresses
                        .iter()
                        .map(|(subnet, address)| ReleaseRequest::new(pod.clone(), *subnet, *address, parent)),
                );
            }
        }
        self.provider.release_all(&requests, deadline).await
    }
}
