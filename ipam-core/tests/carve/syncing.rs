//! The sync of records, rule by rule.

use std::collections::BTreeSet;

use ipam_core::Family;
use ipam_core::carve::{
    Application, ControlRecord, ControlledPools, Dropped, Existence, Finding, LivingPool, Maker, Subnet,
    Synced, sync,
};

use crate::{app, name, record, records, set, subnet};

const OWNER: &str = "apps_v1_Deployment_default_web";
const POOL: &str = "auto4-web-eth0-a5bd3";
const UID: &str = "0-0-0-0-a5bd3e0f1122";

type Lookup = fn(&Application) -> Existence;

fn lives(_: &Application) -> Existence {
    Existence::Exists { uid: UID.to_owned() }
}

fn gone(_: &Application) -> Existence {
    Existence::Gone
}

/// Living pools: name, `p` for a person's or `s` for the system's, addresses.
fn run(
    before: &ControlledPools,
    pools: &[(&str, char, &str)],
    in_flight: &[&str],
    existence: Lookup,
    terminating: bool,
) -> Synced {
    let total = set("1-20");
    let subnet = Subnet { terminating, ..subnet(&total) };
    let owner = app(OWNER);
    let pools: Vec<_> = pools.iter().map(|(pool, maker, ips)| (name(pool), *maker, set(ips))).collect();
    let living: Vec<LivingPool<'_>> = pools
        .iter()
        .map(|(name, maker, total)| {
            let maker = if *maker == 'p' { Maker::Person } else { Maker::System(Some(&owner)) };
            LivingPool { name, maker, total }
        })
        .collect();
    let in_flight: BTreeSet<_> = in_flight.iter().map(|pool| name(pool)).collect();
    let synced = sync(&subnet, before, &living, &in_flight, existence);
    let again = sync(&subnet, &synced.records, &living, &in_flight, existence);
    assert_eq!(again.records, synced.records, "a second sync changes nothing");
    synced
}

fn held(synced: &Synced) -> Vec<(String, ControlRecord)> {
    synced.records.iter().map(|(pool, record)| (pool.to_string(), record.clone())).collect()
}

fn dropped(synced: &Synced) -> Vec<Dropped> {
    let why = |finding: &Finding| {
        if let Finding::Dropped { why, .. } = finding { Some(why.clone()) } else { None }
    };
    synced.findings.iter().filter_map(why).collect()
}

#[test]
fn a_new_subnet_has_counts_and_no_record() {
    let synced = run(&records(&[]), &[], &[], lives, false);
    assert!(synced.records.is_empty() && synced.findings.is_empty());
    assert_eq!((synced.counts.total, synced.counts.allocated), (20, 0));
}

#[test]
fn the_record_of_a_manual_pool_follows_it() {
    let before = records(&[("m", "1-3", None), ("left", "9", None)]);
    let synced = run(
        &before,
        &[("m", 'p', "2-5,19-30"), ("empty", 'p', ""), ("outside", 'p', "40")],
        &[],
        gone,
        false,
    );
    assert_eq!(
        held(&synced),
        [("m".to_owned(), record("2-5,19-20", None)), ("outside".to_owned(), record("", None))]
    );
    assert_eq!(synced.counts.allocated, 6);
    assert_eq!(dropped(&synced), [Dropped::NoApplication], "a record that somebody wrote by hand");

    let emptied = run(&records(&[("m", "1", None)]), &[("m", 'p', "")], &[], gone, false);
    assert_eq!((held(&emptied), dropped(&emptied)), (vec![], vec![Dropped::NoAddresses]));

    // Freed by an operator: from now on a manual pool, counted once.
    let freed = run(&records(&[(POOL, "1-3", Some(OWNER))]), &[(POOL, 'p', "1-3")], &[], lives, false);
    assert_eq!(held(&freed), [(POOL.to_owned(), record("1-3", None))]);
    assert_eq!(freed.counts.allocated, 3);
}

#[test]
fn the_record_of_a_living_auto_pool_stays_and_comes_back() {
    // Ahead of the pool: a carve is on its way, or was cut short.
    let either: [Lookup; 2] = [lives, gone];
    for existence in either {
        let before = records(&[(POOL, "1-4", Some(OWNER))]);
        let synced = run(&before, &[(POOL, 's', "1-3")], &[], existence, false);
        assert_eq!(
            (held(&synced), synced.findings.len()),
            (vec![(POOL.to_owned(), record("1-4", Some(OWNER)))], 0)
        );
    }
    for before in [records(&[]), records(&[(POOL, "1", None)])] {
        let synced = run(&before, &[(POOL, 's', "7-9,50")], &[], gone, false);
        assert_eq!(held(&synced), [(POOL.to_owned(), record("7-9", Some(OWNER)))]);
        assert_eq!(synced.findings, [Finding::Rebuilt { pool: name(POOL) }]);
    }
}

#[test]
fn a_record_without_a_pool_stays_while_its_pool_may_still_come() {
    let before = records(&[(POOL, "1-3", Some(OWNER))]);
    let case = |in_flight: &[&str], existence, terminating| {
        let synced = run(&before, &[], in_flight, existence, terminating);
        assert_eq!(held(&synced).is_empty(), !dropped(&synced).is_empty());
        dropped(&synced).into_iter().next()
    };
    let other = |_: &Application| Existence::Exists { uid: "0-0-0-0-ffffff".to_owned() };
    let unknown = |_: &Application| Existence::Unknown;
    assert_eq!(case(&[], lives, false), None, "crash between record and pool: the next carve uses it");
    assert_eq!(case(&[], unknown, false), None, "cannot tell means that it exists");
    assert_eq!(case(&[], gone, false), Some(Dropped::ApplicationGone));
    let uid = "0-0-0-0-ffffff".to_owned();
    assert_eq!(case(&[], other, false), Some(Dropped::OtherIncarnation { uid }), "deleted and made again");
    let dead: [Lookup; 2] = [gone, other];
    for existence in dead {
        assert_eq!(case(&[POOL], existence, false), None, "a carve is in flight");
    }
    for in_flight in [&[][..], &[POOL]] {
        assert_eq!(case(in_flight, lives, true), Some(Dropped::Terminating));
    }
}

#[test]
fn one_kind_that_cannot_be_read_blocks_no_other() {
    let before = records(&[
        ("auto4-a-eth0-a5bd3", "1", Some("x.io_v1_Odd_ns_a")),
        (POOL, "2", Some(OWNER)),
        ("m", "3", None),
    ]);
    let existence = |application: &Application| match application.kind() {
        "Odd" => Existence::Unknown,
        _ => Existence::Gone,
    };
    let synced = run(&before, &[("m", 'p', "3-4")], &[], existence, false);
    assert_eq!(
        held(&synced),
        [
            ("auto4-a-eth0-a5bd3".to_owned(), record("1", Some("x.io_v1_Odd_ns_a"))),
            ("m".to_owned(), record("3-4", None))
        ]
    );
}

#[test]
fn a_living_pool_comes_before_a_record_alone() {
    // A manual pool was made over what was just recorded.
    let before = records(&[(POOL, "1-3", Some(OWNER))]);
    let synced = run(&before, &[("m", 'p', "2-5")], &[POOL], lives, false);
    assert_eq!(
        held(&synced),
        [(POOL.to_owned(), record("1", Some(OWNER))), ("m".to_owned(), record("2-5", None))]
    );
    assert_eq!(synced.findings, [Finding::GaveWay { pool: name(POOL), ranges: set("2-3") }]);
    assert_eq!(synced.counts.allocated, 5);

    // The same over the part of a record that its pool has not got yet.
    let before = records(&[(POOL, "1-3", Some(OWNER))]);
    let synced = run(&before, &[(POOL, 's', "1"), ("m", 'p', "2-5")], &[], lives, false);
    assert_eq!(synced.records.get(&name(POOL)).unwrap().ranges, set("1"));
}

#[test]
fn two_living_pools_with_the_same_addresses_are_reported() {
    let before = records(&[(POOL, "1-3", Some(OWNER))]);
    let synced = run(&before, &[(POOL, 's', "1-3"), ("m", 'p', "3-5")], &[], lives, false);
    assert_eq!(
        held(&synced),
        [(POOL.to_owned(), record("1-3", Some(OWNER))), ("m".to_owned(), record("4-5", None))]
    );
    assert_eq!(synced.findings, [Finding::Overlap { pool: name("m"), ranges: set("3") }]);
    assert!(synced.records.shared().is_empty());
}

#[test]
fn no_address_is_recorded_twice() {
    let other = "auto4-web-net1-a5bd3";
    let before = records(&[(POOL, "1-3", Some(OWNER)), (other, "3-4", Some(OWNER)), ("m", "4-5", None)]);
    assert_eq!(before.shared(), &set("3-4"));
    let pools: [&[(&str, char, &str)]; 3] =
        [&[], &[(POOL, 's', "1-3"), (other, 's', "4")], &[("m", 'p', "4-5")]];
    let held = ["1-4", "1-4", "1-5"];
    for (pools, held) in pools.iter().zip(held) {
        let synced = run(&before, pools, &[], lives, false);
        assert_eq!((synced.records.shared(), synced.records.union()), (&set(""), &set(held)), "{pools:?}");
        assert!(
            synced.findings.iter().any(|finding| matches!(finding, Finding::GaveWay { .. })),
            "{pools:?}"
        );
    }
}

#[test]
fn entries_that_cannot_be_read_are_dropped_or_rebuilt() {
    let text = format!(
        r#"{{"{POOL}":{{"ips":["10.6.0.7"],"application":"?"}},"bad":{{"ips":["zz"]}},"m":{{"ips":["10.6.0.9"]}}}}"#
    );
    let before = ControlledPools::from_json(Family::V4, Some(&text)).unwrap();
    let synced = run(&before, &[(POOL, 's', "7-8"), ("m", 'p', "9")], &[], lives, false);
    assert_eq!(
        held(&synced),
        [(POOL.to_owned(), record("7-8", Some(OWNER))), ("m".to_owned(), record("9", None))]
    );
    assert!(matches!(dropped(&synced).as_slice(), [Dropped::Unreadable(_), Dropped::Unreadable(_)]));
    assert!(synced.findings.contains(&Finding::Rebuilt { pool: name(POOL) }));

    let six = ControlledPools::from_json(Family::V6, Some(r#"{"m":{"ips":["fd00::1"]}}"#)).unwrap();
    let synced = run(&six, &[], &[], lives, false);
    assert_eq!(dropped(&synced), [Dropped::Unreadable("it is IPv6".to_owned())]);
}

#[test]
fn a_subnet_that_goes_follows_its_pools() {
    let before =
        records(&[("m", "1", None), (POOL, "2", Some(OWNER)), ("auto4-b-eth0-a5bd3", "3", Some(OWNER))]);
    let synced = run(&before, &[("m", 'p', "1"), (POOL, 's', "2")], &[], lives, true);
    assert_eq!(synced.records.iter().count(), 2, "living pools keep theirs");
    let synced = run(&synced.records, &[], &[], lives, true);
    assert!(synced.records.is_empty(), "the application still lives, and the subnet may go");
}
