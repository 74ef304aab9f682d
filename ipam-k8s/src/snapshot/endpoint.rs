//! An endpoint as it was read: what it says of addresses, and what of it cannot be understood.

use std::net::IpAddr;

use ipam_core::{Addr, Assignment, Family, Nic, PoolName};
use serde::Deserialize;
use serde_json::Value;

use crate::crd::{EndpointAddress, EndpointStatus};
use crate::meta::Meta;

/// `status.ownerControllerType` of a virtual machine's endpoint.
const KUBEVIRT_KIND: &str = "VirtualMachineInstance";

/// A SpiderEndpoint.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Endpoint {
    /// The namespace.
    pub namespace: String,
    /// The name: the pod's, or the virtual machine's.
    pub name: String,
    /// Of the pod that it was written for.
    pub uid: String,
    /// The node that it was written on.
    pub node: String,
    /// Kind of the pod's top controller.
    pub controller_type: String,
    /// The addresses that it names.
    pub named: Vec<Named>,
    /// What cannot be understood.
    pub unreadable: Vec<Unreadable>,
}

/// An address that an endpoint names.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Named {
    /// The NIC; of an entry without one its place.
    pub nic: Nic,
    /// The pool and the address.
    pub assignment: Assignment,
    /// The path of the address: `status.current.ips[0].ipv4`.
    pub field: String,
}

/// A field of an endpoint that cannot be understood.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unreadable {
    /// Its path.
    pub field: String,
    /// What stands there.
    pub value: String,
    /// What would be accepted.
    pub wanted: String,
}

#[derive(Deserialize)]
pub(super) struct Written {
    metadata: Meta,
    status: Option<Value>,
}

impl Endpoint {
    pub(super) fn read(Written { metadata, status }: Written) -> Self {
        let mut endpoint = Self { namespace: metadata.namespace, name: metadata.name, ..Self::default() };
        let status = status.map_or_else(|| Ok(EndpointStatus::default()), serde_json::from_value);
        let status = match status {
            Ok(status) => status,
            Err(error) => {
                endpoint.note("status", "", &format!("a status of this kind ({error})"));
                return endpoint;
            }
        };
        endpoint.controller_type = status.owner_controller_type;
        (endpoint.uid, endpoint.node) = (status.current.uid, status.current.node);
        for (place, entry) in status.current.ips.iter().enumerate() {
            endpoint.entry(place, entry);
        }
        endpoint
    }

    fn entry(&mut self, place: usize, entry: &EndpointAddress) {
        let path = |field: &str| format!("status.current.ips[{place}].{field}");
        let nic = if entry.interface.is_empty() { place.to_string() } else { entry.interface.clone() };
        let nic: Nic = match nic.parse() {
            Ok(nic) => nic,
            Err(error) => return self.note(&path("interface"), &entry.interface, &error.to_string()),
        };
        let families = [
            (Family::V4, "ipv4", &entry.ipv4, "ipv4Pool", &entry.ipv4_pool),
            (Family::V6, "ipv6", &entry.ipv6, "ipv6Pool", &entry.ipv6_pool),
        ];
        for (family, address_field, address, pool_field, pool) in families {
            let Some(text) = address else { continue };
            let Some(address) = address_of(family, text) else {
                self.note(&path(address_field), text, &format!("{family} text with a prefix length"));
                continue;
            };
            let name = pool.as_deref().unwrap_or_default();
            let Ok(pool) = name.parse::<PoolName>() else {
                self.note(&path(pool_field), name, &format!("the name of the SpiderIPPool of {address}"));
                continue;
            };
            let assignment = Assignment { pool, address };
            self.named.push(Named { nic: nic.clone(), assignment, field: path(address_field) });
        }
    }

    fn note(&mut self, field: &str, value: &str, wanted: &str) {
        let (field, value, wanted) = (field.to_owned(), value.to_owned(), wanted.to_owned());
        self.unreadable.push(Unreadable { field, value, wanted });
    }

    /// Whether it is that of a virtual machine, whose addresses bear the uid of the pod that runs it.
    #[must_use]
    pub fn is_virtual(&self) -> bool {
        self.controller_type == KUBEVIRT_KIND
    }

    /// Where it names this address of this pool.
    #[must_use]
    pub fn naming(&self, pool: &PoolName, address: Addr) -> Option<&Named> {
        self.named.iter().find(|named| named.assignment.pool == *pool && named.assignment.address == address)
    }
}

fn address_of(family: Family, text: &str) -> Option<Addr> {
    let text = text.split_once('/').map_or(text, |(address, _)| address);
    text.parse::<IpAddr>().ok().map(Addr::from).filter(|address| address.family() == family)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Endpoint {
        Endpoint::read(serde_json::from_str(text).unwrap())
    }

    #[test]
    fn what_cannot_be_understood_is_told_with_its_place() {
        let endpoint = read(
            r#"{"metadata": {"namespace": "t", "name": "a"}, "status": {"ownerControllerType": "Pod", "current": {"uid": "u", "node": "n1", "ips": [
                {"interface": "eth0", "ipv4": "10.6.0.10/24", "ipv4Pool": "v4", "ipv6": "ten", "ipv6Pool": "v6"},
                {"interface": "", "ipv4": "10.6.0.11"},
                {"interface": "a b", "ipv4": "10.6.0.12/24", "ipv4Pool": "v4"},
                {"interface": "net1", "ipv4": "fd00::1/64", "ipv4Pool": "v4"},
                {"interface": "net2"}
            ]}}}"#,
        );
        let named: Vec<_> = endpoint.named.iter().map(|one| (one.nic.as_str(), one.field.as_str())).collect();
        assert_eq!(named, [("eth0", "status.current.ips[0].ipv4")]);
        let unreadable: Vec<_> =
            endpoint.unreadable.iter().map(|one| (one.field.as_str(), one.value.as_str())).collect();
        assert_eq!(
            unreadable,
            [
                ("status.current.ips[0].ipv6", "ten"),
                ("status.current.ips[1].ipv4Pool", ""),
                ("status.current.ips[2].interface", "a b"),
                ("status.current.ips[3].ipv4", "fd00::1/64"),
            ]
        );
        assert!(!endpoint.is_virtual());
        assert!(endpoint.naming(&"v4".parse().unwrap(), "10.6.0.10".parse().unwrap()).is_some());
        let broken = read(r#"{"metadata": {"name": "a"}, "status": {"current": {"ips": 5}}}"#);
        assert_eq!(broken.unreadable[0].field, "status");
        assert_eq!(read(r#"{"metadata": {"name": "a"}}"#).unreadable, []);
    }
}
