//! ADD: addresses for one NIC, from the first candidates that have some.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipam_core::{
    Addr, Allocate, Allocation, AllocationRequest, Family, Nic, NicRequest, PoolSpec, owner_hash,
};
use ipam_local::{BootClock, LocalStore, OpenMode};
use ipnet::IpNet;
use serde_json::Value;

use super::config::{AddConfig, StoreConfig};
use super::error::Error;
use super::local::Operation;
use super::{asks, local, resolv};
use crate::cni::{Attachment, CniResult, IpConfig, Route};

/// Allocates, or finds again what a repeated ADD was given before.
pub(super) fn run(operation: Operation<'_>, attachment: &Attachment) -> Result<CniResult, Error> {
    let log = operation.log;
    let ipam = operation.ipam()?;
    let store = StoreConfig::read(&ipam)?;
    let config = AddConfig::read(&ipam)?;
    let asks = asks::read(operation.call)?;
    let (owner, nic) = operation.owner(attachment)?;
    // Before anything is given, so that nothing has to be given back.
    let dns = config.resolv_conf.as_deref().map(resolv::read).transpose()?;
    if config.match_master_subnet {
        log.warn("match_master_subnet is not available with a local store", &[]);
    }

    // Without pools of its own this configuration could make an empty store only, from which nobody gets anything.
    let mode = if config.pools.is_empty() { OpenMode::MustExist } else { OpenMode::CreateIfMissing };
    let mut local = LocalStore::open(&store.path, mode, operation.left())?;
    let mut session = local.session(operation.left())?;
    local::apply(&mut session, &config.pools, owner.scope(), log)?;
    let source = local::source(&config);
    let specs = local::specs(&mut session, &source)?;
    let candidates = source.candidates(&nic, &specs)?;
    local::log_rejected(&candidates, log);
    asks::check_prefixes(&asks, &candidates, &specs)?;

    let mut wanted = NicRequest::new(nic.clone());
    (wanted.v4, wanted.v6) = (candidates.v4, candidates.v6);
    wanted.asks = asks.iter().map(|ask| Addr::from(ask.addr())).collect();
    let mut request = AllocationRequest::new(owner, operation.deadline).nic(wanted);
    (request.policy, request.cooldown) = (store.policy, store.cooldown);
    request.stamp = Some(session.stamp());
    request.seed = seed(&request, &nic);
    let allocation = ipam_core::run(Allocate::new(request, true), &mut session, &mut BootClock)??;
    // The next process need not wait until the answer is written.
    drop(session);

    let result = result(&allocation, &nic, &config, dns.unwrap_or_default());
    log_given(operation, &allocation, &nic, store.policy.as_str());
    Ok(result)
}

/// Processes that wait for one another should not try again at the same moments.
fn seed(request: &AllocationRequest, nic: &Nic) -> u64 {
    let hash = owner_hash(&request.owner, nic);
    u64::try_from(hash & u128::from(u64::MAX)).unwrap_or_default()
}

/// Addresses with their subnet's prefix length, routes of the pools, routes of the configuration, default routes; IPv4 first.
fn result(allocation: &Allocation, nic: &Nic, config: &AddConfig, dns: crate::cni::Dns) -> CniResult {
    let mut result = CniResult { dns, ..CniResult::default() };
    let assignments =
        allocation.attachments.iter().filter(|one| one.nic == *nic).flat_map(|one| &one.assignments);
    let mut defaults = Vec::new();
    for assignment in assignments {
        let Some(pool) = allocation.pool(&assignment.pool) else { continue };
        let gateway = pool.gateway().map(Addr::to_ip);
        result.ips.extend(address(assignment.address, pool).map(|address| IpConfig {
            address,
            gateway,
            interface: None,
        }));
        result
            .routes
            .extend(pool.routes().iter().map(|route| Route::new(route.dst(), Some(route.gw().to_ip()))));
        if let Some(gateway) = gateway.filter(|_| !config.clean_gateway) {
            defaults.push(Route::new(default_net(pool.family()), Some(gateway)));
        }
    }
    result.routes.extend(config.routes.iter().cloned());
    // Who writes a default route of their own, as configurations for host-local do, means that one.
    defaults.retain(|route| result.routes.iter().all(|other| other.dst != route.dst));
    result.routes.extend(defaults);
    result
}

fn address(address: Addr, pool: &PoolSpec) -> Option<IpNet> {
    // A prefix length of the pool's own family always fits.
    IpNet::new(address.to_ip(), pool.subnet_prefix()).ok()
}

fn default_net(family: Family) -> IpNet {
    let any = match family {
        Family::V4 => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        Family::V6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    IpNet::new_assert(any, 0)
}

fn log_given(operation: Operation<'_>, allocation: &Allocation, nic: &Nic, policy: &'static str) {
    let assignments =
        allocation.attachments.iter().filter(|one| one.nic == *nic).flat_map(|one| &one.assignments);
    let (addresses, pools): (Vec<Value>, Vec<Value>) =
        assignments.map(|one| (one.address.to_string().into(), one.pool.as_str().into())).unzip();
    operation.log.info(
        "addresses given",
        &[
            ("addresses", addresses.into()),
            ("pools", pools.into()),
            ("policy", policy.into()),
            ("elapsed_ms", operation.elapsed_ms().into()),
        ],
    );
}
