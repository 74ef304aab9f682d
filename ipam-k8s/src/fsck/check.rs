//! What the objects of a cluster say against each other: a pure function of what was read.

use std::collections::{BTreeMap, BTreeSet};

use ipam_core::status::{AllocatedIp, AllocatedIps, Workload};
use ipam_core::{Addr, Owner, PoolName};
use ipnet::IpNet;

use super::problem::Problem;
use crate::snapshot::{Endpoint, NamedAddress, Place, Pods, Pool, Reserved};

/// Everything that is held against each other.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) pools: Vec<Pool>,
    pub(super) reserved: Vec<Reserved>,
    pub(super) endpoints: BTreeMap<Place, Endpoint>,
    pub(super) pods: Pods,
}

/// A record with its owner, where it names one.
pub(super) struct Held<'a> {
    pub(super) pool: &'a Pool,
    pub(super) address: Addr,
    pub(super) owner: Owner,
}

impl Seen {
    /// The records that name an owner and hold an address.
    pub(super) fn held(&self) -> impl Iterator<Item = Held<'_>> {
        self.pools.iter().flat_map(move |pool| {
            let records = pool.records.iter().flat_map(AllocatedIps::iter);
            records.filter_map(move |ip| {
                let owner = ip.owner(self.workload(&ip)).ok()?;
                Some(Held { pool, address: ip.address?, owner })
            })
        })
    }

    fn workload(&self, ip: &AllocatedIp<'_>) -> Workload {
        let place = ip.pod.split_once('/').map(|(namespace, name)| (namespace.to_owned(), name.to_owned()));
        let endpoint = place.and_then(|place| self.endpoints.get(&place));
        if endpoint.is_some_and(Endpoint::is_virtual) { Workload::VirtualMachine } else { Workload::Pod }
    }

    /// The owners of records whose pods are gone. Whether their workloads keep the addresses is asked elsewhere.
    pub(super) fn absent(&self) -> BTreeSet<Place> {
        let is_gone = |held: &Held<'_>| !self.pods.is_there(held.owner.scope(), held.owner.uid());
        let place = |held: Held<'_>| (held.owner.scope().to_owned(), held.owner.name().to_owned());
        self.held().filter(is_gone).map(place).collect()
    }

    /// All that is wrong. `kept`: the owners whose workloads want their addresses though no pod is there.
    pub(super) fn problems(&self, kept: &BTreeSet<Place>) -> Vec<Problem> {
        let mut found = self.of_specs();
        found.extend(self.pools.iter().flat_map(of_status));
        found.extend(self.of_owners());
        for held in self.held() {
            found.extend(self.of_record(&held, kept));
        }
        for endpoint in self.endpoints.values() {
            found.extend(self.of_endpoint(endpoint));
        }
        found
    }

    fn of_specs(&self) -> Vec<Problem> {
        let faulty = self.pools.iter().filter(|pool| pool.spec().is_none());
        let mut found: Vec<Problem> = faulty
            .map(|pool| Problem::FaultySpec {
                pool: pool.name().clone(),
                faults: pool.listed.faults().to_vec(),
            })
            .collect();
        found.extend(self.reserved.iter().filter_map(|reserved| {
            let faults = reserved.spec.as_ref().err()?.clone();
            Some(Problem::FaultyReserved { name: reserved.meta.name.clone(), faults })
        }));
        let mut of_subnet: BTreeMap<IpNet, Vec<&Pool>> = BTreeMap::new();
        for pool in &self.pools {
            let Some(spec) = pool.spec() else { continue };
            let before = of_subnet.entry(spec.subnet()).or_default();
            for peer in before.iter() {
                let Some(other) = peer.spec() else { continue };
                let addresses = spec.allocatable().intersection(other.allocatable());
                if !addresses.is_empty() {
                    let (pool, peer) = (peer.name().clone(), pool.name().clone());
                    found.push(Problem::Overlap { pool, peer, addresses });
                }
            }
            before.push(pool);
        }
        found
    }

    /// Addresses with several owners: records in pools of one subnet, or endpoints of pods that live.
    fn of_owners(&self) -> Vec<Problem> {
        let mut records: BTreeMap<(IpNet, Addr), Vec<(PoolName, String)>> = BTreeMap::new();
        for Held { pool, address, owner } in self.held() {
            let Some(spec) = pool.spec() else { continue };
            let holder = format!("{owner} by SpiderIPPool {}", pool.name());
            records.entry((spec.subnet(), address)).or_default().push((pool.name().clone(), holder));
        }
        let mut users: BTreeMap<(PoolName, Addr), Vec<String>> = BTreeMap::new();
        for (owner, named) in self.used() {
            let key = (named.assignment.pool.clone(), named.assignment.address);
            let holder = format!("{owner} by its SpiderEndpoint");
            users.entry(key).or_default().push(holder);
        }
        let of_records = records.into_iter().filter_map(|((_, address), holders)| {
            let (first, _) = holders.first()?;
            let pool = first.clone();
            let holders: Vec<String> = holders.into_iter().map(|(_, holder)| holder).collect();
            (holders.len() > 1).then_some(Problem::TwoOwners { pool, address, holders })
        });
        let of_users = users.into_iter().filter_map(|((pool, address), holders)| {
            (holders.len() > 1).then_some(Problem::TwoOwners { pool, address, holders })
        });
        of_records.chain(of_users).collect()
    }

    fn of_record(&self, held: &Held<'_>, kept: &BTreeSet<Place>) -> Vec<Problem> {
        let (pool, address, owner) = (held.pool.name(), held.address, &held.owner);
        let mut found = Vec::new();
        if held.pool.spec().is_some_and(|spec| !spec.ips().contains(address)) {
            found.push(Problem::RecordOutside { pool: pool.clone(), address, owner: owner.clone() });
        }
        let place = (owner.scope().to_owned(), owner.name().to_owned());
        if !self.pods.is_there(owner.scope(), owner.uid()) {
            if !kept.contains(&place) {
                found.push(Problem::PodGone { pool: pool.clone(), address, owner: owner.clone() });
            }
        } else if self.pods.is_alive(owner.scope(), owner.uid()) {
            let endpoint = self.endpoints.get(&place);
            // One that cannot be understood may well name it, and is told by itself.
            let is_named = endpoint.is_some_and(|endpoint| {
                endpoint.naming(pool, address).is_some() || !endpoint.unreadable.is_empty()
            });
            if !is_named {
                found.push(Problem::NoEndpoint { pool: pool.clone(), address, owner: owner.clone() });
            }
        }
        found
    }

    /// The addresses that endpoints give to pods that live.
    fn used(&self) -> impl Iterator<Item = (Owner, &NamedAddress)> {
        self.endpoints.values().flat_map(|endpoint| {
            let owner = self.user(endpoint);
            endpoint.named.iter().filter_map(move |named| Some((owner.clone()?, named)))
        })
    }

    /// Who uses the addresses of an endpoint, if a pod does.
    fn user(&self, endpoint: &Endpoint) -> Option<Owner> {
        let Endpoint { namespace, name, uid, .. } = endpoint;
        if !self.pods.is_alive(namespace, uid) {
            return None;
        }
        let owner = if endpoint.is_virtual() {
            Owner::virtual_machine(namespace, name, uid)
        } else {
            Owner::pod(namespace, name, uid)
        };
        owner.ok()
    }

    fn of_endpoint(&self, endpoint: &Endpoint) -> Vec<Problem> {
        let place = (endpoint.namespace.clone(), endpoint.name.clone());
        let mut found: Vec<Problem> = endpoint
            .unreadable
            .iter()
            .map(|one| Problem::UnreadableEntry { endpoint: place.clone(), unreadable: one.clone() })
            .collect();
        let Some(owner) = self.user(endpoint) else { return found };
        for named in &endpoint.named {
            found.extend(self.of_use(&owner, named));
        }
        found
    }

    fn of_use(&self, owner: &Owner, named: &NamedAddress) -> Option<Problem> {
        let (pool, address) = (named.assignment.pool.clone(), named.assignment.address);
        let (owner, field) = (owner.clone(), named.field.clone());
        let Some(seen) = self.pools.iter().find(|seen| *seen.name() == pool) else {
            return Some(Problem::NoPool { owner, field, pool, address });
        };
        // Records that cannot be read say nothing, and are told by themselves.
        let records = seen.records.as_ref().ok()?;
        match records.get(address) {
            None => {
                let is_shared =
                    self.used().any(|(other, one)| other != owner && one.assignment == named.assignment);
                // Several owners are told by themselves, and nobody can say which of them is to have it.
                (!is_shared).then_some(Problem::FreeThoughUsed { owner, field, pool, address })
            }
            Some(ip) if ip.uid == owner.uid() => None,
            Some(ip) => {
                let holder = format!("{} (uid {})", ip.pod, ip.uid);
                Some(Problem::HeldByAnother { owner, field, pool, address, holder })
            }
        }
    }
}

/// What a pool's status says of itself.
fn of_status(pool: &Pool) -> Vec<Problem> {
    let name = pool.name();
    let records = match &pool.records {
        Ok(records) => records,
        Err(error) => {
            let detail = error.to_string();
            return vec![Problem::UnreadableRecords { pool: name.clone(), detail }];
        }
    };
    let mut found: Vec<Problem> = records
        .flaws()
        .map(|flaw| Problem::CorruptRecord {
            pool: name.clone(),
            key: flaw.ip.key.to_owned(),
            value: format!("{} (uid {})", flaw.ip.pod, flaw.ip.uid),
            flaw: flaw.to_string(),
        })
        .collect();
    let (stored, counted) = (pool.stored_count, records.len());
    if usize::try_from(stored).ok() != Some(counted) {
        found.push(Problem::Count { pool: name.clone(), stored, counted });
    }
    found
}

#[cfg(test)]
mod tests;
