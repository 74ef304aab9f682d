//! `pool show`: what of a pool is used, as counts and as a map.

use std::sync::Arc;

use ipam_core::{Addr, Family, IpRange, PoolName, PoolSpec, RangeSet};
use serde::Serialize;

use super::Context;
use super::exit::{Usage, Verdict};
use super::ledger::{Ledger, Pool, Reserved};
use super::map::{self, Grid, Ground, Look};
use super::output::{Count, Output};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Draw the occupancy of a pool, or of all pools.
    Show(ShowArgs),
}

#[derive(Debug, clap::Args)]
pub(super) struct ShowArgs {
    /// The pool; all pools without it.
    name: Option<PoolName>,
    /// Only this part of the pool, drawn larger: 10.6.0.0-10.6.0.255.
    #[arg(long, value_name = "A-B", requires = "name")]
    range: Option<IpRange>,
    /// With which characters: blocks on a terminal, ASCII elsewhere and where NO_COLOR is set.
    #[arg(long, value_enum, default_value_t)]
    draw: Draw,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, clap::ValueEnum)]
enum Draw {
    /// As suits standard output.
    #[default]
    Auto,
    /// Shaded blocks.
    Blocks,
    /// ASCII characters.
    Ascii,
}

pub(super) fn run(command: &Command, context: &mut Context<'_>) -> anyhow::Result<Verdict> {
    let Command::Show(args) = command;
    // A line is a label, two blanks and the cells.
    let columns = context.output.terminal().columns;
    let (shown, advice) = context.look(|ledger| {
        let entries = match &args.name {
            Some(name) => vec![find(ledger, name)?],
            None => ledger.pools()?,
        };
        let reserved = ledger.reserved()?;
        let shown = entries
            .iter()
            .map(|entry| Shown::new(ledger, entry, &reserved, args.range, columns))
            .collect::<anyhow::Result<Vec<_>>>()?;
        Ok((shown, ledger.advice()))
    })?;

    let is_fancy = match args.draw {
        Draw::Auto => context.output.terminal().is_fancy,
        Draw::Blocks => true,
        Draw::Ascii => false,
    };
    let look = if is_fancy { Look::Blocks } else { Look::Ascii };
    let people = |output: &mut Output<'_>| {
        if shown.is_empty() {
            output.note(format!("there are no pools; {advice}"));
        }
        for (index, pool) in shown.iter().enumerate() {
            if index > 0 {
                output.line("")?;
            }
            pool.write(output, look)?;
        }
        Ok(())
    };
    match shown.as_slice() {
        [one] if args.name.is_some() => context.output.answer(&one.report, people)?,
        all => {
            let reports: Vec<&Report> = all.iter().map(|shown| &shown.report).collect();
            context.output.answer(&reports, people)?;
        }
    }
    Ok(Verdict::Fine)
}

/// A pool by name, or an error that names one that was perhaps meant.
pub(super) fn find(ledger: &mut dyn Ledger, name: &PoolName) -> anyhow::Result<Pool> {
    if let Some(entry) = ledger.pool(name)? {
        return Ok(entry);
    }
    let pools = ledger.pools()?;
    let names: Vec<&str> = pools.iter().map(|entry| entry.spec.name().as_str()).collect();
    let hint = match ipam_core::nearest(name.as_str(), &names) {
        Some(near) => format!(", did you mean {near}?"),
        None => {
            format!(", there are: {}", if names.is_empty() { "none".to_owned() } else { names.join(", ") })
        }
    };
    Err(anyhow::anyhow!("there is no SpiderIPPool {name} {}{hint}", ledger.place()))
}

/// The reserved addresses of a family.
pub(super) fn reserved_set(entries: &[Reserved], family: Family) -> RangeSet {
    entries
        .iter()
        .filter(|entry| entry.spec.family() == family)
        .fold(RangeSet::empty(family), |set, entry| set.union(entry.spec.ranges()))
}

/// The pool in numbers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    name: String,
    subnet: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    gateway: Option<String>,
    source: String,
    is_disabled: bool,
    /// Addresses of `ips`.
    total: Count,
    /// Records.
    used: u64,
    /// Can be given out now.
    free: Count,
    /// Freed of late, and given out only when nothing else is free.
    cooling: Count,
    excluded: Count,
    reserved: Count,
    map: MapReport,
}

/// The map in numbers: the cells with records, the others have none.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct MapReport {
    addresses_per_cell: Count,
    used: Vec<CellReport>,
}

#[derive(Debug, Serialize)]
struct CellReport {
    first: Addr,
    last: Addr,
    used: u64,
}

struct Shown {
    report: Report,
    grid: Grid,
    ground: Ground,
    counts: Vec<u64>,
}

impl Shown {
    fn new(
        ledger: &mut dyn Ledger,
        entry: &Pool,
        reserved: &[Reserved],
        range: Option<IpRange>,
        columns: usize,
    ) -> anyhow::Result<Self> {
        let spec: &Arc<PoolSpec> = &entry.spec;
        let whole = ground(spec, &reserved_set(reserved, spec.family()));
        // Records of reserved addresses are not among what could be given out, nor are they free.
        let kept: Vec<IpRange> = whole.reserved.ranges().collect();
        let used_in_reserved: u64 = ledger.taken_in(spec.name(), &kept)?.iter().sum();
        let usable = u128::from(entry.used.saturating_sub(used_in_reserved)).saturating_add(entry.free);

        let part = match range {
            Some(range) => part_of(&whole, range, spec)?,
            None => whole.clone(),
        };
        let grid = Grid::new(&part.ips, column_bits(&part.ips, columns));
        let cells = grid.cells();
        let counts = ledger.taken_in(spec.name(), &cells)?;
        let used = cells.iter().zip(&counts).filter(|(_, used)| **used > 0);
        let used = used
            .map(|(cell, used)| CellReport { first: cell.first(), last: cell.last(), used: *used })
            .collect();
        let report = Report {
            name: spec.name().to_string(),
            subnet: spec.subnet().to_string(),
            gateway: spec.gateway().map(|gateway| gateway.to_string()),
            source: entry.source.clone(),
            is_disabled: spec.is_disabled(),
            total: Count(spec.ips().len()),
            used: entry.used,
            free: Count(entry.free),
            cooling: Count(entry.capacity.saturating_sub(usable)),
            excluded: Count(whole.excluded.len()),
            reserved: Count(whole.reserved.len()),
            map: MapReport { addresses_per_cell: Count(grid.span()), used },
        };
        Ok(Self { report, grid, ground: part, counts })
    }

    fn write(&self, output: &mut Output<'_>, look: Look) -> anyhow::Result<()> {
        let Report {
            name,
            subnet,
            gateway,
            source,
            is_disabled,
            total,
            used,
            free,
            cooling,
            excluded,
            reserved,
            map: _,
        } = &self.report;
        let gateway = gateway.as_ref().map(|gateway| format!(", gateway {gateway}")).unwrap_or_default();
        let disabled = if *is_disabled { ", disabled: gives out nothing new" } else { "" };
        output.line(format!("IPPool {name}: {subnet}{gateway}, source {source}{disabled}"))?;
        let further = [("cooling", cooling), ("excluded", excluded), ("reserved", reserved)];
        let further: String = further
            .iter()
            .filter(|(_, count)| count.0 > 0)
            .map(|(what, count)| format!(", {count} {what}"))
            .collect();
        output.line(format!("  {total} addresses: {used} used, {free} free{further}"))?;
        if self.ground.ips.is_empty() {
            return Ok(());
        }
        output.line("")?;
        for line in map::draw(&self.grid, &self.ground, &self.counts, look) {
            output.line(format!("  {line}"))?;
        }
        Ok(())
    }
}

fn ground(spec: &PoolSpec, reserved: &RangeSet) -> Ground {
    let excluded = spec.ips().intersection(spec.excluded());
    Ground { ips: spec.ips().clone(), excluded, reserved: spec.allocatable().intersection(reserved) }
}

fn part_of(whole: &Ground, range: IpRange, spec: &PoolSpec) -> anyhow::Result<Ground> {
    let wanted = || {
        let ips: Vec<String> = spec.ips().ranges().map(|range| range.to_string()).collect();
        Usage(format!(
            "--range {range} has no address of IPPool {}, want a part of {}",
            spec.name(),
            ips.join(", ")
        ))
    };
    if range.family() != spec.family() {
        return Err(wanted().into());
    }
    let part = RangeSet::from_ranges(range.family(), [range])?;
    let ips = whole.ips.intersection(&part);
    if ips.is_empty() {
        return Err(wanted().into());
    }
    Ok(Ground {
        ips,
        excluded: whole.excluded.intersection(&part),
        reserved: whole.reserved.intersection(&part),
    })
}

/// The binary logarithm of the cells a line: as many as the width bears beside the longest label, at most 64.
fn column_bits(ips: &RangeSet, columns: usize) -> u32 {
    const MARGIN: usize = 4;
    let label = ips.last().map_or(0, |last| last.to_string().len());
    let room = columns.saturating_sub(label.saturating_add(MARGIN));
    [6, 5].into_iter().find(|bits| room >= 1 << bits).unwrap_or(4)
}
