//! Many plugin processes at once on one store file.
#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use anyhow::{Result, anyhow, ensure};
use spiderpool_tests::network::{Network, Pool};
use spiderpool_tests::plugin::{Attachment, Plugin};
use spiderpool_tests::store::Store;

const PROCESSES: u8 = 200;

/// Runs one command for each attachment, all at once.
fn all_at_once<T: Send>(
    work: &[(&Plugin, &Attachment)],
    command: impl Fn(&Plugin, &Attachment) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let command = &command;
    std::thread::scope(|scope| {
        let threads: Vec<_> = work
            .iter()
            .map(|(plugin, attachment)| scope.spawn(move || command(plugin, attachment)))
            .collect();
        // All are joined before the first error is returned: none outlives its test.
        let outcomes: Vec<_> = threads
            .into_iter()
            .map(|thread| thread.join().map_err(|_| anyhow!("a thread panicked")))
            .collect();
        outcomes.into_iter().map(|outcome| outcome?).collect()
    })
}

fn attachments(prefix: &str, count: u8) -> Vec<Attachment> {
    (0..count).map(|number| Attachment::eth0(format!("{prefix}{number}"))).collect()
}

#[test]
fn two_hundred_processes_take_exactly_a_pool_of_two_hundred() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let network = Network::new("net1", dir.path(), Pool::new("v4", 6, PROCESSES));
    let (plugin, store) = (Plugin::of(&network)?, Store::at(&network.store));
    let first = attachments("c", PROCESSES);
    let work: Vec<_> = first.iter().map(|attachment| (&plugin, attachment)).collect();

    let given = all_at_once(&work, Plugin::add)?;
    let expected: BTreeMap<Attachment, IpAddr> = first.iter().cloned().zip(given).collect();
    ensure!(
        expected.values().collect::<BTreeSet<_>>().len() == first.len(),
        "an address was given twice: {expected:?}"
    );
    ensure!(store.held()? == expected, "the store holds {:?}, the plugins said {expected:?}", store.held()?);
    let refusal = plugin.refusal("ADD", &Attachment::eth0("one-too-many"))?;
    ensure!(refusal.text.contains("v4"), "a full pool is not named: {refusal:?}");

    // Fifty leave first, so that fifty newcomers find room while another fifty leave.
    all_at_once(&work[..50], Plugin::del)?;
    let second = attachments("d", 50);
    let mixed: Vec<_> =
        work[50..100].iter().copied().chain(second.iter().map(|attachment| (&plugin, attachment))).collect();
    all_at_once(&mixed, |plugin, attachment| {
        if attachment.container.starts_with('d') {
            plugin.add(attachment).map(drop)
        } else {
            plugin.del(attachment)
        }
    })?;
    let held = store.held()?;
    let owners: BTreeSet<&Attachment> = held.keys().collect();
    ensure!(owners == first[100..].iter().chain(&second).collect(), "held by {owners:?}");
    ensure!(
        first[100..].iter().all(|stayed| held.get(stayed) == expected.get(stayed)),
        "an address moved: {held:?}"
    );

    let rest: Vec<_> = held.keys().map(|attachment| (&plugin, attachment)).collect();
    all_at_once(&rest, Plugin::del)?;
    store.ensure_empty()?;
    store.ensure_sound()
}

#[test]
fn one_attachment_asked_for_many_times_at_once_gets_one_address() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let network = Network::new("net1", dir.path(), Pool::new("v4", 6, 100));
    let (plugin, store) = (Plugin::of(&network)?, Store::at(&network.store));
    let one = Attachment::eth0("c1");
    let given = all_at_once(&[(&plugin, &one); 20], Plugin::add)?;
    let distinct: BTreeSet<_> = given.iter().collect();
    ensure!(distinct.len() == 1, "one attachment got {given:?}");
    ensure!(store.records()?.len() == 1, "the store holds {:?}", store.records()?);
    all_at_once(&[(&plugin, &one); 20], Plugin::del)?;
    store.ensure_empty()
}

#[test]
fn two_networks_and_two_pools_share_a_file_and_nothing_else() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let networks = [("left", 6), ("right", 7)]
        .map(|(name, net)| Network::new(name, dir.path(), Pool::new(&format!("pool-{name}"), net, 100)));
    let plugins = networks.iter().map(Plugin::of).collect::<Result<Vec<_>>>()?;
    let store = Store::at(dir.path().join("ipam.db"));
    // The same containers on both networks: an owner is told apart by its network, too.
    let both = attachments("c", 50);
    let work: Vec<_> =
        plugins.iter().flat_map(|plugin| both.iter().map(move |attachment| (plugin, attachment))).collect();

    all_at_once(&work, Plugin::add)?;
    let records = store.records()?;
    ensure!(records.len() == 100, "100 attachments, {} records", records.len());
    for record in &records {
        let subnet = if record.network == "left" { "10.6." } else { "10.7." };
        ensure!(record.pool == format!("pool-{}", record.network), "from another network's pool: {record:?}");
        ensure!(record.address.to_string().starts_with(subnet), "from another subnet: {record:?}");
    }

    let left: Vec<_> = work.iter().take(50).copied().collect();
    all_at_once(&left, Plugin::del)?;
    let expected: Vec<_> = records.into_iter().filter(|record| record.network == "right").collect();
    let mut remaining = store.records()?;
    remaining.sort();
    let mut expected = expected;
    expected.sort();
    ensure!(remaining == expected, "the other network's records changed: {remaining:?}");
    store.ensure_sound()
}
