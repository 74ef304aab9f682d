//! What a pod has: the entries of its endpoint, and the answer that is made of them.

use anyhow::{Context, Result, anyhow};
use ipam_core::annotation::CustomRoute;
use ipam_core::select::{Claim, Recorded, Slot, claim};
use ipam_core::{Allocation, Assignment, Attachment, Family, IpRange, Nic, NicRequest};
use serde_json::{Map, Value, json};

/// The endpoint of a pod. What else the object has (owners, labels, who holds it) is not compared.
#[derive(Debug)]
pub(crate) struct Endpoint {
    /// Of the pod that it was written for last.
    pub(crate) uid: String,
    /// The node of that pod.
    pub(crate) node: String,
    /// Kind and name of the workload.
    pub(crate) workload: (String, String),
    /// That it is not gone as soon as somebody deletes it.
    pub(crate) has_finalizer: bool,
    pub(crate) entries: Vec<Entry>,
}

/// One entry.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// The name that it is stored under; empty until a NIC claims it.
    pub(crate) name: String,
    /// What was asked for it; the store knows its NIC by the name in here.
    pub(crate) request: NicRequest,
    pub(crate) clean_gateway: bool,
    pub(crate) addresses: Vec<Address>,
    pub(crate) routes: Vec<Written>,
}

/// An address with what its pool says of it, as written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Address {
    pub(crate) family: Family,
    /// With the prefix length of the pool's subnet.
    pub(crate) text: String,
    pub(crate) pool: String,
    pub(crate) gateway: Option<String>,
    /// The subnet, where the address was given here.
    range: Option<IpRange>,
}

/// A route as written.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    dst: String,
    gw: String,
}

impl Endpoint {
    /// One that is there already.
    pub(crate) fn given(status: &Value) -> Result<Self> {
        let text = |path: &str| status.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
        let entries = status.pointer("/current/ips").and_then(Value::as_array).into_iter().flatten();
        Ok(Self {
            uid: text("/current/uid"),
            node: text("/current/node"),
            workload: (text("/ownerControllerType"), text("/ownerControllerName")),
            has_finalizer: true,
            entries: entries
                .enumerate()
                .map(|(place, entry)| Entry::given(entry, place))
                .collect::<Result<_>>()?,
        })
    }

    /// Its NICs with those addresses that can be read, as the store in memory keeps them.
    pub(crate) fn attachments(&self) -> impl Iterator<Item = Attachment> {
        self.entries.iter().map(|entry| {
            let assignment = |address: &Address| {
                let (text, _) = address.text.split_once('/')?;
                Some(Assignment { pool: address.pool.parse().ok()?, address: text.parse().ok()? })
            };
            let assignments = entry.addresses.iter().filter_map(assignment).collect();
            Attachment { nic: entry.request.nic.clone(), assignments }
        })
    }

    /// Finds the entry of a NIC and gives it its name, if it has none.
    pub(crate) fn claim(&mut self, nic: &Nic) -> bool {
        let names: Vec<&str> = self.entries.iter().map(|entry| entry.name.as_str()).collect();
        match claim(&names, nic) {
            Ok(Claim::Own(_)) => true,
            Ok(Claim::Rename(at)) => {
                if let Some(entry) = self.entries.get_mut(at) {
                    entry.name = nic.to_string();
                }
                true
            }
            Ok(Claim::All) | Err(_) => false,
        }
    }
}

impl Entry {
    fn given(entry: &Value, place: usize) -> Result<Self> {
        let text = |key: &str| entry.get(key).and_then(Value::as_str).map(str::to_owned);
        let name = text("interface").unwrap_or_default();
        let mut request = NicRequest::new(name.parse().unwrap_or_else(|_| Slot::Position(place).nic()));
        let mut addresses = Vec::new();
        for family in [Family::V4, Family::V6] {
            let key = family.to_string().to_lowercase();
            let Some(address) = text(&key) else { continue };
            let pool = text(&format!("{key}Pool")).unwrap_or_default();
            let pools = pool.parse().into_iter().collect();
            match family {
                Family::V4 => request.v4 = pools,
                Family::V6 => request.v6 = pools,
            }
            let gateway = text(&format!("{key}Gateway"));
            addresses.push(Address { family, text: address, pool, gateway, range: None });
        }
        let clean_gateway = entry.get("cleanGateway").and_then(Value::as_bool).unwrap_or_default();
        anyhow::ensure!(entry.get("routes").is_none(), "routes of a given endpoint are not read");
        Ok(Self { name, request, clean_gateway, addresses, routes: Vec::new() })
    }

    /// The entry of the NIC at this place of an allocation, without custom routes.
    pub(crate) fn new(
        name: &str,
        clean_gateway: bool,
        request: NicRequest,
        allocation: &Allocation,
    ) -> Result<Self> {
        let mut entry =
            Self { name: name.to_owned(), request, clean_gateway, addresses: Vec::new(), routes: Vec::new() };
        entry.addresses = entry.addresses_of(allocation)?;
        for address in &entry.addresses {
            let pool = allocation.pool(&address.pool.parse()?).context("the pool of an address")?;
            let routes = pool.routes().iter().zip(pool.fields().routes.iter().flatten());
            entry.routes.extend(routes.map(|(route, written)| Written {
                dst: route.dst_text().to_owned(),
                gw: written.gw.clone(),
            }));
        }
        Ok(entry)
    }

    /// What an allocation has for this entry.
    pub(crate) fn addresses_of(&self, allocation: &Allocation) -> Result<Vec<Address>> {
        let nic = &self.request.nic;
        let attachment = allocation.attachments.iter().find(|attachment| attachment.nic == *nic);
        let mut addresses = Vec::new();
        for assignment in &attachment.context("a NIC got nothing")?.assignments {
            let pool =
                allocation.pool(&assignment.pool).ok_or_else(|| anyhow!("no pool {}", assignment.pool))?;
            addresses.push(Address {
                family: pool.family(),
                text: format!("{}/{}", assignment.address, pool.subnet_prefix()),
                pool: pool.name().to_string(),
                gateway: pool.fields().gateway.clone().filter(|gateway| !gateway.is_empty()),
                range: Some(IpRange::of_net(&pool.subnet())),
            });
        }
        Ok(addresses)
    }

    /// As selection looks at it, where addresses are kept: under the name that the store in memory knows, which a claim does not change.
    pub(crate) fn recorded(&self) -> Recorded<'_> {
        let pool = |family| {
            self.addresses
                .iter()
                .find(|address| address.family == family)
                .map(|address| address.pool.as_str())
        };
        Recorded { nic: self.request.nic.as_str(), v4: pool(Family::V4), v6: pool(Family::V6) }
    }

    /// Takes a custom route if its gateway is in a subnet of this entry.
    pub(crate) fn take(&mut self, route: &CustomRoute) -> bool {
        let is_in = |range: IpRange| range.contains(route.gw());
        let is_here = self.addresses.iter().any(|address| address.range.is_some_and(is_in));
        if is_here {
            self.routes.push(Written { dst: route.dst_text().to_owned(), gw: route.gw_text().to_owned() });
        }
        is_here
    }

    /// As the status of a SpiderEndpoint has it.
    pub(crate) fn stored(&self) -> Value {
        let mut entry =
            Map::from_iter([("interface".to_owned(), json!(self.name)), ("vlan".to_owned(), json!(0))]);
        for Address { family, text, pool, gateway, .. } in &self.addresses {
            let key = family.to_string().to_lowercase();
            entry.insert(format!("{key}Pool"), json!(pool));
            if let Some(gateway) = gateway {
                entry.insert(format!("{key}Gateway"), json!(gateway));
                entry.insert("cleanGateway".to_owned(), json!(self.clean_gateway));
            }
            entry.insert(key, json!(text));
        }
        if !self.routes.is_empty() {
            let routes = self.routes.iter().map(|route| json!({ "dst": route.dst, "gw": route.gw }));
            entry.insert("routes".to_owned(), routes.collect());
        }
        entry.into()
    }
}

/// The body of an answer: all entries, each under the name that `name` gives it.
pub(crate) fn answer(entries: &[Entry], name: impl Fn(&Entry) -> String) -> Value {
    let (mut ips, mut routes): (Vec<Map<String, Value>>, Vec<Value>) = (Vec::new(), Vec::new());
    for entry in entries {
        let nic = name(entry);
        for Address { family, text, pool, gateway, .. } in &entry.addresses {
            let mut parts = Map::from_iter([
                ("address".to_owned(), json!(text)),
                ("ipPool".to_owned(), json!(pool)),
                ("nic".to_owned(), json!(nic)),
                ("version".to_owned(), json!(family.number())),
            ]);
            parts.extend(gateway.iter().map(|gateway| ("gateway".to_owned(), json!(gateway))));
            ips.push(parts);
            if let Some(gateway) = gateway.as_ref().filter(|_| !entry.clean_gateway) {
                let dst = match family {
                    Family::V4 => "0.0.0.0/0",
                    Family::V6 => "::/0",
                };
                routes.push(json!({ "dst": dst, "gw": gateway, "ifName": nic }));
            }
        }
        routes.extend(
            entry.routes.iter().map(|Written { dst, gw }| json!({ "dst": dst, "gw": gw, "ifName": nic })),
        );
    }
    let routes = if routes.is_empty() { Value::Null } else { routes.into() };
    json!({ "ips": ips, "routes": routes })
}
