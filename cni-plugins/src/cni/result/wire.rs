//! The three wire forms.

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use serde::Serialize;

use super::{CniResult, Dns, Interface, IpConfig, Route};
use crate::cni::error::Error;
use crate::cni::json::{Field, Json, Keys};
use crate::cni::version::CniVersion;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct List<'a> {
    cni_version: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    interfaces: Vec<Interface>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ips: Vec<Ip>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    routes: &'a [Route],
    dns: &'a Dns,
}

#[derive(Serialize)]
struct Ip {
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    interface: Option<u32>,
    address: IpNet,
    #[serde(skip_serializing_if = "Option::is_none")]
    gateway: Option<IpAddr>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Pair<'a> {
    cni_version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip4: Option<PairIp<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip6: Option<PairIp<'a>>,
    dns: &'a Dns,
}

#[derive(Serialize)]
struct PairIp<'a> {
    ip: IpNet,
    #[serde(skip_serializing_if = "Option::is_none")]
    gateway: Option<IpAddr>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    routes: Vec<PairRoute<'a>>,
}

#[derive(Serialize)]
struct PairRoute<'a> {
    dst: &'a IpNet,
    #[serde(skip_serializing_if = "Option::is_none")]
    gw: Option<&'a IpAddr>,
}

pub(super) fn write(result: &CniResult, version: CniVersion) -> Result<String, Error> {
    let text = if version < CniVersion::V0_3_0 {
        serde_json::to_string(&pair(result, version)?)
    } else {
        serde_json::to_string(&list(result, version))
    };
    // Structs of text and numbers serialize; the error type has to go somewhere.
    text.map_err(Error::NotJson)
}

fn list(result: &CniResult, version: CniVersion) -> List<'_> {
    let with_family = version < CniVersion::V1_0_0;
    let ip = |ip: &IpConfig| Ip {
        version: with_family.then_some(family(&ip.address)),
        interface: ip.interface,
        address: ip.address,
        gateway: ip.gateway,
    };
    let interface = |interface: &Interface| {
        if with_family {
            Interface { mtu: None, socket_path: String::new(), pci_id: String::new(), ..interface.clone() }
        } else {
            interface.clone()
        }
    };
    List {
        cni_version: version.as_str(),
        interfaces: result.interfaces.iter().map(interface).collect(),
        ips: result.ips.iter().map(ip).collect(),
        routes: &result.routes,
        dns: &result.dns,
    }
}

/// The first address of each family: there is no room for more.
fn pair(result: &CniResult, version: CniVersion) -> Result<Pair<'_>, Error> {
    let of_family = |wanted: &str| {
        let ip = result.ips.iter().find(|ip| family(&ip.address) == wanted)?;
        let routes = result.routes.iter().filter(|route| family(&route.dst) == wanted);
        Some(PairIp {
            ip: ip.address,
            gateway: ip.gateway,
            routes: routes.map(|route| PairRoute { dst: &route.dst, gw: route.gw.as_ref() }).collect(),
        })
    };
    let pair =
        Pair { cni_version: version.as_str(), ip4: of_family("4"), ip6: of_family("6"), dns: &result.dns };
    if pair.ip4.is_none() && pair.ip6.is_none() {
        return Err(Error::ResultWithoutAddress { version });
    }
    Ok(pair)
}

fn family(net: &IpNet) -> &'static str {
    match net {
        IpNet::V4(_) => "4",
        IpNet::V6(_) => "6",
    }
}

pub(super) fn read(keys: &Keys<'_>, default: CniVersion) -> Result<CniResult, Error> {
    let version = match keys.get("cniVersion") {
        Some(field) if !field.text()?.is_empty() => field.parse()?,
        _ => default,
    };
    let mut result = CniResult { dns: Dns::from_keys(keys)?, ..CniResult::default() };
    if version < CniVersion::V0_3_0 {
        for key in ["ip4", "ip6"] {
            let Some(ip) = keys.object(key)? else { continue };
            result.ips.push(IpConfig {
                address: required(&ip, "ip", "an address/prefix length")?,
                gateway: address(&ip, "gateway")?,
                interface: None,
            });
            result.routes.extend(items(&ip, "routes", route)?);
        }
    } else {
        result.interfaces = items(keys, "interfaces", interface)?;
        result.ips = items(keys, "ips", ip)?;
        result.routes = items(keys, "routes", route)?;
    }
    Ok(result)
}

/// The items of a list. One that is `null` is passed over: the original's agent is known to write such routes.
fn items<T>(
    keys: &Keys<'_>,
    key: &str,
    read: impl Fn(&Field<'_>) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    keys.list(key)?.iter().filter(|field| *field.value() != Json::Null).map(read).collect()
}

fn interface(field: &Field<'_>) -> Result<Interface, Error> {
    let keys = field.keys()?;
    let text = |key| Ok::<_, Error>(keys.text(key)?.unwrap_or_default().to_owned());
    Ok(Interface {
        name: text("name")?,
        mac: text("mac")?,
        mtu: number(&keys, "mtu")?,
        sandbox: text("sandbox")?,
        socket_path: text("socketPath")?,
        pci_id: text("pciID")?,
    })
}

fn ip(field: &Field<'_>) -> Result<IpConfig, Error> {
    let keys = field.keys()?;
    Ok(IpConfig {
        address: required(&keys, "address", "an address/prefix length")?,
        gateway: address(&keys, "gateway")?,
        interface: number(&keys, "interface")?,
    })
}

pub(super) fn route(field: &Field<'_>) -> Result<Route, Error> {
    let keys = field.keys()?;
    Ok(Route {
        dst: required(&keys, "dst", "an address/prefix length")?,
        gw: address(&keys, "gw")?,
        mtu: number(&keys, "mtu")?,
        advmss: number(&keys, "advmss")?,
        priority: number(&keys, "priority")?,
        table: number(&keys, "table")?,
        scope: number(&keys, "scope")?,
    })
}

fn required<T: FromStr>(keys: &Keys<'_>, key: &str, wanted: &'static str) -> Result<T, Error> {
    let field = keys.get(key).ok_or_else(|| Error::MissingKey { path: keys.path_of(key), wanted })?;
    field.text()?.parse().map_err(|_| field.invalid("it is no address with a prefix length", wanted))
}

/// An address; empty text is none, as in Go.
fn address(keys: &Keys<'_>, key: &str) -> Result<Option<IpAddr>, Error> {
    let Some(field) = keys.get(key) else { return Ok(None) };
    match field.text()? {
        "" => Ok(None),
        text => {
            let ip: IpAddr = text.parse().map_err(|_| field.invalid("it is no address", "an address"))?;
            Ok(Some(ip.to_canonical()))
        }
    }
}

fn number(keys: &Keys<'_>, key: &str) -> Result<Option<u32>, Error> {
    let Some(field) = keys.get(key) else { return Ok(None) };
    let number = field.integer()?;
    u32::try_from(number).map(Some).map_err(|_| field.invalid("it is out of range", "0 to 4294967295"))
}
