//! ADD: one request to the agent, and the part of its answer that is this NIC's.

use std::path::Path;

use serde_json::Value;

use super::answer::Answer;
use super::config::AddConfig;
use super::error::AgentStep;
use super::request::AddArgs;
use super::{Errand, Error};
use crate::cni::{Attachment, CniResult};
use crate::log::Logger;

/// Asks for addresses. The same question has the same answer, so a runtime may repeat it after whatever went wrong.
pub(in super::super) fn run(
    errand: &Errand<'_>,
    config: &AddConfig,
    attachment: &Attachment,
    netns: &Path,
) -> Result<CniResult, Error> {
    let (args, log) = errand.pod()?;
    warn_of_what_is_not_passed_on(errand, &log)?;
    let agent = errand.healthy_agent(AgentStep::Health)?;
    let failed = |source| Error::agent(AgentStep::Allocate, source);
    let body = agent.allocate(&AddArgs::new(attachment, netns, &args, config)).map_err(failed)?;
    let answer = Answer::read(&body).map_err(failed)?;
    let nic = attachment.if_name.as_str();
    let result = answer.result(nic).map_err(failed)?;
    if result.ips.is_empty() {
        return Err(Error::NoInterface { nic: nic.to_owned() });
    }
    warn_of_what_is_not_done(&answer, nic, &log);
    let addresses: Vec<Value> = result.ips.iter().map(|ip| ip.address.addr().to_string().into()).collect();
    let pools: Vec<Value> = answer.of(nic).map(|given| given.pool.as_str().into()).collect();
    log.info(
        "addresses given",
        &[
            ("addresses", addresses.into()),
            ("pools", pools.into()),
            ("elapsed_ms", errand.elapsed_ms().into()),
        ],
    );
    Ok(result)
}

/// Addresses are asked of an agent by annotations of the pod; `pools` and the like are of a local store.
fn warn_of_what_is_not_passed_on(errand: &Errand<'_>, log: &Logger) -> Result<(), Error> {
    let config = errand.call.config();
    // What is asked for need not be understood here to be passed over.
    if config.requested_ips().map_or(true, |asked| !asked.is_empty())
        || errand.call.args().map_err(Error::args)?.ip.is_some()
    {
        log.warn(
            "an address is asked for, which the agent does not take; it goes by the pod's annotations",
            &[],
        );
    }
    let ipam = config.ipam().map_err(Error::config)?;
    for key in super::super::config::LOCAL_KEYS.iter().filter(|key| ipam.has(key)) {
        log.warn("key has a meaning with a local store only", &[("key", ipam.path_of(key).into())]);
    }
    Ok(())
}

fn warn_of_what_is_not_done(answer: &Answer, nic: &str, log: &Logger) {
    if answer.of(nic).any(|given| given.wants_detection) {
        log.warn("the agent asks for conflict or gateway detection, which this version does not do", &[]);
    }
    for gateway in answer.of(nic).filter_map(|given| given.unreadable_gateway()) {
        log.warn("gateway is no address; the result has none", &[("gateway", gateway.into())]);
    }
}
