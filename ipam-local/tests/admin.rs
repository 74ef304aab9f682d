//! Pools and reserved ranges: applying, refusing, deleting; export and import.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that meets the unexpected is to fail, and to say so"
)]

mod bed;

use bed::{
    PATIENCE, address_of, allocate, apply, assert_sound, chain, container, fields, open, release, with_pool,
};
use ipam_core::{PoolName, ReservedFields};
use ipam_local::{Applied, Error, Export, Metadata, Session, Source};

const IPS: &[&str] = &["10.6.0.10-10.6.0.13"];

fn v4() -> PoolName {
    "v4".parse().unwrap()
}

fn network(name: &str) -> Source {
    Source::Network(name.to_owned())
}

fn labelled(value: &str) -> Metadata {
    Metadata { labels: [("tier".to_owned(), value.to_owned())].into(), ..Metadata::default() }
}

fn reserve(session: &mut Session<'_>, ips: &[&str]) -> Applied {
    let ips = ips.iter().map(|&item| item.to_owned()).collect();
    let fields = ReservedFields { ip_version: Some(4), ips };
    session.apply_reserved(&"keep".parse().unwrap(), &fields, &Metadata::default(), &Source::Applied).unwrap()
}

#[test]
fn a_pool_has_one_source() {
    let (_dir, _, mut store) = with_pool(IPS);
    let mut session = store.session(PATIENCE).unwrap();
    let none = Metadata::default();
    let (same, other) = (fields("10.6.0.0/16", IPS), fields("10.6.0.0/16", &["10.6.0.10-10.6.0.99"]));
    assert_eq!(session.apply_pool(&v4(), &same, &none, &Source::Applied).unwrap(), Applied::Unchanged);
    assert_eq!(session.apply_pool(&v4(), &same, &none, &network("net")).unwrap(), Applied::Unchanged);
    let refused = session.apply_pool(&v4(), &other, &none, &network("net")).unwrap_err();
    let text = "SpiderIPPool v4 comes from `spiderpoolctl apply` and cannot be changed by the configuration of network net; \
                change it there, or delete it first";
    assert_eq!(refused.to_string(), text);
    assert_eq!(session.apply_pool(&v4(), &other, &none, &Source::Applied).unwrap(), Applied::Changed);
    assert_eq!(
        session.apply_pool(&v4(), &other, &labelled("a"), &Source::Applied).unwrap(),
        Applied::Changed
    );
    assert_eq!(session.pool(&v4()).unwrap().unwrap().metadata, labelled("a"));

    let inline = fields("10.7.0.0/16", &["10.7.0.1-10.7.0.9"]);
    let name = "inline".parse().unwrap();
    assert_eq!(session.apply_pool(&name, &inline, &none, &network("net")).unwrap(), Applied::Created);
    let other = fields("10.7.0.0/16", &["10.7.0.1-10.7.0.8"]);
    for source in [Source::Applied, network("web")] {
        let refused = session.apply_pool(&name, &other, &none, &source);
        assert!(matches!(refused, Err(Error::OtherSource { .. })), "{refused:?}");
    }
    assert_eq!(session.apply_pool(&name, &other, &none, &network("net")).unwrap(), Applied::Changed);
}

#[test]
fn the_rules_of_admission_hold() {
    let (_dir, _, mut store) = with_pool(IPS);
    let mut session = store.session(PATIENCE).unwrap();
    allocate(&mut session, &container("a")).unwrap().unwrap();
    let before = session.export().unwrap();
    for (name, pool, subnet, ips, part) in [
        ("an overlap", "b", "10.6.0.0/16", "10.6.0.13-10.6.0.20", "overlap with IPPool v4 in IP ranges"),
        (
            "an overlap of subnets",
            "b",
            "10.6.0.0/24",
            "10.6.0.99",
            "overlap with IPPool v4 which 'spec.subnet' is 10.6.0.0/16",
        ),
        (
            "an address in use",
            "v4",
            "10.6.0.0/16",
            "10.6.0.11-10.6.0.13",
            "that is being used by container a on network net",
        ),
        ("another subnet", "v4", "10.8.0.0/16", "10.8.0.1", "spec.subnet: Forbidden: is not changeable"),
        ("a fault", "v4", "10.6.0.0/16", "10.6.0.13-10.6.0.10", "spec.ips[0]"),
    ] {
        let name_of_pool = pool.parse().unwrap();
        let refused = session.apply_pool(
            &name_of_pool,
            &fields(subnet, &[ips]),
            &Metadata::default(),
            &Source::Applied,
        );
        let text = chain(&refused.unwrap_err());
        assert!(text.contains(part), "{name}: {text}");
    }
    assert_eq!(session.export().unwrap(), before);
}

#[test]
fn growing_and_reserving_take_effect_at_once() {
    let (_dir, _, mut store) = with_pool(&["10.6.0.10"]);
    let mut session = store.session(PATIENCE).unwrap();
    assert_eq!(address_of(&allocate(&mut session, &container("a")).unwrap().unwrap()), "10.6.0.10");
    let refusal = allocate(&mut session, &container("b")).unwrap().unwrap_err();
    assert!(refusal.is_exhausted(), "{refusal}");
    apply(&mut session, "v4", "10.6.0.0/16", &["10.6.0.10-10.6.0.12"]);
    assert_eq!(reserve(&mut session, &["10.6.0.11", "10.6.0.10"]), Applied::Created);
    let entry = session.pool(&v4()).unwrap().unwrap();
    assert_eq!((entry.used, entry.capacity, entry.free), (1, 1, 1));
    assert_eq!(address_of(&allocate(&mut session, &container("b")).unwrap().unwrap()), "10.6.0.12");
    // A reserved address in use stays, and is not given out again after its release.
    release(&mut session, &container("a")).unwrap();
    assert!(allocate(&mut session, &container("c")).unwrap().is_err());
    assert_eq!(reserve(&mut session, &["10.6.0.11"]), Applied::Changed);
    assert_eq!(address_of(&allocate(&mut session, &container("c")).unwrap().unwrap()), "10.6.0.10");
    session.delete_reserved(&"keep".parse().unwrap()).unwrap();
    assert_eq!(address_of(&allocate(&mut session, &container("d")).unwrap().unwrap()), "10.6.0.11");
    drop(session);
    assert_sound(&mut store);
}

#[test]
fn a_pool_in_use_is_deleted_by_force_only() {
    let (_dir, path, mut store) = with_pool(IPS);
    let mut session = store.session(PATIENCE).unwrap();
    for id in ["a", "b"] {
        allocate(&mut session, &container(id)).unwrap().unwrap();
    }
    let text = session.delete_pool(&v4(), false).unwrap_err().to_string();
    assert!(
        text.starts_with(
            "IPPool v4 has 2 addresses in use, 10.6.0.10 (container a on network net) first of all"
        ),
        "{text}"
    );
    assert_eq!(session.delete_pool(&v4(), true).unwrap().records.len(), 2);
    assert_eq!(session.holder("10.6.0.10".parse().unwrap()).unwrap(), None);
    let missing = session.delete_pool(&v4(), true).unwrap_err();
    assert_eq!(missing.to_string(), format!("there is no SpiderIPPool v4 in the store {}", path.display()));
    drop(session);
    assert_sound(&mut store);
}

#[test]
fn an_export_is_all_of_a_store() {
    let (_dir, _, mut store) = with_pool(IPS);
    let mut session = store.session(PATIENCE).unwrap();
    reserve(&mut session, &["10.6.0.12"]);
    let six = fields("fd00:6::/64", &["fd00:6::1-fd00:6::ffff:ffff"]);
    session.apply_pool(&"v6".parse().unwrap(), &six, &labelled("six"), &network("net")).unwrap();
    for id in ["a", "b"] {
        allocate(&mut session, &container(id)).unwrap().unwrap();
    }
    let export = session.export().unwrap();
    let text = serde_json::to_string_pretty(&export).unwrap();
    let read: Export = serde_json::from_str(&text).unwrap();
    assert_eq!(read, export);

    let dir = bed::folder();
    let mut other = open(&dir.path().join("other.db"));
    let mut copy = other.session(PATIENCE).unwrap();
    let imported = copy.import(&read).unwrap();
    assert_eq!((imported.objects, imported.records, imported.unchanged), (3, 2, 0));
    assert_eq!(copy.export().unwrap(), export);
    let again = copy.import(&read).unwrap();
    assert_eq!((again.objects, again.records, again.unchanged), (0, 0, 5));
    // Where rotate goes on is a part of it.
    assert_eq!(address_of(&allocate(&mut copy, &container("c")).unwrap().unwrap()), "10.6.0.13");
    drop(copy);
    assert_sound(&mut other);
}

#[test]
fn an_import_is_all_or_nothing() {
    let (_dir, _, mut store) = with_pool(IPS);
    let mut session = store.session(PATIENCE).unwrap();
    allocate(&mut session, &container("a")).unwrap().unwrap();
    let export = session.export().unwrap();

    let (_other_dir, _, mut other) = with_pool(IPS);
    let mut copy = other.session(PATIENCE).unwrap();
    allocate(&mut copy, &container("b")).unwrap().unwrap();
    let before = copy.export().unwrap();
    let Err(Error::Import { problems, .. }) = copy.import(&export) else { panic!("it was imported") };
    assert_eq!(problems, ["record of 10.6.0.10: it is held by container b on network net (IPPool v4)"]);
    let foreign = Export { version: 99, ..export.clone() };
    assert!(matches!(copy.import(&foreign), Err(Error::Import { .. })));
    assert_eq!(copy.export().unwrap(), before);
}

#[test]
fn a_map_counts_records_by_parts() {
    let (_dir, _, mut store) = with_pool(&["10.6.0.0-10.6.0.15"]);
    let mut session = store.session(PATIENCE).unwrap();
    for id in ["a", "b", "c", "d", "e"] {
        allocate(&mut session, &container(id)).unwrap().unwrap();
    }
    let map = session.occupancy_map(&v4(), 4).unwrap();
    let drawn: Vec<String> =
        map.iter().map(|cell| format!("{} {}/{}", cell.range, cell.taken, cell.capacity)).collect();
    let expected = [
        "10.6.0.0-10.6.0.3 4/4",
        "10.6.0.4-10.6.0.7 1/4",
        "10.6.0.8-10.6.0.11 0/4",
        "10.6.0.12-10.6.0.15 0/4",
    ];
    assert_eq!(drawn, expected);
    assert_eq!(session.taken_in(&v4(), "10.6.0.3-10.6.0.9".parse().unwrap()).unwrap(), 2);
    assert_eq!(session.free_ranges(&v4()).unwrap().to_string(), "10.6.0.5-10.6.0.15");
}
