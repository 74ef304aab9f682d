//! Cases of whole requests: [`Allocate`] run on the store.

use super::trial::{
    Outcome, Stop, Trial, addr, attachment, case, container, dual, equal, holds, mismatch, nic, pod, pool,
    pool_with, three,
};
use super::{Case, Setup};
use crate::machine::{Allocate, Allocation, Refusal, Why};
use crate::owner::{Nic, Owner};
use crate::request::{AllocationRequest, Follow, NicRequest};
use crate::store::{Obstacle, Store};

pub(super) fn cases<S: Store>() -> Vec<Case<S>> {
    vec![
        case("requests: an address of each family", dual, dual_stack),
        case("requests: two NICs of one pool get two addresses", dual, two_nics),
        case("requests: a repeated one changes nothing", dual, repeated),
        case("requests: a second NIC is added to the first", dual, one_by_one),
        case("requests: the next candidate where one is full, disabled or unknown", candidates, fallback),
        case("requests: a refusal leaves nothing", narrow, refusal),
        case("requests: a refusal keeps what other NICs have", narrow, refusal_of_second),
        case("requests: an address asked for by value", dual, by_value),
        case("requests: an address asked for by value that is not to be had", dual, by_value_refused),
        case("requests: addresses follow an identity where that is asked for", dual, follow),
        case("requests: addresses follow while the pools match", candidates, follow_pools),
        case("requests: another incarnation gets its own", dual, never_follow),
        case("requests: a vanished record is taken again or replaced", three, vanished),
        case("requests: records that no NIC has are claimed in the order of NICs", three, claim),
    ]
}

/// Runs a request that must be met; the answer as `nic pool address`.
pub(super) fn met<S: Store>(trial: &mut Trial<S>, request: AllocationRequest) -> Result<Vec<String>, Stop> {
    let atomic = trial.is_atomic();
    match trial.run(Allocate::new(request, atomic))? {
        Ok(allocation) => Ok(lines(&allocation)),
        Err(refusal) => Err(mismatch("addresses", &refusal.to_string())),
    }
}

fn lines(allocation: &Allocation) -> Vec<String> {
    let of = |attachment: &crate::record::Attachment| {
        let line = |a: &crate::record::Assignment| format!("{} {} {}", attachment.nic, a.pool, a.address);
        attachment.assignments.iter().map(line).collect::<Vec<_>>()
    };
    allocation.attachments.iter().flat_map(of).collect()
}

fn refused<S: Store>(trial: &mut Trial<S>, request: AllocationRequest) -> Result<Refusal, Stop> {
    let atomic = trial.is_atomic();
    match trial.run(Allocate::new(request, atomic))? {
        Ok(allocation) => Err(mismatch("a refusal", &format!("{:?}", lines(&allocation)))),
        Err(refusal) => Ok(refusal),
    }
}

fn gets<S: Store>(trial: &mut Trial<S>, request: AllocationRequest, expected: &[&str]) -> Outcome {
    let expected: Vec<String> = expected.iter().map(|line| (*line).to_owned()).collect();
    equal("the allocation", &met(trial, request)?, &expected)
}

fn asking(nic: NicRequest, address: &str) -> Result<NicRequest, Stop> {
    Ok(NicRequest { asks: vec![addr(address)?], ..nic })
}

fn dual_stack<S: Store>(trial: &mut Trial<S>) -> Outcome {
    let a = container("a")?;
    let request = trial.request(&a).nic(nic("eth0", &["v4"], &["v6"])?);
    gets(trial, request, &["eth0 v4 10.6.0.10", "eth0 v6 fd00:6::10"])?;
    trial.booked(&[("v4", "10.6.0.10", &a, "eth0"), ("v6", "fd00:6::10", &a, "eth0")])?;
    let both = attachment("eth0", &[("v4", "10.6.0.10"), ("v6", "fd00:6::10")])?;
    let holdings = trial.holdings(&a)?;
    equal("attachments", &holdings.attachments, &vec![both])?;
    equal("bound", &holdings.bound, &Some(a))?;
    let b = container("b")?;
    let request = trial.request(&b).nic(nic("eth0", &[], &["v6"])?);
    gets(trial, request, &["eth0 v6 fd00:6::11"])
}

fn two_nics<S: Store>(trial: &mut Trial<S>) -> Outcome {
    let a = container("a")?;
    let request = trial.request(&a).nic(nic("eth1", &["v4"], &["v6"])?).nic(nic("eth0", &["v4"], &[])?);
    gets(trial, request, &["eth1 v4 10.6.0.10", "eth1 v6 fd00:6::10", "eth0 v4 10.6.0.11"])?;
    trial.booked(&[
        ("v4", "10.6.0.10", &a, "eth1"),
        ("v4", "10.6.0.11", &a, "eth0"),
        ("v6", "fd00:6::10", &a, "eth1"),
    ])
}

fn repeated<S: Store>(trial: &mut Trial<S>) -> Outcome {
    let a = container("a")?;
    let nics = || Ok::<_, Stop>((nic("eth0", &["v4"], &["v6"])?, nic("eth1", &["v4"], &[])?));
    let (eth0, eth1) = nics()?;
    let first = met(trial, trial.request(&a).nic(eth0).nic(eth1))?;
    let (commits, book) = (trial.commits(), trial.book()?);
    let (eth0, eth1) = nics()?;
    equal("the answer", &met(trial, trial.request(&a).nic(eth0).nic(eth1))?, &first)?;
    // In another order, and with candidates that would give something else.
    let again = trial.request(&a).nic(nic("eth1", &["none"], &[])?);
    equal("eth1", &met(trial, again)?, &vec!["eth1 v4 10.6.0.11".to_owned()])?;
    equal("commits for repeated requests", &trial.commits(), &commits)?;
    equal("the records", &trial.book()?, &book)
}

fn one_by_one<S: Store>(trial: &mut Trial<S>) -> Outcome {
    let a = container("a")?;
    let request = trial.request(&a).nic(nic("eth0", &["v4"], &[])?);
    gets(trial, request, &["eth0 v4 10.6.0.10"])?;
    let request = trial.request(&a).nic(nic("net1", &["v4"], &["v6"])?);
    gets(trial, request, &["net1 v4 10.6.0.11", "net1 v6 fd00:6::10"])?;
    trial.booked(&[
        ("v4", "10.6.0.10", &a, "eth0"),
        ("v4", "10.6.0.11", &a, "net1"),
        ("v6", "fd00:6::10", &a, "net1"),
    ])
}

/// Full (by reservation), disabled, and two that are neither.
fn candidates() -> Result<Setup, Stop> {
    let full = pool("full", "10.1.0.0/24", &["10.1.0.10"])?;
    let off = pool_with("off", "10.2.0.0/24", &["10.2.0.10"], &[], true)?;
    let one = pool("one", "10.3.0.0/24", &["10.3.0.10-10.3.0.11"])?;
    let two = pool("two", "10.4.0.0/24", &["10.4.0.10-10.4.0.11"])?;
    let six = pool("six", "fd00:6::/64", &["fd00:6::10"])?;
    Ok(Setup::new(vec![full, off, one, two, six], vec!["10.1.0.10".parse()?]))
}

fn fallback<S: Store>(trial: &mut Trial<S>) -> Outcome {
    let order = ["none", "off", "full", "six", "two", "one"];
    for (id, expected) in [
        ("a", "eth0 two 10.4.0.10"),
        ("b", "eth0 two 10.4.0.11"),
        ("c", "eth0 one 10.3.0.10"),
        ("d", "eth0 one 10.3.0.11"),
    ] {
        let request = trial.request(&container(id)?).nic(nic("eth0", &order, &[])?);
        gets(trial, request, &[expected])?;
    }
    let request = trial.request(&container("e")?).nic(nic("eth0", &order, &[])?);
    let refusal = refused(trial, request)?;
    holds("a refusal for want of addresses", refusal.is_exhausted(), &refusal)?;
    let verdicts: Vec<(String, Why)> = refusal
        .slots
        .into_iter()
        .flat_map(|slot| slot.verdicts)
        .map(|v| (v.pool.to_string(), v.why))
        .collect();
    let expected = [
        ("none", Why::Obstacle(Obstacle::NoPool)),
        ("off", Why::Obstacle(Obstacle::Disabled)),
        ("full", Why::Obstacle(Obstacle::Exhausted { capacity: 0 })),
        ("six", Why::WrongFamily),
        ("two", Why::Obstacle(Obstacle::Exhausted { capacity: 2 })),
        ("one", Why::Obstacle(Obstacle::Exhausted { capacity: 2 })),
    ];
    equal("verdicts", &verdicts, &expected.map(|(pool, why)| (pool.to_owned(), why)).to_vec())
}

/// Two pools of two, v4 and v6, and one of a single address.
fn narrow() -> Result<Setup, Stop> {
    let v4 = pool("v4", "10.6.0.0/24", &["10.6.0.10-10.6.0.11"])?;
    let v6 = pool("v6", "fd00:6::/64", &["fd00:6::10-fd00:6::11"])?;
    Ok(Setup::new(vec![v4, v6, pool("last", "10.7.0.0/24", &["10.7.0.10"])?], Vec::new()))
}

fn refusal<S: Store>(trial: &mut Trial<S>) -> Outcome {
    let (a, b) = (container("a")?, container("b")?);
    let request = trial.request(&a).nic(nic("eth0", &["last"], &[])?);
    gets(trial, request, &["eth0 last 10.7.0.10"])?;
    // The first NIC could be met; the second cannot.
    let request = trial.request(&b).nic(nic("eth0", &["v4"], &["v6"])?).nic(nic("eth1", &["last"], &[])?);
    let refusal = refused(trial, request)?;
    let slots: Vec<&str> = refusal.slots.iter().map(|slot| slot.nic.as_str()).collect();
    equal("refused NICs", &slots, &vec!["eth1"])?;
    trial.booked(&[("last", "10.7.0.10", &a, "eth0")])?;
    equal("attachments", &trial.holdings(&b)?.attachments, &Vec::new())?;
    trial.gives_lowest("v4", "10.6.0.10")
}

fn refusal_of_second<S: Store>(trial: &mut Trial<S>) -> Outcome {
    let (a, b) = (container("a")?, container("b")?);
    let request = trial.request(&a).nic(nic("eth0", &["last"], &[])?);
    gets(trial, request, &["eth0 last 10.7.0.10"])?;
    let request = trial.request(&b).nic(nic("eth0", &["v4"], &[])?);
    gets(trial, request, &["eth0 v4 10.6.0.10"])?;
    let request = trial.request(&b).nic(nic("eth0", &["v4"], &[])?).nic(nic("eth1", &[], &["v6"])?).nic(nic(
        "eth2",
        &["last"],
        &[],
    )?);
    refused(trial, request)?;
    trial.booked(&[("last", "10.7.0.10", &a, "eth0"), ("v4", "10.6.0.10", &b, "eth0")])
}

fn by_value<S: Store>(trial: &mut Trial<S>) -> Outcome {
    let a = container("a")?;
    let eth0 =
        NicRequest { asks: vec![addr("fd00:6::12")?, addr("10.6.0.11")?], ..nic("eth0", &["v4"], &["v6"])? };
    let request = trial.request(&a).nic(eth0.clone());
    gets(trial, request, &["eth0 v4 10.6.0.11", "eth0 v6 fd00:6::12"])?;
    let commits = trial.commits();
    let request = trial.request(&a).nic(eth0);
    gets(trial, request, &["eth0 v4 10.6.0.11", "eth0 v6 fd00:6::12"])?;
    equal("commits for a repeated request", &trial.commits(), &commits)?;
    trial.booked(&[("v4", "10.6.0.11", &a, "eth0"), ("v6", "fd00:6::12", &a, "eth0")])
}

fn by_value_refused<S: Store>(trial: &mut Trial<S>) -> Outcome {
    let (a, b) = (container("a")?, container("b")?);
    let request = trial.request(&a).nic(asking(nic("eth5", &["v4"], &[])?, "10.6.0.11")?);
    met(trial, request)?;
    let request = trial.request(&b).nic(asking(nic("eth0", &["v4"], &["v6"])?, "10.6.0.11")?);
    let refusal = refused(trial, request)?;
    let who = refusal.slots.first().and_then(|slot| slot.verdicts.first()).map(|verdict| &verdict.why);
    match who {
        Some(Why::Obstacle(Obstacle::Held(holding))) => {
            equal("holder", &holding.record.owner, &a)?;
            equal("NIC", &holding.nic.as_ref().map(Nic::as_str), &Some("eth5"))?;
        }
        other => return Err(mismatch("who holds 10.6.0.11", &format!("{other:?}"))),
    }
    let request = trial.request(&b).nic(asking(nic("eth0", &["v4"], &[])?, "10.6.0.99")?);
    let refusal = refused(trial, request)?;
    let whys: Vec<&Why> =
        refusal.slots.iter().flat_map(|slot| &slot.verdicts).map(|verdict| &verdict.why).collect();
    equal("verdicts", &whys, &vec![&Why::Obstacle(Obstacle::Outside)])?;
    // A NIC that has an address gets no second one by asking for it.
    let request = trial.request(&a).nic(asking(nic("eth5", &["v4"], &[])?, "10.6.0.12")?);
    let refusal = refused(trial, request)?;
    let whys: Vec<&Why> =
        refusal.slots.iter().flat_map(|slot| &slot.verdicts).map(|verdict| &verdict.why).collect();
    equal("verdicts", &whys, &vec![&Why::HoldsOther(super::trial::assignment("v4", "10.6.0.11")?)])?;
    trial.booked(&[("v4", "10.6.0.11", &a, "eth5")])
}

fn following<S: Store>(
    trial: &Trial<S>,
    owner: &Owner,
    follow: Follow,
    nic: NicRequest,
) -> AllocationRequest {
    AllocationRequest { follow, ..trial.request(owner).nic(nic) }
}

fn follow<S: Store>(trial: &mut Trial<S>) -> Outcome {
    let (old, new) = (pod("uid-1")?, pod("uid-2")?);
    // So that the lowest free address is not the old one.
    met(trial, trial.request(&container("a")?).nic(nic("eth0", &["v4"], &[])?))?;
    let request = following(trial, &old, Follow::Always, nic("eth0", &["v4"], &["v6"])?);
    gets(trial, request, &["eth0 v4 10.6.0.11", "eth0 v6 fd00:6::10"])?;
    let request = following(trial, &new, Follow::Always, nic("eth0", &["none"], &[])?);
    gets(trial, request, &["eth0 v4 10.6.0.11", "eth0 v6 fd00:6::10"])?;
    let expected: [(&str, &str, &Owner, &str); 3] = [
        ("v4", "10.6.0.10", &container("a")?, "eth0"),
        ("v4", "10.6.0.11", &new, "eth0"),
        ("v6", "fd00:6::10", &new, "eth0"),
    ];
    trial.booked(&expected)?;
    equal("bound", &trial.holdings(&old)?.bound, &Some(new.clone()))?;
    let commits = trial.commits();
    let request = following(trial, &new, Follow::Always, nic("eth0", &["v4"], &["v6"])?);
    met(trial, request)?;
    equal("commits for a repeated request", &trial.commits(), &commits)?;
    trial.booked(&expected)
}

fn follow_pools<S: Store>(trial: &mut Trial<S>) -> Outcome {
    let (first, second, third) = (pod("uid-1")?, pod("uid-2")?, pod("uid-3")?);
    let request = following(trial, &first, Follow::WhilePoolsMatch, nic("eth0", &["one"], &["six"])?);
    gets(trial, request, &["eth0 one 10.3.0.10", "eth0 six fd00:6::10"])?;
    let request = following(trial, &second, Follow::WhilePoolsMatch, nic("eth0", &["two", "one"], &["six"])?);
    gets(trial, request, &["eth0 one 10.3.0.10", "eth0 six fd00:6::10"])?;
    trial.booked(&[("one", "10.3.0.10", &second, "eth0"), ("six", "fd00:6::10", &second, "eth0")])?;
    // The pool is no candidate any more: its address goes back.
    let request = following(trial, &third, Follow::WhilePoolsMatch, nic("eth0", &["two"], &[])?);
    gets(trial, request, &["eth0 two 10.4.0.10"])?;
    trial.booked(&[("two", "10.4.0.10", &third, "eth0")])
}

fn never_follow<S: Store>(trial: &mut Trial<S>) -> Outcome {
    let (old, new) = (pod("uid-1")?, pod("uid-2")?);
    let request = following(trial, &old, Follow::Never, nic("eth0", &["v4"], &[])?);
    gets(trial, request, &["eth0 v4 10.6.0.10"])?;
    let request = following(trial, &new, Follow::Never, nic("eth0", &["v4"], &[])?);
    gets(trial, request, &["eth0 v4 10.6.0.11"])?;
    // The old one's address stays until somebody who may says that it is dead.
    trial.booked(&[("v4", "10.6.0.10", &old, "-"), ("v4", "10.6.0.11", &new, "eth0")])?;
    equal("bound", &trial.holdings(&old)?.bound, &Some(new))
}

fn vanished<S: Store>(trial: &mut Trial<S>) -> Outcome {
    let (a, b) = (container("a")?, container("b")?);
    let request = trial.request(&a).nic(nic("eth0", &["v4"], &[])?);
    gets(trial, request, &["eth0 v4 10.6.0.10"])?;
    trial.uproot("v4", "10.6.0.10", &a)?;
    // A store that keeps the NIC with the record forgets both, and finds the lowest address: the same.
    let request = trial.request(&a).nic(nic("eth0", &["v4"], &[])?);
    gets(trial, request, &["eth0 v4 10.6.0.10"])?;
    trial.booked(&[("v4", "10.6.0.10", &a, "eth0")])?;
    trial.uproot("v4", "10.6.0.10", &a)?;
    let request = trial.request(&b).nic(nic("eth0", &["v4"], &[])?);
    gets(trial, request, &["eth0 v4 10.6.0.10"])?;
    let request = trial.request(&a).nic(nic("eth0", &["v4"], &[])?);
    gets(trial, request, &["eth0 v4 10.6.0.11"])?;
    trial.booked(&[("v4", "10.6.0.10", &b, "eth0"), ("v4", "10.6.0.11", &a, "eth0")])?;
    equal("attachments", &trial.holdings(&a)?.attachments, &vec![attachment("eth0", &[("v4", "10.6.0.11")])?])
}

fn claim<S: Store>(trial: &mut Trial<S>) -> Outcome {
    let (a, b) = (container("a")?, container("b")?);
    // What a crash between pools and attachments leaves, or an older version that kept no NIC.
    trial.plant("v4", "10.6.0.11", &a)?;
    trial.plant("v4", "10.6.0.12", &a)?;
    let request = trial.request(&a).nic(nic("eth1", &["v4"], &[])?).nic(nic("eth0", &["v4"], &[])?);
    gets(trial, request, &["eth1 v4 10.6.0.11", "eth0 v4 10.6.0.12"])?;
    trial.booked(&[("v4", "10.6.0.11", &a, "eth1"), ("v4", "10.6.0.12", &a, "eth0")])?;
    // A third NIC claims none of those that the others have.
    let request = trial.request(&a).nic(nic("eth2", &["v4"], &[])?);
    gets(trial, request, &["eth2 v4 10.6.0.10"])?;
    let request = trial.request(&b).nic(nic("eth0", &["v4"], &[])?);
    refused(trial, request)?;
    equal("records", &trial.records()?.len(), &3)
}
