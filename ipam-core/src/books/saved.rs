//! Books as a value that can be written down and read back.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Attached, Books, BooksError, Pool, identity};
use crate::addr::Addr;
use crate::ledger::PoolState;
use crate::pool::PoolName;
use crate::record::Record;

/// The records of all pools, all attachments, and the versions of both. The pools' specs are not in it: they come from whoever
/// administers them. Nor is what was freed of late, which is a preference.
///
/// With feature `serde` it can be written in any format.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Saved {
    latest: u64,
    pools: Vec<SavedPool>,
    attached: Vec<Attached>,
}

#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct SavedPool {
    pool: PoolName,
    version: u64,
    /// Where *rotate* goes on.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    last_given: Option<Addr>,
    records: Vec<Record>,
}

impl Books {
    /// What has to be written down for [`Books::restore`].
    #[must_use]
    pub fn saved(&self) -> Saved {
        let saved = |(name, pool): (&PoolName, &Pool)| SavedPool {
            pool: name.clone(),
            version: pool.version,
            last_given: pool.state.last_given(),
            records: pool.state.records().cloned().collect(),
        };
        Saved {
            latest: self.latest,
            pools: self.pools.iter().map(saved).collect(),
            attached: self.attached.values().cloned().collect(),
        }
    }

    /// Puts back what was saved, in place of all records and attachments. The pools must be there,
    /// and nothing of them read yet.
    ///
    /// # Errors
    /// [`BooksError::NoPool`] for records of a pool that is not there, [`BooksError::Twice`] where an address has two records; nothing has
    /// changed then.
    pub fn restore(&mut self, saved: Saved) -> Result<(), BooksError> {
        let mut next = self.clone();
        next.latest = next.latest.max(saved.latest);
        for pool in next.pools.values_mut() {
            pool.state = loaded(&pool.state, Vec::new());
        }
        for SavedPool { pool: name, version, last_given, records } in saved.pools {
            let Some(pool) = next.pools.get_mut(&name) else {
                if records.is_empty() {
                    continue;
                }
                return Err(BooksError::NoPool(name));
            };
            let mut addresses = BTreeSet::new();
            if let Some(twice) = records.iter().find(|record| !addresses.insert(record.address)) {
                return Err(BooksError::Twice { pool: name, address: twice.address });
            }
            pool.version = version;
            pool.state = loaded(&pool.state, records);
            pool.state.go_on_after(last_given);
        }
        let mut places = BTreeSet::new();
        for state in next.pools() {
            let taken =
                state.records().find(|record| !places.insert((state.spec().subnet(), record.address)));
            if let Some(twice) = taken {
                return Err(BooksError::Twice { pool: state.spec().name().clone(), address: twice.address });
            }
        }
        next.attached = saved.attached.into_iter().map(|one| (identity(&one.bound), one)).collect();
        *self = next;
        Ok(())
    }
}

/// A pool of the same shape with these records.
fn loaded(state: &PoolState, records: Vec<Record>) -> PoolState {
    let (spec, reserved) = (Arc::clone(state.spec()), Arc::new(state.reserved().clone()));
    let mut loaded = PoolState::with_records(Arc::clone(&spec), records);
    loaded.reshape(spec, reserved);
    loaded
}
