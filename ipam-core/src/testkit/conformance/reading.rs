//! Cases of reading: what an owner holds, and pages of records.

use super::trial::{
    Outcome, Stop, Trial, addr, assignment, attachment, case, container, equal, holds, mismatch, pod, pool,
    three,
};
use super::{Case, Setup};
use crate::addr::Addr;
use crate::owner::OwnerKind;
use crate::pool::PoolName;
use crate::store::{AttachmentOp, Holding, PageQuery, Store};

pub(super) fn cases<S: Store>() -> Vec<Case<S>> {
    vec![
        case("an unknown owner holds nothing", three, nothing),
        case("what is taken and attached is held", three, held),
        case("another incarnation sees what the identity holds", three, incarnations),
        case("holdings are of one identity", three, one_identity),
        case("pages: order, limit and end", many, pages),
        case("pages: filters", many, filters),
        case("pages: releases in between move nothing", many, moving),
    ]
}

fn nothing<S: Store>(trial: &mut Trial<S>) -> Outcome {
    let holdings = trial.holdings(&container("a")?)?;
    equal("records", &holdings.records, &Vec::new())?;
    equal("attachments", &holdings.attachments, &Vec::new())?;
    equal("bound", &holdings.bound, &None)?;
    trial.booked(&[])
}

fn held<S: Store>(trial: &mut Trial<S>) -> Outcome {
    let a = container("a")?;
    trial.take("v4", "10.6.0.11", &a)?;
    let holdings = trial.holdings(&a)?;
    let records: Vec<_> =
        holdings.records.iter().map(|h| (h.record.address, h.record.owner.clone(), h.nic.clone())).collect();
    equal("records", &records, &vec![(addr("10.6.0.11")?, a.clone(), None)])?;
    equal("attachments", &holdings.attachments, &Vec::new())?;
    let pools: Vec<&str> = holdings.pools.iter().map(|pool| pool.name().as_str()).collect();
    equal("pools", &pools, &vec!["v4"])?;

    let eth0 = attachment("eth0", &[("v4", "10.6.0.11")])?;
    trial.attach(&a, vec![AttachmentOp::Set(eth0.clone())])?;
    let holdings = trial.holdings(&a)?;
    equal("attachments", &holdings.attachments, &vec![eth0])?;
    equal("bound", &holdings.bound, &Some(a.clone()))?;
    trial.booked(&[("v4", "10.6.0.11", &a, "eth0")])
}

fn incarnations<S: Store>(trial: &mut Trial<S>) -> Outcome {
    let (old, new) = (pod("uid-1")?, pod("uid-2")?);
    trial.take("v4", "10.6.0.10", &old)?;
    trial.attach(&old, vec![AttachmentOp::Set(attachment("eth0", &[("v4", "10.6.0.10")])?)])?;
    let holdings = trial.holdings(&new)?;
    let owners: Vec<_> = holdings.records.iter().map(|holding| holding.record.owner.clone()).collect();
    equal("owners of the records", &owners, &vec![old.clone()])?;
    equal("bound", &holdings.bound, &Some(old))?;
    equal("attachments", &holdings.attachments.len(), &1)
}

fn one_identity<S: Store>(trial: &mut Trial<S>) -> Outcome {
    let here = container("a")?;
    let there = crate::owner::Owner::container("web", "a")?;
    trial.take("v4", "10.6.0.10", &here)?;
    trial.take("v4", "10.6.0.11", &there)?;
    trial.take("v4", "10.6.0.12", &container("b")?)?;
    let holdings = trial.holdings(&there)?;
    let addresses: Vec<Addr> = holdings.records.iter().map(|holding| holding.record.address).collect();
    equal("addresses of container a on network web", &addresses, &vec![addr("10.6.0.11")?])
}

fn many() -> Result<Setup, Stop> {
    // The text of 10.6.0.9 comes after that of 10.6.0.10: the order is that of numbers.
    let a = pool("a", "10.6.0.0/24", &["10.6.0.8-10.6.0.12"])?;
    let b = pool("b", "fd00:6::/64", &["fd00:6::1-fd00:6::ff"])?;
    Ok(Setup::new(vec![b, a], Vec::new()))
}

const MANY: [(&str, &str, &str); 7] = [
    ("a", "10.6.0.8", "c1"),
    ("a", "10.6.0.9", "c2"),
    ("a", "10.6.0.10", "p"),
    ("a", "10.6.0.12", "c3"),
    ("b", "fd00:6::2", "c1"),
    ("b", "fd00:6::10", "p"),
    ("b", "fd00:6::ff", "c2"),
];

fn fill<S: Store>(trial: &mut Trial<S>) -> Outcome {
    for (pool, address, id) in MANY.iter().rev() {
        let owner = if *id == "p" { pod("uid-1")? } else { container(id)? };
        trial.take(pool, address, &owner)?;
    }
    Ok(())
}

fn all(limit: usize) -> PageQuery {
    PageQuery { scope: None, pool: None, after: None, limit }
}

/// Walks the pages from `query` to the end.
fn walk<S: Store>(trial: &mut Trial<S>, mut query: PageQuery) -> Result<Vec<(PoolName, Addr)>, Stop> {
    let mut found = Vec::new();
    for _ in 0..=MANY.len() {
        let page = trial.page(query.clone())?;
        holds("a page within its limit", page.records.len() <= query.limit, &page)?;
        found.extend(page.records.into_iter().map(|Holding { pool, record, .. }| (pool, record.address)));
        match page.next {
            Some(next) => query.after = Some(next),
            None => return Ok(found),
        }
    }
    Err(mismatch("the pages to end", &format!("{found:?} and more")))
}

fn places(of: impl Fn(&(&str, &str, &str)) -> bool) -> Result<Vec<(PoolName, Addr)>, Stop> {
    MANY.iter()
        .filter(|place| of(place))
        .map(|(pool, address, _)| Ok((pool.parse()?, addr(address)?)))
        .collect()
}

fn pages<S: Store>(trial: &mut Trial<S>) -> Outcome {
    fill(trial)?;
    for limit in 1..=MANY.len().saturating_add(1) {
        let found = walk(trial, all(limit))?;
        equal(&format!("all records by pages of {limit}"), &found, &places(|_| true)?)?;
    }
    let last = assignment("b", "fd00:6::ff")?;
    let page = trial.page(PageQuery { after: Some((last.pool, last.address)), ..all(2) })?;
    equal("a page after the last record", &(page.records, page.next), &(Vec::new(), None))
}

fn filters<S: Store>(trial: &mut Trial<S>) -> Outcome {
    fill(trial)?;
    for limit in [1, 2, 100] {
        let containers = Some((OwnerKind::Container, "net".to_owned()));
        let query = PageQuery { scope: containers.clone(), ..all(limit) };
        equal("records of containers", &walk(trial, query)?, &places(|(_, _, id)| *id != "p")?)?;
        let query = PageQuery { scope: Some((OwnerKind::Container, "web".to_owned())), ..all(limit) };
        equal("records of another network", &walk(trial, query)?, &Vec::new())?;
        let query = PageQuery { scope: Some((OwnerKind::Pod, "shop".to_owned())), ..all(limit) };
        equal("records of pods", &walk(trial, query)?, &places(|(_, _, id)| *id == "p")?)?;
        let query = PageQuery { pool: Some("b".parse()?), ..all(limit) };
        equal("records of pool b", &walk(trial, query)?, &places(|(pool, _, _)| *pool == "b")?)?;
        let query = PageQuery { pool: Some("a".parse()?), scope: containers, ..all(limit) };
        equal(
            "records of containers in pool a",
            &walk(trial, query)?,
            &places(|(pool, _, id)| *pool == "a" && *id != "p")?,
        )?;
        let query = PageQuery { pool: Some("none".parse()?), ..all(limit) };
        equal("records of no pool", &walk(trial, query)?, &Vec::new())?;
    }
    Ok(())
}

fn moving<S: Store>(trial: &mut Trial<S>) -> Outcome {
    fill(trial)?;
    let first = trial.page(all(3))?;
    let after = first.next.clone();
    holds("another page after the first of three", after.is_some(), &first)?;
    // What was seen goes, as in a collection; what was not seen yet is still found, once.
    trial.release("a", "10.6.0.8", &container("c1")?)?;
    trial.release("a", "10.6.0.10", &pod("uid-1")?)?;
    let rest = walk(trial, PageQuery { after, ..all(3) })?;
    let expected = places(|_| true)?.split_off(3);
    equal("the records after the first page", &rest, &expected)
}
