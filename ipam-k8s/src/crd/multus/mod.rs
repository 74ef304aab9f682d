//! SpiderMultusConfig: from which a NetworkAttachmentDefinition is rendered.

mod block;

use k8s_openapi::NamespaceResourceScope;
use serde::{Deserialize, Serialize};

use super::coordinator::CoordinatorSpec;
use super::kind::{Kind, Nothing, StatusPlace, sealed::Sealed};
use super::object::Custom;
use super::word::words;

pub use block::{
    Bond, DefaultPools, IbSriovConfig, IpoibConfig, IpvlanConfig, LinkState, MacvlanConfig, OvsConfig,
    SriovConfig, TrunkRange, VlanConfig, VlanMode,
};

/// A network for Multus in Spiderpool's own words. It has no status.
pub type SpiderMultusConfig = Custom<MultusConfig>;

/// The kind [`SpiderMultusConfig`].
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct MultusConfig;

impl Sealed for MultusConfig {}

impl Kind for MultusConfig {
    type Spec = MultusConfigSpec;
    type Status = Nothing;
    type Scope = NamespaceResourceScope;

    const KIND: &'static str = "SpiderMultusConfig";
    const SINGULAR: &'static str = "spidermultusconfig";
    const PLURAL: &'static str = "spidermultusconfigs";
    const CRD_NAME: &'static str = "spidermultusconfigs.spiderpool.spidernet.io";
    const SHORT_NAMES: &'static [&'static str] = &["smc"];
    const STATUS: StatusPlace = StatusPlace::Absent;
    const DESCRIPTION: &'static str = "A network for Multus, of which a NetworkAttachmentDefinition is made.";
}

words! {
    /// The plugin that makes the interface, and so the block that counts.
    CniType {
        /// `macvlan`
        Macvlan = "macvlan",
        /// `ipvlan`
        Ipvlan = "ipvlan",
        /// `vlan`
        Vlan = "vlan",
        /// `sriov`
        Sriov = "sriov",
        /// `ovs`
        Ovs = "ovs",
        /// `ibsriov`
        IbSriov = "ib-sriov",
        /// `ipoib`
        Ipoib = "ipoib",
        /// `customCNI`
        Custom = "custom",
    }
}

/// `SpiderMultusConfig.spec`: unchecked.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct MultusConfigSpec {
    /// The plugin that makes the interface, and so the block that counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(extend("x-default" = "custom")))]
    pub cni_type: Option<CniType>,
    /// For `macvlan`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub macvlan: Option<MacvlanConfig>,
    /// For `ipvlan`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ipvlan: Option<IpvlanConfig>,
    /// For `vlan`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vlan: Option<VlanConfig>,
    /// For `sriov`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sriov: Option<SriovConfig>,
    /// For `ib-sriov`.
    #[serde(rename = "ibsriov", skip_serializing_if = "Option::is_none")]
    pub ib_sriov: Option<IbSriovConfig>,
    /// For `ipoib`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ipoib: Option<IpoibConfig>,
    /// For `ovs`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ovs: Option<OvsConfig>,
    /// For `custom`: a text with JSON, may be empty.
    #[serde(rename = "customCNI", skip_serializing_if = "Option::is_none")]
    pub custom_cni: Option<String>,
    /// Whether the coordinator plugin follows; never with `custom`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(extend("x-default" = true)))]
    pub enable_coordinator: Option<bool>,
    /// Its settings; what is absent comes from the SpiderCoordinator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coordinator: Option<CoordinatorSpec>,
    /// Whether the interface gets no address.
    #[serde(rename = "disableIPAM", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(extend("x-default" = false)))]
    pub disable_ipam: Option<bool>,
    /// Plugins that follow in the chain, each a text with a JSON object. An empty list is written, unlike one that is absent.
    #[serde(rename = "chainCNIJsonData", skip_serializing_if = "Option::is_none")]
    pub chain_cni_json_data: Option<Vec<String>>,
}

impl MultusConfigSpec {
    /// Fills in what the API server would, for an object that did not pass one: in each block that is there.
    pub fn set_defaults(&mut self) {
        self.cni_type.get_or_insert(CniType::Custom);
        self.enable_coordinator.get_or_insert(true);
        self.disable_ipam.get_or_insert(false);
        let Self { macvlan, ipvlan, vlan, sriov, ib_sriov, ipoib, ovs, coordinator, .. } = self;
        macvlan.iter_mut().for_each(MacvlanConfig::set_defaults);
        ipvlan.iter_mut().for_each(IpvlanConfig::set_defaults);
        vlan.iter_mut().for_each(VlanConfig::set_defaults);
        sriov.iter_mut().for_each(SriovConfig::set_defaults);
        ib_sriov.iter_mut().for_each(IbSriovConfig::set_defaults);
        ipoib.iter_mut().for_each(IpoibConfig::set_defaults);
        ovs.iter_mut().for_each(OvsConfig::set_defaults);
        coordinator.iter_mut().for_each(CoordinatorSpec::set_defaults);
    }
}
