//! Cases of [`Query::Pick`](crate::Query::Pick): which address a pool gives, or what stands against it.

use std::time::Duration;

use super::trial::{
    Outcome, Stop, Trial, addr, case, container, equal, holds, mismatch, pool, pool_with, take, take_again,
    three,
};
use super::{Case, Setup};
use crate::addr::Addr;
use crate::store::{Obstacle, PickQuery, Start, Store, Want};

pub(super) fn cases<S: Store>() -> Vec<Case<S>> {
    vec![
        case("an unknown pool gives nothing", three, unknown),
        case("the lowest free address first", three, lowest),
        case("excepted addresses are not given", three, except),
        case("excluded and reserved addresses are not given", holes, set_aside),
        case("an exact address, or what stands against it", holes, exactly),
        case("who holds an exact address", three, held_by),
        case("an address taken again is bound by records only", holes, again),
        case("a disabled pool gives nothing new", disabled, gives_nothing),
        case("a full pool says its capacity", holes, exhausted),
        case("rotation goes on after the last address and wraps", three, rotate),
        case("a spread start is where its number falls, and wraps", five, spread),
        case("a freed address rests as long as there are others", three, cooldown),
        case("the last IPv6 address", v6_end, last_address),
        case("pools of whole families", whole, whole_families),
    ]
}

fn unknown<S: Store>(trial: &mut Trial<S>) -> Outcome {
    let query = trial.query("none", Want::Any(Start::Lowest))?;
    let view = trial.ask(&query)?;
    equal("outcome", &view.outcome, &Err(Obstacle::NoPool))?;
    equal("spec", &view.spec, &None)
}

fn lowest<S: Store>(trial: &mut Trial<S>) -> Outcome {
    trial.gives_lowest("v4", "10.6.0.10")?;
    // A question takes nothing.
    trial.gives_lowest("v4", "10.6.0.10")?;
    let (a, b) = (container("a")?, container("b")?);
    trial.take("v4", "10.6.0.10", &a)?;
    trial.take("v4", "10.6.0.11", &b)?;
    trial.gives_lowest("v4", "10.6.0.12")?;
    trial.release("v4", "10.6.0.10", &a)?;
    trial.gives_lowest("v4", "10.6.0.10")?;
    let query = trial.query("v4", Want::Any(Start::Lowest))?;
    let view = trial.ask(&query)?;
    equal("the pool's name", &view.spec.map(|spec| spec.name().to_string()), &Some("v4".to_owned()))
}

fn except<S: Store>(trial: &mut Trial<S>) -> Outcome {
    let hold_back = |texts: &[&str]| texts.iter().map(|text| addr(text)).collect::<Result<Vec<Addr>, Stop>>();
    let query = trial.query("v4", Want::Any(Start::Lowest))?;
    let view = trial.ask(&PickQuery { except: hold_back(&["10.6.0.11", "10.6.0.10"])?, ..query.clone() })?;
    equal("all but two", &view.outcome, &Ok(addr("10.6.0.12")?))?;
    let except = hold_back(&["10.6.0.10", "10.6.0.11", "10.6.0.12"])?;
    let view = trial.ask(&PickQuery { except: except.clone(), ..query.clone() })?;
    equal("all but all", &view.outcome, &Err(Obstacle::Exhausted { capacity: 3 }))?;
    for start in [Start::Rotate, Start::Spread(1)] {
        let view =
            trial.ask(&PickQuery { want: Want::Any(start), except: except.clone(), ..query.clone() })?;
        equal("all but all", &view.outcome, &Err(Obstacle::Exhausted { capacity: 3 }))?;
    }
    Ok(())
}

/// 10.6.0.10 to .17, of which .10 and .12 are excluded, .11 and .14 reserved: four are left. An address of another subnet is reserved too.
fn holes() -> Result<Setup, Stop> {
    let pool = pool_with("v4", "10.6.0.0/24", &["10.6.0.10-10.6.0.17"], &["10.6.0.10", "10.6.0.12"], false)?;
    Ok(Setup::new(
        vec![pool],
        vec!["10.6.0.11".parse()?, "10.6.0.14".parse()?, "192.0.2.1".parse()?, "fd00::1".parse()?],
    ))
}

fn set_aside<S: Store>(trial: &mut Trial<S>) -> Outcome {
    for (index, address) in ["10.6.0.13", "10.6.0.15", "10.6.0.16", "10.6.0.17"].into_iter().enumerate() {
        trial.gives_lowest("v4", address)?;
        trial.take("v4", address, &container(&format!("c{index}"))?)?;
    }
    let found = trial.pick("v4", Want::Any(Start::Lowest))?;
    equal("the pool's answer", &found, &Err(Obstacle::Exhausted { capacity: 4 }))
}

fn exactly<S: Store>(trial: &mut Trial<S>) -> Outcome {
    let cases = [
        ("10.6.0.17", None),
        ("10.6.0.13", None),
        ("10.6.0.12", Some(Obstacle::Outside)),
        ("10.6.0.18", Some(Obstacle::Outside)),
        ("192.0.2.1", Some(Obstacle::Outside)),
        ("10.6.0.14", Some(Obstacle::Reserved)),
    ];
    for (address, obstacle) in cases {
        let found = trial.pick("v4", Want::Exactly(addr(address)?))?;
        let expected = obstacle.map_or(Ok(addr(address)?), Err);
        equal(&format!("pick of exactly {address}"), &found, &expected)?;
    }
    Ok(())
}

fn held_by<S: Store>(trial: &mut Trial<S>) -> Outcome {
    let a = container("a")?;
    trial.take("v4", "10.6.0.11", &a)?;
    trial.attach(
        &a,
        vec![crate::store::AttachmentOp::Set(super::trial::attachment("eth7", &[("v4", "10.6.0.11")])?)],
    )?;
    for want in [Want::Exactly(addr("10.6.0.11")?), Want::Again(addr("10.6.0.11")?)] {
        match trial.pick("v4", want)? {
            Err(Obstacle::Held(holding)) => {
                equal("holder", &holding.record.owner, &a)?;
                equal("pool", &holding.pool.as_str(), &"v4")?;
                equal("NIC", &holding.nic.as_ref().map(crate::owner::Nic::as_str), &Some("eth7"))?;
            }
            other => return Err(mismatch("Obstacle::Held", &format!("{other:?}"))),
        }
    }
    Ok(())
}

fn again<S: Store>(trial: &mut Trial<S>) -> Outcome {
    // Excluded, reserved, not among the ips: all the same to an owner that already uses the address.
    for address in ["10.6.0.12", "10.6.0.14", "10.6.0.200", "10.6.0.16"] {
        trial.gives("v4", Want::Again(addr(address)?), address)?;
        let owner = container(&format!("c-{address}"))?;
        let change = trial.on_pool("v4", vec![take_again(address, &owner)?])?;
        trial.store(change.clone())?;
        trial.refuses(change, crate::store::Class::Conflict)?;
    }
    // Records outside of the ranges take nothing from the pool.
    trial.gives_lowest("v4", "10.6.0.13")?;
    let owner = container("c-10.6.0.200")?;
    trial.release("v4", "10.6.0.200", &owner)?;
    trial.refuses_pick("v4", Want::Exactly(addr("10.6.0.200")?), &Obstacle::Outside)?;
    trial.refuses_pick("v4", Want::Again(addr("192.0.2.77")?), &Obstacle::Outside)
}

fn disabled() -> Result<Setup, Stop> {
    Ok(Setup::new(vec![pool_with("v4", "10.6.0.0/24", &["10.6.0.10-10.6.0.12"], &[], true)?], Vec::new()))
}

fn gives_nothing<S: Store>(trial: &mut Trial<S>) -> Outcome {
    trial.refuses_pick("v4", Want::Any(Start::Lowest), &Obstacle::Disabled)?;
    trial.refuses_pick("v4", Want::Exactly(addr("10.6.0.11")?), &Obstacle::Disabled)?;
    let a = container("a")?;
    let change = trial.on_pool("v4", vec![take("10.6.0.11", &a)?])?;
    trial.refuses(change, crate::store::Class::Conflict)?;
    trial.booked(&[])?;
    // An owner that already uses an address keeps it.
    trial.gives("v4", Want::Again(addr("10.6.0.11")?), "10.6.0.11")?;
    let change = trial.on_pool("v4", vec![take_again("10.6.0.11", &a)?])?;
    trial.store(change)?;
    trial.booked(&[("v4", "10.6.0.11", &a, "-")])
}

fn exhausted<S: Store>(trial: &mut Trial<S>) -> Outcome {
    for (index, address) in ["10.6.0.13", "10.6.0.15", "10.6.0.16", "10.6.0.17"].into_iter().enumerate() {
        trial.take("v4", address, &container(&format!("c{index}"))?)?;
    }
    for start in [Start::Lowest, Start::Rotate, Start::Spread(5)] {
        trial.refuses_pick("v4", Want::Any(start), &Obstacle::Exhausted { capacity: 4 })?;
    }
    trial.release("v4", "10.6.0.16", &container("c2")?)?;
    for start in [Start::Lowest, Start::Rotate, Start::Spread(5)] {
        trial.gives("v4", Want::Any(start), "10.6.0.16")?;
    }
    Ok(())
}

fn rotate<S: Store>(trial: &mut Trial<S>) -> Outcome {
    let (a, b) = (container("a")?, container("b")?);
    trial.gives("v4", Want::Any(Start::Rotate), "10.6.0.10")?;
    trial.take("v4", "10.6.0.10", &a)?;
    trial.release("v4", "10.6.0.10", &a)?;
    if trial.pick("v4", Want::Any(Start::Rotate))? == Ok(addr("10.6.0.10")?) {
        return Err(Stop::Skip("the store does not remember the address given last"));
    }
    trial.gives("v4", Want::Any(Start::Rotate), "10.6.0.11")?;
    trial.take("v4", "10.6.0.11", &a)?;
    trial.release("v4", "10.6.0.11", &a)?;
    trial.gives("v4", Want::Any(Start::Rotate), "10.6.0.12")?;
    trial.take("v4", "10.6.0.12", &b)?;
    trial.gives("v4", Want::Any(Start::Rotate), "10.6.0.10")?;
    trial.take("v4", "10.6.0.10", &a)?;
    trial.gives("v4", Want::Any(Start::Rotate), "10.6.0.11")?;
    // A commit that fails gives nothing.
    let change = trial.on_pool("v4", vec![take("10.6.0.11", &a)?, take("10.6.0.12", &a)?])?;
    trial.refuses(change, crate::store::Class::Conflict)?;
    trial.gives("v4", Want::Any(Start::Rotate), "10.6.0.11")
}

fn five() -> Result<Setup, Stop> {
    // Two runs: the number counts addresses of the pool, not of the subnet.
    Ok(Setup::new(
        vec![pool("v4", "10.6.0.0/24", &["10.6.0.10-10.6.0.11", "10.6.0.20-10.6.0.22"])?],
        Vec::new(),
    ))
}

fn spread<S: Store>(trial: &mut Trial<S>) -> Outcome {
    let by_number = ["10.6.0.10", "10.6.0.11", "10.6.0.20", "10.6.0.21", "10.6.0.22"];
    for (number, address) in (0_u128..).zip(by_number) {
        for turns in [0, 1, 1_000_000_007] {
            let hash = number.saturating_add(5_u128.saturating_mul(turns));
            trial.gives("v4", Want::Any(Start::Spread(hash)), address)?;
        }
    }
    let found = trial.pick("v4", Want::Any(Start::Spread(u128::MAX)))?;
    // 2^128 - 1 is a multiple of five.
    equal("the largest number", &found, &Ok(addr("10.6.0.10")?))?;
    for (index, address) in
        ["10.6.0.21", "10.6.0.22", "10.6.0.10", "10.6.0.11", "10.6.0.20"].into_iter().enumerate()
    {
        trial.gives("v4", Want::Any(Start::Spread(3)), address)?;
        trial.take("v4", address, &container(&format!("c{index}"))?)?;
    }
    trial.refuses_pick("v4", Want::Any(Start::Spread(3)), &Obstacle::Exhausted { capacity: 5 })
}

const REST: Duration = Duration::from_secs(10);

fn cooldown<S: Store>(trial: &mut Trial<S>) -> Outcome {
    let a = container("a")?;
    trial.take("v4", "10.6.0.10", &a)?;
    let change = trial.cooling_on_pool("v4", vec![super::trial::release("10.6.0.10", &a)?], REST)?;
    trial.store(change)?;
    let rested = |trial: &mut Trial<S>, want: Want| {
        let query = trial.query("v4", want)?;
        Ok::<_, Stop>(trial.ask(&PickQuery { cooldown: REST, ..query })?.outcome)
    };
    let lowest = Want::Any(Start::Lowest);
    equal("a pick while .10 rests", &rested(trial, lowest)?, &Ok(addr("10.6.0.11")?))?;
    trial.pass(REST - Duration::from_millis(1));
    equal("a pick while .10 still rests", &rested(trial, lowest)?, &Ok(addr("10.6.0.11")?))?;
    trial.pass(Duration::from_millis(1));
    equal("a pick as soon as .10 has rested", &rested(trial, lowest)?, &Ok(addr("10.6.0.10")?))?;
    trial.take("v4", "10.6.0.10", &a)?;
    let change = trial.cooling_on_pool("v4", vec![super::trial::release("10.6.0.10", &a)?], REST)?;
    trial.store(change)?;
    trial.pass(Duration::from_secs(1));
    equal("a pick while .10 rests again", &rested(trial, lowest)?, &Ok(addr("10.6.0.11")?))?;
    // Who asks for it by value gets it, and a full pool gives it to anybody.
    let exact = Want::Exactly(addr("10.6.0.10")?);
    equal("an exact pick of what rests", &rested(trial, exact)?, &Ok(addr("10.6.0.10")?))?;
    let (b, c) = (container("b")?, container("c")?);
    trial.take("v4", "10.6.0.11", &b)?;
    trial.take("v4", "10.6.0.12", &c)?;
    equal("a pick from a pool with nothing else", &rested(trial, lowest)?, &Ok(addr("10.6.0.10")?))?;
    let change = trial.cooling_on_pool("v4", vec![super::trial::release("10.6.0.12", &c)?], REST)?;
    trial.store(change)?;
    trial.pass(Duration::from_secs(9));
    // Ten seconds after its release .10 is as good as any.
    equal("a pick after the rest", &rested(trial, lowest)?, &Ok(addr("10.6.0.10")?))?;
    trial.take("v4", "10.6.0.10", &a)?;
    let taken = rested(trial, lowest)?;
    equal("a pick while only .12 is free", &taken, &Ok(addr("10.6.0.12")?))?;
    trial.take("v4", "10.6.0.12", &c)?;
    trial.refuses_pick("v4", lowest, &Obstacle::Exhausted { capacity: 3 })
}

const LAST: &str = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";

fn v6_end() -> Result<Setup, Stop> {
    let ips = ["ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"];
    let low = pool("low", "::/112", &["::-::1"])?;
    Ok(Setup::new(vec![pool("high", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:0/112", &ips)?, low], Vec::new()))
}

fn last_address<S: Store>(trial: &mut Trial<S>) -> Outcome {
    let (a, b) = (container("a")?, container("b")?);
    trial.take("high", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe", &a)?;
    for start in [Start::Lowest, Start::Spread(0), Start::Spread(1), Start::Rotate] {
        trial.gives("high", Want::Any(start), LAST)?;
    }
    trial.take("high", LAST, &b)?;
    for start in [Start::Lowest, Start::Spread(1), Start::Rotate] {
        trial.refuses_pick("high", Want::Any(start), &Obstacle::Exhausted { capacity: 2 })?;
    }
    trial.release("high", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe", &a)?;
    // Nothing comes after the last address.
    trial.gives("high", Want::Any(Start::Rotate), "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe")?;
    trial.gives_lowest("low", "::")?;
    trial.take("low", "::", &a)?;
    trial.gives_lowest("low", "::1")?;
    let records = trial.records()?;
    equal("records", &records.len(), &2)
}

fn whole() -> Result<Setup, Stop> {
    let v4 = pool("v4", "0.0.0.0/0", &["0.0.0.0-255.255.255.255"])?;
    let v6 = pool("v6", "::/0", &["::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"])?;
    Ok(Setup::new(vec![v4, v6], vec!["0.0.0.0".parse()?]))
}

fn whole_families<S: Store>(trial: &mut Trial<S>) -> Outcome {
    let a = container("a")?;
    trial.gives_lowest("v4", "0.0.0.1")?;
    trial.gives_lowest("v6", "::")?;
    trial.take("v6", "::", &a)?;
    trial.take("v6", LAST, &a)?;
    trial.take("v4", "255.255.255.255", &a)?;
    trial.gives_lowest("v6", "::1")?;
    trial.gives("v6", Want::Exactly(addr("8000::")?), "8000::")?;
    // A start anywhere finds something, and no sum overflows.
    for hash in [0, 1, u128::MAX / 2, u128::MAX - 1, u128::MAX] {
        for pool in ["v4", "v6"] {
            let found = trial.pick(pool, Want::Any(Start::Spread(hash)))?;
            holds("an address", found.is_ok(), &found)?;
        }
    }
    trial.gives("v4", Want::Any(Start::Spread((1 << 32) - 3)), "255.255.255.254")?;
    trial.gives("v4", Want::Any(Start::Spread((1 << 32) - 2)), "0.0.0.1")?;
    equal("records", &trial.records()?.len(), &3)
}

impl<S: Store> Trial<S> {
    fn refuses_pick(&mut self, pool: &str, want: Want, obstacle: &Obstacle) -> Outcome {
        let found = self.pick(pool, want)?;
        equal(&format!("pick of {want:?} from {pool}"), &found, &Err(obstacle.clone()))
    }
}
