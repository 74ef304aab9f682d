//! Manifests: what `apply` and `delete -f` are given.
//!
//! The same SpiderIPPool and SpiderReservedIP files that a cluster takes, in YAML or JSON, several in a file, as lists, or a
//! folder of files. Other kinds may stand between them: they are named and left out. Reading collects every flaw of every
//! file before it gives up, so that a user repairs them in one round.

mod document;
mod shape;
mod unique;

use std::fmt;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use ipam_core::admission::ObjectKind;
use ipam_core::{PoolFields, PoolName, ReservedFields, ReservedName};
use ipam_local::Metadata;
use serde_json::Value;

pub(super) use self::document::API_VERSION;
use self::document::{Document, Subject};
use self::unique::Unique;

/// A manifest larger than this is some other file: 10,000 pools fit in it.
const MANIFEST_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// The endings of the files that are read from a folder.
const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];

/// Where a document stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Place {
    file: String,
    /// Counted from 1, without empty ones.
    document: usize,
    item: Option<usize>,
}

impl Place {
    fn item(&self, index: usize) -> Self {
        Self { item: Some(index), ..self.clone() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: document {}", self.file, self.document)?;
        self.item.map_or(Ok(()), |item| write!(f, ", items[{item}]"))
    }
}

/// An object as it is written.
#[derive(Clone, Debug)]
pub(super) enum Object {
    Pool { name: PoolName, fields: Box<PoolFields>, metadata: Metadata },
    Reserved { name: ReservedName, fields: ReservedFields, metadata: Metadata },
}

impl Object {
    pub(super) fn kind(&self) -> ObjectKind {
        match self {
            Self::Pool { .. } => ObjectKind::IpPool,
            Self::Reserved { .. } => ObjectKind::ReservedIp,
        }
    }

    pub(super) fn name(&self) -> &str {
        match self {
            Self::Pool { name, .. } => name.as_str(),
            Self::Reserved { name, .. } => name.as_str(),
        }
    }
}

/// An object and where it was read.
#[derive(Clone, Debug)]
pub(super) struct Manifest {
    pub(super) place: Place,
    pub(super) object: Object,
}

/// All that was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) manifests: Vec<Manifest>,
    /// What was left out, and why, in words.
    pub(super) notes: Vec<String>,
    /// How many documents of other kinds there were.
    pub(super) skipped: usize,
}

/// What stands against manifests.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// A file that cannot be read.
    #[error("cannot read {file}")]
    Unreadable {
        file: String,
        #[source]
        source: io::Error,
    },
    /// No file at all.
    #[error("{}: no file ends in .yaml, .yml or .json; name a file, or add --recursive", folder.display())]
    EmptyFolder { folder: PathBuf },
    /// Mistakes, each with file, document and field.
    #[error("{}", Lines(.0))]
    Flawed(Vec<String>),
    /// Nothing that a store keeps.
    #[error("{files}: there is no SpiderIPPool or SpiderReservedIP ({API_VERSION}) to {verb}")]
    Nothing { files: String, verb: &'static str },
}

struct Lines<'a>(&'a [String]);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [one] => f.write_str(one),
            many => {
                write!(f, "{} mistakes in the manifests", many.len())?;
                many.iter().try_for_each(|one| write!(f, "\n  {one}"))
            }
        }
    }
}

/// Which files to read.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Files {
    /// A file, a folder of .yaml, .yml and .json files, or - for standard input; may be given several times.
    #[arg(short = 'f', long = "filename", value_name = "FILE", required = true)]
    pub(super) files: Vec<PathBuf>,
    /// Read the folders in a folder too.
    #[arg(short = 'R', long)]
    pub(super) recursive: bool,
}

/// Reads all objects, and holds them to their shapes. An object may come once.
pub(super) fn read(files: &Files) -> Result<Found, Error> {
    let mut flaws = Vec::new();
    let found = sort_out(documents(files, &mut flaws)?, &mut flaws);
    finish(files, found.manifests.is_empty(), "apply", flaws)?;
    Ok(found)
}

/// The objects in the text of a manifest, as `kind name`, or all that is wrong with it.
///
/// # Errors
/// Every flaw, with the document and the field.
pub fn examine(text: &str) -> Result<Vec<String>, Vec<String>> {
    let mut flaws = Vec::new();
    let documents = documents_of("manifest", text, &mut flaws);
    let found = sort_out(documents, &mut flaws);
    let named = |manifest: Manifest| format!("{} {}", manifest.object.kind(), manifest.object.name());
    if flaws.is_empty() { Ok(found.manifests.into_iter().map(named).collect()) } else { Err(flaws) }
}

fn sort_out(documents: Vec<Document>, flaws: &mut Vec<String>) -> Found {
    let mut found = Found::default();
    for document in documents {
        let place = document.place.clone();
        match document::subject(&document) {
            Err(flaw) => flaws.push(flaw),
            Ok(Subject::Other(what)) => {
                found.skipped += 1;
                found.notes.push(format!(
                    "{place}: {what} is left out; a local store keeps SpiderIPPool and SpiderReservedIP"
                ));
            }
            Ok(Subject::Ours(kind, name)) => {
                if document::has_allocations(&document.value) {
                    let note = "the addresses in its status are not taken over; they belong to the cluster it is from";
                    found.notes.push(format!("{place} ({kind} {name}): {note}"));
                }
                let Some(object) = document::object(kind, &name, document, flaws) else { continue };
                let same = |other: &&Manifest| other.object.kind() == kind && other.object.name() == name;
                match found.manifests.iter().find(same) {
                    Some(other) => {
                        flaws.push(format!("{place}: {kind} {name} is given twice, first in {}", other.place))
                    }
                    None => found.manifests.push(Manifest { place, object }),
                }
            }
        }
    }
    found
}

/// Reads kinds and names only: to delete an object its manifest need not be valid.
pub(super) fn read_names(files: &Files) -> Result<Vec<(ObjectKind, String)>, Error> {
    let mut flaws = Vec::new();
    let mut names = Vec::new();
    for document in documents(files, &mut flaws)? {
        match document::subject(&document) {
            Err(flaw) => flaws.push(flaw),
            Ok(Subject::Other(_)) => {}
            Ok(Subject::Ours(kind, name)) if !names.contains(&(kind, name.clone())) => {
                names.push((kind, name))
            }
            Ok(Subject::Ours(..)) => {}
        }
    }
    finish(files, names.is_empty(), "delete", flaws)?;
    Ok(names)
}

fn finish(files: &Files, is_empty: bool, verb: &'static str, flaws: Vec<String>) -> Result<(), Error> {
    if !flaws.is_empty() {
        return Err(Error::Flawed(flaws));
    }
    if is_empty {
        let files: Vec<String> = files.files.iter().map(|file| shown(file)).collect();
        return Err(Error::Nothing { files: files.join(", "), verb });
    }
    Ok(())
}

fn documents(files: &Files, flaws: &mut Vec<String>) -> Result<Vec<Document>, Error> {
    let mut documents = Vec::new();
    for file in &files.files {
        for file in files_at(file, files.recursive)? {
            documents.extend(documents_of(&shown(&file), &text_of(&file)?, flaws));
        }
    }
    Ok(documents)
}

fn documents_of(file: &str, text: &str, flaws: &mut Vec<String>) -> Vec<Document> {
    let values = values(text).unwrap_or_else(|problem| {
        flaws.push(format!("{file}: {problem}"));
        Vec::new()
    });
    let mut documents = Vec::new();
    for (index, value) in values.into_iter().filter(|value| !value.is_null()).enumerate() {
        let place = Place { file: file.to_owned(), document: index + 1, item: None };
        documents.extend(document::unfold(Document { place, value }, flaws));
    }
    documents
}

fn is_stdin(file: &Path) -> bool {
    file == Path::new("-")
}

fn shown(file: &Path) -> String {
    if is_stdin(file) { "standard input".to_owned() } else { file.display().to_string() }
}

/// The file itself, or the manifests of a folder in order of name.
fn files_at(path: &Path, recursive: bool) -> Result<Vec<PathBuf>, Error> {
    if is_stdin(path) || !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    gather(path, recursive, &mut files).map_err(|source| Error::Unreadable { file: shown(path), source })?;
    if files.is_empty() {
        return Err(Error::EmptyFolder { folder: path.to_owned() });
    }
    files.sort();
    Ok(files)
}

fn gather(folder: &Path, recursive: bool, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        // A link to a folder is not followed: it may lead back here.
        if entry.file_type()?.is_dir() {
            if recursive {
                gather(&path, recursive, files)?;
            }
        } else if path.extension().is_some_and(|ending| ENDINGS.iter().any(|known| ending == *known)) {
            files.push(path);
        }
    }
    Ok(())
}

fn text_of(file: &Path) -> Result<String, Error> {
    read_text(file, MANIFEST_BYTES_MAX).map_err(|source| Error::Unreadable { file: shown(file), source })
}

/// Text from a file or standard input, bounded.
pub(super) fn read_text(file: &Path, bytes_max: u64) -> io::Result<String> {
    let mut text = String::new();
    let limit = bytes_max.saturating_add(1);
    let read = if is_stdin(file) {
        io::stdin().lock().take(limit).read_to_string(&mut text)?
    } else {
        fs::File::open(file)?.take(limit).read_to_string(&mut text)?
    };
    if u64::try_from(read).is_ok_and(|read| read > bytes_max) {
        return Err(io::Error::other(format!("larger than {} MiB", bytes_max >> 20)));
    }
    Ok(text)
}

/// The one document of a text.
pub(super) fn parse_one(text: &str) -> Result<Value, String> {
    let mut values = values(text)?;
    match (values.pop(), values.len()) {
        (Some(value), 0) => Ok(value),
        (Some(_), more) => Err(format!("there are {} documents, want one", more.saturating_add(1))),
        (None, _) => Err("there is nothing in it".to_owned()),
    }
}

/// The documents of a text: one JSON value after the other, or YAML. What begins as JSON may still be YAML in flow style.
fn values(text: &str) -> Result<Vec<Value>, String> {
    let is_json = text.trim_start().starts_with(['{', '[']);
    let json =
        || serde_json::Deserializer::from_str(text).into_iter::<Unique>().collect::<Result<Vec<_>, _>>();
    let json = if is_json { Some(json()) } else { None };
    let values = match json {
        Some(Ok(values)) => values,
        // A mistake in the data, not in the syntax: YAML would only say the same in other words.
        Some(Err(error)) if error.is_data() => return Err(error.to_string()),
        Some(Err(error)) => match yaml(text) {
            Ok(values) if !values.is_empty() => values,
            Ok(_) | Err(_) => return Err(format!("is not JSON: {error}")),
        },
        None => yaml(text).map_err(|problem| format!("is not YAML: {problem}"))?,
    };
    Ok(values.into_iter().map(|Unique(value)| value).collect())
}

fn yaml(text: &str) -> Result<Vec<Unique>, String> {
    // The text's length is bounded already; the parser's own budget would end at some ten thousand records.
    let options = serde_saphyr::options! { budget: None, with_snippet: false };
    serde_saphyr::from_multiple_with_options::<Unique>(text, options).map_err(|error| {
        // The parser's advice is for programmers.
        error.to_string().replace(", set DuplicateKeyPolicy in Options if acceptable", "")
    })
}

#[cfg(test)]
mod tests;
