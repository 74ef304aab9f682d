//! The checker's own books: what was acknowledged to whom, and which pool has which addresses. It knows nothing of ledgers, plans
//! or occupancy; of the crate's own arithmetic it uses whether a range contains an address.

use std::collections::{BTreeMap, HashMap, HashSet};

use ipam_core::testkit::MemoryStore;
use ipam_core::{Addr, Allocation, Attachment, IpRange, Owner, OwnerKind, PoolFields, PoolName, Record};

use crate::finding::{Finding, Kind, Verdict};

/// One promise: the NIC of this owner has the address until its release begins.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Promise {
    pub(crate) owner: Owner,
    pub(crate) nic: String,
    pub(crate) pool: PoolName,
    pub(crate) address: Addr,
}

/// The addresses of a pool, as they are written in it.
#[derive(Debug)]
struct Land {
    subnet: String,
    ips: Vec<IpRange>,
    excluded: Vec<IpRange>,
}

impl Land {
    fn has(&self, address: Addr) -> bool {
        contains(&self.ips, address) && !contains(&self.excluded, address)
    }
}

fn contains(ranges: &[IpRange], address: Addr) -> bool {
    ranges.iter().any(|range| range.contains(address))
}

pub(crate) fn ranges(texts: &[String]) -> Vec<IpRange> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

/// An owner by name, in whatever incarnation.
type Identity = (OwnerKind, String);

/// All promises that hold now, and the land that they are on.
#[derive(Debug, Default)]
pub(crate) struct Books {
    /// The subnets of the pools do not overlap unless they are equal, so the address alone says it.
    promises: BTreeMap<Addr, Promise>,
    lands: BTreeMap<PoolName, Land>,
    reserved: Vec<IpRange>,
    /// Addresses that had a record at the last look.
    recorded: HashSet<Addr>,
    /// Those of them that an owner has taken again though its pool does not have them any more, or they are reserved by now.
    again: HashSet<Addr>,
    /// Whose attachments have ever named an address.
    used: HashMap<Addr, Vec<Identity>>,
}

impl Books {
    /// Notes an acknowledged allocation.
    pub(crate) fn acknowledge(&mut self, owner: &Owner, allocation: &Allocation) -> Verdict {
        for attachment in &allocation.attachments {
            for assignment in &attachment.assignments {
                let promise = Promise {
                    owner: owner.clone(),
                    nic: attachment.nic.to_string(),
                    pool: assignment.pool.clone(),
                    address: assignment.address,
                };
                match self.promises.get(&assignment.address) {
                    Some(before) if *before != promise => {
                        let text = format!("acknowledged to {before:?} and to {promise:?}");
                        return Err(Finding::new(Kind::TwoOwners, text));
                    }
                    _ => drop(self.promises.insert(assignment.address, promise)),
                }
            }
            // A NIC has one address of each family.
            let nic = attachment.nic.as_str();
            let named = |address: Addr| attachment.assignments.iter().any(|a| a.address == address);
            let families = attachment.assignments.iter().map(|a| a.address.family()).collect::<HashSet<_>>();
            let lost = self.of(owner).find(|promise| promise.nic == nic && !named(promise.address));
            if lost.is_some() || families.len() < attachment.assignments.len() {
                let text = format!("{nic} of {owner} had {lost:?}, and {:?} now", attachment.assignments);
                return Err(Finding::new(Kind::OtherAnswer, text));
            }
        }
        Ok(())
    }

    /// From now on these addresses may become somebody else's.
    pub(crate) fn void(&mut self, mut which: impl FnMut(&Promise) -> bool) {
        self.promises.retain(|_, promise| !which(promise));
    }

    /// What is promised to an owner.
    pub(crate) fn of<'a>(&'a self, owner: &'a Owner) -> impl Iterator<Item = &'a Promise> {
        self.promises.values().filter(move |promise| promise.owner == *owner)
    }

    /// A pool is made, or has other addresses.
    pub(crate) fn put_pool(&mut self, name: &PoolName, fields: &PoolFields) -> Verdict {
        let land = Land {
            subnet: fields.subnet.clone(),
            ips: ranges(&fields.ips),
            excluded: ranges(&fields.exclude_ips),
        };
        for (peer, other) in self.lands.iter().filter(|(peer, _)| *peer != name) {
            // Every pool of the simulation is small, so each address can be looked at.
            let mut all = land.ips.iter().flat_map(|range| range.first().bits()..=range.last().bits());
            let shared = all.find(|bits| {
                land.ips.first().and_then(|range| Addr::new(range.first().family(), *bits)).is_some_and(
                    |address| land.subnet == other.subnet && land.has(address) && other.has(address),
                )
            });
            if shared.is_some() {
                return Err(Finding::new(Kind::Overlap, format!("{name} {land:?} and {peer} {other:?}")));
            }
        }
        self.lands.insert(name.clone(), land);
        Ok(())
    }

    pub(crate) fn drop_pool(&mut self, name: &PoolName) {
        self.lands.remove(name);
    }

    pub(crate) fn reserve(&mut self, reserved: Vec<IpRange>) {
        self.reserved = reserved;
    }

    /// Each promise has its record and its attachment, no address has two, and each is on its pool's land.
    pub(crate) fn compare(&mut self, store: &MemoryStore) -> Verdict {
        let (mut finding, mut kept) = (None, 0_usize);
        let mut recorded: HashSet<Addr> = HashSet::with_capacity(self.recorded.len() + 8);
        store.visit_records(|pool, record| {
            kept += usize::from(self.promises.contains_key(&record.address));
            let is_second = !recorded.insert(record.address);
            if finding.is_none() {
                finding = self.fault_of(pool, record, is_second);
            }
        });
        self.recorded = recorded;
        self.again.retain(|address| self.recorded.contains(address));
        if let Some(finding) = finding {
            return Err(finding);
        }
        if kept < self.promises.len() {
            let lost = self.promises.values().find(|promise| !self.recorded.contains(&promise.address));
            return Err(Finding::new(Kind::NoRecord, format!("{lost:?}")));
        }
        self.compare_attachments(store)
    }

    fn fault_of(&mut self, pool: &PoolName, record: &Record, is_second: bool) -> Option<Box<Finding>> {
        let Record { address, owner, .. } = record;
        let told = |kind| Some(Finding::new(kind, format!("{address} of {pool}, recorded for {owner}")));
        if is_second {
            return told(Kind::TwoRecords);
        }
        if let Some(promise) = self.promises.get(address)
            && (promise.owner != *owner || promise.pool != *pool)
        {
            return Some(Finding::new(
                Kind::OtherRecord,
                format!("{promise:?}, but in {pool} it is {owner}'s"),
            ));
        }
        let is_out = !self.lands.get(pool).is_some_and(|land| land.has(*address));
        let is_reserved = contains(&self.reserved, *address);
        let is_new = !self.recorded.contains(address);
        if is_new && (is_out || is_reserved) && self.was_attached(owner, *address) {
            self.again.insert(*address);
        }
        let is_again = self.again.contains(address);
        if is_out && (!is_again || self.is_of_another(pool, *address)) {
            return told(Kind::Outside);
        }
        if is_reserved && is_new && !is_again { told(Kind::Reserved) } else { None }
    }

    /// Whether the owner has ever used the address: who has read so may take it again when that is not so any more.
    fn was_attached(&self, owner: &Owner, address: Addr) -> bool {
        let mut users = self.used.get(&address).into_iter().flatten();
        users.any(|(kind, name)| *kind == owner.kind() && name == owner.name())
    }

    fn is_of_another(&self, pool: &PoolName, address: Addr) -> bool {
        let subnet = self.lands.get(pool).map(|land| &land.subnet);
        self.lands
            .iter()
            .any(|(other, land)| other != pool && Some(&land.subnet) == subnet && land.has(address))
    }

    fn compare_attachments(&mut self, store: &MemoryStore) -> Verdict {
        let mut finding = None;
        let mut stored: HashMap<Identity, (Owner, HashMap<Addr, String>)> = HashMap::new();
        store.visit_attachments(|bound, attachments| {
            let mut nics: HashMap<Addr, String> = HashMap::new();
            for (nic, address) in attachments.iter().flat_map(named) {
                let before = nics.insert(address, nic.to_owned());
                let held = || self.of(bound).any(|promise| promise.address == address);
                if let Some(other) = before.filter(|_| held()) {
                    let text = format!("{other} and {nic} of {bound} both have {address}");
                    finding = Some(Finding::new(Kind::TwoNics, text));
                }
            }
            stored.insert((bound.kind(), bound.name().to_owned()), (bound.clone(), nics));
        });
        if let Some(finding) = finding {
            return Err(finding);
        }
        for promise in self.promises.values() {
            let found = stored.get(&(promise.owner.kind(), promise.owner.name().to_owned()));
            let agrees = match found {
                // The next incarnation has attachments of its own.
                Some((bound, _)) if *bound != promise.owner => true,
                Some((_, nics)) => nics.get(&promise.address) == Some(&promise.nic),
                None => false,
            };
            if !agrees {
                return Err(Finding::new(Kind::OtherAttachment, format!("{promise:?}, but {found:?}")));
            }
        }
        for (identity, (_, nics)) in stored {
            for address in nics.into_keys() {
                let users = self.used.entry(address).or_default();
                if !users.contains(&identity) {
                    users.push(identity.clone());
                }
            }
        }
        Ok(())
    }

    /// A refused request leaves no record that no NIC has.
    pub(crate) fn refused(&self, owner: &Owner, store: &MemoryStore) -> Verdict {
        let mut attached: HashSet<Addr> = HashSet::new();
        store.visit_attachments(|bound, attachments| {
            if bound.same_identity(owner) {
                attached.extend(attachments.iter().flat_map(named).map(|(_, address)| address));
            }
        });
        let mut kept = None;
        store.visit_records(|_, record| {
            if record.owner == *owner && !attached.contains(&record.address) {
                kept = Some(record.address);
            }
        });
        kept.map_or(Ok(()), |address| {
            Err(Finding::new(Kind::Kept, format!("{owner} was refused and has kept {address}")))
        })
    }

    /// After collection: each record is promised, or its owner lives and can claim it.
    pub(crate) fn audit(&self, store: &MemoryStore, lives: impl Fn(&Owner) -> bool) -> Verdict {
        let mut lost = None;
        store.visit_records(|pool, record| {
            if !self.promises.contains_key(&record.address) && !lives(&record.owner) {
                lost = Some(format!("{} of {pool} is still recorded for {}", record.address, record.owner));
            }
        });
        lost.map_or(Ok(()), |text| Err(Finding::new(Kind::Lost, text)))
    }
}

fn named(attachment: &Attachment) -> impl Iterator<Item = (&str, Addr)> {
    attachment.assignments.iter().map(|assignment| (attachment.nic.as_str(), assignment.address))
}
