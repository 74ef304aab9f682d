//! `ip who`: everything that the store knows of one address.

use ipam_core::{Addr, IpRange, PoolSpec};
use serde::Serialize;

use crate::ctl::Context;
use crate::ctl::exit::Verdict;
use crate::ctl::ledger::{Ledger, Life, Pool, Reserved};
use crate::ctl::output::{Count, Output};
use crate::ctl::view::Held;

/// What is with an address.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
enum State {
    /// Somebody has it.
    Held,
    /// It can be given out.
    Free,
    /// It was freed of late and is avoided for a while.
    Cooling,
    /// `excludeIPs` of its pool takes it out.
    Excluded,
    /// A SpiderReservedIP keeps it.
    Reserved,
    /// It is in no pool.
    Outside,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    address: String,
    state: State,
    /// One sentence for people.
    explanation: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pool: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    held: Option<Held>,
    /// In a cluster: `namespace/name` of the SpiderEndpoint that names the address.
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint: Option<String>,
    /// In a cluster: whether the holder's pod is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    life: Option<Life>,
    /// The SpiderReservedIPs that name the address.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reserved_by: Vec<String>,
}

pub(super) fn run(address: Addr, context: &mut Context<'_>) -> anyhow::Result<Verdict> {
    let report = context.look(|ledger| look(ledger, address))?;
    context.output.answer(&report, |output| report.write(output))?;
    Ok(Verdict::Fine)
}

fn look(ledger: &mut dyn Ledger, address: Addr) -> anyhow::Result<Report> {
    let pools = ledger.pools()?;
    let keeps = |entry: &&Reserved| entry.spec.ranges().contains(address);
    let reserved_by: Vec<String> =
        ledger.reserved()?.iter().filter(keeps).map(|entry| entry.spec.name().to_string()).collect();
    let now = ledger.now();
    let seen = ledger.holder(address)?;
    let life = match &seen {
        Some(seen) => ledger.life(&seen.holding)?,
        None => None,
    };
    let held = seen.as_ref().map(|seen| (seen.holding.pool.clone(), Held::seen(seen, &now)));
    // Where pools of one subnet share addresses by excluding them, the one that gives an address out speaks for it.
    let named = |test: &dyn Fn(&PoolSpec) -> bool| pools.iter().find(|entry| test(&entry.spec));
    let giver = named(&|spec| spec.allocatable().contains(address));
    let excluder = named(&|spec| spec.ips().contains(address));

    let kept = || format!("SpiderReservedIP {}", reserved_by.join(", "));
    let (state, pool, explanation) = match (&held, giver, excluder) {
        (Some((pool, held)), _, _) => {
            let after = if reserved_by.is_empty() {
                String::new()
            } else {
                format!("; once released it is kept by {}", kept())
            };
            (State::Held, Some(pool.to_string()), format!("is held by {}{after}", held.holder()))
        }
        (None, Some(entry), _) if !reserved_by.is_empty() => {
            let name = entry.spec.name().to_string();
            (State::Reserved, Some(name), format!("is kept by {} and given to nobody", kept()))
        }
        (None, Some(entry), _) => {
            let (state, explanation) = idle(ledger, entry, address)?;
            (state, Some(entry.spec.name().to_string()), explanation)
        }
        (None, None, Some(entry)) => {
            let name = entry.spec.name();
            (
                State::Excluded,
                Some(name.to_string()),
                format!("is taken out of IPPool {name} by its excludeIPs"),
            )
        }
        (None, None, None) => {
            let kept =
                if reserved_by.is_empty() { String::new() } else { format!(", and kept by {}", kept()) };
            (State::Outside, None, format!("is in no pool{kept}; {}", nearest(&pools, address)))
        }
    };
    let held = held.map(|(_, held)| held);
    let endpoint = seen.and_then(|seen| seen.endpoint);
    Ok(Report { address: address.to_string(), state, explanation, pool, held, endpoint, life, reserved_by })
}

/// An address that its pool may give out and nobody has.
fn idle(ledger: &mut dyn Ledger, entry: &Pool, address: Addr) -> anyhow::Result<(State, String)> {
    let name = entry.spec.name();
    let disabled = if entry.spec.is_disabled() { ", which is disabled and gives out nothing" } else { "" };
    if ledger.free_ranges(name)?.contains(address) {
        return Ok((State::Free, format!("is free in IPPool {name}{disabled}")));
    }
    let why = "was freed of late, and is given out only when nothing else is free";
    Ok((State::Cooling, format!("{why} in IPPool {name}{disabled}")))
}

/// The pool whose ranges come nearest to an address of its family.
fn nearest(pools: &[Pool], address: Addr) -> String {
    let distance = |range: IpRange| {
        let (first, last, bits) = (range.first().bits(), range.last().bits(), address.bits());
        first.saturating_sub(bits).max(bits.saturating_sub(last))
    };
    let ranges = pools
        .iter()
        .filter(|entry| entry.spec.family() == address.family())
        .flat_map(|entry| entry.spec.ips().ranges().map(|range| (distance(range), range, &entry.spec)));
    match ranges.min_by_key(|(distance, _, _)| *distance) {
        Some((distance, range, spec)) => {
            let inside = if IpRange::of_net(&spec.subnet()).contains(address) {
                "in its subnet"
            } else {
                "outside of its subnet"
            };
            let (away, name, subnet) = (Count(distance), spec.name(), spec.subnet());
            format!("the nearest is {name} with {range}, {away} away and {inside} {subnet}")
        }
        None => format!("no pool has {} addresses", address.family()),
    }
}

const fn words(life: Life) -> &'static str {
    match life {
        Life::Alive => "alive",
        Life::Ending => "has ended, or is about to go",
        Life::Kept => "gone; its StatefulSet or virtual machine keeps the address",
        Life::Gone => "gone; `fsck --repair` releases what it had",
    }
}

impl Report {
    fn write(&self, output: &mut Output<'_>) -> anyhow::Result<()> {
        output.line(format!("{} {}", self.address, self.explanation))?;
        let Some(held) = &self.held else { return Ok(()) };
        if let Some(pool) = &self.pool {
            output.line(format!("  pool       {pool}"))?;
        }
        if let Some(confirmed) = held.confirmed() {
            output.line(format!("  confirmed  {confirmed}"))?;
        }
        output.line(format!("  uid        {}", held.uid()))?;
        let more = [("node", held.node()), ("endpoint", self.endpoint.as_deref())];
        for (what, found) in more {
            if let Some(found) = found {
                output.line(format!("  {what:9}  {found}"))?;
            }
        }
        match self.life.map(words) {
            Some(words) => output.line(format!("  pod        {words}")),
            None => Ok(()),
        }
    }
}
