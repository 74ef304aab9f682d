//! `cargo xtask bench`: measures ours against named baselines in the same run, and keeps the ratios.
//!
//! A bench prints each ratio on a line of its own that begins with `ratio:`; times alone say little from one machine
//! to the next. A whole run writes them to `benches/baseline.md` with what is needed to judge them; a run with a
//! filter only prints, so that it cannot throw away the others' numbers.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use lexopt::Parser;
use lexopt::prelude::{Long, Short, Value};

use crate::process::Call;
use crate::workspace::{Workspace, stdout_of};
use crate::{artifacts, packages};

/// How a bench marks a line that is to be kept.
const MARK: &str = "ratio:";

/// A whole run measures a million records and thousands of processes.
const LIMIT: Duration = Duration::from_secs(60 * 60);

/// Reads the filter, measures, and writes the baseline.
pub(crate) fn main(mut parser: Parser) -> Result<ExitCode> {
    let mut filter = None;
    while let Some(arg) = parser.next()? {
        match arg {
            Value(text) if filter.is_none() => filter = Some(text),
            Value(_) | Short(_) | Long(_) => return Err(arg.unexpected().into()),
        }
    }
    let workspace = Workspace::load()?;
    let log = workspace.scratch().join("measure.log");
    let _ = fs::remove_file(&log);
    packages::ensure(packages::NETWORK, &log)?;
    let artifacts = artifacts::build(&workspace, &log)?;
    let mut ratios = Vec::new();
    Call::cargo(["bench", "--package", "spiderpool-benches", "--"])
        .args(&filter)
        .envs(artifacts.environment())
        .folder(workspace.root())
        .limit(LIMIT)
        .run(&log, |line| ratios.extend(ratio(line)))?;
    if ratios.is_empty() {
        bail!("no bench printed a line that begins with {MARK:?}; what was measured is in {}", log.display());
    }
    println!("\nratios:");
    for ratio in &ratios {
        println!("  {ratio}");
    }
    if filter.is_some() {
        println!("\nbenches/baseline.md is written by a run without a filter only");
        return Ok(ExitCode::SUCCESS);
    }
    let page = page(&machine(workspace.root()), &ratios);
    let path = workspace.root().join("benches/baseline.md");
    fs::write(&path, page).with_context(|| format!("{}: cannot be written", path.display()))?;
    println!("\nwritten: benches/baseline.md");
    Ok(ExitCode::SUCCESS)
}

/// What stands after the mark.
fn ratio(line: &str) -> Option<String> {
    line.trim().strip_prefix(MARK).map(|text| text.trim().to_owned())
}

/// What a reader needs to judge the numbers.
fn machine(root: &Path) -> Vec<(&'static str, String)> {
    let said = |program: &str, args: &[&str]| {
        let mut command = Command::new(program);
        stdout_of(command.args(args).current_dir(root)).map(|text| text.trim().to_owned()).unwrap_or_default()
    };
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZeroUsize::get);
    let git = ["-c", "safe.directory=*"];
    let mut commit = said("git", &[&git[..], &["rev-parse", "--short=12", "HEAD"]].concat());
    if !said("git", &[&git[..], &["status", "--porcelain", "--untracked-files=no"]].concat()).is_empty() {
        commit.push_str(" with changes");
    }
    vec![
        ("processor", format!("{}, {cores} cores", field(&read("/proc/cpuinfo"), "model name"))),
        ("memory", field(&read("/proc/meminfo"), "MemTotal")),
        ("kernel", read("/proc/sys/kernel/osrelease").trim().to_owned()),
        ("compiler", said("rustc", &["--version"])),
        ("commit", commit),
        ("date", said("date", &["-u", "+%Y-%m-%d"])),
        ("command", "cargo xtask bench".to_owned()),
    ]
}

/// The value of the first `name : value` line.
fn field(text: &str, name: &str) -> String {
    let mut pairs = text.lines().filter_map(|line| line.split_once(':'));
    pairs
        .find(|(key, _)| key.trim() == name)
        .map_or_else(|| "unknown".to_owned(), |(_, value)| value.trim().to_owned())
}

fn page(machine: &[(&str, String)], ratios: &[String]) -> String {
    let mut page = "# Baseline\n\nWritten by `cargo xtask bench`; do not edit. Each line compares ours with a named baseline, \
                    measured in the same run.\n\n"
        .to_owned();
    for (name, value) in machine {
        page.push_str(&format!("- {name}: {value}\n"));
    }
    page.push_str("\n```text\n");
    for ratio in ratios {
        page.push_str(ratio.trim_end());
        page.push('\n');
    }
    page.push_str("```\n");
    page
}

#[cfg(test)]
mod tests {
    use super::{field, page, ratio};

    #[test]
    fn only_marked_lines_are_kept() {
        assert_eq!(
            ratio("ratio: take one: 1200 times faster than a list"),
            Some("take one: 1200 times faster than a list".to_owned())
        );
        assert_eq!(ratio("the ratio: 3"), None);
        assert_eq!(ratio("time: [1.2 ms]"), None);
    }

    #[test]
    fn a_field_of_proc() {
        let text = "processor\t: 0\nmodel name\t: Some CPU @ 2:1\nmodel name\t: Other\n";
        assert_eq!(field(text, "model name"), "Some CPU @ 2:1");
        assert_eq!(field(text, "flags"), "unknown");
    }

    #[test]
    fn the_page_says_what_was_measured_where() {
        let page = page(&[("kernel", "6.1".to_owned())], &["a: 2 times faster than b".to_owned()]);
        assert!(page.starts_with("# Baseline\n"));
        assert!(page.ends_with("- kernel: 6.1\n\n```text\na: 2 times faster than b\n```\n"), "{page}");
    }
}
