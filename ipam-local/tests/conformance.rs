//! The suite of `ipam-core` holds the store to the contract of the trait.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that meets the unexpected is to fail, and to say so"
)]

mod bed;

use bed::{Owned, PATIENCE};
use ipam_core::testkit::conformance::{self, Setup};
use ipam_core::{Family, ReservedFields};
use ipam_local::{Metadata, Source};

/// A store with the pools and reserved ranges of a setup.
fn fresh(setup: &Setup) -> Owned {
    let mut owned = Owned::new();
    let mut session = owned.store.session(PATIENCE).unwrap();
    for pool in &setup.pools {
        session.apply_pool(pool.name(), pool.fields(), &Metadata::default(), &Source::Applied).unwrap();
    }
    for (name, family) in [("four", Family::V4), ("six", Family::V6)] {
        let ips: Vec<String> = setup.reserved(family).ranges().map(|range| range.to_string()).collect();
        if !ips.is_empty() {
            let fields = ReservedFields { ip_version: Some(family.number().into()), ips };
            let name = name.parse().unwrap();
            session.apply_reserved(&name, &fields, &Metadata::default(), &Source::Applied).unwrap();
        }
    }
    drop(session);
    owned
}

#[test]
fn it_keeps_the_contract() {
    match conformance::check(fresh) {
        Ok(report) => println!("{report}"),
        Err(failure) => panic!("{failure}"),
    }
}
