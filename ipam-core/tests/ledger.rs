//! The ledger of a pool against a model that scans lists: the same answers after any sequence of operations.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a test stops at the first surprise; the lints spare test functions only"
)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ipam_core::{
    Addr, Demand, Family, Holding, Obstacle, Owner, PickQuery, PoolFields, PoolOp, PoolSpec, PoolState,
    RangeSet, Record, Served, Stamp, Start, Time, Want,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

const RECORDS_MAX: u64 = 9;

/// Shapes that a pool changes between: (ips, excluded, reserved, disabled).
const SHAPES: [(&str, &str, &str, bool); 5] = [
    ("10.6.0.8-10.6.0.15", "", "", false),
    ("10.6.0.10-10.6.0.19", "10.6.0.12", "10.6.0.14-10.6.0.15", false),
    ("10.6.0.0-10.6.0.3", "", "", false),
    ("10.6.0.8-10.6.0.15", "", "", true),
    ("10.6.0.250-10.6.0.255", "", "10.6.0.0-10.6.0.255", false),
];

fn shape(index: u8) -> (Arc<PoolSpec>, Arc<RangeSet>) {
    let (ips, excluded, reserved, disabled) = SHAPES[usize::from(index) % SHAPES.len()];
    let list = |text: &str| if text.is_empty() { Vec::new() } else { vec![text.to_owned()] };
    let fields = PoolFields {
        subnet: "10.6.0.0/24".to_owned(),
        ips: list(ips),
        exclude_ips: list(excluded),
        disable: Some(disabled),
        ..PoolFields::default()
    };
    let spec = PoolSpec::new(&"v4".parse().unwrap(), &fields).unwrap();
    let reserved =
        RangeSet::from_ranges(Family::V4, list(reserved).iter().map(|text| text.parse().unwrap())).unwrap();
    (Arc::new(spec), Arc::new(reserved))
}

/// The rules once more, by scanning.
#[derive(Clone, Debug, PartialEq)]
struct Model {
    spec: Arc<PoolSpec>,
    reserved: Arc<RangeSet>,
    records: BTreeMap<Addr, Record>,
    cooling: Vec<(Time, Addr)>,
    last: Option<Addr>,
    records_max: Option<u64>,
}

impl Model {
    /// All addresses that could be given out, in order.
    fn space(&self) -> Vec<Addr> {
        (0..=255_u128)
            .map(|host| Addr::new(Family::V4, 0x0a06_0000 + host).unwrap())
            .filter(|address| self.spec.allocatable().contains(*address) && !self.reserved.contains(*address))
            .collect()
    }

    fn cools(&self, address: Addr) -> bool {
        self.cooling.iter().any(|(_, cooling)| *cooling == address)
    }

    fn gate(&self) -> Result<(), Obstacle> {
        if self.spec.is_disabled() {
            return Err(Obstacle::Disabled);
        }
        match self.records_max {
            Some(records_max) if self.records.len() >= usize::try_from(records_max).unwrap() => {
                Err(Obstacle::Limit { records_max })
            }
            _ => Ok(()),
        }
    }

    fn not_held(&self, address: Addr) -> Result<(), Obstacle> {
        match self.records.get(&address) {
            Some(record) => Err(Obstacle::Held(Box::new(Holding {
                pool: self.spec.name().clone(),
                record: record.clone(),
                nic: None,
            }))),
            None => Ok(()),
        }
    }

    fn exactly(&self, address: Addr) -> Result<Addr, Obstacle> {
        self.not_held(address)?;
        self.gate()?;
        match address {
            address if !self.spec.allocatable().contains(address) => Err(Obstacle::Outside),
            address if self.reserved.contains(address) => Err(Obstacle::Reserved),
            address => Ok(address),
        }
    }

    fn again(&self, address: Addr) -> Result<Addr, Obstacle> {
        self.not_held(address)?;
        if self.spec.subnet().contains(&address.to_ip()) { Ok(address) } else { Err(Obstacle::Outside) }
    }

    fn pick(&mut self, query: &PickQuery) -> Result<Addr, Obstacle> {
        self.cooling.retain(|(since, _)| query.now.since(*since) < query.cooldown);
        let start = match query.want {
            Want::Exactly(address) => return self.exactly(address),
            Want::Again(address) => return self.again(address),
            Want::Any(start) => start,
        };
        self.gate()?;
        let space = self.space();
        let from = match start {
            Start::Lowest => 0,
            Start::Spread(hash) if space.is_empty() => usize::try_from(hash & 1).unwrap(),
            Start::Spread(hash) => usize::try_from(hash % u128::try_from(space.len()).unwrap()).unwrap(),
            Start::Rotate => space.iter().position(|address| Some(*address) > self.last).unwrap_or(0),
        };
        let turn = space.iter().cycle().skip(from).take(space.len());
        let usable = |address: &&Addr| !self.records.contains_key(address) && !query.except.contains(address);
        let fresh = turn.filter(usable).find(|address| !self.cools(**address)).copied();
        let mut resting = self.cooling.clone();
        resting.sort();
        let oldest = resting.iter().map(|(_, address)| address).find(usable).copied();
        fresh.or(oldest).ok_or(Obstacle::Exhausted { capacity: u128::try_from(space.len()).unwrap() })
    }

    /// Whether all could be applied; if not, nothing is.
    fn apply(&mut self, ops: &[PoolOp], now: Time, cooldown: Duration) -> bool {
        let before = self.clone();
        let (releases, others): (Vec<&PoolOp>, Vec<&PoolOp>) =
            ops.iter().partition(|op| matches!(op, PoolOp::Release { .. }));
        for op in releases.into_iter().chain(others) {
            if !self.apply_one(op, now, cooldown) {
                *self = before;
                return false;
            }
        }
        true
    }

    fn apply_one(&mut self, op: &PoolOp, now: Time, cooldown: Duration) -> bool {
        match op {
            PoolOp::Take(record) if self.exactly(record.address).is_ok() => {
                self.last = Some(record.address);
                self.put(record)
            }
            PoolOp::TakeAgain(record) if self.again(record.address).is_ok() => self.put(record),
            PoolOp::Release { address, owner, seen } => {
                let stored = self.records.get(address);
                let same = |record: &&Record| holds(record, owner);
                let stamp = |record: &&Record| seen.is_none() || record.stamp == *seen;
                if stored.filter(same).filter(stamp).is_some() {
                    self.records.remove(address);
                    if !cooldown.is_zero() && self.space().contains(address) {
                        self.cooling.push((now, *address));
                    }
                }
                true
            }
            PoolOp::Rebind { address, from, to, stamp } => match self.records.get_mut(address) {
                Some(record) if holds(record, from) => {
                    *record = Record { address: *address, owner: to.clone(), stamp: stamp.clone() };
                    true
                }
                _ => false,
            },
            PoolOp::Confirm { address, owner, stamp } => match self.records.get_mut(address) {
                Some(record) if holds(record, owner) => {
                    record.stamp = Some(stamp.clone());
                    true
                }
                _ => false,
            },
            _ => false,
        }
    }

    fn put(&mut self, record: &Record) -> bool {
        self.cooling.retain(|(_, address)| *address != record.address);
        self.records.insert(record.address, record.clone());
        true
    }

    fn reshape(&mut self, spec: Arc<PoolSpec>, reserved: Arc<RangeSet>) {
        (self.spec, self.reserved) = (spec, reserved);
        let space = self.space();
        self.cooling.retain(|(_, address)| space.contains(address));
    }

    fn serve(&mut self, batch: &[Demand], now: Time, cooldown: Duration) -> Vec<Served> {
        let within = cooldown.max(Duration::from_millis(1));
        let mut served = vec![Served::Released(false); batch.len()];
        for (demand, answer) in batch.iter().zip(&mut served) {
            if let Demand::Release { address, owner } = demand {
                let before = self.records.len();
                self.apply(
                    &[PoolOp::Release { address: *address, owner: owner.clone(), seen: None }],
                    now,
                    within,
                );
                *answer = Served::Released(self.records.len() < before);
            }
        }
        for (demand, answer) in batch.iter().zip(&mut served) {
            if let Demand::Take { owner, want, stamp } = demand {
                *answer = match self.pick(&query(*want, Vec::new(), now, within)) {
                    Err(obstacle) => Served::Refused(obstacle),
                    Ok(address) => {
                        let record = Record { address, owner: owner.clone(), stamp: stamp.clone() };
                        let again = matches!(want, Want::Again(_));
                        let op = if again { PoolOp::TakeAgain(record) } else { PoolOp::Take(record) };
                        assert!(self.apply(&[op], now, within));
                        Served::Taken(address)
                    }
                };
            }
        }
        if cooldown.is_zero() {
            self.cooling.clear();
        }
        served
    }
}

fn holds(record: &Record, owner: &Owner) -> bool {
    record.owner.kind() == owner.kind() && record.owner.uid() == owner.uid()
}

fn query(want: Want, except: Vec<Addr>, now: Time, cooldown: Duration) -> PickQuery {
    PickQuery { pool: "v4".parse().unwrap(), want, except, now, cooldown }
}

#[derive(Clone, Debug)]
enum Op {
    /// The record of this number is released by its holder.
    Free(u8, u8),
    Apply(Vec<PoolOp>, u8),
    Pick(Want, Vec<Addr>, u8),
    Serve(Vec<Demand>, u8),
    Reshape(u8),
    Reload,
    Limit(bool),
    Pass(u8),
}

/// Addresses of the subnet that the shapes use, some that they don't, and one outside.
fn addr() -> impl Strategy<Value = Addr> + Clone {
    prop_oneof![0..22_u128, 248..256_u128, Just(300)]
        .prop_map(|host| Addr::new(Family::V4, 0x0a06_0000 + host).unwrap())
}

fn owner() -> impl Strategy<Value = Owner> + Clone {
    (0..3_u8, 0..2_u8).prop_map(|(name, uid)| match name {
        0 => Owner::container("net", "a").unwrap(),
        1 => Owner::claim("shop", "b", &format!("uid-{uid}")).unwrap(),
        _ => Owner::pod("shop", "b", &format!("uid-{uid}")).unwrap(),
    })
}

fn stamp() -> impl Strategy<Value = Stamp> + Clone {
    (0..2_u64).prop_map(|at| Stamp { boot: "boot".to_owned(), at: Time::from_millis(at) })
}

fn want() -> impl Strategy<Value = Want> + Clone {
    let start = prop_oneof![Just(Start::Lowest), Just(Start::Rotate), any::<u128>().prop_map(Start::Spread)];
    prop_oneof![4 => start.prop_map(Want::Any), 1 => addr().prop_map(Want::Exactly), 1 => addr().prop_map(Want::Again)]
}

fn pool_op() -> impl Strategy<Value = PoolOp> {
    let record = (addr(), owner(), option::of(stamp())).prop_map(|(address, owner, stamp)| Record {
        address,
        owner,
        stamp,
    });
    prop_oneof![
        4 => record.clone().prop_map(PoolOp::Take),
        1 => record.prop_map(PoolOp::TakeAgain),
        3 => (addr(), owner(), option::of(stamp()))
            .prop_map(|(address, owner, seen)| PoolOp::Release { address, owner, seen }),
        1 => (addr(), owner(), owner(), option::of(stamp())).prop_filter_map("one kind", |(address, from, to, stamp)| {
            (from.kind() == to.kind()).then_some(PoolOp::Rebind { address, from, to, stamp })
        }),
        1 => (addr(), owner(), stamp()).prop_map(|(address, owner, stamp)| PoolOp::Confirm { address, owner, stamp }),
    ]
}

fn demand() -> impl Strategy<Value = Demand> {
    prop_oneof![
        2 => (owner(), want(), option::of(stamp())).prop_map(|(owner, want, stamp)| Demand::Take { owner, want, stamp }),
        1 => (addr(), owner()).prop_map(|(address, owner)| Demand::Release { address, owner }),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        5 => any::<(u8, u8)>().prop_map(|(record, cooldown)| Op::Free(record, cooldown)),
        6 => (vec(pool_op(), 0..4), any::<u8>()).prop_map(|(ops, cooldown)| Op::Apply(ops, cooldown)),
        5 => (want(), vec(addr(), 0..3), any::<u8>())
            .prop_map(|(want, except, cooldown)| Op::Pick(want, except, cooldown)),
        4 => (vec(demand(), 0..8), any::<u8>()).prop_map(|(batch, cooldown)| Op::Serve(batch, cooldown)),
        1 => any::<u8>().prop_map(Op::Reshape),
        1 => Just(Op::Reload),
        1 => any::<bool>().prop_map(Op::Limit),
        2 => (0..30_u8).prop_map(Op::Pass),
    ]
}

/// None, short or long.
fn cooldown(number: u8) -> Duration {
    Duration::from_millis([0, 20, 50][usize::from(number % 3)])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn the_ledger_does_as_the_model(first in any::<u8>(), ops in vec(op(), 1..60)) {
        let (spec, reserved) = shape(first);
        let mut pool = PoolState::new(Arc::clone(&spec));
        pool.reshape(Arc::clone(&spec), Arc::clone(&reserved));
        let mut model =
            Model { spec, reserved, records: BTreeMap::new(), cooling: Vec::new(), last: None, records_max: None };
        let mut now = Time::from_millis(1_000);
        for op in ops {
            match &op {
                Op::Apply(ops, rest) => {
                    let fits = pool.apply(ops, now, cooldown(*rest)).is_ok();
                    prop_assert_eq!(fits, model.apply(ops, now, cooldown(*rest)), "{:?}", op);
                }
                Op::Free(number, rest) if !model.records.is_empty() => {
                    let number = usize::from(*number) % model.records.len();
                    let record = model.records.values().nth(number).unwrap().clone();
                    let release = PoolOp::Release { address: record.address, owner: record.owner, seen: None };
                    prop_assert!(pool.apply(std::slice::from_ref(&release), now, cooldown(*rest)).is_ok());
                    prop_assert!(model.apply(&[release], now, cooldown(*rest)));
                }
                Op::Free(..) => {}
                Op::Pick(want, except, rest) => {
                    let query = query(*want, except.clone(), now, cooldown(*rest));
                    prop_assert_eq!(pool.pick(&query), model.pick(&query), "{:?}", op);
                }
                Op::Serve(batch, rest) => {
                    let served = pool.serve(batch, now, cooldown(*rest));
                    prop_assert_eq!(served, model.serve(batch, now, cooldown(*rest)), "{:?}", op);
                }
                Op::Reshape(index) => {
                    let (spec, reserved) = shape(*index);
                    pool.reshape(Arc::clone(&spec), Arc::clone(&reserved));
                    model.reshape(spec, reserved);
                }
                Op::Reload => {
                    // What a store keeps is the records; the rest is of this process.
                    let mut loaded = PoolState::with_records(Arc::clone(&model.spec), pool.records().cloned());
                    loaded.reshape(Arc::clone(&model.spec), Arc::clone(&model.reserved));
                    pool = loaded;
                    (model.cooling, model.last, model.records_max) = (Vec::new(), None, None);
                }
                Op::Limit(on) => {
                    model.records_max = on.then_some(RECORDS_MAX);
                    pool.limit_records(model.records_max);
                }
                Op::Pass(millis) => now = now + Duration::from_millis(u64::from(*millis)),
            }
            let records: Vec<&Record> = model.records.values().collect();
            prop_assert_eq!(pool.records().collect::<Vec<_>>(), records, "{:?}", op);
            prop_assert_eq!(pool.len(), model.records.len());
            prop_assert_eq!(pool.capacity(), u128::try_from(model.space().len()).unwrap());
            prop_assert_eq!(pool.last_given(), model.last);
        }
    }

    /// Said without the model: whoever the batch refuses would be refused alone, and what it frees goes last.
    #[test]
    fn a_batch_serves_whom_it_can(before in vec(demand(), 0..12), batch in vec(demand(), 1..12)) {
        let (spec, _) = shape(0);
        let mut pool = PoolState::new(spec);
        let now = Time::from_millis(1_000);
        pool.serve(&before, now, Duration::ZERO);
        let held: Vec<Record> = pool.records().cloned().collect();
        let served = pool.serve(&batch, now, Duration::ZERO);
        prop_assert_eq!(served.len(), batch.len());
        let freed = |address: &Addr| held.iter().any(|record| record.address == *address);
        for (demand, answer) in batch.iter().zip(&served) {
            match (demand, answer) {
                (Demand::Take { owner, .. }, Served::Taken(address)) => {
                    prop_assert_eq!(&pool.record(*address).unwrap().owner, owner);
                }
                (Demand::Take { want: Want::Any(_), .. }, Served::Refused(obstacle)) => {
                    prop_assert_eq!(obstacle, &Obstacle::Exhausted { capacity: 8 });
                    // Nobody is refused while an address is free in the end.
                    let inside = pool.records().filter(|record| pool.spec().allocatable().contains(record.address));
                    prop_assert_eq!(inside.count(), 8);
                }
                (Demand::Take { want: Want::Exactly(_) | Want::Again(_), .. }, Served::Refused(_)) => {}
                (Demand::Release { .. }, Served::Released(_)) => {}
                other => prop_assert!(false, "{:?}", other),
            }
        }
        // A freed address is given to whoever takes any only when all others are taken.
        let any = batch.iter().zip(&served).filter_map(|pair| match pair {
            (Demand::Take { want: Want::Any(_), .. }, Served::Taken(address)) => Some(*address),
            _ => None,
        });
        if any.into_iter().any(|address| freed(&address)) {
            let never_held = (8..=15).map(|host| Addr::new(Family::V4, 0x0a06_0000 + host).unwrap()).filter(|a| !freed(a));
            for address in never_held {
                prop_assert!(pool.record(address).is_some(), "{} was free", address);
            }
        }
    }
}

#[test]
fn a_change_that_fails_leaves_the_rest_of_an_address_alone() {
    let (spec, _) = shape(0);
    let mut pool = PoolState::new(spec);
    let (now, rest) = (Time::from_millis(0), Duration::from_millis(50));
    let address: Addr = "10.6.0.8".parse().unwrap();
    let a = Owner::container("net", "a").unwrap();
    let take = |address| PoolOp::Take(Record { address, owner: a.clone(), stamp: None });
    pool.apply(&[take(address)], now, rest).unwrap();
    pool.apply(&[PoolOp::Release { address, owner: a.clone(), seen: None }], now, rest).unwrap();
    let outside: Addr = "10.6.0.99".parse().unwrap();
    pool.apply(&[take(address), take(outside)], now, rest).unwrap_err();
    let picked = pool.pick(&query(Want::Any(Start::Lowest), Vec::new(), now, rest)).unwrap();
    assert_eq!(picked.to_string(), "10.6.0.9", "10.6.0.8 still rests");
}

/// A store that reads its records anew still knows what it saw freed.
#[test]
fn a_state_read_anew_inherits_what_cools() {
    let (spec, _) = shape(0);
    let owner = Owner::container("net", "a").unwrap();
    let record =
        |address: &str| Record { address: address.parse().unwrap(), owner: owner.clone(), stamp: None };
    let rest = Duration::from_millis(50);
    let mut earlier = PoolState::with_records(Arc::clone(&spec), [record("10.6.0.8"), record("10.6.0.9")]);
    for address in ["10.6.0.8", "10.6.0.9"] {
        let op = PoolOp::Release { address: address.parse().unwrap(), owner: owner.clone(), seen: None };
        earlier.apply(&[op], Time::from_millis(100), rest).unwrap();
    }
    // Another writer has given one of them out by now.
    let mut anew = PoolState::with_records(Arc::clone(&spec), [record("10.6.0.9")]);
    anew.inherit(&earlier);
    let pick = |state: &mut PoolState, millis: u64| {
        let (want, now) = (Want::Any(Start::Lowest), Time::from_millis(millis));
        let pool = spec.name().clone();
        state.pick(&PickQuery { pool, want, except: Vec::new(), now, cooldown: rest }).unwrap().to_string()
    };
    assert_eq!(pick(&mut anew, 120), "10.6.0.10");
    assert_eq!(pick(&mut anew, 151), "10.6.0.8");
}
