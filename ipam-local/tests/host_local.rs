//! Taking over a folder of `host-local`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that meets the unexpected is to fail, and to say so"
)]

mod bed;

use std::fs;
use std::path::Path;

use bed::{PATIENCE, address_of, allocate, assert_sound, container, release, with_pool};
use ipam_local::Error;
use tempfile::TempDir;

const IPS: &[&str] = &["10.6.0.2-10.6.0.20"];

/// A folder as `host-local` 1.1.1 leaves it.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let dir = bed::folder();
    fs::write(dir.path().join("lock"), "").unwrap();
    for (name, content) in files {
        fs::write(dir.path().join(name), content).unwrap();
    }
    dir
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn every_file_becomes_a_record() {
    let (_dir, _, mut store) = with_pool(IPS);
    let files = [
        ("10.6.0.2", "c1\r\neth0"),
        ("10.6.0.3", "c1\r\nnet1"),
        ("10.6.0.4", "old"),
        ("10.6.0.5", ""),
        ("10.6.0.9", "c2\neth0\n"),
        ("last_reserved_ip.0", "10.6.0.9"),
        ("notes.txt", "mine"),
    ];
    let from = folder(&files);
    let before = names(from.path());
    let mut session = store.session(PATIENCE).unwrap();
    let report = session.import_host_local(from.path(), "net").unwrap();
    let imported: Vec<String> = report
        .imported
        .iter()
        .map(|holding| {
            let nic = holding.nic.as_ref().map_or("-", |nic| nic.as_str());
            format!("{} {} {nic}", holding.record.address, holding.record.owner)
        })
        .collect();
    let expected = [
        "10.6.0.2 container c1 on network net eth0",
        "10.6.0.3 container c1 on network net net1",
        "10.6.0.4 container old on network net -",
        "10.6.0.5 reservation host-local.10.6.0.5 -",
        "10.6.0.9 container c2 on network net eth0",
    ];
    assert_eq!(imported, expected);
    assert_eq!(report.without_owner, ["10.6.0.5".parse().unwrap()]);
    assert_eq!(report.foreign, [from.path().join("notes.txt")]);
    assert_eq!(names(from.path()), before, "the folder stays as it is");

    // Again: nothing new, nothing lost.
    let report = session.import_host_local(from.path(), "net").unwrap();
    assert_eq!((report.imported.len(), report.known), (0, 5));

    // The next address is the one after host-local's last, and a container that runs on keeps its own.
    assert_eq!(address_of(&allocate(&mut session, &container("new")).unwrap().unwrap()), "10.6.0.10");
    assert_eq!(address_of(&allocate(&mut session, &container("c2")).unwrap().unwrap()), "10.6.0.9");
    assert_eq!(release(&mut session, &container("c1")).unwrap().addresses.len(), 2);
    drop(session);
    assert_sound(&mut store);
}

#[test]
fn it_is_all_or_nothing() {
    let (_dir, _, mut store) = with_pool(IPS);
    let mut session = store.session(PATIENCE).unwrap();
    let taken = allocate(&mut session, &container("here")).unwrap().unwrap();
    assert_eq!(address_of(&taken), "10.6.0.2");
    let from = folder(&[
        ("10.6.0.2", "there\r\neth0"),
        ("10.6.0.3", "fine\r\neth0"),
        ("10.7.0.1", "outside\r\neth0"),
        ("10.6.0.4", "no/name\r\neth0"),
        ("10.6.0.5", "c\r\nan interface of too long a name"),
    ]);
    let before = session.export().unwrap();
    let Err(Error::Import { problems, .. }) = session.import_host_local(from.path(), "net") else {
        panic!("it was imported");
    };
    assert_eq!(problems.len(), 4, "{problems:#?}");
    for (text, part) in [
        (
            "held by another",
            "10.6.0.2 of container there on network net is held here by container here on network net",
        ),
        ("outside", "10.7.0.1 of container outside on network net is in no IPPool"),
        ("owner", "file 10.6.0.4: "),
        ("interface", "file 10.6.0.5: "),
    ] {
        assert!(problems.iter().any(|problem| problem.starts_with(part)), "{text}: {problems:#?}");
    }
    assert_eq!(session.export().unwrap(), before);
}

#[test]
fn host_local_is_kept_waiting() {
    let (_dir, _, mut store) = with_pool(IPS);
    let from = folder(&[("10.6.0.2", "c1\r\neth0")]);
    let lock = fs::File::open(from.path().join("lock")).unwrap();
    lock.lock().unwrap();
    let mut session = store.session(std::time::Duration::from_millis(50)).unwrap();
    assert!(matches!(session.import_host_local(from.path(), "net"), Err(Error::Busy { .. })));
    lock.unlock().unwrap();
    drop(session);
    store.session(PATIENCE).unwrap().import_host_local(from.path(), "net").unwrap();
}
