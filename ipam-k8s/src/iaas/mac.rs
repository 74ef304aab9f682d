//! Hardware addresses and VLANs, as a cloud gives them.

use std::fmt;
use std::num::NonZeroU16;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// The hardware address of one Ethernet interface: not all zeros, and no group's.
///
/// ```
/// use ipam_k8s::iaas::Mac;
/// let mac: Mac = "FA-16-3E-00-00-0A".parse()?;
/// assert_eq!(mac.to_string(), "fa:16:3e:00:00:0a");
/// # Ok::<(), ipam_k8s::iaas::MacError>(())
/// ```
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Mac([u8; 6]);

/// A text that is no hardware address of an interface.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{value:?} is no hardware address of an interface; want six bytes such as fa:16:3e:00:00:0a")]
pub struct MacError {
    /// The text.
    pub value: String,
}

impl FromStr for Mac {
    type Err = MacError;

    fn from_str(text: &str) -> Result<Self, MacError> {
        let separator = if text.contains('-') { '-' } else { ':' };
        let mut bytes = [0; 6];
        let mut pairs = text.split(separator);
        let is_read = bytes.iter_mut().all(|byte| {
            let pair =
                pairs.next().filter(|pair| pair.len() == 2 && pair.bytes().all(|c| c.is_ascii_hexdigit()));
            pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()).is_some_and(|value| {
                *byte = value;
                true
            })
        });
        let [first, ..] = bytes;
        let is_group = first & 1 == 1;
        if is_read && pairs.next().is_none() && bytes != [0; 6] && !is_group {
            Ok(Self(bytes))
        } else {
            Err(MacError { value: text.to_owned() })
        }
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Mac {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A VLAN: 1 to 4094.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Vlan(NonZeroU16);

impl Vlan {
    const MAX: u16 = 4094;

    /// The VLAN of a number; `None` for one that no frame can have.
    #[must_use]
    pub fn new(number: i64) -> Option<Self> {
        let number = u16::try_from(number).ok().filter(|number| *number <= Self::MAX)?;
        NonZeroU16::new(number).map(Self)
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0.get()
    }
}

impl fmt::Display for Vlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_interfaces_only() {
        for (text, want) in
            [("fa:16:3e:00:00:0a", "fa:16:3e:00:00:0a"), ("0A-1b-00-00-00-01", "0a:1b:00:00:00:01")]
        {
            assert_eq!(text.parse::<Mac>().unwrap().to_string(), want);
        }
        for text in [
            "",
            "fa:16:3e:00:00",
            "fa:16:3e:00:00:0a:0b",
            "fa:16:3e:00:00:0g",
            "fa:16:3e:00:00:+a",
            "fa:16:3e:0:0:0a",
            "fa:16-3e:00:00:0a",
            "fa163e00000a",
            "00:00:00:00:00:00",
            "ff:ff:ff:ff:ff:ff",
            "01:00:5e:00:00:01",
            " fa:16:3e:00:00:0a",
            "fa:16:3e:00:00:0é",
        ] {
            assert_eq!(text.parse::<Mac>(), Err(MacError { value: text.to_owned() }), "{text}");
        }
    }

    #[test]
    fn vlans_that_frames_can_have() {
        assert_eq!([1, 4094].map(|number| Vlan::new(number).unwrap().number()), [1, 4094]);
        for number in [0, -1, 4095, 65_537, i64::MAX] {
            assert_eq!(Vlan::new(number), None, "{number}");
        }
    }
}
