//! The way of a release. DEL, the command line and clean-up after a conflict all take it.

use std::collections::{BTreeMap, VecDeque};

use crate::machine::backoff::Backoff;
use crate::machine::{GiveUp, Input, Machine, Step};
use crate::pool::PoolName;
use crate::record::{Assignment, Time};
use crate::request::{ReleaseRequest, ReleaseScope};
use crate::store::{AttachmentOp, Change, Holding, Holdings, PoolOp, Query, Version, View};

/// What a release has freed. Empty: there was nothing of this owner, which is success too.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Released {
    /// The addresses that this call found held by the owner and freed.
    pub addresses: Vec<Assignment>,
}

/// Frees what a request names and the stored records still give to its owner.
///
/// Pools are written before attachments, so that a crash between the two leaves an attachment without records, which the
/// owner's next allocation or another release mends.
#[derive(Clone, Debug)]
pub struct Release {
    request: ReleaseRequest,
    atomic: bool,
    backoff: Backoff,
    state: State,
    released: Vec<Assignment>,
}

#[derive(Clone, Debug)]
enum State {
    Start,
    Reading,
    Committing(VecDeque<Change>),
    Ended,
}

impl Release {
    /// A request to a store that is atomic, or not.
    #[must_use]
    pub fn new(request: ReleaseRequest, atomic: bool) -> Self {
        let backoff = Backoff::new(request.deadline, request.seed);
        Self { request, atomic, backoff, state: State::Start, released: Vec::new() }
    }

    fn commit(&mut self, mut left: VecDeque<Change>) -> Step<Released> {
        let sent: Vec<Change> =
            if self.atomic { left.drain(..).collect() } else { left.pop_front().into_iter().collect() };
        if sent.is_empty() {
            self.state = State::Ended;
            return Step::Done(Released { addresses: std::mem::take(&mut self.released) });
        }
        self.state = State::Committing(left);
        Step::Commit(sent)
    }

    fn pause(&mut self, class: crate::store::Class, now: Time) -> Step<Released> {
        self.state = State::Start;
        self.backoff.after(class, now)
    }

    /// The changes that free what the scope covers.
    fn changes(&mut self, holdings: &Holdings, now: Time) -> VecDeque<Change> {
        let mine = |holding: &&Holding| holding.record.owner.same_holder(&self.request.owner);
        let doomed: Vec<Holding> =
            holdings.records.iter().filter(mine).filter(|h| self.covers(holdings, h)).cloned().collect();
        let mut pools: BTreeMap<PoolName, Vec<PoolOp>> = BTreeMap::new();
        for Holding { pool, record, .. } in &doomed {
            let op = PoolOp::Release { address: record.address, owner: record.owner.clone(), seen: None };
            pools.entry(pool.clone()).or_default().push(op);
            let assignment = Assignment { pool: pool.clone(), address: record.address };
            // A try whose answer was lost has freed some already: those are not found again, but they count.
            if !self.released.contains(&assignment) {
                self.released.push(assignment);
            }
        }
        let cooldown = self.request.cooldown;
        let change = |(pool, ops)| Change::Pool { pool, version: Version::ANY, ops, now, cooldown };
        let mut changes: VecDeque<Change> = pools.into_iter().map(change).collect();
        let ops = self.attachment_ops(holdings);
        if !ops.is_empty() {
            let version = holdings.version.clone();
            changes.push_back(Change::Attachments { owner: self.request.owner.clone(), version, ops });
        }
        changes
    }

    fn covers(&self, holdings: &Holdings, holding: &Holding) -> bool {
        let named = nic_of(holdings, holding);
        match &self.request.scope {
            ReleaseScope::All => true,
            ReleaseScope::Address(address) => holding.record.address == *address,
            ReleaseScope::Nic(nic) => match named {
                Some(named) => named == nic,
                None => holdings.attachments.iter().all(|attachment| attachment.nic == *nic),
            },
        }
    }

    fn attachment_ops(&self, holdings: &Holdings) -> Vec<AttachmentOp> {
        // Attachments that another incarnation wrote are its own business.
        if holdings.bound.as_ref().is_some_and(|bound| !bound.same_holder(&self.request.owner)) {
            return Vec::new();
        }
        match &self.request.scope {
            ReleaseScope::All if holdings.attachments.is_empty() => Vec::new(),
            ReleaseScope::All => vec![AttachmentOp::Clear],
            ReleaseScope::Nic(nic) => holdings
                .attachments
                .iter()
                .filter(|attachment| attachment.nic == *nic)
                .map(|attachment| AttachmentOp::Remove(attachment.nic.clone()))
                .collect(),
            ReleaseScope::Address(address) => {
                // Also where a try whose answer was lost, or a crash, has left the name behind.
                let named = holdings.attachments.iter().flat_map(|attachment| &attachment.assignments);
                let named = named.into_iter().any(|assignment| assignment.address == *address);
                let others = |holding: &Holding| {
                    holding.record.address == *address
                        && !holding.record.owner.same_holder(&self.request.owner)
                };
                let forget = named && !holdings.records.iter().any(others);
                forget.then_some(AttachmentOp::Forget(*address)).into_iter().collect()
            }
        }
    }
}

/// The NIC whose attachment names the record.
fn nic_of<'a>(holdings: &'a Holdings, holding: &Holding) -> Option<&'a crate::owner::Nic> {
    let named = |assignment: &Assignment| {
        assignment.pool == holding.pool && assignment.address == holding.record.address
    };
    holdings
        .attachments
        .iter()
        .find(|attachment| attachment.assignments.iter().any(named))
        .map(|attachment| &attachment.nic)
}

impl Machine for Release {
    type Output = Released;

    fn step(&mut self, now: Time, input: Input) -> Step<Released> {
        match (std::mem::replace(&mut self.state, State::Ended), input) {
            (State::Start, Input::Go) => {
                self.state = State::Reading;
                Step::Read(Query::Holdings { owner: self.request.owner.clone(), pools: Vec::new() })
            }
            (State::Reading, Input::Read(Ok(View::Holdings(holdings)))) => {
                let changes = self.changes(&holdings, now);
                self.commit(changes)
            }
            (State::Reading, Input::Read(Err(class))) => self.pause(class, now),
            (State::Committing(left), Input::Committed(Ok(_))) => self.commit(left),
            (State::Committing(_), Input::Committed(Err(class))) => self.pause(class, now),
            _ => Step::GiveUp(GiveUp::Contract),
        }
    }
}
