//! What the callers of a [`Batched`](super::Batched) share: the batcher, the flights, and who is to be woken.
//!
//! A flight is a future of the store that belongs to nobody's task. One of those who wait for it, its *driver*, polls it; if the driver is
//! dropped another takes over, and if nobody is left the future is dropped too, so that it cannot hold on to something for ever
//! that nobody will let it finish with.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use crate::batch::batched::BatchError;
use crate::batch::batcher::{Batcher, FlightId, Outcome, Reply, Ticket, Work};
use crate::owner::Owner;
use crate::store::{Class, StoreError, Version, View};

/// What the store said.
pub(super) enum Answer<E> {
    Picked(Result<Vec<View>, E>),
    Committed(Result<Vec<Version>, E>),
}

/// What a caller is told.
pub(super) enum Told<E: StoreError> {
    Picked(Result<View, BatchError<E>>),
    Committed(Result<Vec<Version>, BatchError<E>>),
    Settled,
}

pub(super) type Errand<E> = Pin<Box<dyn Future<Output = Answer<E>> + Send>>;

/// Wakes whoever drives a flight at the moment.
#[derive(Debug, Default)]
struct Bell(Mutex<Option<Waker>>);

impl Bell {
    /// Returns the waker of before, to be dropped where no lock is held.
    fn set(&self, waker: &Waker) -> Option<Waker> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).replace(waker.clone())
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        // Cloned, since a waker may do anything, and not under a lock.
        let waker = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

struct Flight<E> {
    /// `None` while the driver polls it.
    errand: Option<Errand<E>>,
    driver: Ticket,
    bell: Arc<Bell>,
}

struct State<E: StoreError> {
    batcher: Batcher,
    flights: BTreeMap<FlightId, Flight<E>>,
    told: BTreeMap<Ticket, Told<E>>,
    /// Of everybody who waits.
    wakers: BTreeMap<Ticket, Waker>,
}

/// What is left to do once the lock is released: a waker may do anything when it wakes, and so may futures, errors and wakers
/// when they are dropped (a task may go with its last waker, and its call with it).
struct Aftermath<E: StoreError> {
    wake: Vec<Waker>,
    // Only to be dropped.
    spent: Vec<Waker>,
    flight: Option<Flight<E>>,
    told: Option<Told<E>>,
}

impl<E: StoreError> Aftermath<E> {
    const fn none() -> Self {
        Self { wake: Vec::new(), spent: Vec::new(), flight: None, told: None }
    }

    fn settle(mut self) {
        self.wake.drain(..).for_each(Waker::wake);
    }
}

pub(super) struct Desk<E: StoreError> {
    state: Mutex<State<E>>,
}

impl<E: StoreError> Desk<E> {
    pub(super) fn new(batcher: Batcher) -> Self {
        let state =
            State { batcher, flights: BTreeMap::new(), told: BTreeMap::new(), wakers: BTreeMap::new() };
        Self { state: Mutex::new(state) }
    }

    fn lock(&self) -> MutexGuard<'_, State<E>> {
        // Nothing below the lock panics; if it did, the batcher's next answer would set right what it can.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a call. One that is going to wait brings its waker at once: from now on others may count on it to drive.
    pub(super) fn open(&self, waker: Option<&Waker>, call: impl FnOnce(&mut Batcher) -> Ticket) -> Ticket {
        let mut state = self.lock();
        let ticket = call(&mut state.batcher);
        if let Some(waker) = waker {
            state.wakers.insert(ticket, waker.clone());
        }
        ticket
    }

    /// Opens a call that waits for a commit about this owner, if one is under way.
    pub(super) fn watch(&self, waker: &Waker, owner: &Owner) -> Option<Ticket> {
        let mut state = self.lock();
        let ticket = state.batcher.settle(owner)?;
        state.wakers.insert(ticket, waker.clone());
        Some(ticket)
    }

    /// Ends a call. If it drove a flight, another takes over.
    pub(super) fn close(&self, ticket: Ticket) {
        let aftermath = {
            let mut state = self.lock();
            let mut aftermath = Aftermath::none();
            aftermath.spent.extend(state.wakers.remove(&ticket));
            aftermath.told = state.told.remove(&ticket);
            let driven = state.batcher.flight_of(ticket);
            state.batcher.close(ticket);
            if let Some(flight) = driven {
                state.hand_over(flight, ticket, &mut aftermath);
            }
            aftermath
        };
        aftermath.settle();
    }

    /// One poll of a call that waits: its outcome if it is there, else as much driving as is its turn.
    pub(super) fn poll(
        &self,
        ticket: Ticket,
        context: &mut Context<'_>,
        start: &impl Fn(Work) -> Errand<E>,
    ) -> Poll<Told<E>> {
        loop {
            let (boarded, aftermath) = {
                let mut state = self.lock();
                if let Some(told) = state.told.remove(&ticket) {
                    return Poll::Ready(told);
                }
                let mut aftermath = Aftermath::none();
                aftermath.spent.extend(state.wakers.insert(ticket, context.waker().clone()));
                state.launch(start, Some(ticket), &mut aftermath);
                (state.board(ticket, &mut aftermath), aftermath)
            };
            aftermath.settle();
            let Some((flight, errand, bell)) = boarded else { return Poll::Pending };
            let mut aboard = Aboard { desk: self, flight, errand: Some(errand) };
            let waker = Waker::from(bell);
            let answer = match aboard.poll(&mut Context::from_waker(&waker)) {
                Poll::Pending => {
                    aboard.put_back();
                    return Poll::Pending;
                }
                Poll::Ready(answer) => answer,
            };
            self.land(flight, answer, ticket, start);
        }
    }

    /// Tells everybody what the answer means for them, and sends what comes next.
    fn land(&self, id: FlightId, answer: Answer<E>, driver: Ticket, start: &impl Fn(Work) -> Errand<E>) {
        let aftermath = {
            let mut state = self.lock();
            let mut aftermath = Aftermath::none();
            aftermath.flight = state.flights.remove(&id);
            state.tell(id, Some(answer), &mut aftermath);
            state.launch(start, Some(driver), &mut aftermath);
            aftermath
        };
        aftermath.settle();
    }
}

impl<E: StoreError> State<E> {
    /// Starts what the batcher wants sent, and has those woken who are to drive it, but for the caller.
    fn launch(
        &mut self,
        start: &impl Fn(Work) -> Errand<E>,
        caller: Option<Ticket>,
        aftermath: &mut Aftermath<E>,
    ) {
        while let Some(dispatch) = self.batcher.next() {
            // There is one: what nobody waits for is not sent.
            let Some(driver) = self.batcher.interested(dispatch.flight).first().copied() else { continue };
            let bell = Arc::new(Bell::default());
            if let Some(waker) = self.wakers.get(&driver) {
                bell.set(waker);
                aftermath.wake.extend((caller != Some(driver)).then(|| waker.clone()));
            }
            let errand = Some(start(dispatch.work));
            self.flights.insert(dispatch.flight, Flight { errand, driver, bell });
        }
    }

    /// The future of the flight that this call drives.
    fn board(
        &mut self,
        ticket: Ticket,
        aftermath: &mut Aftermath<E>,
    ) -> Option<(FlightId, Errand<E>, Arc<Bell>)> {
        let id = self.batcher.flight_of(ticket)?;
        let waker = self.wakers.get(&ticket)?;
        let flight = self.flights.get_mut(&id).filter(|flight| flight.driver == ticket)?;
        aftermath.spent.extend(flight.bell.set(waker));
        Some((id, flight.errand.take()?, Arc::clone(&flight.bell)))
    }

    /// Finds another driver, or gives the flight up: its outcome is unknown, and nobody asks.
    fn hand_over(&mut self, id: FlightId, from: Ticket, aftermath: &mut Aftermath<E>) {
        let interested = self.batcher.interested(id);
        let Some(flight) = self.flights.get_mut(&id).filter(|flight| flight.driver == from) else { return };
        let next = interested.iter().find_map(|ticket| Some((*ticket, self.wakers.get(ticket)?)));
        if let Some((ticket, waker)) = next {
            flight.driver = ticket;
            aftermath.spent.extend(flight.bell.set(waker));
            aftermath.wake.push(waker.clone());
            return;
        }
        aftermath.flight = self.flights.remove(&id);
        self.tell(id, None, aftermath);
    }

    /// Notes what the answer, or that there will be none, means for whom, and has them woken.
    fn tell(&mut self, flight: FlightId, answer: Option<Answer<E>>, aftermath: &mut Aftermath<E>) {
        let (reply, error) = match answer {
            Some(Answer::Picked(Ok(views))) => (Reply::Picked(Ok(views)), None),
            Some(Answer::Picked(Err(error))) => (Reply::Picked(Err(error.class())), Some(Arc::new(error))),
            Some(Answer::Committed(Ok(versions))) => (Reply::Committed(Ok(versions)), None),
            Some(Answer::Committed(Err(error))) => {
                let class = error.class();
                let reply = match error.blames().filter(|_| class == Class::Conflict) {
                    Some(address) => Reply::Blamed(address),
                    None => Reply::Committed(Err(class)),
                };
                (reply, Some(Arc::new(error)))
            }
            None => (Reply::Committed(Err(Class::Unavailable)), None),
        };
        for (ticket, outcome) in self.batcher.answered(flight, reply) {
            let failure = |class| BatchError::new(class, error.as_ref());
            let told = match outcome {
                Outcome::Picked(answer) => Told::Picked(answer.map_err(failure)),
                Outcome::Committed(answer) => Told::Committed(answer.map_err(failure)),
                Outcome::Settled => Told::Settled,
            };
            self.told.insert(ticket, told);
            aftermath.wake.extend(self.wakers.remove(&ticket));
        }
    }
}

/// The future of a flight while it is polled. If that panics, the others are told that the outcome is unknown.
struct Aboard<'a, E: StoreError> {
    desk: &'a Desk<E>,
    flight: FlightId,
    errand: Option<Errand<E>>,
}

impl<E: StoreError> Aboard<'_, E> {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Answer<E>> {
        let Some(errand) = &mut self.errand else { return Poll::Pending };
        let answer = errand.as_mut().poll(context);
        if answer.is_ready() {
            self.errand = None;
        }
        answer
    }

    fn put_back(mut self) {
        let errand = self.errand.take();
        if let Some(flight) = self.desk.lock().flights.get_mut(&self.flight) {
            flight.errand = errand;
        }
    }
}

impl<E: StoreError> Drop for Aboard<'_, E> {
    fn drop(&mut self) {
        if self.errand.is_none() {
            return;
        }
        let aftermath = {
            let mut state = self.desk.lock();
            let mut aftermath = Aftermath::none();
            aftermath.flight = state.flights.remove(&self.flight);
            state.tell(self.flight, None, &mut aftermath);
            // Whoever is polled sends what comes next.
            aftermath.wake.extend(state.wakers.values().cloned());
            aftermath
        };
        aftermath.settle();
    }
}
