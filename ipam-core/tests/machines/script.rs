//! A store in memory whose commits go as a test has written down.

use std::collections::VecDeque;

use ipam_core::testkit::conformance::Setup;
use ipam_core::testkit::{ManualClock, MemoryStore};
use ipam_core::{
    AllocationRequest, Change, Class, NicRequest, Owner, PoolFields, PoolName, PoolOp, PoolSpec, Query,
    Record, Store, StoreError, Time, Version, View,
};

/// What happens to a commit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fate {
    /// It goes through, or is refused by the store itself.
    Pass,
    /// It is lost, and so is the answer.
    Lost,
    /// It goes through; the answer is lost.
    AnswerLost,
    /// A conflict that only the store sees.
    Conflict,
    /// A refusal.
    Rejected,
}

#[derive(Debug, thiserror::Error)]
#[error("scripted: {0:?}")]
pub(crate) struct ScriptError(Class);

impl StoreError for ScriptError {
    fn class(&self) -> Class {
        self.0
    }
}

/// Does something behind a machine's back.
pub(crate) type Aside = Box<dyn FnMut(&mut MemoryStore)>;

pub(crate) struct Script {
    pub(crate) store: MemoryStore,
    /// Fates of the next commits; those after them pass.
    pub(crate) fates: VecDeque<Fate>,
    /// A pool that can't be written.
    pub(crate) unwritable: Option<PoolName>,
    /// Before the commit of this number (from 0), something happens.
    pub(crate) aside: Option<(usize, Aside)>,
    /// Reads that get no answer before one does.
    pub(crate) deaf: usize,
    pub(crate) commits: Vec<Vec<Change>>,
    pub(crate) reads: usize,
}

impl Script {
    pub(crate) fn new(store: MemoryStore, fates: &[Fate]) -> Self {
        let fates = fates.iter().copied().collect();
        Self { store, fates, unwritable: None, aside: None, deaf: 0, commits: Vec::new(), reads: 0 }
    }
}

impl Store for Script {
    type Error = ScriptError;

    fn is_atomic(&self) -> bool {
        Store::is_atomic(&self.store)
    }

    fn read(&mut self, query: &Query) -> Result<View, ScriptError> {
        self.reads += 1;
        if self.deaf > 0 {
            self.deaf -= 1;
            return Err(ScriptError(Class::Unavailable));
        }
        Store::read(&mut self.store, query).map_err(|error| ScriptError(error.class()))
    }

    fn commit(&mut self, changes: &[Change]) -> Result<Vec<Version>, ScriptError> {
        if let Some((number, aside)) = &mut self.aside
            && *number == self.commits.len()
        {
            aside(&mut self.store);
        }
        self.commits.push(changes.to_vec());
        let writes = |pool: &PoolName| {
            changes.iter().any(|change| matches!(change, Change::Pool { pool: p, .. } if p == pool))
        };
        if self.unwritable.as_ref().is_some_and(writes) {
            return Err(ScriptError(Class::Rejected));
        }
        let fate = self.fates.pop_front().unwrap_or(Fate::Pass);
        match fate {
            Fate::Lost => return Err(ScriptError(Class::Unavailable)),
            Fate::Conflict => return Err(ScriptError(Class::Conflict)),
            Fate::Rejected => return Err(ScriptError(Class::Rejected)),
            Fate::Pass | Fate::AnswerLost => {}
        }
        let stored = Store::commit(&mut self.store, changes).map_err(|error| ScriptError(error.class()));
        if fate == Fate::AnswerLost { Err(ScriptError(Class::Unavailable)) } else { stored }
    }
}

fn pool(name: &str, subnet: &str, ips: &str) -> PoolSpec {
    let fields = PoolFields { subnet: subnet.to_owned(), ips: vec![ips.to_owned()], ..PoolFields::default() };
    PoolSpec::new(&name.parse().unwrap(), &fields).unwrap()
}

/// Pools `a` (two addresses), `b` (one) and `six` (two).
pub(crate) fn pools(store: MemoryStore) -> MemoryStore {
    let pools = vec![
        pool("a", "10.6.0.0/24", "10.6.0.10-10.6.0.11"),
        pool("b", "10.7.0.0/24", "10.7.0.10"),
        pool("six", "fd00:6::/64", "fd00:6::10-fd00:6::11"),
    ];
    Setup::new(pools, Vec::new()).memory(store).unwrap()
}

pub(crate) const START: Time = Time::from_millis(1_000);
pub(crate) const DEADLINE: Time = Time::from_millis(61_000);

pub(crate) fn clock() -> ManualClock {
    ManualClock::at(START)
}

pub(crate) fn container(id: &str) -> Owner {
    Owner::container("net", id).unwrap()
}

pub(crate) fn nic(name: &str, v4: &[&str], v6: &[&str]) -> NicRequest {
    let names = |pools: &[&str]| pools.iter().map(|pool| pool.parse().unwrap()).collect();
    NicRequest { v4: names(v4), v6: names(v6), ..NicRequest::new(name.parse().unwrap()) }
}

pub(crate) fn request(id: &str) -> AllocationRequest {
    AllocationRequest::new(container(id), DEADLINE)
}

/// A record put into the store past the machines.
pub(crate) fn plant(store: &mut MemoryStore, pool: &str, address: &str, id: &str) {
    let record = Record { address: address.parse().unwrap(), owner: container(id), stamp: None };
    commit(store, pool, PoolOp::Take(record));
}

/// A record removed past the machines.
pub(crate) fn uproot(store: &mut MemoryStore, pool: &str, address: &str, id: &str) {
    commit(
        store,
        pool,
        PoolOp::Release { address: address.parse().unwrap(), owner: container(id), seen: None },
    );
}

pub(crate) fn commit(store: &mut MemoryStore, pool: &str, op: PoolOp) {
    let (pool, version) = (pool.parse().unwrap(), Version::ANY);
    let change =
        Change::Pool { pool, version, ops: vec![op], now: START, cooldown: std::time::Duration::ZERO };
    Store::commit(store, &[change]).unwrap();
}

/// The records as `pool address container`.
pub(crate) fn book(store: &MemoryStore) -> Vec<String> {
    let line =
        |(pool, record): (PoolName, Record)| format!("{pool} {} {}", record.address, record.owner.name());
    store.records().into_iter().map(line).collect()
}

/// The attachments as `container nic address…`, of NICs that have any.
pub(crate) fn attached(store: &MemoryStore) -> Vec<String> {
    let mut lines = Vec::new();
    for (owner, attachments) in store.attachments() {
        for attachment in attachments {
            let addresses: Vec<String> =
                attachment.assignments.iter().map(|a| a.address.to_string()).collect();
            lines.push(format!("{} {} {}", owner.name(), attachment.nic, addresses.join(" ")));
        }
    }
    lines
}
