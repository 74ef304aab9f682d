//! Runs of one kind of world: so many seeds that the operations asked for are done, and a short report of one that fails.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::errand::Count;
use crate::finding::{Finding, Kind, Verdict};
use crate::world::{Setup, World};

/// Operations of one run: enough for pools to fill, cool and drain many times.
pub(crate) const OPERATIONS: u64 = 2_000;
/// Operations of all worlds together, unless `SPIDERPOOL_OPERATIONS` asks for others.
const OPERATIONS_ALL: u64 = 40_000;
/// Worlds that share them.
const WORLDS: u64 = 10;
/// Events shown of a run that fails.
const TRACED: usize = 40;
/// Progress is printed after so many runs.
const RUNS_TOLD: u64 = 25;

/// Operations of all runs of this process so far.
static DONE: AtomicU64 = AtomicU64::new(0);

#[expect(clippy::disallowed_methods, reason = "the crate reads no environment; its tests may")]
fn asked(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text}: a number is wanted")))
}

/// Runs seed after seed until the share of this world is done.
pub(crate) fn simulate(setup: &Setup) {
    if let Some(seed) = asked("SPIDERPOOL_SEED") {
        let (verdict, _) = run(setup, seed, OPERATIONS);
        let count = verdict.unwrap_or_else(|finding| panic!("{}", report(setup, seed, &finding)));
        println!("{}: seed {seed}: {count}", setup.name);
        return;
    }
    let wanted = asked("SPIDERPOOL_OPERATIONS").unwrap_or(OPERATIONS_ALL).div_ceil(WORLDS);
    let (mut sum, mut seed) = (Count::default(), 0);
    while sum.operations < wanted {
        seed += 1;
        let (verdict, _) = run(setup, seed, OPERATIONS);
        sum.add(verdict.unwrap_or_else(|finding| panic!("{}", report(setup, seed, &finding))));
        if seed.is_multiple_of(RUNS_TOLD) {
            println!("{}: seeds 1 to {seed}: {} operations", setup.name, sum.operations);
        }
    }
    let all = DONE.fetch_add(sum.operations, Ordering::Relaxed) + sum.operations;
    println!("{}: seeds 1 to {seed}: {sum}", setup.name);
    println!("simulation: {all} operations so far, nothing found");
    proves(setup, &sum);
}

/// A world in which nothing happens finds nothing.
fn proves(setup: &Setup, sum: &Count) {
    let Count { done, refused, collected, admitted, denied, carved, freed, boots, .. } = *sum;
    for count in [done, refused, collected, admitted, denied, carved, freed, boots] {
        assert!(count > 0, "{} proves little: {sum}", setup.name);
    }
    assert_eq!(sum.crashed > 0, setup.weather.crash > 0, "{}: {sum}", setup.name);
    assert_eq!(sum.injected > 0, setup.weather.faults.conflict > 0, "{}: {sum}", setup.name);
    assert_eq!(sum.landed > 0, setup.tides.late > 0, "{}: {sum}", setup.name);
    assert_eq!(sum.batches > 0, setup.writers > 0, "{}: {sum}", setup.name);
    assert_eq!(sum.aged > 0, setup.tides.stale > 0, "{}: {sum}", setup.name);
}

/// One run, and the operations that it came to.
pub(crate) fn run(setup: &Setup, seed: u64, operations: u64) -> (Verdict<Count>, u64) {
    let mut world = match World::new(*setup, seed) {
        Ok(world) => world,
        Err(finding) => return (Err(finding), 0),
    };
    let verdict = guarded(&mut world, operations);
    (verdict, world.count().operations)
}

/// A machine that panics is a finding like any other.
fn guarded(world: &mut World, operations: u64) -> Verdict<Count> {
    catch_unwind(AssertUnwindSafe(|| world.run(operations))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "without words".to_owned());
        Err(Finding::new(Kind::Panic, text))
    })
}

/// The same run once more, this time with its last events.
fn report(setup: &Setup, seed: u64, finding: &Finding) -> String {
    let mut world = World::new(*setup, seed).expect("the world that was made before");
    world.keep_trace();
    let again = guarded(&mut world, OPERATIONS).expect_err("the run that failed before");
    let trace = world.trace();
    let last = trace.get(trace.len().saturating_sub(TRACED)..).unwrap_or(trace).join("\n");
    assert_eq!(again.kind, finding.kind, "the same seed gives the same run");
    format!(
        "{last}\n{finding}\nafter {} operations; run again with SPIDERPOOL_SEED={seed} cargo test -p ipam-core --test simulation -- --exact {}",
        world.count().operations,
        setup.name
    )
}
