//! The state of one pool.

use std::borrow::Borrow;
use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use crate::addr::Addr;
use crate::occupancy::Occupancy;
use crate::pool::PoolSpec;
use crate::rangeset::RangeSet;
use crate::record::{Record, Time};
use crate::store::{Holding, Obstacle, PickQuery, Start, Want};

/// Pools with at most so many records are checked wholly after each change in debug builds; larger ones only in sum, since
/// the whole check walks all records.
const CHECKED_WHOLLY_RECORDS_MAX: usize = 64;

/// Records by address. A hash table, since every change looks one address up and order is wanted only where all are looked at; a
/// tree would miss the cache once a level in a large pool. Hashed by fixed keys, so that the same inputs take the same way.
pub(super) type Records = HashSet<Filed, BuildHasherDefault<DefaultHasher>>;

/// A record that is found by its address. Behind a pointer, so that the table itself is small; shared, so that an undo keeps the old
/// one for nothing.
#[derive(Clone, Debug)]
pub(super) struct Filed(pub(super) Arc<Record>);

impl Borrow<Addr> for Filed {
    fn borrow(&self) -> &Addr {
        &self.0.address
    }
}

impl PartialEq for Filed {
    fn eq(&self, other: &Self) -> bool {
        self.0.address == other.0.address
    }
}

impl Eq for Filed {}

impl Hash for Filed {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.0.address.hash(hasher);
    }
}

/// All that is known of a pool: its spec, what is reserved in it, its records, and what was freed of late.
///
/// ```
/// use ipam_core::{Owner, PickQuery, PoolFields, PoolOp, PoolSpec, PoolState, Record, Start, Time, Want};
/// # let fields = PoolFields { subnet: "10.6.0.0/16".into(), ips: vec!["10.6.0.10-10.6.0.20".into()], ..PoolFields::default() };
/// let spec = PoolSpec::new(&"v4".parse()?, &fields.normalised())?;
/// let mut pool = PoolState::new(spec.into());
/// let query = PickQuery { pool: "v4".parse()?, want: Want::Any(Start::Lowest), except: vec![], now: Time::default(), cooldown: Default::default() };
/// let address = pool.pick(&query).expect("a new pool has free addresses");
/// assert_eq!(address.to_string(), "10.6.0.10");
/// let record = Record { address, owner: Owner::container("net", "c1")?, stamp: None };
/// pool.apply(&[PoolOp::Take(record)], Time::default(), Default::default())?;
/// assert_eq!(pool.pick(&query).expect("more").to_string(), "10.6.0.11");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct PoolState {
    pub(super) spec: Arc<PoolSpec>,
    reserved: Arc<RangeSet>,
    pub(super) records: Records,
    /// Over what the pool can give out; taken = has a record or is cooling.
    pub(super) occupancy: Occupancy,
    /// Freed of late, by address and by time.
    cooling: BTreeMap<Addr, Time>,
    cooling_since: BTreeSet<(Time, Addr)>,
    pub(super) last: Option<Addr>,
    records_max: Option<u64>,
}

impl PoolState {
    /// A pool without records.
    #[must_use]
    pub fn new(spec: Arc<PoolSpec>) -> Self {
        let reserved = Arc::new(RangeSet::empty(spec.family()));
        let occupancy = Occupancy::new(spec.allocatable().clone());
        Self {
            spec,
            reserved,
            records: Records::default(),
            occupancy,
            cooling: BTreeMap::new(),
            cooling_since: BTreeSet::new(),
            last: None,
            records_max: None,
        }
    }

    /// A pool with the records that are stored. Of two with one address the first counts; a store whose form allows that should refuse it before.
    #[must_use]
    pub fn with_records(spec: Arc<PoolSpec>, records: impl IntoIterator<Item = Record>) -> Self {
        let mut state = Self::new(spec);
        for record in records {
            let address = record.address;
            if state.records.insert(Filed(Arc::new(record))) {
                state.occupancy.take(address);
            }
        }
        state.check();
        state
    }

    /// The same records under another spec and other reserved addresses. Records outside of either stay.
    pub fn reshape(&mut self, spec: Arc<PoolSpec>, reserved: Arc<RangeSet>) {
        let space = spec.allocatable().difference(&reserved);
        self.occupancy = Occupancy::new(space);
        self.spec = spec;
        self.reserved = reserved;
        let (records, occupancy) = (&self.records, &mut self.occupancy);
        for Filed(record) in records {
            occupancy.take(record.address);
        }
        self.cooling.retain(|address, _| matches!(occupancy.take(*address), crate::occupancy::Taken::Now));
        self.cooling_since = self.cooling.iter().map(|(address, since)| (*since, *address)).collect();
        self.check();
    }

    /// Takes over what an earlier state of the same pool remembers and no stored form has: which addresses cool, and which one was given
    /// last. For a store that has read its records anew.
    pub fn inherit(&mut self, earlier: &Self) {
        self.last = self.last.or(earlier.last);
        for (address, since) in &earlier.cooling {
            if matches!(self.occupancy.take(*address), crate::occupancy::Taken::Now) {
                self.cool(*address, *since);
            }
        }
        self.check();
    }

    /// Bounds the number of records (in a cluster `SPIDERPOOL_IPPOOL_MAX_ALLOCATED_IPS`, since all records are one object).
    pub fn limit_records(&mut self, records_max: Option<u64>) {
        self.records_max = records_max;
    }

    /// The spec.
    #[must_use]
    pub fn spec(&self) -> &Arc<PoolSpec> {
        &self.spec
    }

    /// What is never given out, though the spec's ranges have it.
    #[must_use]
    pub fn reserved(&self) -> &RangeSet {
        &self.reserved
    }

    /// The records in order of address; sorts them, so it costs more than to look one up.
    pub fn records(&self) -> impl Iterator<Item = &Record> {
        let mut records: Vec<&Record> = self.records.iter().map(|filed| filed.0.as_ref()).collect();
        records.sort_unstable_by_key(|record| record.address);
        records.into_iter()
    }

    /// The records in no order.
    #[cfg(feature = "testkit")]
    pub(crate) fn records_unsorted(&self) -> impl Iterator<Item = &Record> {
        self.records.iter().map(|filed| filed.0.as_ref())
    }

    /// The record of an address.
    #[must_use]
    pub fn record(&self, address: Addr) -> Option<&Record> {
        self.records.get(&address).map(|filed| filed.0.as_ref())
    }

    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there is no record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// How many addresses the pool could give out in all: its ranges less excluded and reserved ones.
    #[must_use]
    pub fn capacity(&self) -> u128 {
        self.occupancy.space().len()
    }

    /// The address that was given last, where [`Start::Rotate`] goes on.
    #[must_use]
    pub fn last_given(&self) -> Option<Addr> {
        self.last
    }

    /// Where [`Start::Rotate`] goes on, in a pool that was loaded.
    pub fn go_on_after(&mut self, last: Option<Addr>) {
        self.last = last;
    }

    /// Finds an address, or says what stands against it. Changes nothing but the book of cooling addresses.
    ///
    /// # Errors
    /// The [`Obstacle`].
    pub fn pick(&mut self, query: &PickQuery) -> Result<Addr, Obstacle> {
        self.warm_up(query.now, query.cooldown);
        match query.want {
            Want::Again(address) => {
                self.held(address).and_then(|()| self.is_of_subnet(address)).map(|()| address)
            }
            Want::Exactly(address) => {
                self.held(address).and_then(|()| self.may_offer(address)).map(|()| address)
            }
            Want::Any(start) => {
                self.may_give()?;
                self.free_from(start, &query.except)
                    .or_else(|| self.oldest_cooling(&query.except))
                    .ok_or(Obstacle::Exhausted { capacity: self.capacity() })
            }
        }
    }

    fn may_give(&self) -> Result<(), Obstacle> {
        if self.spec.is_disabled() {
            return Err(Obstacle::Disabled);
        }
        match self.records_max {
            Some(records_max) if u64::try_from(self.records.len()).unwrap_or(u64::MAX) >= records_max => {
                Err(Obstacle::Limit { records_max })
            }
            _ => Ok(()),
        }
    }

    /// Whether the pool gives out this address, if nobody holds it.
    pub(super) fn may_offer(&self, address: Addr) -> Result<(), Obstacle> {
        self.may_give()?;
        if !self.spec.allocatable().contains(address) {
            return Err(Obstacle::Outside);
        }
        if self.reserved.contains(address) {
            return Err(Obstacle::Reserved);
        }
        Ok(())
    }

    /// Whether the address may be taken again, if nobody holds it.
    pub(super) fn is_of_subnet(&self, address: Addr) -> Result<(), Obstacle> {
        if self.spec.subnet().contains(&address.to_ip()) { Ok(()) } else { Err(Obstacle::Outside) }
    }

    fn held(&self, address: Addr) -> Result<(), Obstacle> {
        self.record(address).map_or(Ok(()), |record| {
            let holding = Holding { pool: self.spec.name().clone(), record: record.clone(), nic: None };
            Err(Obstacle::Held(Box::new(holding)))
        })
    }

    /// The first address from the start that is neither taken nor excepted, wrapping once.
    fn free_from(&self, start: Start, except: &[Addr]) -> Option<Addr> {
        let space = self.occupancy.space();
        let first = space.first()?;
        let from = match start {
            Start::Lowest => first,
            Start::Spread(hash) => space.nth(remainder(hash, space.len())).unwrap_or(first),
            Start::Rotate => self.last.and_then(Addr::next).unwrap_or(first),
        };
        // Mostly the place itself is free: one look at the records, where a change looks next anyway, spares the search.
        let is_free = !self.records.contains(&from) && !self.cooling.contains_key(&from);
        if is_free && space.contains(from) && !except.contains(&from) {
            return Some(from);
        }
        self.free_after(from, except)
            .or_else(|| self.free_after(first, except).filter(|address| *address < from))
    }

    fn free_after(&self, from: Addr, except: &[Addr]) -> Option<Addr> {
        let mut found = self.occupancy.first_free_from(from)?;
        // At most one round for each excepted address.
        while except.contains(&found) {
            found = self.occupancy.first_free_from(found.next()?)?;
        }
        Some(found)
    }

    fn oldest_cooling(&self, except: &[Addr]) -> Option<Addr> {
        self.cooling_since.iter().map(|(_, address)| *address).find(|address| !except.contains(address))
    }

    /// Makes free again what was freed long enough ago.
    fn warm_up(&mut self, now: Time, cooldown: Duration) {
        while let Some(&(since, address)) = self.cooling_since.first() {
            if now.since(since) < cooldown {
                break;
            }
            self.stop_cooling(address);
            self.occupancy.release(address);
        }
    }

    /// Since when it was cooling.
    pub(super) fn stop_cooling(&mut self, address: Addr) -> Option<Time> {
        let since = self.cooling.remove(&address)?;
        self.cooling_since.remove(&(since, address));
        Some(since)
    }

    pub(super) fn cool(&mut self, address: Addr, since: Time) {
        self.cooling.insert(address, since);
        self.cooling_since.insert((since, address));
    }

    /// Frees what a batch has set aside as cooling though no cooldown is asked for.
    pub(super) fn forget_cooling(&mut self) {
        while let Some((_, address)) = self.cooling_since.pop_first() {
            self.cooling.remove(&address);
            self.occupancy.release(address);
        }
    }

    /// The invariants, in debug builds.
    pub(super) fn check(&self) {
        if !cfg!(debug_assertions) {
            return;
        }
        assert_eq!(self.cooling.len(), self.cooling_since.len(), "both books of cooling addresses agree");
        if self.records.len() > CHECKED_WHOLLY_RECORDS_MAX {
            return;
        }
        let space = self.occupancy.space();
        for Filed(record) in &self.records {
            let address = record.address;
            assert!(!self.cooling.contains_key(&address), "{address} is held, so it does not cool");
            assert_eq!(
                self.occupancy.is_taken(address),
                space.contains(address),
                "{address} is held, so it is not free"
            );
        }
        let held = self.records.iter().filter(|filed| space.contains(filed.0.address)).count();
        let taken = u128::try_from(held.saturating_add(self.cooling.len())).unwrap_or(u128::MAX);
        assert_eq!(self.occupancy.taken(), taken, "an address is taken only if it is held or cools");
    }
}

/// `hash % len`, without the division of 128 bits where the length is a power of two as most are.
fn remainder(hash: u128, len: u128) -> u128 {
    if len.is_power_of_two() { hash & len.wrapping_sub(1) } else { hash.checked_rem(len).unwrap_or(0) }
}

impl Obstacle {
    /// In the words of a failed condition: "10.6.0.9 …".
    #[must_use]
    pub const fn problem(&self) -> &'static str {
        match self {
            Self::NoPool => "has no pool any more",
            Self::Disabled => "is in a disabled pool",
            Self::Exhausted { .. } => "is not free",
            Self::Limit { .. } => "would be one record more than the pool may have",
            Self::Held(_) => "is held",
            Self::Outside => "is not among the addresses of the pool",
            Self::Reserved => "is reserved",
        }
    }
}
