//! The spec of a pool as it is written.

use crate::addr::Family;
use crate::cidr::{net_family, parse_net};
use crate::items::merged;
use crate::selector::LabelSelector;

/// `SpiderIPPool.spec` (`spiderpool.spidernet.io/v2beta1`) as it stands in an object or a file: unchecked texts.
///
/// Fields are public, since anything may be written; [`PoolSpec`](crate::PoolSpec) is the checked form. Empty lists are stored as absent,
/// and fields that are not known are dropped, both as in the Go original.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "camelCase", default)
)]
pub struct PoolFields {
    /// 4 or 6; derived from `subnet` when absent.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub ip_version: Option<i64>,
    /// The network the addresses live in, canonical: `10.6.0.0/16`.
    #[cfg_attr(feature = "serde", serde(deserialize_with = "super::wire::null_as_default"))]
    pub subnet: String,
    /// Addresses to hand out: `A` or `A-B`.
    #[cfg_attr(
        feature = "serde",
        serde(deserialize_with = "super::wire::null_as_default", skip_serializing_if = "Vec::is_empty")
    )]
    pub ips: Vec<String>,
    /// Addresses taken out of `ips`.
    #[cfg_attr(
        feature = "serde",
        serde(
            rename = "excludeIPs",
            deserialize_with = "super::wire::null_as_default",
            skip_serializing_if = "Vec::is_empty"
        )
    )]
    pub exclude_ips: Vec<String>,
    /// Default gateway; without one there is no default route.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub gateway: Option<String>,
    /// Further routes. Absent and empty differ in a request (an empty list declines inheritance), never in the store.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "super::wire::is_none_or_empty"))]
    pub routes: Option<Vec<RouteFields>>,
    /// Which pods may use the pool, by their labels.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub pod_affinity: Option<LabelSelector>,
    /// Which namespaces may, by their labels; ignored when `namespace_name` is given.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub namespace_affinity: Option<LabelSelector>,
    /// Which namespaces may, by name.
    #[cfg_attr(
        feature = "serde",
        serde(deserialize_with = "super::wire::null_as_default", skip_serializing_if = "Vec::is_empty")
    )]
    pub namespace_name: Vec<String>,
    /// Which nodes may, by their labels; ignored when `node_name` is given.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub node_affinity: Option<LabelSelector>,
    /// Which nodes may, by name.
    #[cfg_attr(
        feature = "serde",
        serde(deserialize_with = "super::wire::null_as_default", skip_serializing_if = "Vec::is_empty")
    )]
    pub node_name: Vec<String>,
    /// Which network attachments may: `namespace/name` or `name`.
    #[cfg_attr(
        feature = "serde",
        serde(deserialize_with = "super::wire::null_as_default", skip_serializing_if = "Vec::is_empty")
    )]
    pub multus_name: Vec<String>,
    /// Whether the pool is used where nothing names one.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub default: Option<bool>,
    /// Whether no new address is handed out.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub disable: Option<bool>,
}

/// One route of a pool as it is written.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
pub struct RouteFields {
    /// The destination, `10.0.0.0/8`; host bits are allowed and kept.
    pub dst: String,
    /// The gateway, inside the pool's subnet.
    pub gw: String,
}

impl PoolFields {
    /// The wire names of all fields, for "did you mean" ([`nearest`](crate::nearest)).
    pub const KNOWN_FIELDS: &'static [&'static str] = &[
        "ipVersion",
        "subnet",
        "ips",
        "excludeIPs",
        "gateway",
        "routes",
        "podAffinity",
        "namespaceAffinity",
        "namespaceName",
        "nodeAffinity",
        "nodeName",
        "multusName",
        "default",
        "disable",
    ];

    /// The fields as they are to be stored: family derived, lists of several items merged, flags set.
    ///
    /// As in the Go original's mutating webhook the steps stop at the first that fails, and what was reached is kept;
    /// validation then names the fault. Idempotent.
    #[must_use]
    pub fn normalised(&self) -> Self {
        let mut out = self.unmerged();
        merge(out.ip_version, &out.subnet, &mut out.ips, &mut out.exclude_ips);
        out
    }

    /// The same without the lists, which the original leaves alone where an earlier step failed.
    pub(crate) fn unmerged(&self) -> Self {
        let mut out = self.clone();
        out.default = Some(self.default.unwrap_or(false));
        out.disable = Some(self.disable.unwrap_or(false));
        out.routes = out.routes.filter(|routes| !routes.is_empty());
        out.ip_version = written_version(self.ip_version, &self.subnet);
        out
    }

    /// The family that the fields speak of: `ip_version`, or that of `subnet` where it is absent.
    #[must_use]
    pub fn family(&self) -> Option<Family> {
        written_version(self.ip_version, &self.subnet).and_then(Family::from_number)
    }
}

/// The version of an object's addresses: as written, else that of the subnet.
pub(crate) fn written_version(written: Option<i64>, subnet: &str) -> Option<i64> {
    written.or_else(|| parse_net(subnet).map(|net| i64::from(net_family(&net).number())))
}

/// Brings both lists into canonical form, up to the first step that fails: version and subnet agree, `ips`, `excludeIPs`.
pub(crate) fn merge(version: Option<i64>, subnet: &str, ips: &mut Vec<String>, excluded: &mut Vec<String>) {
    let Some(family) = parse_net(subnet).map(|net| net_family(&net)) else { return };
    if version.and_then(Family::from_number) != Some(family) {
        return;
    }
    for list in [ips, excluded] {
        let Some(canonical) = merged(family, list) else { return };
        *list = canonical;
    }
}
