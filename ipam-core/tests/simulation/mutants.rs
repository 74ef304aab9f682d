//! A test of the tests: one rule after the other is broken on purpose, and the checker has to say so, and for the right reason.
//!
//! The world of the twin, in which the same wrappers break nothing, is the same and is not reported.

use crate::broken::Rule;
use crate::finding::Kind;
use crate::run::{OPERATIONS, run};
use crate::sea::Tides;
use crate::world::Setup;
use crate::{CALM, FLEET, ROUGH};

/// A mutant that lives longer than this was not found.
const OPERATIONS_MAX: u64 = 200_000;

/// An owner believes that it has an address, and the store does not say so: which of these is seen first is chance.
const LOST: &[Kind] = &[Kind::NoRecord, Kind::OtherRecord, Kind::TwoOwners, Kind::OtherAttachment];

/// Runs seeds until the checker reports, and says after how many operations.
fn is_caught(rule: Rule, setup: &Setup, expected: &[Kind]) {
    let broken = Setup { rule: Some(rule), ..*setup };
    let (mut seed, mut operations) = (0, 0);
    let finding = loop {
        assert!(
            operations < OPERATIONS_MAX,
            "{rule:?} is broken and nothing found in {operations} operations"
        );
        seed += 1;
        let (verdict, came_to) = run(&broken, seed, OPERATIONS);
        operations += came_to;
        match verdict {
            Ok(_) => {}
            Err(finding) => break finding,
        }
    };
    println!("mutant {rule:?}: caught by {:?} after {operations} operations, seed {seed}", finding.kind);
    assert!(expected.contains(&finding.kind), "{rule:?} is broken, but what was found is {finding}");
    for twin in 1..=seed {
        let (verdict, _) = run(setup, twin, OPERATIONS);
        assert!(verdict.is_ok(), "nothing is broken, but with seed {twin} {}", verdict.unwrap_err());
    }
}

#[test]
fn a_release_without_the_owners_name() {
    is_caught(Rule::ReleaseNamesOwner, &ROUGH, LOST);
}

#[test]
fn a_retry_that_trusts_its_memory() {
    is_caught(Rule::UnknownIsReadBack, &ROUGH, LOST);
}

#[test]
fn a_shrink_that_ignores_use() {
    is_caught(Rule::ShrinkSparesUse, &CALM, &[Kind::Outside]);
}

#[test]
fn a_take_of_a_held_address() {
    is_caught(Rule::TakeNeedsFree, &CALM, LOST);
}

#[test]
fn a_judge_who_acts_at_first_sight() {
    is_caught(Rule::TwoSightings, &CALM, LOST);
}

#[test]
fn a_refused_request_that_keeps_what_it_took() {
    is_caught(Rule::RefusedGivesBack, &ROUGH, &[Kind::Kept]);
}

#[test]
fn a_member_of_a_batch_that_was_dropped() {
    is_caught(Rule::AllOrNothing, &FLEET, LOST);
}

#[test]
fn a_rebind_of_what_another_holds() {
    is_caught(Rule::RebindNamesHolder, &ROUGH, LOST);
}

#[test]
fn a_reserved_address_that_is_given() {
    is_caught(Rule::ReservedStays, &CALM, &[Kind::Reserved]);
}

#[test]
fn a_late_commit_on_a_state_that_has_moved_on() {
    let spate = Setup { tides: Tides { late: 600, stale: 0 }, ..CALM };
    is_caught(Rule::LateIsBound, &spate, LOST);
}
