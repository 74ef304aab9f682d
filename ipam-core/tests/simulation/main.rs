//! Requests of many owners at once on one store that fails, with crashes, restarts, late commits, old views, pools that change and
//! releases that come late, checked by books of their own after every event.
//!
//! `SPIDERPOOL_OPERATIONS=1000000` asks for so many operations over all kinds of worlds together. A failure names the world and
//! the seed; `SPIDERPOOL_SEED=N cargo test -p ipam-core --test simulation -- --exact WORLD` runs that one again, step by step the same.

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
mod broken;
mod crew;
mod errand;
mod finding;
mod late;
mod mutants;
mod run;
mod sea;
mod world;

use ipam_core::testkit::{FaultRates, Weather};

use crate::run::simulate;
use crate::sea::Tides;
use crate::world::{Setup, World};

/// No rule is broken, and nothing fails.
const CALM: Setup = Setup {
    name: "calm",
    is_atomic: false,
    weather: Weather {
        faults: FaultRates { read_lost: 0, commit_lost: 0, answer_lost: 0, conflict: 0, rejected: 0 },
        crash: 0,
    },
    tides: Tides { late: 0, stale: 0 },
    writers: 0,
    rule: None,
};

const ROUGH: Setup = Setup { name: "rough", weather: Weather::rough(), ..CALM };
const STALE: Setup = Setup { name: "stale", tides: Tides { late: 0, stale: 300 }, ..CALM };
const TIDAL: Setup = Setup { name: "tidal", tides: Tides::high(), ..ROUGH };
/// Every third commit arrives late, and many of those who sent one are gone by then.
const FLOOD: Setup = Setup {
    name: "flood",
    weather: Weather { crash: 60, ..CALM.weather },
    tides: Tides { late: 300, stale: 0 },
    ..CALM
};
const FLEET: Setup = Setup { name: "fleet", writers: 2, ..TIDAL };

#[test]
fn calm() {
    simulate(&CALM);
}

#[test]
fn calm_and_atomic() {
    simulate(&Setup { name: "calm_and_atomic", is_atomic: true, ..CALM });
}

#[test]
fn rough() {
    simulate(&ROUGH);
}

#[test]
fn rough_and_atomic() {
    simulate(&Setup { name: "rough_and_atomic", is_atomic: true, ..ROUGH });
}

#[test]
fn storm() {
    let faults =
        FaultRates { read_lost: 200, commit_lost: 200, answer_lost: 300, conflict: 200, rejected: 0 };
    simulate(&Setup { name: "storm", weather: Weather { faults, crash: 60 }, ..CALM });
}

/// Old views in an otherwise calm world.
#[test]
fn stale() {
    simulate(&STALE);
}

/// Late commits and old views in rough weather.
#[test]
fn tidal() {
    simulate(&TIDAL);
}

#[test]
fn flood() {
    simulate(&FLOOD);
}

/// Several writers on one store, each with a batcher, in the worst of worlds.
#[test]
fn fleet() {
    simulate(&FLEET);
}

#[test]
fn fleet_and_atomic() {
    simulate(&Setup { name: "fleet_and_atomic", is_atomic: true, writers: 2, ..ROUGH });
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = |seed| {
        let mut world = World::new(FLEET, seed).unwrap();
        world.keep_trace();
        let count = world.run(300).unwrap();
        (count, world.trace().to_vec())
    };
    assert_eq!(run(5), run(5));
    assert_ne!(run(5).1, run(6).1);
}
