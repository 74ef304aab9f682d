//! Cases of releasing, handing over and confirming: each names the holder, and nothing happens to another's record.

use super::Case;
use super::trial::{
    Outcome, Stop, Trial, addr, attachment, case, container, equal, holds, pod, release, stamp, take, three,
};
use crate::owner::Owner;
use crate::record::{Record, Stamp};
use crate::store::{AttachmentOp, Class, PoolOp, Store};

pub(super) fn cases<S: Store>() -> Vec<Case<S>> {
    vec![
        case("only the holder's release frees", three, by_holder),
        case("a repeated or late release is without effect", three, repeated),
        case("the uid decides who may release", three, by_uid),
        case("a release with another stamp is without effect", three, by_stamp),
        case("a confirmed record bears the new stamp", three, confirm),
        case("only the holder's record is confirmed", three, confirm_of_holder),
        case("a record is handed to a new incarnation", three, rebind),
        case("only the named holder's record is handed over", three, rebind_of_holder),
    ]
}

fn by_holder<S: Store>(trial: &mut Trial<S>) -> Outcome {
    let (a, b) = (container("a")?, container("b")?);
    trial.take("v4", "10.6.0.10", &a)?;
    trial.release("v4", "10.6.0.10", &b)?;
    // The same id on another network is another owner.
    trial.release("v4", "10.6.0.10", &Owner::container("web", "a")?)?;
    trial.booked(&[("v4", "10.6.0.10", &a, "-")])?;
    trial.release("v4", "10.6.0.10", &a)?;
    trial.booked(&[])?;
    trial.gives_lowest("v4", "10.6.0.10")
}

fn repeated<S: Store>(trial: &mut Trial<S>) -> Outcome {
    let (a, b) = (container("a")?, container("b")?);
    trial.release("v4", "10.6.0.10", &a)?;
    trial.take("v4", "10.6.0.10", &a)?;
    let change = trial.on_pool("v4", vec![release("10.6.0.10", &a)?, release("10.6.0.10", &a)?])?;
    trial.store(change)?;
    trial.booked(&[])?;
    trial.take("v4", "10.6.0.10", &b)?;
    trial.release("v4", "10.6.0.10", &a)?;
    // Nor does one of an address that the pool never had.
    trial.release("v4", "10.6.0.99", &a)?;
    trial.booked(&[("v4", "10.6.0.10", &b, "-")])
}

fn by_uid<S: Store>(trial: &mut Trial<S>) -> Outcome {
    let (old, new) = (pod("uid-1")?, pod("uid-2")?);
    trial.take("v4", "10.6.0.10", &new)?;
    trial.release("v4", "10.6.0.10", &old)?;
    trial.booked(&[("v4", "10.6.0.10", &new, "-")])?;
    // A claim with a pod's uid is no pod.
    trial.release("v4", "10.6.0.10", &Owner::claim("shop", "db-0", "uid-2")?)?;
    trial.booked(&[("v4", "10.6.0.10", &new, "-")])?;
    trial.release("v4", "10.6.0.10", &new)?;
    trial.booked(&[])
}

/// The stamp that the store keeps for an address; skips the case in a store that keeps none.
fn kept_stamp<S: Store>(trial: &mut Trial<S>, address: &str) -> Result<Stamp, Stop> {
    let address = addr(address)?;
    let record = trial.records()?.into_iter().find(|holding| holding.record.address == address);
    record.and_then(|holding| holding.record.stamp).ok_or(Stop::Skip("the store keeps no stamps"))
}

fn take_stamped<S: Store>(trial: &mut Trial<S>, address: &str, owner: &Owner, boot: &str) -> Outcome {
    let record = Record { address: addr(address)?, owner: owner.clone(), stamp: Some(stamp(boot)) };
    let change = trial.on_pool("v4", vec![PoolOp::Take(record)])?;
    trial.store(change)
}

fn by_stamp<S: Store>(trial: &mut Trial<S>) -> Outcome {
    let a = container("a")?;
    take_stamped(trial, "10.6.0.10", &a, "boot-1")?;
    equal("stamp", &kept_stamp(trial, "10.6.0.10")?, &stamp("boot-1"))?;
    let later = Stamp { at: crate::record::Time::from_millis(8), ..stamp("boot-1") };
    let address = addr("10.6.0.10")?;
    for other in [stamp("boot-2"), later] {
        let op = PoolOp::Release { address, owner: a.clone(), seen: Some(other) };
        let change = trial.on_pool("v4", vec![op])?;
        trial.store(change)?;
        trial.booked(&[("v4", "10.6.0.10", &a, "-")])?;
    }
    let op = PoolOp::Release { address, owner: a.clone(), seen: Some(stamp("boot-1")) };
    let change = trial.on_pool("v4", vec![op])?;
    trial.store(change)?;
    trial.booked(&[])?;
    // A record without a stamp is not the one that was seen with one.
    trial.take("v4", "10.6.0.10", &a)?;
    let op = PoolOp::Release { address, owner: a.clone(), seen: Some(stamp("boot-1")) };
    let change = trial.on_pool("v4", vec![op])?;
    trial.store(change)?;
    trial.booked(&[("v4", "10.6.0.10", &a, "-")])
}

fn confirm<S: Store>(trial: &mut Trial<S>) -> Outcome {
    let a = container("a")?;
    take_stamped(trial, "10.6.0.10", &a, "boot-1")?;
    kept_stamp(trial, "10.6.0.10")?;
    let op = PoolOp::Confirm { address: addr("10.6.0.10")?, owner: a.clone(), stamp: stamp("boot-2") };
    let change = trial.on_pool("v4", vec![op])?;
    trial.store(change)?;
    equal("stamp", &kept_stamp(trial, "10.6.0.10")?, &stamp("boot-2"))?;
    trial.booked(&[("v4", "10.6.0.10", &a, "-")])
}

fn confirm_of_holder<S: Store>(trial: &mut Trial<S>) -> Outcome {
    let (a, b) = (container("a")?, container("b")?);
    trial.take("v4", "10.6.0.10", &a)?;
    for (address, owner) in [("10.6.0.10", &b), ("10.6.0.11", &a)] {
        let op = PoolOp::Confirm { address: addr(address)?, owner: owner.clone(), stamp: stamp("boot-1") };
        let change = trial.on_pool("v4", vec![op])?;
        trial.refuses(change, Class::Conflict)?;
        trial.booked(&[("v4", "10.6.0.10", &a, "-")])?;
    }
    let stamps: Vec<_> = trial.records()?.into_iter().filter_map(|holding| holding.record.stamp).collect();
    holds("a record without a stamp", stamps.is_empty(), &stamps)
}

fn rebind<S: Store>(trial: &mut Trial<S>) -> Outcome {
    let (old, new) = (pod("uid-1")?, pod("uid-2")?);
    trial.take("v4", "10.6.0.10", &old)?;
    let eth0 = attachment("eth0", &[("v4", "10.6.0.10")])?;
    trial.attach(&old, vec![AttachmentOp::Set(eth0.clone())])?;
    let op = PoolOp::Rebind {
        address: addr("10.6.0.10")?,
        from: old.clone(),
        to: new.clone(),
        stamp: Some(stamp("boot-2")),
    };
    let change = trial.on_pool("v4", vec![op])?;
    trial.store(change)?;
    trial.attach(&new, vec![AttachmentOp::Set(eth0.clone())])?;
    trial.booked(&[("v4", "10.6.0.10", &new, "eth0")])?;
    let holdings = trial.holdings(&new)?;
    equal("bound", &holdings.bound, &Some(new.clone()))?;
    equal("attachments", &holdings.attachments, &vec![eth0])?;
    // The late DEL of the old one.
    trial.release("v4", "10.6.0.10", &old)?;
    trial.booked(&[("v4", "10.6.0.10", &new, "eth0")])?;
    let stamps: Vec<_> = trial.records()?.into_iter().filter_map(|holding| holding.record.stamp).collect();
    holds("the new stamp, or none", stamps.iter().all(|kept| *kept == stamp("boot-2")), &stamps)
}

fn rebind_of_holder<S: Store>(trial: &mut Trial<S>) -> Outcome {
    let (old, new, other) = (pod("uid-1")?, pod("uid-2")?, container("b")?);
    trial.take("v4", "10.6.0.10", &other)?;
    for address in ["10.6.0.10", "10.6.0.11"] {
        let op = PoolOp::Rebind { address: addr(address)?, from: old.clone(), to: new.clone(), stamp: None };
        let change = trial.on_pool("v4", vec![op])?;
        trial.refuses(change, Class::Conflict)?;
    }
    trial.booked(&[("v4", "10.6.0.10", &other, "-")])?;
    let change = trial.on_pool("v4", vec![take("10.6.0.11", &new)?])?;
    trial.store(change)
}
