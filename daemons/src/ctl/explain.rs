//! `explain`: what an ADD of a container would get now, and why; pool by pool.

use std::collections::BTreeMap;

use ipam_core::explain::{Explain, Question, Room};
use ipam_core::select::{PoolNames, PoolSource};
use ipam_core::{Addr, AllocationRequest, Family, Nic, NicRequest, Owner, Policy, PoolName, run as drive};
use ipam_local::{BootClock, OpenMode, PoolEntry};

use super::Context;
use super::exit::{Usage, Verdict};
use super::span;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The container: CNI_CONTAINERID of its ADD. One that is not there yet can be asked about as well.
    #[arg(value_name = "CONTAINER")]
    container: String,
    /// The network: `name` of the configuration.
    #[arg(long)]
    network: String,
    /// The interface: CNI_IFNAME.
    #[arg(long, default_value = "eth0")]
    nic: Nic,
    /// Pools for an IPv4 address, as in `default_ipv4_ippool`: names and patterns, in order. Without this and --ipv6: the default pools.
    #[arg(long, value_name = "POOL,…", value_delimiter = ',')]
    ipv4: Vec<String>,
    /// The same for IPv6.
    #[arg(long, value_name = "POOL,…", value_delimiter = ',')]
    ipv6: Vec<String>,
    /// Ask for this address; twice for one of each IP version.
    #[arg(long, value_name = "ADDRESS")]
    ip: Vec<Addr>,
    /// `allocationPolicy` of the configuration: lowest, spread or rotate.
    #[arg(long, default_value = "rotate")]
    policy: Policy,
    /// `addressCooldown` of the configuration.
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = span::parse)]
    cooldown: std::time::Duration,
}

pub(super) fn run(args: &Args, context: &mut Context<'_>) -> anyhow::Result<Verdict> {
    let usage = |text: String| Usage(text);
    let owner = Owner::container(&args.network, &args.container).map_err(|error| usage(error.to_string()))?;
    if let [first, second, ..] = args.ip.as_slice()
        && (args.ip.len() > 2 || first.family() == second.family())
    {
        return Err(usage("--ip: want at most one address of each IP version".to_owned()).into());
    }
    let mut store = context.open(OpenMode::MustExist)?;
    let mut session = store.session(context.timeout)?;
    let entries = session.pools()?;
    let specs: Vec<_> = entries.iter().map(|entry| std::sync::Arc::clone(&entry.spec)).collect();

    let stamp = session.stamp();
    let mut request = AllocationRequest::new(owner, stamp.at + context.timeout);
    (request.policy, request.cooldown, request.stamp) = (args.policy, args.cooldown, Some(stamp));
    let mut wanted = NicRequest::new(args.nic.clone());
    wanted.asks.clone_from(&args.ip);
    let (source, words) = source(args);
    let mut question = Question::new(request.nic(wanted), words.to_owned());
    for family in [Family::V4, Family::V6] {
        question.select(&args.nic, family, source.family(&args.nic, family, &specs));
    }
    let explanation = drive(Explain::new(question), &mut session, &mut BootClock)?;
    drop(session);

    let rooms: BTreeMap<&PoolName, &PoolEntry> =
        entries.iter().map(|entry| (entry.spec.name(), entry)).collect();
    let explanation = explanation
        .with_room(|pool| rooms.get(pool).map(|entry| Room { free: entry.free, capacity: entry.capacity }));
    context.output.answer(&explanation, |output| output.raw(&explanation.to_string()))?;
    Ok(Verdict::Fine)
}

/// Where the pools are named, and how the plugin's configuration calls that.
fn source(args: &Args) -> (PoolSource, &'static str) {
    let named = PoolNames { v4: args.ipv4.clone(), v6: args.ipv6.clone() };
    let words = match (args.ipv4.is_empty(), args.ipv6.is_empty()) {
        (true, true) => "spec.default: true",
        (false, true) => "default_ipv4_ippool",
        (true, false) => "default_ipv6_ippool",
        (false, false) => "default_ipv4_ippool, default_ipv6_ippool",
    };
    (PoolSource::first_of(named, Vec::new()), words)
}
