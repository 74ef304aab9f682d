//! Real containers: fifty at once through bridge and through macvlan, restarts, removal, and a Podman that is killed half way.
#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use spiderpool_tests::bed::{Bed, bed};
use spiderpool_tests::command::{sh, wait_for};
use spiderpool_tests::network::{Network, Pool};
use spiderpool_tests::plugin::Attachment;
use spiderpool_tests::podman::{Podman, TOOLS};
use spiderpool_tests::seed::Seed;
use spiderpool_tests::store::Store;

/// Fifty containers are enough load for a small machine: one test of this file at a time.
static TURN: Mutex<()> = Mutex::new(());

const CONTAINERS: usize = 50;
const RUNNING: [&str; 2] = ["--filter", "status=running"];
#[test]
fn fifty_through_bridge() -> Result<()> {
    let _turn = TURN.lock();
    bed("fifty_through_bridge", &TOOLS, |bed| {
        let podman = Podman::new(bed)?;
        let network = Network::new("net1", bed.dir(), Pool::new("v4", 6, 200));
        network.write_conflist(podman.networks(), network.bridge())?;
        life_of_fifty(&podman, &network)
    })
}

#[test]
fn fifty_through_macvlan() -> Result<()> {
    let _turn = TURN.lock();
    bed("fifty_through_macvlan", &TOOLS, |bed| {
        sh("ip link add lower type veth peer name far; ip link set lower up; ip link set far up")?;
        let podman = Podman::new(bed)?;
        let network = Network::new("net1", bed.dir(), Pool::new("v4", 6, 200));
        network.write_conflist(podman.networks(), network.macvlan("lower"))?;
        life_of_fifty(&podman, &network)
    })
}

fn life_of_fifty(podman: &Podman, network: &Network) -> Result<()> {
    let store = Store::at(&network.store);
    let names: Vec<String> = (0..CONTAINERS).map(|number| format!("c{number}")).collect();
    let ids = start_all(podman, &network.name, &names)?;

    let seen = addresses(podman, &names)?;
    let distinct: BTreeSet<&IpAddr> = seen.values().collect();
    ensure!(distinct.len() == CONTAINERS, "an address was given twice: {seen:?}");
    let held = store.held()?;
    let expected =
        seen.iter().map(|(name, address)| Some((Attachment::eth0(ids.get(name)?), *address))).collect();
    ensure!(
        Some(&held) == Option::<BTreeMap<_, _>>::as_ref(&expected),
        "store {held:?}, containers {expected:?}"
    );
    ping(podman, &seen, "c0", "c49")?;
    ping(podman, &seen, "c17", "c23")?;

    // A restart is a DEL and an ADD of the same owner.
    for name in ["c0", "c7"] {
        podman.call(&["restart", "--time", "0", name])?.success()?;
    }
    let seen = addresses(podman, &names)?;
    ensure!(seen.values().collect::<BTreeSet<_>>().len() == CONTAINERS, "after a restart: {seen:?}");
    ping(podman, &seen, "c0", "c7")?;
    ensure!(store.records()?.len() == CONTAINERS, "after a restart: {:?}", store.records()?);

    // Half go one by one, the rest at once; the address of each goes with it, and no other.
    let (some, rest) = names.split_at(3);
    for name in some {
        podman.remove(&[name])?;
    }
    let left: BTreeSet<IpAddr> = store.held()?.into_values().collect();
    let expected = rest.iter().filter_map(|name| seen.get(name)).copied().collect();
    ensure!(left == expected, "left {left:?}, expected {expected:?}");
    podman.remove(&["--all"])?;
    store.ensure_empty()?;
    store.ensure_sound()
}

#[test]
fn killed_podman_is_cleaned_up_by_gc() -> Result<()> {
    let _turn = TURN.lock();
    bed("killed_podman_is_cleaned_up_by_gc", &TOOLS, killed_podman)
}

#[expect(clippy::print_stdout, reason = "how much was leaked tells whether the kill came at a good moment")]
fn killed_podman(bed: &Bed) -> Result<()> {
    const BURST: usize = 20;
    let mut seed = Seed::from_environment()?;
    let podman = Podman::new(bed)?;
    let network = Network::new("net1", bed.dir(), Pool::new("v4", 6, 200));
    network.write_conflist(podman.networks(), network.bridge())?;
    let store = Store::at(&network.store);
    let before = podman.start("before", "net1")?;

    let mut burst = (0..BURST)
        .map(|number| podman.spawn_start(&format!("b{number}"), "net1"))
        .collect::<Result<Vec<_>>>()?;
    // Some have started by then and some have not; the seed says how many addresses must be taken before the first kill.
    let taken = usize::try_from(seed.below(8))? + 3;
    wait_for("addresses are given", Duration::from_secs(120), || {
        Ok((store.records()?.len() >= taken).then_some(()))
    })?;
    for child in &mut burst {
        child.kill().context("kill podman")?;
    }
    for child in &mut burst {
        child.wait().context("wait for podman")?;
    }
    // The plugins of a killed Podman go on: what they commit is leaked all the same.
    wait_for("no plugin runs", Duration::from_secs(60), || Ok((!plugin_runs()?).then_some(())))?;

    // What Podman would still tear down by itself is in use; the rest is leaked.
    let alive = podman.containers(&RUNNING)?;
    ensure!(alive.contains(&before), "the container from before the burst is gone: {alive:?}");
    let held = store.held()?;
    println!("{} addresses are held, {} containers run", held.len(), alive.len());
    collect(&store, &bed.path("alive"), &alive)?;
    let kept: BTreeSet<Attachment> = store.held()?.into_keys().collect();
    let expected: BTreeSet<Attachment> = alive.iter().map(Attachment::eth0).collect();
    ensure!(kept == expected, "before {held:?}, running {alive:?}, kept {kept:?}");
    store.ensure_sound()?;

    // All still works, and in the end nothing is left.
    podman.start("after", "net1")?;
    let seen = addresses(&podman, &["before".to_owned(), "after".to_owned()])?;
    ping(&podman, &seen, "before", "after")?;
    // Podman may fail to remove what it was killed over (a mount it lost track of); none of it runs any more.
    let removal = podman.call(&["rm", "--force", "--time", "0", "--all"])?;
    let alive = podman.containers(&RUNNING)?;
    ensure!(alive.is_empty(), "{alive:?} still run after {removal}");
    collect(&store, &bed.path("alive"), &alive)?;
    store.ensure_empty()
}

/// Tells the store which attachments of the network the runtime still has.
fn collect(store: &Store, list: &std::path::Path, alive: &[String]) -> Result<()> {
    let lines: String = alive.iter().map(|id| format!("{id} eth0\n")).collect();
    std::fs::write(list, lines)?;
    let list = list.to_string_lossy();
    let mut arguments = vec!["gc", "--network", "net1", "--valid", &list];
    if alive.is_empty() {
        arguments.push("--all-gone");
    }
    store.ctl(&arguments)?.success().map(drop)
}

fn plugin_runs() -> Result<bool> {
    for process in std::fs::read_dir("/proc")?.flatten() {
        if let Ok(name) = std::fs::read_to_string(process.path().join("comm"))
            && ["spiderpool", "bridge"].contains(&name.trim())
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Starts all containers at once and returns their ids by name.
fn start_all(podman: &Podman, network: &str, names: &[String]) -> Result<BTreeMap<String, String>> {
    each(names, |name| podman.start(name, network))
}

fn addresses(podman: &Podman, names: &[String]) -> Result<BTreeMap<String, IpAddr>> {
    each(names, |name| podman.address(name))
}

/// Does one thing to all containers at once.
fn each<T: Send>(names: &[String], action: impl Fn(&str) -> Result<T> + Sync) -> Result<BTreeMap<String, T>> {
    let action = &action;
    std::thread::scope(|scope| {
        let workers: Vec<_> = names.iter().map(|name| (name, scope.spawn(move || action(name)))).collect();
        let mut all = BTreeMap::new();
        for (name, worker) in workers {
            all.insert(
                name.clone(),
                worker.join().map_err(|_| anyhow::anyhow!("{name}: its thread panicked"))??,
            );
        }
        Ok(all)
    })
}

fn ping(podman: &Podman, addresses: &BTreeMap<String, IpAddr>, from: &str, to: &str) -> Result<()> {
    let address = addresses.get(to).with_context(|| format!("no container {to}"))?;
    podman.call(&["exec", from, "/bin/ping", "-c", "1", "-W", "5", &address.to_string()])?.success().map(drop)
}
