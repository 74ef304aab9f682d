//! What an ADD answers: interfaces, addresses, routes, DNS.
//!
//! One type for all versions. The wire form is chosen when a result is written ([`CniResult::to_json`]), and recognised
//! when one is read, so that a plugin never sees the difference:
//!
//! | Versions | Form |
//! |---|---|
//! | 0.1.0, 0.2.0 | `ip4` and `ip6`, one address each with its routes |
//! | 0.3.0, 0.3.1, 0.4.0 | `interfaces`, `ips` with `version` `"4"` or `"6"`, `routes` |
//! | 1.0.0, 1.1.0 | the same without `version`; interfaces with `mtu`, `socketPath`, `pciID` |
//!
//! `mtu`, `advmss`, `priority`, `table` and `scope` of a route came with 1.1.0. They are written in every list form where
//! they are set, as the reference implementation does: readers of the older versions pass over keys they don't know, and a
//! main plugin that knows them would lose the route's meaning. The fields that do not fit an older form are left out.
//!
//! `dns` is always written, be it empty, as the original's plugins do.

mod wire;

use std::net::IpAddr;

use ipnet::IpNet;
use serde::Serialize;

use super::error::Error;
use super::json::{Field, Json, Keys};
use super::version::CniVersion;

/// The outcome of an ADD, and the `prevResult` of the operations after it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct CniResult {
    /// Interfaces of the attachment, on the host too. An IPAM plugin has none.
    pub interfaces: Vec<Interface>,
    /// Addresses.
    pub ips: Vec<IpConfig>,
    /// Routes.
    pub routes: Vec<Route>,
    /// Name servers and the like.
    pub dns: Dns,
}

/// An interface of the attachment.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Hardware address.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub mac: String,
    /// Since 1.1.0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
    /// Path of the network namespace; empty on the host.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sandbox: String,
    /// Since 1.1.0.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub socket_path: String,
    /// Since 1.1.0.
    #[serde(rename = "pciID", skip_serializing_if = "String::is_empty")]
    pub pci_id: String,
}

/// An address of the attachment.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IpConfig {
    /// Address and prefix length of its subnet.
    pub address: IpNet,
    /// The subnet's gateway.
    pub gateway: Option<IpAddr>,
    /// Index into [`CniResult::interfaces`]. An IPAM plugin has none.
    pub interface: Option<u32>,
}

/// A route of the attachment.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Route {
    /// Destination.
    pub dst: IpNet,
    /// Next hop; without one, a gateway of [`CniResult::ips`] may be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gw: Option<IpAddr>,
    /// MTU of the path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
    /// MSS to advertise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advmss: Option<u32>,
    /// Lower is preferred.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<u32>,
    /// The table to put it in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<u32>,
    /// 0 global, 253 link, 254 host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<u32>,
}

/// What resolvers want to know.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Dns {
    /// Addresses of name servers, most wanted first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nameservers: Vec<String>,
    /// Local domain.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub domain: String,
    /// Search domains, most wanted first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub search: Vec<String>,
    /// Options for the resolver.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
}

impl CniResult {
    /// Writes the form of `version`, on one line.
    ///
    /// # Errors
    /// [`Error::ResultWithoutAddress`]: 0.1.0 and 0.2.0 cannot say *no address*.
    pub fn to_json(&self, version: CniVersion) -> Result<String, Error> {
        wire::write(self, version)
    }

    /// Reads a result in the form of its own `cniVersion`; `default` stands in for one that is not there.
    ///
    /// # Errors
    /// [`Error::NotJson`], [`Error::WrongType`], [`Error::InvalidValue`], [`Error::MissingKey`].
    pub fn parse(bytes: &[u8], default: CniVersion) -> Result<Self, Error> {
        let json = Json::parse(bytes)?;
        wire::read(&json.keys()?, default)
    }

    /// Reads a result that is a value in something else.
    ///
    /// # Errors
    /// As [`CniResult::parse`], less [`Error::NotJson`].
    pub fn from_field(field: &Field<'_>, default: CniVersion) -> Result<Self, Error> {
        wire::read(&field.keys()?, default)
    }
}

impl Route {
    /// A route of destination and next hop alone.
    pub fn new(dst: IpNet, gw: Option<IpAddr>) -> Self {
        Self { dst, gw, mtu: None, advmss: None, priority: None, table: None, scope: None }
    }

    /// Reads a route, also one of a plugin's own configuration.
    ///
    /// # Errors
    /// [`Error::WrongType`], [`Error::InvalidValue`], [`Error::MissingKey`].
    pub fn from_field(field: &Field<'_>) -> Result<Self, Error> {
        wire::route(field)
    }
}

impl Dns {
    /// Whether nothing is set.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Reads the `dns` key of `keys`, empty if it is not there.
    ///
    /// # Errors
    /// [`Error::WrongType`].
    pub fn from_keys(keys: &Keys<'_>) -> Result<Self, Error> {
        let Some(dns) = keys.object("dns")? else { return Ok(Self::default()) };
        Ok(Self {
            nameservers: dns.texts("nameservers")?,
            domain: dns.text("domain")?.unwrap_or_default().to_owned(),
            search: dns.texts("search")?,
            options: dns.texts("options")?,
        })
    }
}

#[cfg(test)]
mod tests;
