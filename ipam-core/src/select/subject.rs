//! What a request says of itself, as far as pools ask.

use std::collections::BTreeMap;

use crate::addr::Addr;
use crate::owner::Nic;
use crate::pool::APP_KEYS;

/// Labels of an object.
pub type Labels = BTreeMap<String, String>;

/// Who asks for an address, and from where: plain values, whatever system they are from.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Subject {
    /// The pod's namespace.
    pub namespace: String,
    /// That namespace's labels.
    pub namespace_labels: Labels,
    /// The pod's labels.
    pub pod_labels: Labels,
    /// The node it runs on.
    pub node: String,
    /// That node's labels; `None`: the node is not known, and pools that ask for its labels are not for this pod.
    pub node_labels: Option<Labels>,
    /// The top controller of the pod, for pools that were made for one workload.
    pub controller: Option<Controller>,
    /// The namespace that a bare name in `multusName` means.
    pub agent_namespace: String,
    /// What the NICs hang on. A NIC that is not here is one that Multus does not know.
    pub uplinks: BTreeMap<Nic, Uplink>,
}

impl Subject {
    /// The value of a label of the node; none where the node is not known.
    pub(super) fn node_label(&self, key: &str) -> Option<&str> {
        self.node_labels.as_ref()?.get(key).map(String::as_str)
    }
}

/// What a NIC hangs on.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Uplink {
    /// Its Multus network.
    pub network: Network,
    /// The addresses of its master, the physical function of an SR-IOV device, or why they are not known. `None`: the request does
    /// not ask that they match (`match_master_subnet`).
    pub master: Option<Result<Vec<Addr>, String>>,
}

/// The Multus network of a NIC.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Network {
    /// The first NIC has no annotation of its own, and the cluster names no network for it.
    #[default]
    Unset,
    /// This NetworkAttachmentDefinition.
    Named {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// It could not be told; why, in the words in which it is to be reported.
    Unresolved(String),
}

/// The workload at the top of a pod: a Deployment, a StatefulSet, the pod itself if nothing controls it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Controller {
    /// The API group; empty for the core kinds.
    pub group: String,
    /// The version in that group.
    pub version: String,
    /// The kind.
    pub kind: String,
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
}

impl Controller {
    /// A controller by its `apiVersion`: `apps/v1` is version `v1` of group `apps`, `v1` is version `v1` of the core group.
    ///
    /// The Go original takes the core's `v1` for a group where it compares, and so never finds the pool of a core kind.
    ///
    /// ```
    /// use ipam_core::select::Controller;
    /// let core = Controller::new("v1", "ReplicationController", "t", "web");
    /// assert_eq!((core.group.as_str(), core.version.as_str()), ("", "v1"));
    /// ```
    #[must_use]
    pub fn new(api_version: &str, kind: &str, namespace: &str, name: &str) -> Self {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        Self {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: kind.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }

    /// What the affinity of a pool that was made for this workload says: the five keys with their values.
    pub fn affinity(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let Self { group, version, kind, namespace, name } = self;
        APP_KEYS.into_iter().zip([group, version, kind, namespace, name].map(String::as_str))
    }

    /// Whether an affinity is this workload's. A key that is missing is as good as an empty value.
    pub(super) fn has_affinity(&self, labels: &Labels) -> bool {
        self.affinity().all(|(key, value)| labels.get(key).map_or("", String::as_str) == value)
    }
}
