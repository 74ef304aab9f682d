//! `ip`: addresses one by one. Who has them, which are free, and taking one back.

use ipam_core::{
    Addr, Holding, OwnerKind, PageQuery, PoolName, Query, Release, ReleaseRequest, ReleaseScope, Store as _,
    View, run as drive,
};
use ipam_local::{BootClock, OpenMode, Session};
use serde::Serialize;

use super::Context;
use super::cluster::{self, Books, Connection};
use super::exit::{Usage, Verdict};
use super::ledger::{Filter, Seen};
use super::output::{Count, Output};
use super::pool::find;
use super::target::Place;
use super::view::{HEADS, Held};

mod who;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List the addresses that are held, and by whom.
    List(ListArgs),
    /// Say who holds an address, or why nobody does.
    Who {
        /// The address, without prefix length.
        address: Addr,
    },
    /// List the addresses that can be given out.
    Free(FreeArgs),
    /// Take an address from its holder. Only for owners that are gone: a container or pod that runs keeps using it.
    Release(ReleaseArgs),
}

#[derive(Debug, clap::Args)]
pub(super) struct ListArgs {
    /// Only addresses of this pool.
    #[arg(long)]
    pool: Option<PoolName>,
    /// Only addresses of containers on this network.
    #[arg(long)]
    network: Option<String>,
    /// Only addresses of pods of this namespace.
    #[arg(long)]
    namespace: Option<String>,
    /// Only addresses of the owner with this uid.
    #[arg(long, value_name = "UID")]
    owner: Option<String>,
    /// Only addresses of pods on this node, as their SpiderEndpoints say it; in a cluster.
    #[arg(long)]
    node: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(super) struct FreeArgs {
    /// Only of this pool.
    #[arg(long)]
    pool: Option<PoolName>,
    /// The lowest N addresses of each pool, one by one, in place of ranges.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    count: Option<u16>,
}

#[derive(Debug, clap::Args)]
pub(super) struct ReleaseArgs {
    /// The address, without prefix length.
    address: Addr,
    /// Only if this owner holds it: the uid that `ip who` shows. In a cluster it must be given.
    #[arg(long, value_name = "UID")]
    owner: Option<String>,
    /// In a cluster: even if the pod lives. It goes on using the address, and another pod may be given it.
    #[arg(long)]
    force: bool,
}

pub(super) fn run(command: &Command, context: &mut Context<'_>) -> anyhow::Result<Verdict> {
    match command {
        Command::List(args) => list(args, context),
        Command::Who { address } => who::run(*address, context),
        Command::Free(args) => free(args, context),
        Command::Release(args) => release(args, context),
    }
}

/// Records a page at a time: what a transaction reads at once stays small.
const PAGE_RECORDS: usize = 1024;

/// Walks the records of a pool, or of all, and of containers on one network, if one is given.
pub(super) fn each_record(
    session: &mut Session<'_>,
    pool: Option<&PoolName>,
    network: Option<&str>,
    mut visit: impl FnMut(&Holding),
) -> anyhow::Result<()> {
    let scope = network.map(|network| (OwnerKind::Container, network.to_owned()));
    let mut query = PageQuery { scope, pool: pool.cloned(), after: None, limit: PAGE_RECORDS };
    loop {
        let View::Page(page) = session.read(&Query::Page(query.clone()))? else {
            anyhow::bail!("the store answered something else than a page of records");
        };
        page.records.iter().for_each(&mut visit);
        match page.next {
            Some(next) => query.after = Some(next),
            None => return Ok(()),
        }
    }
}

fn list(args: &ListArgs, context: &mut Context<'_>) -> anyhow::Result<Verdict> {
    let ListArgs { pool, network, namespace, owner, node } = args;
    let filter = Filter {
        pool: pool.clone(),
        network: network.clone(),
        namespace: namespace.clone(),
        owner: owner.clone(),
        node: node.clone(),
    };
    let held = context.look(|ledger| {
        if let Some(pool) = &args.pool {
            find(ledger, pool)?;
        }
        let now = ledger.now();
        let mut held = Vec::new();
        ledger.each(&filter, &mut |seen| held.push(Held::seen(seen, &now)))?;
        Ok(held)
    })?;
    let people = |output: &mut Output<'_>| {
        let rows: Vec<Vec<String>> = held.iter().map(Held::row).collect();
        output.table(&HEADS, &rows, "no address is held")
    };
    context.output.answer(&held, people)?;
    Ok(Verdict::Fine)
}

/// What a pool can give out.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct FreeReport {
    pool: String,
    is_disabled: bool,
    free: Count,
    #[serde(skip_serializing_if = "Option::is_none")]
    ranges: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    addresses: Option<Vec<String>>,
}

fn free(args: &FreeArgs, context: &mut Context<'_>) -> anyhow::Result<Verdict> {
    let found = context.look(|ledger| {
        let entries = match &args.pool {
            Some(name) => vec![find(ledger, name)?],
            None => ledger.pools()?,
        };
        let mut found = Vec::new();
        for entry in entries {
            let set = ledger.free_ranges(entry.spec.name())?;
            found.push((entry, set));
        }
        Ok(found)
    })?;
    let mut reports = Vec::new();
    let mut rows = Vec::new();
    for (entry, set) in found {
        let pool = entry.spec.name().to_string();
        let mut lines = Vec::new();
        match args.count {
            Some(count) => lines.extend(
                (0..u128::from(count)).map_while(|index| set.nth(index)).map(|it| (it.to_string(), 1)),
            ),
            None => lines.extend(set.ranges().map(|range| (range.to_string(), range.len()))),
        }
        let note = if entry.spec.is_disabled() { "pool is disabled" } else { "" };
        rows.extend(lines.iter().map(|(text, count)| {
            vec![pool.clone(), text.clone(), Count(*count).to_string(), note.to_owned()]
        }));
        let texts: Vec<String> = lines.into_iter().map(|(text, _)| text).collect();
        let (ranges, addresses) =
            if args.count.is_some() { (None, Some(texts)) } else { (Some(texts), None) };
        let is_disabled = entry.spec.is_disabled();
        reports.push(FreeReport { pool, is_disabled, free: Count(set.len()), ranges, addresses });
    }
    let people = |output: &mut Output<'_>| {
        output.table(&["POOL", "FREE", "ADDRESSES", ""], &rows, "no address is free")
    };
    context.output.answer(&reports, people)?;
    Ok(Verdict::Fine)
}

/// What was taken from whom.
#[derive(Debug, Serialize)]
struct ReleaseReport {
    released: Vec<Held>,
}

fn release(args: &ReleaseArgs, context: &mut Context<'_>) -> anyhow::Result<Verdict> {
    let (seen, held) = match &context.target.place {
        Place::Cluster(access) => {
            let connection = Connection::open(access, context.timeout)?;
            let seen =
                cluster::release::release(&connection, args.address, args.owner.as_deref(), args.force)?;
            let held = Held::seen(&seen, &Books::never());
            (seen, held)
        }
        Place::Store(_) => release_here(args, context)?,
    };
    let (address, pool) = (args.address, &seen.holding.pool);
    let line = format!("{address} of IPPool {pool} released; {} has lost it", held.holder());
    let report = ReleaseReport { released: vec![held] };
    context.output.answer(&report, |output| output.line(line))?;
    Ok(Verdict::Fine)
}

fn release_here(args: &ReleaseArgs, context: &Context<'_>) -> anyhow::Result<(Seen, Held)> {
    if args.force {
        return Err(
            Usage("--force is for a cluster: the store of a host does not know who runs".to_owned()).into()
        );
    }
    let address = args.address;
    let mut store = context.open(OpenMode::MustExist)?;
    let mut session = store.session(context.timeout)?;
    let now = session.stamp();
    let Some(holding) = session.holder(address)? else {
        anyhow::bail!("nobody holds {address}, so there is nothing to release; `ip who {address}` says more");
    };
    let held = Held::new(&holding, &now);
    let owner = holding.record.owner.clone();
    if let Some(wanted) = &args.owner
        && wanted != owner.uid()
    {
        anyhow::bail!(
            "{address} is held by {} (uid {:?}), not by {wanted:?}; nothing was released",
            held.holder(),
            owner.uid()
        );
    }
    let request = ReleaseRequest::new(owner, ReleaseScope::Address(address), now.at + context.timeout);
    let released = drive(Release::new(request, session.is_atomic()), &mut session, &mut BootClock)?;
    anyhow::ensure!(
        !released.addresses.is_empty(),
        "{address} was not released: its record has changed meanwhile"
    );
    Ok((holding.into(), held))
}
