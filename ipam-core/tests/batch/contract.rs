//! A store above a store is a store: the suite, with and without faults below.

use ipam_core::batch::{Batched, Limits};
use ipam_core::testkit::conformance::{self, Setup, Suite};
use ipam_core::testkit::{FaultRates, FaultStore, MemoryStore, strategies};
use proptest::prelude::*;

use crate::bed::{Blocking, Yielding};

fn batched(store: MemoryStore, setup: &Setup) -> Blocking<Batched<Yielding<MemoryStore>>> {
    Blocking(Batched::new(Yielding::new(setup.memory(store).unwrap())))
}

#[test]
fn above_an_atomic_store_it_keeps_the_contract() {
    let report = conformance::check(|setup| batched(MemoryStore::atomic(), setup)).unwrap();
    assert!(report.skipped.is_empty(), "{report}");
    let direct =
        conformance::check(|setup| Blocking(Batched::new(setup.memory(MemoryStore::atomic()).unwrap())));
    assert_eq!(direct.unwrap(), report);
}

#[test]
fn above_a_store_of_one_change_at_a_time_it_keeps_the_contract() {
    let report = conformance::check(|setup| batched(MemoryStore::one_at_a_time(), setup)).unwrap();
    let skipped: Vec<_> = report.skipped.iter().map(|(name, _)| *name).collect();
    assert_eq!(skipped, ["changes of one commit are stored together"]);
}

#[test]
fn above_itself_it_keeps_the_contract() {
    let fresh = |setup: &Setup| {
        let below = Batched::new(Yielding::new(setup.memory(MemoryStore::atomic()).unwrap()));
        Blocking(Batched::with_limits(below, Limits { members_max: 1, bytes_max: 0 }))
    };
    let report = conformance::check(fresh).unwrap();
    assert!(report.skipped.is_empty(), "{report}");
}

#[test]
fn requests_hold_above_faults() {
    for store in [MemoryStore::atomic, MemoryStore::one_at_a_time] {
        for seed in 0..20 {
            let fresh = |setup: &Setup| {
                let below = FaultStore::new(setup.memory(store()).unwrap(), FaultRates::rough(), seed);
                Blocking(Batched::new(Yielding::new(below)))
            };
            let report =
                Suite::requests().run(fresh).unwrap_or_else(|failure| panic!("seed {seed}: {failure}"));
            assert!(report.skipped.is_empty(), "{report}");
        }
    }
}

proptest! {
    #[test]
    fn it_does_as_the_store_below(setup in strategies::setups(), actions in strategies::actions()) {
        for store in [MemoryStore::atomic, MemoryStore::one_at_a_time] {
            conformance::against_model(batched(store(), &setup), &setup, &actions)?;
        }
    }
}
