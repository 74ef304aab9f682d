//! `gc`: free the addresses of containers that are gone.
//!
//! Two authorities can say so, and never both in one call: the runtime, by the list of what it still has, which is final for
//! its network; or inference from another boot, which needs time to pass. Nothing is freed by a slip: a list that leaves nobody
//! alive, or has ids cut short, is refused.

use std::path::PathBuf;
use std::time::Duration;

use ipam_core::{Collect, Collected, EarlierBoot, Judge, RuntimeList, Store as _, run as drive};
use ipam_local::{BootClock, OpenMode, Session};
use serde::Serialize;

use super::Context;
use super::exit::Verdict;
use super::ip::each_record;
use super::output::Output;
use super::span;
use super::view::{HEADS, Held};

mod list;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The network that the list is about.
    #[arg(long, requires = "valid", required_unless_present = "inferred")]
    network: Option<String>,
    /// The attachments that the runtime still has on this network, all others are freed at once. A file, or - for standard input:
    /// lines of CONTAINERID IFNAME, or the JSON of cni.dev/valid-attachments: [{"containerID": …, "ifname": …}].
    #[arg(long, value_name = "FILE", requires = "network", conflicts_with = "inferred")]
    valid: Option<PathBuf>,
    /// The list is right though it leaves no address of the network in use.
    #[arg(long, requires = "valid")]
    all_gone: bool,
    /// Free what containers of an earlier boot of this machine held, and have not claimed again since.
    #[arg(long)]
    inferred: bool,
    /// With --inferred: how long after the first use of the store in this boot a runtime may take to bring its containers back;
    /// 10m without it.
    #[arg(long, value_name = "TIME", value_parser = span::parse, conflicts_with = "valid", requires = "inferred")]
    delay: Option<Duration>,
    /// Only say what would be freed.
    #[arg(long)]
    dry_run: bool,
}

/// A runtime that restarts its containers at all does so within minutes of the machine's start.
const DELAY_DEFAULT: Duration = Duration::from_secs(600);

/// What was freed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    is_dry_run: bool,
    /// Records that were looked at.
    seen: usize,
    freed: Vec<Held>,
}

pub(super) fn run(args: &Args, context: &mut Context<'_>) -> anyhow::Result<Verdict> {
    let list = match (&args.network, &args.valid) {
        (Some(network), Some(file)) => Some((network.as_str(), list::read(file)?)),
        _ => None,
    };
    let mut store = context.open(OpenMode::MustExist)?;
    let mut session = store.session(context.timeout)?;
    let mut notes = Vec::new();
    let collected = match list {
        Some((network, valid)) => {
            notes.extend(by_list(&mut session, network, &valid, args.all_gone, context.timeout)?);
            let judge = RuntimeList::new(network, valid);
            collect(&mut session, judge, args.dry_run, context.timeout)?
        }
        None => {
            let delay = args.delay.unwrap_or(DELAY_DEFAULT);
            notes.extend(too_early(&session, delay));
            let boot = session.stamp().boot;
            let judge = EarlierBoot { boot, first_seen: session.boot_first_seen(), delay };
            collect(&mut session, judge, args.dry_run, context.timeout)?
        }
    };
    let now = session.stamp();
    drop(session);

    for note in notes {
        context.output.note(note);
    }
    let freed: Vec<Held> = collected.dead.iter().map(|holding| Held::new(holding, &now)).collect();
    let report = Report { is_dry_run: args.dry_run, seen: collected.seen, freed };
    let people = |output: &mut Output<'_>| {
        let rows: Vec<Vec<String>> = report.freed.iter().map(Held::row).collect();
        if !rows.is_empty() {
            output.table(&HEADS, &rows, "")?;
        }
        let verb = if args.dry_run { "would be freed" } else { "freed" };
        output.line(format!("{} of {} addresses {verb}", report.freed.len(), report.seen))
    };
    context.output.answer(&report, people)?;
    Ok(Verdict::Fine)
}

fn collect<J: Judge>(
    session: &mut Session<'_>,
    judge: J,
    dry_run: bool,
    timeout: Duration,
) -> anyhow::Result<Collected> {
    let deadline = session.stamp().at + timeout;
    Ok(drive(Collect::new(judge, session.is_atomic(), dry_run, deadline), session, &mut BootClock)?)
}

/// What speaks for a slip in the list, as an error; what is merely odd, as a note. Asked before anything is freed, in the same
/// turn on the store.
fn by_list(
    session: &mut Session<'_>,
    network: &str,
    valid: &[(String, String)],
    all_gone: bool,
    timeout: Duration,
) -> anyhow::Result<Option<String>> {
    let judge = RuntimeList::new(network, valid.iter().cloned());
    let dead = collect(session, judge, true, timeout)?.dead;
    let mut seen: usize = 0;
    let mut cut = None;
    each_record(session, None, Some(network), |holding| {
        seen = seen.saturating_add(1);
        let id = holding.record.owner.name();
        let is_cut =
            |(listed, _): &&(String, String)| listed.len() < id.len() && id.starts_with(listed.as_str());
        if cut.is_none() {
            cut = valid.iter().find(is_cut).map(|(listed, _)| (listed.clone(), id.to_owned()));
        }
    })?;
    if let Some((listed, id)) = cut {
        anyhow::bail!(
            "the list has {listed:?}, and {id:?} holds an address: the list's ids seem to be cut short, want whole ones (as of `podman ps --no-trunc`); nothing was freed"
        );
    }
    if seen == 0 {
        return Ok(Some(no_such_network(session, network)?));
    }
    if dead.len() == seen && !all_gone {
        let list = if valid.is_empty() { "is empty" } else { "names none that holds an address" };
        anyhow::bail!(
            "the list for network {network} {list}, so all {seen} addresses of it would be freed; if that is right, add --all-gone; nothing was freed"
        );
    }
    Ok(None)
}

/// A misspelt network frees nothing, and should be noticed.
fn no_such_network(session: &mut Session<'_>, network: &str) -> anyhow::Result<String> {
    let mut networks = std::collections::BTreeSet::new();
    each_record(session, None, None, |holding| {
        networks.insert(holding.record.owner.scope().to_owned());
    })?;
    let names: Vec<&str> = networks.iter().map(String::as_str).filter(|name| !name.is_empty()).collect();
    let hint = match ipam_core::nearest(network, &names) {
        Some(near) => format!(", did you mean {near}?"),
        None if names.is_empty() => ", nor is one of any other network".to_owned(),
        None => format!(", there are addresses of: {}", names.join(", ")),
    };
    Ok(format!("no address of network {network} is held{hint}"))
}

fn too_early(session: &Session<'_>, delay: Duration) -> Option<String> {
    let passed = session.stamp().at.since(session.boot_first_seen());
    let left = delay.checked_sub(passed).filter(|left| !left.is_zero())?;
    Some(format!(
        "the store was first used in this boot {} ago; records of earlier boots are freed in {} at the soonest, or with a shorter --delay",
        span::shown(passed),
        span::shown(left)
    ))
}
