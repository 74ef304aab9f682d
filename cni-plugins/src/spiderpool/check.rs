//! CHECK: is what the store has for the NIC what `prevResult` says?

use ipam_core::{Addr, Confirm, Nic, Owner};
use ipam_local::{BootClock, LocalStore, OpenMode};

use super::config::StoreConfig;
use super::error::Error;
use super::local::Operation;
use crate::cni::Attachment;

/// Compares both ways. Addresses of `prevResult` that lie in no pool's subnet are another plugin's and are passed over.
pub(super) fn run(operation: Operation<'_>, attachment: &Attachment) -> Result<(), Error> {
    let ipam = operation.ipam()?;
    let store = StoreConfig::read(&ipam)?;
    let (owner, nic) = operation.owner(attachment)?;
    let previous =
        operation.call.config().prev_result().map_err(Error::config)?.ok_or(Error::NoPrevResult)?;
    let mut local = LocalStore::open(&store.path, OpenMode::MustExist, operation.left())?;
    let mut session = local.session(operation.left())?;
    let pools = session.specs()?;
    let expected: Vec<Addr> = previous
        .ips
        .iter()
        .map(|ip| ip.address.addr())
        .filter(|address| pools.iter().any(|pool| pool.subnet().contains(address)))
        .map(Addr::from)
        .collect();
    let stamp = Some(session.stamp());
    let confirm = Confirm::new(owner.clone(), nic.clone(), expected.clone(), stamp, operation.deadline);
    let confirmed = ipam_core::run(confirm, &mut session, &mut BootClock)??;
    drop(session);
    complete(&confirmed.assignments, &expected, &nic, &owner)?;
    operation.log.debug("checked", &[("addresses", expected.len().into())]);
    Ok(())
}

/// What the store gives to the NIC must be all expected, and something.
fn complete(
    stored: &[ipam_core::Assignment],
    expected: &[Addr],
    nic: &Nic,
    owner: &Owner,
) -> Result<(), Error> {
    if stored.is_empty() {
        return Err(Error::NothingStored { nic: nic.to_string(), owner: owner.to_string() });
    }
    let list = |items: Vec<String>| items.join(", ");
    let extra: Vec<String> = stored
        .iter()
        .filter(|one| !expected.contains(&one.address))
        .map(|one| one.address.to_string())
        .collect();
    if extra.is_empty() {
        return Ok(());
    }
    let stored = list(stored.iter().map(ToString::to_string).collect());
    Err(Error::Unlisted { extra: list(extra), nic: nic.to_string(), stored })
}
