//! Cases of attachments: which NIC has which addresses.

use super::Case;
use super::trial::{
    Outcome, Stop, Trial, addr, attachment, case, container, dual, equal, holds, mismatch, pod,
};
use crate::owner::Owner;
use crate::record::Attachment;
use crate::store::{AttachmentOp, Change, Class, PoolOp, Store, Version};

pub(super) fn cases<S: Store>() -> Vec<Case<S>> {
    vec![
        case("attachments are set, replaced, removed and cleared", dual, life),
        case("an address is forgotten once it is not held", dual, forget),
        case("attachments belong to the incarnation that wrote last", dual, bound),
        case("an attachment may outlive its records", dual, without_record),
        case("attachments planned on an old version are refused or harmless", dual, stale),
    ]
}

/// Two addresses of either family for container a.
fn four<S: Store>(trial: &mut Trial<S>) -> Result<Owner, Stop> {
    let a = container("a")?;
    for (pool, address) in
        [("v4", "10.6.0.10"), ("v4", "10.6.0.11"), ("v6", "fd00:6::10"), ("v6", "fd00:6::11")]
    {
        trial.take(pool, address, &a)?;
    }
    Ok(a)
}

/// The attachments must be these, in whatever order of NICs.
fn attached<S: Store>(trial: &mut Trial<S>, owner: &Owner, expected: &[Attachment]) -> Outcome {
    let mut found = trial.holdings(owner)?.attachments;
    found.sort_by(|one, other| one.nic.cmp(&other.nic));
    equal("attachments", &found, &expected.to_vec())
}

fn life<S: Store>(trial: &mut Trial<S>) -> Outcome {
    let a = four(trial)?;
    let eth0 = attachment("eth0", &[("v4", "10.6.0.10"), ("v6", "fd00:6::10")])?;
    let eth1 = attachment("eth1", &[("v4", "10.6.0.11")])?;
    trial.attach(&a, vec![AttachmentOp::Set(eth1.clone()), AttachmentOp::Set(eth0.clone())])?;
    attached(trial, &a, &[eth0.clone(), eth1.clone()])?;
    trial.booked(&[
        ("v4", "10.6.0.10", &a, "eth0"),
        ("v4", "10.6.0.11", &a, "eth1"),
        ("v6", "fd00:6::10", &a, "eth0"),
        ("v6", "fd00:6::11", &a, "-"),
    ])?;
    let moved = attachment("eth0", &[("v6", "fd00:6::11")])?;
    trial.attach(&a, vec![AttachmentOp::Set(moved.clone())])?;
    attached(trial, &a, &[moved.clone(), eth1.clone()])?;
    trial.attach(&a, vec![AttachmentOp::Remove(eth1.nic.clone())])?;
    attached(trial, &a, std::slice::from_ref(&moved))?;
    // What is not there can be removed all the same.
    trial.attach(&a, vec![AttachmentOp::Remove(eth1.nic.clone())])?;
    trial.attach(
        &a,
        vec![AttachmentOp::Set(eth1.clone()), AttachmentOp::Clear, AttachmentOp::Set(eth0.clone())],
    )?;
    attached(trial, &a, &[eth0])?;
    trial.attach(&a, vec![AttachmentOp::Clear])?;
    attached(trial, &a, &[])?;
    equal("records, which attachments don't touch", &trial.records()?.len(), &4)
}

fn forget<S: Store>(trial: &mut Trial<S>) -> Outcome {
    let a = four(trial)?;
    let eth0 = attachment("eth0", &[("v4", "10.6.0.10"), ("v6", "fd00:6::10")])?;
    let eth1 = attachment("eth1", &[("v4", "10.6.0.11")])?;
    trial.attach(&a, vec![AttachmentOp::Set(eth0.clone()), AttachmentOp::Set(eth1.clone())])?;
    // Without effect while the record is there.
    trial.attach(
        &a,
        vec![AttachmentOp::Forget(addr("10.6.0.10")?), AttachmentOp::Forget(addr("10.6.0.77")?)],
    )?;
    attached(trial, &a, &[eth0, eth1])?;
    trial.release("v4", "10.6.0.10", &a)?;
    trial.release("v4", "10.6.0.11", &a)?;
    trial.attach(
        &a,
        vec![AttachmentOp::Forget(addr("10.6.0.10")?), AttachmentOp::Forget(addr("10.6.0.11")?)],
    )?;
    // A NIC without any address is gone.
    attached(trial, &a, &[attachment("eth0", &[("v6", "fd00:6::10")])?])?;
    trial.release("v6", "fd00:6::10", &a)?;
    trial.attach(&a, vec![AttachmentOp::Forget(addr("fd00:6::10")?)])?;
    attached(trial, &a, &[])
}

fn bound<S: Store>(trial: &mut Trial<S>) -> Outcome {
    let (old, new) = (pod("uid-1")?, pod("uid-2")?);
    trial.take("v4", "10.6.0.10", &old)?;
    trial.attach(&old, vec![AttachmentOp::Set(attachment("eth0", &[("v4", "10.6.0.10")])?)])?;
    // The next incarnation starts afresh; what its predecessor held stays its predecessor's.
    trial.take("v4", "10.6.0.11", &new)?;
    let eth0 = attachment("eth0", &[("v4", "10.6.0.11")])?;
    trial.attach(&new, vec![AttachmentOp::Clear, AttachmentOp::Set(eth0.clone())])?;
    for owner in [&old, &new] {
        let holdings = trial.holdings(owner)?;
        equal("bound", &holdings.bound, &Some(new.clone()))?;
        equal("attachments", &holdings.attachments, &vec![eth0.clone()])?;
        equal("records", &holdings.records.len(), &2)?;
    }
    trial.booked(&[("v4", "10.6.0.10", &old, "-"), ("v4", "10.6.0.11", &new, "eth0")])?;
    // Who buries the predecessor late takes nothing from its heir.
    let release = PoolOp::Release { address: addr("10.6.0.11")?, owner: old.clone(), seen: None };
    let change = trial.on_pool("v4", vec![release])?;
    trial.store(change)?;
    trial.attach(&old, vec![AttachmentOp::Forget(addr("10.6.0.11")?)])?;
    attached(trial, &new, &[eth0])
}

fn without_record<S: Store>(trial: &mut Trial<S>) -> Outcome {
    let a = container("a")?;
    let eth0 = attachment("eth0", &[("v4", "10.6.0.10")])?;
    trial.attach(&a, vec![AttachmentOp::Set(eth0.clone())])?;
    let holdings = trial.holdings(&a)?;
    equal("attachments", &holdings.attachments, &vec![eth0])?;
    equal("records", &holdings.records, &Vec::new())?;
    let pools: Vec<&str> = holdings.pools.iter().map(|pool| pool.name().as_str()).collect();
    equal("pools that the attachments name", &pools, &vec!["v4"])?;
    trial.attach(&a, vec![AttachmentOp::Forget(addr("10.6.0.10")?)])?;
    equal("attachments", &trial.holdings(&a)?.attachments, &Vec::new())
}

fn stale<S: Store>(trial: &mut Trial<S>) -> Outcome {
    let a = four(trial)?;
    let old = trial.holdings(&a)?.version;
    let eth0 = attachment("eth0", &[("v4", "10.6.0.10")])?;
    trial.attach(&a, vec![AttachmentOp::Set(eth0.clone())])?;
    let late = attachment("eth1", &[("v4", "10.6.0.11")])?;
    let ops = vec![AttachmentOp::Set(late.clone())];
    match trial.commit(&[Change::Attachments { owner: a.clone(), version: old, ops: ops.clone() }]) {
        Ok(_) => attached(trial, &a, &[eth0, late]),
        Err(Class::Conflict) => {
            attached(trial, &a, std::slice::from_ref(&eth0))?;
            let answer =
                trial.commit(&[Change::Attachments { owner: a.clone(), version: Version::ANY, ops }]);
            holds("a change without a version to be stored", answer.is_ok(), &answer)?;
            attached(trial, &a, &[eth0, late])
        }
        Err(class) => Err(mismatch("Ok or Conflict", &format!("{class:?}"))),
    }
}
