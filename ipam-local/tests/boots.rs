//! What a reboot means: the first session notes it, and what cooled is warm.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that meets the unexpected is to fail, and to say so"
)]

mod bed;

use std::path::Path;
use std::time::Duration;

use bed::{PATIENCE, address_of, allocate, assert_sound, container, open, with_pool};
use ipam_core::{
    Clock, Collect, Collected, EarlierBoot, Owner, ReleaseRequest, ReleaseScope, Stamp, Time, run,
    testkit::ManualClock,
};
use ipam_local::{BootClock, LocalStore, Session, TimeSource};

/// The store as seen in another run of the machine, so long after its start.
fn in_boot(path: &Path, boot: &str, seconds: u64) -> LocalStore {
    let at = Time::from_millis(seconds * 1_000);
    open(path).with_clock(TimeSource::Fixed(Stamp { boot: boot.to_owned(), at }))
}

const DELAY: Duration = Duration::from_secs(600);

fn collect(session: &mut Session<'_>) -> Vec<Owner> {
    let Stamp { boot, at } = session.stamp();
    let judge = EarlierBoot { boot, first_seen: session.boot_first_seen(), delay: DELAY };
    let mut clock = ManualClock::at(at);
    let Collected { dead, .. } =
        run(Collect::new(judge, true, false, at + PATIENCE), session, &mut clock).unwrap();
    dead.into_iter().map(|holding| holding.record.owner).collect()
}

#[test]
fn what_an_earlier_boot_left_goes_after_the_delay() {
    let (_dir, path, store) = with_pool(&["10.6.0.10-10.6.0.19"]);
    drop(store);
    let mut store = in_boot(&path, "one", 5_000);
    let mut session = store.session(PATIENCE).unwrap();
    for id in ["a", "b"] {
        allocate(&mut session, &container(id)).unwrap().unwrap();
    }
    assert!(collect(&mut session).is_empty(), "their own boot");
    drop(session);

    // The first session of the next boot is the first sighting, though it commits nothing.
    drop(in_boot(&path, "two", 30).session(PATIENCE).unwrap());
    let mut store = in_boot(&path, "two", 100);
    let mut session = store.session(PATIENCE).unwrap();
    assert_eq!(session.boot_first_seen(), Time::from_millis(30_000));
    assert!(collect(&mut session).is_empty(), "70 s are no delay");
    // The runtime brings b back.
    assert_eq!(address_of(&allocate(&mut session, &container("b")).unwrap().unwrap()), "10.6.0.11");
    drop(session);
    let mut store = in_boot(&path, "two", 629);
    assert!(collect(&mut store.session(PATIENCE).unwrap()).is_empty());
    let mut store = in_boot(&path, "two", 630);
    assert_eq!(collect(&mut store.session(PATIENCE).unwrap()), [container("a")]);
    assert_sound(&mut store);
}

#[test]
fn cooling_ends_with_the_boot() {
    let (_dir, path, store) = with_pool(&["10.6.0.10-10.6.0.11"]);
    drop(store);
    let mut store = in_boot(&path, "one", 1_000);
    let mut session = store.session(PATIENCE).unwrap();
    allocate(&mut session, &container("a")).unwrap().unwrap();
    let mut request = ReleaseRequest::new(container("a"), ReleaseScope::All, BootClock.now() + PATIENCE);
    request.cooldown = Duration::from_secs(3_600);
    run(ipam_core::Release::new(request, true), &mut session, &mut BootClock).unwrap();
    assert_eq!(session.free_ranges(&"v4".parse().unwrap()).unwrap().to_string(), "10.6.0.11");
    drop(session);
    let mut store = in_boot(&path, "two", 1);
    let mut session = store.session(PATIENCE).unwrap();
    assert_eq!(session.free_ranges(&"v4".parse().unwrap()).unwrap().to_string(), "10.6.0.10-10.6.0.11");
    drop(session);
    assert_sound(&mut store);
}

#[test]
fn boots_without_records_are_forgotten() {
    let (_dir, path, mut store) = with_pool(&["10.6.0.10"]);
    for number in 0..20 {
        drop(in_boot(&path, &format!("boot-{number}"), 1).session(PATIENCE).unwrap());
    }
    drop(store.session(PATIENCE).unwrap());
    let connection = rusqlite::Connection::open(&path).unwrap();
    let count: i64 = connection.query_row("SELECT count(*) FROM boot", [], |row| row.get(0)).unwrap();
    assert!(count <= 2, "{count} boots");
}

#[test]
fn the_kernels_boot_and_clock_are_used() {
    let (_dir, _, mut store) = with_pool(&["10.6.0.10"]);
    let before = BootClock.now();
    let stamp = store.session(PATIENCE).unwrap().stamp();
    assert_eq!(stamp.boot.len(), 36, "{}", stamp.boot);
    assert!(stamp.at >= before && stamp.at <= BootClock.now());
}
