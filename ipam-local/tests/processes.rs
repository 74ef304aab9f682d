//! Many processes on one file: no address twice, nothing lost, the first creation included.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that meets the unexpected is to fail, and to say so"
)]

mod bed;

use std::collections::BTreeMap;
use std::thread;

use bed::worker::{Job, Said, Worker, work};
use bed::{PATIENCE, assert_sound, open};

/// The other processes of this file.
#[test]
fn worker() {
    work();
}

/// All that workers say until they end.
fn all_said(workers: Vec<Worker>) -> Vec<Said> {
    let reader = |mut worker: Worker| move || std::iter::from_fn(|| worker.say()).collect::<Vec<_>>();
    let readers: Vec<_> = workers.into_iter().map(|worker| thread::spawn(reader(worker))).collect();
    readers.into_iter().flat_map(|reader| reader.join().unwrap()).collect()
}

/// Starts so many workers at once on a file that is not there yet, and compares what they say with what is stored.
fn check(workers: usize, job: Job, expected: usize) {
    let dir = bed::folder();
    let path = dir.path().join("ipam.db");
    let started = (0..workers).map(|number| Worker::start(job, &format!("w{number}-"), &path)).collect();
    let mut held: BTreeMap<String, String> = BTreeMap::new();
    for said in all_said(started) {
        match said {
            Said::Ready => {}
            Said::Added(id, address) => assert_eq!(held.insert(id, address), None),
            Said::Deleted(id) => assert!(held.remove(&id).is_some()),
            Said::Failed(text) => panic!("{text}"),
        }
    }
    assert_eq!(held.len(), expected);
    let mut store = open(&path);
    let export = store.session(PATIENCE).unwrap().export().unwrap();
    let stored: BTreeMap<String, String> = export
        .records
        .iter()
        .map(|holding| (holding.record.owner.name().to_owned(), holding.record.address.to_string()))
        .collect();
    assert_eq!(stored, held);
    let mut addresses: Vec<&String> = stored.values().collect();
    addresses.sort();
    addresses.dedup();
    assert_eq!(addresses.len(), expected, "no address twice");
    assert_sound(&mut store);
}

#[test]
fn a_hundred_at_once_make_the_store_and_take_an_address_each() {
    check(100, Job::Add(1), 100);
}

#[test]
fn eight_take_and_give_back_for_a_while() {
    check(8, Job::AddAndDelete(40), 8 * 20);
}
