//! SpiderEndpoint: which addresses a pod has on which interface.

use std::collections::BTreeMap;

use k8s_openapi::NamespaceResourceScope;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::kind::{Column, Kind, Nothing, StatusPlace, sealed::Sealed};
use super::object::Custom;
use super::route::Route;
use super::wire::{never, null_as_default};

/// The addresses of one pod (of a KubeVirt VM: of its current pod), named as the pod is.
///
/// It has no spec, and its status is part of the object: `/status` is not found.
pub type SpiderEndpoint = Custom<Endpoint>;

/// The kind [`SpiderEndpoint`].
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Endpoint;

impl Sealed for Endpoint {}

impl Kind for Endpoint {
    type Spec = Nothing;
    type Status = EndpointStatus;
    type Scope = NamespaceResourceScope;

    const KIND: &'static str = "SpiderEndpoint";
    const SINGULAR: &'static str = "spiderendpoint";
    const PLURAL: &'static str = "spiderendpoints";
    const CRD_NAME: &'static str = "spiderendpoints.spiderpool.spidernet.io";
    const SHORT_NAMES: &'static [&'static str] = &["se"];
    const HAS_SPEC: bool = false;
    const STATUS: StatusPlace = StatusPlace::Object;
    const COLUMNS: &'static [Column] = &[
        Column::text("INTERFACE", ".status.current.ips[0].interface", "interface"),
        Column::text("IPV4POOL", ".status.current.ips[0].ipv4Pool", "ipv4Pool"),
        Column::text("IPV4", ".status.current.ips[0].ipv4", "ipv4"),
        Column::text("IPV6POOL", ".status.current.ips[0].ipv6Pool", "ipv6Pool"),
        Column::text("IPV6", ".status.current.ips[0].ipv6", "ipv6"),
        Column::text("NODE", ".status.current.node", "node"),
    ];
    const DESCRIPTION: &'static str = "The addresses of one pod.";
}

/// `SpiderEndpoint.status`.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct EndpointStatus {
    /// The addresses and their owner now.
    #[serde(deserialize_with = "null_as_default")]
    pub current: EndpointAllocation,
    /// Kind of the pod's top controller, `Pod` where there is none.
    #[serde(deserialize_with = "null_as_default")]
    pub owner_controller_type: String,
    /// Its name.
    #[serde(deserialize_with = "null_as_default")]
    pub owner_controller_name: String,
}

/// What a pod holds.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct EndpointAllocation {
    /// UID of the pod that owns the addresses.
    #[serde(deserialize_with = "null_as_default")]
    pub uid: String,
    /// The node it runs on.
    #[serde(deserialize_with = "null_as_default")]
    pub node: String,
    /// One item for each interface; empty when released, and written even then.
    #[serde(deserialize_with = "null_as_default")]
    pub ips: Vec<EndpointAddress>,
}

/// What a pod holds on one interface.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct EndpointAddress {
    /// The interface; empty until its own request names it.
    #[serde(deserialize_with = "null_as_default")]
    pub interface: String,
    /// IPv4 address with the prefix length of the subnet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ipv4: Option<String>,
    /// The pool that `ipv4` is from; must be there when `ipv4` is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ipv4_pool: Option<String>,
    /// IPv6 address with the prefix length of the subnet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ipv6: Option<String>,
    /// The pool that `ipv6` is from; must be there when `ipv6` is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ipv6_pool: Option<String>,
    /// VLAN of an external provider, else 0. Always written: Go readers rely on it.
    #[serde(deserialize_with = "null_as_default", skip_serializing_if = "never")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 4094), extend("x-default" = 0)))]
    pub vlan: i64,
    /// Gateway of the IPv4 pool, without prefix length.
    #[serde(rename = "ipv4Gateway", skip_serializing_if = "Option::is_none")]
    pub ipv4_gateway: Option<String>,
    /// Gateway of the IPv6 pool, without prefix length.
    #[serde(rename = "ipv6Gateway", skip_serializing_if = "Option::is_none")]
    pub ipv6_gateway: Option<String>,
    /// Whether no default route goes through this interface.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clean_gateway: Option<bool>,
    /// Routes of the pools and of the pod, without the default route.
    #[serde(deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Route>,
    /// Hardware address `aa:bb:cc:dd:ee:ff`, where an external provider gave one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
    /// Fields of a newer version, kept as they are.
    #[serde(flatten)]
    #[cfg_attr(feature = "schema", schemars(skip))]
    pub other: BTreeMap<String, Value>,
}
