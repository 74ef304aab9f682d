//! `export` and `import`: a whole store as one file, and the way over from `host-local`.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use ipam_local::{Export, OpenMode};
use serde::Serialize;

use super::Context;
use super::exit::Verdict;
use super::manifest::{parse_one, read_text};
use super::output::{self, Format};
use super::view::Held;

#[derive(Debug, clap::Args)]
pub(super) struct ExportArgs {
    /// Where to write it; standard output without it. A file that is there is replaced once all is written.
    #[arg(short = 'f', long = "filename", value_name = "FILE")]
    file: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct ImportArgs {
    /// The export, or - for standard input.
    #[arg(short = 'f', long = "filename", value_name = "FILE", required = true)]
    file: Option<PathBuf>,
    #[command(subcommand)]
    from: Option<From>,
}

#[derive(Debug, clap::Subcommand)]
enum From {
    /// Take over the addresses of a host-local folder. The pools that have them must be in the store already, the folder stays as it is.
    HostLocal {
        /// The folder of the network: /var/lib/cni/networks/NAME.
        folder: PathBuf,
        /// The network's name in the configuration that uses this store from now on.
        #[arg(long)]
        network: String,
    },
}

/// JSON where the user or the file's name says so, otherwise YAML.
pub(super) fn export(args: &ExportArgs, context: &mut Context<'_>) -> anyhow::Result<Verdict> {
    let mut store = context.open(OpenMode::MustExist)?;
    let export = store.session(context.timeout)?.export()?;
    let is_json_file =
        args.file.as_ref().is_some_and(|file| file.extension().is_some_and(|ending| ending == "json"));
    let text = match context.output.format() {
        Format::Json => output::json(&export)?,
        Format::Table if is_json_file => output::json(&export)?,
        Format::Table | Format::Yaml => output::yaml(&export)?,
    };
    match &args.file {
        None => context.output.raw(&text)?,
        Some(file) => {
            replace(file, &text).with_context(|| format!("cannot write {}", file.display()))?;
            let Export { pools, reserved, records, .. } = &export;
            let (pools, reserved, records) = (pools.len(), reserved.len(), records.len());
            context.output.note(format!(
                "{pools} pools, {reserved} reserved ranges and {records} records written to {}",
                file.display()
            ));
        }
    }
    Ok(Verdict::Fine)
}

/// Writes beside the file first: a full disk must not cost the last backup.
fn replace(file: &Path, text: &str) -> std::io::Result<()> {
    let mut partial = file.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let written = fs::File::create(&partial).and_then(|mut out| {
        out.write_all(text.as_bytes())?;
        out.sync_all()
    });
    let result = written.and_then(|()| fs::rename(&partial, file));
    if result.is_err() {
        // The first error is the one to tell.
        let _ = fs::remove_file(&partial);
    }
    result
}

/// What an import has stored.
#[derive(Debug, Serialize)]
struct Report {
    /// Pools and reserved ranges.
    objects: usize,
    records: usize,
    unchanged: usize,
}

pub(super) fn import(args: &ImportArgs, context: &mut Context<'_>) -> anyhow::Result<Verdict> {
    match (&args.file, &args.from) {
        (_, Some(From::HostLocal { folder, network })) => host_local(folder, network, context),
        (Some(file), None) => import_export(file, context),
        (None, None) => {
            Err(super::exit::Usage("want -f FILE, or host-local FOLDER --network NAME".to_owned()).into())
        }
    }
}

fn import_export(file: &Path, context: &mut Context<'_>) -> anyhow::Result<Verdict> {
    let name = if file == Path::new("-") { "standard input".into() } else { file.to_string_lossy() };
    let text = read_text(file, EXPORT_BYTES_MAX).with_context(|| format!("cannot read {name}"))?;
    let value = parse_one(&text).map_err(|problem| anyhow::anyhow!("{name}: {problem}"))?;
    let hint = if value.get("apiVersion").is_some() { "; manifests are loaded by `apply -f`" } else { "" };
    let export: Export = serde_json::from_value(value)
        .map_err(|error| anyhow::anyhow!("{name}: {error}, want a file that `export` wrote{hint}"))?;
    let mut store = context.open(OpenMode::CreateIfMissing)?;
    let imported = store.session(context.timeout)?.import(&export)?;
    let report =
        Report { objects: imported.objects, records: imported.records, unchanged: imported.unchanged };
    let Report { objects, records, unchanged } = &report;
    let line = format!(
        "{objects} pools and reserved ranges and {records} records imported, {unchanged} of both were there already"
    );
    context.output.answer(&report, |output| output.line(line))?;
    Ok(Verdict::Fine)
}

/// A record takes about 300 bytes: three million records.
const EXPORT_BYTES_MAX: u64 = 1 << 30;

/// What was taken over from a folder.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct FolderReport {
    imported: Vec<Held>,
    known: usize,
    /// Kept as reservations.
    without_owner: Vec<String>,
    /// Left out.
    foreign: Vec<String>,
}

fn host_local(folder: &Path, network: &str, context: &mut Context<'_>) -> anyhow::Result<Verdict> {
    let mut store = context.open(OpenMode::MustExist)?;
    let mut session = store.session(context.timeout)?;
    let taken = session.import_host_local(folder, network)?;
    let now = session.stamp();
    drop(session);
    let report = FolderReport {
        imported: taken.imported.iter().map(|holding| Held::new(holding, &now)).collect(),
        known: taken.known,
        without_owner: taken.without_owner.iter().map(ToString::to_string).collect(),
        foreign: taken.foreign.iter().map(|path| path.display().to_string()).collect(),
    };
    for address in &report.without_owner {
        context
            .output
            .note(format!("{address} has no owner in the folder; it is kept until `ip release {address}`"));
    }
    for file in &report.foreign {
        context.output.note(format!("{file} is no file of host-local, and is left out"));
    }
    let (imported, known) = (report.imported.len(), report.known);
    let line = format!("{imported} addresses of network {network} taken over, {known} were here already");
    context.output.answer(&report, |output| output.line(line))?;
    Ok(Verdict::Fine)
}
