//! What the tests of the store share: a folder in memory where there is one, a pool, and a store that owns its folder.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that meets the unexpected is to fail, and to say so"
)]

pub(crate) mod worker;

use std::path::{Path, PathBuf};
use std::time::Duration;

use ipam_core::{
    Allocate, Allocation, AllocationRequest, Change, Clock, NicRequest, Owner, Policy, PoolFields, Query,
    Refusal, Release, ReleaseRequest, ReleaseScope, Released, Store, Version, View, run,
};
use ipam_local::{BootClock, Error, LocalStore, Metadata, OpenMode, Session, Source};
use tempfile::TempDir;

/// Longer than anything here takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// A folder of the test's own, in memory where the system has such a place: these tests are about contents, not about disks.
pub(crate) fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}

pub(crate) fn fields(subnet: &str, ips: &[&str]) -> PoolFields {
    let ips = ips.iter().map(|&item| item.to_owned()).collect();
    PoolFields { subnet: subnet.to_owned(), ips, ..PoolFields::default() }
}

pub(crate) fn apply(session: &mut Session<'_>, name: &str, subnet: &str, ips: &[&str]) {
    let name = name.parse().unwrap();
    session.apply_pool(&name, &fields(subnet, ips), &Metadata::default(), &Source::Applied).unwrap();
}

pub(crate) fn open(path: &Path) -> LocalStore {
    LocalStore::open(path, OpenMode::CreateIfMissing, PATIENCE).unwrap()
}

/// A new store with one pool, `v4` in 10.6.0.0/16.
pub(crate) fn with_pool(ips: &[&str]) -> (TempDir, PathBuf, LocalStore) {
    let dir = folder();
    let path = dir.path().join("ipam.db");
    let mut store = open(&path);
    apply(&mut store.session(PATIENCE).unwrap(), "v4", "10.6.0.0/16", ips);
    (dir, path, store)
}

pub(crate) fn container(id: &str) -> Owner {
    Owner::container("net", id).unwrap()
}

/// An address of pool v4 for a container's eth0, as the plugin asks for one.
pub(crate) fn allocate(
    session: &mut Session<'_>,
    owner: &Owner,
) -> Result<Result<Allocation, Refusal>, String> {
    allocate_within(session, owner, PATIENCE)
}

/// The same with a deadline.
pub(crate) fn allocate_within(
    session: &mut Session<'_>,
    owner: &Owner,
    deadline: Duration,
) -> Result<Result<Allocation, Refusal>, String> {
    let mut nic = NicRequest::new("eth0".parse().unwrap());
    nic.v4.push("v4".parse().unwrap());
    let mut request = AllocationRequest::new(owner.clone(), BootClock.now() + deadline).nic(nic);
    request.policy = Policy::Rotate;
    request.stamp = Some(session.stamp());
    run(Allocate::new(request, true), session, &mut BootClock).map_err(|error| chain(&error))
}

pub(crate) fn address_of(allocation: &Allocation) -> String {
    allocation.attachments[0].assignments[0].address.to_string()
}

pub(crate) fn release(session: &mut Session<'_>, owner: &Owner) -> Result<Released, String> {
    let request = ReleaseRequest::new(owner.clone(), ReleaseScope::All, BootClock.now() + PATIENCE);
    run(Release::new(request, true), session, &mut BootClock).map_err(|error| chain(&error))
}

/// An error with its sources.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

/// The check must find nothing.
pub(crate) fn assert_sound(store: &mut LocalStore) {
    let report = store.session(PATIENCE).unwrap().fsck(false).unwrap();
    let found: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
    assert!(found.is_empty(), "{found:#?}");
}

/// A store that owns its folder.
#[derive(Debug)]
pub(crate) struct Owned {
    pub(crate) store: LocalStore,
    _dir: TempDir,
}

impl Owned {
    pub(crate) fn new() -> Self {
        let dir = folder();
        let store = open(&dir.path().join("ipam.db"));
        Self { store, _dir: dir }
    }
}

impl Store for Owned {
    type Error = Error;

    fn is_atomic(&self) -> bool {
        Store::is_atomic(&self.store)
    }

    fn read(&mut self, query: &Query) -> Result<View, Error> {
        self.store.read(query)
    }

    fn commit(&mut self, changes: &[Change]) -> Result<Vec<Version>, Error> {
        self.store.commit(changes)
    }
}
