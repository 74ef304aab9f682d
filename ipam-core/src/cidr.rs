//! Networks as text: `address/prefix`.
//!
//! The grammar is that of Go's `net.ParseCIDR`, on which manifests rely: host bits, upper case and leading zeros in the
//! prefix length parse. Where only the canonical text will do (a pool's subnet) the caller compares with [`canonical`].

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::net::IpAddr;

use crate::addr::{Addr, Family};
use crate::range::IpRange;

/// Reads `address/prefix`, host bits kept.
pub(crate) fn parse_net(text: &str) -> Option<IpNet> {
    let (address, prefix) = text.split_once('/')?;
    let address: Addr = address.parse().ok()?;
    let prefix = parse_prefix(prefix)?;
    match address.to_ip() {
        IpAddr::V4(ip) => Ipv4Net::new(ip, prefix).ok().map(IpNet::V4),
        IpAddr::V6(ip) => Ipv6Net::new(ip, prefix).ok().map(IpNet::V6),
    }
}

/// Decimal digits only; leading zeros are tolerated, as Go does. Too large a number is none.
fn parse_prefix(text: &str) -> Option<u8> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits = text.trim_start_matches('0');
    if digits.is_empty() { Some(0) } else { digits.parse().ok() }
}

/// The family of a network.
pub(crate) fn net_family(net: &IpNet) -> Family {
    match net {
        IpNet::V4(_) => Family::V4,
        IpNet::V6(_) => Family::V6,
    }
}

/// The one canonical text of a network: host bits zero, canonical address, no leading zeros.
pub(crate) fn canonical(net: &IpNet) -> String {
    format!("{}/{}", IpRange::of_net(net).first(), net.prefix_len())
}

/// Whether two networks of one family share addresses.
pub(crate) fn nets_overlap(left: &IpNet, right: &IpNet) -> bool {
    left.contains(right) || right.contains(left)
}
