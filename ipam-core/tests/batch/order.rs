//! The head of group commit between machines and a store that fails, in any order of events: the simulator of the test kit with one
//! more layer. Events are a machine's step, a dispatch, its execution, its answer, and a caller who hangs up.

use std::collections::BTreeMap;

use ipam_core::batch::{Batcher, FlightId, Limits, Outcome, Reply, Ticket, Work};
use ipam_core::testkit::{FaultRates, FaultStore, MemoryStore};
use ipam_core::{
    Allocation, Input, Machine, Owner, PickView, Query, Refusal, Step, Store, StoreError as _, Time, View,
};

use crate::bed::{allocate, owner, pools, release};
use crate::executor::Dice;

enum Outcomes {
    Allocated(Result<Allocation, Refusal>),
    Released,
}

enum Errand {
    Allocate(Box<ipam_core::Allocate>),
    Release(Box<ipam_core::Release>),
}

impl Errand {
    fn step(&mut self, now: Time, input: Input) -> Step<Outcomes> {
        fn map<T>(step: Step<T>, done: impl Fn(T) -> Outcomes) -> Step<Outcomes> {
            match step {
                Step::Read(query) => Step::Read(query),
                Step::Commit(changes) => Step::Commit(changes),
                Step::WaitUntil(time) => Step::WaitUntil(time),
                Step::Done(output) => Step::Done(done(output)),
                Step::GiveUp(why) => Step::GiveUp(why),
            }
        }
        match self {
            Self::Allocate(machine) => map(machine.step(now, input), Outcomes::Allocated),
            Self::Release(machine) => map(machine.step(now, input), |_| Outcomes::Released),
        }
    }
}

/// What a caller does at the moment.
enum Stage {
    /// Its next step has this input.
    Ready(Input),
    Waits(Ticket),
    Pauses(Time),
}

struct Caller {
    number: usize,
    errand: Errand,
    stage: Stage,
}

/// What the store has done, on its way back.
struct World {
    store: FaultStore<MemoryStore>,
    batcher: Batcher,
    sent: BTreeMap<FlightId, Work>,
    replies: BTreeMap<FlightId, Reply>,
    callers: Vec<Caller>,
    /// Those who hung up while a commit of theirs may have been on board. Until it has landed their owner asks for nothing: it would
    /// be answered from a state that the commit is about to change.
    abroad: Vec<(FlightId, usize)>,
    dice: Dice,
    now: Time,
    commits: usize,
}

impl World {
    fn new(store: MemoryStore, faults: FaultRates, seed: u64) -> Self {
        let limits = Limits { members_max: 8, ..Limits::default() };
        let batcher = Batcher::new(Store::is_atomic(&store), limits);
        Self {
            store: FaultStore::new(store, faults, seed),
            batcher,
            sent: BTreeMap::new(),
            replies: BTreeMap::new(),
            callers: Vec::new(),
            abroad: Vec::new(),
            dice: Dice::new(seed),
            now: Time::default(),
            commits: 0,
        }
    }

    fn spawn(&mut self, number: usize, allocates: bool) {
        let atomic = self.store.is_atomic();
        let errand = if allocates {
            Errand::Allocate(Box::new(allocate(number, true, atomic)))
        } else {
            Errand::Release(Box::new(release(number, atomic)))
        };
        self.callers.push(Caller { number, errand, stage: Stage::Ready(Input::Go) });
    }

    /// Any one event that can happen now; false if none can.
    fn event(&mut self) -> bool {
        let sent: Vec<FlightId> = self.sent.keys().copied().collect();
        let replies: Vec<FlightId> = self.replies.keys().copied().collect();
        let ready = |caller: &Caller| match caller.stage {
            Stage::Ready(_) => true,
            Stage::Pauses(until) => until <= self.now,
            Stage::Waits(_) => false,
        };
        let ready: Vec<usize> =
            (0..self.callers.len()).filter(|index| ready(&self.callers[*index])).collect();
        let choices = ready.len() + sent.len() + replies.len() + 1;
        let mut choice = self.dice.roll(choices);
        if choice == 0 {
            return self.dispatch() || choices > 1 || self.wait();
        }
        choice -= 1;
        if let Some(index) = ready.get(choice) {
            self.step(*index);
        } else if let Some(flight) = sent.get(choice - ready.len()) {
            self.execute(*flight);
        } else {
            self.land(replies[choice - ready.len() - sent.len()]);
        }
        true
    }

    fn dispatch(&mut self) -> bool {
        let Some(dispatch) = self.batcher.next() else { return false };
        assert!(self.sent.insert(dispatch.flight, dispatch.work).is_none());
        true
    }

    fn wait(&mut self) -> bool {
        let pauses = self.callers.iter().filter_map(|caller| match caller.stage {
            Stage::Pauses(until) => Some(until),
            Stage::Ready(_) | Stage::Waits(_) => None,
        });
        let Some(until) = pauses.min() else { return false };
        self.now = self.now.max(until);
        true
    }

    fn execute(&mut self, flight: FlightId) {
        let reply = match self.sent.remove(&flight).unwrap() {
            Work::Pick(queries) => Reply::Picked(self.pick(queries)),
            Work::Commit(changes) => {
                self.commits += 1;
                Reply::Committed(self.store.commit(&changes).map_err(|error| error.class()))
            }
            _ => panic!("a kind of work that the test does not know"),
        };
        self.replies.insert(flight, reply);
    }

    fn pick(&mut self, queries: Vec<ipam_core::PickQuery>) -> Result<Vec<View>, ipam_core::Class> {
        let (mut views, mut given) = (Vec::new(), Vec::new());
        for mut query in queries {
            query.except.extend(&given);
            let view = self.store.read(&Query::Pick(query)).map_err(|error| error.class())?;
            if let View::Pick(PickView { outcome: Ok(address), .. }) = &view {
                given.push(*address);
            }
            views.push(view);
        }
        Ok(views)
    }

    fn land(&mut self, flight: FlightId) {
        let reply = self.replies.remove(&flight).unwrap();
        self.abroad.retain(|(other, _)| *other != flight);
        for (ticket, outcome) in self.batcher.answered(flight, reply) {
            let waits = |caller: &&mut Caller| matches!(caller.stage, Stage::Waits(other) if other == ticket);
            let caller = self.callers.iter_mut().find(waits).expect("who is told something waits for it");
            caller.stage = Stage::Ready(match outcome {
                Outcome::Picked(answer) => Input::Read(answer),
                Outcome::Committed(answer) => Input::Committed(answer),
                _ => panic!("an outcome that the test does not know"),
            });
            self.batcher.close(ticket);
        }
    }

    fn step(&mut self, index: usize) {
        // One in fifty hangs up instead.
        if self.dice.roll(50) == 0 {
            self.callers.remove(index);
            return;
        }
        let caller = &mut self.callers[index];
        let input = match std::mem::replace(&mut caller.stage, Stage::Pauses(self.now)) {
            Stage::Ready(input) => input,
            Stage::Waits(_) | Stage::Pauses(_) => Input::Go,
        };
        caller.stage = match caller.errand.step(self.now, input) {
            Step::Read(Query::Pick(query)) => Stage::Waits(self.batcher.pick(query)),
            Step::Read(query) => {
                Stage::Ready(Input::Read(self.store.read(&query).map_err(|error| error.class())))
            }
            Step::Commit(changes) => Stage::Waits(self.batcher.commit(changes)),
            Step::WaitUntil(until) => Stage::Pauses(until),
            Step::Done(Outcomes::Allocated(outcome)) => {
                let (number, allocation) = (caller.number, outcome);
                self.callers.remove(index);
                if let Ok(allocation) = allocation {
                    self.acknowledge(&owner(number), &allocation);
                }
                return;
            }
            Step::Done(Outcomes::Released) | Step::GiveUp(_) => {
                self.callers.remove(index);
                return;
            }
        };
    }

    /// What is acknowledged is stored: an owner's requests come one after the other here.
    fn acknowledge(&mut self, owner: &Owner, allocation: &Allocation) {
        let records = self.store.inner().records();
        for assignment in allocation.attachments.iter().flat_map(|attachment| &attachment.assignments) {
            let stored = records.iter().find(|(_, record)| record.address == assignment.address);
            let (pool, record) = stored.expect("what is acknowledged has its record");
            assert_eq!((pool, &record.owner), (&assignment.pool, owner));
        }
    }

    fn hang_up(&mut self) {
        let Some(index) = self.dice.roll(self.callers.len() + 1).checked_sub(1) else { return };
        if let Stage::Waits(ticket) = self.callers[index].stage {
            let flight = self.batcher.flight_of(ticket);
            self.batcher.close(ticket);
            let caller = self.callers.remove(index);
            self.abroad.extend(flight.map(|flight| (flight, caller.number)));
        }
    }
}

fn run(store: MemoryStore, faults: FaultRates, seed: u64) -> (usize, usize) {
    // Fewer addresses than owners.
    let mut world = World::new(pools(store, 20), faults, seed);
    let (mut operations, mut busy) = (0, Vec::new());
    while operations < 300 || !world.callers.is_empty() {
        if world.callers.len() < 16 && operations < 300 {
            busy.clear();
            busy.extend(world.callers.iter().map(|caller| caller.number));
            busy.extend(world.abroad.iter().map(|(_, number)| *number));
            let number = world.dice.roll(30);
            // Requests of one owner are serialized, as every caller has to do.
            if !busy.contains(&number) {
                let allocates = world.dice.roll(3) > 0;
                world.spawn(number, allocates);
                operations += 1;
            }
        }
        if world.dice.roll(100) == 0 {
            world.hang_up();
        }
        assert!(world.event() || world.callers.is_empty(), "seed {seed}: nothing can happen any more");
    }
    while world.event() {}
    assert!(world.batcher.is_idle(), "seed {seed}: {:?}", world.batcher);
    (operations, world.commits)
}

#[test]
fn any_order_of_events_keeps_the_books() {
    for store in [MemoryStore::atomic, MemoryStore::one_at_a_time] {
        for faults in [FaultRates::default(), FaultRates::rough()] {
            for seed in 1..=15 {
                let (operations, commits) = run(store(), faults, seed);
                assert!(operations == 300 && commits > 0, "seed {seed}");
            }
        }
    }
}
