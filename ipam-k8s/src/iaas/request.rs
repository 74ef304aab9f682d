//! What the provider is asked, in its words.

use std::collections::BTreeMap;

use ipam_core::{Addr, Nic};
use ipnet::IpNet;
use serde::{Serialize, Serializer};

use super::mac::Mac;

/// The pod, and the node it runs on. An empty name is left out, but for the node's.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct PodRef {
    /// The pod's name.
    #[serde(rename = "podName", skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Its namespace.
    #[serde(rename = "podNamespace", skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Its UID.
    #[serde(rename = "podUID", skip_serializing_if = "String::is_empty")]
    pub uid: String,
    /// The node.
    #[serde(rename = "nodeName")]
    pub node: String,
}

/// An address that a pool has given to a NIC.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Assigned {
    /// The NIC.
    pub nic: Nic,
    /// The pool's `spec.subnet`.
    pub subnet: IpNet,
    /// The address.
    pub address: Addr,
}

/// Addresses to bind: one call for all of a pod. Never empty.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct AllocateRequest {
    #[serde(flatten)]
    pod: PodRef,
    #[serde(rename = "iaasIPsAllocationRequest")]
    items: Vec<Item>,
}

#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
struct Item {
    #[serde(rename = "ipAddress", serialize_with = "as_text")]
    address: Addr,
    #[serde(serialize_with = "as_text")]
    subnet: IpNet,
    #[serde(rename = "parentNicMac")]
    parent: Mac,
}

impl AllocateRequest {
    /// An item for each address, in order, of a NIC whose parent is known: those of other NICs are none of the provider's. `None`:
    /// nothing is to be asked.
    #[must_use]
    pub fn new(pod: PodRef, assigned: &[Assigned], parents: &BTreeMap<Nic, Mac>) -> Option<Self> {
        let item = |Assigned { nic, subnet, address }: &Assigned| {
            let parent = *parents.get(nic)?;
            Some(Item { address: *address, subnet: subnet.trunc(), parent })
        };
        let items: Vec<Item> = assigned.iter().filter_map(item).collect();
        (!items.is_empty()).then_some(Self { pod, items })
    }

    /// The addresses that are asked for, in order.
    pub fn addresses(&self) -> impl Iterator<Item = Addr> {
        self.items.iter().map(|item| item.address)
    }
}

/// An address to give back: one call for each.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct ReleaseRequest {
    #[serde(flatten)]
    pod: PodRef,
    #[serde(rename = "parentNicMac", skip_serializing_if = "Option::is_none")]
    parent: Option<Mac>,
    #[serde(serialize_with = "as_text")]
    subnet: IpNet,
    #[serde(rename = "ipAddress", serialize_with = "as_text")]
    address: Addr,
}

impl ReleaseRequest {
    /// For an address of a pool's subnet; the parent is left out where it is not known, as a controller does not know it.
    #[must_use]
    pub fn new(pod: PodRef, subnet: IpNet, address: Addr, parent: Option<Mac>) -> Self {
        Self { pod, parent, subnet: subnet.trunc(), address }
    }

    /// The address.
    #[must_use]
    pub const fn address(&self) -> Addr {
        self.address
    }
}

fn as_text<T: std::fmt::Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod() -> PodRef {
        let (name, namespace, uid, node) = ("p1".into(), "ns1".into(), "u".into(), "n1".into());
        PodRef { name, namespace, uid, node }
    }

    fn assigned(nic: &str, subnet: &str, address: &str) -> Assigned {
        Assigned {
            nic: nic.parse().unwrap(),
            subnet: subnet.parse().unwrap(),
            address: address.parse().unwrap(),
        }
    }

    fn parents(macs: &[(&str, &str)]) -> BTreeMap<Nic, Mac> {
        macs.iter().map(|(nic, mac)| (nic.parse().unwrap(), mac.parse().unwrap())).collect()
    }

    #[test]
    fn an_item_for_each_address_of_a_nic_with_a_parent() {
        let all = [
            assigned("eth0", "10.1.0.0/24", "10.1.0.10"),
            assigned("net1", "10.0.0.0/24", "10.0.0.10"),
            assigned("net1", "fd00::/64", "fd00::a"),
        ];
        let request = AllocateRequest::new(pod(), &all, &parents(&[("net1", "fa:16:3e:00:00:01")])).unwrap();
        assert_eq!(
            serde_json::to_string(&request).unwrap(),
            concat!(
                r#"{"podName":"p1","podNamespace":"ns1","podUID":"u","nodeName":"n1","iaasIPsAllocationRequest":["#,
                r#"{"ipAddress":"10.0.0.10","subnet":"10.0.0.0/24","parentNicMac":"fa:16:3e:00:00:01"},"#,
                r#"{"ipAddress":"fd00::a","subnet":"fd00::/64","parentNicMac":"fa:16:3e:00:00:01"}]}"#
            )
        );
        assert_eq!(AllocateRequest::new(pod(), &all, &BTreeMap::new()), None);
        assert_eq!(AllocateRequest::new(pod(), &[], &parents(&[("net1", "fa:16:3e:00:00:01")])), None);
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let nobody = PodRef { node: "n1".into(), ..PodRef::default() };
        let release = |pod, parent| {
            let request = ReleaseRequest::new(
                pod,
                "10.0.0.0/24".parse().unwrap(),
                "10.0.0.10".parse().unwrap(),
                parent,
            );
            serde_json::to_string(&request).unwrap()
        };
        assert_eq!(
            release(pod(), Some("fa:16:3e:00:00:01".parse().unwrap())),
            concat!(
                r#"{"podName":"p1","podNamespace":"ns1","podUID":"u","nodeName":"n1","#,
                r#""parentNicMac":"fa:16:3e:00:00:01","subnet":"10.0.0.0/24","ipAddress":"10.0.0.10"}"#
            )
        );
        assert_eq!(
            release(nobody, None),
            r#"{"nodeName":"n1","subnet":"10.0.0.0/24","ipAddress":"10.0.0.10"}"#
        );
        let empty = PodRef::default();
        assert!(release(empty, None).starts_with(r#"{"nodeName":"","#), "the node is always told");
    }
}
