//! `apply`: manifests into the store.
//!
//! All documents of a call are rehearsed first, in the same turn on the store, so that every refusal of every object is told at
//! once and nothing is stored unless all can be.

use ipam_local::{
    Applied, EXPORT_VERSION, Error, Export, ExportedManifest, ExportedMetadata, ExportedPool,
    ExportedReserved, Metadata, OpenMode, Source,
};
use serde::Serialize;

use self::rehearsal::Rehearsal;
use super::Context;
use super::delete::resource;
use super::exit::Verdict;
use super::manifest::{self, API_VERSION, Files, Manifest, Object};
use super::output::Output;

mod rehearsal;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    files: Files,
    /// Check everything, also against the store, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Refuse documents of other kinds, which are otherwise named and left out.
    #[arg(long)]
    strict: bool,
}

/// What became of an object.
#[derive(Debug, Serialize)]
struct Outcome {
    kind: &'static str,
    name: String,
    result: &'static str,
}

pub(super) fn run(args: &Args, context: &mut Context<'_>) -> anyhow::Result<Verdict> {
    let found = manifest::read(&args.files)?;
    anyhow::ensure!(
        !args.strict || found.skipped == 0,
        "--strict: nothing was applied, since there are documents of other kinds:\n  {}",
        found.notes.join("\n  ")
    );
    let results =
        if args.dry_run { rehearse(&found.manifests, context)? } else { apply(&found.manifests, context)? };
    for note in &found.notes {
        context.output.note(note);
    }
    let outcomes: Vec<Outcome> = found
        .manifests
        .iter()
        .zip(results)
        .map(|(Manifest { object, .. }, applied)| Outcome {
            kind: object.kind().as_str(),
            name: object.name().to_owned(),
            result: word(applied),
        })
        .collect();
    let people = |output: &mut Output<'_>| {
        let suffix = if args.dry_run { " (dry run)" } else { "" };
        outcomes.iter().try_for_each(|Outcome { kind, name, result }| {
            output.line(format!("{}/{name} {result}{suffix}", resource(kind)))
        })
    };
    context.output.answer(&outcomes, people)?;
    Ok(Verdict::Fine)
}

/// The words of `kubectl apply`.
fn word(applied: Applied) -> &'static str {
    match applied {
        Applied::Created => "created",
        Applied::Changed => "configured",
        Applied::Unchanged => "unchanged",
    }
}

/// A store that is not there yet is an empty one, and is not made.
fn rehearse(manifests: &[Manifest], context: &Context<'_>) -> anyhow::Result<Vec<Applied>> {
    match context.open(OpenMode::MustExist) {
        Ok(mut store) => {
            let mut session = store.session(context.timeout)?;
            let rehearsal = Rehearsal::of(&mut session)?;
            rehearsal.perform(manifests, Some(&mut session))
        }
        Err(error) if is_absent(&error) => Rehearsal::default().perform(manifests, None),
        Err(error) => Err(error),
    }
}

/// Whether it is only that there is no store yet.
fn is_absent(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(Error::NotFound { .. }))
}

fn apply(manifests: &[Manifest], context: &Context<'_>) -> anyhow::Result<Vec<Applied>> {
    // A mistake in the manifests must not leave an empty store behind.
    if context.open(OpenMode::MustExist).is_err_and(|error| is_absent(&error)) {
        Rehearsal::default().perform(manifests, None)?;
    }
    let mut store = context.open(OpenMode::CreateIfMissing)?;
    let mut session = store.session(context.timeout)?;
    let results = Rehearsal::of(&mut session)?.perform(manifests, Some(&mut session))?;
    // One transaction: a crash leaves all of it or nothing.
    session.import(&bundle(manifests))?;
    Ok(results)
}

/// The objects in the form of an import without records.
fn bundle(manifests: &[Manifest]) -> Export {
    let mut export = Export {
        format: "spiderpool-local".to_owned(),
        version: EXPORT_VERSION,
        pools: Vec::new(),
        reserved: Vec::new(),
        records: Vec::new(),
    };
    for Manifest { object, .. } in manifests {
        match object {
            Object::Pool { metadata, fields, .. } => export.pools.push(ExportedPool {
                source: Source::Applied,
                last_given: None,
                manifest: exported(object, metadata, fields.as_ref()),
            }),
            Object::Reserved { metadata, fields, .. } => export.reserved.push(ExportedReserved {
                source: Source::Applied,
                manifest: exported(object, metadata, fields),
            }),
        }
    }
    export
}

fn exported<Spec: Clone>(object: &Object, metadata: &Metadata, spec: &Spec) -> ExportedManifest<Spec> {
    ExportedManifest {
        api_version: API_VERSION.to_owned(),
        kind: object.kind().as_str().to_owned(),
        metadata: ExportedMetadata { name: object.name().to_owned(), metadata: metadata.clone() },
        spec: spec.clone(),
    }
}
