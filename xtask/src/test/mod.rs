//! `cargo xtask test`: every test of the project, in CI's order, with a summary at the end.
//!
//! The run stops at the first step that fails, since a later step's failure would mostly be the same one again; the
//! summary is printed all the same and says what did not run. The very last line is plain, for programs:
//! `N passed, N failed, N skipped`.

mod steps;
mod tally;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use lexopt::Parser;
use lexopt::prelude::{Long, ValueExt};

use crate::workspace::Workspace;
use steps::{STEPS, Step};
use tally::Tally;

/// What a step is given.
#[derive(Debug)]
struct Stage<'a> {
    workspace: &'a Workspace,
    step: &'static str,
    log: PathBuf,
    tally: &'a mut Tally,
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Passed,
    Failed,
    NotRun,
}

/// Reads the options and runs the steps.
pub(crate) fn main(mut parser: Parser) -> Result<ExitCode> {
    let mut only: Vec<String> = Vec::new();
    while let Some(arg) = parser.next()? {
        match arg {
            Long("only") => only.push(parser.value()?.string()?),
            Long("list") => {
                for step in STEPS {
                    println!("{:<18} {}", step.name, step.what);
                }
                return Ok(ExitCode::SUCCESS);
            }
            lexopt::Arg::Short(_) | Long(_) | lexopt::Arg::Value(_) => return Err(arg.unexpected().into()),
        }
    }
    let chosen = choose(&only)?;
    let workspace = Workspace::load()?;
    std::env::set_current_dir(workspace.root()).context("the workspace's root cannot be entered")?;
    let mut tally = Tally::default();
    let started = Instant::now();
    let endings = run(&workspace, &chosen, &mut tally);
    print_summary(&endings, &tally, started.elapsed());
    Ok(if tally.failed() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn choose(only: &[String]) -> Result<Vec<&'static Step>> {
    if let Some(unknown) = only.iter().find(|name| STEPS.iter().all(|step| step.name != **name)) {
        let names: Vec<&str> = STEPS.iter().map(|step| step.name).collect();
        bail!("--only {unknown}: no such step; there are: {}", names.join(", "));
    }
    Ok(STEPS.iter().filter(|step| only.is_empty() || only.iter().any(|name| name == step.name)).collect())
}

fn run(
    workspace: &Workspace,
    chosen: &[&'static Step],
    tally: &mut Tally,
) -> Vec<(&'static str, Ending, Duration)> {
    let mut endings = Vec::new();
    let mut has_failed = false;
    for (index, step) in chosen.iter().enumerate() {
        if has_failed {
            endings.push((step.name, Ending::NotRun, Duration::ZERO));
            continue;
        }
        println!("\n==> [{}/{}] {}: {}", index + 1, chosen.len(), step.name, step.what);
        let log = workspace.scratch().join(format!("{}.log", step.name));
        // The log of an earlier run would be taken for this one's.
        let _ = std::fs::remove_file(&log);
        let started = Instant::now();
        let outcome = (step.run)(&mut Stage { workspace, step: step.name, log, tally });
        let took = started.elapsed();
        match outcome {
            Ok(()) => {
                println!("<== {}: done in {}", step.name, human(took));
                endings.push((step.name, Ending::Passed, took));
            }
            Err(error) => {
                println!("<== {}: FAILED after {}: {error:#}", step.name, human(took));
                tally.fail_step(step.name);
                endings.push((step.name, Ending::Failed, took));
                has_failed = true;
            }
        }
    }
    endings
}

fn print_summary(endings: &[(&'static str, Ending, Duration)], tally: &Tally, took: Duration) {
    println!("\n{:<18} {:<8} time", "step", "result");
    for (name, ending, took) in endings {
        let (word, time) = match ending {
            Ending::Passed => ("ok", human(*took)),
            Ending::Failed => ("FAILED", human(*took)),
            Ending::NotRun => ("not run", "-".to_owned()),
        };
        println!("{name:<18} {word:<8} {time}");
    }
    println!("{:<18} {:<8} {}", "all", "", human(took));
    if !tally.failures().is_empty() {
        println!("\nfailed:");
        for failure in tally.failures() {
            println!("  {failure}");
        }
    }
    if !tally.skips().is_empty() {
        println!("\nskipped:");
        for skip in tally.skips() {
            println!("  {}: {}: {}", skip.step, skip.name, skip.reason);
        }
    }
    println!("\n{}", tally.plain());
}

/// `3 min 7 s`, `4.2 s`.
fn human(time: Duration) -> String {
    let seconds = time.as_secs();
    if seconds >= 60 {
        format!("{} min {} s", seconds / 60, seconds % 60)
    } else {
        format!("{:.1} s", time.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{choose, human, steps::STEPS};

    #[test]
    fn steps_are_chosen_by_name_and_keep_their_order() {
        let names = |only: &[&str]| {
            let only: Vec<String> = only.iter().map(|&name| name.to_owned()).collect();
            choose(&only).map(|steps| steps.iter().map(|step| step.name).collect::<Vec<_>>())
        };
        assert_eq!(names(&["tidy", "fmt"]).unwrap(), ["fmt", "tidy"]);
        assert_eq!(names(&[]).unwrap().len(), STEPS.len());
        let text = names(&["tidi"]).unwrap_err().to_string();
        assert!(text.starts_with("--only tidi: no such step; there are: packages, "), "{text}");
    }

    #[test]
    fn step_names_are_unique() {
        for (index, step) in STEPS.iter().enumerate() {
            assert!(STEPS[..index].iter().all(|other| other.name != step.name), "{}", step.name);
        }
    }

    #[test]
    fn times_are_readable() {
        let cases = [
            (0, "0.0 s"),
            (4_240, "4.2 s"),
            (59_900, "59.9 s"),
            (60_000, "1 min 0 s"),
            (187_000, "3 min 7 s"),
        ];
        for (ms, want) in cases {
            assert_eq!(human(Duration::from_millis(ms)), want);
        }
    }
}
