//! Cases of taking: one owner an address, and commits that are stored whole or not at all.

use super::trial::{
    Outcome, Stop, Trial, addr, attachment, case, container, dual, equal, holds, pool, release, take,
    take_again, three,
};
use super::{Case, Setup};
use crate::store::{AttachmentOp, Change, Class, Obstacle, PoolOp, Start, Store, Version, Want};

pub(super) fn cases<S: Store>() -> Vec<Case<S>> {
    vec![
        case("an address that is held cannot be taken", three, twice),
        case("an address outside of the pool cannot be taken", holes, outside),
        case("a change is stored whole or not at all", three, whole_change),
        case("releases of a change are applied before its takes", three, releases_first),
        case("changes of one commit are stored together", dual, whole_commit),
        case("a change planned on an old version makes no second owner", three, stale),
        case("an address has one owner in all pools of its subnet", neighbours, same_subnet),
        case("a pool that does not exist takes nothing", three, unknown),
        case("an empty commit changes nothing", three, empty),
    ]
}

fn twice<S: Store>(trial: &mut Trial<S>) -> Outcome {
    let (a, b) = (container("a")?, container("b")?);
    trial.take("v4", "10.6.0.10", &a)?;
    for owner in [&b, &a] {
        for op in [take("10.6.0.10", owner)?, take_again("10.6.0.10", owner)?] {
            let change = trial.on_pool("v4", vec![op])?;
            trial.refuses(change, Class::Conflict)?;
            trial.booked(&[("v4", "10.6.0.10", &a, "-")])?;
        }
    }
    Ok(())
}

/// 10.6.0.10 to .12, .11 reserved.
fn holes() -> Result<Setup, Stop> {
    Ok(Setup::new(vec![pool("v4", "10.6.0.0/24", &["10.6.0.10-10.6.0.12"])?], vec!["10.6.0.11".parse()?]))
}

fn outside<S: Store>(trial: &mut Trial<S>) -> Outcome {
    let a = container("a")?;
    for address in ["10.6.0.9", "10.6.0.13", "10.6.0.11"] {
        let change = trial.on_pool("v4", vec![take(address, &a)?])?;
        trial.refuses(change, Class::Conflict)?;
    }
    trial.booked(&[])
}

fn whole_change<S: Store>(trial: &mut Trial<S>) -> Outcome {
    let (a, b) = (container("a")?, container("b")?);
    trial.take("v4", "10.6.0.10", &a)?;
    let stamp = super::trial::stamp("boot-1");
    let confirm = PoolOp::Confirm { address: addr("10.6.0.10")?, owner: b.clone(), stamp };
    let rebind = PoolOp::Rebind { address: addr("10.6.0.12")?, from: b.clone(), to: a.clone(), stamp: None };
    for failing in [take("10.6.0.10", &b)?, take("10.6.0.99", &b)?, confirm, rebind] {
        let ops = vec![take("10.6.0.11", &b)?, failing];
        let change = trial.on_pool("v4", ops)?;
        trial.refuses(change, Class::Conflict)?;
        trial.booked(&[("v4", "10.6.0.10", &a, "-")])?;
        trial.gives_lowest("v4", "10.6.0.11")?;
    }
    // A release is undone with the rest.
    let change = trial.on_pool("v4", vec![release("10.6.0.10", &a)?, take("10.6.0.99", &b)?])?;
    trial.refuses(change, Class::Conflict)?;
    trial.booked(&[("v4", "10.6.0.10", &a, "-")])?;
    let change = trial.on_pool("v4", vec![take("10.6.0.11", &b)?, take("10.6.0.12", &b)?])?;
    trial.store(change)?;
    trial.booked(&[("v4", "10.6.0.10", &a, "-"), ("v4", "10.6.0.11", &b, "-"), ("v4", "10.6.0.12", &b, "-")])
}

fn releases_first<S: Store>(trial: &mut Trial<S>) -> Outcome {
    let (a, b) = (container("a")?, container("b")?);
    trial.take("v4", "10.6.0.10", &a)?;
    let change = trial.on_pool("v4", vec![take("10.6.0.10", &b)?, release("10.6.0.10", &a)?])?;
    trial.store(change)?;
    trial.booked(&[("v4", "10.6.0.10", &b, "-")])
}

fn whole_commit<S: Store>(trial: &mut Trial<S>) -> Outcome {
    if !trial.is_atomic() {
        return Err(Stop::Skip("the store takes one change at a time"));
    }
    let (a, b) = (container("a")?, container("b")?);
    trial.take("v6", "fd00:6::10", &a)?;
    let on_v4 = trial.on_pool("v4", vec![take("10.6.0.10", &b)?])?;
    let on_v6 = trial.on_pool("v6", vec![take("fd00:6::10", &b)?])?;
    let set = |address: (&str, &str)| {
        let ops = vec![AttachmentOp::Set(attachment("eth0", &[address])?)];
        Ok::<_, Stop>(Change::Attachments { owner: b.clone(), version: Version::ANY, ops })
    };
    let attached = set(("v4", "10.6.0.10"))?;
    let failing = [
        vec![on_v4.clone(), on_v6.clone()],
        vec![on_v6.clone(), on_v4.clone()],
        vec![on_v4.clone(), attached.clone(), on_v6],
    ];
    for changes in failing {
        let answer = trial.commit(&changes);
        equal(&format!("answer to {changes:?}"), &answer, &Err(Class::Conflict))?;
        trial.booked(&[("v6", "fd00:6::10", &a, "-")])?;
        equal("attachments", &trial.holdings(&b)?.attachments, &Vec::new())?;
        trial.gives_lowest("v4", "10.6.0.10")?;
    }
    let on_v6 = trial.on_pool("v6", vec![take("fd00:6::11", &b)?])?;
    let both = attachment("eth0", &[("v4", "10.6.0.10"), ("v6", "fd00:6::11")])?;
    let attached = Change::Attachments {
        owner: b.clone(),
        version: Version::ANY,
        ops: vec![AttachmentOp::Set(both.clone())],
    };
    let answer = trial.commit(&[on_v4, on_v6, attached]);
    equal("versions", &answer.map(|versions| versions.len()), &Ok(3))?;
    trial.booked(&[
        ("v4", "10.6.0.10", &b, "eth0"),
        ("v6", "fd00:6::10", &a, "-"),
        ("v6", "fd00:6::11", &b, "eth0"),
    ])?;
    equal("attachments", &trial.holdings(&b)?.attachments, &vec![both])
}

fn stale<S: Store>(trial: &mut Trial<S>) -> Outcome {
    let (a, b) = (container("a")?, container("b")?);
    let query = trial.query("v4", Want::Any(Start::Lowest))?;
    let seen = trial.ask(&query)?;
    equal("pick", &seen.outcome, &Ok(addr("10.6.0.10")?))?;
    let planned = |owner, address| {
        let ops = vec![take(address, owner)?];
        let change = Change::Pool {
            pool: "v4".parse()?,
            version: seen.version.clone(),
            ops,
            now: query.now,
            cooldown: query.cooldown,
        };
        Ok::<_, Stop>(change)
    };
    trial.store(planned(&a, "10.6.0.10")?)?;
    trial.refuses(planned(&b, "10.6.0.10")?, Class::Conflict)?;
    trial.booked(&[("v4", "10.6.0.10", &a, "-")])?;
    // Another address of the same plan: a store may insist on its version, or see that nothing stands against it.
    match trial.commit(&[planned(&b, "10.6.0.11")?]) {
        Ok(_) => trial.booked(&[("v4", "10.6.0.10", &a, "-"), ("v4", "10.6.0.11", &b, "-")]),
        Err(Class::Conflict) => {
            trial.booked(&[("v4", "10.6.0.10", &a, "-")])?;
            // With the version that it asks for it is stored.
            let version = trial.ask(&query)?.version;
            let ops = vec![take("10.6.0.11", &b)?];
            let (now, cooldown) = (query.now, query.cooldown);
            trial.store(Change::Pool { pool: "v4".parse()?, version, ops, now, cooldown })
        }
        Err(class) => holds("Ok or Conflict", false, &class),
    }
}

fn neighbours() -> Result<Setup, Stop> {
    let a = pool("a", "10.6.0.0/24", &["10.6.0.10-10.6.0.11"])?;
    Ok(Setup::new(vec![a, pool("b", "10.6.0.0/24", &["10.6.0.12-10.6.0.13"])?], Vec::new()))
}

fn same_subnet<S: Store>(trial: &mut Trial<S>) -> Outcome {
    let (x, y) = (container("x")?, container("y")?);
    trial.gives_lowest("a", "10.6.0.10")?;
    trial.gives_lowest("b", "10.6.0.12")?;
    trial.take("b", "10.6.0.12", &x)?;
    let found = trial.pick("a", Want::Again(addr("10.6.0.12")?))?;
    let by_x = matches!(&found, Err(Obstacle::Held(holding)) if holding.record.owner == x && holding.pool.as_str() == "b");
    holds("10.6.0.12 to be held by x from pool b", by_x, &found)?;
    let change = trial.on_pool("a", vec![take_again("10.6.0.12", &y)?])?;
    trial.refuses(change, Class::Conflict)?;
    trial.booked(&[("b", "10.6.0.12", &x, "-")])?;
    // The other pool's name does not release it.
    trial.release("a", "10.6.0.12", &x)?;
    trial.booked(&[("b", "10.6.0.12", &x, "-")])?;
    trial.take("a", "10.6.0.10", &y)?;
    trial.gives_lowest("a", "10.6.0.11")?;
    trial.gives_lowest("b", "10.6.0.13")
}

fn unknown<S: Store>(trial: &mut Trial<S>) -> Outcome {
    let a = container("a")?;
    for op in [take("10.6.0.10", &a)?, take_again("10.6.0.10", &a)?] {
        let change = trial.on_pool("none", vec![op])?;
        let answer = trial.commit(&[change]);
        holds("Conflict or Rejected", matches!(answer, Err(Class::Conflict | Class::Rejected)), &answer)?;
    }
    trial.booked(&[])
}

fn empty<S: Store>(trial: &mut Trial<S>) -> Outcome {
    equal("versions of no changes", &trial.commit(&[]), &Ok(Vec::new()))?;
    let change = trial.on_pool("v4", Vec::new())?;
    trial.store(change)?;
    let view = trial.ask(&trial.query("v4", Want::Any(Start::Lowest))?)?;
    holds("a pool", view.spec.is_some(), &view)?;
    trial.booked(&[])
}
