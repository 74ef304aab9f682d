//! Addresses from the `spiderpool` agent of the node: what the plugin does where its configuration has no `store`.
//!
//! The plugin decides nothing here. It hands the call over to the agent's socket (API: HTTP/1.1, base path `/v1`), and turns the
//! answer into a result. An ADD and a DEL ask first whether the agent is well, as the original does: a DEL that cannot reach it fails,
//! so that the runtime comes again; one that it could not carry out succeeds, since collection frees the addresses then.
//!
//! Nothing is sent from or to the container's interface: whether an address is in use elsewhere, or a gateway answers, is not looked
//! at, and addresses are not announced. Where the agent asks for such a look, a line in the log says that there was none.

mod add;
mod answer;
mod check;
mod client;
mod config;
mod error;
mod netns;
mod release;
mod request;

use std::time::{Duration, Instant};

pub use error::{AgentCall, AgentError, AgentStep};

pub(super) use add::run as add;
pub(super) use check::run as check;
pub(super) use config::AddConfig;
pub(super) use netns::check as check_netns;
pub(super) use release::{del, gc};

use self::client::Agent;
use super::error::Error;
use crate::cni::{Call, CniArgs};
use crate::log::Logger;

/// How long the agent may take to say that it is well, as in the original.
const HEALTH_LIMIT: Duration = Duration::from_secs(30);
/// How long it may take for everything else, as in the original.
const CALL_LIMIT: Duration = Duration::from_secs(100);

/// An operation on its way to the agent.
#[derive(Debug)]
pub(super) struct Errand<'a> {
    call: &'a Call,
    log: &'a Logger,
    /// A shorter limit than the two above.
    limit: Option<Duration>,
    started: Instant,
}

impl<'a> Errand<'a> {
    pub(super) fn new(call: &'a Call, log: &'a Logger, limit: Option<Duration>) -> Self {
        Self { call, log, limit, started: Instant::now() }
    }

    /// Who the call is about, and a log that says so in each line.
    fn pod(&self) -> Result<(CniArgs, Logger), Error> {
        let args = self.call.args().map_err(Error::args)?;
        let pod = format!("{}/{}", args.pod_namespace, args.pod_name);
        let log = self.log.clone().with("pod", pod).with("uid", args.pod_uid.as_str());
        Ok((args, log))
    }

    /// The agent, once it has said that it is well.
    fn healthy_agent(&self, step: AgentStep) -> Result<Agent, Error> {
        let socket = config::socket(&self.call.config().ipam().map_err(Error::config)?)?;
        let failed = |source| Error::agent(step, source);
        let agent = Agent::new(socket, self.limit).map_err(failed)?;
        agent.healthy().map_err(failed)?;
        Ok(agent)
    }

    fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// STATUS: an ADD can be served if the agent is well. Whether a pool has a free address is known to nobody before a pod asks.
pub(super) fn status(errand: &Errand<'_>) -> Result<(), Error> {
    // What an ADD would refuse is refused here too.
    AddConfig::read(&errand.call.config().ipam().map_err(Error::config)?)?;
    errand.healthy_agent(AgentStep::Status).map(drop)
}
