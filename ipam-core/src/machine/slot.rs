//! One place to be filled: a NIC's address of one family, from open to picked or refused.

use std::collections::BTreeSet;

use crate::addr::{Addr, Family};
use crate::machine::refusal::{Verdict, Why};
use crate::owner::Nic;
use crate::pool::{PoolName, PoolSpec};
use crate::record::{Assignment, Record};
use crate::request::AllocationRequest;
use crate::store::{Holding, PoolOp, Version, Want};

/// One address that the request is about: of one NIC and one family.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) nic: Nic,
    pub(super) family: Family,
    pub(super) candidates: Vec<PoolName>,
    pub(super) ask: Option<Addr>,
    pub(super) place: Place,
}

/// Where the address of a slot comes from.
#[derive(Clone, Debug)]
pub(super) enum Place {
    /// The owner has the record; whether an attachment names it shows when the attachments are compared.
    Held(Holding),
    /// An earlier incarnation has the record.
    Rebound(Holding),
    /// An attachment names the address, but the record is gone: take it again, if nobody else has it.
    Again(Assignment),
    /// Chosen in this plan.
    Picked { assignment: Assignment, version: Version, again: bool },
    /// To be found: the candidates before `next` have been tried.
    Open { next: usize, verdicts: Vec<Verdict> },
    /// Not to be had.
    Refused(Vec<Verdict>),
}

impl Slot {
    pub(super) const fn is_undecided(&self) -> bool {
        matches!(self.place, Place::Again(_) | Place::Open { .. })
    }

    /// An address that this plan takes, and that another slot must not take too.
    pub(super) fn planned(&self) -> Option<Addr> {
        match &self.place {
            Place::Picked { assignment, .. } | Place::Again(assignment) => Some(assignment.address),
            Place::Held(_) | Place::Rebound(_) | Place::Open { .. } | Place::Refused(_) => None,
        }
    }

    pub(super) fn assignment(&self) -> Option<Assignment> {
        match &self.place {
            Place::Held(holding) | Place::Rebound(holding) => {
                Some(Assignment { pool: holding.pool.clone(), address: holding.record.address })
            }
            Place::Picked { assignment, .. } => Some(assignment.clone()),
            Place::Again(_) | Place::Open { .. } | Place::Refused(_) => None,
        }
    }

    /// Refuses the slot for one reason, if it is still open.
    pub(super) fn refuse(&mut self, why: &Why) {
        if let Place::Open { .. } = self.place {
            let verdict = |pool: &PoolName| Verdict { pool: pool.clone(), why: why.clone() };
            self.place = Place::Refused(self.candidates.iter().map(verdict).collect());
        }
    }

    /// Which pool to ask for what; refuses the slot when no candidate is left.
    pub(super) fn next_pool(
        &mut self,
        request: &AllocationRequest,
        banned: &BTreeSet<PoolName>,
    ) -> Option<(PoolName, Want)> {
        if let Place::Again(assignment) = &self.place {
            return Some((assignment.pool.clone(), Want::Again(assignment.address)));
        }
        let Place::Open { next, verdicts } = &mut self.place else { return None };
        while let Some(pool) = self.candidates.get(*next) {
            if !banned.contains(pool) {
                let start = request.policy.start(&request.owner, &self.nic);
                return Some((pool.clone(), self.ask.map_or(Want::Any(start), Want::Exactly)));
            }
            verdicts.push(Verdict { pool: pool.clone(), why: Why::Unwritable });
            *next = next.saturating_add(1);
        }
        self.place = Place::Refused(std::mem::take(verdicts));
        None
    }

    pub(super) fn note(&mut self, version: Version, spec: Option<&PoolSpec>, outcome: Result<Addr, Why>) {
        let outcome = match outcome {
            Ok(address)
                if spec.is_none_or(|spec| spec.family() != self.family)
                    || address.family() != self.family =>
            {
                Err(Why::WrongFamily)
            }
            Err(_) if spec.is_some_and(|spec| spec.family() != self.family) => Err(Why::WrongFamily),
            other => other,
        };
        let next = match (&mut self.place, outcome) {
            (Place::Again(assignment), Ok(_)) => {
                Place::Picked { assignment: assignment.clone(), version, again: true }
            }
            // Somebody else has the address by now: it is forgotten, and another one is found.
            (Place::Again(_), Err(_)) => Place::Open { next: 0, verdicts: Vec::new() },
            (Place::Open { next, .. }, Ok(address)) => match self.candidates.get(*next) {
                Some(pool) => Place::Picked {
                    assignment: Assignment { pool: pool.clone(), address },
                    version,
                    again: false,
                },
                None => return,
            },
            (Place::Open { next, verdicts }, Err(why)) => {
                let mut verdicts = std::mem::take(verdicts);
                if let Some(pool) = self.candidates.get(*next) {
                    verdicts.push(Verdict { pool: pool.clone(), why });
                }
                Place::Open { next: next.saturating_add(1), verdicts }
            }
            _ => return,
        };
        self.place = next;
    }

    pub(super) fn op(&self, request: &AllocationRequest) -> Option<(PoolName, Version, PoolOp)> {
        let stamp = &request.stamp;
        match &self.place {
            Place::Held(holding) => {
                let stamp = stamp.clone()?;
                let stored = holding.record.stamp.as_ref();
                if stored.is_some_and(|stored| stored.boot == stamp.boot) {
                    return None;
                }
                let (address, owner) = (holding.record.address, holding.record.owner.clone());
                Some((holding.pool.clone(), Version::ANY, PoolOp::Confirm { address, owner, stamp }))
            }
            Place::Rebound(holding) => {
                let (address, from) = (holding.record.address, holding.record.owner.clone());
                let op = PoolOp::Rebind { address, from, to: request.owner.clone(), stamp: stamp.clone() };
                Some((holding.pool.clone(), Version::ANY, op))
            }
            Place::Picked { assignment, version, again } => {
                let record = Record {
                    address: assignment.address,
                    owner: request.owner.clone(),
                    stamp: stamp.clone(),
                };
                let op = if *again { PoolOp::TakeAgain(record) } else { PoolOp::Take(record) };
                Some((assignment.pool.clone(), version.clone(), op))
            }
            Place::Again(_) | Place::Open { .. } | Place::Refused(_) => None,
        }
    }
}
