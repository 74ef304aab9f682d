//! Thousands of requests at once on one store that fails, with crashes, restarts and late releases, checked by books of their own.
//!
//! A failure names the seed; `SPIDERPOOL_SEED=N cargo test -p ipam-core --test simulation` runs that one again, step by step
//! the same.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a test stops at the first surprise; the lints spare test functions only"
)]

mod books;
mod errand;
mod world;

use ipam_core::testkit::{FaultRates, MemoryStore, Weather};

use crate::world::World;

/// Operations of one run: enough for pools to fill, cool and drain many times.
const OPERATIONS: u64 = 1_000;

/// Runs of each kind of store and weather: five kinds, so 25,000 operations.
const SEEDS: u64 = 5;

/// Events shown of a run that fails.
const TRACED: usize = 60;

#[expect(clippy::disallowed_methods, reason = "the seed of a failed run comes from whoever repeats it")]
fn seeds() -> Vec<u64> {
    match std::env::var("SPIDERPOOL_SEED") {
        Ok(seed) => vec![seed.parse().expect("SPIDERPOOL_SEED is a number")],
        Err(_) => (1..=SEEDS).collect(),
    }
}

fn simulate(store: fn() -> MemoryStore, weather: Weather) {
    let (seeds, mut collected) = (seeds(), 0);
    for seed in &seeds {
        let seed = *seed;
        let mut world = World::new(store(), weather, seed);
        let run = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| world.run(OPERATIONS)));
        let count = run.unwrap_or_else(|_| {
            let trace = world.trace();
            let last = trace.get(trace.len().saturating_sub(TRACED)..).unwrap_or(trace).join("\n");
            panic!("{last}\nthe books do not agree; run again with SPIDERPOOL_SEED={seed}");
        });
        assert!(count.done > 0 && count.refused > 0, "seed {seed} proves little: {count:?}");
        if weather.crash > 0 {
            assert!(count.crashed > 0 && count.injected > 0, "seed {seed} proves little: {count:?}");
        }
        println!("seed {seed}: {count:?}");
        collected += count.collected;
    }
    assert!(seeds.len() == 1 || collected > 0, "nobody was found dead");
}

#[test]
fn calm_weather_on_an_atomic_store() {
    simulate(MemoryStore::atomic, Weather::default());
}

#[test]
fn calm_weather_on_a_store_of_one_change_at_a_time() {
    simulate(MemoryStore::one_at_a_time, Weather::default());
}

#[test]
fn rough_weather_on_an_atomic_store() {
    simulate(MemoryStore::atomic, Weather::rough());
}

#[test]
fn rough_weather_on_a_store_of_one_change_at_a_time() {
    simulate(MemoryStore::one_at_a_time, Weather::rough());
}

#[test]
fn a_storm() {
    let faults =
        FaultRates { read_lost: 200, commit_lost: 200, answer_lost: 300, conflict: 200, rejected: 0 };
    simulate(MemoryStore::one_at_a_time, Weather { faults, crash: 60 });
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = |seed| {
        let store = MemoryStore::one_at_a_time();
        let mut world = World::new(store.clone(), Weather::rough(), seed);
        let count = world.run(300);
        (format!("{count:?}"), world.trace().to_vec())
    };
    assert_eq!(run(5), run(5));
    assert_ne!(run(5).1, run(6).1);
}
