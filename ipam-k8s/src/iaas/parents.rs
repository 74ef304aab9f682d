//! The interface of the host that a pod's NICs are on, found and remembered.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ipam_core::annotation::Network;
use ipnet::IpNet;

use super::mac::Mac;
use super::parent::{HostInterfaces, ParentError, is_eligible, parent_interface};
use crate::client::{CallError, Cluster, Deadline, List, Named};
use crate::crd::{MultusConfigSpec, SpiderMultusConfig};

/// Whether an address is to be given back to the provider.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unbinding {
    /// It never was the provider's.
    Not,
    /// It is, and its NIC was on this interface, as far as that is known.
    From(Option<Mac>),
}

/// The interfaces that NICs are on, by network.
///
/// Whether a network is the provider's is read each time: one GET, beside a call that takes a cloud seconds. An address is bound with
/// the hardware address that the interface has at that moment, since a bond takes another one with its first member. What was read
/// last, by network, and which network a subnet was last seen on serve releases only: of pods whose annotations are gone, and
/// of interfaces that are gone.
#[derive(Debug)]
pub struct Parents {
    cluster: Cluster,
    host: HostInterfaces,
    seen: Mutex<Seen>,
}

/// As many entries as there are networks and subnets of the provider's.
#[derive(Debug, Default)]
struct Seen {
    macs: BTreeMap<Network, Mac>,
    networks: BTreeMap<IpNet, Network>,
}

impl Parents {
    /// Over a connection, for the host whose interfaces these are.
    #[must_use]
    pub fn new(cluster: Cluster, host: HostInterfaces) -> Self {
        Self { cluster, host, seen: Mutex::default() }
    }

    /// Reads all networks of the provider's and remembers their interfaces, so that the first releases after a start have them. Answers
    /// what was found for each, for the log: a node may well lack the interface of a network that no pod of its uses.
    ///
    /// Cancel safe: it only reads.
    ///
    /// # Errors
    /// [`CallError`]: the SpiderMultusConfigs cannot be listed.
    pub async fn warm(
        &self,
        deadline: Deadline,
    ) -> Result<BTreeMap<Network, Result<Mac, ParentError>>, CallError> {
        let page =
            self.cluster.list::<SpiderMultusConfig, SpiderMultusConfig>(List::default(), deadline).await?;
        let found = page.items.into_iter().filter_map(|config| {
            let (namespace, name) = (config.metadata.namespace?, config.metadata.name?);
            let network = Network { namespace, name };
            let found = self.read(&network, &config.spec).transpose()?;
            Some((network, found))
        });
        Ok(found.collect())
    }

    /// The interface on which a NIC's addresses of these subnets are to be bound; `None`: the network is none of the provider's.
    ///
    /// Cancel safe: it only reads.
    ///
    /// # Errors
    /// [`ParentError`].
    pub async fn to_bind(
        &self,
        network: &Network,
        subnets: impl IntoIterator<Item = IpNet>,
        deadline: Deadline,
    ) -> Result<Option<Mac>, ParentError> {
        let Some(config) = self.config(network, deadline).await? else { return Ok(None) };
        let found = self.read(network, &config.spec)?;
        if found.is_some() {
            let mut seen = self.seen();
            for subnet in subnets {
                seen.networks.insert(subnet.trunc(), network.clone());
            }
        }
        Ok(found)
    }

    /// Whether a NIC's addresses of these subnets are to be given back, and from which interface.
    ///
    /// `network` is the NIC's, as long as the pod can still tell it. `is_bound` says that its endpoint has a hardware address or a VLAN
    /// for the NIC, which only the provider gives: then it is given back whatever has become of the network since.
    ///
    /// Cancel safe: it only reads.
    ///
    /// # Errors
    /// [`ParentError::Unread`]: nothing says that it is bound, and the network cannot be asked.
    pub async fn to_unbind(
        &self,
        network: Option<&Network>,
        subnets: impl IntoIterator<Item = IpNet>,
        is_bound: bool,
        deadline: Deadline,
    ) -> Result<Unbinding, ParentError> {
        let remembered = || subnets.into_iter().find_map(|subnet| self.network_of(subnet));
        let Some(network) = network.cloned().or_else(remembered) else {
            return Ok(if is_bound { Unbinding::From(None) } else { Unbinding::Not });
        };
        let config = match self.config(&network, deadline).await {
            Ok(config) => config,
            Err(_) if is_bound => None,
            Err(error) => return Err(error),
        };
        let config = config.filter(|config| is_eligible(&config.spec));
        if let Some(config) = &config {
            // Only a hint by now: what was seen before does.
            let now = self.read(&network, &config.spec).ok().flatten();
            return Ok(Unbinding::From(now.or_else(|| self.last(&network))));
        }
        Ok(if is_bound { Unbinding::From(self.last(&network)) } else { Unbinding::Not })
    }

    /// The SpiderMultusConfig of a network. Networks that were made otherwise have none.
    async fn config(
        &self,
        network: &Network,
        deadline: Deadline,
    ) -> Result<Option<SpiderMultusConfig>, ParentError> {
        let named = Named::within(&network.namespace, &network.name);
        match self.cluster.get(named, deadline).await {
            Ok(config) => Ok(Some(config)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(source) => Err(ParentError::Unread { network: network.clone(), source }),
        }
    }

    fn read(&self, network: &Network, spec: &MultusConfigSpec) -> Result<Option<Mac>, ParentError> {
        let Some(interface) = parent_interface(network, spec)? else { return Ok(None) };
        let mac = self.host.mac(network, &interface)?;
        self.seen().macs.insert(network.clone(), mac);
        Ok(Some(mac))
    }

    fn last(&self, network: &Network) -> Option<Mac> {
        self.seen().macs.get(network).copied()
    }

    fn network_of(&self, subnet: IpNet) -> Option<Network> {
        self.seen().networks.get(&subnet.trunc()).cloned()
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        // Entries are independent of each other.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
