//! What a store is asked for, where a pod keeps its addresses for life (a StatefulSet's pod, a virtual machine).
//!
//! Such a pod has what its endpoint records as long as the pools of these addresses are still named for it. Affinities, `disable`
//! and exclusions are not looked at again; they decide only where an address is lost and another one has to be found.

use ipam_core::select::source::{Asked, NicAsked};
use ipam_core::select::{Catalogue, MadePools, SelectError, Slot, Subject};
use ipam_core::{Family, Nic, NicRequest, PoolName};

use crate::crd::EndpointAddress;

/// Which recorded addresses are kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Keep {
    /// Those of a NIC whose pools are all still named for it.
    WhileNamed,
    /// All.
    Always,
}

/// Everything that selection needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Choice<'a> {
    pub(super) asked: &'a Asked,
    pub(super) pools: &'a Catalogue,
    pub(super) subject: &'a Subject,
    pub(super) made: &'a MadePools,
}

impl Choice<'_> {
    /// The NICs of a pod that keeps what its endpoint records: those that are asked for, and those that have entries besides.
    ///
    /// # Errors
    /// As [`Asked::requests`], for a NIC that keeps nothing.
    pub(super) fn keeping(
        &self,
        entries: &[EndpointAddress],
        keep: Keep,
    ) -> Result<Vec<NicRequest>, SelectError> {
        let mut requests = Vec::new();
        let mut seen = vec![false; entries.len()];
        for (place, asked) in self.asked.nics().iter().enumerate() {
            let at = match asked.slot() {
                Slot::Named(nic) => entries.iter().position(|entry| entry.interface == nic.as_str()),
                Slot::Position(_) => (place < entries.len()).then_some(place),
            };
            let entry = at.and_then(|at| entries.get(at)).filter(|entry| has_address(entry));
            if let Some(seen) = at.and_then(|at| seen.get_mut(at)) {
                *seen = true;
            }
            requests.push(match entry {
                Some(entry) if keep == Keep::Always || self.is_named(asked, entry)? => {
                    self.kept(asked, entry, place)
                }
                Some(_) | None => self.fresh(asked)?,
            });
        }
        for ((place, entry), _) in entries.iter().enumerate().zip(&seen).filter(|(_, seen)| !**seen) {
            if has_address(entry) {
                requests.push(recorded(entry, place));
            }
        }
        Ok(requests)
    }

    /// The candidates of a NIC without a past.
    fn fresh(&self, asked: &NicAsked) -> Result<NicRequest, SelectError> {
        asked.request(self.asked.source(), self.pools, self.subject, self.made)
    }

    fn is_named(&self, asked: &NicAsked, entry: &EndpointAddress) -> Result<bool, SelectError> {
        for (family, pool) in pools_of(entry) {
            if !asked.names(pool, family, self.pools, self.made)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What is recorded, and where it is lost what else could be had.
    fn kept(&self, asked: &NicAsked, entry: &EndpointAddress, place: usize) -> NicRequest {
        let mut request = recorded(entry, place);
        // Whatever speaks against the other pools, the recorded ones are enough as long as nothing is lost.
        if let Ok(fresh) = self.fresh(asked) {
            for (own, more) in [(&mut request.v4, fresh.v4), (&mut request.v6, fresh.v6)] {
                if let Some(first) = own.first().cloned() {
                    own.extend(more.into_iter().filter(|pool| *pool != first));
                }
            }
        }
        request
    }
}

/// The name under which a store knows the NIC of an entry: of one that is not claimed yet its number.
pub(super) fn nic_of(entry: &EndpointAddress, place: usize) -> Nic {
    entry.interface.parse().unwrap_or_else(|_| Slot::Position(place).nic())
}

fn has_address(entry: &EndpointAddress) -> bool {
    entry.ipv4.is_some() || entry.ipv6.is_some()
}

fn pools_of(entry: &EndpointAddress) -> impl Iterator<Item = (Family, &str)> {
    let pool = |address: &Option<String>, pool| address.as_ref().and(Option::as_deref(pool));
    let both = [
        (Family::V4, pool(&entry.ipv4, &entry.ipv4_pool)),
        (Family::V6, pool(&entry.ipv6, &entry.ipv6_pool)),
    ];
    both.into_iter().filter_map(|(family, pool)| Some((family, pool?)))
}

fn recorded(entry: &EndpointAddress, place: usize) -> NicRequest {
    let mut request = NicRequest::new(nic_of(entry, place));
    for (family, pool) in pools_of(entry) {
        let names: Vec<PoolName> = pool.parse().into_iter().collect();
        match family {
            Family::V4 => request.v4 = names,
            Family::V6 => request.v6 = names,
        }
    }
    request
}
