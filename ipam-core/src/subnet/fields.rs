//! The spec of a subnet as it is written.

use crate::addr::Family;
use crate::items::subnet_item;
use crate::pool::{NetworkFields, ReadItem, RouteFields, Written, merge, written_version};

/// `SpiderSubnet.spec` (`spiderpool.spidernet.io/v2beta1`) as it stands in an object: unchecked texts.
///
/// Fields are public, since anything may be written; [`SubnetSpec`](super::SubnetSpec) is the checked form. Empty lists
/// are stored as absent, and fields that are not known are dropped, both as in the Go original.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "camelCase", default)
)]
pub struct SubnetFields {
    /// 4 or 6; derived from `subnet` when absent.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub ip_version: Option<i64>,
    /// The network the addresses live in, canonical: `10.6.0.0/16`.
    #[cfg_attr(feature = "serde", serde(deserialize_with = "crate::pool::wire::null_as_default"))]
    pub subnet: String,
    /// Addresses that pools may be given: `A` or `A-B`.
    #[cfg_attr(
        feature = "serde",
        serde(
            deserialize_with = "crate::pool::wire::null_as_default",
            skip_serializing_if = "Vec::is_empty"
        )
    )]
    pub ips: Vec<String>,
    /// Addresses taken out of `ips`.
    #[cfg_attr(
        feature = "serde",
        serde(
            rename = "excludeIPs",
            deserialize_with = "crate::pool::wire::null_as_default",
            skip_serializing_if = "Vec::is_empty"
        )
    )]
    pub exclude_ips: Vec<String>,
    /// The gateway that a pool inherits which has none.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub gateway: Option<String>,
    /// The routes that a pool inherits which says nothing of routes.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "crate::pool::wire::is_none_or_empty"))]
    pub routes: Option<Vec<RouteFields>>,
}

impl SubnetFields {
    /// The wire names of all fields, for "did you mean" ([`nearest`](crate::nearest)).
    pub const KNOWN_FIELDS: &'static [&'static str] =
        &["ipVersion", "subnet", "ips", "excludeIPs", "gateway", "routes"];

    /// The fields as they are to be stored: family derived, lists of several items merged.
    ///
    /// As in the Go original's mutating webhook the steps stop at the first that fails, and what was reached is kept;
    /// validation then names the fault. Idempotent.
    #[must_use]
    pub fn normalised(&self) -> Self {
        let mut out = self.clone();
        out.routes = out.routes.filter(|routes| !routes.is_empty());
        out.ip_version = written_version(self.ip_version, &self.subnet);
        merge(out.ip_version, &out.subnet, &mut out.ips, &mut out.exclude_ips);
        out
    }

    /// The family that the fields speak of: `ip_version`, or that of `subnet` where it is absent.
    #[must_use]
    pub fn family(&self) -> Option<Family> {
        written_version(self.ip_version, &self.subnet).and_then(Family::from_number)
    }
}

impl NetworkFields for SubnetFields {
    const READ_ITEM: ReadItem = subnet_item;
    const ROUTES_ARE_NETWORKS: bool = false;

    fn written(&self) -> Written<'_> {
        Written {
            version: self.ip_version,
            subnet: &self.subnet,
            ips: &self.ips,
            excluded: &self.exclude_ips,
            gateway: self.gateway.as_deref(),
            routes: self.routes.as_deref().unwrap_or_default(),
        }
    }
}
