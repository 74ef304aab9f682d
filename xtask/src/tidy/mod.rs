//! `cargo xtask tidy`: rules of the house that the compiler, clippy and rustfmt do not check.
//!
//! The rules work on strings ([`text`], [`markdown`], [`purity`]), so that their tests need no files; this module brings the files.

mod markdown;
mod purity;
mod rust;
mod text;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use lexopt::Parser;

use crate::workspace::{Workspace, stdout_of};

/// One thing that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Finding {
    line: usize,
    message: String,
    is_warning: bool,
}

impl Finding {
    fn error(line: usize, message: impl Into<String>) -> Self {
        Self { line, message: message.into(), is_warning: false }
    }

    fn warning(line: usize, message: impl Into<String>) -> Self {
        Self { line, message: message.into(), is_warning: true }
    }
}

/// Reads the (absent) options and checks the tree.
pub(crate) fn main(mut parser: Parser) -> Result<ExitCode> {
    if let Some(arg) = parser.next()? {
        return Err(arg.unexpected().into());
    }
    check(&Workspace::load()?)?;
    println!("tidy: nothing to complain about");
    Ok(ExitCode::SUCCESS)
}

/// Checks every file that Git knows or would add; prints the findings.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let root = workspace.root();
    let files = files(root)?;
    let (mut errors, mut warnings) = (0_usize, 0_usize);
    for name in purity::foreign_dependencies(&workspace.dependencies_of("ipam-core", "json")?) {
        println!("ipam-core/Cargo.toml: error: {name} is not among the crates that are known to do no I/O");
        errors += 1;
    }
    for path in &files {
        let file = root.join(path);
        // Deleted but not yet committed, or a link to a folder.
        if !file.is_file() {
            continue;
        }
        let bytes = std::fs::read(&file).with_context(|| format!("{path}: cannot be read"))?;
        // Binary files are nobody's prose.
        let Ok(text) = String::from_utf8(bytes) else { continue };
        let mut findings = text::check(path, &text);
        findings.extend(purity::check(path, &text));
        if path.ends_with(".md") {
            let exists = |target: &Path| root.join(target).exists();
            findings.extend(markdown::broken_links(path, &text, exists));
        }
        if path.ends_with("SUMMARY.md") {
            let folder = path.strip_suffix("SUMMARY.md").unwrap_or_default();
            findings.extend(markdown::missing_pages(folder, &text, &files));
        }
        for finding in findings {
            let kind = if finding.is_warning { "warning" } else { "error" };
            println!("{path}:{}: {kind}: {}", finding.line, finding.message);
            let count = if finding.is_warning { &mut warnings } else { &mut errors };
            *count += 1;
        }
    }
    if errors > 0 {
        bail!("tidy: {errors} errors and {warnings} warnings in {} files", files.len());
    }
    Ok(())
}

fn files(root: &Path) -> Result<BTreeSet<String>> {
    let mut git = Command::new("git");
    // CI often runs as another user than the one who made the clone; reading a list of names is harmless.
    git.args(["-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let names =
        stdout_of(git.current_dir(root)).context("tidy asks git which files belong to the project")?;
    Ok(names.split('\0').filter(|name| !name.is_empty()).map(str::to_owned).collect())
}
