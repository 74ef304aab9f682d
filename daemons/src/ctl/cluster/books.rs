//! The pools of a cluster as a [`Ledger`].

use std::cell::OnceCell;
use std::collections::BTreeMap;

use ipam_core::status::{AllocatedIp, AllocatedIps, Workload};
use ipam_core::{Addr, Holding, IpRange, PoolName, RangeSet, Record, Stamp, Time};
use ipam_k8s::fsck::is_wanted;
use ipam_k8s::snapshot::{self, Endpoint, Place};
use ipam_k8s::workload::Workloads;
use ipam_local::Metadata;

use super::Connection;
use crate::ctl::exit::Usage;
use crate::ctl::ledger::{Filter, Ledger, Life, Pool, Reserved, Seen};

/// What was read of a cluster. Pools and reserved addresses at once; endpoints when a NIC or a node is asked for.
pub(in crate::ctl) struct Books<'c> {
    connection: &'c Connection,
    pools: Vec<snapshot::Pool>,
    reserved: Vec<snapshot::Reserved>,
    endpoints: OnceCell<BTreeMap<Place, Endpoint>>,
    notes: Vec<String>,
}

impl<'c> Books<'c> {
    pub(in crate::ctl) fn read(connection: &'c Connection) -> anyhow::Result<Self> {
        let deadline = connection.deadline();
        let pools = connection.ask(snapshot::pools(&connection.cluster, deadline))?;
        let reserved = connection.ask(snapshot::reserved(&connection.cluster, connection.deadline()))?;
        let mut books = Self { connection, pools, reserved, endpoints: OnceCell::new(), notes: Vec::new() };
        for pool in &books.pools {
            if let Err(why) = usable(pool) {
                let name = pool.name();
                books.notes.push(format!("SpiderIPPool {name} is left out: {why}; `fsck` says more"));
            }
        }
        for one in &books.reserved {
            if let Err(faults) = &one.spec {
                let (name, faults) = (&one.meta.name, faults.join("; "));
                books.notes.push(format!("SpiderReservedIP {name} is left out: {faults}"));
            }
        }
        Ok(books)
    }

    /// The present for records without stamps, as all of a cluster are.
    pub(in crate::ctl) fn never() -> Stamp {
        Stamp { boot: String::new(), at: Time::default() }
    }

    /// What could not be shown, for standard error.
    pub(in crate::ctl) fn into_notes(self) -> Vec<String> {
        self.notes
    }

    fn usable(&self) -> impl Iterator<Item = &snapshot::Pool> {
        self.pools.iter().filter(|pool| usable(pool).is_ok())
    }

    fn found(&self, name: &PoolName) -> anyhow::Result<Option<(&snapshot::Pool, &AllocatedIps)>> {
        let Some(pool) = self.pools.iter().find(|pool| pool.name() == name) else { return Ok(None) };
        match usable(pool) {
            Ok(records) => Ok(Some((pool, records))),
            Err(why) => anyhow::bail!("SpiderIPPool {name} cannot be shown: {why}"),
        }
    }

    fn reserved_of(&self, family: ipam_core::Family) -> RangeSet {
        let specs = self.reserved.iter().filter_map(|one| one.spec.as_ref().ok());
        specs
            .filter(|spec| spec.family() == family)
            .fold(RangeSet::empty(family), |all, spec| all.union(spec.ranges()))
    }

    /// The pool in numbers, with what it can give out.
    fn counted(&self, pool: &snapshot::Pool, records: &AllocatedIps) -> Option<(Pool, RangeSet)> {
        let spec = pool.spec()?;
        let could = spec.allocatable().difference(&self.reserved_of(spec.family()));
        let free = could.difference(&held(records));
        let counted = Pool {
            spec: std::sync::Arc::clone(spec),
            metadata: metadata(&pool.meta),
            source: "cluster".to_owned(),
            used: u64::try_from(records.len()).unwrap_or(u64::MAX),
            capacity: could.len(),
            free: free.len(),
        };
        Some((counted, free))
    }

    fn endpoints(&self) -> anyhow::Result<&BTreeMap<Place, Endpoint>> {
        if let Some(known) = self.endpoints.get() {
            return Ok(known);
        }
        let Connection { cluster, .. } = self.connection;
        let read = self.connection.ask(snapshot::endpoints(cluster, None, self.connection.deadline()))?;
        Ok(self.endpoints.get_or_init(|| read))
    }
}

/// The records, or why the pool cannot be shown.
fn usable(pool: &snapshot::Pool) -> Result<&AllocatedIps, String> {
    if pool.spec().is_none() {
        return Err(pool.listed.faults().join("; "));
    }
    pool.records.as_ref().map_err(|error| format!("status.allocatedIPs: {error}"))
}

fn metadata(meta: &ipam_k8s::Meta) -> Metadata {
    Metadata { labels: meta.labels.clone(), annotations: meta.annotations.clone() }
}

fn held(records: &AllocatedIps) -> RangeSet {
    let mut held = RangeSet::empty(records.family());
    for address in records.iter().filter_map(|ip| ip.address) {
        held.insert(address.into());
    }
    held
}

/// Namespace and name of a record's endpoint.
fn place(ip: &AllocatedIp<'_>) -> Option<Place> {
    ip.pod.split_once('/').map(|(namespace, name)| (namespace.to_owned(), name.to_owned()))
}

fn seen(pool: &PoolName, address: Addr, ip: &AllocatedIp<'_>, endpoint: Option<&Endpoint>) -> Seen {
    let is_virtual = endpoint.is_some_and(Endpoint::is_virtual);
    let workload = if is_virtual { Workload::VirtualMachine } else { Workload::Pod };
    // As the store has it: nobody can release what names nobody.
    let owner = ip.owner(workload).unwrap_or_else(|_| AllocatedIps::stand_in(address));
    let named = endpoint.and_then(|endpoint| endpoint.naming(pool, address));
    let nic = named.map(|named| named.nic.clone());
    let endpoint = endpoint.filter(|endpoint| endpoint.uid == ip.uid && named.is_some());
    let record = Record { address, owner, stamp: None };
    Seen {
        holding: Holding { pool: pool.clone(), record, nic },
        node: endpoint.map(|endpoint| endpoint.node.clone()).filter(|node| !node.is_empty()),
        endpoint: endpoint.map(|endpoint| format!("{}/{}", endpoint.namespace, endpoint.name)),
    }
}

impl Ledger for Books<'_> {
    fn pools(&mut self) -> anyhow::Result<Vec<Pool>> {
        let pools = self.usable().filter_map(|pool| Some(self.counted(pool, pool.records.as_ref().ok()?)?.0));
        Ok(pools.collect())
    }

    fn pool(&mut self, name: &PoolName) -> anyhow::Result<Option<Pool>> {
        let found = self.found(name)?;
        Ok(found.and_then(|(pool, records)| Some(self.counted(pool, records)?.0)))
    }

    fn reserved(&mut self) -> anyhow::Result<Vec<Reserved>> {
        let valid = self.reserved.iter().filter_map(|one| {
            let spec = one.spec.as_ref().ok()?.clone();
            Some(Reserved { spec, metadata: metadata(&one.meta) })
        });
        Ok(valid.collect())
    }

    fn holder(&mut self, address: Addr) -> anyhow::Result<Option<Seen>> {
        let records: Vec<_> = self
            .usable()
            .filter_map(|pool| Some((pool.name(), pool.records.as_ref().ok()?.get(address)?)))
            .collect();
        let Some((pool, ip)) = records.first() else { return Ok(None) };
        let endpoint = match place(ip) {
            None => None,
            Some((namespace, name)) => {
                let (cluster, deadline) = (&self.connection.cluster, self.connection.deadline());
                self.connection.ask(snapshot::endpoint(cluster, &namespace, &name, deadline))?
            }
        };
        let found = seen(pool, address, ip, endpoint.as_ref());
        let others = records.iter().skip(1).map(|(pool, _)| pool.as_str());
        let others: Vec<&str> = others.collect();
        if !others.is_empty() {
            let text = format!("{address} has a record in {} too; `fsck` says more", others.join(", "));
            self.notes.push(text);
        }
        Ok(Some(found))
    }

    fn life(&mut self, holding: &Holding) -> anyhow::Result<Option<Life>> {
        let (owner, connection) = (&holding.record.owner, self.connection);
        let (namespace, name) = (owner.scope(), owner.name());
        if namespace.is_empty() {
            return Ok(None);
        }
        // A virtual machine's record bears the uid of a pod of another name.
        let pod =
            connection.ask(snapshot::pod(&connection.cluster, namespace, name, connection.deadline()))?;
        if let Some(pod) = pod.filter(|pod| pod.meta.uid == owner.uid()) {
            return Ok(Some(if pod.is_alive() { Life::Alive } else { Life::Ending }));
        }
        let deadline = connection.deadline();
        let pods = connection.ask(snapshot::Pods::read(&connection.cluster, Some(namespace), deadline))?;
        if pods.is_there(namespace, owner.uid()) {
            let is_alive = pods.is_alive(namespace, owner.uid());
            return Ok(Some(if is_alive { Life::Alive } else { Life::Ending }));
        }
        let workloads = Workloads::new(connection.cluster.clone());
        let is_kept = connection.ask(is_wanted(&workloads, namespace, name, connection.deadline()))?;
        Ok(Some(if is_kept { Life::Kept } else { Life::Gone }))
    }

    fn each(&mut self, filter: &Filter, visit: &mut dyn FnMut(&Seen)) -> anyhow::Result<()> {
        if filter.network.is_some() {
            let text =
                "--network is for the store of a host: records of a cluster have no network; use --namespace";
            return Err(Usage(text.to_owned()).into());
        }
        let endpoints = self.endpoints()?;
        for pool in self.usable().filter(|pool| filter.pool.as_ref().is_none_or(|name| pool.name() == name)) {
            let records = pool.records.iter().flat_map(AllocatedIps::iter);
            let mut records: Vec<_> = records.filter_map(|ip| Some((ip.address?, ip))).collect();
            records.sort_by_key(|(address, _)| *address);
            for (address, ip) in records {
                let endpoint = place(&ip).and_then(|place| endpoints.get(&place));
                let seen = seen(pool.name(), address, &ip, endpoint);
                if filter.admits(&seen) {
                    visit(&seen);
                }
            }
        }
        Ok(())
    }

    fn free_ranges(&mut self, pool: &PoolName) -> anyhow::Result<RangeSet> {
        let found = self.found(pool)?.and_then(|(pool, records)| Some(self.counted(pool, records)?.1));
        found.ok_or_else(|| anyhow::anyhow!("there is no SpiderIPPool {pool} in the cluster"))
    }

    fn taken_in(&mut self, pool: &PoolName, ranges: &[IpRange]) -> anyhow::Result<Vec<u64>> {
        let Some((_, records)) = self.found(pool)? else { return Ok(vec![0; ranges.len()]) };
        let mut held: Vec<Addr> = records.iter().filter_map(|ip| ip.address).collect();
        held.sort_unstable();
        let below = |test: &dyn Fn(&Addr) -> bool| held.partition_point(test);
        let count = |range: &IpRange| {
            let (first, last) = (range.first(), range.last());
            below(&|address| *address <= last).saturating_sub(below(&|address| *address < first))
        };
        Ok(ranges.iter().map(|range| u64::try_from(count(range)).unwrap_or(u64::MAX)).collect())
    }

    fn now(&self) -> Stamp {
        Self::never()
    }

    fn place(&self) -> &'static str {
        "in the cluster"
    }

    fn advice(&self) -> &'static str {
        "make some with `kubectl apply -f FILE`"
    }
}
