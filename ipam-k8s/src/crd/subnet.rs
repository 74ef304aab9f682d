//! SpiderSubnet: a reservoir of addresses from which pools are carved.

use k8s_openapi::ClusterResourceScope;
use serde::{Deserialize, Serialize};

use super::kind::{Column, Kind, StatusPlace, StatusSubresource, sealed::Sealed};
use super::object::Custom;
use super::route::Route;
use super::wire::null_as_default;

/// A reservoir of addresses of one network.
pub type SpiderSubnet = Custom<Subnet>;

/// The kind [`SpiderSubnet`].
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Subnet;

impl Sealed for Subnet {}
impl StatusSubresource for Subnet {}

impl Kind for Subnet {
    type Spec = SubnetSpec;
    type Status = SubnetStatus;
    type Scope = ClusterResourceScope;

    const KIND: &'static str = "SpiderSubnet";
    const SINGULAR: &'static str = "spidersubnet";
    const PLURAL: &'static str = "spidersubnets";
    const CRD_NAME: &'static str = "spidersubnets.spiderpool.spidernet.io";
    const SHORT_NAMES: &'static [&'static str] = &["ss"];
    const STATUS: StatusPlace = StatusPlace::Subresource;
    const COLUMNS: &'static [Column] = &[
        Column::text("VERSION", ".spec.ipVersion", "ipVersion"),
        Column::text("SUBNET", ".spec.subnet", "subnet"),
        Column::text("ALLOCATED-IP-COUNT", ".status.allocatedIPCount", "allocatedIPCount").integer(),
        Column::text("TOTAL-IP-COUNT", ".status.totalIPCount", "totalIPCount").integer(),
    ];
    const DESCRIPTION: &'static str = "A reservoir of addresses of one network, from which pools are carved.";
}

/// `SpiderSubnet.spec`: unchecked texts.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct SubnetSpec {
    /// 4 or 6; derived from `subnet` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(extend("enum" = [4, 6])))]
    pub ip_version: Option<i64>,
    /// The network the addresses live in, canonical: `10.6.0.0/16`.
    #[serde(deserialize_with = "null_as_default")]
    pub subnet: String,
    /// Addresses that pools may take: `A` or `A-B`.
    #[serde(deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub ips: Vec<String>,
    /// Addresses taken out of `ips`.
    #[serde(
        rename = "excludeIPs",
        deserialize_with = "null_as_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub exclude_ips: Vec<String>,
    /// Gateway that pools without one inherit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway: Option<String>,
    /// Routes that pools without any inherit.
    #[serde(deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Route>,
}

/// `SpiderSubnet.status`.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct SubnetStatus {
    /// Which pool took which addresses: a text with a JSON object. Absent when none did, never the text `{}`.
    #[serde(rename = "controlledIPPools", skip_serializing_if = "Option::is_none")]
    pub controlled_ip_pools: Option<String>,
    /// Number of addresses in `ips` without `excludeIPs`.
    #[serde(rename = "totalIPCount", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub total_ip_count: Option<i64>,
    /// Number of addresses in all records of `controlledIPPools`.
    #[serde(rename = "allocatedIPCount", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub allocated_ip_count: Option<i64>,
}
