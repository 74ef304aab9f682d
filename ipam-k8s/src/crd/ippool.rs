//! SpiderIPPool: addresses to hand out, who may have them, who has them.

use k8s_openapi::ClusterResourceScope;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use serde::{Deserialize, Serialize};

use super::kind::{Column, Kind, StatusPlace, StatusSubresource, sealed::Sealed};
use super::object::Custom;
use super::route::Route;
use super::wire::{is_none_or_empty, null_as_default};

/// A pool of addresses.
///
/// ```
/// use ipam_k8s::crd::SpiderIPPool;
/// let text = r#"{"kind": "SpiderIPPool", "metadata": {"name": "v4"}, "spec": {"subnet": "10.6.0.0/16", "ips": null}}"#;
/// let pool: SpiderIPPool = serde_json::from_str(text)?;
/// assert_eq!(pool.spec.subnet, "10.6.0.0/16");
/// assert!(pool.spec.ips.is_empty());
/// # Ok::<(), serde_json::Error>(())
/// ```
pub type SpiderIPPool = Custom<IPPool>;

/// The kind [`SpiderIPPool`].
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct IPPool;

impl Sealed for IPPool {}
impl StatusSubresource for IPPool {}

impl Kind for IPPool {
    type Spec = IPPoolSpec;
    type Status = IPPoolStatus;
    type Scope = ClusterResourceScope;

    const KIND: &'static str = "SpiderIPPool";
    const SINGULAR: &'static str = "spiderippool";
    const PLURAL: &'static str = "spiderippools";
    const CRD_NAME: &'static str = "spiderippools.spiderpool.spidernet.io";
    const SHORT_NAMES: &'static [&'static str] = &["sp"];
    const STATUS: StatusPlace = StatusPlace::Subresource;
    const COLUMNS: &'static [Column] = &[
        Column::text("VERSION", ".spec.ipVersion", "ipVersion"),
        Column::text("SUBNET", ".spec.subnet", "subnet"),
        Column::text("ALLOCATED-IP-COUNT", ".status.allocatedIPCount", "allocatedIPCount").integer(),
        Column::text("TOTAL-IP-COUNT", ".status.totalIPCount", "totalIPCount").integer(),
        Column::text("DEFAULT", ".spec.default", "default").boolean(),
        Column::text("DISABLE", ".spec.disable", "disable").boolean().wide(),
        Column::text("NodeName", ".spec.nodeName", "nodeName").wide(),
        Column::text("MultusName", ".spec.multusName", "multusName").wide(),
        Column::text("APP-NAMESPACE", APP_NAMESPACE_PATH, "AppNamespace").wide(),
    ];
    const DESCRIPTION: &'static str = "A pool of addresses of one network.";
}

/// Where an auto pool says whose it is. Dots and dashes of the key are escaped, as JSONPath wants them.
const APP_NAMESPACE_PATH: &str = r".spec.podAffinity.matchLabels['ipam\.spidernet\.io/app\-namespace']";

/// `SpiderIPPool.spec`: unchecked texts. [`ipam_core::PoolSpec`] is the checked form.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct IPPoolSpec {
    /// 4 or 6; derived from `subnet` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(extend("enum" = [4, 6])))]
    pub ip_version: Option<i64>,
    /// The network the addresses live in, canonical: `10.6.0.0/16`.
    #[serde(deserialize_with = "null_as_default")]
    pub subnet: String,
    /// Addresses to hand out: `A` or `A-B`.
    #[serde(deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub ips: Vec<String>,
    /// Addresses taken out of `ips`.
    #[serde(
        rename = "excludeIPs",
        deserialize_with = "null_as_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub exclude_ips: Vec<String>,
    /// Default gateway; without one there is no default route.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway: Option<String>,
    /// Further routes. An empty list declines inheritance in a request and is stored as absent.
    #[serde(skip_serializing_if = "is_none_or_empty")]
    pub routes: Option<Vec<Route>>,
    /// Which pods may use the pool, by their labels; absent means no constraint.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(schema_with = "super::definition::label_selector"))]
    pub pod_affinity: Option<LabelSelector>,
    /// Which namespaces may, by their labels; ignored when `namespaceName` is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(schema_with = "super::definition::label_selector"))]
    pub namespace_affinity: Option<LabelSelector>,
    /// Which namespaces may, by name.
    #[serde(deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub namespace_name: Vec<String>,
    /// Which nodes may, by their labels; ignored when `nodeName` is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(schema_with = "super::definition::label_selector"))]
    pub node_affinity: Option<LabelSelector>,
    /// Which nodes may, by name.
    #[serde(deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub node_name: Vec<String>,
    /// Which network attachments may: `namespace/name` or `name`.
    #[serde(deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub multus_name: Vec<String>,
    /// Whether the pool is used where nothing names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(extend("x-default" = false)))]
    pub default: Option<bool>,
    /// Whether no new address is handed out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(extend("x-default" = false)))]
    pub disable: Option<bool>,
}

impl IPPoolSpec {
    /// Fills in what the API server would, for an object that did not pass one.
    pub fn set_defaults(&mut self) {
        self.default.get_or_insert(false);
        self.disable.get_or_insert(false);
    }
}

/// `SpiderIPPool.status`.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct IPPoolStatus {
    /// Who holds which address: a text with a JSON object. Absent when nobody holds one, never the text `{}` and never empty:
    /// Go controllers let a dying pool go only when the field is absent, and stop at an empty text.
    #[serde(rename = "allocatedIPs", skip_serializing_if = "Option::is_none")]
    pub allocated_ips: Option<String>,
    /// Number of records in `allocatedIPs`.
    #[serde(rename = "allocatedIPCount", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub allocated_ip_count: Option<i64>,
    /// Number of addresses in `ips` without `excludeIPs`, at most 9223372036854775807.
    #[serde(rename = "totalIPCount", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub total_ip_count: Option<i64>,
}
