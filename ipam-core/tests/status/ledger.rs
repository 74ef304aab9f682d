//! From a status to the ledger of its pool and back.

use std::sync::Arc;
use std::time::Duration;

use ipam_core::status::{AllocatedIps, StatusError, Workload};
use ipam_core::{
    Family, Owner, OwnerKind, PickQuery, PoolFields, PoolOp, PoolSpec, PoolState, Record, Start, Time, Want,
};

use crate::{addr, pod, read};

const FULL: &str = r#"{"10.6.0.10":{"pod":"t/a","podUid":"u-a"},"10.6.0.9":{"pod":"","podUid":"x"},"::ffff:10.6.0.8":{"pod":"t/b","podUid":"u-b"},"fd00::1":{"pod":"t/c","podUid":"u-c"}}"#;

fn spec(family: Family) -> Arc<PoolSpec> {
    let (subnet, ips) = match family {
        Family::V4 => ("10.6.0.0/24", "10.6.0.8-10.6.0.12"),
        Family::V6 => ("fd00::/64", "fd00::1-fd00::ff"),
    };
    let fields = PoolFields { subnet: subnet.into(), ips: vec![ips.into()], ..PoolFields::default() };
    PoolSpec::new(&"p".parse().unwrap(), &fields.normalised()).unwrap().into()
}

fn state(ips: &AllocatedIps) -> PoolState {
    ips.pool_state(spec(ips.family()), |_| Workload::Pod)
}

fn apply(state: &mut PoolState, op: PoolOp) {
    state.apply(&[op], Time::default(), Duration::ZERO).unwrap();
}

fn take(address: &str, owner: Owner) -> PoolOp {
    PoolOp::Take(Record { address: addr(address), owner, stamp: None })
}

fn release(address: &str, owner: Owner) -> PoolOp {
    PoolOp::Release { address: addr(address), owner, seen: None }
}

#[test]
fn every_address_that_an_entry_names_is_held() {
    let ips = read(Family::V4, FULL);
    let mut state = state(&ips);
    assert_eq!(state.len(), 3);
    let query = PickQuery {
        pool: "p".parse().unwrap(),
        want: Want::Any(Start::Lowest),
        except: Vec::new(),
        now: Time::default(),
        cooldown: Duration::ZERO,
    };
    assert_eq!(state.pick(&query), Ok(addr("10.6.0.11")));
    let holder = |text: &str| state.record(addr(text)).unwrap().owner.clone();
    assert_eq!(holder("10.6.0.10"), pod("a", "u-a"));
    assert_eq!(holder("10.6.0.8"), pod("b", "u-b"));
    assert_eq!(holder("10.6.0.9"), AllocatedIps::stand_in(addr("10.6.0.9")));
}

#[test]
fn a_rewrite_without_a_change_changes_nothing() {
    let mut ips = read(Family::V4, FULL);
    let state = state(&ips);
    ips.update(&state).unwrap();
    assert_eq!(ips.to_text().as_deref(), Some(FULL));
}

#[test]
fn changes_of_the_ledger_reach_the_text_and_nothing_else_does() {
    let mut ips = read(Family::V4, FULL);
    let mut state = state(&ips);
    apply(&mut state, release("10.6.0.10", pod("a", "u-a")));
    apply(&mut state, release("10.6.0.9", pod("x", "x")));
    apply(&mut state, take("10.6.0.12", pod("e", "u-e")));
    apply(&mut state, take("10.6.0.11", pod("d", "u-d")));
    let (address, from, to) = (addr("10.6.0.8"), pod("b", "u-b"), pod("b", "u-b2"));
    apply(&mut state, PoolOp::Rebind { address, from, to, stamp: None });
    ips.update(&state).unwrap();
    let text = r#"{"10.6.0.11":{"pod":"t/d","podUid":"u-d"},"10.6.0.12":{"pod":"t/e","podUid":"u-e"},"10.6.0.9":{"pod":"","podUid":"x"},"::ffff:10.6.0.8":{"pod":"t/b","podUid":"u-b2"},"fd00::1":{"pod":"t/c","podUid":"u-c"}}"#;
    assert_eq!(ips.to_text().as_deref(), Some(text));
    ips.update(&state).unwrap();
    assert_eq!(ips.to_text().as_deref(), Some(text), "again is the same");
}

#[test]
fn a_stand_in_goes_when_somebody_says_so() {
    let mut ips = read(Family::V4, FULL);
    let mut state = state(&ips);
    apply(&mut state, release("10.6.0.9", AllocatedIps::stand_in(addr("10.6.0.9"))));
    ips.update(&state).unwrap();
    assert_eq!(ips.get(addr("10.6.0.9")), None);
    assert_eq!(ips.len(), 3);
}

#[test]
fn an_address_with_several_records_is_nobodys_until_it_is_repaired() {
    let text = r#"{"FD00::2":{"pod":"t/b","podUid":"w"},"fd00::2":{"pod":"t/a","podUid":"u"},"x":{"pod":"t/c","podUid":"v"}}"#;
    let mut ips = read(Family::V6, text);
    let mut state = state(&ips);
    assert_eq!(state.len(), 1);
    apply(&mut state, release("fd00::2", pod("a", "u")));
    apply(&mut state, release("fd00::2", pod("b", "w")));
    ips.update(&state).unwrap();
    assert_eq!(ips.to_text().as_deref(), Some(text), "neither may free what the other uses");

    let (address, from) = (addr("fd00::2"), AllocatedIps::stand_in(addr("fd00::2")));
    apply(&mut state, PoolOp::Rebind { address, from, to: pod("a", "u"), stamp: None });
    ips.update(&state).unwrap();
    let repaired = r#"{"fd00::2":{"pod":"t/a","podUid":"u"},"x":{"pod":"t/c","podUid":"v"}}"#;
    assert_eq!(ips.to_text().as_deref(), Some(repaired));
}

#[test]
fn the_caller_knows_who_is_a_virtual_machine() {
    let ips = read(
        Family::V4,
        r#"{"10.6.0.10":{"pod":"t/vm","podUid":"u"},"10.6.0.11":{"pod":"t/web","podUid":"w"}}"#,
    );
    let mut state = ips.pool_state(spec(Family::V4), |ip| match ip.pod {
        "t/vm" => Workload::VirtualMachine,
        _ => Workload::Pod,
    });
    let kinds: Vec<OwnerKind> = state.records().map(|record| record.owner.kind()).collect();
    assert_eq!(kinds, [OwnerKind::VirtualMachine, OwnerKind::Pod]);
    // Whoever guessed otherwise frees the address all the same.
    apply(&mut state, release("10.6.0.10", Owner::pod("t", "vm", "u").unwrap()));
    assert_eq!(state.len(), 1);
}

#[test]
fn what_has_no_form_in_the_text_changes_nothing() {
    let mut ips = read(Family::V4, FULL);
    let mut state = state(&ips);
    apply(&mut state, release("10.6.0.10", pod("a", "u-a")));
    apply(&mut state, take("10.6.0.11", Owner::container("net", "c").unwrap()));
    assert!(matches!(ips.update(&state), Err(StatusError::Unwritable { .. })));
    let other = PoolState::with_records(
        spec(Family::V6),
        [Record { address: addr("fd00::1"), owner: pod("a", "u"), stamp: None }],
    );
    assert!(matches!(ips.update(&other), Err(StatusError::OtherFamily { .. })));
    assert_eq!(ips.to_text().as_deref(), Some(FULL));
}
