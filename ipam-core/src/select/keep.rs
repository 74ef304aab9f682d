//! What is asked for a pod that keeps its addresses for life: a StatefulSet's pod, a virtual machine.
//!
//! Such a pod has what is recorded for it as long as the pools of these addresses are still named for it. Affinities, `disable`
//! and exclusions are not looked at again; they decide only where an address is lost and another one has to be found.

use super::catalogue::Catalogue;
use super::error::SelectError;
use super::requests::MadePools;
use super::slot::Slot;
use super::source::{Asked, NicAsked};
use super::subject::Subject;
use crate::addr::Family;
use crate::owner::Nic;
use crate::pool::PoolName;
use crate::request::NicRequest;

/// What is recorded of a NIC: in a cluster, an entry of the pod's endpoint.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Recorded<'a> {
    /// The NIC; empty while none has claimed the entry.
    pub nic: &'a str,
    /// The pool of its IPv4 address, if it has one.
    pub v4: Option<&'a str>,
    /// The same for IPv6.
    pub v6: Option<&'a str>,
}

impl<'a> Recorded<'a> {
    /// The name under which a store knows the NIC: of one that is not claimed yet, its place.
    #[must_use]
    pub fn name(&self, place: usize) -> Nic {
        self.nic.parse().unwrap_or_else(|_| Slot::Position(place).nic())
    }

    fn pools(&self) -> impl Iterator<Item = (Family, &'a str)> + use<'a> {
        let both = [(Family::V4, self.v4), (Family::V6, self.v6)];
        both.into_iter().filter_map(|(family, pool)| Some((family, pool?)))
    }

    fn is_empty(&self) -> bool {
        self.v4.is_none() && self.v6.is_none()
    }

    /// The pools that are recorded, as candidates.
    fn request(&self, place: usize) -> NicRequest {
        let mut request = NicRequest::new(self.name(place));
        for (family, pool) in self.pools() {
            let names: Vec<PoolName> = pool.parse().into_iter().collect();
            match family {
                Family::V4 => request.v4 = names,
                Family::V6 => request.v6 = names,
            }
        }
        request
    }
}

/// Which recorded addresses are kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Keep {
    /// Those whose pools are all still named (a StatefulSet's pod): one that is not outdates both families of its NIC.
    WhileNamed,
    /// All (a virtual machine).
    Always,
}

impl Asked {
    /// The requests of a pod that keeps what is recorded, at the ADD of one NIC: for the NICs that are asked for, and for those that
    /// are recorded besides.
    ///
    /// Of a NIC that keeps its addresses the recorded pools are the first candidates, and the families are the recorded ones. Only
    /// the NIC of the ADD is held against what is named now; the others are at their own ADDs. Where NICs go by their place, each
    /// item is held against the entry of its place, and one that differs outdates all.
    ///
    /// # Errors
    /// As [`Asked::requests`], for a NIC that keeps nothing.
    pub fn keeping(
        &self,
        nic: &Nic,
        recorded: &[Recorded<'_>],
        keep: Keep,
        pools: &Catalogue,
        subject: &Subject,
        made: &MadePools,
    ) -> Result<Vec<NicRequest>, SelectError> {
        let entry_of = |place: usize, asked: &NicAsked| {
            let at = match asked.slot() {
                Slot::Named(name) => recorded.iter().position(|entry| entry.nic == name.as_str()),
                Slot::Position(_) => (place < recorded.len()).then_some(place),
            };
            at.and_then(|at| Some((at, recorded.get(at).filter(|entry| !entry.is_empty())?)))
        };
        let mut is_outdated = false;
        for (place, asked) in self.nics().iter().enumerate() {
            let is_compared = keep == Keep::WhileNamed && (self.is_in_order() || asked.slot().nic() == *nic);
            if let Some((_, entry)) = entry_of(place, asked).filter(|_| is_compared) {
                is_outdated |= !asked.names_all(entry, pools, made)?;
            }
        }
        let mut requests = Vec::new();
        let mut is_asked = vec![false; recorded.len()];
        for (place, asked) in self.nics().iter().enumerate() {
            let fresh = || asked.request(self.source(), pools, subject, made);
            let Some((at, entry)) = entry_of(place, asked) else {
                requests.push(fresh()?);
                continue;
            };
            if let Some(is_asked) = is_asked.get_mut(at) {
                *is_asked = true;
            }
            let name = entry.name(at);
            requests.push(if is_outdated && (self.is_in_order() || name == *nic) {
                // Under the name that it is recorded with, so that what it had is found and given back.
                NicRequest { nic: name, ..fresh()? }
            } else {
                // Whatever speaks against the other pools, the recorded ones do as long as nothing is lost.
                kept(entry.request(at), fresh().unwrap_or_else(|_| NicRequest::new(name)))
            });
        }
        let others = recorded
            .iter()
            .enumerate()
            .zip(is_asked)
            .filter(|((_, entry), is_asked)| !is_asked && !entry.is_empty());
        requests.extend(others.map(|((place, entry), _)| entry.request(place)));
        Ok(requests)
    }
}

impl NicAsked {
    fn names_all(
        &self,
        entry: &Recorded<'_>,
        pools: &Catalogue,
        made: &MadePools,
    ) -> Result<bool, SelectError> {
        for (family, pool) in entry.pools() {
            if !self.names(pool, family, pools, made)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn kept(mut own: NicRequest, more: NicRequest) -> NicRequest {
    for (own, more) in [(&mut own.v4, more.v4), (&mut own.v6, more.v6)] {
        if let Some(first) = own.first().cloned() {
            own.extend(more.into_iter().filter(|pool| *pool != first));
        }
    }
    own
}
