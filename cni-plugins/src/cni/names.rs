//! Names that a runtime hands over: network, container, interface.

use std::fmt;
use std::str::FromStr;

use super::error::Malformed;

/// Specification, section 2: an alphanumeric character, then alphanumeric characters, `_`, `.` or `-`.
const ACCEPTED_ID: &str = "a letter or digit, then letters, digits, '_', '.' or '-'";
const ACCEPTED_IF_NAME: &str = "1 to 15 bytes without '/', ':' or white space, not '.' or '..'";

/// Room in the kernel's `IFNAMSIZ` (16), less the closing NUL.
const IF_NAME_BYTES_MAX: usize = 15;

fn check_id(text: &str) -> Result<(), Malformed> {
    let refuse = |problem| Err(Malformed { problem, accepted: ACCEPTED_ID });
    let mut bytes = text.bytes();
    match bytes.next() {
        None => return refuse("it is empty"),
        Some(first) if !first.is_ascii_alphanumeric() => {
            return refuse("it does not begin with a letter or digit");
        }
        Some(_) => {}
    }
    if bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-')) {
        Ok(())
    } else {
        refuse("it holds a character that is not allowed")
    }
}

fn check_if_name(text: &str) -> Result<(), Malformed> {
    let refuse = |problem| Err(Malformed { problem, accepted: ACCEPTED_IF_NAME });
    if text.is_empty() {
        refuse("it is empty")
    } else if text.len() > IF_NAME_BYTES_MAX {
        refuse("it is longer than 15 bytes")
    } else if matches!(text, "." | "..") {
        refuse("it is '.' or '..'")
    } else if text.chars().any(|c| matches!(c, '/' | ':' | '\0') || c.is_whitespace()) {
        refuse("it holds '/', ':' or white space")
    } else {
        Ok(())
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $check:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name(String);

        impl $name {
            /// The name as it was given.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = Malformed;

            fn from_str(text: &str) -> Result<Self, Malformed> {
                $check(text)?;
                Ok(Self(text.to_owned()))
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// The `name` of a network configuration: a letter or digit, then letters, digits, `_`, `.` or `-`.
    NetworkName,
    check_id
);
name!(
    /// `CNI_CONTAINERID`: same grammar as a network name.
    ContainerId,
    check_id
);
name!(
    /// `CNI_IFNAME`: what the kernel takes as an interface name.
    IfName,
    check_if_name
);

/// One attachment of a container to a network: unique within the network.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Attachment {
    /// Whose.
    pub container_id: ContainerId,
    /// By which interface.
    pub if_name: IfName,
}

impl fmt::Display for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.container_id, self.if_name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids() {
        for good in ["a", "0", "a-b_c.d", "A1", &"f".repeat(64)] {
            assert_eq!(good.parse::<ContainerId>().unwrap().as_str(), good);
            assert_eq!(good.parse::<NetworkName>().unwrap().to_string(), good);
        }
        for bad in ["", "-a", ".a", "_a", "a/b", "a b", "a\n", "ä", "a:b"] {
            assert!(bad.parse::<ContainerId>().is_err(), "{bad:?}");
            assert!(bad.parse::<NetworkName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn interface_names() {
        for good in ["a", "eth0", "fifteen-bytes-0", "a.b", "...", "-", "é"] {
            assert_eq!(good.parse::<IfName>().unwrap().as_str(), good);
        }
        for bad in ["", ".", "..", "sixteen-bytes-00", "a/b", "a:b", "a b", "a\t", "a\u{a0}", "a\0"] {
            assert!(bad.parse::<IfName>().is_err(), "{bad:?}");
        }
    }
}
