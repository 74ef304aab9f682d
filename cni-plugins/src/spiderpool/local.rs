//! The local store as the plugin uses it: one session for an operation, pools before addresses.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ipam_core::select::{Candidates, Needs, PoolSource};
use ipam_core::{Clock as _, Nic, Owner, PoolName, PoolSpec, Time};
use ipam_local::{Applied, BootClock, LocalStore, Metadata, OpenMode, Session, Source};

use super::config::AddConfig;
use super::error::Error;
use super::inline::InlinePool;
use crate::cni::{Attachment, Call, Keys};
use crate::log::Logger;

/// How long an operation may wait for its turn and work, all in all. Runtimes give up on an attachment after minutes, if at all. A turn
/// takes milliseconds, so that a minute is a queue of ten thousand, or a process that was stopped while it holds the lock.
pub(super) const LIMIT: Duration = Duration::from_secs(60);

/// An operation on its way: what it was asked, where it tells what it does, and until when it may wait and work.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operation<'a> {
    pub(super) call: &'a Call,
    pub(super) log: &'a Logger,
    pub(super) deadline: Time,
    started: Time,
}

impl<'a> Operation<'a> {
    pub(super) fn new(call: &'a Call, log: &'a Logger, limit: Duration) -> Self {
        let started = BootClock.now();
        Self { call, log, deadline: started + limit, started }
    }

    /// `ipam` of the configuration.
    pub(super) fn ipam(&self) -> Result<Keys<'a>, Error> {
        self.call.config().ipam().map_err(Error::config)
    }

    /// How long it took until now, in milliseconds, for the log.
    pub(super) fn elapsed_ms(&self) -> u64 {
        u64::try_from(BootClock.now().since(self.started).as_millis()).unwrap_or(u64::MAX)
    }

    /// The time that is left.
    pub(super) fn left(&self) -> Duration {
        self.deadline.since(BootClock.now())
    }

    /// Who an attachment belongs to in a store.
    pub(super) fn owner(&self, attachment: &Attachment) -> Result<(Owner, Nic), Error> {
        let network = self.call.config().name().as_str();
        let owner = Owner::container(network, attachment.container_id.as_str()).map_err(Error::Name)?;
        let nic = attachment.if_name.as_str().parse().map_err(Error::Name)?;
        Ok((owner, nic))
    }

    /// A store that must be there. `None`: there is none, so nothing was ever given from it, or it went with all that was. Which of
    /// the two it was is told in the log.
    pub(super) fn open_existing(&self, path: &Path) -> Result<Option<LocalStore>, Error> {
        use ipam_local::Error as E;
        match LocalStore::open(path, OpenMode::MustExist, self.left()) {
            Ok(store) => Ok(Some(store)),
            Err(error @ (E::NotFound { .. } | E::NoDirectory { .. })) => {
                self.log.info("no store, so nothing to free", &[("why", error.to_string().into())]);
                Ok(None)
            }
            Err(error @ E::Deleted { .. }) => {
                self.log.error(
                    "the store is gone, and what it had is not known",
                    &[("why", error.to_string().into())],
                );
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Brings the pools of the configuration into the store, where they are not there as they are written.
pub(super) fn apply(
    session: &mut Session<'_>,
    pools: &[InlinePool],
    network: &str,
    log: &Logger,
) -> Result<(), Error> {
    let source = Source::Network(network.to_owned());
    for InlinePool { name, fields, .. } in pools {
        if session.spec(name)?.is_some_and(|stored| *stored.fields() == fields.normalised()) {
            continue;
        }
        let applied = session.apply_pool(name, fields, &Metadata::default(), &source)?;
        if applied != Applied::Unchanged {
            let what = if applied == Applied::Created { "created" } else { "changed" };
            log.info(
                "pool of the configuration stored",
                &[("pool", name.as_str().into()), ("what", what.into())],
            );
        }
    }
    Ok(())
}

/// Where this configuration's pools are named.
pub(super) fn source(config: &AddConfig) -> PoolSource {
    let inline: Vec<PoolName> = config.pools.iter().map(|pool| pool.name.clone()).collect();
    PoolSource::first_of(config.names.clone(), inline)
}

/// The specs that the source asks for.
pub(super) fn specs(session: &mut Session<'_>, source: &PoolSource) -> Result<Vec<Arc<PoolSpec>>, Error> {
    match source.needs() {
        Needs::All => Ok(session.specs()?),
        Needs::Only(names) => {
            let mut specs = Vec::with_capacity(names.len());
            for name in &names {
                specs.extend(session.spec(name)?);
            }
            Ok(specs)
        }
    }
}

/// Notes pools that were named and are not used, with why.
pub(super) fn log_rejected(candidates: &Candidates, log: &Logger) {
    for rejected in &candidates.rejected {
        log.debug(
            "pool is no candidate",
            &[("pool", rejected.pool.as_str().into()), ("why", rejected.to_string().into())],
        );
    }
}
