//! Addresses for what is not a pod: claims of a DRA driver, which prepares and unprepares them, and names that keep an address for
//! somebody who comes later.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::Duration;

use anyhow::{Context as _, Result};
use ipam_core::{
    Allocate, AllocationRequest, Clock as _, Follow, NicRequest, Owner, PoolFields, Refusal, Release,
    ReleaseRequest, ReleaseScope, Store as _, run,
};
use ipam_local::{BootClock, LocalStore, Metadata, OpenMode, Source};

const PATIENCE: Duration = Duration::from_secs(10);
/// A freed address is the last to be given for so long: neighbours remember who had it.
const COOLDOWN: Duration = Duration::from_secs(60);

fn main() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut store = LocalStore::open(folder.path().join("ipam.db"), OpenMode::CreateIfMissing, PATIENCE)?;
    let fields = PoolFields {
        subnet: "10.6.0.0/24".to_owned(),
        ips: vec!["10.6.0.10-10.6.0.12".to_owned()],
        ..PoolFields::default()
    };
    let mut session = store.session(PATIENCE)?;
    session.apply_pool(&"lan".parse()?, &fields, &Metadata::default(), &Source::Applied)?;
    drop(session);

    // A reservation is an owner like any other, though nothing of that name runs.
    let printer = Owner::reservation("printer")?;
    println!("printer keeps {}", prepare(&mut store, &printer, Some("10.6.0.10"))?.context("it is free")?);

    // A claim is known by its uid. Kubernetes may ask for the same one again, and gets the same answer.
    let gpu = Owner::claim("shop", "gpu", "uid-1")?;
    let address = prepare(&mut store, &gpu, None)?.context("two are free")?;
    let again = prepare(&mut store, &gpu, None)?.context("it is there already")?;
    println!("claim gpu has {address}, and asked again {again}");
    if let Err(refusal) = prepare(&mut store, &Owner::claim("shop", "nic", "uid-2")?, Some("10.6.0.10"))? {
        println!("claim nic is refused: {refusal}");
    }

    // The node crashed before it could unprepare, and the claim was made anew. The address follows its name; the late unprepare of the
    // first one frees nothing.
    let renewed = Owner::claim("shop", "gpu", "uid-3")?;
    println!("claim gpu, made anew, has {}", prepare(&mut store, &renewed, None)?.context("it follows")?);
    println!(
        "a late unprepare frees {}, the right one {}",
        unprepare(&mut store, gpu)?,
        unprepare(&mut store, renewed)?
    );
    println!("once more it frees {}", unprepare(&mut store, Owner::claim("shop", "gpu", "uid-3")?)?);

    // What was just freed rests: the next claim gets another address, the one after that has no choice.
    for name in ["a", "b"] {
        let address =
            prepare(&mut store, &Owner::claim("shop", name, name)?, None)?.context("one is free")?;
        println!("claim {name} has {address}");
    }
    println!("printer gives back {}", unprepare(&mut store, printer)?);
    Ok(())
}

/// One address for the claim; any, or the one that is asked for.
fn prepare(store: &mut LocalStore, owner: &Owner, ask: Option<&str>) -> Result<Result<String, Refusal>> {
    let mut nic = NicRequest::new("net0".parse()?);
    nic.v4.push("lan".parse()?);
    nic.asks = ask.map(str::parse).transpose()?.into_iter().collect();
    let mut request = AllocationRequest::new(owner.clone(), BootClock.now() + PATIENCE).nic(nic);
    request.follow = Follow::Always;
    request.cooldown = COOLDOWN;
    let outcome = run(Allocate::new(request, store.is_atomic()), store, &mut BootClock)?;
    Ok(outcome.map(|allocation| {
        let assignments = allocation.attachments.iter().flat_map(|attachment| &attachment.assignments);
        assignments.map(|assignment| assignment.address.to_string()).collect()
    }))
}

/// How many addresses that freed.
fn unprepare(store: &mut LocalStore, owner: Owner) -> Result<usize> {
    let mut request = ReleaseRequest::new(owner, ReleaseScope::All, BootClock.now() + PATIENCE);
    request.cooldown = COOLDOWN;
    Ok(run(Release::new(request, store.is_atomic()), store, &mut BootClock)?.addresses.len())
}
