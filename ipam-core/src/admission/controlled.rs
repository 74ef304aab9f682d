//! What a pool must keep to when a SpiderSubnet controls it.

use ipnet::IpNet;

use super::metadata::Metadata;
use super::peer::Peer;
use super::stored::{Preallocated, StoredSubnet, Subnets};
use super::{FamilySettings, ObjectKind, named_ranges};
use crate::fault::Fault;
use crate::items::strict_total;
use crate::pool::{Examined, Origin, PoolFields, PoolName};
use crate::rangeset::RangeSet;

const JOINTLY: &str =
    "total IP addresses of an IPPool are jointly determined by 'spec.ips' and 'spec.excludeIPs'";

/// What a write to a pool is checked against, besides other pools. [`FamilySettings`] alone are the rules without
/// SpiderSubnets.
#[derive(Clone, Copy, Debug, Default)]
pub struct PoolRules<'a> {
    /// Which families are enabled.
    pub families: FamilySettings,
    /// The subnet that controls the pool.
    pub controller: Controller<'a>,
}

impl From<FamilySettings> for PoolRules<'_> {
    fn from(families: FamilySettings) -> Self {
        Self { families, controller: Controller::None }
    }
}

/// Which SpiderSubnet controls a pool. It is found by the **name** of the controlling owner, whatever the owner's kind.
#[derive(Clone, Copy, Debug, Default)]
pub enum Controller<'a> {
    /// The feature is off, or nothing controls the pool: an *orphan*.
    #[default]
    None,
    /// A controller is named, and there is no subnet of that name.
    Missing(&'a str),
    /// This subnet controls the pool.
    Subnet(&'a StoredSubnet<'a>),
}

impl<'a> Controller<'a> {
    /// The controller of a pool with this metadata, as it is after
    /// [`mutate_pool`](super::mutate_pool). `subnets` are to be read freshly, with their records.
    #[must_use]
    pub fn of(metadata: &'a Metadata, subnets: Subnets<'a>) -> Self {
        let (Subnets::On(subnets), Some(controller)) = (subnets, &metadata.controller) else {
            return Self::None;
        };
        let found = subnets.iter().find(|subnet| subnet.name() == controller.name);
        found.map_or(Self::Missing(&controller.name), Self::Subnet)
    }

    /// The faults of a pool whose addresses are known. A pool without any passes.
    pub(super) fn faults(self, change: &Change<'_>) -> Vec<Fault> {
        let subnet = match self {
            Self::None => return Vec::new(),
            _ if change.total.is_empty() => return Vec::new(),
            Self::Missing(name) => {
                let resource = ObjectKind::Subnet.plural();
                let detail = format!(
                    "failed to get controller Subnet {name}: {resource}.{} {name:?} not found, want a controller \
                     among metadata.ownerReferences that exists, or none",
                    ObjectKind::GROUP
                );
                return vec![Fault::internal("spec.subnet", detail)];
            }
            Self::Subnet(subnet) => subnet,
        };
        let mut faults: Vec<Fault> = outside_fault(change, subnet).into_iter().collect();
        match change.origin {
            Origin::Application => faults.extend(record_fault(change, subnet)),
            Origin::User => faults.extend(reserved_faults(change, subnet)),
        }
        faults
    }
}

/// A write to a pool, as far as its subnet's rules read it.
#[derive(Debug)]
pub(super) struct Change<'a> {
    name: &'a str,
    origin: Origin,
    net: IpNet,
    /// All addresses of the pool.
    pub(super) total: RangeSet,
    old: Option<&'a PoolFields>,
    peers: &'a [Peer<'a>],
}

impl<'a> Change<'a> {
    /// Nothing, if an item could not be read.
    pub(super) fn of(
        name: &'a PoolName,
        origin: Origin,
        new: &Examined<PoolFields>,
        old: Option<&'a PoolFields>,
        peers: &'a [Peer<'a>],
    ) -> Option<Self> {
        Some(Self { name: name.as_str(), origin, net: new.net?, total: new.whole_total()?, old, peers })
    }

    /// The addresses that the pool did not have before.
    fn added(&self) -> RangeSet {
        let had = self.old.map(|old| strict_total(self.total.family(), &old.ips, &old.exclude_ips));
        match had {
            Some(Ok(had)) => self.total.difference(&had),
            Some(Err(_)) | None => self.total.clone(),
        }
    }
}

fn outside_fault(change: &Change<'_>, subnet: &StoredSubnet<'_>) -> Option<Fault> {
    let name = subnet.name();
    let allowed = match subnet.total(change.total.family()) {
        Ok(allowed) => allowed,
        Err(problem) => {
            let detail = format!("failed to assemble the total IP addresses of the Subnet {name}: {problem}");
            return Some(Fault::internal("spec.ips", detail));
        }
    };
    let outside = change.total.difference(&allowed);
    (!outside.is_empty()).then(|| {
        let ranges = named_ranges(&outside);
        let detail = format!(
            "add some IP ranges {ranges} that are not contained in controller Subnet {name}, {JOINTLY}"
        );
        Fault::forbidden("spec.ips", detail)
    })
}

/// An auto pool has exactly the addresses of its record: the record is written first, the pool second.
fn record_fault(change: &Change<'_>, subnet: &StoredSubnet<'_>) -> Option<Fault> {
    let mut wanted = None;
    for record in subnet.records() {
        match *record {
            Preallocated::Unreadable(problem) => {
                let name = subnet.name();
                let detail =
                    format!("failed unsharmal SpiderSubnet {name} Status.ControlledIPPools: {problem}");
                return Some(Fault::internal("spec.subnet", detail));
            }
            Preallocated::Malformed { pool, problem } if pool == change.name => {
                let name = subnet.name();
                let detail =
                    format!("failed to parse SpiderSubnet {name} controlledIPPool {pool} IPs: {problem}");
                return Some(Fault::internal("spec.subnet", detail));
            }
            Preallocated::Held { pool, addresses, .. } if pool == change.name => wanted = Some(addresses),
            Preallocated::Held { .. } | Preallocated::Malformed { .. } => {}
        }
    }
    if wanted == Some(&change.total) {
        return None;
    }
    let wanted = wanted.map_or_else(|| "no record".to_owned(), named_ranges);
    let detail = format!(
        "it's illegal to update AutoPool.Spec.IPs that are different from corresponding \
         SpiderSubnet.Status.ControlledIPPools, which has {wanted} for it"
    );
    Some(Fault::forbidden("spec.ips", detail))
}

/// A user's pool takes no address that was set aside for a workload's pool which is about to be written. An address that
/// the pool has already is left to it: its update must stay possible.
fn reserved_faults(change: &Change<'_>, subnet: &StoredSubnet<'_>) -> Vec<Fault> {
    let added = change.added();
    let others = subnet.records().iter().filter_map(|record| match *record {
        Preallocated::Held { pool, addresses, is_for_application: true }
            if pool != change.name && addresses.family() == added.family() =>
        {
            Some((pool, added.intersection(addresses)))
        }
        Preallocated::Held { .. } | Preallocated::Malformed { .. } | Preallocated::Unreadable(_) => None,
    });
    // A pool that is there already was compared with this one as its peer.
    let is_told = |pool: &str, shared: &RangeSet| {
        change.peers.iter().any(|peer| peer.name() == pool && peer.meets(&change.net, shared))
    };
    let clashes = others.filter(|(pool, shared)| !shared.is_empty() && !is_told(pool, shared));
    clashes
        .map(|(pool, shared)| {
            let (ranges, name) = (named_ranges(&shared), subnet.name());
            let detail = format!(
                "overlap with IPPool {pool} in IP ranges {ranges}, {JOINTLY}; controller Subnet {name} has set them \
                 aside for it"
            );
            Fault::forbidden("spec.ips", detail)
        })
        .collect()
}
