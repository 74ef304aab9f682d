//! `fsck` finds what another hand did to the file, and repairs what can be.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that meets the unexpected is to fail, and to say so"
)]

mod bed;

use std::path::Path;

use bed::{PATIENCE, address_of, allocate, assert_sound, container, open, with_pool};
use ipam_local::{Finding, FsckReport, Problem};
use rusqlite::Connection;

fn damage(path: &Path, sql: &str) {
    let connection = Connection::open(path).unwrap();
    connection.execute_batch("PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON").unwrap();
    connection.execute_batch(sql).unwrap();
}

fn fsck(path: &Path, repair: bool) -> FsckReport {
    open(path).session(PATIENCE).unwrap().fsck(repair).unwrap()
}

fn texts(report: &FsckReport) -> Vec<String> {
    report.findings.iter().map(|finding| finding.problem.to_string()).collect()
}

/// A store with addresses .10 and .11 held, .12 to .15 free.
fn check(name: &str, sql: &str, expected: &[&str], repairable: bool) {
    let (_dir, path, mut store) = with_pool(&["10.6.0.10-10.6.0.15"]);
    let mut session = store.session(PATIENCE).unwrap();
    for id in ["a", "b"] {
        allocate(&mut session, &container(id)).unwrap().unwrap();
    }
    drop(session);
    drop(store);
    damage(&path, sql);
    let found = fsck(&path, false);
    assert_eq!(texts(&found), expected, "{name}");
    assert!(!found.is_clean(), "{name}");
    let repaired = fsck(&path, true);
    assert_eq!(texts(&repaired), expected, "{name}: a look changes nothing");
    assert_eq!(repaired.is_clean(), repairable, "{name}: {:?}", repaired.findings);
    if repairable {
        assert_sound(&mut open(&path));
    } else {
        assert_eq!(texts(&fsck(&path, false)), expected, "{name}: it is left as it is");
    }
}

#[test]
fn each_kind_of_damage_is_found() {
    let copies = [
        ("count", "UPDATE pool SET used = 7", "IPPool v4 counts 7 records and has 2"),
        (
            "lost",
            "UPDATE free SET first = x'0a06000d'",
            "IPPool v4 has lost [10.6.0.12], neither held nor free",
        ),
        (
            "lost wholly",
            "DELETE FROM free",
            "IPPool v4 has lost [10.6.0.12-10.6.0.15], neither held nor free",
        ),
        (
            "free though held",
            "UPDATE free SET first = x'0a06000b'",
            "IPPool v4 takes [10.6.0.11] for free, which are held",
        ),
        (
            "free though outside",
            "UPDATE free SET last = x'0a060010'",
            "IPPool v4 takes [10.6.0.16] for free, which it may not give out",
        ),
        (
            "free and cooling",
            "INSERT INTO cooling SELECT id, x'0a06000d', 5 FROM pool",
            "IPPool v4 takes [10.6.0.13] for free, which it may not give out",
        ),
    ];
    for (name, sql, expected) in copies {
        check(name, sql, &[expected], true);
    }
    let space = "what IPPool v4 may give out lacks [10.6.0.10] and has [] too much, going by its ranges and the reserved ones";
    check("space", "UPDATE space SET first = x'0a06000b'", &[space], true);
    check(
        "no manifest",
        "DELETE FROM manifest",
        &["IPPool v4 has a row and no manifest, and 2 records"],
        false,
    );
    let outside = [
        "IPPool v4 has a record of 10.7.0.1, which is not in its subnet",
        "IPPool v4 has lost [10.6.0.10], neither held nor free",
    ];
    let sql = "UPDATE record SET address = x'0a070001' WHERE address = x'0a06000a'";
    let (_dir, path, mut store) = with_pool(&["10.6.0.10-10.6.0.15"]);
    allocate(&mut store.session(PATIENCE).unwrap(), &container("a")).unwrap().unwrap();
    drop(store);
    damage(&path, sql);
    assert_eq!(texts(&fsck(&path, true)), outside);
    assert_eq!(texts(&fsck(&path, false)), [outside[0]]);
}

#[test]
fn rows_that_mean_nothing_are_named() {
    check(
        "owner",
        "UPDATE record SET kind = 'ghost' WHERE address = x'0a06000a'",
        &[
            "a record of IPPool v4 cannot be understood: record of 10.6.0.10: \"ghost\" is not a valid owner kind; want pod, \
           virtualMachine, container, claim or reservation",
        ],
        false,
    );
    check(
        "boot",
        "UPDATE record SET boot = 99",
        &["2 rows of table record name rows of table boot that are not there"],
        false,
    );
}

#[test]
fn a_manifest_without_a_row_gets_one() {
    let (_dir, path, store) = with_pool(&["10.6.0.10-10.6.0.15"]);
    drop(store);
    damage(&path, "DELETE FROM space; DELETE FROM free; DELETE FROM pool");
    let report = fsck(&path, true);
    assert_eq!(texts(&report), ["IPPool v4 has a manifest and no row"]);
    let mut store = open(&path);
    assert_sound(&mut store);
    let given = allocate(&mut store.session(PATIENCE).unwrap(), &container("a")).unwrap().unwrap();
    assert_eq!(address_of(&given), "10.6.0.10");
}

#[test]
fn pools_that_were_made_to_overlap_are_found() {
    let (_dir, path, mut store) = with_pool(&["10.6.0.10-10.6.0.15"]);
    bed::apply(&mut store.session(PATIENCE).unwrap(), "w4", "10.6.0.0/16", &["10.6.0.20-10.6.0.25"]);
    drop(store);
    damage(&path, "UPDATE manifest SET spec = replace(spec, '10.6.0.20', '10.6.0.14') WHERE name = 'w4'");
    let texts = texts(&fsck(&path, false));
    assert_eq!(texts[0], "IPPools v4 and w4 both have [10.6.0.14-10.6.0.15]");
}

#[test]
fn an_index_is_built_anew() {
    let (_dir, path, mut store) = with_pool(&["10.6.0.10-10.6.0.15"]);
    allocate(&mut store.session(PATIENCE).unwrap(), &container("a")).unwrap().unwrap();
    drop(store);
    // The row goes by a schema that does not know of the index.
    damage(
        &path,
        "PRAGMA writable_schema = ON; \
         CREATE TABLE kept AS SELECT * FROM sqlite_schema WHERE name = 'record_owner'; \
         DELETE FROM sqlite_schema WHERE name = 'record_owner'",
    );
    damage(&path, "UPDATE record SET name = 'other'");
    damage(
        &path,
        "PRAGMA writable_schema = ON; INSERT INTO sqlite_schema SELECT * FROM kept; DROP TABLE kept",
    );
    let found = fsck(&path, true);
    assert!(
        matches!(
            found.findings.as_slice(),
            [Finding { problem: Problem::Index { .. }, is_repaired: true, .. }, ..]
        ),
        "{found:?}"
    );
    assert!(found.is_clean(), "{found:?}");
    assert_sound(&mut open(&path));
}

#[test]
fn an_address_is_given_only_if_both_books_agree() {
    for (name, sql) in [
        ("a record is lost", "DELETE FROM record WHERE address = x'0a06000b'"),
        ("the address is lost", "UPDATE free SET first = x'0a06000d'"),
    ] {
        let (_dir, path, mut store) = with_pool(&["10.6.0.10-10.6.0.15"]);
        let mut session = store.session(PATIENCE).unwrap();
        for id in ["a", "b"] {
            allocate(&mut session, &container(id)).unwrap().unwrap();
        }
        drop(session);
        damage(&path, sql);
        let (lost, given) = if name.starts_with("a record") {
            ("10.6.0.11", "10.6.0.12")
        } else {
            ("10.6.0.12", "10.6.0.13")
        };
        let op = ipam_core::PoolOp::Take(ipam_core::Record {
            address: lost.parse().unwrap(),
            owner: container("c"),
            stamp: None,
        });
        let change = ipam_core::Change::Pool {
            pool: "v4".parse().unwrap(),
            version: ipam_core::Version::ANY,
            ops: vec![op],
            now: ipam_core::Time::default(),
            cooldown: std::time::Duration::ZERO,
        };
        let mut session = store.session(PATIENCE).unwrap();
        let error = ipam_core::Store::commit(&mut session, &[change]).unwrap_err().to_string();
        assert!(error.contains("has no record, and is not free either"), "{name}: {error}");
        assert_eq!(address_of(&allocate(&mut session, &container("d")).unwrap().unwrap()), given, "{name}");
    }
}

#[test]
fn an_address_that_is_free_and_held_is_said_to_be_so_at_once() {
    let (_dir, path, mut store) = with_pool(&["10.6.0.10-10.6.0.15"]);
    let mut session = store.session(PATIENCE).unwrap();
    for id in ["a", "b"] {
        allocate(&mut session, &container(id)).unwrap().unwrap();
        bed::release(&mut session, &container("a")).unwrap();
    }
    drop(session);
    damage(
        &path,
        "UPDATE free SET first = x'0a06000b' WHERE first = x'0a06000c'; UPDATE pool SET last = NULL",
    );
    let mut session = store.session(PATIENCE).unwrap();
    allocate(&mut session, &container("c")).unwrap().unwrap();
    let text = allocate(&mut session, &container("d")).unwrap_err();
    assert!(text.contains("10.6.0.11 of IPPool v4 counts as free and has a record"), "{text}");
    assert!(text.contains("fsck"), "{text}");
    assert!(session.fsck(true).unwrap().is_clean());
    let given = allocate(&mut session, &container("d")).unwrap().unwrap();
    assert_eq!(address_of(&given), "10.6.0.12");
}
