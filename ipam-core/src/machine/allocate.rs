//! The way of one allocation: read what the owner has, find what it lacks, commit, and on any trouble start again from what is stored.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use crate::machine::backoff::Backoff;
use crate::machine::plan::Plan;
use crate::machine::refusal::Refusal;
use crate::machine::{GiveUp, Input, Machine, Step};
use crate::pool::{PoolName, PoolSpec};
use crate::record::{Assignment, Attachment, Time};
use crate::request::AllocationRequest;
use crate::store::{Change, Class, PoolOp, Query, Version, View};

/// What an allocation has come to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Allocation {
    /// The addresses of the NICs that the request named, in its order.
    pub attachments: Vec<Attachment>,
    /// The pools that they are from, by name.
    pub pools: Vec<Arc<PoolSpec>>,
}

impl Allocation {
    /// The pool of an assignment.
    #[must_use]
    pub fn pool(&self, name: &PoolName) -> Option<&PoolSpec> {
        self.pools.iter().find(|pool| pool.name() == name).map(Arc::as_ref)
    }
}

/// Allocates addresses for all NICs of a request, or none.
///
/// A repeated request gets what is stored for its NICs. Where the store is not atomic, pools are written before
/// attachments; what a refused request took by then is given back, and what a crash leaves is claimed by the owner's next try.
#[derive(Clone, Debug)]
pub struct Allocate {
    request: AllocationRequest,
    atomic: bool,
    backoff: Backoff,
    state: State,
    /// Pools that the store refuses to write.
    banned: BTreeSet<PoolName>,
    /// What commits of this request took or may have taken, where they are not atomic.
    taken: BTreeSet<Assignment>,
}

#[derive(Clone, Debug)]
enum State {
    Start,
    Reading,
    Picking(Plan),
    Committing { plan: Plan, sent: Vec<Change>, left: VecDeque<Change> },
    GivingBack { left: VecDeque<Change>, then: Then },
    Paused(Option<(VecDeque<Change>, Then)>),
    Ended,
}

/// How the request ends once all is given back.
#[derive(Clone, Debug)]
enum Then {
    Succeed(Allocation),
    Refuse(Refusal),
    GiveUp(GiveUp),
}

type Next = Step<Result<Allocation, Refusal>>;

impl Allocate {
    /// A request to a store that is atomic, or not ([`Store::is_atomic`](crate::Store::is_atomic)).
    #[must_use]
    pub fn new(request: AllocationRequest, atomic: bool) -> Self {
        let backoff = Backoff::new(request.deadline, request.seed);
        Self {
            request,
            atomic,
            backoff,
            state: State::Start,
            banned: BTreeSet::new(),
            taken: BTreeSet::new(),
        }
    }

    fn read(&mut self) -> Next {
        self.state = State::Reading;
        Step::Read(Query::Holdings { owner: self.request.owner.clone(), pools: self.request.all_pools() })
    }

    /// Asks for the next missing address, or commits.
    fn advance(&mut self, mut plan: Plan, now: Time) -> Next {
        if let Some(query) = plan.question(&self.request, &self.banned, now) {
            self.state = State::Picking(plan);
            return Step::Read(Query::Pick(query));
        }
        if let Some(refusal) = plan.refusal(&self.request.owner) {
            // Where nothing but the store stands against it, the store's own words say more: a full disk, a size limit.
            let then =
                if refusal.is_unwritable() { Then::GiveUp(GiveUp::Store) } else { Then::Refuse(refusal) };
            return self.give_back(&plan, then, now);
        }
        let changes = plan.changes(&self.request, now);
        self.commit(plan, changes.into(), now)
    }

    fn commit(&mut self, plan: Plan, mut left: VecDeque<Change>, now: Time) -> Next {
        let sent: Vec<Change> =
            if self.atomic { left.drain(..).collect() } else { left.pop_front().into_iter().collect() };
        if sent.is_empty() {
            let allocation = Allocation { attachments: plan.attachments(), pools: plan.pools() };
            // What an earlier try took before the owner's attachments came to light, and this one did not need.
            let named: BTreeSet<&Assignment> =
                allocation.attachments.iter().flat_map(|attachment| &attachment.assignments).collect();
            let mut spare = plan.unattached(&self.request);
            spare.retain(|assignment| self.taken.contains(assignment) && !named.contains(assignment));
            return self.release(spare, Then::Succeed(allocation), now);
        }
        if !self.atomic {
            self.taken.extend(sent.iter().flat_map(takes));
        }
        self.state = State::Committing { plan, sent: sent.clone(), left };
        Step::Commit(sent)
    }

    fn committed(
        &mut self,
        plan: Plan,
        sent: &[Change],
        left: VecDeque<Change>,
        answer: Result<(), Class>,
        now: Time,
    ) -> Next {
        match (answer, sent) {
            (Ok(()), _) => self.commit(plan, left, now),
            // One pool is to blame: its other candidates are tried.
            (
                Err(Class::Rejected),
                [Change::Pool { pool, .. }] | [Change::Pool { pool, .. }, Change::Attachments { .. }],
            ) => {
                if self.banned.insert(pool.clone()) {
                    return self.read();
                }
                // It is not a new address but one that the owner has: no other pool helps.
                self.give_back(&plan, Then::GiveUp(GiveUp::Store), now)
            }
            (Err(Class::Rejected), [Change::Attachments { .. }]) if self.request.keeps_unattached => {
                self.end(Then::GiveUp(GiveUp::Store))
            }
            (Err(Class::Rejected), _) => self.give_back(&plan, Then::GiveUp(GiveUp::Store), now),
            (Err(class), _) => self.pause(class, now),
        }
    }

    fn pause(&mut self, class: Class, now: Time) -> Next {
        self.state = State::Paused(None);
        self.backoff.after(class, now)
    }

    /// Gives back what no attachment of this owner names.
    fn give_back(&mut self, plan: &Plan, then: Then, now: Time) -> Next {
        let mut stray = plan.unattached(&self.request);
        stray.append(&mut plan.without_attached(std::mem::take(&mut self.taken)));
        self.release(stray, then, now)
    }

    fn release(&mut self, stray: BTreeSet<Assignment>, then: Then, now: Time) -> Next {
        let mut left: VecDeque<Change> = VecDeque::new();
        for Assignment { pool, address } in stray {
            let op = PoolOp::Release { address, owner: self.request.owner.clone(), seen: None };
            match left.back_mut() {
                Some(Change::Pool { pool: last, ops, .. }) if *last == pool => ops.push(op),
                _ => left.push_back(Change::Pool {
                    pool,
                    version: Version::ANY,
                    ops: vec![op],
                    now,
                    cooldown: self.request.cooldown,
                }),
            }
        }
        self.go_on_giving_back(left, then)
    }

    fn go_on_giving_back(&mut self, left: VecDeque<Change>, then: Then) -> Next {
        match left.front() {
            Some(change) => {
                let change = change.clone();
                self.state = State::GivingBack { left, then };
                Step::Commit(vec![change])
            }
            None => self.end(then),
        }
    }

    fn given_back(
        &mut self,
        mut left: VecDeque<Change>,
        then: Then,
        answer: Result<(), Class>,
        now: Time,
    ) -> Next {
        match answer {
            Ok(()) | Err(Class::Rejected) => {
                left.pop_front();
                self.go_on_giving_back(left, then)
            }
            Err(class) => {
                let Step::WaitUntil(until) = self.backoff.after::<()>(class, now) else {
                    // What could not be given back waits for the owner's next try or its release.
                    return self.end(then);
                };
                self.state = State::Paused(Some((left, then)));
                Step::WaitUntil(until)
            }
        }
    }

    fn end(&mut self, then: Then) -> Next {
        self.state = State::Ended;
        match then {
            Then::Succeed(allocation) => Step::Done(Ok(allocation)),
            Then::Refuse(refusal) => Step::Done(Err(refusal)),
            Then::GiveUp(why) => Step::GiveUp(why),
        }
    }
}

impl Machine for Allocate {
    type Output = Result<Allocation, Refusal>;

    fn step(&mut self, now: Time, input: Input) -> Next {
        match (std::mem::replace(&mut self.state, State::Ended), input) {
            (State::Start | State::Paused(None), Input::Go) => self.read(),
            (State::Paused(Some((left, then))), Input::Go) => self.go_on_giving_back(left, then),
            (State::Reading, Input::Read(Ok(View::Holdings(holdings)))) => {
                let plan = Plan::settle(&self.request, holdings);
                self.advance(plan, now)
            }
            (State::Picking(mut plan), Input::Read(Ok(View::Pick(view)))) => {
                plan.note(&self.request, view);
                self.advance(plan, now)
            }
            (State::Reading | State::Picking(_), Input::Read(Err(class))) => self.pause(class, now),
            (State::Committing { plan, sent, left }, Input::Committed(answer)) => {
                self.committed(plan, &sent, left, answer.map(drop), now)
            }
            (State::GivingBack { left, then }, Input::Committed(answer)) => {
                self.given_back(left, then, answer.map(drop), now)
            }
            _ => Step::GiveUp(GiveUp::Contract),
        }
    }
}

/// The addresses that a change takes.
fn takes(change: &Change) -> Vec<Assignment> {
    let Change::Pool { pool, ops, .. } = change else { return Vec::new() };
    ops.iter()
        .filter_map(|op| match op {
            PoolOp::Take(record) | PoolOp::TakeAgain(record) => {
                Some(Assignment { pool: pool.clone(), address: record.address })
            }
            PoolOp::Release { .. } | PoolOp::Rebind { .. } | PoolOp::Confirm { .. } => None,
        })
        .collect()
}
