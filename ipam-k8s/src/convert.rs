//! From the wire to `ipam-core` and back.
//!
//! There are two ways back. `From` makes a new object's spec. `set_fields` changes one that was read, and there touches only what
//! differs, so that what `ipam-core` has no place for (fields of a newer version in a route) stays.

use ipam_core::{LabelRequirement, PoolFields, ReservedFields, RouteFields};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};

use crate::crd::{IPPoolSpec, ReservedIPSpec, Route};

/// A label selector of Kubernetes as one of `ipam-core`.
#[must_use]
pub fn to_selector(selector: &LabelSelector) -> ipam_core::LabelSelector {
    let expressions = selector.match_expressions.iter().flatten().map(|one| LabelRequirement {
        key: one.key.clone(),
        operator: one.operator.clone(),
        values: one.values.clone().unwrap_or_default(),
    });
    ipam_core::LabelSelector {
        match_labels: selector.match_labels.clone().unwrap_or_default(),
        match_expressions: expressions.collect(),
    }
}

/// A label selector of `ipam-core` as one of Kubernetes; what is empty is absent, as Go writes it.
#[must_use]
pub fn from_selector(selector: &ipam_core::LabelSelector) -> LabelSelector {
    let expressions = selector.match_expressions.iter().map(|one| LabelSelectorRequirement {
        key: one.key.clone(),
        operator: one.operator.clone(),
        values: Some(one.values.clone()).filter(|values| !values.is_empty()),
    });
    LabelSelector {
        match_expressions: Some(expressions.collect::<Vec<_>>()).filter(|list| !list.is_empty()),
        match_labels: Some(selector.match_labels.clone()).filter(|labels| !labels.is_empty()),
    }
}

impl From<&Route> for RouteFields {
    fn from(route: &Route) -> Self {
        Self { dst: route.dst.clone(), gw: route.gw.clone() }
    }
}

impl From<&RouteFields> for Route {
    fn from(route: &RouteFields) -> Self {
        Self::new(&route.dst, &route.gw)
    }
}

impl From<&IPPoolSpec> for PoolFields {
    fn from(spec: &IPPoolSpec) -> Self {
        Self {
            ip_version: spec.ip_version,
            subnet: spec.subnet.clone(),
            ips: spec.ips.clone(),
            exclude_ips: spec.exclude_ips.clone(),
            gateway: spec.gateway.clone(),
            routes: spec.routes.as_ref().map(|routes| routes.iter().map(RouteFields::from).collect()),
            pod_affinity: spec.pod_affinity.as_ref().map(to_selector),
            namespace_affinity: spec.namespace_affinity.as_ref().map(to_selector),
            namespace_name: spec.namespace_name.clone(),
            node_affinity: spec.node_affinity.as_ref().map(to_selector),
            node_name: spec.node_name.clone(),
            multus_name: spec.multus_name.clone(),
            default: spec.default,
            disable: spec.disable,
        }
    }
}

impl From<&PoolFields> for IPPoolSpec {
    fn from(fields: &PoolFields) -> Self {
        let mut spec = Self::default();
        spec.set_fields(fields);
        spec
    }
}

impl IPPoolSpec {
    /// Makes these fields the spec's. Routes that are the same stay as they were read, with what a newer version wrote into them;
    /// so do selectors that say the same.
    ///
    /// ```
    /// use ipam_core::PoolFields;
    /// use ipam_k8s::crd::SpiderIPPool;
    /// let text = r#"{"spec": {"subnet": "10.6.0.0/16", "ips": ["10.6.0.2", "10.6.0.1"],
    ///     "routes": [{"dst": "10.7.0.0/16", "gw": "10.6.0.1", "metric": 5}]}}"#;
    /// let mut pool: SpiderIPPool = serde_json::from_str(text)?;
    /// let fields = PoolFields::from(&pool.spec).normalised();
    /// pool.spec.set_fields(&fields);
    /// assert_eq!(pool.spec.ips, ["10.6.0.1-10.6.0.2"]);
    /// assert_eq!(serde_json::to_value(&pool.spec)?["routes"][0]["metric"], 5);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub fn set_fields(&mut self, fields: &PoolFields) {
        let PoolFields {
            ip_version,
            subnet,
            ips,
            exclude_ips,
            gateway,
            routes,
            pod_affinity,
            namespace_affinity,
            namespace_name,
            node_affinity,
            node_name,
            multus_name,
            default,
            disable,
        } = fields;
        self.ip_version = *ip_version;
        self.subnet.clone_from(subnet);
        self.ips.clone_from(ips);
        self.exclude_ips.clone_from(exclude_ips);
        self.gateway.clone_from(gateway);
        set_routes(&mut self.routes, routes.as_deref());
        set_selector(&mut self.pod_affinity, pod_affinity.as_ref());
        set_selector(&mut self.namespace_affinity, namespace_affinity.as_ref());
        self.namespace_name.clone_from(namespace_name);
        set_selector(&mut self.node_affinity, node_affinity.as_ref());
        self.node_name.clone_from(node_name);
        self.multus_name.clone_from(multus_name);
        self.default = *default;
        self.disable = *disable;
    }
}

fn set_routes(routes: &mut Option<Vec<Route>>, wanted: Option<&[RouteFields]>) {
    let mut read = routes.take().unwrap_or_default();
    let mut as_read = |wanted: &RouteFields| {
        let at = read.iter().position(|one| one.dst == wanted.dst && one.gw == wanted.gw)?;
        Some(read.remove(at))
    };
    *routes = wanted
        .map(|wanted| wanted.iter().map(|one| as_read(one).unwrap_or_else(|| Route::from(one))).collect());
}

fn set_selector(selector: &mut Option<LabelSelector>, wanted: Option<&ipam_core::LabelSelector>) {
    if selector.as_ref().map(to_selector).as_ref() != wanted {
        *selector = wanted.map(from_selector);
    }
}

impl From<&ReservedIPSpec> for ReservedFields {
    fn from(spec: &ReservedIPSpec) -> Self {
        Self { ip_version: spec.ip_version, ips: spec.ips.clone() }
    }
}

impl From<&ReservedFields> for ReservedIPSpec {
    fn from(fields: &ReservedFields) -> Self {
        let mut spec = Self::default();
        spec.set_fields(fields);
        spec
    }
}

impl ReservedIPSpec {
    /// Makes these fields the spec's.
    pub fn set_fields(&mut self, fields: &ReservedFields) {
        let ReservedFields { ip_version, ips } = fields;
        self.ip_version = *ip_version;
        self.ips.clone_from(ips);
    }
}
