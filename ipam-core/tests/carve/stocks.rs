//! The working state of a subnet: batches, what comes free, vast networks.

use ipam_core::carve::{CarveError, ControlledPools, Demand, Present, Stock, Subnet};
use ipam_core::{Addr, Family, IpRange, RangeSet};

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
