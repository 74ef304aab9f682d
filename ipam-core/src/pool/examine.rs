//! Every rule of a pool, or of a SpiderSubnet, that needs nothing but the object itself.
//!
//! The Go original stops at the first failing step; here every step runs and goes on with what is known, so that all
//! faults of an object come at once. Faults stay apart by step, since admission puts the rules about other objects
//! between them and the original's order decides which fault stands first.

use ipnet::IpNet;

use super::fields::{PoolFields, RouteFields};
use crate::addr::{Addr, Family};
use crate::cidr::{canonical, net_family, parse_net};
use crate::fault::{Fault, Faults};
use crate::items::{pool_item, usable};
use crate::range::IpRange;
use crate::rangeset::RangeSet;
use crate::route::Route;

/// The keys an auto pool's affinity may have: they name the workload that owns the pool.
pub(crate) const APP_KEYS: [&str; 5] = [
    "ipam.spidernet.io/app-api-group",
    "ipam.spidernet.io/app-api-version",
    "ipam.spidernet.io/app-kind",
    "ipam.spidernet.io/app-namespace",
    "ipam.spidernet.io/app-name",
];

/// Who made a pool. The rules of its affinity depend on it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Origin {
    /// A user, or a tool on behalf of one.
    #[default]
    User,
    /// Spiderpool itself, for one workload (an *auto pool*).
    Application,
}

/// How one item of a list is read, the network being the object's if that is known. The error is the fault's detail.
pub(crate) type ReadItem = fn(&str, Option<&IpNet>) -> Result<IpRange, String>;

/// The fields that pools and SpiderSubnets have in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written<'a> {
    pub(crate) version: Option<i64>,
    pub(crate) subnet: &'a str,
    pub(crate) ips: &'a [String],
    pub(crate) excluded: &'a [String],
    pub(crate) gateway: Option<&'a str>,
    pub(crate) routes: &'a [RouteFields],
}

/// An object that speaks of a network and addresses in it.
pub(crate) trait NetworkFields {
    /// The original reads items of pools and of subnets with different parsers, which have different words.
    const READ_ITEM: ReadItem;

    /// Whether destinations are compared as the kernel sees them, or as text.
    const ROUTES_ARE_NETWORKS: bool;

    fn written(&self) -> Written<'_>;
}

impl NetworkFields for PoolFields {
    const READ_ITEM: ReadItem = pool_item;
    const ROUTES_ARE_NETWORKS: bool = true;

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

/// An object as far as it can be read, and the faults of each step in the order of the steps.
#[derive(Debug)]
pub(crate) struct Examined<F> {
    pub(crate) fields: F,
    pub(crate) family: Option<Family>,
    pub(crate) net: Option<IpNet>,
    pub(crate) ips: Items,
    pub(crate) excluded: Items,
    pub(crate) gateway: Option<Addr>,
    pub(crate) routes: Vec<Route>,
    pub(crate) version_fault: Option<Fault>,
    /// Put in by admission.
    pub(crate) disabled_fault: Option<Fault>,
    /// The subnet's own fault, then what admission finds against other objects.
    pub(crate) subnet_faults: Vec<Fault>,
    /// Put in by admission: ranges shared with other pools.
    pub(crate) peer_faults: Vec<Fault>,
    pub(crate) gateway_faults: Vec<Fault>,
    pub(crate) route_faults: Vec<Fault>,
    pub(crate) affinity_faults: Vec<Fault>,
    /// Put in by admission: what comes after everything about the object, such as addresses in use.
    pub(crate) late_faults: Vec<Fault>,
}

/// The readable items of a list with their places, and the faults of the others.
#[derive(Debug, Default)]
pub(crate) struct Items {
    pub(crate) ranges: Vec<(usize, IpRange)>,
    pub(crate) faults: Vec<Fault>,
}

impl Items {
    fn read(field: &str, items: &[String], net: Option<&IpNet>, read_item: ReadItem) -> Self {
        let mut read = Self::default();
        for (index, item) in items.iter().enumerate() {
            match read_item(item, net) {
                Ok(range) => read.ranges.push((index, range)),
                Err(detail) => read.faults.push(Fault::invalid(format!("{field}[{index}]"), item, detail)),
            }
        }
        read
    }

    fn contains(&self, addr: Addr) -> bool {
        self.ranges.iter().any(|(_, range)| range.contains(addr))
    }

    pub(crate) fn set(&self, family: Family) -> RangeSet {
        let ranges = self.ranges.iter().map(|(_, range)| *range).filter(|range| range.family() == family);
        RangeSet::from_ranges(family, ranges).unwrap_or_else(|_| RangeSet::empty(family))
    }
}

impl Examined<PoolFields> {
    /// Looks at `fields`, normalising them first.
    pub(crate) fn pool(fields: &PoolFields, origin: Origin) -> Self {
        let mut examined = Self::of(fields.normalised());
        examined.affinity_faults = affinity_faults(&examined.fields, origin);
        examined
    }
}

impl<F: NetworkFields> Examined<F> {
    /// Looks at normalised fields.
    pub(crate) fn of(fields: F) -> Self {
        let written = fields.written();
        let (family, version_fault) = split(read_version(written.version));
        let (net, subnet_fault) = family.map_or((None, None), |family| read_subnet(written.subnet, family));
        let mut examined = Self {
            family,
            net,
            ips: Items::read("spec.ips", written.ips, net.as_ref(), F::READ_ITEM),
            excluded: Items::read("spec.excludeIPs", written.excluded, net.as_ref(), F::READ_ITEM),
            gateway: None,
            routes: Vec::new(),
            version_fault,
            disabled_fault: None,
            subnet_faults: subnet_fault.into_iter().collect(),
            peer_faults: Vec::new(),
            gateway_faults: Vec::new(),
            route_faults: Vec::new(),
            affinity_faults: Vec::new(),
            late_faults: Vec::new(),
            fields,
        };
        // Gateway and routes can only be judged against a family.
        if let Some(family) = family {
            examined.read_gateway(family);
            examined.read_routes(family);
        }
        examined
    }

    /// `ips` less `excludeIPs`, unless an exclude could not be read: without it the set would be too large.
    pub(crate) fn total(&self) -> Option<RangeSet> {
        let family = self.family.filter(|_| self.net.is_some() && self.excluded.faults.is_empty())?;
        Some(usable(self.ips.set(family).difference(&self.excluded.set(family))))
    }

    /// The same if every item could be read, so that nothing is missing either.
    pub(crate) fn whole_total(&self) -> Option<RangeSet> {
        self.total().filter(|_| self.ips.faults.is_empty())
    }

    /// An update keeps its subnet, so how that is spelled is not judged again: an object that was stored without
    /// admission could otherwise never be edited.
    pub(crate) fn forgive_spelling(&mut self) {
        if self.net.is_some() {
            self.subnet_faults.clear();
        }
    }

    /// Forgives what the original's allocator does not mind in a pool that was stored past admission: what can be read is used.
    /// An address range that cannot be read is not given out, a gateway or a route that cannot be read is not answered; a
    /// selector is a matter of who may use the pool. An exclude that cannot be read stays a fault: what it was to keep is unknown.
    pub(crate) fn forgive_stored(&mut self) {
        self.forgive_spelling();
        // With nothing to give out, the reason says more than "used out" would.
        if !self.ips.ranges.is_empty() {
            self.ips.faults.clear();
        }
        self.gateway_faults.clear();
        self.route_faults.clear();
        self.affinity_faults.clear();
    }

    /// All faults, in order.
    pub(crate) fn into_faults(self) -> Faults {
        let first = self.version_fault.into_iter().chain(self.disabled_fault).chain(self.subnet_faults);
        let ranges = self.ips.faults.into_iter().chain(self.excluded.faults).chain(self.peer_faults);
        let rest = self.gateway_faults.into_iter().chain(self.route_faults).chain(self.affinity_faults);
        first.chain(ranges).chain(rest).chain(self.late_faults).collect()
    }

    fn read_gateway(&mut self, family: Family) {
        let Written { gateway: Some(written), ips, .. } = self.fields.written() else { return };
        match host_in(written, family, self.net.as_ref()) {
            Ok(addr) => {
                self.gateway = Some(addr);
                // With an unreadable exclude nobody knows whether it would have covered the gateway.
                if !self.excluded.contains(addr) && self.excluded.faults.is_empty() {
                    let clash = self.ips.ranges.iter().filter(|(_, range)| range.contains(addr));
                    for (index, item) in clash.filter_map(|(index, _)| Some((index, ips.get(*index)?))) {
                        let detail = format!(
                            "conflicts with 'spec.gateway' {written}, add the gateway IP address to \
                             'spec.excludeIPs' or remove it from 'spec.ips'"
                        );
                        self.gateway_faults.push(Fault::invalid(format!("spec.ips[{index}]"), item, detail));
                    }
                }
            }
            Err(detail) => self.gateway_faults.push(Fault::invalid("spec.gateway", written, detail)),
        }
    }

    fn read_routes(&mut self, family: Family) {
        let mut seen = Destinations { are_networks: F::ROUTES_ARE_NETWORKS, seen: Vec::new() };
        for (index, route) in self.fields.written().routes.iter().enumerate() {
            let path = format!("spec.routes[{index}]");
            let dst = match seen.read(&route.dst, family) {
                Ok(dst) => Some(dst),
                Err(detail) => {
                    self.route_faults.push(Fault::invalid(format!("{path}.dst"), &route.dst, detail));
                    None
                }
            };
            let RouteFields { dst: text, gw } = route;
            match host_in(gw, family, self.net.as_ref()) {
                Ok(gw) => self.routes.extend(dst.map(|dst| Route::new(text, dst, gw))),
                Err(detail) => self.route_faults.push(Fault::invalid(format!("{path}.gw"), gw, detail)),
            }
        }
    }
}

fn split<T>(result: Result<T, Fault>) -> (Option<T>, Option<Fault>) {
    match result {
        Ok(value) => (Some(value), None),
        Err(fault) => (None, Some(fault)),
    }
}

fn read_version(written: Option<i64>) -> Result<Family, Fault> {
    let Some(version) = written else {
        let detail = "is not generated correctly, 'spec.subnet' may be invalid, want network/prefix there, \
                      such as 10.6.0.0/16 or fd00::/64";
        return Err(Fault::invalid("spec.ipVersion", "null", detail));
    };
    Family::from_number(version).ok_or_else(|| Fault::not_supported("spec.ipVersion", version, &["4", "6"]))
}

/// The subnet if it parses, also when its spelling is refused: the other fields can still be held against it.
fn read_subnet(text: &str, family: Family) -> (Option<IpNet>, Option<Fault>) {
    let Some(net) = parse_net(text).filter(|net| net_family(net) == family) else {
        return (None, Some(Fault::invalid("spec.subnet", text, bad_cidr(text, family))));
    };
    let right = canonical(&net);
    let fault = (right != text).then(|| {
        Fault::invalid("spec.subnet", text, format!("unformatted subnet {text}, please change it to {right}"))
    });
    (Some(net.trunc()), fault)
}

/// A gateway, of a pool or of a route.
fn host_in(text: &str, family: Family, net: Option<&IpNet>) -> Result<Addr, String> {
    let addr = text.parse::<Addr>().ok().filter(|addr| addr.family() == family).ok_or_else(|| {
        let place = net.map(|net| format!(" inside {}", canonical(net))).unwrap_or_default();
        format!("invalid IP format in {family} '{text}', want an {family} address{place}")
    })?;
    match net {
        Some(net) if !IpRange::of_net(net).contains(addr) => {
            Err(format!("not pertains to the 'spec.subnet' {} of IPPool", canonical(net)))
        }
        Some(_) | None => Ok(addr),
    }
}

/// The destinations of a list of routes so far.
struct Destinations<'a> {
    are_networks: bool,
    seen: Vec<(IpNet, &'a str)>,
}

impl<'a> Destinations<'a> {
    /// The next one: no default route and none twice. It may have host bits.
    fn read(&mut self, text: &'a str, family: Family) -> Result<IpNet, String> {
        let net =
            parse_net(text).filter(|net| net_family(net) == family).ok_or_else(|| bad_cidr(text, family))?;
        let (is_default, is_known) = if self.are_networks {
            (net.prefix_len() == 0, self.seen.iter().any(|(known, _)| *known == net.trunc()))
        } else {
            (matches!(text, "0.0.0.0/0" | "::/0"), self.seen.iter().any(|(_, known)| *known == text))
        };
        if is_default {
            return Err("please specify 'spec.gateway' to configure the default route".to_owned());
        }
        if is_known {
            return Err(format!("duplicate route with the same dst, {} is already routed", canonical(&net)));
        }
        self.seen.push((net.trunc(), text));
        Ok(net)
    }
}

/// The routes of a SpiderSubnet that a pool may have: there `0.0.0.1/0` is no default route, here it is one.
pub(crate) fn inheritable(routes: &[RouteFields], family: Family) -> Vec<RouteFields> {
    let mut seen = Destinations { are_networks: true, seen: Vec::new() };
    routes.iter().filter(|route| seen.read(&route.dst, family).is_ok()).cloned().collect()
}

fn bad_cidr(text: &str, family: Family) -> String {
    let example = match family {
        Family::V4 => "10.6.0.0/16",
        Family::V6 => "fd00::/64",
    };
    format!("invalid CIDR format in {family} '{text}', want network/prefix such as {example}")
}

fn affinity_faults(fields: &PoolFields, origin: Origin) -> Vec<Fault> {
    let Some(selector) = &fields.pod_affinity else { return Vec::new() };
    let object = |detail: &str| Fault::invalid_object("spec.podAffinity", selector, detail);
    let mut faults = Vec::new();
    match origin {
        Origin::Application => {
            if selector.match_labels.keys().any(|key| !APP_KEYS.contains(&key.as_str())) {
                faults.push(object(
                    "it's invalid to add additional podAffinity matchLabels for auto-created SpiderIPPool, \
                     want only the five keys ipam.spidernet.io/app-*",
                ));
            }
            if !selector.match_expressions.is_empty() {
                faults.push(object(
                    "it's invalid to add additional podAffinity matchExpressions for auto-created SpiderIPPool, want none",
                ));
            }
        }
        Origin::User => {
            faults.extend(selector.compile("spec.podAffinity").err().into_iter().flatten());
            if selector.is_empty() {
                faults.push(object(
                    "empty podAffinity is invalid for SpiderIPPool, want at least one label or expression, or no podAffinity",
                ));
            }
        }
    }
    faults
}
