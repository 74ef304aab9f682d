//! Replays what the Go original's agent answered (`tests/golden`, see the README there) against `ipam-core` with a store in memory.
//!
//! Each case is replayed as recorded, replayed against a mended answer, or left out by name with the reason. The numbers of all three
//! are asserted, so that no case drops out in silence.
#![forbid(unsafe_code)]
#![expect(
    clippy::print_stdout,
    reason = "what is left out or mended is told; the lint spares test functions only"
)]

mod auto_pool;
mod calls;
mod compare;
mod controller;
mod endpoint;
mod golden;
mod release;
mod status;
mod table;
mod world;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail, ensure};

use crate::compare::{same_answer, same_mended, same_records, same_state, same_waiting};
use crate::golden::{Case, Mended, Step, cases, mended};
use crate::table::LEFT_OUT;
use crate::world::World;

#[derive(Debug, Default, Eq, PartialEq)]
struct Counts {
    as_recorded: usize,
    mended: usize,
    left_out: usize,
}

#[test]
fn annotations() -> Result<()> {
    check_file("annotations", &Counts { as_recorded: 30, mended: 2, left_out: 0 })
}

#[test]
fn selection() -> Result<()> {
    check_file("selection", &Counts { as_recorded: 30, mended: 6, left_out: 0 })
}

#[test]
fn affinity() -> Result<()> {
    check_file("affinity", &Counts { as_recorded: 33, mended: 1, left_out: 0 })
}

#[test]
fn multi_nic() -> Result<()> {
    check_file("multi-nic", &Counts { as_recorded: 14, mended: 4, left_out: 0 })
}

#[test]
fn dual_stack() -> Result<()> {
    check_file("dual-stack", &Counts { as_recorded: 10, mended: 2, left_out: 0 })
}

#[test]
fn reserved_ip() -> Result<()> {
    check_file("reserved-ip", &Counts { as_recorded: 8, mended: 0, left_out: 0 })
}

#[test]
fn basic() -> Result<()> {
    check_file("basic", &Counts { as_recorded: 26, mended: 2, left_out: 8 })
}

#[test]
fn errors() -> Result<()> {
    check_file("errors", &Counts { as_recorded: 3, mended: 1, left_out: 28 })
}

#[test]
fn subnet_auto_pools() -> Result<()> {
    check_file("subnet-auto-pools", &Counts { as_recorded: 54, mended: 6, left_out: 0 })
}

#[test]
fn statefulset() -> Result<()> {
    check_file("statefulset", &Counts { as_recorded: 22, mended: 5, left_out: 1 })
}

#[test]
fn kubevirt() -> Result<()> {
    check_file("kubevirt", &Counts { as_recorded: 7, mended: 0, left_out: 2 })
}

#[test]
fn release_of_dead_pods() -> Result<()> {
    check_file("release", &Counts { as_recorded: 26, mended: 3, left_out: 5 })
}

#[test]
fn conflict_release() -> Result<()> {
    check_file("conflict-release", &Counts { as_recorded: 10, mended: 1, left_out: 5 })
}

#[test]
fn endpoints() -> Result<()> {
    check_file("endpoints", &Counts { as_recorded: 14, mended: 1, left_out: 7 })
}

fn check_file(file: &str, want: &Counts) -> Result<()> {
    let mended: BTreeMap<String, Mended> = mended(file)?;
    let left_out: BTreeMap<&str, &str> = LEFT_OUT
        .iter()
        .filter(|(of, _, _)| *of == file)
        .flat_map(|(_, reason, names)| names.iter().map(move |name| (*name, *reason)))
        .collect();
    let mut counts = Counts::default();
    let mut seen = BTreeSet::new();
    let mut wrong = Vec::new();
    for case in cases(file)? {
        seen.insert(case.name.clone());
        if let Some(reason) = left_out.get(case.name.as_str()) {
            counts.left_out += 1;
            println!("left out: {file}/{}: {reason}", case.name);
            continue;
        }
        let mended = mended.get(&case.name);
        match mended {
            Some(one) => {
                counts.mended += 1;
                println!("mended: {file}/{}: {} ({})", case.name, one.difference, one.rule);
            }
            None => {
                counts.as_recorded += 1;
                ensure!(case.mend.is_none(), "{file}/{}: the record wants a mended answer", case.name);
            }
        }
        if let Err(problem) = replay(&case, mended) {
            wrong.push(format!("{file}/{}: {problem:#}", case.name));
        }
    }
    for name in mended.keys().map(String::as_str).chain(left_out.keys().copied()) {
        ensure!(seen.contains(name), "{file}/{name} is in a table, but there is no such case");
    }
    ensure!(wrong.is_empty(), "{} cases differ:\n{}", wrong.len(), wrong.join("\n"));
    ensure!(&counts == want, "cases of {file} came or went: adapt the tables and these numbers: {counts:?}");
    Ok(())
}

fn replay(case: &Case, mended: Option<&Mended>) -> Result<()> {
    let mut world = World::new(case)?;
    let mut mended_answers = mended.map(|mended| mended.answers.iter());
    for (number, step) in case.steps.iter().enumerate() {
        let call = match step {
            Step::Api(step) => {
                world.apply(step)?;
                continue;
            }
            Step::Call(call) => call,
        };
        let result = match call.call.as_str() {
            "POST /v1/ipam/ip" => {
                world.original_waits = false;
                let answer = world.add(&call.body()?)?;
                let compared = match &mut mended_answers {
                    Some(answers) => {
                        same_mended(answers.next().context("a mended answer is missing")?, &answer)
                    }
                    None => same_answer(call, &answer),
                };
                compared.and_then(|()| same_waiting(call, &world))
            }
            "DELETE /v1/ipam/ip" | "DELETE /v1/ipam/ips" => {
                // The original closes the connection on some; ours succeeds.
                let is_mended = mended.is_some() && call.code.is_none();
                ensure!(call.code == Some(200) || is_mended, "a release that fails");
                let body = call.body()?;
                if call.call.ends_with("ips") { world.clean_up(&body) } else { world.del(&body) }
            }
            other => bail!("no rule for {other}"),
        };
        result.with_context(|| format!("step {number}"))?;
    }
    match mended {
        Some(mended) => same_records(case, mended, &world),
        None => same_state(case, &world),
    }
}
