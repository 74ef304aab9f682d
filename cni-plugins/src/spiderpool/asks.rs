//! Addresses that are asked for by value: `CNI_ARGS` `IP=`, `args.cni.ips`, the capability `ips`.

use std::sync::Arc;

use ipam_core::select::Candidates;
use ipam_core::{Addr, PoolSpec};

use super::error::Error;
use crate::cni::{Call, RequestedIp};

/// The addresses asked for, from all places together, each once, at most one of each family.
pub(super) fn read(call: &Call) -> Result<Vec<RequestedIp>, Error> {
    let by_args = call.args().map_err(Error::args)?.ip;
    let by_config = call.config().requested_ips().map_err(Error::config)?;
    let mut asks: Vec<RequestedIp> = Vec::new();
    for ask in by_args.into_iter().chain(by_config) {
        let same_family = |other: &&mut RequestedIp| other.addr().is_ipv4() == ask.addr().is_ipv4();
        match asks.iter_mut().find(same_family) {
            None => asks.push(ask),
            // The one with a prefix length says more.
            Some(other) if other.addr() == ask.addr() && other.prefix().is_none() => *other = ask,
            Some(other)
                if other.addr() == ask.addr()
                    && (ask.prefix().is_none() || ask.prefix() == other.prefix()) => {}
            Some(other) => return Err(Error::TwoAsks { first: other.to_string(), second: ask.to_string() }),
        }
    }
    Ok(asks)
}

/// Compares the prefix lengths asked for with those of the candidates in whose subnets the addresses lie.
pub(super) fn check_prefixes(
    asks: &[RequestedIp],
    candidates: &Candidates,
    pools: &[Arc<PoolSpec>],
) -> Result<(), Error> {
    for ask in asks {
        let Some(wanted) = ask.prefix() else { continue };
        let names = if ask.addr().is_ipv4() { &candidates.v4 } else { &candidates.v6 };
        let mut around =
            pools.iter().filter(|pool| names.contains(pool.name()) && pool.subnet().contains(&ask.addr()));
        if let Some(pool) = around.find(|pool| pool.subnet_prefix() != wanted) {
            return Err(Error::AskPrefix {
                ask: ask.to_string(),
                address: Addr::from(ask.addr()),
                pool: pool.name().clone(),
                prefix: pool.subnet_prefix(),
            });
        }
    }
    Ok(())
}
