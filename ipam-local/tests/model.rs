//! The store beside models: the same actions must have the same outcomes and leave the same books.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that meets the unexpected is to fail, and to say so"
)]

mod bed;

use std::sync::Arc;
use std::time::Duration;

use bed::{Owned, PATIENCE, assert_sound, fields};
use ipam_core::testkit::conformance::{Setup, against_model};
use ipam_core::testkit::strategies;
use ipam_core::{
    Addr, Change, Family, IpRange, Owner, PickQuery, PoolFields, PoolOp, PoolSpec, PoolState, Query,
    RangeSet, Record, ReservedFields, Start, Store, StoreError, Time, Version, View, Want,
};
use ipam_local::{Metadata, Source};
use proptest::prelude::*;

fn load(owned: &mut Owned, pools: &[PoolSpec], reserved: &[IpRange]) {
    let mut session = owned.store.session(PATIENCE).unwrap();
    for pool in pools {
        session.apply_pool(pool.name(), pool.fields(), &Metadata::default(), &Source::Applied).unwrap();
    }
    for family in [Family::V4, Family::V6] {
        let of_family = reserved.iter().filter(|range| range.family() == family);
        let ips = of_family.map(ToString::to_string).collect();
        let reserved = ReservedFields { ip_version: Some(family.number().into()), ips };
        let name = format!("reserved{}", family.number()).parse().unwrap();
        session.apply_reserved(&name, &reserved, &Metadata::default(), &Source::Applied).unwrap();
    }
}

fn fresh(setup: &Setup) -> Owned {
    let mut owned = Owned::new();
    load(&mut owned, &setup.pools, &setup.reserved);
    owned
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    /// Requests of several owners over several pools, beside the store in memory.
    #[test]
    fn like_the_store_in_memory(setup in strategies::setups(), actions in strategies::actions()) {
        against_model(fresh(&setup), &setup, &actions)?;
    }

    /// Single operations on one pool, beside its ledger in memory, with specs and reserved ranges that change in between.
    #[test]
    fn like_the_ledger(steps in prop::collection::vec(step(), 1..60)) {
        compare(&steps)?;
    }
}

/// The pool's subnet has 32 addresses, so that the steps meet each other.
const SUBNET: &str = "10.6.0.0/27";

/// How long freed addresses are avoided by all picks: a pick with another cooldown may leave another book in the ledger, which
/// remembers what a question has warmed up.
const COOLDOWN: Duration = Duration::from_millis(40);

#[derive(Clone, Debug)]
enum Step {
    Pick { want: Wanted, except: Vec<u8> },
    Change { ops: Vec<(Kind, u8, u8)>, cooldown: Duration },
    Reshape { ips: (u8, u8), reserved: Option<(u8, u8)>, disable: bool },
    Pass { millis: u64 },
}

#[derive(Clone, Copy, Debug)]
enum Wanted {
    Lowest,
    Rotate,
    Spread(u128),
    Exactly(u8),
    Again(u8),
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Take,
    TakeAgain,
    Release,
}

fn step() -> impl Strategy<Value = Step> {
    let host = 0..34_u8;
    let wanted = prop_oneof![
        Just(Wanted::Lowest),
        Just(Wanted::Rotate),
        any::<u128>().prop_map(Wanted::Spread),
        host.clone().prop_map(Wanted::Exactly),
        host.clone().prop_map(Wanted::Again),
    ];
    let kind = prop_oneof![4 => Just(Kind::Take), 1 => Just(Kind::TakeAgain), 3 => Just(Kind::Release)];
    let cooldown = prop_oneof![Just(Duration::ZERO), Just(COOLDOWN)];
    let op = (kind, host.clone(), 0..3_u8);
    let bounds = (0..32_u8, 0..32_u8).prop_map(|(a, b)| (a.min(b), a.max(b)));
    prop_oneof![
        3 => (wanted, prop::collection::vec(host, 0..3)).prop_map(|(want, except)| Step::Pick { want, except }),
        6 => (prop::collection::vec(op, 1..5), cooldown).prop_map(|(ops, cooldown)| Step::Change { ops, cooldown }),
        1 => (bounds.clone(), prop::option::of(bounds), prop::bool::weighted(0.1))
            .prop_map(|(ips, reserved, disable)| Step::Reshape { ips, reserved, disable }),
        1 => (0..60_u64).prop_map(|millis| Step::Pass { millis }),
    ]
}

fn addr(host: u8) -> Addr {
    Addr::new(Family::V4, 0x0a06_0000 + u128::from(host)).unwrap()
}

fn range((first, last): (u8, u8)) -> IpRange {
    IpRange::new(addr(first), addr(last)).unwrap()
}

fn pool_fields(ips: IpRange, disable: bool) -> PoolFields {
    PoolFields { disable: Some(disable), ..fields(SUBNET, &[&ips.to_string()]) }
}

fn compare(steps: &[Step]) -> Result<(), TestCaseError> {
    let name: ipam_core::PoolName = "v4".parse().unwrap();
    let whole = pool_fields(range((0, 31)), false);
    let spec = PoolSpec::new(&name, &whole).unwrap();
    let mut owned = Owned::new();
    load(&mut owned, std::slice::from_ref(&spec), &[]);
    let mut model = PoolState::new(Arc::new(spec));
    let mut now = Time::from_millis(1_000);
    for step in steps {
        match step {
            Step::Pass { millis } => now = now + Duration::from_millis(*millis),
            Step::Pick { want, except } => {
                let want = match *want {
                    Wanted::Lowest => Want::Any(Start::Lowest),
                    Wanted::Rotate => Want::Any(Start::Rotate),
                    Wanted::Spread(hash) => Want::Any(Start::Spread(hash)),
                    Wanted::Exactly(host) => Want::Exactly(addr(host)),
                    Wanted::Again(host) => Want::Again(addr(host)),
                };
                let except = except.iter().map(|host| addr(*host)).collect();
                let cooldown = COOLDOWN;
                let query = PickQuery { pool: name.clone(), want, except, now, cooldown };
                let expected = model.pick(&query);
                let View::Pick(view) = owned.read(&Query::Pick(query)).unwrap() else {
                    panic!("another view")
                };
                prop_assert_eq!(view.outcome, expected);
            }
            Step::Change { ops, cooldown } => {
                let ops: Vec<PoolOp> =
                    ops.iter().map(|(kind, host, who)| op(*kind, addr(*host), *who)).collect();
                let cooldown = *cooldown;
                // The ledger forgets nothing in a failed change; the store's answer must be the same, too.
                let expected = model.clone().apply(&ops, now, cooldown).is_ok();
                let change = Change::Pool {
                    pool: name.clone(),
                    version: Version::ANY,
                    ops: ops.clone(),
                    now,
                    cooldown,
                };
                let found = owned.commit(&[change]);
                prop_assert_eq!(found.is_ok(), expected, "{:?}", found);
                match found {
                    Ok(_) => prop_assert!(model.apply(&ops, now, cooldown).is_ok()),
                    Err(error) => prop_assert_eq!(error.class(), ipam_core::Class::Conflict),
                }
            }
            Step::Reshape { ips, reserved, disable } => {
                reshape(&mut owned, &mut model, range(*ips), *reserved, *disable)?
            }
        }
        assert_sound(&mut owned.store);
        let held: Vec<Addr> = model.records().map(|record| record.address).collect();
        let mut session = owned.store.session(PATIENCE).unwrap();
        let stored: Vec<Addr> =
            session.export().unwrap().records.iter().map(|holding| holding.record.address).collect();
        prop_assert_eq!(stored, held);
        prop_assert_eq!(session.pool(&name).unwrap().map(|entry| entry.capacity), Some(model.capacity()));
    }
    Ok(())
}

fn op(kind: Kind, address: Addr, who: u8) -> PoolOp {
    let owner = Owner::container("net", &format!("c{who}")).unwrap();
    match kind {
        Kind::Take => PoolOp::Take(Record { address, owner, stamp: None }),
        Kind::TakeAgain => PoolOp::TakeAgain(Record { address, owner, stamp: None }),
        Kind::Release => PoolOp::Release { address, owner, seen: None },
    }
}

/// Changes spec and reserved range of both; where admission refuses the spec, neither.
fn reshape(
    owned: &mut Owned,
    model: &mut PoolState,
    ips: IpRange,
    reserved: Option<(u8, u8)>,
    disable: bool,
) -> Result<(), TestCaseError> {
    let mut session = owned.store.session(PATIENCE).unwrap();
    let wanted = pool_fields(ips, disable);
    let name = "v4".parse().unwrap();
    let spec = Arc::new(PoolSpec::new(&name, &wanted).unwrap());
    let fits = model.records().all(|record| spec.allocatable().contains(record.address));
    let applied = session.apply_pool(&name, &wanted, &Metadata::default(), &Source::Applied);
    // The same fields again are no update.
    let same = *spec == **model.spec();
    prop_assert_eq!(applied.is_ok(), fits || same, "{:?}", applied);
    let spec = if applied.is_ok() { spec } else { Arc::clone(model.spec()) };
    let set: RangeSet = reserved.map_or_else(|| RangeSet::empty(Family::V4), |bounds| range(bounds).into());
    let ips = set.ranges().map(|range| range.to_string()).collect();
    let fields = ReservedFields { ip_version: Some(4), ips };
    session
        .apply_reserved(&"reserved4".parse().unwrap(), &fields, &Metadata::default(), &Source::Applied)
        .unwrap();
    model.reshape(spec, Arc::new(set));
    Ok(())
}
