//! The working state of a subnet: batches, what comes free, vast networks.

use std::collections::BTreeMap;

use ipam_core::carve::{CarveError, ControlledPools, Demand, Present, Stock, Subnet};
use ipam_core::{Addr, Family, IpRange, PoolName, RangeSet};
use ipnet::IpNet;

use crate::{app, name, record, records, set, stock};

const OWNER: &str = "apps_v1_Deployment_default_web";

#[test]
fn a_record_without_application_is_signed() {
    let total = set("1-10");
    let stock = stock(&total, records(&[("p", "4-5", None)]), &set(""), &set(""));
    let (pool, application) = (name("p"), app(OWNER));
    let carving =
        stock.plan(&Demand { pool: &pool, application: &application, desired: 2, present: None }).unwrap();
    assert_eq!(carving.change, Some(record("4-5", Some(OWNER))));
}

#[test]
fn a_batch_is_planned_on_one_state_and_each_fails_alone() {
    let total = set("1-6");
    let used = set("1-3");
    let pools = [name("a"), name("b"), name("c"), name("d")];
    let application = app(OWNER);
    let new = |index: usize, desired| Demand {
        pool: &pools[index],
        application: &application,
        desired,
        present: None,
    };
    let net = "10.6.0.0/24".parse().unwrap();
    let shrink = Demand { present: Some(Present { net, ips: &used, allocated: &set("3") }), ..new(0, 1) };
    let before = records(&[("a", "1-3", Some(OWNER))]);

    let plan =
        stock(&total, before.clone(), &set(""), &used).plan_all(&[shrink, new(1, 2), new(2, 3), new(3, 1)]);
    let ranges: Vec<_> =
        plan.outcomes.iter().map(|one| one.as_ref().ok().map(|one| one.ranges.clone())).collect();
    // What pool a gives back is still its own until the pool is written.
    assert_eq!(ranges, [Some(set("3")), Some(set("4-5")), None, Some(set("6"))]);
    assert_eq!(
        plan.outcomes[2].as_ref().unwrap_err(),
        &CarveError::Insufficient { subnet: "s4".to_owned(), pool: name("c"), required: 3, left: 1 }
    );
    assert!(plan.changed);
    assert_eq!(plan.counts.allocated, 4);
    assert_eq!(plan.records.union(), &set("3-6"));

    // Once the pool is written, they are free.
    let next = stock(&total, plan.records, &set(""), &set("3")).plan_all(&[new(2, 2)]);
    assert_eq!(next.outcomes[0].as_ref().unwrap().ranges, set("1-2"));

    let full = Present { net, ips: &used, allocated: &set("1") };
    let idle =
        stock(&total, before, &set(""), &used).plan_all(&[Demand { present: Some(full), ..new(0, 3) }]);
    assert!(!idle.changed);
}

#[test]
fn giving_back_frees_what_nobody_else_has() {
    let total = set("1-10");
    let mut stock =
        stock(&total, records(&[("a", "1-5,50", None), ("b", "5-6", None)]), &set("2"), &set("3"));
    assert_eq!(stock.free(), &set("7-10"));
    assert_eq!(stock.records().shared(), &set("5"));
    assert_eq!(stock.give_back(&name("a")), Some(record("1-5,50", None)));
    assert_eq!(
        stock.free(),
        &set("1,4,7-10"),
        "2 is reserved, 3 is in a living pool, 5 in the record of b, 50 outside"
    );
    assert_eq!(stock.give_back(&name("a")), None);
}

#[test]
fn vast_subnets_cost_nothing() {
    let net = "fd00::/16".parse().unwrap();
    let total: RangeSet = IpRange::of_net(&net).into();
    let subnet = Subnet::new("s6", net, &total);
    let mut stock = Stock::new(subnet, ControlledPools::new(Family::V6), [], []).unwrap();
    assert_eq!(stock.free().len(), 1 << 112);
    assert_eq!(stock.counts().total, i64::MAX);
    let application = app(OWNER);
    for (pool, desired) in [("a", u32::MAX), ("b", u32::MAX), ("c", 1)] {
        let pool = name(pool);
        let carving =
            stock.plan(&Demand { pool: &pool, application: &application, desired, present: None }).unwrap();
        assert_eq!(carving.ranges.len(), u128::from(desired));
        stock.apply(&carving).unwrap();
    }
    assert_eq!(stock.records().union().to_string(), "fd00::-fd00::1:ffff:fffe");

    // The IPv4-mapped block is never carved from.
    let net = "::/64".parse().unwrap();
    let total: RangeSet = IpRange::of_net(&net).into();
    let stock = Stock::new(Subnet::new("s6", net, &total), ControlledPools::new(Family::V6), [], []).unwrap();
    let mapped = Addr::new(Family::V6, 0xffff_0a06_0001).unwrap();
    assert!(total.contains(mapped) && !stock.free().contains(mapped));
}

/// Thirty applications with five addresses each fill a subnet of 150; half of them grow, half shrink, then all go.
#[test]
fn thirty_applications_fill_a_subnet_and_leave_it() {
    for (net, first, last) in
        [("10.6.0.0/24", "10.6.0.1", "10.6.0.150"), ("fd00::/64", "fd00::1", "fd00::96")]
    {
        let net: IpNet = net.parse().unwrap();
        let total: RangeSet = format!("{first}-{last}").parse::<IpRange>().unwrap().into();
        let subnet = Subnet::new("s", net, &total);
        let family = subnet.family();
        let nothing = RangeSet::empty(family);
        let names: Vec<PoolName> =
            (0..30).map(|index| name(&format!("auto-app-{index}-eth0-a5bd3"))).collect();
        let application = app(OWNER);
        let mut pools: BTreeMap<PoolName, RangeSet> = BTreeMap::new();

        // One round of the controller: a plan on what is there, then the pools.
        let mut round = |sizes: &dyn Fn(usize) -> u32, records: ControlledPools| {
            let stock = Stock::new(subnet, records, [], pools.values()).unwrap();
            let demands: Vec<Demand<'_>> = names
                .iter()
                .enumerate()
                .map(|(index, pool)| Demand {
                    pool,
                    application: &application,
                    desired: sizes(index),
                    present: pools.get(pool).map(|ips| Present { net, ips, allocated: &nothing }),
                })
                .collect();
            let plan = stock.plan_all(&demands);
            let refused = plan.outcomes.iter().filter(|one| one.is_err()).count();
            for carving in plan.outcomes.into_iter().flatten() {
                pools.insert(carving.pool, carving.ranges);
            }
            for (pool, record) in plan.records.iter() {
                assert_eq!(pools.get(pool), Some(&record.ranges));
            }
            assert!(plan.records.shared().is_empty());
            (plan.records, plan.counts.allocated, refused)
        };
        let (all, allocated, refused) = round(&|_| 5, ControlledPools::new(family));
        assert_eq!((allocated, refused), (150, 0));
        let resized = |index: usize| if index.is_multiple_of(2) { 7 } else { 3 };
        // What the shrinking pools give back is there for the growing ones once those are written.
        let (all, allocated, refused) = round(&resized, all);
        assert_eq!((allocated, refused), (120, 15));
        let (all, allocated, refused) = round(&resized, all);
        assert_eq!((allocated, refused), (150, 0));
        let mut records = all;
        for pool in &names {
            records.remove(pool);
        }
        assert!(records.is_empty() && records.union().is_empty());
    }
}
