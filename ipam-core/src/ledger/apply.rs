//! What a change does to the ledger of a pool: each operation with its condition, all or none.

use std::sync::Arc;
use std::time::Duration;

use crate::addr::Addr;
use crate::error::Error;
use crate::ledger::state::{Filed, PoolState};
use crate::owner::Owner;
use crate::record::{Record, Stamp, Time};
use crate::store::{Obstacle, PoolOp};

/// Stands against taking an address.
const HELD: &str = "is held";

/// An address before an operation, for its undoing.
#[derive(Debug)]
enum Before {
    Untouched,
    Free,
    /// Free, and avoided since then.
    Cooling(Time),
    Held(Arc<Record>),
}

impl PoolState {
    /// Applies the operations, releases first, all or none.
    ///
    /// # Errors
    /// [`Error::ConditionFailed`] for the first operation whose condition does not hold; nothing has changed then.
    pub fn apply(&mut self, ops: &[PoolOp], now: Time, cooldown: Duration) -> Result<(), Error> {
        let (releases, others): (Vec<_>, Vec<_>) =
            ops.iter().partition(|op| matches!(op, PoolOp::Release { .. }));
        let mut undo: Vec<(Addr, Before)> = Vec::new();
        let last = self.last;
        for op in releases.into_iter().chain(others) {
            match self.apply_one(op, now, cooldown) {
                Ok(before) => undo.push((op.address(), before)),
                Err(problem) => {
                    for (address, before) in undo.into_iter().rev() {
                        self.restore(address, before);
                    }
                    self.last = last;
                    self.check();
                    let pool = self.spec.name().clone();
                    return Err(Error::ConditionFailed { pool, address: op.address(), problem });
                }
            }
        }
        self.check();
        Ok(())
    }

    fn apply_one(&mut self, op: &PoolOp, now: Time, cooldown: Duration) -> Result<Before, &'static str> {
        match op {
            PoolOp::Take(record) => {
                let before = self.insert(record, self.may_offer(record.address))?;
                self.last = Some(record.address);
                Ok(before)
            }
            PoolOp::TakeAgain(record) => self.insert(record, self.is_of_subnet(record.address)),
            PoolOp::Release { address, owner, seen } => {
                Ok(self.remove(*address, owner, seen.as_ref(), now, cooldown))
            }
            PoolOp::Rebind { address, from, to, stamp } => self.amend(*address, from, |record| {
                record.owner = to.clone();
                record.stamp.clone_from(stamp);
            }),
            PoolOp::Confirm { address, owner, stamp } => {
                self.amend(*address, owner, |record| record.stamp = Some(stamp.clone()))
            }
        }
    }

    /// Changes the record of this holder.
    fn amend(
        &mut self,
        address: Addr,
        owner: &Owner,
        change: impl FnOnce(&mut Record),
    ) -> Result<Before, &'static str> {
        let held = self.records.get(&address).ok_or("is not held any more")?.clone();
        if !held.0.owner.same_holder(owner) {
            return Err("is held by another owner");
        }
        let mut record = Record::clone(&held.0);
        change(&mut record);
        self.records.replace(Filed(Arc::new(record)));
        Ok(Before::Held(held.0))
    }

    /// Files a record, if nobody holds the address and nothing else stands against it.
    fn insert(&mut self, record: &Record, allowed: Result<(), Obstacle>) -> Result<Before, &'static str> {
        let address = record.address;
        if let Err(obstacle) = allowed {
            return Err(self.records.get(&address).map_or(obstacle.problem(), |_| HELD));
        }
        if !self.records.insert(Filed(Arc::new(record.clone()))) {
            return Err(HELD);
        }
        let since = self.stop_cooling(address);
        self.occupancy.take(address);
        Ok(since.map_or(Before::Free, Before::Cooling))
    }

    /// Frees the address, if the stored record still says so.
    fn remove(
        &mut self,
        address: Addr,
        owner: &Owner,
        seen: Option<&Stamp>,
        now: Time,
        cooldown: Duration,
    ) -> Before {
        let releases = |record: &Record| {
            record.owner.same_holder(owner) && seen.is_none_or(|stamp| record.stamp.as_ref() == Some(stamp))
        };
        if !self.record(address).is_some_and(releases) {
            return Before::Untouched;
        }
        let Some(Filed(record)) = self.records.take(&address) else { return Before::Untouched };
        if cooldown.is_zero() || !self.occupancy.space().contains(address) {
            self.occupancy.release(address);
        } else {
            self.cool(address, now);
        }
        Before::Held(record)
    }

    /// Puts an address back as it was.
    fn restore(&mut self, address: Addr, before: Before) {
        match before {
            Before::Untouched => {}
            Before::Held(record) => {
                self.stop_cooling(address);
                self.occupancy.take(address);
                self.records.replace(Filed(record));
            }
            Before::Cooling(since) => {
                self.records.remove(&address);
                self.cool(address, since);
            }
            Before::Free => {
                self.records.remove(&address);
                self.occupancy.release(address);
            }
        }
    }
}
