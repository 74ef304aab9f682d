//! Lists of range items (`ips`, `excludeIPs`) as texts: merging, and what is wrong with one item.
//!
//! Interval arithmetic throughout: a list costs by its items, never by the addresses in them.

use ipnet::IpNet;

use crate::addr::{Addr, Family};
use crate::cidr::{canonical, net_family};
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

/// Reads one item of reserved ranges or of a SpiderSubnet. The Go original uses another parser there than for pools, with
/// words of its own; `family` is the object's if that is known.
pub(crate) fn strict_item(item: &str, family: Option<Family>) -> Result<IpRange, String> {
    let place = family.map(|family| format!(" in {family}")).unwrap_or_default();
    let refused = |accepted: &str| format!("invalid IP range format{place} '{item}', want {accepted}");
    let range = item.parse::<IpRange>().map_err(|_| match bounds(item) {
        Ok((first, last)) if first.family() == last.family() && first > last => {
            refused(&format!("{last}-{first}"))
        }
        Ok(_) | Err(_) => refused("A or A-B"),
    })?;
    match family {
        Some(family) if range.family() != family => Err(refused(&format!("{family} addresses"))),
        Some(_) | None => Ok(range),
    }
}

/// One item of a SpiderSubnet, `subnet` being its own if that is known.
pub(crate) fn subnet_item(item: &str, subnet: Option<&IpNet>) -> Result<IpRange, String> {
    let range = strict_item(item, subnet.map(net_family))?;
    match subnet {
        Some(net) if !lies_in(range, net) => {
            let net = canonical(net);
            Err(format!("not pertains to the 'spec.subnet' {net} of IPPool, want A or A-B inside {net}"))
        }
        Some(_) | None => Ok(range),
    }
}

fn lies_in(range: IpRange, net: &IpNet) -> bool {
    let space = IpRange::of_net(net);
    space.contains(range.first()) && space.contains(range.last())
}

/// `ips` less `excluded`, for objects that nobody may have checked. The first malformed item is the error.
pub(crate) fn strict_total(family: Family, ips: &[String], excluded: &[String]) -> Result<RangeSet, String> {
    let read = |items: &[String]| {
        let mut set = RangeSet::empty(family);
        for item in items {
            set.insert(strict_item(item, Some(family))?);
        }
        Ok::<_, String>(set)
    };
    let ips = read(ips)?;
    Ok(usable(ips.difference(&read(excluded)?)))
}

/// Without `::ffff:a.b.c.d`: an IPv4 address in disguise (RFC 4291, 2.5.5.2), which no record could name.
pub(crate) fn usable(mut addresses: RangeSet) -> RangeSet {
    if addresses.family() == Family::V6 {
        addresses.remove(IpRange::ipv4_mapped());
    }
    addresses
}
