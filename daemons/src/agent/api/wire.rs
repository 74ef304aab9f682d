//! Answers as they are on the wire: the original's field names in its order, which is that of the alphabet. What it omits is
//! omitted, and lists that are empty are `null`, since Go makes no list before it has an item.

use ipam_core::Family;
use ipam_k8s::crd::{EndpointAddress, Route};
use ipam_k8s::ipam::{AnswerIp, AnswerRoute, CoordinatorConfig};
use serde::{Serialize, Serializer};

use crate::agent::ipam::{Allocated, WorkloadEndpoint};

/// `IpamAddResponse`. Its `dns` is never set.
#[derive(Serialize)]
pub(super) struct AddAnswer<'a> {
    #[serde(serialize_with = "list")]
    ips: Vec<IpConfig<'a>>,
    #[serde(serialize_with = "list")]
    routes: Vec<WireRoute<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct IpConfig<'a> {
    address: &'a str,
    #[serde(skip_serializing_if = "is_false")]
    enable_gateway_detection: bool,
    #[serde(rename = "enableIPConflictDetection", skip_serializing_if = "is_false")]
    enable_ip_conflict_detection: bool,
    #[serde(skip_serializing_if = "str::is_empty")]
    gateway: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    ip_pool: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    mac: &'a str,
    nic: &'a str,
    version: u8,
    #[serde(skip_serializing_if = "is_zero")]
    vlan: i64,
}

/// `Route`, with the interface that it goes through.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WireRoute<'a> {
    dst: &'a str,
    gw: &'a str,
    if_name: &'a str,
}

impl<'a> AddAnswer<'a> {
    pub(super) fn new(allocated: &'a Allocated) -> Self {
        let ip = |ip: &'a AnswerIp| IpConfig {
            address: &ip.address,
            enable_gateway_detection: allocated.is_gateway_detected,
            enable_ip_conflict_detection: allocated.is_conflict_detected,
            gateway: text(ip.gateway.as_ref()),
            ip_pool: &ip.pool,
            mac: text(ip.mac.as_ref()),
            nic: &ip.nic,
            version: match ip.family {
                Family::V4 => 4,
                Family::V6 => 6,
            },
            vlan: ip.vlan,
        };
        let route =
            |route: &'a AnswerRoute| WireRoute { dst: &route.dst, gw: &route.gw, if_name: &route.nic };
        let answer = &allocated.answer;
        Self { ips: answer.ips.iter().map(ip).collect(), routes: answer.routes.iter().map(route).collect() }
    }
}

/// `WorkloadEndpointStatus`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EndpointAnswer<'a> {
    /// The one list that the original makes before it has an item.
    interfaces: Vec<Interface<'a>>,
    node: &'a str,
    pod_name: &'a str,
    pod_namespace: &'a str,
    #[serde(rename = "podUID")]
    pod_uid: &'a str,
}

/// `InterfaceDetail`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Interface<'a> {
    interface: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    ipv4: &'a str,
    #[serde(rename = "ipv4Gateway", skip_serializing_if = "str::is_empty")]
    ipv4_gateway: &'a str,
    #[serde(rename = "ipv4Pool", skip_serializing_if = "str::is_empty")]
    ipv4_pool: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    ipv6: &'a str,
    #[serde(rename = "ipv6Gateway", skip_serializing_if = "str::is_empty")]
    ipv6_gateway: &'a str,
    #[serde(rename = "ipv6Pool", skip_serializing_if = "str::is_empty")]
    ipv6_pool: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    mac: &'a str,
    #[serde(serialize_with = "list")]
    routes: Vec<WireRoute<'a>>,
    #[serde(skip_serializing_if = "is_zero")]
    vlan: i64,
}

impl<'a> EndpointAnswer<'a> {
    pub(super) fn new(endpoint: &'a WorkloadEndpoint) -> Self {
        Self {
            interfaces: endpoint.entries.iter().map(Interface::new).collect(),
            node: &endpoint.node,
            pod_name: &endpoint.pod.name,
            pod_namespace: &endpoint.pod.namespace,
            pod_uid: &endpoint.pod_uid,
        }
    }
}

impl<'a> Interface<'a> {
    fn new(entry: &'a EndpointAddress) -> Self {
        let route =
            |route: &'a Route| WireRoute { dst: &route.dst, gw: &route.gw, if_name: &entry.interface };
        Self {
            interface: &entry.interface,
            ipv4: text(entry.ipv4.as_ref()),
            ipv4_gateway: text(entry.ipv4_gateway.as_ref()),
            ipv4_pool: text(entry.ipv4_pool.as_ref()),
            ipv6: text(entry.ipv6.as_ref()),
            ipv6_gateway: text(entry.ipv6_gateway.as_ref()),
            ipv6_pool: text(entry.ipv6_pool.as_ref()),
            mac: text(entry.mac.as_ref()),
            routes: entry.routes.iter().map(route).collect(),
            vlan: entry.vlan,
        }
    }
}

/// `CoordinatorConfig`. Its lists are `null` only where nothing was said; those of the cluster are lists always.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CoordinatorAnswer<'a> {
    #[serde(rename = "hijackCIDR")]
    hijack_cidr: Option<&'a [String]>,
    #[serde(skip_serializing_if = "is_zero")]
    host_rule_table: i64,
    mode: String,
    #[serde(rename = "overlayPodCIDR")]
    overlay_pod_cidr: &'a [String],
    #[serde(rename = "podDefaultRouteNIC", skip_serializing_if = "str::is_empty")]
    pod_default_route_nic: &'a str,
    #[serde(rename = "podMACPrefix", skip_serializing_if = "str::is_empty")]
    pod_mac_prefix: &'a str,
    #[serde(rename = "podRPFilter", skip_serializing_if = "is_zero")]
    pod_rp_filter: i64,
    policy_routes: Option<Vec<CoordinatorRoute<'a>>>,
    #[serde(rename = "serviceCIDR")]
    service_cidr: &'a [String],
    tune_pod_routes: bool,
    #[serde(skip_serializing_if = "is_zero")]
    tx_queue_len: i64,
    #[serde(skip_serializing_if = "str::is_empty")]
    veth_link_address: &'a str,
    #[serde(rename = "vethMTU", skip_serializing_if = "is_zero")]
    veth_mtu: i64,
}

#[derive(Serialize)]
struct CoordinatorRoute<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    dst: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    gw: &'a str,
}

impl<'a> CoordinatorAnswer<'a> {
    pub(super) fn new(config: &'a CoordinatorConfig) -> Self {
        let spec = &config.spec;
        let route = |route: &'a Route| CoordinatorRoute { dst: &route.dst, gw: &route.gw };
        Self {
            hijack_cidr: spec.hijack_cidr.as_deref(),
            host_rule_table: spec.host_rule_table.unwrap_or_default(),
            mode: config.mode().to_string(),
            overlay_pod_cidr: &config.overlay_pod_cidr,
            pod_default_route_nic: text(spec.pod_default_route_nic.as_ref()),
            pod_mac_prefix: text(spec.pod_mac_prefix.as_ref()),
            pod_rp_filter: spec.pod_rp_filter.unwrap_or_default(),
            policy_routes: config.policy_routes().map(|routes| routes.iter().map(route).collect()),
            service_cidr: &config.service_cidr,
            tune_pod_routes: spec.tune_pod_routes.unwrap_or_default(),
            tx_queue_len: spec.tx_queue_len.unwrap_or_default(),
            veth_link_address: text(spec.veth_link_address.as_ref()),
            veth_mtu: spec.veth_mtu.unwrap_or_default(),
        }
    }
}

fn text(text: Option<&String>) -> &str {
    text.map_or("", String::as_str)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_false(value: &bool) -> bool {
    !*value
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(value: &i64) -> bool {
    *value == 0
}

fn list<T: Serialize, S: Serializer>(items: &[T], serializer: S) -> Result<S::Ok, S::Error> {
    Some(items).filter(|items| !items.is_empty()).serialize(serializer)
}
