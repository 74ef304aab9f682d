//! `ip release` on a cluster: a record goes only by the uid that was seen, and never that of a pod that lives unless forced.

use ipam_core::{
    Addr, AsyncClock as _, AsyncStore as _, DriveError, Holding, OwnerKind, Release, ReleaseRequest,
    ReleaseScope, Released, run_async,
};
use ipam_k8s::snapshot;
use ipam_k8s::store::{ClusterStore, ClusterStoreError, SteadyClock};

use super::{Books, Connection};
use crate::ctl::exit::Usage;
use crate::ctl::ledger::{Ledger as _, Life, Seen};
use crate::ctl::view::Held;

/// Releases the record of an address; who had it.
pub(in crate::ctl) fn release(
    connection: &Connection,
    address: Addr,
    owner: Option<&str>,
    force: bool,
) -> anyhow::Result<Seen> {
    let Some(uid) = owner else {
        return Err(Usage(format!(
            "in a cluster a release needs --owner UID, the uid that `ip who {address}` shows: by the time of the release another \
             pod may have the address"
        ))
        .into());
    };
    let mut books = Books::read(connection)?;
    let Some(seen) = books.holder(address)? else {
        anyhow::bail!("nobody holds {address}, so there is nothing to release; `ip who {address}` says more");
    };
    let held = Held::seen(&seen, &books.now());
    if uid != seen.holding.record.owner.uid() {
        anyhow::bail!(
            "{address} is held by {} (uid {:?}), not by {uid:?}; nothing was released",
            held.holder(),
            held.uid()
        );
    }
    let holder = &seen.holding.record.owner;
    if holder.kind() != OwnerKind::Reservation {
        let (namespace, name) = (holder.scope(), holder.name());
        anyhow::ensure!(
            snapshot::can_be(namespace, name),
            "{address} was not released: no pod can have the name {namespace}/{name}; mend the text of the status"
        );
    }
    if !force && let Some(why) = books.life(&seen.holding)?.and_then(against) {
        anyhow::bail!(
            "{address} is held by {}, {why}; nothing was released. With --force its record goes, and another pod may get the address \
             while this one uses it",
            held.holder()
        );
    }
    let released = connection.block_on(carry_out(connection, &seen.holding));
    let released = released.map_err(|error| connection.told(error.into()))?;
    anyhow::ensure!(
        !released.addresses.is_empty(),
        "{address} was not released: its record has changed meanwhile"
    );
    Ok(seen)
}

/// What speaks against a release.
fn against(life: Life) -> Option<&'static str> {
    match life {
        Life::Alive => Some("whose pod lives"),
        Life::Kept => Some("whose StatefulSet or virtual machine keeps the address for it"),
        Life::Ending | Life::Gone => None,
    }
}

async fn carry_out(
    connection: &Connection,
    Holding { pool, record, .. }: &Holding,
) -> Result<Released, DriveError<ClusterStoreError>> {
    let store = ClusterStore::cold(connection.cluster.clone(), connection.timeout);
    // So that the release looks at this pool too, should no endpoint name it.
    store.look_at(pool).await.map_err(DriveError::Store)?;
    let clock = SteadyClock::start();
    let scope = ReleaseScope::Address(record.address);
    let request = ReleaseRequest::new(record.owner.clone(), scope, clock.now() + connection.timeout);
    run_async(Release::new(request, store.is_atomic()), &store, &clock).await
}
