//! What a release can do that arrives after its sender has given up: why a store binds a commit to the state that it was sent on, and why
//! whoever got no answer to a release repeats it before the owner asks again.

use ipam_core::testkit::{ManualClock, MemoryStore};
use ipam_core::{
    Allocate, AllocationRequest, NicRequest, Owner, PoolFields, PoolSpec, RangeSet, Release, ReleaseRequest,
    ReleaseScope, Time, run,
};

use crate::sea::{Sea, Tides};

fn owner() -> Owner {
    Owner::pod("shop", "web", "uid-1").unwrap()
}

/// The owner asks for an address, and gets it.
fn add(sea: &mut Sea) {
    let nic = NicRequest { v4: vec!["a".parse().unwrap()], ..NicRequest::new("eth0".parse().unwrap()) };
    let request = AllocationRequest::new(owner(), Time::from_millis(10_000)).nic(nic);
    let answer = run(Allocate::new(request, false), sea, &mut ManualClock::default()).unwrap().unwrap();
    assert_eq!(answer.attachments[0].assignments[0].address.to_string(), "10.6.0.1");
}

fn delete(sea: &mut Sea, deadline: u64) -> bool {
    let request = ReleaseRequest::new(owner(), ReleaseScope::All, Time::from_millis(deadline));
    run(Release::new(request, false), sea, &mut ManualClock::default()).is_ok()
}

/// An owner has an address, and the commit of its release is under way when the one who sent it gives up.
fn under_way(is_unbound: bool) -> Sea {
    let store = MemoryStore::one_at_a_time();
    let fields = PoolFields {
        subnet: "10.6.0.0/24".to_owned(),
        ips: vec!["10.6.0.1-10.6.0.9".to_owned()],
        ..PoolFields::default()
    };
    let spec = PoolSpec::new(&"a".parse().unwrap(), &fields).unwrap();
    let family = spec.family();
    store.put_pool(spec, RangeSet::empty(family)).unwrap();
    let mut sea = Sea::new(store, Tides::default(), 1);
    sea.is_unbound = is_unbound;
    add(&mut sea);
    sea.tides.late = 1_000;
    assert!(!delete(&mut sea, 0), "its commit has no answer");
    sea.tides.late = 0;
    sea
}

fn is_recorded(sea: &mut Sea) -> bool {
    sea.land_all();
    !sea.store().records().is_empty()
}

#[test]
fn repeated_before_the_owner_asks_again_it_arrives_in_vain() {
    let mut sea = under_way(false);
    assert!(delete(&mut sea, 10_000));
    add(&mut sea);
    assert!(is_recorded(&mut sea));
    assert_eq!(sea.landed, 0);
}

/// The answer to a repeated ADD is what is stored, and takes no write that the late release would meet.
#[test]
fn not_repeated_it_takes_the_address_from_the_owner() {
    let mut sea = under_way(false);
    add(&mut sea);
    assert!(!is_recorded(&mut sea));
}

/// Its condition is true again as soon as the same owner has the same address again.
#[test]
fn bound_to_its_conditions_only_it_takes_the_address_in_any_case() {
    let mut sea = under_way(true);
    assert!(delete(&mut sea, 10_000));
    add(&mut sea);
    assert!(!is_recorded(&mut sea));
}
