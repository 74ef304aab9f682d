//! Other pools, and what a pool must not share with them.

use ipnet::IpNet;

use super::{MAX_NAMED, named};
use crate::addr::Family;
use crate::cidr::{canonical, net_family, nets_overlap, parse_net};
use crate::fault::Fault;
use crate::items::{bounds, pool_item, strict_total};
use crate::pool::{PoolFields, PoolSpec};
use crate::range::IpRange;
use crate::rangeset::RangeSet;

/// Another pool, as it is stored: accepted by us ([`Peer::from`] a [`PoolSpec`]) or by whatever wrote it
/// ([`Peer::stored`]). A terminating pool is a peer too.
///
/// The family is derived where it is absent, and peers are found by their subnet, not by a label, so that objects written
/// while no webhook was installed count as well.
#[derive(Clone, Copy, Debug)]
pub struct Peer<'a> {
    name: &'a str,
    fields: &'a PoolFields,
    checked: Option<&'a PoolSpec>,
}

impl<'a> From<&'a PoolSpec> for Peer<'a> {
    fn from(spec: &'a PoolSpec) -> Self {
        Self { name: spec.name().as_str(), fields: spec.fields(), checked: Some(spec) }
    }
}

impl<'a> Peer<'a> {
    /// A pool of which nothing is known but that it is stored.
    #[must_use]
    pub const fn stored(name: &'a str, fields: &'a PoolFields) -> Self {
        Self { name, fields, checked: None }
    }

    pub(super) const fn name(&self) -> &'a str {
        self.name
    }

    /// The peer's network, unless it is of another family or cannot be read: then there is nothing to compare.
    fn net(&self, family: Family) -> Option<IpNet> {
        if let Some(spec) = self.checked {
            return (spec.family() == family).then(|| spec.subnet());
        }
        let net = parse_net(&self.fields.subnet)?.trunc();
        (net_family(&net) == family && self.fields.family() == Some(family)).then_some(net)
    }

    /// A fault if the networks overlap without being equal.
    pub(super) fn subnet_fault(&self, net: &IpNet) -> Option<Fault> {
        let other = self.net(net_family(net))?;
        (other != *net && nets_overlap(&other, net)).then(|| {
            let detail =
                format!("overlap with IPPool {} which 'spec.subnet' is {}", self.name, self.fields.subnet);
            Fault::invalid("spec.subnet", canonical(net), detail)
        })
    }

    /// A fault if both pools are of one network and could hand out the same address, or if nobody can tell.
    pub(super) fn ranges_fault(&self, net: &IpNet, own: &RangeSet) -> Option<Fault> {
        let other = self.net(net_family(net)).filter(|other| other == net)?;
        let ranges = match self.allocatable(&other) {
            Ok(ranges) => ranges,
            Err(detail) => {
                let detail = format!("{detail}, in IPPool {}", self.name);
                return Some(Fault::invalid("spec.subnet", &self.fields.subnet, detail));
            }
        };
        if !own.overlaps(&ranges) {
            return None;
        }
        let clashes = self.clashes(own, &ranges);
        let detail = format!(
            "overlap with IPPool {} in IP ranges {}, total IP addresses of an IPPool are jointly determined by \
             'spec.ips' and 'spec.excludeIPs'",
            self.name,
            named(&clashes),
        );
        Some(Fault::forbidden("spec.ips", detail))
    }

    /// The fault of a new SpiderSubnet of this network that the pool would be an orphan in: their networks overlap and are
    /// not written alike, since a subnet adopts pools by the text of `spec.subnet`.
    pub(super) fn orphan_fault(&self, net: &IpNet, written: &str) -> Option<Fault> {
        let other = self.net(net_family(net))?;
        (self.fields.subnet != written && nets_overlap(&other, net)).then(|| {
            let detail = format!(
                "overlap with SpiderIPPool '{}' resource 'spec.subnet' {}",
                self.name, self.fields.subnet
            );
            Fault::invalid("spec.subnet", written, detail)
        })
    }

    /// Whether a SpiderSubnet of this text adopts the pool.
    pub(super) fn is_of(&self, family: Family, written: &str) -> bool {
        self.fields.family() == Some(family) && self.fields.subnet == written
    }

    /// What the pool holds, read strictly: a reversed item is an error here.
    pub(super) fn total(&self, family: Family) -> Result<RangeSet, String> {
        match self.checked {
            Some(spec) => Ok(spec.allocatable().clone()),
            None => strict_total(family, &self.fields.ips, &self.fields.exclude_ips),
        }
    }

    /// Whether the pool is of this network and may hand out some of these addresses.
    pub(super) fn meets(&self, net: &IpNet, addresses: &RangeSet) -> bool {
        let other = self.net(net_family(net)).filter(|other| other == net);
        let ranges = other.and_then(|other| self.allocatable(&other).ok());
        ranges.is_some_and(|ranges| ranges.overlaps(addresses))
    }

    /// The peer's ranges that meet `own`, one for each pair, spelled as in the peer where it has them as an item.
    fn clashes(&self, own: &RangeSet, ranges: &RangeSet) -> Vec<String> {
        let spelled: Vec<(IpRange, &String)> =
            self.fields.ips.iter().filter_map(|item| Some((read_loosely(item)?, item))).collect();
        let text = |range: IpRange| {
            let item = spelled.iter().find(|(read, _)| *read == range);
            item.map_or_else(|| range.to_string(), |(_, item)| (*item).clone())
        };
        let mut clashes = Vec::new();
        let mut others = ranges.ranges().peekable();
        for mine in own.ranges() {
            while others.next_if(|other| other.last() < mine.first()).is_some() {}
            // The last one that meets `mine` may meet the next range as well: it is looked at, not taken.
            while let Some(other) = others.peek().copied().filter(|other| other.first() <= mine.last()) {
                clashes.push(if clashes.len() < MAX_NAMED { text(other) } else { String::new() });
                if other.last() > mine.last() {
                    break;
                }
                others.next();
            }
        }
        clashes
    }

    /// What the peer may hand out. A reversed item, which the Go original admits, counts as if its bounds were in order;
    /// a reversed exclude takes nothing away. Both err on the side of a clash.
    fn allocatable(&self, net: &IpNet) -> Result<RangeSet, String> {
        if let Some(spec) = self.checked {
            return Ok(spec.allocatable().clone());
        }
        let mut set = RangeSet::empty(net_family(net));
        for item in &self.fields.ips {
            set.insert(read_in(item, net)?.0);
        }
        for item in &self.fields.exclude_ips {
            if let (range, false) = read_in(item, net)? {
                set.remove(range);
            }
        }
        Ok(set)
    }
}

/// An item of a peer, and whether its bounds were reversed.
fn read_in(item: &str, net: &IpNet) -> Result<(IpRange, bool), String> {
    match pool_item(item, Some(net)) {
        Ok(range) => Ok((range, false)),
        Err(detail) => {
            let swapped = read_loosely(item).filter(|range| {
                let space = IpRange::of_net(net);
                space.contains(range.first()) && space.contains(range.last())
            });
            swapped.map(|range| (range, true)).ok_or(detail)
        }
    }
}

fn read_loosely(item: &str) -> Option<IpRange> {
    let (first, last) = bounds(item).ok()?;
    IpRange::new(first.min(last), first.max(last)).ok()
}
