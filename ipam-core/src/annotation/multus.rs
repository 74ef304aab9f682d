//! Multus' annotations: which network a NIC hangs on.
//!
//! The value is a JSON list of objects or the short form `namespace/name@interface,…` (Kubernetes Network Custom Resource Definition
//! De-facto Standard, version 1.3, section 4.1).

use std::fmt;

use super::FIRST_NIC;
use crate::go_json::{JsonError, Place, Value};
use crate::owner::Nic;
use crate::select::{self, Slot};

pub(super) const DEFAULT_NETWORK: &str = "v1.multus-cni.io/default-network";
pub(super) const NETWORKS: &str = "k8s.v1.cni.cncf.io/networks";

/// The NetworkAttachmentDefinition of a NIC.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Network {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// For the filter of pools, which tells the error only where a pool asks for a network.
impl From<Result<Network, NetworkError>> for select::Network {
    fn from(found: Result<Network, NetworkError>) -> Self {
        match found {
            Ok(Network { namespace, name }) => Self::Named { namespace, name },
            Err(NetworkError::Unset) => Self::Unset,
            Err(error) => Self::Unresolved(error.to_string()),
        }
    }
}

/// What is known of a pod's networks beside its annotations.
#[derive(Clone, Copy, Debug)]
pub struct NetworkScope<'a> {
    /// The namespace of the pod, which a network without one is in.
    pub pod_namespace: &'a str,
    /// The namespace of the agent, which a *default* network without one is in.
    pub agent_namespace: &'a str,
    /// The cluster's default network (`MULTUS_CLUSTER_NETWORK`), if it has one.
    pub cluster_network: Option<&'a str>,
}

/// Why the network of a NIC cannot be told.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// It is the pod's first NIC, and neither the pod nor the cluster says which network that is on.
    #[error(
        "cluster-network multus isn't set; annotate the Pod with '{DEFAULT_NETWORK}' or set MULTUS_CLUSTER_NETWORK"
    )]
    Unset,
    /// The pod's default network is malformed.
    #[error("failed to parse Annotation '{DEFAULT_NETWORK}' value '{value}', error: {problem}")]
    DefaultNetwork {
        /// The value.
        value: String,
        /// Why.
        problem: BadNetworks,
    },
    /// The cluster's default network is malformed.
    #[error("failed to parse MULTUS_CLUSTER_NETWORK value '{value}', error: {problem}")]
    ClusterNetwork {
        /// The value.
        value: String,
        /// Why.
        problem: BadNetworks,
    },
    /// The pod's further networks are malformed, or there are none.
    #[error("failed to parse pod network annotation: {problem}")]
    Networks {
        /// Why.
        problem: BadNetworks,
    },
    /// None of the pod's networks is this NIC's.
    #[error("unknown: no matched multus object for NIC '{nic}'. The annotation '{NETWORKS}' names {count}")]
    NoMatch {
        /// The NIC.
        nic: Slot,
        /// How many networks the annotation names.
        count: usize,
    },
}

/// Why a list of networks cannot be read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BadNetworks {
    /// There is none.
    #[error("parsePodNetworkAnnotation: , {namespace}")]
    Empty {
        /// The namespace that names would be in.
        namespace: String,
    },
    /// Malformed JSON.
    #[error(
        "parsePodNetworkAnnotation: failed to parse pod Network Attachment Selection Annotation JSON format: {0}"
    )]
    Json(JsonError),
    /// An item of the short form.
    #[error(
        "parsePodNetworkAnnotation: {item:?} is no network; want namespace/name@interface of lower case letters, digits and '-'"
    )]
    Item {
        /// The item.
        item: String,
    },
}

/// The networks of a pod's NICs, unread.
#[derive(Clone, Copy, Debug)]
pub struct Networks<'a> {
    default: Option<&'a str>,
    further: Option<&'a str>,
}

impl<'a> Networks<'a> {
    pub(super) const fn new(default: Option<&'a str>, further: Option<&'a str>) -> Self {
        Self { default, further }
    }

    /// The network of a NIC.
    ///
    /// The first NIC (`eth0`, or the first item of a list without names) is on the default network; the others are found by
    /// the interface that a network names, `net1`, `net2`… where it names none, or by position.
    ///
    /// # Errors
    /// [`NetworkError`].
    pub fn of(&self, slot: &Slot, scope: NetworkScope<'_>) -> Result<Network, NetworkError> {
        let is_first = match slot {
            Slot::Named(nic) => nic.as_str() == FIRST_NIC || nic.as_str() == "0",
            Slot::Position(position) => *position == 0,
        };
        if is_first {
            return self.default_network(scope);
        }
        let elements = parse(self.further.unwrap_or_default(), scope.pod_namespace)
            .map_err(|problem| NetworkError::Networks { problem })?;
        let count = elements.len();
        let mut numbered = (1_usize..).zip(elements);
        let found = numbered.find(|(number, element)| element.is_for(slot, *number));
        found
            .map(|(_, element)| element.network)
            .ok_or_else(|| NetworkError::NoMatch { nic: slot.clone(), count })
    }

    fn default_network(&self, scope: NetworkScope<'_>) -> Result<Network, NetworkError> {
        let first = |text: &str| {
            let elements = parse(text, scope.agent_namespace)?;
            let empty = || BadNetworks::Empty { namespace: scope.agent_namespace.to_owned() };
            elements.into_iter().next().map(|element| element.network).ok_or_else(empty)
        };
        if let Some(text) = self.default {
            let value = || text.to_owned();
            return first(text).map_err(|problem| NetworkError::DefaultNetwork { value: value(), problem });
        }
        let text = scope.cluster_network.filter(|text| !text.is_empty()).ok_or(NetworkError::Unset)?;
        first(text).map_err(|problem| NetworkError::ClusterNetwork { value: text.to_owned(), problem })
    }
}

struct Element {
    network: Network,
    /// Empty: the next `net{i}`.
    interface: String,
}

impl Element {
    fn is_for(&self, slot: &Slot, number: usize) -> bool {
        match slot {
            Slot::Position(position) => *position == number,
            Slot::Named(nic) if self.interface.is_empty() => is_numbered(nic, number),
            Slot::Named(nic) => nic.as_str() == self.interface,
        }
    }
}

fn is_numbered(nic: &Nic, number: usize) -> bool {
    nic.as_str().strip_prefix("net").is_some_and(|digits| digits == number.to_string())
}

/// Either form. `namespace` is where networks without one are.
fn parse(text: &str, namespace: &str) -> Result<Vec<Element>, BadNetworks> {
    let text = text.trim();
    if text.is_empty() {
        return Err(BadNetworks::Empty { namespace: namespace.to_owned() });
    }
    if text.contains(['[', '{', '"']) {
        return written_objects(text, namespace).map_err(BadNetworks::Json)?.into_iter().collect();
    }
    text.split(',').map(|item| short(item.trim(), namespace)).collect()
}

fn written_objects(text: &str, namespace: &str) -> Result<Vec<Result<Element, BadNetworks>>, JsonError> {
    let field = |key| Place::Field("NetworkSelectionElement", key);
    let mut elements = Vec::new();
    for item in Value::parse(text.as_bytes())?.items(Place::Root("[]*types.NetworkSelectionElement"))? {
        let mut own = Network { namespace: String::new(), name: String::new() };
        let mut interface = String::new();
        for member in item.members(Place::Root("types.NetworkSelectionElement"))? {
            if member.is("name") {
                own.name = member.value.text(field("name"))?.unwrap_or(own.name);
            } else if member.is("namespace") {
                own.namespace = member.value.text(field("namespace"))?.unwrap_or(own.namespace);
            } else if member.is("interface") {
                interface = member.value.text(field("interface"))?.unwrap_or(interface);
            }
        }
        if own.namespace.is_empty() {
            namespace.clone_into(&mut own.namespace);
        }
        elements.push(if own.name.is_empty() {
            Err(BadNetworks::Item { item: String::new() })
        } else {
            Ok(Element { network: own, interface })
        });
    }
    Ok(elements)
}

/// `namespace/name@interface`, of which only the name must be there.
fn short(item: &str, namespace: &str) -> Result<Element, BadNetworks> {
    let bad = || BadNetworks::Item { item: item.to_owned() };
    let (place, rest) = match item.split_once('/') {
        Some((place, rest)) => (place.trim(), rest.trim()),
        None => (namespace, item),
    };
    let (name, interface) = match rest.split_once('@') {
        Some((name, interface)) => (name.trim(), Some(interface.trim())),
        None => (rest, None),
    };
    // A namespace that stands for itself is not the annotation's to answer for.
    let written = item.contains('/').then_some(place);
    if [written, Some(name), interface].into_iter().flatten().all(is_label) {
        let network = Network { namespace: place.to_owned(), name: name.to_owned() };
        return Ok(Element { network, interface: interface.unwrap_or_default().to_owned() });
    }
    Err(bad())
}

/// What Multus takes for a name in the short form: lower case letters, digits and `-` inside.
fn is_label(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.bytes().all(inner) && !text.starts_with('-') && !text.ends_with('-')
}
