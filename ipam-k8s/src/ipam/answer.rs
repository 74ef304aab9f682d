//! The answer to an ADD, made of the entries of the pod's endpoint.
//!
//! The first ADD is answered from the entries that it has just stored and a repeated one from those that are stored, so that the
//! two cannot differ. It holds all NICs of the pod; the plugin takes what is its own.

use std::net::IpAddr;

use ipam_core::Family;
use ipnet::IpNet;

use crate::crd::EndpointAddress;

/// What a pod has, NIC by NIC; of each NIC IPv4 first.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Answer {
    /// The addresses.
    pub ips: Vec<AnswerIp>,
    /// The routes: of each NIC the default ones first, unless it is to have none.
    pub routes: Vec<AnswerRoute>,
    /// Whether a virtual machine moves into the pod just now: the pod that it comes from has the same addresses, which is no conflict.
    pub is_migrating: bool,
}

/// An address.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AnswerIp {
    /// IPv4 or IPv6.
    pub family: Family,
    /// The address, with the prefix length of its subnet.
    pub address: String,
    /// The pool that it is from.
    pub pool: String,
    /// The pool's gateway, also where no default route goes through it.
    pub gateway: Option<String>,
    /// The NIC, or the number of one that is not claimed yet.
    pub nic: String,
    /// VLAN of an external provider, else 0.
    pub vlan: i64,
    /// Hardware address that an external provider gave.
    pub mac: Option<String>,
}

/// A route.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AnswerRoute {
    /// The NIC that it goes through.
    pub nic: String,
    /// The destination, as written.
    pub dst: String,
    /// The gateway, as written.
    pub gw: String,
}

/// How a NIC is called whose entry has no name yet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unclaimed {
    /// By its place, as the first ADD is answered.
    Numbered,
    /// Not at all, as later ones are.
    Nameless,
}

impl Answer {
    /// The answer that these entries come to.
    ///
    /// An address or route that cannot be read is left out: a plugin would fail on it, or set up what nobody meant.
    #[must_use]
    pub fn new(entries: &[EndpointAddress], unclaimed: Unclaimed) -> Self {
        let mut answer = Self::default();
        for (place, entry) in entries.iter().enumerate() {
            let nic = match unclaimed {
                Unclaimed::Numbered if entry.interface.is_empty() => place.to_string(),
                Unclaimed::Numbered | Unclaimed::Nameless => entry.interface.clone(),
            };
            answer.add(entry, &nic);
        }
        answer
    }

    /// Whether it names an address of this NIC.
    #[must_use]
    pub fn serves(&self, nic: &str) -> bool {
        self.ips.iter().any(|ip| ip.nic == nic)
    }

    fn add(&mut self, entry: &EndpointAddress, nic: &str) {
        let families = [
            (Family::V4, &entry.ipv4, &entry.ipv4_pool, &entry.ipv4_gateway, "0.0.0.0/0"),
            (Family::V6, &entry.ipv6, &entry.ipv6_pool, &entry.ipv6_gateway, "::/0"),
        ];
        for (family, address, pool, gateway, default) in families {
            let Some(address) = address.as_ref().filter(|address| address.parse::<IpNet>().is_ok()) else {
                continue;
            };
            let gateway = gateway.as_ref().filter(|gateway| gateway.parse::<IpAddr>().is_ok());
            self.ips.push(AnswerIp {
                family,
                address: address.clone(),
                pool: pool.clone().unwrap_or_default(),
                gateway: gateway.cloned(),
                nic: nic.to_owned(),
                vlan: entry.vlan,
                mac: entry.mac.clone(),
            });
            if let Some(gw) = gateway.filter(|_| entry.clean_gateway != Some(true)) {
                self.route(nic, default, gw);
            }
        }
        for route in &entry.routes {
            if route.dst.parse::<IpNet>().is_ok() && route.gw.parse::<IpAddr>().is_ok() {
                self.route(nic, &route.dst, &route.gw);
            }
        }
    }

    fn route(&mut self, nic: &str, dst: &str, gw: &str) {
        self.routes.push(AnswerRoute { nic: nic.to_owned(), dst: dst.to_owned(), gw: gw.to_owned() });
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, Unclaimed};
    use crate::crd::EndpointAddress;

    fn entries(text: &str) -> Vec<EndpointAddress> {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn families_and_routes_of_each_nic_in_order() {
        let stored = entries(
            r#"[{"interface":"eth0","ipv4":"10.6.0.5/24","ipv4Pool":"p4","ipv4Gateway":"10.6.0.1",
                 "ipv6":"fd00::5/64","ipv6Pool":"p6","ipv6Gateway":"fd00::1","vlan":7,"cleanGateway":false,
                 "routes":[{"dst":"172.16.0.0/16","gw":"10.6.0.2"}]},
                {"interface":"net1","ipv4":"10.7.0.5/24","ipv4Pool":"q4","ipv4Gateway":"10.7.0.1","vlan":0,"cleanGateway":true}]"#,
        );
        let answer = Answer::new(&stored, Unclaimed::Nameless);
        let ips: Vec<_> =
            answer.ips.iter().map(|ip| (ip.nic.as_str(), ip.address.as_str(), ip.vlan)).collect();
        assert_eq!(ips, [("eth0", "10.6.0.5/24", 7), ("eth0", "fd00::5/64", 7), ("net1", "10.7.0.5/24", 0)]);
        let routes: Vec<_> =
            answer.routes.iter().map(|one| (one.nic.as_str(), one.dst.as_str(), one.gw.as_str())).collect();
        assert_eq!(
            routes,
            [
                ("eth0", "0.0.0.0/0", "10.6.0.1"),
                ("eth0", "::/0", "fd00::1"),
                ("eth0", "172.16.0.0/16", "10.6.0.2")
            ]
        );
        assert_eq!(answer.ips[2].gateway.as_deref(), Some("10.7.0.1"), "the gateway stays");
        assert!(answer.serves("net1") && !answer.serves("net2"));
    }

    #[test]
    fn what_cannot_be_read_is_left_out() {
        let stored = entries(
            r#"[{"interface":"eth0","ipv4":"10.6.0.300/24","ipv4Pool":"p4","ipv6":"fd00::5/64","ipv6Gateway":"x",
                 "routes":[{"dst":"10.0.0.0","gw":"10.6.0.1"},{"dst":"fd01::/64","gw":"fd00::1"},{}]}, {"interface":"net1"}]"#,
        );
        let answer = Answer::new(&stored, Unclaimed::Nameless);
        assert_eq!((answer.ips.len(), answer.routes.len()), (1, 1));
        assert_eq!((answer.ips[0].pool.as_str(), answer.ips[0].gateway.as_ref()), ("", None));
        assert_eq!(answer.routes[0].dst, "fd01::/64");
    }

    #[test]
    fn unclaimed_nics_are_numbered_at_first() {
        let stored =
            entries(r#"[{"interface":"eth0","ipv4":"10.6.0.5/24"},{"interface":"","ipv4":"10.7.0.5/24"}]"#);
        let names = |how| Answer::new(&stored, how).ips.into_iter().map(|ip| ip.nic).collect::<Vec<_>>();
        assert_eq!(names(Unclaimed::Numbered), ["eth0", "1"]);
        assert_eq!(names(Unclaimed::Nameless), ["eth0", ""]);
    }
}
