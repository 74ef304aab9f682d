//! A store in one file, for a program that runs virtual machines on one host: an address follows its machine into the next run, an
//! address that is taken is refused with its holder's name, and a release frees it.
//!
//! The store is made in a folder that goes with the program, or at the path that is given as argument, where it stays.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use ipam_core::{
    Allocate, AllocationRequest, Clock, Follow, NicRequest, Owner, Policy, PoolFields, Refusal, Release,
    ReleaseRequest, ReleaseScope, Store as _, run,
};
use ipam_local::{BootClock, LocalStore, Metadata, OpenMode, Session, Source};

/// How long to wait for other processes that work on the same store.
const PATIENCE: Duration = Duration::from_secs(10);

fn main() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = std::env::args_os().nth(1).map_or_else(|| folder.path().join("ipam.db"), PathBuf::from);
    let mut store = LocalStore::open(path, OpenMode::CreateIfMissing, PATIENCE)?;

    // A session is a turn on the file: other processes wait until it is dropped, so it should be short.
    let mut session = store.session(PATIENCE)?;
    let fields = PoolFields {
        subnet: "10.6.0.0/16".to_owned(),
        ips: vec!["10.6.0.10-10.6.255.250".to_owned()],
        gateway: Some("10.6.0.1".to_owned()),
        ..PoolFields::default()
    };
    let applied = session.apply_pool(&"lan".parse()?, &fields, &Metadata::default(), &Source::Applied)?;
    println!("pool lan: {applied:?}");

    // A machine is the same by its name; the uid says which run of it. Addresses are held by the uid.
    let db = Owner::virtual_machine("default", "db", "run-1")?;
    let address = allocate(&mut session, &db, None)?.context("the pool is new")?;
    println!("db has {address}");
    drop(session);

    // It is started anew. The address follows, so that nobody has to be told a new one.
    let mut session = store.session(PATIENCE)?;
    let db = Owner::virtual_machine("default", "db", "run-2")?;
    println!("db has {} in its next run", allocate(&mut session, &db, None)?.context("it is there already")?);

    // Another machine asks for that very address.
    let web = Owner::virtual_machine("default", "web", "run-1")?;
    match allocate(&mut session, &web, Some(&address))? {
        Ok(address) => bail!("web was given {address} too"),
        Err(refusal) => println!("web is refused: {refusal}"),
    }

    // Releases name their owner. One that comes late, from the first run, frees nothing.
    let late = Owner::virtual_machine("default", "db", "run-1")?;
    println!("a late release frees {}, the right one {}", free(&mut session, late)?, free(&mut session, db)?);
    let holder = session.holder(address.parse()?)?;
    println!("{address} is {}", if holder.is_none() { "free" } else { "held" });
    Ok(())
}

/// One IPv4 address of pool `lan`; any, or the one that is asked for.
fn allocate(session: &mut Session<'_>, owner: &Owner, ask: Option<&str>) -> Result<Result<String, Refusal>> {
    let mut nic = NicRequest::new("eth0".parse()?);
    nic.v4.push("lan".parse()?);
    nic.asks = ask.map(str::parse).transpose()?.into_iter().collect();
    let mut request = AllocationRequest::new(owner.clone(), BootClock.now() + PATIENCE).nic(nic);
    request.follow = Follow::Always;
    request.policy = Policy::Rotate;
    // Which boot of the host the record is from: what is left of an earlier one can be collected later.
    request.stamp = Some(session.stamp());
    let outcome = run(Allocate::new(request, session.is_atomic()), session, &mut BootClock)?;
    Ok(outcome.map(|allocation| {
        let assignments = allocation.attachments.iter().flat_map(|one| &one.assignments);
        assignments.map(|one| one.address.to_string()).collect()
    }))
}

fn free(session: &mut Session<'_>, owner: Owner) -> Result<usize> {
    let request = ReleaseRequest::new(owner, ReleaseScope::All, BootClock.now() + PATIENCE);
    let released = run(Release::new(request, session.is_atomic()), session, &mut BootClock)?;
    Ok(released.addresses.len())
}
