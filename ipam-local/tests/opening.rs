//! What is found at the path of a store: nothing, a store, something else, the remains of one.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that meets the unexpected is to fail, and to say so"
)]

mod bed;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use bed::{PATIENCE, allocate, assert_sound, chain, container, open, with_pool};
use ipam_core::{Class, StoreError};
use ipam_local::schema::{APPLICATION_ID, SCHEMA_VERSION};
use ipam_local::{Error, LocalStore, OpenMode};
use rusqlite::Connection;

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The error of the first session.
fn refusal(path: &Path) -> Error {
    match LocalStore::open(path, OpenMode::CreateIfMissing, PATIENCE) {
        Ok(mut store) => store.session(PATIENCE).map(drop).unwrap_err(),
        Err(error) => error,
    }
}

fn lock_of(path: &Path) -> PathBuf {
    path.with_extension("db.lock")
}

#[test]
fn a_look_at_nothing_leaves_nothing() {
    let dir = bed::folder();
    let path = dir.path().join("ipam.db");
    let error = LocalStore::open(&path, OpenMode::MustExist, PATIENCE).unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error}");
    assert!(error.to_string().contains(path.to_str().unwrap()));
    assert!(names(dir.path()).is_empty());
}

#[test]
fn a_new_store_is_its_owners_alone() {
    let dir = bed::folder();
    let path = dir.path().join("ipam.db");
    let mut store = open(&path);
    assert!(names(dir.path()).is_empty(), "opening alone makes nothing");
    drop(store.session(PATIENCE).unwrap());
    assert_eq!(names(dir.path()), ["ipam.db", "ipam.db-journal", "ipam.db.lock"]);
    for name in names(dir.path()) {
        let mode = fs::metadata(dir.path().join(&name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{name}");
    }
}

#[test]
fn a_missing_directory_is_not_made() {
    let dir = bed::folder();
    let gone = dir.path().join("gone");
    let error = refusal(&gone.join("ipam.db"));
    assert!(matches!(&error, Error::NoDirectory { directory } if *directory == gone), "{error}");
    assert!(!gone.exists());
}

#[test]
fn what_is_not_ours_is_left_alone() {
    let dir = bed::folder();
    let foreign = |name: &str, sql: &str| {
        let path = dir.path().join(name);
        Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        path
    };
    let write = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let newer =
        format!("PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {}", SCHEMA_VERSION + 1);
    let zero = format!("PRAGMA application_id = {APPLICATION_ID}; CREATE TABLE t (a)");
    for (name, path, part) in [
        (
            "another program's",
            foreign("a.db", "PRAGMA application_id = 77; CREATE TABLE t (a)"),
            "of another program (application id 0x4d",
        ),
        ("nobody's", foreign("b.db", "CREATE TABLE t (a)"), "of another program (application id 0x0"),
        ("newer", foreign("c.db", &newer), "has schema version 2, this program knows 1 to 1"),
        ("half made by nobody", foreign("d.db", &zero), "its schema version is 0"),
        ("text", write("e.db", b"ten addresses, please\n"), "it has not the header of a SQLite file"),
        ("noise", write("f.db", &[0xa5; 9_000]), "it has not the header of a SQLite file"),
    ] {
        let before = fs::read(&path).unwrap();
        let error = refusal(&path);
        let text = chain(&error);
        assert!(text.contains(part) && text.contains(path.to_str().unwrap()), "{name}: {text}");
        assert_eq!(error.class(), Class::Rejected, "{name}");
        assert_eq!(fs::read(&path).unwrap(), before, "{name}");
    }
    let error = refusal(dir.path());
    assert!(matches!(error, Error::UnusablePath { .. }), "a directory: {error}");
}

#[test]
fn a_first_creation_cut_short_is_begun_again() {
    for left in [None, Some("")] {
        let dir = bed::folder();
        let path = dir.path().join("ipam.db");
        // The lock file comes first, then the empty file.
        fs::write(lock_of(&path), "").unwrap();
        if let Some(content) = left {
            fs::write(&path, content).unwrap();
        }
        assert_sound(&mut open(&path));
    }
}

#[test]
fn a_deleted_store_is_not_replaced_by_an_empty_one() {
    let (_dir, path, store) = with_pool(&["10.6.0.10"]);
    drop(store);
    fs::remove_file(&path).unwrap();
    let error = refusal(&path);
    assert!(matches!(error, Error::Deleted { .. }), "{error}");
    let error = LocalStore::open(&path, OpenMode::MustExist, PATIENCE).unwrap_err();
    assert!(matches!(error, Error::Deleted { .. }), "{error}");
    assert!(!path.exists());
    // Somebody means it.
    fs::remove_file(lock_of(&path)).unwrap();
    assert_sound(&mut open(&path));
}

#[test]
fn a_store_moved_in_from_elsewhere_is_known_from_then_on() {
    let (_dir, path, store) = with_pool(&["10.6.0.10"]);
    drop(store);
    let dir = bed::folder();
    let moved = dir.path().join("ipam.db");
    fs::copy(&path, &moved).unwrap();
    assert_sound(&mut open(&moved));
    fs::remove_file(&moved).unwrap();
    assert!(matches!(refusal(&moved), Error::Deleted { .. }));
}

#[test]
fn an_open_store_notices_that_it_is_gone() {
    for replaced in [false, true] {
        let (dir, path, mut store) = with_pool(&["10.6.0.10"]);
        if replaced {
            let copy = dir.path().join("copy");
            fs::copy(&path, &copy).unwrap();
            fs::rename(&copy, &path).unwrap();
        } else {
            fs::remove_file(&path).unwrap();
        }
        let error = store.session(PATIENCE).map(drop).unwrap_err();
        assert!(matches!(error, Error::Replaced { .. }), "{error}");
        match store.session(PATIENCE).map(drop) {
            Ok(()) => assert!(replaced),
            Err(error) => assert!(!replaced && matches!(error, Error::Deleted { .. }), "{error}"),
        }
    }
}

#[test]
fn a_store_cut_short_or_overwritten_is_an_error() {
    let (_dir, path, mut store) = with_pool(&["10.6.0.0-10.6.15.255"]);
    let mut session = store.session(PATIENCE).unwrap();
    for number in 0..200 {
        allocate(&mut session, &container(&format!("c{number}"))).unwrap().unwrap();
    }
    drop(session);
    drop(store);
    let whole = fs::read(&path).unwrap();
    assert!(whole.len() >= 16 * 4096, "{} bytes", whole.len());
    for length in [0, 1, 100, 512, 4_095, 4_096, 8_192, whole.len() / 2, whole.len() - 4_096, whole.len() - 1]
    {
        fs::write(&path, &whole[..length]).unwrap();
        let error = refusal(&path);
        assert!(matches!(error, Error::Damaged { .. }), "{length} bytes: {error}");
        assert_eq!(fs::read(&path).unwrap().len(), length, "the file is left as it is");
    }
    // Each page by itself: whoever needs it gets an error, and no address is given twice.
    let held = |path: &Path| {
        let mut store = open(path);
        store.session(PATIENCE).and_then(|mut session| session.export()).map(|export| export.records)
    };
    fs::write(&path, &whole).unwrap();
    let records = held(&path).unwrap();
    for (index, fill) in (0..whole.len() / 4_096).flat_map(|index| [(index, 0x00), (index, 0xa5)]) {
        let mut damaged = whole.clone();
        damaged[index * 4_096..(index + 1) * 4_096].fill(fill);
        fs::write(&path, &damaged).unwrap();
        let mut store = open(&path);
        if let Ok(Ok(Ok(allocation))) =
            store.session(PATIENCE).map(|mut session| allocate(&mut session, &container("new")))
        {
            let given = allocation.attachments[0].assignments[0].address;
            let twice = records.iter().any(|holding| holding.record.address == given);
            assert!(!twice, "page {index} filled with {fill:#x}: {given} was given twice");
        }
    }
}

#[test]
fn a_place_that_cannot_be_written_is_said_to_be_so() {
    // The kernel's own file system lets nobody make a file, not even root.
    if !Path::new("/sys/kernel").is_dir() {
        println!("skipped: a_place_that_cannot_be_written_is_said_to_be_so: there is no /sys here");
        return;
    }
    let error = refusal(Path::new("/sys/kernel/ipam.db"));
    assert!(matches!(error, Error::ReadOnly { .. }), "{error}");
}
