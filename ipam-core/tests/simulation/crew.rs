//! Requests of one writer, which share a boat: each commit and pick goes through the writer's batcher, and whoever finds something to
//! send rows it to the store and back for all.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use ipam_core::batch::{Batcher, FlightId, Limits, Outcome, Reply, Ticket, Work};
use ipam_core::{
    Change, Class, Input, Machine, Owner, PickQuery, PickView, PoolOp, Query, Step, Time, Version, View,
};

/// How long somebody waits before looking again whether there is an answer.
const LOOK: Duration = Duration::from_millis(1);

/// How long the answer to a commit takes to come back.
const CROSSING: Duration = Duration::from_millis(20);

/// What the requests of one writer share.
#[derive(Debug)]
pub(crate) struct Boat {
    batcher: Batcher,
    answers: BTreeMap<Ticket, Outcome>,
    /// Commits that were for several owners.
    pub(crate) batches: u64,
}

impl Boat {
    pub(crate) fn new(is_atomic: bool) -> Rc<RefCell<Self>> {
        let batcher = Batcher::new(is_atomic, Limits::default());
        Rc::new(RefCell::new(Self { batcher, answers: BTreeMap::new(), batches: 0 }))
    }

    fn answered(&mut self, flight: FlightId, reply: Reply) {
        self.answers.extend(self.batcher.answered(flight, reply));
    }

    fn close(&mut self, ticket: Ticket) {
        self.batcher.close(ticket);
        self.answers.remove(&ticket);
    }
}

/// A way to the store and back for all.
#[derive(Debug)]
struct Row {
    flight: FlightId,
    /// Picks that are still to be asked, and the answers so far.
    queries: Vec<PickQuery>,
    views: Vec<View>,
}

#[derive(Debug)]
enum State {
    /// The machine is told what comes.
    Own,
    /// Its call is none that can be shared.
    Direct(Ticket),
    /// Its call waits.
    Waiting(Ticket),
    /// Its call waits, and it rows.
    Rowing(Ticket, Row),
    /// It is on its way back with the answer to a commit; meanwhile others queue.
    Returning(Ticket, FlightId, Result<Vec<Version>, Class>),
}

/// A machine in a boat.
#[derive(Debug)]
pub(crate) struct Crewed<M> {
    machine: M,
    boat: Option<Rc<RefCell<Boat>>>,
    state: State,
}

impl<M> Crewed<M> {
    /// Without a boat it goes to the store alone.
    pub(crate) const fn new(machine: M, boat: Option<Rc<RefCell<Boat>>>) -> Self {
        Self { machine, boat, state: State::Own }
    }
}

/// Whom an operation is for.
pub(crate) const fn owner_of(op: &PoolOp) -> Option<&Owner> {
    match op {
        PoolOp::Take(record) | PoolOp::TakeAgain(record) => Some(&record.owner),
        PoolOp::Release { owner, .. } | PoolOp::Confirm { owner, .. } => Some(owner),
        PoolOp::Rebind { to, .. } => Some(to),
        _ => None,
    }
}

fn owners(changes: &[Change]) -> usize {
    let mut owners: BTreeSet<&Owner> = BTreeSet::new();
    for change in changes {
        match change {
            Change::Pool { ops, .. } => owners.extend(ops.iter().filter_map(owner_of)),
            Change::Attachments { owner, .. } => drop(owners.insert(owner)),
            _ => {}
        }
    }
    owners.len()
}

/// The next question of a row, or its end.
fn row_on(boat: &RefCell<Boat>, ticket: Ticket, mut row: Row) -> (State, Option<Query>) {
    let Some(query) = row.queries.first().cloned() else {
        boat.borrow_mut().answered(row.flight, Reply::Picked(Ok(row.views)));
        return (State::Waiting(ticket), None);
    };
    row.queries.remove(0);
    (State::Rowing(ticket, row), Some(Query::Pick(query)))
}

/// Notes the answer to one pick: the others of the same pool are to get other addresses.
fn picked(boat: &RefCell<Boat>, row: &mut Row, answer: Result<View, Class>) -> bool {
    match answer {
        Ok(view) => {
            if let View::Pick(PickView { outcome: Ok(address), .. }) = &view {
                row.queries.iter_mut().for_each(|query| query.except.push(*address));
            }
            row.views.push(view);
            true
        }
        Err(class) => {
            boat.borrow_mut().answered(row.flight, Reply::Picked(Err(class)));
            false
        }
    }
}

impl<M: Machine> Machine for Crewed<M> {
    type Output = M::Output;

    fn step(&mut self, now: Time, input: Input) -> Step<M::Output> {
        let Some(boat) = self.boat.clone() else { return self.machine.step(now, input) };
        let mut input = input;
        loop {
            match std::mem::replace(&mut self.state, State::Own) {
                State::Own => match self.machine.step(now, input) {
                    Step::Read(Query::Pick(query)) => {
                        self.state = State::Waiting(boat.borrow_mut().batcher.pick(query));
                    }
                    Step::Commit(changes) => {
                        self.state = State::Waiting(boat.borrow_mut().batcher.commit(changes));
                    }
                    Step::Read(query) => {
                        self.state = State::Direct(boat.borrow_mut().batcher.enter());
                        return Step::Read(query);
                    }
                    step => return step,
                },
                State::Direct(ticket) => {
                    boat.borrow_mut().close(ticket);
                    continue;
                }
                State::Rowing(ticket, mut row) => {
                    let goes_on = match std::mem::replace(&mut input, Input::Go) {
                        Input::Read(answer) => picked(&boat, &mut row, answer),
                        Input::Committed(answer) => {
                            self.state = State::Returning(ticket, row.flight, answer);
                            return Step::WaitUntil(now + CROSSING);
                        }
                        Input::Go => false,
                    };
                    let (state, query) =
                        if goes_on { row_on(&boat, ticket, row) } else { (State::Waiting(ticket), None) };
                    self.state = state;
                    if let Some(query) = query {
                        return Step::Read(query);
                    }
                    continue;
                }
                State::Returning(ticket, flight, answer) => {
                    boat.borrow_mut().answered(flight, Reply::Committed(answer));
                    self.state = State::Waiting(ticket);
                    continue;
                }
                State::Waiting(ticket) => {
                    let answer = boat.borrow_mut().answers.remove(&ticket);
                    if let Some(answer) = answer {
                        boat.borrow_mut().close(ticket);
                        input = match answer {
                            Outcome::Picked(answer) => Input::Read(answer),
                            Outcome::Committed(answer) => Input::Committed(answer),
                            _ => panic!("an answer of a third kind"),
                        };
                        continue;
                    }
                    let dispatch = boat.borrow_mut().batcher.next();
                    let Some(dispatch) = dispatch else {
                        self.state = State::Waiting(ticket);
                        return Step::WaitUntil(now + LOOK);
                    };
                    let mut row = Row { flight: dispatch.flight, queries: Vec::new(), views: Vec::new() };
                    match dispatch.work {
                        Work::Commit(changes) => {
                            boat.borrow_mut().batches += u64::from(owners(&changes) > 1);
                            self.state = State::Rowing(ticket, row);
                            return Step::Commit(changes);
                        }
                        Work::Pick(queries) => {
                            row.queries = queries;
                            let (state, query) = row_on(&boat, ticket, row);
                            self.state = state;
                            if let Some(query) = query {
                                return Step::Read(query);
                            }
                        }
                        _ => panic!("work of a third kind"),
                    }
                }
            }
            input = Input::Go;
        }
    }
}

/// Whoever goes overboard leaves the queue; what was rowed has no answer.
impl<M> Drop for Crewed<M> {
    fn drop(&mut self) {
        let Some(boat) = &self.boat else { return };
        let mut boat = boat.borrow_mut();
        match std::mem::replace(&mut self.state, State::Own) {
            State::Own => {}
            State::Direct(ticket) | State::Waiting(ticket) => boat.close(ticket),
            State::Rowing(ticket, Row { flight, .. }) | State::Returning(ticket, flight, _) => {
                boat.answered(flight, Reply::Committed(Err(Class::Unavailable)));
                boat.close(ticket);
            }
        }
    }
}
