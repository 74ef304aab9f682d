//! The program as such: help, exit codes, streams, completions.

use std::io::{BufRead as _, BufReader};

use crate::bed::{Bed, pool};

#[test]
fn help_tells_the_exit_codes_and_completions_are_scripts() {
    let bed = Bed::new();
    let help = bed.ctl(&["--help"]).done();
    for want in ["Exit codes:", "  3  the store cannot be used", "SPIDERPOOL_STORE", "completions"] {
        assert!(help.contains(want), "{want}: {help}");
    }
    for (shell, want) in
        [("bash", "complete -F"), ("zsh", "#compdef spiderpoolctl"), ("fish", "complete -c spiderpoolctl")]
    {
        let script = bed.ctl(&["completions", shell]).done();
        assert!(script.contains(want), "{shell}");
    }
    assert!(bed.ctl(&["--version"]).done().starts_with("spiderpoolctl "));
}

#[test]
fn exit_codes_tell_usage_from_store_trouble() {
    let bed = Bed::new();
    bed.ctl(&["frobnicate"]).failed(2);
    bed.ctl(&["apply"]).failed(2);
    bed.ctl(&["get", "pods"]).failed(2);
    bed.ctl(&["get", "--timeout", "soon"]).failed(2);
    for args in [&["get"][..], &["ip", "list"], &["fsck"], &["pool", "show"], &["gc", "--inferred"]] {
        let error = bed.ctl(args).failed(3);
        assert!(error.starts_with("error: there is no store at DIR/ipam.db"), "{error}");
        assert!(!bed.store().exists(), "{args:?} makes no store");
    }
    std::fs::write(bed.store(), "not a data base, and long enough to be looked at as one; ".repeat(100))
        .unwrap();
    let garbage = std::fs::read(bed.store()).unwrap();
    let error = bed.ctl(&["get"]).failed(3);
    assert!(error.starts_with("error: the store DIR/ipam.db is damaged"), "{error}");
    let error = bed.apply(&pool("v4", "10.6.0.0/24", "10.6.0.10", "")).failed(3);
    assert!(error.contains("is damaged"), "{error}");
    assert_eq!(std::fs::read(bed.store()).unwrap(), garbage, "it is left as it is");
}

#[test]
fn a_busy_store_is_waited_for_and_then_told() {
    let bed = Bed::with(&[&pool("v4", "10.6.0.0/24", "10.6.0.10", "")]);
    let mut store = bed.open();
    let session = store.session(std::time::Duration::from_secs(60)).unwrap();
    let error = bed.ctl(&["get", "--timeout", "50ms"]).failed(3);
    assert!(error.starts_with("error: the store DIR/ipam.db was busy for "), "{error}");
    drop(session);
    bed.ctl(&["get"]).done();
}

#[test]
fn the_store_may_be_named_by_the_environment() {
    let bed = Bed::with(&[&pool("v4", "10.6.0.0/24", "10.6.0.10", "")]);
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_spiderpoolctl"))
        .args(["get", "ippool", "v4", "-o", "json"])
        .env("SPIDERPOOL_STORE", bed.store())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let bed = Bed::with(&[&pool("v4", "10.0.0.0/8", "10.0.0.0-10.255.255.255", "")]);
    // More than a pipe holds, so that the program meets the closed end.
    let mut child = bed.command(&["ip", "free", "--count", "60000"]).spawn().unwrap();
    let mut line = String::new();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    reader.read_line(&mut line).unwrap();
    assert!(line.starts_with("POOL"), "{line}");
    drop(reader);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

#[test]
fn an_answer_that_cannot_be_written_does_not_look_like_a_refusal() {
    let bed = Bed::with(&[&pool("v4", "10.6.0.0/24", "10.6.0.10", "")]);
    bed.take("net1", "c1", "v4");
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = bed.command(&["ip", "release", "10.6.0.10"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(4));
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        "error: the command was carried out, but its answer cannot be written: No space left on device (os error 28)\n"
    );
    assert_eq!(bed.ctl(&["ip", "list", "-o", "json"]).json(), serde_json::json!([]));
}
