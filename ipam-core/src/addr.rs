//! One IP address of either family as a number.
//!
//! Everything about pools is arithmetic: the next address, the distance of two, the end of a range. [`Addr`] keeps the
//! family beside the 32 or 128 bits as a `u128`, so that both families share one arithmetic, and stepping past an end
//! is a `None`, never a wrap.
//!
//! The grammar is that of Go's `net.ParseIP`, which the API of the original uses, with one refusal added: IPv4-mapped
//! IPv6 text (`::ffff:10.0.0.1`). Go reads it as IPv4, so the same text would pass for either family.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::error::Error;

/// An IP version. IPv4 sorts before IPv6.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Family {
    /// 32-bit addresses.
    V4,
    /// 128-bit addresses.
    V6,
}

impl Family {
    /// The version number as `spec.ipVersion` writes it: 4 or 6.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::V4 => 4,
            Self::V6 => 6,
        }
    }

    /// The family of a version number; anything but 4 and 6 is `None`.
    #[must_use]
    pub const fn from_number(number: i64) -> Option<Self> {
        match number {
            4 => Some(Self::V4),
            6 => Some(Self::V6),
            _ => None,
        }
    }

    /// The highest address as a number: 2^32 - 1 or 2^128 - 1.
    #[must_use]
    pub const fn max_bits(self) -> u128 {
        match self {
            Self::V4 => 0xffff_ffff,
            Self::V6 => u128::MAX,
        }
    }

    /// The longest prefix: 32 or 128.
    #[must_use]
    pub const fn prefix_max(self) -> u8 {
        match self {
            Self::V4 => 32,
            Self::V6 => 128,
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

/// The version number, 4 or 6.
#[cfg(feature = "serde")]
impl serde::Serialize for Family {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(self.number())
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Family {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = i64::deserialize(deserializer)?;
        let unknown = || serde::de::Error::custom(format_args!("IP version {number}, want 4 or 6"));
        Self::from_number(number).ok_or_else(unknown)
    }
}

/// An IPv4 or IPv6 address, without zone or prefix length. Sorts by family, then by number.
///
/// ```
/// use ipam_core::Addr;
/// let addr: Addr = "FD00:0::0001".parse()?;
/// assert_eq!(addr.to_string(), "fd00::1");
/// assert_eq!(addr.next(), Some("fd00::2".parse()?));
/// assert_eq!("255.255.255.255".parse::<Addr>()?.next(), None);
/// # Ok::<(), ipam_core::Error>(())
/// ```
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Addr {
    // The order of the fields is the order of addresses.
    family: Family,
    /// At most `family.max_bits()`.
    bits: u128,
}

impl Addr {
    /// The address with this number, or `None` when an IPv4 number has more than 32 bits.
    ///
    /// An IPv6 number is taken as it is, also within `::ffff:0:0/96`: arithmetic must be able to pass through that
    /// block. Text and [`From<IpAddr>`] never yield such an address.
    #[must_use]
    pub const fn new(family: Family, bits: u128) -> Option<Self> {
        if bits <= family.max_bits() { Some(Self { family, bits }) } else { None }
    }

    /// For numbers that are known to fit; in a release build one that does not becomes the family's last address.
    pub(crate) const fn clamped(family: Family, bits: u128) -> Self {
        debug_assert!(bits <= family.max_bits(), "an address number must fit its family");
        let max = family.max_bits();
        Self { family, bits: if bits > max { max } else { bits } }
    }

    /// The first address of the family: `0.0.0.0` or `::`.
    #[must_use]
    pub const fn first_of(family: Family) -> Self {
        Self { family, bits: 0 }
    }

    /// The last address of the family.
    #[must_use]
    pub const fn last_of(family: Family) -> Self {
        Self { family, bits: family.max_bits() }
    }

    /// IPv4 or IPv6.
    #[must_use]
    pub const fn family(self) -> Family {
        self.family
    }

    /// The address as a number; the first octet is the most significant of the 32 or 128 bits.
    #[must_use]
    pub const fn bits(self) -> u128 {
        self.bits
    }

    /// The same address as the standard library's type.
    #[must_use]
    pub fn to_ip(self) -> IpAddr {
        match (self.family, u32::try_from(self.bits)) {
            (Family::V4, Ok(bits)) => IpAddr::V4(Ipv4Addr::from_bits(bits)),
            // The second case cannot be: the constructors keep IPv4 within 32 bits.
            (Family::V4, Err(_)) => IpAddr::V4(Ipv4Addr::BROADCAST),
            (Family::V6, _) => IpAddr::V6(Ipv6Addr::from_bits(self.bits)),
        }
    }

    /// The following address, or `None` after the family's last one.
    #[must_use]
    pub const fn next(self) -> Option<Self> {
        match self.bits.checked_add(1) {
            Some(bits) => Self::new(self.family, bits),
            None => None,
        }
    }

    /// The preceding address, or `None` before the family's first one.
    #[must_use]
    pub const fn prev(self) -> Option<Self> {
        match self.bits.checked_sub(1) {
            Some(bits) => Self::new(self.family, bits),
            None => None,
        }
    }

    /// The 4 or 16 octets in network order.
    #[must_use]
    pub fn octets(self) -> Vec<u8> {
        match self.to_ip() {
            IpAddr::V4(ip) => ip.octets().to_vec(),
            IpAddr::V6(ip) => ip.octets().to_vec(),
        }
    }

    /// The inverse of [`Addr::octets`]: 4 or 16 octets in network order, any other number of them is `None`.
    #[must_use]
    pub fn from_octets(octets: &[u8]) -> Option<Self> {
        if let Ok(octets) = <[u8; 4]>::try_from(octets) {
            return Some(Self::of_v4(Ipv4Addr::from(octets)));
        }
        <[u8; 16]>::try_from(octets).ok().map(|octets| Self::of_v6(Ipv6Addr::from(octets)))
    }

    /// Whether this is an IPv6 number within `::ffff:0:0/96`, which Go processes print and read as IPv4.
    #[must_use]
    pub const fn is_ipv4_mapped(self) -> bool {
        matches!(self.family, Family::V6) && self.bits >> 32 == 0xffff
    }

    pub(crate) fn of_v4(ip: Ipv4Addr) -> Self {
        Self { family: Family::V4, bits: u128::from(ip.to_bits()) }
    }

    pub(crate) fn of_v6(ip: Ipv6Addr) -> Self {
        Self { family: Family::V6, bits: ip.to_bits() }
    }

    /// Parses, or says what is wrong; the caller knows of what the text is a part.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        match text.parse::<IpAddr>() {
            Ok(IpAddr::V4(ip)) => Ok(Self::of_v4(ip)),
            Ok(IpAddr::V6(ip)) => {
                let addr = Self::of_v6(ip);
                if addr.is_ipv4_mapped() { Err("it is IPv4-mapped, write it as IPv4") } else { Ok(addr) }
            }
            Err(_) => Err(problem_of(text)),
        }
    }
}

/// Names the usual mistakes in a text that is known not to parse.
fn problem_of(text: &str) -> &'static str {
    if text.is_empty() {
        "it is empty"
    } else if text.chars().any(char::is_whitespace) {
        "it holds blanks"
    } else if text.contains('/') {
        "it has a prefix length"
    } else if text.contains('%') {
        "it has a zone"
    } else if text.contains(':') {
        "it is not IPv6 text"
    } else if text.split('.').count() == 4 && text.bytes().all(|b| b == b'.' || b.is_ascii_digit()) {
        if text.split('.').any(|octet| octet.len() > 1 && octet.starts_with('0')) {
            "an octet has leading zeros"
        } else {
            "an octet is not a number from 0 to 255"
        }
    } else {
        "it is neither IPv4 nor IPv6 text"
    }
}

impl From<IpAddr> for Addr {
    /// An IPv4-mapped IPv6 address becomes IPv4, as Go treats it.
    fn from(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(ip) => Self::of_v4(ip),
            IpAddr::V6(ip) => Self::of_v6(ip),
        }
    }
}

impl From<Addr> for IpAddr {
    fn from(addr: Addr) -> Self {
        addr.to_ip()
    }
}

impl FromStr for Addr {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text).map_err(|problem| Error::InvalidAddress { text: text.to_owned(), problem })
    }
}

impl fmt::Display for Addr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_ip().fmt(f)
    }
}

impl fmt::Debug for Addr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Addr {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Addr {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
