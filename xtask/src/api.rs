//! `cargo xtask api`: the public API of each library is a text in the tree, so that nobody changes it without noticing.
//!
//! The text comes from rustdoc's JSON, which stable toolchains write as well when told that they may. Each version of the
//! `public-api` crate reads one form of it; a toolchain that writes another cannot be asked, and the test run says so.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use lexopt::Parser;
use lexopt::prelude::{Long, Short, Value};

use crate::process::Call;
use crate::workspace::Workspace;

/// The libraries, each in a folder of its name.
const CRATES: &[&str] = &["ipam-core", "ipam-local"];

/// The form of rustdoc's JSON that is read (`format_version`), of Rust 1.95.
pub(crate) const FORM: u64 = 57;

/// A trait that goes with each derived `PartialEq` and that nobody can name.
const NOISE: &str = "core::marker::StructuralPartialEq";

/// What came of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Every API is as it was reviewed.
    Same,
    /// The toolchain writes another form of JSON, so nothing was compared.
    OtherForm {
        /// That form.
        found: u64,
    },
}

/// Reads the option, then compares or writes.
pub(crate) fn main(mut parser: Parser) -> Result<ExitCode> {
    let mut is_blessed = false;
    while let Some(arg) = parser.next()? {
        match arg {
            Long("bless") => is_blessed = true,
            Long(_) | Short(_) | Value(_) => return Err(arg.unexpected().into()),
        }
    }
    let workspace = Workspace::load()?;
    let log = workspace.scratch().join("api.log");
    let outcome = if is_blessed { bless(&workspace, &log)? } else { check(&workspace, &log)? };
    match outcome {
        Outcome::Same if is_blessed => println!("api: written; look at the difference before you commit it"),
        Outcome::Same => println!("api: as reviewed"),
        Outcome::OtherForm { found } => {
            bail!(
                "rustdoc of this toolchain writes form {found} of its JSON, and {FORM} is read; use Rust 1.95"
            )
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Compares the API of every library with the reviewed one; prints the differences.
pub(crate) fn check(workspace: &Workspace, log: &Path) -> Result<Outcome> {
    let mut differing = Vec::new();
    for name in CRATES {
        let text = match text(workspace, name, log)? {
            Ok(text) => text,
            Err(outcome) => return Ok(outcome),
        };
        let reviewed = fs::read_to_string(file(workspace, name)).unwrap_or_default();
        if text != reviewed {
            println!("{name}/public-api.txt:");
            for line in difference(&reviewed, &text) {
                println!("  {line}");
            }
            differing.push(*name);
        }
    }
    if !differing.is_empty() {
        bail!(
            "the public API of {} is not the reviewed one (above: - is gone, + is new). If that is meant, run `cargo xtask api \
             --bless`, commit the text with the change, and tell it in CHANGELOG.md; what is gone breaks users",
            differing.join(" and of ")
        );
    }
    Ok(Outcome::Same)
}

fn bless(workspace: &Workspace, log: &Path) -> Result<Outcome> {
    for name in CRATES {
        let path = file(workspace, name);
        match text(workspace, name, log)? {
            Ok(text) => {
                fs::write(&path, text).with_context(|| format!("{}: cannot be written", path.display()))?;
            }
            Err(outcome) => return Ok(outcome),
        }
    }
    Ok(Outcome::Same)
}

fn file(workspace: &Workspace, name: &str) -> PathBuf {
    workspace.root().join(name).join("public-api.txt")
}

/// The API of a library as text, or why there is none.
fn text(workspace: &Workspace, name: &str, log: &Path) -> Result<std::result::Result<String, Outcome>> {
    // A folder of its own: dependencies look at the variable when they are built, and would be built anew in each step.
    let target = workspace.target().join("api");
    Call::cargo(["rustdoc", "--quiet", "--package", name, "--lib", "--all-features", "--target-dir"])
        .args([&target])
        .args(["--", "-Zunstable-options", "--output-format", "json", "--cap-lints", "allow"])
        .env("RUSTC_BOOTSTRAP", "1")
        .folder(workspace.root())
        .run(log, |_| {})?;
    let json = target.join("doc").join(format!("{}.json", name.replace('-', "_")));
    let found = form(&json)?;
    if found != FORM {
        return Ok(Err(Outcome::OtherForm { found }));
    }
    let items = |without_derived: bool| -> Result<Vec<String>> {
        let builder = public_api::Builder::from_rustdoc_json(&json)
            .omit_blanket_impls(true)
            .omit_auto_trait_impls(true)
            .omit_auto_derived_impls(without_derived);
        let api = builder.build().with_context(|| format!("{}: cannot be read", json.display()))?;
        Ok(api.items().map(ToString::to_string).collect())
    };
    Ok(Ok(shown(name, &items(false)?, &items(true)?)))
}

fn form(json: &Path) -> Result<u64> {
    let text = fs::read_to_string(json).with_context(|| format!("{}: cannot be read", json.display()))?;
    let value: serde_json::Value = serde_json::from_str(&text)?;
    let form = value.get("format_version").and_then(serde_json::Value::as_u64);
    form.with_context(|| format!("{}: no format_version", json.display()))
}

/// The text of the file. Of what is derived the `impl` itself is enough: its functions are those of the trait.
fn shown(name: &str, all: &[String], without_derived: &[String]) -> String {
    let written: HashSet<&String> = without_derived.iter().collect();
    let mut text = format!(
        "# The public API of {name} with all features. `cargo xtask api --bless` writes this file.\n\n"
    );
    let is_shown =
        |item: &&String| (item.starts_with("impl") && !item.contains(NOISE)) || written.contains(item);
    for item in all.iter().filter(is_shown) {
        text.push_str(item);
        text.push('\n');
    }
    text
}

/// Lines that only one of the texts has, marked with `-` for the first and `+` for the second.
fn difference(old: &str, new: &str) -> Vec<String> {
    let lines = |text: &'_ str| text.lines().map(str::to_owned).collect::<BTreeSet<String>>();
    let (old, new) = (lines(old), lines(new));
    let gone = old.difference(&new).map(|line| format!("- {line}"));
    gone.chain(new.difference(&old).map(|line| format!("+ {line}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::{difference, shown};

    fn owned(lines: &[&str]) -> Vec<String> {
        lines.iter().map(|&line| line.to_owned()).collect()
    }

    #[test]
    fn functions_of_derived_impls_are_left_out() {
        let all = owned(&[
            "pub mod a",
            "pub struct a::B",
            "impl core::clone::Clone for a::B",
            "impl core::marker::StructuralPartialEq for a::B",
            "pub fn a::B::clone(&self) -> a::B",
            "impl a::B",
            "pub fn a::B::new() -> Self",
        ]);
        let without = owned(&["pub mod a", "pub struct a::B", "impl a::B", "pub fn a::B::new() -> Self"]);
        let text = shown("a", &all, &without);
        let (head, body) = text.split_once("\n\n").unwrap();
        assert!(head.starts_with("# The public API of a with all features."), "{head}");
        assert_eq!(
            body,
            "pub mod a\npub struct a::B\nimpl core::clone::Clone for a::B\nimpl a::B\npub fn a::B::new() -> Self\n"
        );
    }

    #[test]
    fn a_difference_names_what_is_gone_and_what_is_new() {
        assert_eq!(difference("a\nb\n", "a\nc\nd\n"), ["- b", "+ c", "+ d"]);
        assert!(difference("a\nb\n", "a\nb\n").is_empty());
        // Only the order differs.
        assert!(difference("a\nb\n", "b\na\n").is_empty());
    }
}
