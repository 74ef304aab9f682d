//! Commits of records.

use std::sync::Arc;
use std::time::Duration;

use ipam_core::{Obstacle, PoolName, PoolOp, Time, Version};
use tokio::time::{Instant, sleep};

use super::error::ClusterStoreError;
use super::pick::holder_among;
use super::pool::{KnownPool, Planned};
use super::read::Want;
use super::{ClusterStore, POOL_BYTES_MAX};
use crate::client::{CallError, Failure, Named};
use crate::crd::SpiderIPPool;
use crate::observe::RequestKind;

/// Pause after the second conflict in a row; after the first one the read is pause enough.
const PAUSE_MIN_MS: u64 = 4;
/// Longest pause. With 20 writers of 50 ms each on one pool a turn comes about once a second.
const PAUSE_MAX_MS: u64 = 1_000;

impl ClusterStore {
    /// Stores operations on a pool, all or none.
    pub(super) async fn commit_pool(
        &self,
        name: &PoolName,
        ops: &[PoolOp],
        now: Time,
        cooldown: Duration,
    ) -> Result<Version, ClusterStoreError> {
        let began = Instant::now();
        let (mut conflicts, mut want) = (0_u32, Want::Recent);
        loop {
            let pool = self.pool(name, want).await?.ok_or_else(|| ClusterStoreError::NoPool(name.clone()))?;
            // What is said on an old state is not final: neither that there is nothing to do nor that it cannot be done.
            let is_final = want == Want::Live || self.is_present(&pool);
            match self.plan(&pool, ops, now, cooldown).await {
                Ok(Planned::Unchanged) if is_final || ops.is_empty() => {
                    return Ok(Version::new(pool.version.clone()));
                }
                Err(error) if is_final => return Err(error),
                Ok(Planned::Unchanged) | Err(_) => {
                    want = Want::Live;
                    continue;
                }
                Ok(Planned::Changed { next, body }) => match self.put(&pool, *next, body).await {
                    Ok(version) => return Ok(version),
                    Err(CallError { failure: Failure::Conflict(_), .. }) => {}
                    Err(error) if error.is_not_found() => {
                        self.shelf.note_gone(name);
                        return Err(ClusterStoreError::NoPool(name.clone()));
                    }
                    Err(error) => return Err(error.into()),
                },
            }
            self.observer().conflict(kind_of(ops));
            conflicts = conflicts.saturating_add(1);
            let time = began.elapsed();
            if time >= self.options.patience {
                return Err(ClusterStoreError::Contended { pool: name.clone(), conflicts, time });
            }
            if conflicts > 1 {
                sleep(self.pause(conflicts).min(self.options.patience.saturating_sub(time))).await;
            }
            want = Want::Live;
        }
    }

    /// Writes the records of a pool once more as they are, with their number, so that `allocatedIPCount` is true again.
    ///
    /// # Errors
    /// As [`commit`](ipam_core::AsyncStore::commit).
    pub async fn rewrite(&self, name: &PoolName) -> Result<(), ClusterStoreError> {
        let began = Instant::now();
        let mut conflicts = 0_u32;
        loop {
            let pool = self.pool(name, Want::Live).await?;
            let pool = pool.ok_or_else(|| ClusterStoreError::NoPool(name.clone()))?;
            pool.readable()?;
            match self.put(&pool, pool.again(), pool.body_now()).await {
                Ok(_) => return Ok(()),
                Err(CallError { failure: Failure::Conflict(_), .. }) => {}
                Err(error) => return Err(error.into()),
            }
            conflicts = conflicts.saturating_add(1);
            let time = began.elapsed();
            if time >= self.options.patience {
                return Err(ClusterStoreError::Contended { pool: name.clone(), conflicts, time });
            }
            sleep(self.pause(conflicts)).await;
        }
    }

    /// Reads a pool, so that a release of any owner looks for records in it, though no endpoint names it.
    ///
    /// # Errors
    /// As [`read`](ipam_core::AsyncStore::read).
    pub async fn look_at(&self, name: &PoolName) -> Result<(), ClusterStoreError> {
        self.pool(name, Want::Live).await.map(drop)
    }

    async fn plan(
        &self,
        pool: &Arc<KnownPool>,
        ops: &[PoolOp],
        now: Time,
        cooldown: Duration,
    ) -> Result<Planned, ClusterStoreError> {
        pool.readable()?;
        self.reserve(pool);
        let (peers, mut takes) = (self.known_peers(pool), false);
        for op in ops {
            let (PoolOp::Take(record) | PoolOp::TakeAgain(record)) = op else { continue };
            let is_again = matches!(op, PoolOp::TakeAgain(_));
            takes = true;
            let elsewhere = |peer| ClusterStoreError::Elsewhere {
                pool: pool.name.clone(),
                address: record.address,
                peer,
            };
            if let Some(peer) = holder_among(&peers, record.address) {
                return Err(elsewhere(peer.clone()));
            }
            if is_again && let Some(obstacle) = self.elsewhere(&pool.spec, record.address).await? {
                let Obstacle::Held(held) = obstacle else {
                    let what = format!("{} of IPPool {}", record.address, pool.name);
                    return Err(ClusterStoreError::Stale { what });
                };
                return Err(elsewhere(held.pool));
            }
        }
        if takes && let Some(flaw) = pool.flaw() {
            return Err(ClusterStoreError::CorruptRecord { pool: pool.name.clone(), flaw });
        }
        let planned = pool.plan(ops, now, cooldown)?;
        if let Planned::Changed { next, .. } = &planned
            && takes
            && next.bytes > POOL_BYTES_MAX
        {
            return Err(ClusterStoreError::TooManyBytes {
                pool: pool.name.clone(),
                bytes: next.bytes,
                bytes_max: POOL_BYTES_MAX,
            });
        }
        Ok(planned)
    }

    /// Sends the status. Whatever becomes of it, what is known afterwards is true.
    async fn put(&self, pool: &KnownPool, next: KnownPool, body: Vec<u8>) -> Result<Version, CallError> {
        let sending = self.shelf.sending(pool);
        let named = Named::cluster(pool.name.as_str());
        let metadata = self.cluster.replace_status_text::<SpiderIPPool>(named, body, self.deadline()).await?;
        let version = metadata.resource_version.unwrap_or_default();
        sending.landed(Arc::new(next.at_version(version.clone())));
        Ok(Version::new(version))
    }

    /// Half of the growing pause for sure, the other half by chance.
    fn pause(&self, conflicts: u32) -> Duration {
        let grown =
            PAUSE_MIN_MS.saturating_mul(1_u64.checked_shl(conflicts).unwrap_or(u64::MAX)).min(PAUSE_MAX_MS);
        let half = grown / 2;
        Duration::from_millis(half.saturating_add(self.roll() % half.max(1)))
    }
}

fn kind_of(ops: &[PoolOp]) -> RequestKind {
    if ops.iter().all(|op| matches!(op, PoolOp::Release { .. })) {
        RequestKind::Release
    } else {
        RequestKind::Allocation
    }
}
