//! Lists of range items (`ips`, `excludeIPs`) as texts: merging, and what is wrong with one item.
//!
//! Interval arithmetic throughout: a list costs by its items, never by the addresses in them.

use ipnet::IpNet;

use crate::addr::{Addr, Family};
use crate::cidr::canonical;
use crate::range::IpRange;
use crate::rangeset::RangeSet;

/// The list in canonical form: sorted, overlaps and neighbours joined. A list of one item stays as it is written; readers
/// parse, they never compare text. `None` when an item is malformed or of the other family: the list is then left alone,
/// so that a fault can name the item where the user wrote it.
pub(crate) fn merged(family: Family, items: &[String]) -> Option<Vec<String>> {
    if items.len() < 2 {
        return Some(items.to_vec());
    }
    let ranges: Result<Vec<IpRange>, _> = items.iter().map(|item| item.parse()).collect();
    let set = RangeSet::from_ranges(family, ranges.ok()?).ok()?;
    Some(set.ranges().map(|range| range.to_string()).collect())
}

/// Reads one item of a pool, `subnet` being the pool's if that is known.
///
/// The error says what is wrong in the words of the Go original, then what would be accepted.
pub(crate) fn pool_item(item: &str, subnet: Option<&IpNet>) -> Result<IpRange, String> {
    let (first, last) = bounds(item).map_err(|problem| format!("{problem}, {}", accepted(subnet)))?;
    if let Some(net) = subnet {
        let space = IpRange::of_net(net);
        for address in [first, last] {
            if !space.contains(address) {
                return Err(format!("not match base subnet: {address}, {}", accepted(subnet)));
            }
        }
    } else if first.family() != last.family() {
        return Err(format!("invalid range: {item}, want both bounds of one family"));
    }
    IpRange::new(first, last)
        .map_err(|_| format!("invalid range: {item}, bounds are reversed, want {last}-{first}"))
}

/// The two bounds of an item, in the order in which they are written.
pub(crate) fn bounds(item: &str) -> Result<(Addr, Addr), String> {
    let parts: Vec<&str> = item.split('-').collect();
    let address = |text: &str| text.parse::<Addr>().map_err(|_| format!("invalid IP address: {text}"));
    match parts.as_slice() {
        _ if item.contains('/') => Err(format!("invalid range: {item}")),
        [one] => address(one).map(|addr| (addr, addr)),
        [first, last] => Ok((address(first)?, address(last)?)),
        _ => Err(format!("invalid range: {item}")),
    }
}

fn accepted(subnet: Option<&IpNet>) -> String {
    match subnet {
        Some(net) => format!("want A or A-B inside {}", canonical(net)),
        None => "want A or A-B".to_owned(),
    }
}
