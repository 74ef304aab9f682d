//! Faults below SQLite: writes that fail half way, and the states that a power loss can leave on the disk.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that meets the unexpected is to fail, and to say so"
)]

mod bed;

use std::fs;
use std::path::{Path, PathBuf};

use bed::worker::{Job, Said, Worker, work};
use bed::{PATIENCE, allocate, allocate_within, assert_sound, container, open, with_pool};
use ipam_core::Holding;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rusqlite::Connection;

/// The other processes of this file.
#[test]
fn worker() {
    work();
}

const PAGE: usize = 4_096;
const SECTOR: usize = 512;

fn journal_of(path: &Path) -> PathBuf {
    path.with_extension("db-journal")
}

fn records(path: &Path) -> Vec<Holding> {
    let mut store = open(path);
    let export = store.session(PATIENCE).unwrap().export().unwrap();
    assert_sound(&mut store);
    export.records
}

/// Writes fail at whatever size of file the limit says: in the journal, in the data base, in the middle of a page.
#[test]
fn a_write_that_fails_stores_nothing_and_says_so() {
    let sizes = [
        0, 512, 1_536, 4_608, 8_192, 12_800, 16_896, 25_088, 33_280, 41_472, 61_440, 65_536, 66_048, 73_728,
        90_112,
    ];
    for (round, size) in sizes.into_iter().enumerate() {
        let (_dir, path, mut store) = with_pool(bed::worker::IPS);
        let mut session = store.session(PATIENCE).unwrap();
        for number in 0..20 {
            allocate(&mut session, &container(&format!("old{number}"))).unwrap().unwrap();
        }
        drop(session);
        drop(store);
        let before = records(&path);
        let mut worker = Worker::start_limited(Job::Add(2_000), &format!("r{round}-"), &path, size);
        let mut acknowledged = 0;
        let failure = loop {
            match worker.say() {
                Some(Said::Added(..)) => acknowledged += 1,
                Some(Said::Failed(text)) => break text,
                Some(Said::Ready | Said::Deleted(_)) => {}
                None => panic!("limit {size}: it has not failed"),
            }
        };
        drop(worker);
        assert!(failure.contains(path.to_str().unwrap()), "limit {size}: {failure}");
        let after = records(&path);
        // An outcome that is unknown to the caller may be stored.
        let new = after.len() - before.len();
        assert!(
            new == acknowledged || new == acknowledged + 1,
            "limit {size}: {new} stored, {acknowledged} acknowledged"
        );
        assert!(before.iter().all(|holding| after.contains(holding)), "limit {size}");
        // And it goes on where writes work again.
        allocate(&mut open(&path).session(PATIENCE).unwrap(), &container("new")).unwrap().unwrap();
    }
}

/// A transaction on its way: the file before it, what the disk may hold in the middle of it, and its journal.
struct Torn {
    before: Vec<u8>,
    middle: Vec<u8>,
    journal: Vec<u8>,
    records: Vec<Holding>,
    /// The pages that the flushed part of the journal can restore; others have not been written yet.
    restorable: Vec<usize>,
}

/// Has SQLite write a large transaction with a cache of next to nothing, so that it must flush its journal and write into the
/// file before the end, and takes both files as they are then: what a power loss would leave.
fn torn() -> Torn {
    let (_dir, path, mut store) = with_pool(bed::worker::IPS);
    let mut session = store.session(PATIENCE).unwrap();
    for number in 0..300 {
        allocate(&mut session, &container(&format!("old{number}"))).unwrap().unwrap();
    }
    drop(session);
    drop(store);
    let records = records(&path);
    let before = fs::read(&path).unwrap();
    let connection = Connection::open(&path).unwrap();
    connection
        .execute_batch(
            "PRAGMA journal_mode = PERSIST; PRAGMA synchronous = FULL; PRAGMA cache_size = 3; PRAGMA cache_spill = 1; \
             BEGIN IMMEDIATE; \
             UPDATE record SET name = 'torn' || name, nic = 'a-longer-name'; \
             DELETE FROM free; UPDATE pool SET used = 0, last = x'00000000'",
        )
        .unwrap();
    let (middle, journal) = (fs::read(&path).unwrap(), fs::read(journal_of(&path)).unwrap());
    drop(connection);
    let restorable = restorable(&journal);
    assert_ne!(middle, before, "the transaction has written into the file");
    assert!(restorable.len() > 4, "and has flushed some of the journal: {restorable:?}");
    Torn { before, middle, journal, records, restorable }
}

/// The pages in the segments of a journal whose header has been completed (SQLite's file format, section 3).
fn restorable(journal: &[u8]) -> Vec<usize> {
    let number =
        |at: usize| usize::try_from(u32::from_be_bytes(journal[at..at + 4].try_into().unwrap())).unwrap();
    let mut pages = Vec::new();
    let mut at = 0;
    while journal.len() >= at + SECTOR
        && journal[at..].starts_with(&[0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7])
    {
        let count = number(at + 8);
        at += SECTOR;
        for _ in 0..count {
            pages.push(number(at) - 1);
            at += 4 + PAGE + 4;
        }
        at = at.next_multiple_of(SECTOR);
    }
    pages
}

/// Puts both files where a store is looked for, and expects what was there before the transaction, octet by octet.
fn comes_back(torn: &Torn, file: &[u8], journal: &[u8]) -> Result<(), TestCaseError> {
    let dir = bed::folder();
    let path = dir.path().join("ipam.db");
    fs::write(&path, file).unwrap();
    fs::write(journal_of(&path), journal).unwrap();
    prop_assert_eq!(records(&path), torn.records.clone());
    prop_assert!(fs::read(&path).unwrap() == torn.before, "the file differs");
    allocate(&mut open(&path).session(PATIENCE).unwrap(), &container("new")).unwrap().unwrap();
    Ok(())
}

#[test]
fn a_torn_transaction_is_undone() {
    let torn = torn();
    comes_back(&torn, &torn.middle, &torn.journal).unwrap();
    let sectors = torn.before.len().min(torn.middle.len()) / SECTOR;
    let mut runner = TestRunner::new(Config { cases: 150, failure_persistence: None, ..Config::default() });
    let strategy = (prop::collection::vec(0..4_u8, sectors), any::<u8>(), 0..3_usize);
    let outcome = runner.run(&strategy, |(choices, noise, more)| {
        // Whatever of the file was being written: each sector old, new, or noise.
        let mut file = torn.before.clone();
        for (sector, choice) in choices.iter().enumerate() {
            if !torn.restorable.contains(&(sector * SECTOR / PAGE)) {
                continue;
            }
            let range = sector * SECTOR..(sector + 1) * SECTOR;
            match choice {
                0 => {}
                1 | 2 => file[range.clone()].copy_from_slice(&torn.middle[range]),
                _ => file[range].fill(noise),
            }
        }
        // The header's magic is never rewritten, and SQLite looks at it before the journal.
        file[..100].copy_from_slice(&torn.before[..100]);
        file.extend(std::iter::repeat_n(noise, more * PAGE));
        comes_back(&torn, &file, &torn.journal)
    });
    outcome.unwrap();
}

#[test]
fn a_torn_journal_is_of_no_account() {
    // Before the journal is flushed nothing is written into the file, whatever of the journal is on the disk.
    let torn = torn();
    let mut runner = TestRunner::new(Config { cases: 100, failure_persistence: None, ..Config::default() });
    let strategy = (0..torn.journal.len(), prop::collection::vec(any::<u8>(), 0..SECTOR), any::<bool>());
    let outcome = runner.run(&strategy, |(length, noise, counted)| {
        let mut journal = torn.journal[..length].to_vec();
        journal.extend(noise);
        if !counted && journal.len() >= 12 {
            // The count of records is written last.
            journal[8..12].fill(0);
        }
        comes_back(&torn, &torn.before, &journal)
    });
    outcome.unwrap();
}

/// A store of a few pages, with its records.
fn small() -> (Vec<u8>, Vec<Holding>) {
    let (_dir, path, mut store) = with_pool(&["10.6.0.10-10.6.0.60"]);
    let mut session = store.session(PATIENCE).unwrap();
    for number in 0..30 {
        allocate(&mut session, &container(&format!("old{number}"))).unwrap().unwrap();
    }
    for number in (0..30).step_by(4) {
        bed::release(&mut session, &container(&format!("old{number}"))).unwrap();
    }
    drop(session);
    drop(store);
    (fs::read(&path).unwrap(), records(&path))
}

/// Damage is said at once: planning again helps nothing.
const SOON: std::time::Duration = std::time::Duration::from_millis(300);

/// Two books must agree before an address is given, so one damaged place gives none twice, whatever it is and whether it is noticed.
#[test]
fn one_damaged_place_gives_no_address_twice() {
    let (sound, records) = small();
    let mut runner = TestRunner::new(Config { cases: 400, failure_persistence: None, ..Config::default() });
    let strategy = (0..sound.len(), prop::collection::vec(any::<u8>(), 1..5));
    let outcome = runner.run(&strategy, |(at, bytes)| {
        let mut file = sound.clone();
        let end = (at + bytes.len()).min(file.len());
        file[at..end].copy_from_slice(&bytes[..end - at]);
        let dir = bed::folder();
        let path = dir.path().join("ipam.db");
        fs::write(&path, file).unwrap();
        let mut store = open(&path);
        let Ok(mut session) = store.session(PATIENCE) else { return Ok(()) };
        for number in 0..24 {
            let given = match allocate_within(&mut session, &container(&format!("new{number}")), SOON) {
                Ok(Ok(given)) => given,
                Ok(Err(_)) => break,
                Err(text) => {
                    prop_assert!(!text.contains("deadline"), "{}", text);
                    break;
                }
            };
            let given = given.attachments[0].assignments[0].address;
            prop_assert!(
                records.iter().all(|holding| holding.record.address != given),
                "{} was given twice",
                given
            );
        }
        Ok(())
    });
    outcome.unwrap();
}
