//! Release, confirmation and collection.

use std::time::Duration;

use ipam_core::testkit::MemoryStore;
use ipam_core::{
    Allocate, Collect, Confirm, DriveError, EarlierBoot, GiveUp, Holdings, Input, Machine, PoolOp, Query,
    Release, ReleaseRequest, ReleaseScope, RuntimeList, Stamp, Step, Store, Time, View, run,
};

use crate::script::{DEADLINE, Fate, START, Script, attached, book, clock, container, nic, pools, request};

/// Container x with eth0 (both families) and eth1, container y with eth0.
fn populated(store: MemoryStore) -> MemoryStore {
    let mut store = pools(store);
    let atomic = Store::is_atomic(&store);
    for request in [
        request("x").nic(nic("eth0", &["a"], &["six"])).nic(nic("eth1", &["b"], &[])),
        request("y").nic(nic("eth0", &["a"], &[])),
    ] {
        run(Allocate::new(request, atomic), &mut store, &mut clock()).unwrap().unwrap();
    }
    store
}

fn stores() -> [MemoryStore; 2] {
    [populated(MemoryStore::atomic()), populated(MemoryStore::one_at_a_time())]
}

fn release(script: &mut Script, scope: ReleaseScope) -> Vec<String> {
    let atomic = script.is_atomic();
    let request = ReleaseRequest::new(container("x"), scope, DEADLINE);
    let released = run(Release::new(request, atomic), script, &mut clock()).unwrap();
    let mut addresses: Vec<String> = released.addresses.iter().map(|a| a.address.to_string()).collect();
    addresses.sort();
    addresses
}

const FATES: [&[Fate]; 7] = [
    &[],
    &[Fate::Lost],
    &[Fate::AnswerLost],
    &[Fate::Conflict, Fate::AnswerLost],
    &[Fate::Pass, Fate::AnswerLost],
    &[Fate::Pass, Fate::Pass, Fate::Pass, Fate::Lost],
    &[Fate::AnswerLost, Fate::AnswerLost, Fate::AnswerLost, Fate::AnswerLost],
];

#[test]
fn a_release_says_what_it_freed_whatever_got_lost() {
    for fates in FATES {
        for store in stores() {
            let mut script = Script::new(store, fates);
            assert_eq!(
                release(&mut script, ReleaseScope::All),
                ["10.6.0.10", "10.7.0.10", "fd00:6::10"],
                "{fates:?}"
            );
            assert_eq!(book(&script.store), ["a 10.6.0.11 y"], "{fates:?}");
            assert_eq!(attached(&script.store), ["y eth0 10.6.0.11"], "{fates:?}");
        }
        for store in stores() {
            let mut script = Script::new(store, fates);
            let scope = ReleaseScope::Nic("eth0".parse().unwrap());
            assert_eq!(release(&mut script, scope), ["10.6.0.10", "fd00:6::10"], "{fates:?}");
            assert_eq!(attached(&script.store), ["x eth1 10.7.0.10", "y eth0 10.6.0.11"], "{fates:?}");
        }
        for store in stores() {
            let mut script = Script::new(store, fates);
            let scope = ReleaseScope::Address("10.6.0.10".parse().unwrap());
            assert_eq!(release(&mut script, scope), ["10.6.0.10"], "{fates:?}");
            assert_eq!(
                attached(&script.store),
                ["x eth0 fd00:6::10", "x eth1 10.7.0.10", "y eth0 10.6.0.11"],
                "{fates:?}"
            );
        }
    }
}

#[test]
fn nothing_to_release_is_a_read() {
    let mut script = Script::new(pools(MemoryStore::atomic()), &[]);
    assert_eq!(release(&mut script, ReleaseScope::All), [""; 0]);
    assert_eq!((script.reads, script.commits.len()), (1, 0));
}

#[test]
fn a_release_that_is_refused_says_so() {
    for store in stores() {
        let mut script = Script::new(store, &[Fate::Rejected]);
        let atomic = script.is_atomic();
        let request = ReleaseRequest::new(container("x"), ReleaseScope::All, DEADLINE);
        let error = run(Release::new(request, atomic), &mut script, &mut clock()).unwrap_err();
        assert!(matches!(error, DriveError::Store(_)), "{error:?}");
        assert_eq!(book(&script.store).len(), 4);
    }
}

#[test]
fn a_release_waits_for_a_store_until_its_deadline() {
    let mut script = Script::new(populated(MemoryStore::atomic()), &[]);
    script.deaf = usize::MAX;
    let request = ReleaseRequest::new(container("x"), ReleaseScope::All, DEADLINE);
    let mut time = clock();
    let error = run(Release::new(request, true), &mut script, &mut time).unwrap_err();
    assert!(matches!(error, DriveError::Deadline { last: Some(_) }), "{error:?}");
    assert_eq!(ipam_core::Clock::now(&time), DEADLINE);
}

#[test]
fn a_confirmation_stamps_what_is_of_another_boot() {
    for fates in FATES {
        for store in stores() {
            let mut script = Script::new(store, fates);
            let stamp = |boot: &str| Stamp { boot: boot.to_owned(), at: START };
            let confirm = |script: &mut Script, boot: &str| {
                let expected = vec!["10.6.0.10".parse().unwrap(), "fd00:6::10".parse().unwrap()];
                let machine = Confirm::new(
                    container("x"),
                    "eth0".parse().unwrap(),
                    expected,
                    Some(stamp(boot)),
                    DEADLINE,
                );
                run(machine, script, &mut clock()).unwrap().unwrap()
            };
            assert_eq!(confirm(&mut script, "boot-1").assignments.len(), 2);
            let stamped = |script: &Script| {
                let records = script.store.records();
                records
                    .into_iter()
                    .filter_map(|(_, record)| record.stamp)
                    .map(|stamp| stamp.boot)
                    .collect::<Vec<_>>()
            };
            assert_eq!(stamped(&script), ["boot-1", "boot-1"], "{fates:?}");
            let commits = script.commits.len();
            confirm(&mut script, "boot-1");
            assert_eq!(script.commits.len(), commits, "the stamp is of this boot already");
        }
    }
}

#[test]
fn a_confirmation_says_what_is_missing() {
    let mut store = populated(MemoryStore::atomic());
    let expected = vec!["10.6.0.10".parse().unwrap(), "10.6.0.11".parse().unwrap()];
    let machine = Confirm::new(container("x"), "eth0".parse().unwrap(), expected, None, DEADLINE);
    let unconfirmed = run(machine, &mut store, &mut clock()).unwrap().unwrap_err();
    assert_eq!(
        unconfirmed.to_string(),
        "NIC eth0 of container x on network net: addresses that the store does not give it: 10.6.0.11; \
         stored: 10.6.0.10 of IPPool a, fd00:6::10 of IPPool six"
    );
}

#[test]
fn a_collection_frees_whatever_got_lost() {
    for fates in FATES {
        for store in stores() {
            let mut script = Script::new(store, fates);
            let atomic = script.is_atomic();
            let list = RuntimeList::new("net", [("y".to_owned(), "eth0".to_owned())]);
            let collected =
                run(Collect::new(list, atomic, false, DEADLINE), &mut script, &mut clock()).unwrap();
            assert!(collected.dead.iter().all(|holding| holding.record.owner == container("x")));
            assert_eq!(book(&script.store), ["a 10.6.0.11 y"], "{fates:?}");
        }
    }
}

#[test]
fn an_owner_that_comes_back_during_a_collection_keeps_its_address() {
    for store in stores() {
        let mut script = Script::new(store, &[]);
        let stamp = |boot: &str| Stamp { boot: boot.to_owned(), at: START };
        for (id, nic, address) in
            [("x", "eth0", "10.6.0.10"), ("x", "eth1", "10.7.0.10"), ("y", "eth0", "10.6.0.11")]
        {
            let expected = vec![address.parse().unwrap()];
            let machine =
                Confirm::new(container(id), nic.parse().unwrap(), expected, Some(stamp("boot-1")), DEADLINE);
            run(machine, &mut script, &mut clock()).unwrap().unwrap();
        }
        // Both are of another boot when the page is read; before the commit y is back.
        let back = move |store: &mut MemoryStore| {
            let address = "10.6.0.11".parse().unwrap();
            let op = PoolOp::Confirm { address, owner: container("y"), stamp: stamp("boot-2") };
            crate::script::commit(store, "a", op);
        };
        script.aside = Some((script.commits.len(), Box::new(back)));
        let judge = EarlierBoot {
            boot: "boot-2".to_owned(),
            first_seen: Time::from_millis(0),
            delay: Duration::from_millis(1),
        };
        let atomic = script.is_atomic();
        run(Collect::new(judge, atomic, false, DEADLINE), &mut script, &mut clock()).unwrap();
        assert_eq!(book(&script.store), ["a 10.6.0.11 y"]);
    }
}

#[test]
fn a_collection_goes_through_all_pages() {
    let mut store = MemoryStore::atomic();
    let fields = ipam_core::PoolFields {
        subnet: "fd00::/64".to_owned(),
        ips: vec!["fd00::1-fd00::ffff".to_owned()],
        ..ipam_core::PoolFields::default()
    };
    let spec = ipam_core::PoolSpec::new(&"big".parse().unwrap(), &fields).unwrap();
    store.put_pool(spec, ipam_core::RangeSet::empty(ipam_core::Family::V6)).unwrap();
    let take = |number: u16| {
        let address =
            ipam_core::Addr::new(ipam_core::Family::V6, (0xfd00 << 112) + u128::from(number)).unwrap();
        let owner = container(&format!("c{}", number % 2));
        PoolOp::Take(ipam_core::Record { address, owner, stamp: None })
    };
    let change = ipam_core::Change::Pool {
        pool: "big".parse().unwrap(),
        version: ipam_core::Version::ANY,
        ops: (1..=1_500).map(take).collect(),
        now: START,
        cooldown: Duration::ZERO,
    };
    Store::commit(&mut store, &[change]).unwrap();
    let mut script = Script::new(store, &[]);
    let list = RuntimeList::new("net", [("c0".to_owned(), "eth0".to_owned())]);
    let collected = run(Collect::new(list, true, false, DEADLINE), &mut script, &mut clock()).unwrap();
    assert_eq!((collected.seen, collected.dead.len()), (1_500, 750));
    assert_eq!(script.store.records().len(), 750);
    assert_eq!((script.reads, script.commits.len()), (3, 3), "a page is read once and freed at once");
}

#[test]
fn other_machines_tell_a_broken_contract_too() {
    let wrong = || Input::Read(Ok(View::Holdings(Holdings::default())));
    let mut collect = Collect::new(RuntimeList::new("net", []), true, false, DEADLINE);
    assert!(matches!(collect.step(START, Input::Go), Step::Read(Query::Page(_))));
    assert_eq!(collect.step(START, wrong()), Step::GiveUp(GiveUp::Contract));
    let mut release = Release::new(ReleaseRequest::new(container("x"), ReleaseScope::All, DEADLINE), true);
    assert_eq!(release.step(START, wrong()), Step::GiveUp(GiveUp::Contract));
    let mut confirm = Confirm::new(container("x"), "eth0".parse().unwrap(), Vec::new(), None, DEADLINE);
    assert!(matches!(confirm.step(START, Input::Go), Step::Read(Query::Holdings { .. })));
    assert_eq!(confirm.step(START, Input::Go), Step::GiveUp(GiveUp::Contract));
}
