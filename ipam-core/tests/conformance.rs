//! The suite on the stores in memory, as they are and behind faults.

use ipam_core::testkit::conformance::{self, Suite};
use ipam_core::testkit::{FaultRates, FaultStore, MemoryStore};

#[test]
fn an_atomic_store_keeps_the_contract() {
    let report = conformance::check(|setup| setup.memory(MemoryStore::atomic()).unwrap()).unwrap();
    assert!(report.skipped.is_empty(), "{report}");
}

#[test]
fn a_store_of_one_change_at_a_time_keeps_the_contract() {
    let report = conformance::check(|setup| setup.memory(MemoryStore::one_at_a_time()).unwrap()).unwrap();
    let skipped: Vec<_> = report.skipped.iter().map(|(name, _)| *name).collect();
    assert_eq!(skipped, ["changes of one commit are stored together"]);
}

#[test]
fn requests_hold_behind_faults() {
    for store in [MemoryStore::atomic, MemoryStore::one_at_a_time] {
        for seed in 0..20 {
            let fresh = |setup: &conformance::Setup| {
                FaultStore::new(setup.memory(store()).unwrap(), FaultRates::rough(), seed)
            };
            let report =
                Suite::requests().run(fresh).unwrap_or_else(|failure| panic!("seed {seed}: {failure}"));
            assert!(report.skipped.is_empty(), "{report}");
        }
    }
}

mod model {
    use ipam_core::testkit::{MemoryStore, conformance, strategies};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_store_of_one_change_at_a_time_does_as_the_atomic_one(
            setup in strategies::setups(),
            actions in strategies::actions(),
        ) {
            let store = setup.memory(MemoryStore::one_at_a_time()).unwrap();
            conformance::against_model(store, &setup, &actions)?;
        }
    }
}
