//! Cases of the other machines: [`Release`], [`Confirm`] and [`Collect`] run on the store.

use std::time::Duration;

use super::Case;
use super::requests::met;
use super::trial::{
    Outcome, PATIENCE, Stop, Trial, addr, assignment, case, container, dual, equal, holds, nic, pod, stamp,
    three,
};
use crate::death::{EarlierBoot, RuntimeList};
use crate::machine::{Collect, Collected, Confirm, Release, Released};
use crate::owner::Owner;
use crate::request::{AllocationRequest, ReleaseRequest, ReleaseScope};
use crate::store::Store;

pub(super) fn cases<S: Store>() -> Vec<Case<S>> {
    vec![
        case("requests: release of all", dual, release_all),
        case("requests: release by NIC", dual, release_nic),
        case("requests: the last NIC's release frees what no NIC has", dual, release_last_nic),
        case("requests: release by address", dual, release_address),
        case("requests: a late release leaves the next incarnation alone", dual, late_release),
        case("requests: confirm", dual, confirm),
        case("requests: confirm stamps records of another boot", dual, confirm_stamps),
        case("requests: collection by the runtime's list", three, by_list),
        case("requests: a dry collection frees nothing", three, dry),
        case("requests: collection after another boot", three, by_boot),
    ]
}

fn release<S: Store>(trial: &mut Trial<S>, owner: &Owner, scope: ReleaseScope) -> Result<Vec<String>, Stop> {
    let request = ReleaseRequest::new(owner.clone(), scope, trial.now() + PATIENCE);
    let atomic = trial.is_atomic();
    let Released { mut addresses } = trial.run(Release::new(request, atomic))?;
    addresses.sort();
    Ok(addresses
        .into_iter()
        .map(|assignment| format!("{} {}", assignment.pool, assignment.address))
        .collect())
}

fn frees<S: Store>(trial: &mut Trial<S>, owner: &Owner, scope: ReleaseScope, expected: &[&str]) -> Outcome {
    let expected: Vec<String> = expected.iter().map(|line| (*line).to_owned()).collect();
    equal("released", &release(trial, owner, scope)?, &expected)
}

/// Container a with two NICs, b with one.
fn two_owners<S: Store>(trial: &mut Trial<S>) -> Result<(Owner, Owner), Stop> {
    let (a, b) = (container("a")?, container("b")?);
    let request = trial.request(&a).nic(nic("eth0", &["v4"], &["v6"])?).nic(nic("eth1", &["v4"], &[])?);
    met(trial, request)?;
    let request = trial.request(&b).nic(nic("eth0", &["v4"], &[])?);
    met(trial, request)?;
    Ok((a, b))
}

fn release_all<S: Store>(trial: &mut Trial<S>) -> Outcome {
    let (a, b) = two_owners(trial)?;
    frees(trial, &a, ReleaseScope::All, &["v4 10.6.0.10", "v4 10.6.0.11", "v6 fd00:6::10"])?;
    trial.booked(&[("v4", "10.6.0.12", &b, "eth0")])?;
    equal("attachments", &trial.holdings(&a)?.attachments, &Vec::new())?;
    let commits = trial.commits();
    frees(trial, &a, ReleaseScope::All, &[])?;
    frees(trial, &container("nobody")?, ReleaseScope::All, &[])?;
    equal("commits for nothing to release", &trial.commits(), &commits)
}

fn release_nic<S: Store>(trial: &mut Trial<S>) -> Outcome {
    let (a, b) = two_owners(trial)?;
    trial.plant("v6", "fd00:6::12", &a)?;
    let eth0 = ReleaseScope::Nic("eth0".parse()?);
    frees(trial, &a, eth0.clone(), &["v4 10.6.0.10", "v6 fd00:6::10"])?;
    trial.booked(&[
        ("v4", "10.6.0.11", &a, "eth1"),
        ("v4", "10.6.0.12", &b, "eth0"),
        ("v6", "fd00:6::12", &a, "-"),
    ])?;
    frees(trial, &a, eth0, &[])?;
    let holdings = trial.holdings(&a)?;
    let nics: Vec<&str> = holdings.attachments.iter().map(|attachment| attachment.nic.as_str()).collect();
    equal("NICs", &nics, &vec!["eth1"])
}

fn release_last_nic<S: Store>(trial: &mut Trial<S>) -> Outcome {
    let a = container("a")?;
    let request = trial.request(&a).nic(nic("eth0", &["v4"], &[])?);
    met(trial, request)?;
    trial.plant("v6", "fd00:6::12", &a)?;
    frees(trial, &a, ReleaseScope::Nic("eth0".parse()?), &["v4 10.6.0.10", "v6 fd00:6::12"])?;
    trial.booked(&[])
}

fn release_address<S: Store>(trial: &mut Trial<S>) -> Outcome {
    let (a, b) = two_owners(trial)?;
    frees(trial, &a, ReleaseScope::Address(addr("10.6.0.12")?), &[])?;
    frees(trial, &a, ReleaseScope::Address(addr("10.6.0.10")?), &["v4 10.6.0.10"])?;
    trial.booked(&[
        ("v4", "10.6.0.11", &a, "eth1"),
        ("v4", "10.6.0.12", &b, "eth0"),
        ("v6", "fd00:6::10", &a, "eth0"),
    ])?;
    let holdings = trial.holdings(&a)?;
    let named = holdings
        .attachments
        .iter()
        .flat_map(|attachment| &attachment.assignments)
        .any(|a| a.pool.as_str() == "v4" && a.address.to_string() == "10.6.0.10");
    holds("no NIC to have 10.6.0.10", !named, &holdings.attachments)
}

fn late_release<S: Store>(trial: &mut Trial<S>) -> Outcome {
    let (old, new) = (pod("uid-1")?, pod("uid-2")?);
    let always = |trial: &Trial<S>, owner: &Owner| {
        let request = trial.request(owner).nic(nic("eth0", &["v4"], &[])?);
        Ok::<_, Stop>(AllocationRequest { follow: crate::request::Follow::Always, ..request })
    };
    let request = always(trial, &old)?;
    met(trial, request)?;
    let request = always(trial, &new)?;
    met(trial, request)?;
    for scope in
        [ReleaseScope::All, ReleaseScope::Nic("eth0".parse()?), ReleaseScope::Address(addr("10.6.0.10")?)]
    {
        frees(trial, &old, scope, &[])?;
        trial.booked(&[("v4", "10.6.0.10", &new, "eth0")])?;
    }
    equal("bound", &trial.holdings(&new)?.bound, &Some(new.clone()))?;
    frees(trial, &new, ReleaseScope::All, &["v4 10.6.0.10"])
}

fn confirm<S: Store>(trial: &mut Trial<S>) -> Outcome {
    let (a, _) = two_owners(trial)?;
    let commits = trial.commits();
    let ask = |trial: &mut Trial<S>, owner: &Owner, nic: &str, expected: &[&str]| {
        let expected: Result<Vec<_>, Stop> = expected.iter().map(|text| addr(text)).collect();
        let deadline = trial.now() + PATIENCE;
        trial.run(Confirm::new(owner.clone(), nic.parse()?, expected?, None, deadline))
    };
    let confirmed = ask(trial, &a, "eth0", &["10.6.0.10", "fd00:6::10"])?;
    let mut assignments = confirmed.map(|confirmed| confirmed.assignments).unwrap_or_default();
    assignments.sort();
    let expected = vec![assignment("v4", "10.6.0.10")?, assignment("v6", "fd00:6::10")?];
    equal("confirmed", &assignments, &expected)?;
    for (owner, nic, expected, missing) in [
        (&a, "eth0", ["10.6.0.11", "10.6.0.10"], vec![addr("10.6.0.11")?]),
        (&a, "eth9", ["10.6.0.10", "10.6.0.11"], vec![addr("10.6.0.10")?, addr("10.6.0.11")?]),
        (
            &container("nobody")?,
            "eth0",
            ["10.6.0.10", "10.6.0.11"],
            vec![addr("10.6.0.10")?, addr("10.6.0.11")?],
        ),
    ] {
        let answer = ask(trial, owner, nic, &expected)?;
        equal("missing", &answer.map_err(|unconfirmed| unconfirmed.missing).err(), &Some(missing))?;
    }
    equal("commits of a confirmation without stamp", &trial.commits(), &commits)
}

/// Boots of all records; skips the case in a store that keeps no stamps.
fn boots<S: Store>(trial: &mut Trial<S>) -> Result<Vec<String>, Stop> {
    let records = trial.records()?;
    if records.iter().all(|holding| holding.record.stamp.is_none()) {
        return Err(Stop::Skip("the store keeps no stamps"));
    }
    Ok(records
        .into_iter()
        .map(|h| h.record.stamp.map_or_else(|| "-".to_owned(), |stamp| stamp.boot))
        .collect())
}

fn stamped<S: Store>(trial: &Trial<S>, owner: &Owner, boot: &str) -> Result<AllocationRequest, Stop> {
    Ok(AllocationRequest { stamp: Some(stamp(boot)), ..trial.request(owner).nic(nic("eth0", &["v4"], &[])?) })
}

fn confirm_stamps<S: Store>(trial: &mut Trial<S>) -> Outcome {
    let (a, b) = (container("a")?, container("b")?);
    for owner in [&a, &b] {
        let request = stamped(trial, owner, "boot-1")?;
        met(trial, request)?;
    }
    equal("boots", &boots(trial)?, &vec!["boot-1".to_owned(), "boot-1".to_owned()])?;
    let deadline = trial.now() + PATIENCE;
    let machine = Confirm::new(a, "eth0".parse()?, vec![addr("10.6.0.10")?], Some(stamp("boot-2")), deadline);
    let answer = trial.run(machine)?;
    holds("a confirmation", answer.is_ok(), &answer)?;
    equal("boots", &boots(trial)?, &vec!["boot-2".to_owned(), "boot-1".to_owned()])?;
    // A repeated allocation confirms too.
    let request = stamped(trial, &b, "boot-2")?;
    met(trial, request)?;
    equal("boots", &boots(trial)?, &vec!["boot-2".to_owned(), "boot-2".to_owned()])
}

/// Containers a and c, and a pod, with an address each.
fn population<S: Store>(trial: &mut Trial<S>, boot: &str) -> Result<[Owner; 3], Stop> {
    let owners = [container("a")?, pod("uid-1")?, container("c")?];
    for owner in &owners {
        let request = stamped(trial, owner, boot)?;
        met(trial, request)?;
    }
    Ok(owners)
}

fn by_list<S: Store>(trial: &mut Trial<S>) -> Outcome {
    let [a, other, c] = population(trial, "boot-1")?;
    let other_network = RuntimeList::new("web", []);
    collect(trial, other_network, false)?;
    equal("records after a list of another network", &trial.records()?.len(), &3)?;
    let list =
        RuntimeList::new("net", [("c".to_owned(), "eth0".to_owned()), ("a".to_owned(), "eth9".to_owned())]);
    let collected = collect(trial, list.clone(), false)?;
    holds(
        "nobody else to be dead",
        collected.dead.iter().all(|holding| holding.record.owner == a),
        &collected,
    )?;
    trial.booked(&[("v4", "10.6.0.11", &other, "eth0"), ("v4", "10.6.0.12", &c, "eth0")])?;
    let collected = collect(trial, list, false)?;
    equal("dead after a collection", &collected.dead, &Vec::new())
}

fn collect<S: Store>(
    trial: &mut Trial<S>,
    judge: impl crate::death::Judge,
    dry_run: bool,
) -> Result<Collected, Stop> {
    let (atomic, deadline) = (trial.is_atomic(), trial.now() + PATIENCE);
    trial.run(Collect::new(judge, atomic, dry_run, deadline))
}

fn dry<S: Store>(trial: &mut Trial<S>) -> Outcome {
    population(trial, "boot-1")?;
    let (book, commits) = (trial.book()?, trial.commits());
    let collected = collect(trial, RuntimeList::new("net", []), true)?;
    let dead: Vec<&str> = collected.dead.iter().map(|holding| holding.record.owner.name()).collect();
    equal("dead", &dead, &vec!["a", "c"])?;
    equal("the records", &trial.book()?, &book)?;
    equal("commits of a dry run", &trial.commits(), &commits)
}

fn by_boot<S: Store>(trial: &mut Trial<S>) -> Outcome {
    let [_, other, c] = population(trial, "boot-1")?;
    boots(trial)?;
    let judge =
        EarlierBoot { boot: "boot-2".to_owned(), first_seen: trial.now(), delay: Duration::from_secs(7_200) };
    collect(trial, judge.clone(), false)?;
    equal("records before the delay is over", &trial.records()?.len(), &3)?;
    // The runtime brings c back, which confirms its record.
    let request = stamped(trial, &c, "boot-2")?;
    met(trial, request)?;
    trial.pass(Duration::from_secs(7_200));
    collect(trial, judge.clone(), false)?;
    trial.booked(&[("v4", "10.6.0.11", &other, "eth0"), ("v4", "10.6.0.12", &c, "eth0")])?;
    let collected = collect(trial, judge, false)?;
    equal("dead after a collection", &collected.dead, &Vec::new())
}
