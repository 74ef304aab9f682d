//! The third driver: many machines on one store, every order of events and every fault decided by a seed.

use std::fmt;

use crate::machine::{GiveUp, Input, Machine, Step};
use crate::owner::{Owner, OwnerKind};
use crate::record::Time;
use crate::store::{Store, StoreError};
use crate::testkit::fault::{FaultRates, FaultStore};

/// Longest time between two events, in milliseconds: with pauses of 4 ms and more, others run in between.
const TICK_MS_MAX: u64 = 3;

/// How rough the simulated world is. Rates are in thousandths.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Weather {
    /// Faults of the store.
    pub faults: FaultRates,
    /// How often a machine is dropped instead of getting its next answer, as if its process were killed.
    pub crash: u16,
}

impl Weather {
    /// Faults as in [`FaultRates::rough`], and one crash in a hundred steps.
    #[must_use]
    pub const fn rough() -> Self {
        Self { faults: FaultRates::rough(), crash: 10 }
    }
}

/// A machine in the simulator.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TaskId(u64);

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {}", self.0)
    }
}

/// How a machine ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Ended<T> {
    /// With its outcome.
    Done(T),
    /// Without one.
    GaveUp(GiveUp),
    /// It was dropped on the way; what it had stored by then stays.
    Crashed,
}

/// One event of the simulated world.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Event<T> {
    /// A machine took a step.
    Stepped(TaskId),
    /// A machine has ended.
    Ended(TaskId, Ended<T>),
    /// No machine is left.
    Idle,
}

/// Runs machines on a store, a step of one of them at a time.
///
/// Between a machine's commit and its answer any other machine may run; an answer may get lost, and so may the machine. The
/// same seed and the same calls give the same run. Requests of one holder ([`Owner::uid`]) are serialized, as every
/// caller of the machines has to do; those of two incarnations are not.
///
/// ```
/// use ipam_core::testkit::{Ended, Event, MemoryStore, Simulator, Weather, conformance};
/// use ipam_core::{Allocate, AllocationRequest, NicRequest, Owner, PoolFields, PoolSpec, Time};
///
/// let fields = PoolFields { subnet: "10.6.0.0/24".into(), ips: vec!["10.6.0.10-10.6.0.19".into()], ..PoolFields::default() };
/// let pools = vec![PoolSpec::new(&"v4".parse()?, &fields)?];
/// let store = conformance::Setup::new(pools, Vec::new()).memory(MemoryStore::one_at_a_time())?;
/// let mut world = Simulator::new(store.clone(), Weather::default(), 7);
/// for id in ["a", "b", "c"] {
///     let owner = Owner::container("net", id)?;
///     let nic = NicRequest { v4: vec!["v4".parse()?], ..NicRequest::new("eth0".parse()?) };
///     let request = AllocationRequest::new(owner.clone(), Time::from_millis(10_000)).nic(nic);
///     world.spawn(Some(&owner), Allocate::new(request, world.is_atomic()));
/// }
/// loop {
///     match world.step() {
///         Event::Ended(_, Ended::Done(outcome)) => assert!(outcome.is_ok()),
///         Event::Idle => break,
///         _ => {}
///     }
/// }
/// assert_eq!(store.records().len(), 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Machines of several kinds share a simulator if their outcomes are made one type: see [`Simulator::spawn_map`].
pub struct Simulator<S, T> {
    store: FaultStore<S>,
    weather: Weather,
    now: Time,
    random: u64,
    seed: u64,
    spawned: u64,
    tasks: Vec<Task<T>>,
}

struct Task<T> {
    id: TaskId,
    holder: Option<(OwnerKind, String)>,
    machine: Box<dyn Machine<Output = T>>,
    /// What it is told next; `None` while it pauses.
    input: Option<Input>,
    until: Time,
}

impl<S: fmt::Debug, T> fmt::Debug for Simulator<S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { store, weather, now, seed, tasks, .. } = self;
        f.debug_struct("Simulator")
            .field("seed", seed)
            .field("now", now)
            .field("weather", weather)
            .field("running", &tasks.len())
            .field("store", store)
            .finish_non_exhaustive()
    }
}

impl<S: Store, T: 'static> Simulator<S, T> {
    /// A world with this store. The clock begins at an hour, so that there is a past.
    #[must_use]
    pub const fn new(store: S, weather: Weather, seed: u64) -> Self {
        Self {
            store: FaultStore::new(store, weather.faults, seed),
            weather,
            now: Time::from_millis(3_600_000),
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            seed,
            spawned: 0,
            tasks: Vec::new(),
        }
    }

    /// The seed.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// The time in the world.
    #[must_use]
    pub const fn now(&self) -> Time {
        self.now
    }

    /// Moves the clock.
    pub fn pass(&mut self, time: std::time::Duration) {
        self.now = self.now + time;
    }

    /// As [`Store::is_atomic`].
    #[must_use]
    pub fn is_atomic(&self) -> bool {
        self.store.is_atomic()
    }

    /// The store, without faults.
    pub const fn store(&mut self) -> &mut S {
        self.store.inner()
    }

    /// How many faults the store has had; crashes are not counted.
    #[must_use]
    pub const fn injected(&self) -> u64 {
        self.store.injected()
    }

    /// How many machines are on their way.
    #[must_use]
    pub fn running(&self) -> usize {
        self.tasks.len()
    }

    /// A number below `below` (0 if that is 0) from the same seed: for the choices of who drives the world.
    pub const fn roll(&mut self, below: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        match (self.random >> 16).checked_rem(below) {
            Some(number) => number,
            None => 0,
        }
    }

    fn strikes(&mut self, rate: u16) -> bool {
        rate > 0 && self.roll(1_000) < u64::from(rate)
    }

    /// Adds a machine, which starts when all earlier ones of this holder have ended. Without a holder it starts at once.
    pub fn spawn(&mut self, holder: Option<&Owner>, machine: impl Machine<Output = T> + 'static) -> TaskId {
        self.spawned = self.spawned.saturating_add(1);
        let id = TaskId(self.spawned);
        let holder = holder.map(|owner| (owner.kind(), owner.uid().to_owned()));
        self.tasks.push(Task {
            id,
            holder,
            machine: Box::new(machine),
            input: Some(Input::Go),
            until: self.now,
        });
        id
    }

    /// Adds a machine whose outcome is turned into the simulator's.
    pub fn spawn_map<M: Machine + 'static>(
        &mut self,
        holder: Option<&Owner>,
        machine: M,
        map: impl Fn(M::Output) -> T + 'static,
    ) -> TaskId {
        self.spawn(holder, Mapped { machine, map })
    }

    /// Drops a machine. Says whether it was there.
    pub fn crash(&mut self, id: TaskId) -> bool {
        let before = self.tasks.len();
        self.tasks.retain(|task| task.id != id);
        self.tasks.len() < before
    }

    /// Drops all machines, as a power failure does, and says which.
    pub fn crash_all(&mut self) -> Vec<TaskId> {
        self.tasks.drain(..).map(|task| task.id).collect()
    }

    /// Lets one machine, chosen by the seed, take a step.
    pub fn step(&mut self) -> Event<T> {
        let tick = self.roll(TICK_MS_MAX.saturating_add(1));
        self.now = self.now + std::time::Duration::from_millis(tick);
        let Some(index) = self.choose() else { return Event::Idle };
        let crash = self.strikes(self.weather.crash);
        let now = self.now;
        let Some(task) = self.tasks.get_mut(index) else { return Event::Idle };
        let id = task.id;
        if crash {
            self.tasks.remove(index);
            return Event::Ended(id, Ended::Crashed);
        }
        let input = task.input.take().unwrap_or(Input::Go);
        let ended = match task.machine.step(now, input) {
            Step::Read(query) => {
                task.input = Some(Input::Read(self.store.read(&query).map_err(|error| error.class())));
                return Event::Stepped(id);
            }
            Step::Commit(changes) => {
                task.input =
                    Some(Input::Committed(self.store.commit(&changes).map_err(|error| error.class())));
                return Event::Stepped(id);
            }
            Step::WaitUntil(until) => {
                task.until = until;
                return Event::Stepped(id);
            }
            Step::Done(outcome) => Ended::Done(outcome),
            Step::GiveUp(why) => Ended::GaveUp(why),
        };
        self.tasks.remove(index);
        Event::Ended(id, ended)
    }

    /// A machine that may step now; if all pause, the clock moves to the end of the first pause.
    fn choose(&mut self) -> Option<usize> {
        let first_of_holder = |index: usize| {
            let mut earlier = self.tasks.iter().take(index);
            let holder = self.tasks.get(index).and_then(|task| task.holder.as_ref());
            holder.is_none() || earlier.all(|task| task.holder.as_ref() != holder)
        };
        let heads: Vec<(usize, Time)> = self
            .tasks
            .iter()
            .enumerate()
            .filter(|(index, _)| first_of_holder(*index))
            .map(|(index, task)| (index, if task.input.is_some() { self.now } else { task.until }))
            .collect();
        let soonest = heads.iter().map(|(_, until)| *until).min()?;
        self.now = self.now.max(soonest);
        let ready: Vec<usize> =
            heads.iter().filter(|(_, until)| *until <= self.now).map(|(index, _)| *index).collect();
        let chosen = self.roll(u64::try_from(ready.len()).unwrap_or(u64::MAX));
        ready.get(usize::try_from(chosen).ok()?).copied()
    }
}

/// A machine with another outcome.
struct Mapped<M, F> {
    machine: M,
    map: F,
}

impl<M: Machine, T, F: Fn(M::Output) -> T> Machine for Mapped<M, F> {
    type Output = T;

    fn step(&mut self, now: Time, input: Input) -> Step<T> {
        match self.machine.step(now, input) {
            Step::Done(outcome) => Step::Done((self.map)(outcome)),
            Step::Read(query) => Step::Read(query),
            Step::Commit(changes) => Step::Commit(changes),
            Step::WaitUntil(until) => Step::WaitUntil(until),
            Step::GiveUp(why) => Step::GiveUp(why),
        }
    }
}
