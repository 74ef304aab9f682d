//! A run of addresses, given by its first and last one.
//!
//! Both ends are included: a run that ends at `255.255.255.255` or at the last IPv6 address has no address after it
//! that could serve as an open end. This is also how the API writes ranges, `A-B`.

use std::fmt;
use std::str::FromStr;

use ipnet::IpNet;

use crate::addr::{Addr, Family};
use crate::error::Error;

/// Addresses of one family from `first` to `last`, both included; never empty. Sorts by `first`, then by `last`.
///
/// The text form is one item of `ips` or `excludeIPs`: `A` or `A-B`. A reversed range, a CIDR, blanks and two families
/// are refused. It prints canonically: a run of one as `A`, any longer run as `A-B`.
///
/// ```
/// use ipam_core::IpRange;
/// let range: IpRange = "10.6.0.1-10.6.0.9".parse()?;
/// assert_eq!(range.len(), 9);
/// assert!("10.6.0.9-10.6.0.1".parse::<IpRange>().is_err());
/// # Ok::<(), ipam_core::Error>(())
/// ```
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct IpRange {
    first: Addr,
    /// Same family as `first`, and not below it.
    last: Addr,
}

#[expect(clippy::len_without_is_empty, reason = "a range is never empty")]
impl IpRange {
    /// The run from `first` to `last`.
    ///
    /// # Errors
    /// [`Error::MixedFamilies`] when the families differ, [`Error::ReversedRange`] when `first` is above `last`.
    pub fn new(first: Addr, last: Addr) -> Result<Self, Error> {
        if first.family() != last.family() {
            Err(Error::MixedFamilies { address: last, wanted: first.family() })
        } else if first > last {
            Err(Error::ReversedRange { first, last })
        } else {
            Ok(Self { first, last })
        }
    }

    /// The run of this one address.
    #[must_use]
    pub const fn single(addr: Addr) -> Self {
        Self { first: addr, last: addr }
    }

    /// The block of IPv4-mapped IPv6 addresses, `::ffff:0:0/96` (RFC 4291, 2.5.5.2).
    pub(crate) const fn ipv4_mapped() -> Self {
        Self::of_bits(Family::V6, 0xffff_0000_0000, 0xffff_ffff_ffff)
    }

    /// All addresses of a family.
    #[must_use]
    pub const fn whole(family: Family) -> Self {
        Self { first: Addr::first_of(family), last: Addr::last_of(family) }
    }

    /// All addresses of a network, its network and broadcast addresses included; host bits do not matter.
    #[must_use]
    pub fn of_net(net: &IpNet) -> Self {
        match net {
            IpNet::V4(net) => Self { first: Addr::of_v4(net.network()), last: Addr::of_v4(net.broadcast()) },
            // Not by way of `From<IpAddr>`: a network around `::ffff:0:0/96` must stay IPv6 at both ends.
            IpNet::V6(net) => Self { first: Addr::of_v6(net.network()), last: Addr::of_v6(net.broadcast()) },
        }
    }

    /// From numbers that are known to be in order and to fit the family.
    pub(crate) const fn of_bits(family: Family, first: u128, last: u128) -> Self {
        debug_assert!(first <= last, "a range must not be reversed");
        Self { first: Addr::clamped(family, first), last: Addr::clamped(family, last) }
    }

    /// The lowest address.
    #[must_use]
    pub const fn first(self) -> Addr {
        self.first
    }

    /// The highest address.
    #[must_use]
    pub const fn last(self) -> Addr {
        self.last
    }

    /// IPv4 or IPv6.
    #[must_use]
    pub const fn family(self) -> Family {
        self.first.family()
    }

    /// Whether the address is one of the run; one of the other family never is.
    #[must_use]
    pub fn contains(self, addr: Addr) -> bool {
        self.first <= addr && addr <= self.last
    }

    /// The number of addresses. The whole IPv6 space has one more than `u128` can hold and gives `u128::MAX`.
    #[must_use]
    pub const fn len(self) -> u128 {
        (self.last.bits() - self.first.bits()).saturating_add(1)
    }
}

impl FromStr for IpRange {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let invalid = |problem| Error::InvalidRange { text: text.to_owned(), problem };
        if text.is_empty() {
            return Err(invalid("it is empty"));
        }
        if text.chars().any(char::is_whitespace) {
            return Err(invalid("it holds blanks"));
        }
        if text.contains('/') {
            return Err(invalid("it is in CIDR form"));
        }
        let Some((first, last)) = text.split_once('-') else {
            return Addr::parse(text).map(Self::single).map_err(invalid);
        };
        if last.contains('-') {
            return Err(invalid("it has more than one '-'"));
        }
        if first.is_empty() || last.is_empty() {
            return Err(invalid("a bound is missing"));
        }
        let bound = |text| Addr::parse(text).map_err(invalid);
        Self::new(bound(first)?, bound(last)?)
    }
}

impl fmt::Display for IpRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last { self.first.fmt(f) } else { write!(f, "{}-{}", self.first, self.last) }
    }
}

impl fmt::Debug for IpRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Addr> for IpRange {
    fn from(addr: Addr) -> Self {
        Self::single(addr)
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for IpRange {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for IpRange {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
