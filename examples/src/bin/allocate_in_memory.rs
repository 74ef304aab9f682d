//! The rules alone: two pools and a store in memory, a request over two interfaces, a refusal that says why, a release.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::Duration;

use anyhow::{Context, Result, bail};
use ipam_core::testkit::{ManualClock, MemoryStore};
use ipam_core::{
    Allocate, Allocation, AllocationRequest, Clock, NicRequest, Owner, PoolFields, PoolSpec, RangeSet,
    Refusal, Release, ReleaseRequest, ReleaseScope, Store as _, run,
};

/// Long enough for any store; the clock of this example stands still anyway.
const PATIENCE: Duration = Duration::from_secs(10);

fn main() -> Result<()> {
    let mut store = MemoryStore::atomic();
    let mut clock = ManualClock::default();
    store_pool(&store, "v4", "10.6.0.0/16", "10.6.0.10-10.6.0.12")?;
    store_pool(&store, "v6", "fd00:6::/64", "fd00:6::10-fd00:6::ffff:ffff")?;

    // One request is one unit: both interfaces get all their addresses, or nobody gets anything.
    let blue = Owner::container("mynet", "blue")?;
    let wanted = request(&blue, &["eth0", "eth1"], &clock)?;
    let allocation =
        allocate(&wanted, &mut store, &mut clock)?.context("three addresses are enough for two")?;
    print("blue has", &allocation);

    // Who asks again is given the same: a runtime that has lost the answer may simply repeat the question.
    let again = allocate(&wanted, &mut store, &mut clock)?.context("it is there already")?;
    println!("asked again: {}", if again == allocation { "the same" } else { "something else" });

    // One IPv4 address is left, and green wants two. It gets none, not even IPv6 ones.
    let green = Owner::container("mynet", "green")?;
    match allocate(&request(&green, &["eth0", "eth1"], &clock)?, &mut store, &mut clock)? {
        Ok(allocation) => bail!("green was given {allocation:?}"),
        Err(refusal) => println!("green is refused: {refusal}"),
    }

    let release = ReleaseRequest::new(blue, ReleaseScope::All, clock.now() + PATIENCE);
    let released = run(Release::new(release, store.is_atomic()), &mut store, &mut clock)?;
    println!("blue gave back {} addresses, {} are held", released.addresses.len(), store.records().len());
    Ok(())
}

/// A pool as in a SpiderIPPool manifest. Where something is wrong with it, all faults are told at once.
fn store_pool(store: &MemoryStore, name: &str, subnet: &str, range: &str) -> Result<()> {
    let fields =
        PoolFields { subnet: subnet.to_owned(), ips: vec![range.to_owned()], ..PoolFields::default() };
    let spec = PoolSpec::new(&name.parse()?, &fields)?;
    let nothing_reserved = RangeSet::empty(spec.family());
    Ok(store.put_pool(spec, nothing_reserved)?)
}

/// An IPv4 and an IPv6 address for each of these interfaces.
fn request(owner: &Owner, nics: &[&str], clock: &ManualClock) -> Result<AllocationRequest> {
    let mut request = AllocationRequest::new(owner.clone(), clock.now() + PATIENCE);
    for nic in nics {
        let mut nic = NicRequest::new(nic.parse()?);
        nic.v4.push("v4".parse()?);
        nic.v6.push("v6".parse()?);
        request = request.nic(nic);
    }
    Ok(request)
}

/// The outer result is about the store, the inner one about the request.
fn allocate(
    request: &AllocationRequest,
    store: &mut MemoryStore,
    clock: &mut ManualClock,
) -> Result<Result<Allocation, Refusal>> {
    Ok(run(Allocate::new(request.clone(), store.is_atomic()), store, clock)?)
}

fn print(what: &str, allocation: &Allocation) {
    for attachment in &allocation.attachments {
        let addresses: Vec<String> = attachment.assignments.iter().map(ToString::to_string).collect();
        println!("{what} on {}: {}", attachment.nic.as_str(), addresses.join(", "));
    }
}
