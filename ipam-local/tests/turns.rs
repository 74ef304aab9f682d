//! Taking turns: deadlines, other programs on the file, several stores in one process, and the store as a `Store`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that meets the unexpected is to fail, and to say so"
)]

mod bed;

use std::thread;
use std::time::Duration;

use bed::{PATIENCE, address_of, allocate, assert_sound, container, open, release, with_pool};
use ipam_core::{
    Allocate, AllocationRequest, AttachmentOp, Change, Class, Clock, NicRequest, Query, Store, StoreError,
    Version, View, run,
};
use ipam_local::{BootClock, Error};
use rusqlite::Connection;

const IPS: &[&str] = &["10.6.0.10-10.6.0.250"];

const SHORT: Duration = Duration::from_millis(30);

#[test]
fn whoever_comes_second_waits_until_its_deadline() {
    let (_dir, path, mut store) = with_pool(IPS);
    let mut other = open(&path);
    let session = store.session(PATIENCE).unwrap();
    let error = other.session(SHORT).map(drop).unwrap_err();
    assert!(matches!(&error, Error::Busy { waited, .. } if *waited >= SHORT), "{error:?}");
    assert_eq!(error.class(), Class::Unavailable);
    assert!(error.to_string().contains("another process holds its lock file"), "{error}");
    drop(session);
    other.session(PATIENCE).unwrap();
}

#[test]
fn a_shell_on_the_file_is_waited_for_and_named() {
    let (_dir, path, mut store) = with_pool(IPS);
    let shell = Connection::open(&path).unwrap();
    shell.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = store.session(SHORT).map(drop).unwrap_err();
    assert!(matches!(error, Error::Busy { .. }), "{error:?}");
    assert!(error.to_string().contains("the data base itself"), "{error}");
    // One that only reads lets others read, and keeps them from committing.
    shell.execute_batch("ROLLBACK; BEGIN; SELECT * FROM pool").unwrap();
    let mut session = store.session(SHORT).unwrap();
    assert_eq!(session.pools().unwrap().len(), 1);
    let changes = [Change::Pool {
        pool: "v4".parse().unwrap(),
        version: Version::ANY,
        ops: vec![ipam_core::PoolOp::Take(ipam_core::Record {
            address: "10.6.0.20".parse().unwrap(),
            owner: container("a"),
            stamp: None,
        })],
        now: BootClock.now(),
        cooldown: Duration::ZERO,
    }];
    let error = session.commit(&changes).unwrap_err();
    assert!(matches!(error, Error::Busy { .. }), "{error:?}");
    assert_eq!(session.holder("10.6.0.20".parse().unwrap()).unwrap(), None);
    shell.execute_batch("ROLLBACK").unwrap();
    session.commit(&changes).unwrap();
    drop(session);
    assert_sound(&mut store);
}

#[test]
fn what_is_not_committed_has_not_happened() {
    let (_dir, path, mut store) = with_pool(IPS);
    let mut session = store.session(PATIENCE).unwrap();
    let conflict = Change::Attachments {
        owner: container("a"),
        version: Version::new("of another time"),
        ops: vec![AttachmentOp::Clear],
    };
    let take = Change::Pool {
        pool: "v4".parse().unwrap(),
        version: Version::ANY,
        ops: vec![ipam_core::PoolOp::Take(ipam_core::Record {
            address: "10.6.0.20".parse().unwrap(),
            owner: container("a"),
            stamp: None,
        })],
        now: BootClock.now(),
        cooldown: Duration::ZERO,
    };
    let error = session.commit(&[take, conflict]).unwrap_err();
    assert_eq!(error.class(), Class::Conflict, "{error}");
    drop(session);
    assert_eq!(open(&path).session(PATIENCE).unwrap().holder("10.6.0.20".parse().unwrap()).unwrap(), None);
    assert_sound(&mut store);
}

#[test]
fn threads_with_a_store_each_take_turns() {
    let (_dir, path, mut store) = with_pool(IPS);
    let given: Vec<String> = thread::scope(|scope| {
        let work = |number: usize| {
            let mut store = open(&path);
            move || {
                let take = |index: usize| {
                    let owner = container(&format!("t{number}-{index}"));
                    let mut session = store.session(PATIENCE).unwrap();
                    let given = address_of(&allocate(&mut session, &owner).unwrap().unwrap());
                    if index.is_multiple_of(3) {
                        release(&mut session, &owner).unwrap();
                        return None;
                    }
                    Some(given)
                };
                (0..12).map(take).collect::<Vec<Option<String>>>()
            }
        };
        let threads: Vec<_> = (0..4).map(|number| scope.spawn(work(number))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).flatten().collect()
    });
    let mut distinct = given.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!((given.len(), distinct.len()), (4 * 8, 4 * 8));
    assert_sound(&mut store);
}

/// Without a session each read and each commit is a turn of its own, so two requests can plan the same; one of them is told
/// to plan again.
#[test]
fn a_store_without_a_session_finds_conflicts() {
    let (_dir, path, mut store) = with_pool(IPS);
    let given: Vec<String> = thread::scope(|scope| {
        let work = |number: usize| {
            let mut store = open(&path);
            move || {
                let take = |index: usize| {
                    let mut nic = NicRequest::new("eth0".parse().unwrap());
                    nic.v4.push("v4".parse().unwrap());
                    let owner = container(&format!("t{number}-{index}"));
                    let request = AllocationRequest::new(owner, BootClock.now() + PATIENCE).nic(nic);
                    address_of(
                        &run(Allocate::new(request, true), &mut store, &mut BootClock).unwrap().unwrap(),
                    )
                };
                (0..8).map(take).collect::<Vec<String>>()
            }
        };
        let threads: Vec<_> = (0..4).map(|number| scope.spawn(work(number))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let mut distinct = given.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), 4 * 8);
    let View::Holdings(holdings) =
        store.read(&Query::Holdings { owner: container("t0-0"), pools: Vec::new() }).unwrap()
    else {
        panic!("another view")
    };
    assert_eq!(holdings.attachments.len(), 1);
    assert_sound(&mut store);
}
