//! SIGKILL at any moment, the first creation of the file included: nothing that was acknowledged is lost.
//!
//! The seed is printed, and `IPAM_LOCAL_SEED` replays it (the moments of the kills, not what the kernel makes of them).
//! The end-to-end tests do the same to the whole plugin, more often.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that meets the unexpected is to fail, and to say so"
)]

mod bed;

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::hint;
use std::time::{Duration, Instant};

use bed::worker::{Job, Said, Worker, work};
use bed::{PATIENCE, assert_sound, open};

/// The other processes of this file.
#[test]
fn worker() {
    work();
}

/// A small generator of numbers; its state is the seed.
struct Dice(u64);

impl Dice {
    fn new() -> Self {
        let seed = match std::env::var("IPAM_LOCAL_SEED") {
            Ok(seed) => seed.parse().unwrap(),
            Err(_) => RandomState::new().build_hasher().finish(),
        };
        println!("IPAM_LOCAL_SEED={seed}");
        Self(seed)
    }

    /// Below `bound` (splitmix64).
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    /// Goes on at once after a random time: the kill is to meet any instruction, not the end of a pause of the scheduler.
    fn spin(&mut self, below: Duration) {
        let span = Duration::from_micros(self.below(u64::try_from(below.as_micros()).unwrap()));
        let started = Instant::now();
        while started.elapsed() < span {
            hint::spin_loop();
        }
    }
}

/// What workers were told is stored, by container.
type Acknowledged = BTreeMap<String, String>;

/// Kills two workers at random moments, and adds to what was acknowledged.
fn kill_two(
    dice: &mut Dice,
    round: u64,
    path: &std::path::Path,
    first: bool,
    acknowledged: &mut Acknowledged,
) {
    let mut workers: Vec<(Worker, String)> = (0..2)
        .map(|number| format!("r{round}w{number}-"))
        .map(|prefix| (Worker::start(Job::AddAndDelete(1_000), &prefix, path), prefix))
        .collect();
    if first {
        // Somewhere between the start of the process and its first changes.
        dice.spin(Duration::from_millis(12));
    } else {
        for _ in 0..=dice.below(6) {
            let said = workers[0].0.say();
            note(said.as_ref(), acknowledged);
        }
        dice.spin(Duration::from_millis(4));
    }
    for (worker, _) in &mut workers {
        worker.kill();
    }
    for (mut worker, prefix) in workers {
        while let Some(said) = worker.say() {
            note(Some(&said), acknowledged);
        }
        // Every second one is released at once; of the last of these that may be stored and not said.
        let unsaid: Vec<String> =
            acknowledged.keys().filter(|id| id.starts_with(&prefix) && is_odd(id)).cloned().collect();
        assert!(unsaid.len() <= 1, "{unsaid:?}");
        for id in unsaid {
            acknowledged.remove(&id);
        }
    }
}

fn is_odd(id: &str) -> bool {
    id.rsplit_once('-')
        .and_then(|(_, number)| number.parse::<u64>().ok())
        .is_some_and(|number| number % 2 == 1)
}

fn note(said: Option<&Said>, acknowledged: &mut Acknowledged) {
    match said {
        Some(Said::Added(id, address)) => {
            acknowledged.insert(id.clone(), address.clone());
        }
        Some(Said::Deleted(id)) => {
            acknowledged.remove(id);
        }
        Some(Said::Failed(text)) => panic!("{text}"),
        Some(Said::Ready) | None => {}
    }
}

/// What was acknowledged must be stored, and the file sound.
fn check(path: &std::path::Path, acknowledged: &Acknowledged) {
    let mut store = open(path);
    let export = store.session(PATIENCE).unwrap().export().unwrap();
    let stored: Acknowledged = export
        .records
        .iter()
        .map(|holding| (holding.record.owner.name().to_owned(), holding.record.address.to_string()))
        .collect();
    for (id, address) in acknowledged {
        assert_eq!(stored.get(id), Some(address), "container {id}");
    }
    assert_sound(&mut store);
}

#[test]
fn a_kill_during_first_creation_leaves_a_usable_path() {
    let mut dice = Dice::new();
    for round in 0..60 {
        let dir = bed::folder();
        let path = dir.path().join("ipam.db");
        let mut acknowledged = Acknowledged::new();
        kill_two(&mut dice, round, &path, true, &mut acknowledged);
        check(&path, &acknowledged);
    }
}

#[test]
fn a_kill_loses_nothing_that_was_acknowledged() {
    let mut dice = Dice::new();
    let dir = bed::folder();
    let path = dir.path().join("ipam.db");
    let mut acknowledged = Acknowledged::new();
    for round in 0..60 {
        kill_two(&mut dice, round, &path, false, &mut acknowledged);
        check(&path, &acknowledged);
    }
    assert!(acknowledged.len() >= 60, "{} are too few to say anything", acknowledged.len());
}
