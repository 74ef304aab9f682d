//! The head of group commit: who waits, what to send next, and what each answer means for whom.

use std::collections::{BTreeMap, BTreeSet};

use crate::addr::Addr;
use crate::batch::Limits;
use crate::batch::asks::Asks;
use crate::batch::member::Member;
use crate::batch::plans::Plans;
use crate::batch::queue::Queue;
use crate::owner::{Owner, OwnerKind};
use crate::pool::PoolName;
use crate::store::{Change, Class, PickQuery, Version, View};

/// A call that is on its way, until [`Batcher::close`].
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Ticket(u64);

/// Something that was sent to the store and not answered yet.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct FlightId(u64);

/// What to ask of the store.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Work {
    /// Answers to these, each as if the addresses of the answers before it were among its exceptions.
    Pick(Vec<PickQuery>),
    /// These stored, as one commit.
    Commit(Vec<Change>),
}

/// Something to send.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Dispatch {
    /// Its name, for the answer.
    pub flight: FlightId,
    /// What to send.
    pub work: Work,
}

/// The store's answer to a [`Dispatch`].
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Reply {
    /// To [`Work::Pick`]: the view of each query, in order.
    Picked(Result<Vec<View>, Class>),
    /// To [`Work::Commit`].
    Committed(Result<Vec<Version>, Class>),
    /// To [`Work::Commit`]: a conflict, for which the operation on this address is to blame.
    Blamed(Addr),
}

/// The answer to one call.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Outcome {
    /// To [`Batcher::pick`].
    Picked(Result<View, Class>),
    /// To [`Batcher::commit`]: a version for each of its changes.
    Committed(Result<Vec<Version>, Class>),
    /// To [`Batcher::settle`]: what was under way has an answer, or never will.
    Settled,
}

/// Commits that cannot be under way at once.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Lane {
    /// All commits of an atomic store.
    Store,
    /// Those that change this pool first.
    Pool(PoolName),
    /// Those that change the attachments of this identity first.
    Attachments(OwnerKind, String, String),
}

/// Where what is sent comes from, and its answer goes to.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Route {
    Commit(Lane),
    Pick(PoolName),
}

/// Gathers commits and picks into batches. Pure: no I/O, no clock, no lock; the order of calls decides everything.
///
/// Each call is named by a [`Ticket`] from [`Batcher::pick`], [`Batcher::commit`] or [`Batcher::enter`], and ends with
/// [`Batcher::close`]. What [`Batcher::next`] says is to be sent at once; several flights may be under way, one a pool and kind.
///
/// ```
/// use ipam_core::batch::{Batcher, Limits, Reply, Work};
/// use ipam_core::{Change, Owner, PoolName, PoolOp, Record, Time, Version};
///
/// let take = |address: &str, id: &str| {
///     let record = Record { address: address.parse()?, owner: Owner::container("net", id)?, stamp: None };
///     let (pool, version, now) = ("v4".parse()?, Version::ANY, Time::default());
///     Ok::<_, ipam_core::Error>(vec![Change::Pool { pool, version, ops: vec![PoolOp::Take(record)], now, cooldown: Default::default() }])
/// };
/// let mut batcher = Batcher::new(false, Limits::default());
/// // The first goes out at once; the others wait for its answer and go out together.
/// batcher.commit(take("10.6.0.10", "a")?);
/// let first = batcher.next().expect("nothing is under way");
/// batcher.commit(take("10.6.0.11", "b")?);
/// batcher.commit(take("10.6.0.12", "c")?);
/// assert_eq!(batcher.next(), None);
/// let answers = batcher.answered(first.flight, Reply::Committed(Ok(vec![Version::new("1")])));
/// assert_eq!(answers.len(), 1);
/// let Work::Commit(changes) = batcher.next().expect("two wait").work else { panic!("a commit") };
/// let [Change::Pool { ops, .. }] = changes.as_slice() else { panic!("one change of the pool") };
/// assert_eq!(ops.len(), 2);
/// # Ok::<(), ipam_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Batcher {
    is_atomic: bool,
    limits: Limits,
    numbers: u64,
    commits: BTreeMap<Lane, Queue>,
    picks: BTreeMap<PoolName, Asks>,
    /// Routes that may have something to send.
    ready: BTreeSet<Route>,
    flights: BTreeMap<FlightId, Route>,
    /// Whom the commits under way are about.
    aboard: BTreeMap<FlightId, Vec<Owner>>,
    /// Who waits for a flight to land without a part in it.
    watchers: BTreeMap<FlightId, Vec<Ticket>>,
    /// Calls that are not closed, and where they wait.
    calls: BTreeMap<Ticket, Option<Route>>,
    plans: Plans,
}

impl Batcher {
    /// A batcher for a store that is atomic, or not ([`Store::is_atomic`](crate::Store::is_atomic)). For one that is not, each
    /// commit has one change.
    #[must_use]
    pub fn new(is_atomic: bool, limits: Limits) -> Self {
        Self {
            is_atomic,
            limits,
            numbers: 0,
            commits: BTreeMap::new(),
            picks: BTreeMap::new(),
            ready: BTreeSet::new(),
            flights: BTreeMap::new(),
            aboard: BTreeMap::new(),
            watchers: BTreeMap::new(),
            calls: BTreeMap::new(),
            plans: Plans::default(),
        }
    }

    const fn number(&mut self) -> u64 {
        self.numbers = self.numbers.saturating_add(1);
        self.numbers
    }

    fn open(&mut self, route: Option<Route>) -> Ticket {
        let ticket = Ticket(self.number());
        self.ready.extend(route.clone());
        self.calls.insert(ticket, route);
        ticket
    }

    /// A commit wants to go out.
    pub fn commit(&mut self, changes: Vec<Change>) -> Ticket {
        let lane = self.lane(&changes);
        let ticket = self.open(Some(Route::Commit(lane.clone())));
        let member = Member::new(ticket, changes);
        self.plans.enlist(&member);
        self.commits.entry(lane).or_default().push(member);
        ticket
    }

    fn lane(&self, changes: &[Change]) -> Lane {
        match changes.first() {
            Some(Change::Pool { pool, .. }) if !self.is_atomic => Lane::Pool(pool.clone()),
            Some(Change::Attachments { owner, .. }) if !self.is_atomic => {
                Lane::Attachments(owner.kind(), owner.scope().to_owned(), owner.name().to_owned())
            }
            _ => Lane::Store,
        }
    }

    /// A pick wants an answer.
    pub fn pick(&mut self, query: PickQuery) -> Ticket {
        let pool = query.pool.clone();
        let ticket = self.open(Some(Route::Pick(pool.clone())));
        self.picks.entry(pool).or_default().push(ticket, query);
        ticket
    }

    /// Some other call begins, which the batcher has no part in. While any call is on its way, what picks have told is remembered.
    pub fn enter(&mut self) -> Ticket {
        self.open(None)
    }

    /// A read of what this owner has is about to be made. If a commit about it is under way, the read has to wait for that
    /// ([`Outcome::Settled`]) and to ask here again: whoever hung up on a release cannot know whether it lands after the read, and a request
    /// that is answered from what is stored then would be told of an address that is about to be freed.
    pub fn settle(&mut self, owner: &Owner) -> Option<Ticket> {
        let is_about = |one: &Owner| one.same_identity(owner) || one.same_holder(owner);
        let flight = *self.aboard.iter().find(|(_, owners)| owners.iter().any(is_about))?.0;
        let ticket = self.open(None);
        self.watchers.entry(flight).or_default().push(ticket);
        Some(ticket)
    }

    /// The call is over: its caller has the outcome, or has hung up. A commit that waits still is not sent any more.
    pub fn close(&mut self, ticket: Ticket) {
        match self.calls.remove(&ticket).flatten() {
            Some(Route::Commit(lane)) => {
                if let Some(queue) = self.commits.get_mut(&lane) {
                    queue.withdraw(ticket, &mut self.plans);
                    if queue.is_empty() {
                        self.commits.remove(&lane);
                    }
                }
            }
            Some(Route::Pick(pool)) => {
                if let Some(asks) = self.picks.get_mut(&pool) {
                    asks.withdraw(ticket);
                    if asks.is_empty() {
                        self.picks.remove(&pool);
                    }
                }
            }
            None => self.watchers.values_mut().for_each(|watchers| watchers.retain(|one| *one != ticket)),
        }
        if self.calls.is_empty() {
            self.plans.settle();
        }
    }

    /// What to send now. Ask again until there is nothing: after each call and each answer.
    #[expect(
        clippy::should_implement_trait,
        reason = "no iterator: what comes next depends on what is told in between"
    )]
    pub fn next(&mut self) -> Option<Dispatch> {
        while let Some(route) = self.ready.pop_first() {
            let flight = FlightId(self.number());
            let work = match &route {
                Route::Commit(lane) => self
                    .commits
                    .get_mut(lane)
                    .and_then(|queue| queue.send(flight, self.limits))
                    .map(Work::Commit),
                Route::Pick(pool) => self
                    .picks
                    .get_mut(pool)
                    .and_then(|asks| asks.send(flight, self.limits, &self.plans))
                    .map(Work::Pick),
            };
            if let Some(work) = work {
                if let Work::Commit(changes) = &work {
                    self.aboard.insert(flight, changes.iter().flat_map(Change::owners).cloned().collect());
                }
                self.flights.insert(flight, route);
                return Some(Dispatch { flight, work });
            }
        }
        None
    }

    /// What the store's answer means for whom. Those who are not named go on waiting: their part is sent again.
    ///
    /// An answer of another kind than what was sent, or to nothing that was sent, counts for nobody.
    pub fn answered(&mut self, flight: FlightId, reply: Reply) -> Vec<(Ticket, Outcome)> {
        let Some(route) = self.flights.remove(&flight) else { return Vec::new() };
        self.aboard.remove(&flight);
        let watchers = self.watchers.remove(&flight).unwrap_or_default();
        let mut outcomes: Vec<_> = watchers.into_iter().map(|ticket| (ticket, Outcome::Settled)).collect();
        match &route {
            Route::Commit(lane) => {
                if let Some(queue) = self.commits.get_mut(lane) {
                    let told = match reply {
                        Reply::Committed(answer) => queue.answered(answer, &mut self.plans),
                        Reply::Blamed(address) => queue.blamed(address, &mut self.plans),
                        Reply::Picked(_) => queue.answered(Err(Class::Unavailable), &mut self.plans),
                    };
                    outcomes.extend(
                        told.into_iter().map(|(ticket, answer)| (ticket, Outcome::Committed(answer))),
                    );
                    if queue.is_empty() {
                        self.commits.remove(lane);
                    }
                }
            }
            Route::Pick(pool) => {
                let answer = match reply {
                    Reply::Picked(answer) => answer,
                    Reply::Committed(_) | Reply::Blamed(_) => Err(Class::Unavailable),
                };
                if let Some(asks) = self.picks.get_mut(pool) {
                    let told = asks.answered(answer, &mut self.plans);
                    outcomes
                        .extend(told.into_iter().map(|(ticket, answer)| (ticket, Outcome::Picked(answer))));
                    if asks.is_empty() {
                        self.picks.remove(pool);
                    }
                }
            }
        }
        self.ready.insert(route);
        // Their calls last until they are closed, but they wait nowhere any more.
        for (ticket, _) in &outcomes {
            self.calls.insert(*ticket, None);
        }
        // A caller who has hung up may have been the last one.
        if self.calls.is_empty() {
            self.plans.settle();
        }
        outcomes
    }

    /// What is under way where this call waits.
    #[must_use]
    pub fn flight_of(&self, ticket: Ticket) -> Option<FlightId> {
        match self.calls.get(&ticket)? {
            Some(Route::Commit(lane)) => self.commits.get(lane)?.flight(),
            Some(Route::Pick(pool)) => self.picks.get(pool)?.flight(),
            None => {
                let mut watched = self.watchers.iter();
                watched.find(|(_, watchers)| watchers.contains(&ticket)).map(|(flight, _)| *flight)
            }
        }
    }

    /// Who waits where this flight comes from, those on board first: whoever of them is there has reason to see it answered.
    #[must_use]
    pub fn interested(&self, flight: FlightId) -> Vec<Ticket> {
        let mut tickets: Vec<Ticket> = match self.flights.get(&flight) {
            Some(Route::Commit(lane)) => {
                self.commits.get(lane).map(|queue| queue.tickets().collect()).unwrap_or_default()
            }
            Some(Route::Pick(pool)) => {
                self.picks.get(pool).map(|asks| asks.tickets().collect()).unwrap_or_default()
            }
            None => Vec::new(),
        };
        tickets.extend(self.watchers.get(&flight).into_iter().flatten());
        tickets
    }

    /// The addresses of a pool that picks are kept from: waiting commits take them, or an asker was told them and may commit soon.
    #[must_use]
    pub fn planned(&self, pool: &PoolName) -> Vec<Addr> {
        self.plans.of(pool)
    }

    /// Whether nothing waits, nothing is under way and nothing is planned.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.calls.is_empty() && self.flights.is_empty() && self.plans.is_empty()
    }
}
