//! Whether a key spells its address as we do, without writing the address out: a status is read at every request, and writing
//! costs as much as all the rest of an entry.

use crate::addr::{Addr, Family};

/// Whether a key names an address in other letters than ours. The key is known to be a spelling of the address.
pub(super) fn is_odd(key: &str, address: Option<Addr>) -> bool {
    match address {
        None => false,
        // A dotted quad has one spelling, since leading zeros are refused. In any other spelling it is an IPv6 address.
        Some(address) if address.family() == Family::V4 => key.contains(':'),
        Some(address) => !is_canonical(key, address.bits()),
    }
}

/// RFC 5952, section 4: lower case, no leading zeros, and `::` for the longest run of at least two zeros, of equal ones the first.
fn is_canonical(key: &str, bits: u128) -> bool {
    let (mut before, mut behind, mut is_cut) = (0_usize, 0_usize, false);
    let mut is_start = true;
    let mut bytes = key.bytes().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b':' => {
                is_cut |= bytes.next_if_eq(&b':').is_some();
                is_start = true;
            }
            b'0' if is_start && bytes.peek().is_some_and(|next| *next != b':') => return false,
            b'0'..=b'9' | b'a'..=b'f' => {
                let groups = if is_cut { &mut behind } else { &mut before };
                *groups += usize::from(is_start);
                is_start = false;
            }
            _ => return false,
        }
    }
    match longest_zeros(bits) {
        None => !is_cut,
        Some((start, len)) => is_cut && before == start && behind == 8 - start - len,
    }
}

/// Where the longest run of at least two groups of zeros begins, and how many it has.
fn longest_zeros(bits: u128) -> Option<(usize, usize)> {
    let mut best = (0, 1);
    let mut run = (0, 0);
    for (index, group) in bits.to_be_bytes().chunks_exact(2).enumerate() {
        run = match group {
            [0, 0] if run.1 > 0 => (run.0, run.1 + 1),
            [0, 0] => (index, 1),
            _ => (0, 0),
        };
        if run.1 > best.1 {
            best = run;
        }
    }
    (best.1 > 1).then_some(best)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::address_of;
    use super::is_odd;
    use crate::addr::{Addr, Family};

    fn check(key: &str) -> Result<(), TestCaseError> {
        for family in [Family::V4, Family::V6] {
            if let Some(address) = address_of(family, key) {
                let is_ours = address.to_string() == key;
                prop_assert_eq!(is_odd(key, Some(address)), !is_ours, "{} as {}", key, family);
            }
        }
        Ok(())
    }

    #[test]
    fn known_spellings() {
        for key in [
            "::",
            "::1",
            "1::",
            "0::",
            "::0",
            "fd00::1",
            "FD00::1",
            "fd00::01",
            "fd00:0::1",
            "fd00::0:1",
            "1:0:0:2:0:0:0:3",
            "1:0:0:2::3",
            "1::2:0:0:0:3",
            "1::2:0:0:3:4",
            "1:0:0:2::3:4",
            "1:0:2:3:4:5:6:7",
            "1::2:3:4:5:6:7",
            "::102:304",
            "::1.2.3.4",
            "::ffff:1.2.3.4",
            "::ffff:102:304",
            "1.2.3.4",
            "64:ff9b::1.2.3.4",
            "0:0:0:0:0:0:0:0",
            "1:2:3:4:5:6::",
            "1:2:3:4:5:6:0:0",
            "::3:4:5:6:7:8",
        ] {
            check(key).unwrap();
            assert!(key.parse::<std::net::IpAddr>().is_ok(), "{key}");
        }
    }

    proptest! {
        #[test]
        fn it_is_odd_unless_we_would_write_it_so(
            groups in prop::array::uniform8(prop_oneof![3 => Just(0_u16), 1 => 0_u16..0x20, 1 => any::<u16>()]),
            cut in prop::option::of((0_usize..8, 1_usize..8)),
            width in 0_usize..3,
        ) {
            let [a, b, c, d, e, f, g, h] = groups;
            let ip = std::net::Ipv6Addr::new(a, b, c, d, e, f, g, h);
            check(&Addr::from(std::net::IpAddr::V6(ip)).to_string())?;
            let text: Vec<String> = groups.iter().map(|group| format!("{group:0width$x}")).collect();
            let key = match cut {
                Some((from, len)) if groups.iter().skip(from).take(len).all(|group| *group == 0) => {
                    let (before, behind) = (&text[..from], &text[(from + len).min(8)..]);
                    format!("{}::{}", before.join(":"), behind.join(":"))
                }
                _ => text.join(":"),
            };
            check(&key)?;
            check(&key.to_uppercase())?;
        }
    }
}
