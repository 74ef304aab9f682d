//! Picks of one pool: those that wait are asked together, each sparing what others are about to take.

use std::collections::VecDeque;

use crate::addr::Addr;
use crate::batch::Limits;
use crate::batch::batcher::{FlightId, Ticket};
use crate::batch::plans::Plans;
use crate::store::{Class, Obstacle, PickQuery, PickView, View};

/// A pick that waits for its answer.
#[derive(Clone, Debug)]
struct Ask {
    ticket: Ticket,
    query: PickQuery,
    /// The answer may be *exhausted* only because of what others are about to take.
    is_crowded: bool,
}

/// The picks of one pool.
#[derive(Clone, Debug, Default)]
pub(super) struct Asks {
    waiting: VecDeque<Ask>,
    /// Told that all is used up, but only with what others are about to take: asked again, one at a time and as they were put.
    again: VecDeque<Ask>,
    aloft: Option<(FlightId, Vec<Option<Ask>>)>,
}

type Answers = Vec<(Ticket, Result<View, Class>)>;

impl Asks {
    pub(super) fn push(&mut self, ticket: Ticket, query: PickQuery) {
        self.waiting.push_back(Ask { ticket, query, is_crowded: false });
    }

    pub(super) const fn flight(&self) -> Option<FlightId> {
        match &self.aloft {
            Some((flight, _)) => Some(*flight),
            None => None,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.again.is_empty() && self.aloft.is_none()
    }

    /// The next questions, unless some are under way.
    pub(super) fn send(&mut self, flight: FlightId, limits: Limits, plans: &Plans) -> Option<Vec<PickQuery>> {
        if self.aloft.is_some() {
            return None;
        }
        if let Some(ask) = self.again.pop_front() {
            let query = ask.query.clone();
            self.aloft = Some((flight, vec![Some(ask)]));
            return Some(vec![query]);
        }
        let count = self.waiting.len().min(limits.members_max.max(1));
        let mut queries = Vec::with_capacity(count);
        let mut asks = Vec::with_capacity(count);
        for mut ask in self.waiting.drain(..count) {
            let (query, is_spared) = plans.spare(&ask.query);
            // The answers before it count as exceptions too.
            ask.is_crowded = is_spared || !asks.is_empty();
            queries.push(query);
            asks.push(Some(ask));
        }
        if queries.is_empty() {
            return None;
        }
        self.aloft = Some((flight, asks));
        Some(queries)
    }

    pub(super) fn answered(&mut self, answer: Result<Vec<View>, Class>, plans: &mut Plans) -> Answers {
        let Some((_, asks)) = self.aloft.take() else { return Vec::new() };
        let mut told = Answers::new();
        match answer {
            Err(class) => told.extend(asks.into_iter().flatten().map(|ask| (ask.ticket, Err(class)))),
            Ok(views) => {
                let mut views = views.into_iter();
                for ask in asks {
                    let view = views.next();
                    let Some(mut ask) = ask else { continue };
                    let exhausted = view.as_ref().is_some_and(is_exhausted);
                    if exhausted && std::mem::take(&mut ask.is_crowded) {
                        self.again.push_back(ask);
                        continue;
                    }
                    if let Some(address) = view.as_ref().and_then(picked) {
                        plans.told(&ask.query.pool, address);
                    }
                    // Nothing was kept from this answer: it is everybody's who waits for such a one.
                    if exhausted && ask.query.except.is_empty() {
                        let others = self.again.drain(..).map(|other| other.ticket);
                        let answer = view.clone().ok_or(Class::Unavailable);
                        told.extend(others.map(|ticket| (ticket, answer.clone())));
                    }
                    // A store that answers fewer than it was asked has not answered.
                    told.push((ask.ticket, view.ok_or(Class::Unavailable)));
                }
            }
        }
        told
    }

    pub(super) fn withdraw(&mut self, ticket: Ticket) {
        self.waiting.retain(|ask| ask.ticket != ticket);
        self.again.retain(|ask| ask.ticket != ticket);
        let aloft = self.aloft.iter_mut().flat_map(|(_, asks)| asks);
        for ask in aloft.filter(|ask| ask.as_ref().is_some_and(|ask| ask.ticket == ticket)) {
            *ask = None;
        }
    }

    /// Who waits for an answer, the first to get one first.
    pub(super) fn tickets(&self) -> impl Iterator<Item = Ticket> {
        let aloft = self.aloft.iter().flat_map(|(_, asks)| asks).flatten();
        aloft.chain(&self.again).chain(&self.waiting).map(|ask| ask.ticket)
    }
}

fn is_exhausted(view: &View) -> bool {
    matches!(view, View::Pick(PickView { outcome: Err(Obstacle::Exhausted { .. }), .. }))
}

fn picked(view: &View) -> Option<Addr> {
    let View::Pick(PickView { outcome, .. }) = view else { return None };
    outcome.as_ref().ok().copied()
}
