//! SpiderCoordinator: how pods reach the host, and which networks are the cluster's own.

use k8s_openapi::ClusterResourceScope;
use serde::{Deserialize, Serialize};

use super::kind::{Kind, StatusPlace, StatusSubresource, sealed::Sealed};
use super::object::Custom;
use super::route::Route;
use super::wire::null_as_default;
use super::word::words;

/// Settings of the coordinator plugin for the cluster.
pub type SpiderCoordinator = Custom<Coordinator>;

/// The kind [`SpiderCoordinator`].
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Coordinator;

impl Sealed for Coordinator {}
impl StatusSubresource for Coordinator {}

impl Kind for Coordinator {
    type Spec = CoordinatorSpec;
    type Status = CoordinatorStatus;
    type Scope = ClusterResourceScope;

    const KIND: &'static str = "SpiderCoordinator";
    const SINGULAR: &'static str = "spidercoordinator";
    const PLURAL: &'static str = "spidercoordinators";
    const CRD_NAME: &'static str = "spidercoordinators.spiderpool.spidernet.io";
    const SHORT_NAMES: &'static [&'static str] = &["scc"];
    const STATUS: StatusPlace = StatusPlace::Subresource;
    const DESCRIPTION: &'static str = "Settings of the coordinator plugin for the cluster.";
}

words! {
    /// How the coordinator works.
    CoordinatorMode {
        /// Found out by the plugin.
        Auto = "auto",
        /// Pods are reached through a veth pair beside their interface.
        Underlay = "underlay",
        /// The first interface belongs to an overlay network.
        Overlay = "overlay",
        /// The plugin does nothing.
        Disabled = "disabled",
    }
}

words! {
    /// Where the pod networks of the cluster are found.
    PodCIDRType {
        /// The first source that has them.
        Auto = "auto",
        /// The settings of the cluster itself.
        Cluster = "cluster",
        /// Calico's pools.
        Calico = "calico",
        /// Cilium's pools.
        Cilium = "cilium",
        /// Nowhere.
        None = "none",
    }
}

words! {
    /// Whether the networks of the cluster are known.
    CoordinatorPhase {
        /// They are.
        Synced = "Synced",
        /// They are not yet; `reason` says why.
        NotReady = "NotReady",
    }
}

/// `SpiderCoordinator.spec`, and `coordinator` in a SpiderMultusConfig: unchecked.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct CoordinatorSpec {
    /// How the coordinator works.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(extend("x-default" = "auto")))]
    pub mode: Option<CoordinatorMode>,
    /// Where the pod networks are found. Admission wants it in a SpiderCoordinator; a SpiderMultusConfig inherits it.
    #[serde(rename = "podCIDRType", skip_serializing_if = "Option::is_none")]
    pub pod_cidr_type: Option<PodCIDRType>,
    /// Destinations that pods reach through the host: addresses or CIDRs.
    // Agents answer an empty list otherwise than none.
    #[serde(rename = "hijackCIDR", skip_serializing_if = "Option::is_none")]
    pub hijack_cidr: Option<Vec<String>>,
    /// Further routes in the routing table of the plugin's interface.
    #[serde(deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub policy_routes: Vec<Route>,
    /// First two bytes of hardware addresses, `0a:1b`; the lowest bit of the first is 0.
    #[serde(rename = "podMACPrefix", skip_serializing_if = "Option::is_none")]
    pub pod_mac_prefix: Option<String>,
    /// Whether routes are moved between several interfaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(extend("x-default" = true)))]
    pub tune_pod_routes: Option<bool>,
    /// The interface with the default route; empty leaves it where it is.
    #[serde(rename = "podDefaultRouteNIC", skip_serializing_if = "Option::is_none")]
    pub pod_default_route_nic: Option<String>,
    /// Routing table of the host for its pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<isize>", extend("x-default" = 500)))]
    pub host_rule_table: Option<i64>,
    /// `rp_filter` in the pod: 0, 1 or 2; below 0 leaves it as it is.
    #[serde(rename = "podRPFilter", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<isize>", extend("x-default" = 0)))]
    pub pod_rp_filter: Option<i64>,
    /// Transmit queue of the pod's interface, in packets; 0 leaves it as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<isize>", extend("x-default" = 0)))]
    pub tx_queue_len: Option<i64>,
    /// IPv4 link-local address of the veth pair; empty for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub veth_link_address: Option<String>,
    /// MTU of the veth pair, in bytes.
    #[serde(rename = "vethMTU", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<isize>", range(min = 1)))]
    pub veth_mtu: Option<i64>,
}

impl CoordinatorSpec {
    /// Fills in what the API server would, for an object that did not pass one.
    pub fn set_defaults(&mut self) {
        self.mode.get_or_insert(CoordinatorMode::Auto);
        self.tune_pod_routes.get_or_insert(true);
        self.host_rule_table.get_or_insert(500);
        self.pod_rp_filter.get_or_insert(0);
        self.tx_queue_len.get_or_insert(0);
    }
}

/// `SpiderCoordinator.status`.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct CoordinatorStatus {
    /// Whether the networks below are known.
    #[serde(deserialize_with = "null_as_default")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub phase: CoordinatorPhase,
    /// Why they are not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Networks of the pods. An empty list is written, unlike one that is absent.
    #[serde(rename = "overlayPodCIDR", skip_serializing_if = "Option::is_none")]
    pub overlay_pod_cidr: Option<Vec<String>>,
    /// Networks of the services. An empty list is written, unlike one that is absent.
    #[serde(rename = "serviceCIDR", skip_serializing_if = "Option::is_none")]
    pub service_cidr: Option<Vec<String>>,
}

impl Default for CoordinatorPhase {
    /// The empty word: nobody has said anything yet.
    fn default() -> Self {
        Self::Other(String::new())
    }
}
