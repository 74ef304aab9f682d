//! The scaffolding itself: a bed leaves nothing behind when its test fails, and a test that did not run does not pass.
#![forbid(unsafe_code)]

use std::fs;
use std::process::Command;

use anyhow::{Result, bail, ensure};
use spiderpool_tests::bed::{bed, is_inside};
use spiderpool_tests::command::sh;

/// How long the process sleeps that the failing test leaves running: no other one has this argument.
const MARK: &str = "86417.25";

#[test]
fn a_failing_test_leaves_nothing_behind() -> Result<()> {
    let outcome = bed("a_failing_test_leaves_nothing_behind", &[], |bed| {
        bed.netns("left-behind")?;
        sh(&format!("mkdir {0} && mount -t tmpfs tmpfs {0}", bed.path("disk").display()))?;
        let mut child = Command::new("setsid").args(["--fork", "sleep", MARK]).spawn()?;
        child.wait()?;
        bail!("failed on purpose")
    });
    if is_inside() {
        return outcome;
    }
    match outcome {
        // Without root the test is listed as skipped.
        Ok(()) => return Ok(()),
        Err(error) => ensure!(format!("{error:#}").contains("failed on purpose"), "{error:#}"),
    }
    ensure!(!fs::read_to_string("/proc/mounts")?.contains("spiderpool-bed-"), "a mount was left behind");
    ensure!(!fs::exists("/run/netns/left-behind")?, "a network namespace was left behind");
    for process in fs::read_dir("/proc")?.flatten() {
        let line = fs::read(process.path().join("cmdline")).unwrap_or_default();
        ensure!(!String::from_utf8_lossy(&line).contains(MARK), "a process was left behind");
    }
    for entry in fs::read_dir(std::env::temp_dir())?.flatten() {
        ensure!(!entry.path().join("disk").exists(), "a folder was left behind: {}", entry.path().display());
    }
    Ok(())
}

#[test]
fn a_misspelt_name_does_not_pass() -> Result<()> {
    let outcome = bed("no_test_has_this_name", &[], |_| Ok(()));
    match outcome {
        // Without root the test is listed as skipped.
        Ok(()) => ensure!(
            fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) != 0),
            "it passed"
        ),
        Err(error) => ensure!(format!("{error:#}").contains("did not run"), "{error:#}"),
    }
    Ok(())
}
