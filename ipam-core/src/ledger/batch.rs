//! Many requests for one pool, planned together.
//!
//! A writer whose every write costs the whole pool (a custom resource) gathers what waits while a write is under way and
//! plans it as one: releases first, but what they free is the last to be given, and a request that cannot be met fails alone.

use std::time::Duration;

use crate::addr::Addr;
use crate::ledger::state::PoolState;
use crate::owner::Owner;
use crate::record::{Record, Stamp, Time};
use crate::store::{Obstacle, PickQuery, PoolOp, Want};

/// One request of a batch.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Demand {
    /// An address for this owner.
    Take {
        /// Who asks.
        owner: Owner,
        /// Which address.
        want: Want,
        /// Stamp of the record.
        stamp: Option<Stamp>,
    },
    /// The address back, if this owner still holds it.
    Release {
        /// The address.
        address: Addr,
        /// The holder.
        owner: Owner,
    },
}

/// What became of a [`Demand`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Served {
    /// The owner has this address now.
    Taken(Addr),
    /// Nothing has changed for this request; the reason.
    Refused(Obstacle),
    /// Whether there was something to release.
    Released(bool),
}

impl PoolState {
    /// Serves a batch; the answers are in the order of the demands.
    pub fn serve(&mut self, batch: &[Demand], now: Time, cooldown: Duration) -> Vec<Served> {
        // What the batch frees cools at least until its end, so that it is given last.
        let within = cooldown.max(Duration::from_millis(1));
        let mut served: Vec<Option<Served>> =
            batch.iter().map(|demand| self.serve_release(demand, now, within)).collect();
        for (demand, answer) in batch.iter().zip(&mut served) {
            if let (Demand::Take { owner, want, stamp }, None) = (demand, &answer) {
                *answer = Some(self.serve_take(owner, *want, stamp.clone(), now, within));
            }
        }
        if cooldown.is_zero() {
            self.forget_cooling();
        }
        served.into_iter().map(|answer| answer.unwrap_or(Served::Released(false))).collect()
    }

    fn serve_release(&mut self, demand: &Demand, now: Time, cooldown: Duration) -> Option<Served> {
        let Demand::Release { address, owner } = demand else { return None };
        let before = self.len();
        let op = PoolOp::Release { address: *address, owner: owner.clone(), seen: None };
        let released = self.apply(&[op], now, cooldown).is_ok() && self.len() < before;
        Some(Served::Released(released))
    }

    fn serve_take(
        &mut self,
        owner: &Owner,
        want: Want,
        stamp: Option<Stamp>,
        now: Time,
        cooldown: Duration,
    ) -> Served {
        let query = PickQuery { pool: self.spec().name().clone(), want, except: Vec::new(), now, cooldown };
        match self.pick(&query) {
            Ok(address) => {
                let record = Record { address, owner: owner.clone(), stamp };
                let op = if matches!(want, Want::Again(_)) {
                    PoolOp::TakeAgain(record)
                } else {
                    PoolOp::Take(record)
                };
                match self.apply(&[op], now, cooldown) {
                    Ok(()) => Served::Taken(address),
                    // Not reached: what was just picked can be taken. Refusing is the safe answer all the same.
                    Err(_) => Served::Refused(Obstacle::Exhausted { capacity: self.capacity() }),
                }
            }
            Err(obstacle) => Served::Refused(obstacle),
        }
    }
}
