//! `cargo xtask api`: the public API of each library as a text in the repository, so that a change of it is seen in review.
//!
//! The text is made of rustdoc's JSON, whose form changes with the compiler. The crate that reads it is pinned to one form; with a
//! compiler of another form the check says so and is listed as skipped.

use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use lexopt::Parser;
use lexopt::prelude::{Long, Short, Value as Word};
use serde_json::Value;

use crate::process::Call;
use crate::workspace::Workspace;

/// The libraries that other projects depend on.
const CRATES: &[&str] = &["ipam-core", "ipam-local"];
/// The form that the pinned `public-api` reads: that of Rust 1.95.
const FORMAT: u64 = 57;
/// A trait that comes with each derived `PartialEq` and that nobody can name.
const NOISE: &str = "core::marker::StructuralPartialEq";
/// In each crate's folder.
const FILE: &str = "public-api.txt";
/// Lines of a difference that are shown; the file has them all.
const SHOWN_MAX: usize = 60;

/// How a check ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All texts are as they should be.
    Same,
    /// Nobody knows; the reason.
    Skipped(String),
}

/// Reads the options; checks the texts, or writes them anew.
pub(crate) fn main(mut parser: Parser) -> Result<ExitCode> {
    let mut is_blessing = false;
    while let Some(arg) = parser.next()? {
        match arg {
            Long("bless") => is_blessing = true,
            Long(_) | Short(_) | Word(_) => return Err(arg.unexpected().into()),
        }
    }
    let workspace = Workspace::load()?;
    match check(&workspace, &workspace.scratch().join("api.log"), is_blessing)? {
        Outcome::Same => Ok(ExitCode::SUCCESS),
        Outcome::Skipped(reason) => bail!("{reason}"),
    }
}

/// Holds each library's API against its text, or makes the text follow.
pub(crate) fn check(workspace: &Workspace, log: &std::path::Path, is_blessing: bool) -> Result<Outcome> {
    let mut changed = Vec::new();
    for name in CRATES {
        let json = rustdoc_json(workspace, name, log)?;
        let text =
            fs::read_to_string(&json).with_context(|| format!("{}: cannot be read", json.display()))?;
        let document: Value = serde_json::from_str(&text).context("rustdoc's JSON is none")?;
        let format = document.get("format_version").and_then(Value::as_u64);
        if format != Some(FORMAT) {
            let has = format.map_or_else(|| "another form".to_owned(), |format| format!("form {format}"));
            return Ok(Outcome::Skipped(format!(
                "rustdoc of this compiler writes JSON of {has}; {FORMAT} is read here, that of Rust 1.95"
            )));
        }
        let items = |without_derived: bool| -> Result<Vec<String>> {
            let api = public_api::Builder::from_rustdoc_json(&json)
                .omit_blanket_impls(true)
                .omit_auto_trait_impls(true)
                .omit_auto_derived_impls(without_derived)
                .build()
                .with_context(|| format!("{}: not understood", json.display()))?;
            Ok(api.items().map(ToString::to_string).collect())
        };
        let now = lines(&items(false)?, &items(true)?);
        let path = workspace.root().join(name).join(FILE);
        let before = fs::read_to_string(&path).unwrap_or_default();
        if before == now {
            continue;
        }
        if is_blessing {
            fs::write(&path, &now).with_context(|| format!("{}: cannot be written", path.display()))?;
            println!("written: {name}/{FILE}");
        } else {
            show(name, &before, &now);
            changed.push(format!("{name}/{FILE}"));
        }
    }
    if changed.is_empty() {
        return Ok(Outcome::Same);
    }
    bail!(
        "the public API is not what {} says; if the change is meant, run `cargo xtask api --bless`, read the difference and \
         commit it with a line in CHANGELOG.md",
        changed.join(" and ")
    )
}

/// One item a line, in order. Of what is derived the `impl` itself, since a trait that is gone breaks users; its functions are
/// those of the trait.
fn lines(all: &[String], without_derived: &[String]) -> String {
    let written: HashSet<&String> = without_derived.iter().collect();
    let is_shown =
        |item: &&String| written.contains(item) || (item.starts_with("impl") && !item.contains(NOISE));
    all.iter().filter(is_shown).map(|item| format!("{item}\n")).collect()
}

fn show(name: &str, before: &str, now: &str) {
    let lost = before.lines().filter(|line| now.lines().all(|other| other != *line)).map(|line| ('-', line));
    let new = now.lines().filter(|line| before.lines().all(|other| other != *line)).map(|line| ('+', line));
    let all: Vec<_> = lost.chain(new).collect();
    for (sign, line) in all.iter().take(SHOWN_MAX) {
        println!("{name}: {sign} {line}");
    }
    if let Some(more) = all.len().checked_sub(SHOWN_MAX).filter(|more| *more > 0) {
        println!("{name}: and {more} more lines");
    }
}

fn rustdoc_json(workspace: &Workspace, name: &str, log: &std::path::Path) -> Result<PathBuf> {
    // A folder of its own: the JSON would lie among the pages.
    let target = workspace.scratch().join("api");
    Call::cargo(["rustdoc", "--lib", "--all-features", "--package", name, "--target-dir"])
        .args([&target])
        .args(["--", "-Z", "unstable-options", "--output-format", "json"])
        // The option is unstable; the compiler is the pinned stable one all the same.
        .env("RUSTC_BOOTSTRAP", "1")
        .folder(workspace.root())
        .quiet()
        .run(log, |_| {})?;
    Ok(target.join("doc").join(format!("{}.json", name.replace('-', "_"))))
}

#[cfg(test)]
mod tests {
    use super::lines;

    #[test]
    fn of_what_is_derived_the_trait_is_shown_and_its_functions_are_not() {
        let owned = |lines: &[&str]| lines.iter().map(|&line| line.to_owned()).collect::<Vec<_>>();
        let written = ["pub struct a::B", "impl a::B", "pub fn a::B::new() -> Self"];
        let derived = [
            "impl core::clone::Clone for a::B",
            "pub fn a::B::clone(&self) -> a::B",
            "impl core::marker::StructuralPartialEq for a::B",
        ];
        let text = lines(&owned(&[&written[..], &derived[..]].concat()), &owned(&written));
        assert_eq!(
            text,
            "pub struct a::B\nimpl a::B\npub fn a::B::new() -> Self\nimpl core::clone::Clone for a::B\n"
        );
    }
}
