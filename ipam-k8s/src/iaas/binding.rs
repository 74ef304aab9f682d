//! What the provider answers.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use ipam_core::{Addr, Nic};
use serde::Deserialize;

use super::error::ProviderError;
use super::mac::{Mac, Vlan};
use super::request::AllocateRequest;

/// What the cloud has given to an address, or to a NIC. Each may be absent.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Binding {
    /// The hardware address that the NIC is to have.
    pub mac: Option<Mac>,
    /// The VLAN it is in.
    pub vlan: Option<Vlan>,
}

/// The answer to an [`AllocateRequest`].
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Bindings(BTreeMap<Addr, Binding>);

#[derive(Deserialize)]
pub(super) struct Answer {
    #[serde(rename = "iaasIPsAllocationResponse")]
    items: Option<Vec<Option<Item>>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Item {
    ip_address: Option<String>,
    mac_address: Option<String>,
    vlan_id: Option<i64>,
}

impl Bindings {
    /// Reads the answer to a request. An address that was asked for may be missing: it is bound without particulars, as the original
    /// takes it.
    pub(super) fn new(request: &AllocateRequest, answer: Answer) -> Result<Self, ProviderError> {
        let mut bindings = BTreeMap::new();
        for item in answer.items.unwrap_or_default() {
            let Item { ip_address, mac_address, vlan_id } = item.unwrap_or_default();
            let text = ip_address.unwrap_or_default();
            let asked = |address: &Addr| request.addresses().any(|asked| asked == *address);
            let Some(address) = text.parse().ok().filter(asked) else {
                let asked = request.addresses().collect();
                return Err(ProviderError::UnknownAddress { address: text, asked });
            };
            let mac = mac_address.filter(|mac| !mac.is_empty()).map(|mac| mac.parse()).transpose();
            let mac = mac.map_err(|source| ProviderError::BadMac { address, source })?;
            let vlan = vlan_id
                .filter(|vlan| *vlan != 0)
                .map(|vlan| Vlan::new(vlan).ok_or(ProviderError::BadVlan { address, value: vlan }));
            let binding = Binding { mac, vlan: vlan.transpose()? };
            match bindings.entry(address) {
                Entry::Vacant(place) => {
                    place.insert(binding);
                }
                Entry::Occupied(place) if *place.get() == binding => {}
                Entry::Occupied(_) => return Err(ProviderError::TwiceDifferent { address }),
            }
        }
        Ok(Self(bindings))
    }

    /// What an address has; nothing, where the answer says nothing of it.
    #[must_use]
    pub fn of(&self, address: Addr) -> Binding {
        self.0.get(&address).copied().unwrap_or_default()
    }

    /// What a NIC with these addresses has: one hardware address and one VLAN, whichever of its addresses they came with.
    ///
    /// # Errors
    /// [`ProviderError::TwoMacs`], [`ProviderError::TwoVlans`]: its addresses have different ones, and an interface has one.
    pub fn of_nic(
        &self,
        nic: &Nic,
        addresses: impl IntoIterator<Item = Addr>,
    ) -> Result<Binding, ProviderError> {
        let mut whole = Binding::default();
        for address in addresses {
            let Binding { mac, vlan } = self.of(address);
            match (whole.mac, mac) {
                (Some(one), Some(other)) if one != other => {
                    return Err(ProviderError::TwoMacs { nic: nic.clone(), one, other });
                }
                (one, other) => whole.mac = one.or(other),
            }
            match (whole.vlan, vlan) {
                (Some(one), Some(other)) if one != other => {
                    return Err(ProviderError::TwoVlans { nic: nic.clone(), one, other });
                }
                (one, other) => whole.vlan = one.or(other),
            }
        }
        Ok(whole)
    }
}
