//! DEL and GC: what frees addresses.

use ipam_core::{Addr, Collect, Release, ReleaseRequest, ReleaseScope, RuntimeList};
use ipam_local::BootClock;
use serde_json::Value;

use super::config::StoreConfig;
use super::error::Error;
use super::local::Operation;
use crate::cni::Attachment;

/// DEL: frees what the NIC has. Nothing to free is success: a runtime may call as often as it likes, also for an ADD that never was.
pub(super) fn del(operation: Operation<'_>, attachment: &Attachment) -> Result<(), Error> {
    let log = operation.log;
    let (store, problem) = StoreConfig::read_for_release(&operation.ipam()?)?;
    if let Some(problem) = problem {
        log.warn("addressCooldown is not understood; none is kept", &[("why", problem.to_string().into())]);
    }
    let (owner, nic) = operation.owner(attachment)?;
    let Some(mut local) = operation.open_existing(&store.path)? else { return Ok(()) };
    let mut request = ReleaseRequest::new(owner, ReleaseScope::Nic(nic), operation.deadline);
    request.cooldown = store.cooldown;
    let mut session = local.session(operation.left())?;
    let released = ipam_core::run(Release::new(request, true), &mut session, &mut BootClock)?;
    drop(session);
    log.info(
        "addresses freed",
        &[
            ("addresses", texts(released.addresses.iter().map(|one| one.address))),
            ("elapsed_ms", operation.elapsed_ms().into()),
        ],
    );
    Ok(())
}

/// GC: frees what belongs to none of the attachments in the runtime's list, on this network alone.
pub(super) fn gc(operation: Operation<'_>, valid: Option<&[Attachment]>) -> Result<(), Error> {
    let log = operation.log;
    let (store, _) = StoreConfig::read_for_release(&operation.ipam()?)?;
    let valid = valid.ok_or(Error::NoValidAttachments)?;
    let Some(mut local) = operation.open_existing(&store.path)? else { return Ok(()) };
    let list = RuntimeList::new(
        operation.call.config().name().as_str(),
        valid.iter().map(|one| (one.container_id.as_str().to_owned(), one.if_name.as_str().to_owned())),
    );
    let mut session = local.session(operation.left())?;
    let collect = Collect::new(list, true, false, operation.deadline);
    let collected = ipam_core::run(collect, &mut session, &mut BootClock)?;
    drop(session);
    for dead in &collected.dead {
        log.debug(
            "address freed, for its attachment is not valid",
            &[
                ("address", dead.record.address.to_string().into()),
                ("pool", dead.pool.as_str().into()),
                ("owner", dead.record.owner.to_string().into()),
            ],
        );
    }
    log.info(
        "garbage collected",
        &[
            ("freed", collected.dead.len().into()),
            ("seen", collected.seen.into()),
            ("valid", valid.len().into()),
        ],
    );
    Ok(())
}

fn texts(addresses: impl Iterator<Item = Addr>) -> Value {
    addresses.map(|address| Value::from(address.to_string())).collect::<Vec<_>>().into()
}
