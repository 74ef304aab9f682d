//! SpiderReservedIP: addresses that no pool hands out.

use k8s_openapi::ClusterResourceScope;
use serde::{Deserialize, Serialize};

use super::kind::{Column, Kind, Nothing, StatusPlace, sealed::Sealed};
use super::object::Custom;
use super::wire::null_as_default;

/// Addresses that no pool hands out. It has no status.
pub type SpiderReservedIP = Custom<ReservedIP>;

/// The kind [`SpiderReservedIP`].
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ReservedIP;

impl Sealed for ReservedIP {}

impl Kind for ReservedIP {
    type Spec = ReservedIPSpec;
    type Status = Nothing;
    type Scope = ClusterResourceScope;

    const KIND: &'static str = "SpiderReservedIP";
    const SINGULAR: &'static str = "spiderreservedip";
    const PLURAL: &'static str = "spiderreservedips";
    const CRD_NAME: &'static str = "spiderreservedips.spiderpool.spidernet.io";
    const SHORT_NAMES: &'static [&'static str] = &["sr"];
    const STATUS: StatusPlace = StatusPlace::Absent;
    const COLUMNS: &'static [Column] = &[Column::text("VERSION", ".spec.ipVersion", "ipVersion")];
    const DESCRIPTION: &'static str = "Addresses that no pool hands out.";
}

/// `SpiderReservedIP.spec`: unchecked texts. [`ipam_core::ReservedSpec`] is the checked form.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct ReservedIPSpec {
    /// 4 or 6; derived from the first item when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(extend("enum" = [4, 6])))]
    pub ip_version: Option<i64>,
    /// The addresses: `A` or `A-B`.
    #[serde(deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub ips: Vec<String>,
}
