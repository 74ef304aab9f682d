//! The blocks of a SpiderMultusConfig: one for each plugin, and what several of them have.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::wire::null_as_default;
use super::super::word::words;

words! {
    /// Where the ID of a VLAN comes from.
    VlanMode {
        /// From `vlanID`.
        Manual = "manual",
        /// From elsewhere; `vlanID` must be absent.
        Auto = "auto",
    }
}

words! {
    /// The link state of a virtual function.
    LinkState {
        /// That of the physical function.
        Auto = "auto",
        /// Up.
        Enable = "enable",
        /// Down.
        Disable = "disable",
    }
}

/// Pools for pods that name none.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct DefaultPools {
    /// IPv4 pools, in order.
    #[serde(deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub ipv4: Vec<String>,
    /// IPv6 pools, in order.
    #[serde(deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub ipv6: Vec<String>,
    /// Whether only pools count whose subnet has an address of the physical function.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(extend("x-default" = false, "enum" = [true, false])))]
    pub match_master_subnet: Option<bool>,
}

impl DefaultPools {
    pub(super) fn set_defaults(&mut self) {
        self.match_master_subnet.get_or_insert(false);
    }
}

/// How several interfaces are bonded.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct Bond {
    /// Name of the bond.
    #[serde(deserialize_with = "null_as_default")]
    pub name: String,
    /// Mode of the bond, as the kernel numbers them.
    #[serde(deserialize_with = "null_as_default")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 6)))]
    pub mode: i32,
    /// Further settings: `k1=v1;k2=v2`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub options: Option<String>,
}

/// The block of `macvlan`.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct MacvlanConfig {
    /// The host's interfaces; several are bonded first.
    #[serde(deserialize_with = "null_as_default")]
    pub master: Vec<String>,
    /// VLAN of the interface, 0 for none.
    #[serde(rename = "vlanID", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 4094)))]
    pub vlan_id: Option<i32>,
    /// MTU of the interface, in bytes; 0 leaves it to the kernel.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0), extend("x-default" = 0)))]
    pub mtu: Option<i32>,
    /// Name of the RDMA resource that pods ask the kubelet for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rdma_resource_name: Option<String>,
    /// How several masters are bonded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bond: Option<Bond>,
    /// Pools for pods that name none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ippools: Option<DefaultPools>,
}

impl MacvlanConfig {
    pub(super) fn set_defaults(&mut self) {
        self.mtu.get_or_insert(0);
        self.ippools.iter_mut().for_each(DefaultPools::set_defaults);
    }
}

/// The block of `ipvlan`: the fields of `macvlan`.
pub type IpvlanConfig = MacvlanConfig;

/// The block of `vlan`.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct VlanConfig {
    /// The host's interfaces; several are bonded first.
    #[serde(deserialize_with = "null_as_default")]
    pub master: Vec<String>,
    /// Where the ID of the VLAN comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(extend("x-default" = "manual")))]
    pub vlan_mode: Option<VlanMode>,
    /// VLAN of the interface; wanted with `manual`, refused with `auto`.
    #[serde(rename = "vlanID", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 4094)))]
    pub vlan_id: Option<i32>,
    /// MTU of the interface, in bytes; 0 leaves it to the kernel.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0), extend("x-default" = 0)))]
    pub mtu: Option<i32>,
    /// Name of the RDMA resource that pods ask the kubelet for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rdma_resource_name: Option<String>,
    /// How several masters are bonded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bond: Option<Bond>,
    /// Pools for pods that name none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ippools: Option<DefaultPools>,
}

impl VlanConfig {
    pub(super) fn set_defaults(&mut self) {
        self.vlan_mode.get_or_insert(VlanMode::Manual);
        self.mtu.get_or_insert(0);
        self.ippools.iter_mut().for_each(DefaultPools::set_defaults);
    }
}

/// The block of `sriov`.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct SriovConfig {
    /// Name of the device plugin's resource that pods ask the kubelet for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_name: Option<String>,
    /// VLAN of the interface, 0 for none.
    #[serde(rename = "vlanID", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 4094)))]
    pub vlan_id: Option<i32>,
    /// Lowest transmit rate, in megabits a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<isize>", range(min = 0)))]
    pub min_tx_rate_mbps: Option<i64>,
    /// Highest transmit rate, in megabits a second; 0 for no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<isize>", range(min = 0)))]
    pub max_tx_rate_mbps: Option<i64>,
    /// Whether the RDMA devices move into the pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(extend("x-default" = false)))]
    pub rdma_isolation: Option<bool>,
    /// MTU of the interface, in bytes; 0 leaves it to the kernel.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0), extend("x-default" = 0)))]
    pub mtu: Option<i32>,
    /// Pools for pods that name none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ippools: Option<DefaultPools>,
}

impl SriovConfig {
    pub(super) fn set_defaults(&mut self) {
        self.rdma_isolation.get_or_insert(false);
        self.mtu.get_or_insert(0);
        self.ippools.iter_mut().for_each(DefaultPools::set_defaults);
    }
}

/// The block of `ib-sriov`.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct IbSriovConfig {
    /// Name of the device plugin's resource that pods ask the kubelet for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_name: Option<String>,
    /// InfiniBand partition key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pkey: Option<String>,
    /// Link state of the virtual function.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(extend("x-default" = "enable")))]
    pub link_state: Option<LinkState>,
    /// Whether the RDMA devices move into the pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(extend("x-default" = true)))]
    pub rdma_isolation: Option<bool>,
    /// Whether ib-kubernetes manages the partition.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(extend("x-default" = false)))]
    pub enable_ib_kubernetes: Option<bool>,
    /// Pools for pods that name none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ippools: Option<DefaultPools>,
}

impl IbSriovConfig {
    pub(super) fn set_defaults(&mut self) {
        self.link_state.get_or_insert(LinkState::Enable);
        self.rdma_isolation.get_or_insert(true);
        self.enable_ib_kubernetes.get_or_insert(false);
        self.ippools.iter_mut().for_each(DefaultPools::set_defaults);
    }
}

/// The block of `ipoib`.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct IpoibConfig {
    /// The host's interface.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub master: Option<String>,
    /// Pools for pods that name none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ippools: Option<DefaultPools>,
}

impl IpoibConfig {
    pub(super) fn set_defaults(&mut self) {
        self.ippools.iter_mut().for_each(DefaultPools::set_defaults);
    }
}

/// The block of `ovs`.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct OvsConfig {
    /// The bridge; may be empty.
    #[serde(deserialize_with = "null_as_default")]
    pub bridge: String,
    /// VLAN of the port, 0 for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vlan: Option<i32>,
    /// VLANs of a trunk port.
    #[serde(deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub trunk: Vec<TrunkRange>,
    /// PCI address of a virtual function.
    #[serde(rename = "deviceID", skip_serializing_if = "Option::is_none")]
    pub device_id: Option<String>,
    /// Pools for pods that name none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ippools: Option<DefaultPools>,
}

impl OvsConfig {
    pub(super) fn set_defaults(&mut self) {
        self.ippools.iter_mut().for_each(DefaultPools::set_defaults);
    }
}

/// VLANs of a trunk port: one, or a range.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct TrunkRange {
    /// First VLAN of a range.
    #[serde(rename = "minID", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<isize>", range(min = 0, max = 4094)))]
    pub min_id: Option<i64>,
    /// Last VLAN of a range.
    #[serde(rename = "maxID", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<isize>", range(min = 0, max = 4094)))]
    pub max_id: Option<i64>,
    /// One VLAN.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<isize>", range(min = 0, max = 4094)))]
    pub id: Option<i64>,
    /// Fields of a newer version, kept as they are.
    #[serde(flatten)]
    #[cfg_attr(feature = "schema", schemars(skip))]
    pub other: BTreeMap<String, Value>,
}
