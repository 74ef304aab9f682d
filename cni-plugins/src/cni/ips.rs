//! An address that somebody asks for: `IP` of `CNI_ARGS`, `args.cni.ips`, the `ips` capability.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use super::error::Malformed;

/// An address with or without a prefix length (conventions: `<ip>[/<prefix>]`).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RequestedIp {
    addr: IpAddr,
    prefix: Option<u8>,
}

impl RequestedIp {
    /// The address.
    pub fn addr(&self) -> IpAddr {
        self.addr
    }

    /// The prefix length, if one was given.
    pub fn prefix(&self) -> Option<u8> {
        self.prefix
    }
}

const NOT_AN_IP: Malformed =
    Malformed { problem: "it is no address", accepted: "an address, or an address/prefix length" };

/// The same text would stand for either family, as in `ipam-core`.
const MAPPED: Malformed =
    Malformed { problem: "it is an IPv4-mapped IPv6 address", accepted: "the IPv4 address by itself" };

impl FromStr for RequestedIp {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let (addr, prefix) = match text.split_once('/') {
            Some((addr, prefix)) => (addr, Some(prefix)),
            None => (text, None),
        };
        let addr: IpAddr = addr.parse().map_err(|_| NOT_AN_IP)?;
        let max = if addr.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            // `u8::from_str` takes a leading plus.
            Some(prefix) if prefix.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(prefix.parse::<u8>().ok().filter(|prefix| *prefix <= max).ok_or(NOT_AN_IP)?)
            }
            Some(_) => return Err(NOT_AN_IP),
            None => None,
        };
        if addr.is_ipv6() && addr.to_canonical().is_ipv4() {
            return Err(MAPPED);
        }
        Ok(Self { addr, prefix })
    }
}

impl fmt::Display for RequestedIp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.prefix {
            Some(prefix) => write!(f, "{}/{prefix}", self.addr),
            None => write!(f, "{}", self.addr),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        for (text, want) in [
            ("10.0.0.1", "10.0.0.1"),
            ("10.0.0.1/24", "10.0.0.1/24"),
            ("10.0.0.1/0", "10.0.0.1/0"),
            ("FD00::0001", "fd00::1"),
            ("fd00::1/128", "fd00::1/128"),
        ] {
            assert_eq!(text.parse::<RequestedIp>().unwrap().to_string(), want);
        }
        for bad in [
            "",
            "10.0.0",
            "10.0.0.01",
            "10.0.0.1/",
            "10.0.0.1/33",
            "10.0.0.1/+8",
            "10.0.0.1/8/8",
            "fd00::1/129",
            "fe80::1%eth0",
            " 10.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:10.0.0.1/120",
            "10.0.0.1-10.0.0.2",
            "10.0.0.1/256",
        ] {
            assert!(bad.parse::<RequestedIp>().is_err(), "{bad:?}");
        }
    }
}
