//! `delete`: pools and reserved ranges go; addresses in use stand in the way.

use std::path::PathBuf;

use ipam_core::PoolName;
use ipam_core::admission::ObjectKind;
use ipam_local::{OpenMode, Session, Source};
use serde::Serialize;

use super::Context;
use super::exit::Verdict;
use super::get::{Kind, absent, pool_name, reserved_name};
use super::ip::each_record;
use super::manifest::{Files, read_names};
use super::output::Output;
use super::pool::find;
use super::view::Held;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Which kind.
    #[arg(value_enum, requires = "names")]
    kind: Option<Kind>,
    /// Which objects.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Delete what the manifests in this file or folder name, in place of KIND and NAME.
    #[arg(
        short = 'f',
        long = "filename",
        value_name = "FILE",
        conflicts_with = "kind",
        required_unless_present = "kind"
    )]
    files: Vec<PathBuf>,
    /// Read the folders in a folder too.
    #[arg(short = 'R', long, requires = "files")]
    recursive: bool,
    /// Delete pools whose addresses are in use too. Their records go with them: whoever uses those addresses goes on using
    /// them, and another pool may give them out a second time.
    #[arg(long)]
    force: bool,
}

/// Holders named in an error; the rest is counted.
const HOLDERS_NAMED_MAX: usize = 10;

/// What has gone.
#[derive(Debug, Serialize)]
struct Gone {
    kind: &'static str,
    name: String,
    /// Records that went with a pool.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    records: Vec<Held>,
}

pub(super) fn run(args: &Args, context: &mut Context<'_>) -> anyhow::Result<Verdict> {
    let objects = match args.kind {
        Some(kind) => args.names.iter().map(|name| (kind, name.clone())).collect(),
        None => {
            let names = read_names(&Files { files: args.files.clone(), recursive: args.recursive })?;
            names.into_iter().map(|(kind, name)| (kind_of(kind), name)).collect::<Vec<_>>()
        }
    };
    let mut store = context.open(OpenMode::MustExist)?;
    let mut session = store.session(context.timeout)?;
    let now = session.stamp();
    // All is looked at before anything goes.
    let mut notes = Vec::new();
    for (kind, name) in &objects {
        match kind {
            Kind::IpPool => notes.extend(may_go(&mut session, &pool_name(name)?, args.force)?),
            Kind::ReservedIp => {
                let entries = session.reserved()?;
                let names: Vec<&str> = entries.iter().map(|entry| entry.spec.name().as_str()).collect();
                if !names.contains(&name.as_str()) {
                    return Err(absent(*kind, name, &names, "in the store"));
                }
            }
        }
    }
    let mut gone = Vec::new();
    for (kind, name) in objects {
        let records = match kind {
            Kind::IpPool => session.delete_pool(&pool_name(&name)?, args.force)?.records,
            Kind::ReservedIp => {
                session.delete_reserved(&reserved_name(&name)?)?;
                Vec::new()
            }
        };
        let records = records.iter().map(|holding| Held::new(holding, &now)).collect();
        gone.push(Gone { kind: kind.object_kind().as_str(), name, records });
    }
    drop(session);

    for note in notes {
        context.output.note(note);
    }
    let people = |output: &mut Output<'_>| {
        for Gone { kind, name, records } in &gone {
            output.line(format!("{} {name:?} deleted", resource(kind)))?;
            for held in records {
                output.line(format!("  {} taken from {}", held.address(), held.holder()))?;
            }
        }
        Ok(())
    };
    context.output.answer(&gone, people)?;
    Ok(Verdict::Fine)
}

fn kind_of(kind: ObjectKind) -> Kind {
    if kind == ObjectKind::ReservedIp { Kind::ReservedIp } else { Kind::IpPool }
}

/// The kind as `kubectl` writes it in its answers.
pub(super) fn resource(kind: &str) -> String {
    format!("{}.{}", kind.to_lowercase(), ObjectKind::GROUP)
}

/// Whether the pool is there and, unless forced, without records; a note if it will come back by itself.
fn may_go(session: &mut Session<'_>, name: &PoolName, force: bool) -> anyhow::Result<Option<String>> {
    let entry = find(session, name)?;
    if entry.used > 0 && !force {
        let now = session.stamp();
        let mut holders = Vec::new();
        each_record(session, Some(name), None, |holding| {
            if holders.len() < HOLDERS_NAMED_MAX {
                let held = Held::new(holding, &now);
                holders.push(format!("\n  {} held by {}", held.address(), held.holder()));
            }
        })?;
        let more = entry.used.saturating_sub(u64::try_from(holders.len()).unwrap_or(u64::MAX));
        if more > 0 {
            holders.push(format!("\n  and {more} more"));
        }
        anyhow::bail!(
            "IPPool {name} has {} addresses in use, nothing was deleted; release them, or use --force, which drops the records of:{}",
            entry.used,
            holders.concat()
        );
    }
    let source = session.pool(name)?.map(|entry| entry.source);
    let Some(Source::Network(network)) = source else { return Ok(None) };
    Ok(Some(format!(
        "IPPool {name} comes from the configuration of network {network}, whose next ADD loads it again"
    )))
}
