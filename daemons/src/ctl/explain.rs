//! `explain`: what an ADD of a container would get now, and why; pool by pool.

use std::collections::BTreeMap;

use ipam_core::explain::{Explain, Explanation, Question, Room};
use ipam_core::select::{PoolNames, PoolSource};
use ipam_core::{Addr, AllocationRequest, Family, Nic, NicRequest, Owner, Policy, PoolName, run as drive};
use ipam_local::{BootClock, OpenMode, PoolEntry};

use super::Context;
use super::cluster::explain::{PodArgs, Wanted};
use super::cluster::{self, Connection};
use super::exit::{Usage, Verdict};
use super::span;
use super::target::Place;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// On a host the container, CNI_CONTAINERID of its ADD; one that is not there yet can be asked about as well. In a cluster the
    /// pod.
    #[arg(value_name = "CONTAINER|NAMESPACE/POD")]
    subject: String,
    /// The network: `name` of the configuration. On a host it must be given.
    #[arg(long)]
    network: Option<String>,
    /// The interface: CNI_IFNAME.
    #[arg(long, default_value = "eth0")]
    nic: Nic,
    /// Pools for an IPv4 address, as in `default_ipv4_ippool`: names and patterns, in order. Without this and --ipv6: the default pools.
    #[arg(long, value_name = "POOL,…", value_delimiter = ',')]
    ipv4: Vec<String>,
    /// The same for IPv6.
    #[arg(long, value_name = "POOL,…", value_delimiter = ',')]
    ipv6: Vec<String>,
    /// Ask for this address; twice for one of each IP version. On a host.
    #[arg(long, value_name = "ADDRESS")]
    ip: Vec<Addr>,
    /// `allocationPolicy`: lowest, spread or rotate. On a host `rotate` without it, in a cluster as the agents are told.
    #[arg(long)]
    policy: Option<Policy>,
    /// `addressCooldown` of the configuration; 0s without it. On a host: which addresses of a cluster were freed of late only its
    /// agents know.
    #[arg(long, value_name = "TIME", value_parser = span::parse)]
    cooldown: Option<std::time::Duration>,
    #[command(flatten)]
    pod: PodArgs,
}

pub(super) fn run(args: &Args, context: &mut Context<'_>) -> anyhow::Result<Verdict> {
    let (explanation, notes) = match &context.target.place {
        Place::Store(_) => (here(args, context)?, Vec::new()),
        Place::Cluster(access) => {
            let of_hosts = [
                (args.network.is_some(), "--network"),
                (!args.ip.is_empty(), "--ip"),
                (args.cooldown.is_some(), "--cooldown"),
            ];
            if let Some((_, option)) = of_hosts.iter().find(|(is_given, _)| *is_given) {
                return Err(Usage(format!(
                    "{option} is for the store of a host, and {} was chosen",
                    context.target
                ))
                .into());
            }
            let wanted = Wanted {
                pod: &args.subject,
                nic: &args.nic,
                v4: &args.ipv4,
                v6: &args.ipv6,
                policy: args.policy,
            };
            cluster::explain::run(&wanted, &args.pod, &Connection::open(access, context.timeout)?)?
        }
    };
    for note in notes {
        context.output.note(note);
    }
    context.output.answer(&explanation, |output| output.raw(&explanation.to_string()))?;
    Ok(Verdict::Fine)
}

fn here(args: &Args, context: &Context<'_>) -> anyhow::Result<Explanation> {
    let usage = |text: String| Usage(text);
    if let Some(option) = args.pod.first_given() {
        return Err(usage(format!("{option} is for a cluster, and {} was chosen", context.target)).into());
    }
    let Some(network) = &args.network else {
        return Err(usage("on a host --network must be given: `name` of the configuration".to_owned()).into());
    };
    let owner = Owner::container(network, &args.subject).map_err(|error| usage(error.to_string()))?;
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
    request.policy = args.policy.unwrap_or(Policy::Rotate);
    (request.cooldown, request.stamp) = (args.cooldown.unwrap_or_default(), Some(stamp));
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
    Ok(explanation
        .with_room(|pool| rooms.get(pool).map(|entry| Room { free: entry.free, capacity: entry.capacity })))
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
