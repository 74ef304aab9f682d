//! The log file under several writers, at its bounds, and where it cannot be written.

#![expect(clippy::unwrap_used, reason = "a failed assumption fails the test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Barrier;

use cni_plugins::cni::{CniError, ErrorCode};
use cni_plugins::log::{Level, LogSettings, Logger};

fn settings(folder: &Path) -> LogSettings {
    let mut settings = LogSettings::default();
    settings.path = folder.join("spiderpool.log");
    settings
}

fn files(folder: &Path) -> BTreeSet<String> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Every line of every file, each a whole JSON object.
fn lines(folder: &Path) -> Vec<serde_json::Value> {
    let mut lines = Vec::new();
    for file in files(folder) {
        let text = fs::read_to_string(folder.join(file)).unwrap();
        lines.extend(text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()));
    }
    lines
}

#[test]
fn lines_and_levels() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(&folder.path().join("not/yet/there"));
    settings.level = Level::Info;
    let log = Logger::open(&settings).unwrap().with("sandbox", "c1");
    assert!(!log.is_enabled(Level::Debug));
    log.debug("candidates", &[]);
    log.info("address given", &[("address", "10.0.0.2".into())]);
    log.error("store is damaged", &[]);
    let lines = lines(&folder.path().join("not/yet/there"));
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["level"], "INFO");
    assert_eq!(lines[0]["sandbox"], "c1");
    assert_eq!(lines[0]["address"], "10.0.0.2");
    assert!(lines[0]["caller"].as_str().unwrap().starts_with("tests/log.rs:"));
    assert_eq!(lines[1]["level"], "ERROR");
}

/// Each writer has a descriptor of its own, as a process has; `flock` tells them apart in the same way.
#[test]
fn rotation_with_many_writers_loses_nothing() {
    const WRITERS: usize = 8;
    const LINES: usize = 200;
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(folder.path());
    settings.size_max_bytes = 4096;
    settings.files_max = None;
    let start = Barrier::new(WRITERS);
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (settings, start) = (&settings, &start);
            scope.spawn(move || {
                start.wait();
                for line in 0..LINES {
                    let log = Logger::open(settings).unwrap();
                    log.info("line", &[("writer", writer.into()), ("line", line.into())]);
                }
            });
        }
    });
    let lines = lines(folder.path());
    let distinct: BTreeSet<String> =
        lines.iter().map(|line| format!("{}/{}", line["writer"], line["line"])).collect();
    assert_eq!(lines.len(), WRITERS * LINES);
    assert_eq!(distinct.len(), WRITERS * LINES);
    assert!(files(folder.path()).len() > 10);
}

#[test]
fn a_file_is_put_aside_at_its_limit() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(folder.path());
    settings.size_max_bytes = 1000;
    settings.files_max = Some(5);
    let log = Logger::open(&settings).unwrap();
    for line in 0..100 {
        log.info("line", &[("line", line.into())]);
    }
    let sizes: Vec<u64> = files(folder.path())
        .iter()
        .map(|file| fs::metadata(folder.path().join(file)).unwrap().len())
        .collect();
    assert_eq!(sizes.len(), 6);
    // The line that reaches the limit is the last one.
    assert!(sizes.iter().all(|size| *size < 1000 + 200), "{sizes:?}");
}

#[test]
fn old_files_go() {
    let folder = tempfile::tempdir().unwrap();
    for name in [
        "spiderpool-2001-01-01T00-00-00.000.log",
        "spiderpool-2001-01-02T00-00-00.000.log",
        "spiderpool-notes.log",
        "other-2001-01-01T00-00-00.000.log",
    ] {
        fs::write(folder.path().join(name), "{}\n").unwrap();
    }
    let mut settings = settings(folder.path());
    settings.size_max_bytes = 1;
    settings.files_max = Some(3);
    let log = Logger::open(&settings).unwrap();
    log.info("first", &[]);
    log.info("second", &[]);
    let names = files(folder.path());
    assert!(names.contains("spiderpool-notes.log") && names.contains("other-2001-01-01T00-00-00.000.log"));
    assert!(!names.iter().any(|name| name.starts_with("spiderpool-2001")), "{names:?}");
    for _ in 0..9 {
        log.info("more", &[]);
    }
    let aside = files(folder.path()).iter().filter(|name| name.starts_with("spiderpool-2")).count();
    assert_eq!(aside, 3);

    settings.age_max = None;
    settings.files_max = None;
    fs::write(folder.path().join("spiderpool-2001-01-01T00-00-00.000.log"), "{}\n").unwrap();
    Logger::open(&settings).unwrap().info("kept", &[]);
    assert!(files(folder.path()).contains("spiderpool-2001-01-01T00-00-00.000.log"));
}

#[test]
fn a_path_that_cannot_be_opened() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let fifo = folder.path().join("fifo");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &fifo,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .unwrap();
    // Under a file, a folder, a pipe without a reader.
    for path in [folder.path().join("file/a.log"), folder.path().to_owned(), fifo] {
        let mut settings = LogSettings::default();
        settings.path = path.clone();
        let error = CniError::from(Logger::open(&settings).unwrap_err());
        assert_eq!(error.code(), ErrorCode::Io);
        let start = format!("failed to setup file logging: {}: ", path.display());
        assert!(error.msg().starts_with(&start), "{}", error.msg());
    }
}

#[test]
fn a_full_disk_loses_lines_and_no_more() {
    let mut settings = LogSettings::default();
    settings.path = "/dev/full".into();
    let log = Logger::open(&settings).unwrap();
    for _ in 0..3 {
        log.info("lost", &[]);
    }
}

#[test]
fn a_file_that_was_removed_is_no_reason_to_fail() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(folder.path());
    settings.size_max_bytes = 1;
    let log = Logger::open(&settings).unwrap();
    log.info("first", &[]);
    fs::remove_dir_all(folder.path()).unwrap();
    log.info("second", &[]);
    log.info("third", &[]);
    fs::create_dir(folder.path()).unwrap();
    log.info("fourth", &[]);
    assert_eq!(lines(folder.path())[0]["msg"], "fourth");
}
