//! DEL and GC: what frees addresses.

use std::path::Path;

use super::error::AgentStep;
use super::request::DelArgs;
use super::{Errand, Error};
use crate::cni::Attachment;

/// DEL: hands the release over. An agent that cannot be reached is an error, since the runtime's next try is the way to a prompt
/// release; one that cannot release must not keep the pod from going, and collection frees the addresses later.
pub(in super::super) fn del(
    errand: &Errand<'_>,
    attachment: &Attachment,
    netns: Option<&Path>,
) -> Result<(), Error> {
    let (args, log) = errand.pod()?;
    let agent = errand.healthy_agent(AgentStep::Health)?;
    match agent.release(&DelArgs::new(attachment, netns, &args)) {
        Ok(()) => log.info("release handed over", &[("elapsed_ms", errand.elapsed_ms().into())]),
        Err(source) => {
            let why = Error::agent(AgentStep::Release, source).to_string();
            log.error("release failed; collection frees the addresses", &[("why", why.into())]);
        }
    }
    Ok(())
}

/// GC: nothing to do. Records in a cluster bear the pod's UID and no container, so a list of containers says nothing about them;
/// the controller frees what no pod has any more.
#[expect(clippy::unnecessary_wraps, reason = "the type of every operation")]
pub(in super::super) fn gc(errand: &Errand<'_>) -> Result<(), Error> {
    errand.log.debug("nothing to collect here; in a cluster the controller does it", &[]);
    Ok(())
}
