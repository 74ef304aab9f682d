//! The machine behind an explanation: an allocation whose commits go nowhere, then a question to each pool that was not asked.

use std::collections::VecDeque;

use super::{Explanation, Finding, Outcome, PoolFinding, SlotExplanation};
use crate::addr::{Addr, Family};
use crate::machine::{Allocate, Allocation, GiveUp, Input, Machine, Refusal, SlotRefusal, Step, Why};
use crate::owner::Nic;
use crate::pool::PoolName;
use crate::record::{Assignment, Attachment, Time};
use crate::request::{AllocationRequest, NicRequest};
use crate::select::{Rejected, SelectError, Selected};
use crate::store::{Holdings, PickQuery, PickView, Query, View, Want};

/// What is to be explained: a request, and what selection said of each NIC and family of it.
#[derive(Clone, Debug)]
pub struct Question {
    request: AllocationRequest,
    source: String,
    slots: Vec<Slot>,
    /// What the request is refused with before any pool is asked.
    error: Option<SelectError>,
}

#[derive(Clone, Debug)]
struct Slot {
    nic: Nic,
    family: Family,
    candidates: Vec<PoolName>,
    rejected: Vec<Rejected>,
    error: Option<SelectError>,
}

impl Question {
    /// A request and where its pools are named, in words ("the default pools"). Candidates that its NICs have already are kept.
    #[must_use]
    pub const fn new(request: AllocationRequest, source: String) -> Self {
        Self { request, source, slots: Vec::new(), error: None }
    }

    /// Adds what selection found for a NIC and family. A family for which nothing is named adds nothing.
    pub fn select(&mut self, nic: &Nic, family: Family, found: Result<Selected, SelectError>) {
        let (candidates, rejected, error) = match found {
            Ok(Selected { candidates, rejected }) => (candidates, rejected, None),
            Err(error) => {
                let rejected =
                    if let SelectError::FilteredOut { rejected, .. } = &error { rejected } else { &vec![] };
                (Vec::new(), rejected.clone(), Some(error))
            }
        };
        if candidates.is_empty() && error.is_none() {
            return;
        }
        self.error = self.error.take().or_else(|| error.clone());
        let nics = &mut self.request.nics;
        if !nics.iter().any(|one| one.nic == *nic) {
            nics.push(NicRequest::new(nic.clone()));
        }
        for one in nics.iter_mut().filter(|one| one.nic == *nic) {
            match family {
                Family::V4 => one.v4.clone_from(&candidates),
                Family::V6 => one.v6.clone_from(&candidates),
            }
        }
        self.slots.push(Slot { nic: nic.clone(), family, candidates, rejected, error });
    }
}

/// Finds out what a request would come to. It reads, and asks for no commit.
#[derive(Clone, Debug)]
pub struct Explain {
    question: Question,
    holdings: Holdings,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    Planning(Box<Allocate>),
    Asking(Asking),
    Ended,
}

/// The plan is known; the pools that it did not need are asked one by one.
#[derive(Clone, Debug)]
struct Asking {
    explanation: Explanation,
    left: VecDeque<Line>,
}

/// A line of the explanation, in order, of the slot with this number.
#[derive(Clone, Debug)]
enum Line {
    Known(usize, PoolFinding),
    Ask(usize, PickQuery),
}

/// What the plan says of a slot.
enum Known {
    Holds(Assignment),
    Plans(Assignment),
    Refused(SlotRefusal),
    Unselected(String),
    /// The request is refused for another slot's sake.
    Open,
}

type Next = Step<Explanation>;

impl Explain {
    /// An explanation for one question.
    #[must_use]
    pub fn new(mut question: Question) -> Self {
        if question.slots.is_empty() {
            question.error = question.error.or(Some(SelectError::NoRules));
        }
        // As for a store that is atomic: one commit has it all, and no part of the plan waits for another.
        let allocate = Box::new(Allocate::new(question.request.clone(), true));
        Self { question, holdings: Holdings::default(), state: State::Planning(allocate) }
    }

    fn plan(&mut self, mut allocate: Box<Allocate>, now: Time, input: Input) -> Next {
        if let Input::Read(Ok(View::Holdings(holdings))) = &input {
            self.holdings = holdings.clone();
        }
        let mut step = allocate.step(now, input);
        while let Step::Commit(_) = step {
            step = allocate.step(now, Input::Committed(Ok(Vec::new())));
        }
        match step {
            Step::Read(query) => {
                self.state = State::Planning(allocate);
                Step::Read(query)
            }
            Step::WaitUntil(until) => {
                self.state = State::Planning(allocate);
                Step::WaitUntil(until)
            }
            Step::Done(planned) => {
                let asking = self.asking(&planned, now);
                self.ask(asking)
            }
            Step::GiveUp(why) => Step::GiveUp(why),
            Step::Commit(_) => Step::GiveUp(GiveUp::Contract),
        }
    }

    /// What is known once the plan is, and what is still to be asked.
    fn asking(&self, planned: &Result<Allocation, Refusal>, now: Time) -> Asking {
        let Question { request, source, error, .. } = &self.question;
        let slots = self.slots(planned);
        let refusal = match (error, planned) {
            (Some(error), _) => Some(error.to_string()),
            (None, Err(refusal)) => Some(refusal.to_string()),
            (None, Ok(_)) => None,
        };
        let known: Vec<Known> = slots.iter().map(|slot| self.known(slot, planned)).collect();
        let planned_by = |number: usize| match known.get(number) {
            Some(Known::Plans(assignment)) => Some(assignment.address),
            _ => None,
        };
        let mut asking = Asking {
            explanation: Explanation {
                owner: request.owner.clone(),
                source: source.clone(),
                refusal,
                slots: Vec::new(),
            },
            left: VecDeque::new(),
        };
        for (number, (slot, known)) in slots.iter().zip(&known).enumerate() {
            let others: Vec<Addr> =
                (0..slots.len()).filter(|other| *other != number).filter_map(planned_by).collect();
            asking.left.extend(slot.lines(number, known, &others, request, now));
            asking.explanation.slots.push(SlotExplanation {
                nic: slot.nic.clone(),
                family: slot.family,
                ask: slot.ask(request),
                outcome: known.outcome(),
                pools: Vec::new(),
            });
        }
        asking
    }

    /// What is asked for, and what the NICs hold besides: a family for which nothing is named any more is not taken away.
    fn slots(&self, planned: &Result<Allocation, Refusal>) -> Vec<Slot> {
        let Question { request, slots, .. } = &self.question;
        let attachments = match planned {
            Ok(allocation) => &allocation.attachments,
            Err(_) => &self.holdings.attachments,
        };
        let place = |nic: &Nic| request.nics.iter().position(|one| one.nic == *nic);
        let mut all = slots.clone();
        for attachment in attachments.iter().filter(|one| place(&one.nic).is_some()) {
            for family in attachment.assignments.iter().map(|one| one.address.family()) {
                let nic = &attachment.nic;
                if !all.iter().any(|slot| slot.nic == *nic && slot.family == family) {
                    let (candidates, rejected) = (Vec::new(), Vec::new());
                    all.push(Slot { nic: nic.clone(), family, candidates, rejected, error: None });
                }
            }
        }
        all.sort_by_key(|slot| (place(&slot.nic), slot.family));
        all
    }

    fn known(&self, slot: &Slot, planned: &Result<Allocation, Refusal>) -> Known {
        if let Some(error) = &slot.error {
            return Known::Unselected(error.to_string());
        }
        let of_slot = |attachments: &[Attachment]| {
            let own = attachments.iter().filter(|one| one.nic == slot.nic).flat_map(|one| &one.assignments);
            own.into_iter().find(|one| one.address.family() == slot.family).cloned()
        };
        let has_record = |one: &Assignment| {
            self.holdings
                .records
                .iter()
                .any(|held| held.pool == one.pool && held.record.address == one.address)
        };
        match planned {
            Ok(allocation) => match of_slot(&allocation.attachments) {
                Some(one) if has_record(&one) => Known::Holds(one),
                Some(one) => Known::Plans(one),
                None => Known::Open,
            },
            Err(refusal) => {
                let refused = |one: &&SlotRefusal| one.nic == slot.nic && one.family == slot.family;
                match (refusal.slots.iter().find(refused), of_slot(&self.holdings.attachments)) {
                    (Some(refused), _) => Known::Refused(refused.clone()),
                    (None, Some(held)) if has_record(&held) => Known::Holds(held),
                    (None, _) => Known::Open,
                }
            }
        }
    }

    /// Goes on to the next pool that has to be asked.
    fn ask(&mut self, mut asking: Asking) -> Next {
        while let Some(line) = asking.left.pop_front() {
            match line {
                Line::Known(number, found) => asking.explanation.note(number, found),
                Line::Ask(number, query) => {
                    asking.left.push_front(Line::Ask(number, query.clone()));
                    self.state = State::Asking(asking);
                    return Step::Read(Query::Pick(query));
                }
            }
        }
        Step::Done(asking.explanation)
    }

    fn answered(&mut self, mut asking: Asking, view: &PickView) -> Next {
        let Some(Line::Ask(number, query)) = asking.left.pop_front() else {
            return Step::GiveUp(GiveUp::Contract);
        };
        let family = asking.explanation.slots.get(number).map(|slot| slot.family);
        let is_other = view.spec.as_ref().is_some_and(|spec| Some(spec.family()) != family);
        let finding = match &view.outcome {
            _ if is_other => Finding::Cannot(Why::WrongFamily),
            Ok(address) => Finding::CouldGive(*address),
            Err(obstacle) => Finding::Cannot(Why::Obstacle(obstacle.clone())),
        };
        asking.explanation.note(number, PoolFinding { pool: query.pool, finding, room: None });
        self.ask(asking)
    }
}

impl Slot {
    fn ask(&self, request: &AllocationRequest) -> Option<Addr> {
        request.nics.iter().find(|one| one.nic == self.nic)?.ask(self.family)
    }

    /// The pools in order: one outside of the candidates that the address is from, the candidates, those that are none.
    fn lines(
        &self,
        number: usize,
        known: &Known,
        others: &[Addr],
        request: &AllocationRequest,
        now: Time,
    ) -> Vec<Line> {
        let line = |pool: &PoolName, finding| {
            Line::Known(number, PoolFinding { pool: pool.clone(), finding, room: None })
        };
        let start = request.policy.start(&request.owner, &self.nic);
        let query = |pool: &PoolName| PickQuery {
            pool: pool.clone(),
            want: self.ask(request).map_or(Want::Any(start), Want::Exactly),
            except: others.to_vec(),
            now,
            cooldown: request.cooldown,
        };
        let own = match known {
            Known::Holds(one) => Some((&one.pool, Finding::Holds(one.address))),
            Known::Plans(one) => Some((&one.pool, Finding::Gives(one.address))),
            Known::Refused(_) | Known::Unselected(_) | Known::Open => None,
        };
        let mut lines = Vec::new();
        lines.extend(
            own.iter()
                .filter(|(pool, _)| !self.candidates.contains(pool))
                .map(|(pool, finding)| line(pool, finding.clone())),
        );
        for pool in &self.candidates {
            let verdict = match known {
                Known::Refused(refusal) => refusal.verdicts.iter().find(|one| one.pool == *pool),
                Known::Holds(_) | Known::Plans(_) | Known::Unselected(_) | Known::Open => None,
            };
            lines.push(match (&own, verdict) {
                (Some((own, finding)), _) if *own == pool => line(pool, finding.clone()),
                (_, Some(verdict)) => line(pool, Finding::Cannot(verdict.why.clone())),
                (_, None) => Line::Ask(number, query(pool)),
            });
        }
        lines.extend(self.rejected.iter().map(|one| line(&one.pool, Finding::Rejected(one.reason.clone()))));
        lines
    }
}

impl Known {
    fn outcome(&self) -> Outcome {
        match self {
            Self::Holds(one) => Outcome::Holds(one.clone()),
            Self::Plans(one) => Outcome::WouldGet(one.clone()),
            Self::Refused(refusal) => Outcome::Nothing { why: refusal.to_string() },
            Self::Unselected(why) => Outcome::Nothing { why: why.clone() },
            Self::Open => Outcome::Nothing { why: "the request is refused as a whole".to_owned() },
        }
    }
}

impl Explanation {
    fn note(&mut self, number: usize, found: PoolFinding) {
        if let Some(slot) = self.slots.get_mut(number) {
            slot.pools.push(found);
        }
    }
}

impl Machine for Explain {
    type Output = Explanation;

    fn step(&mut self, now: Time, input: Input) -> Next {
        match (std::mem::replace(&mut self.state, State::Ended), input) {
            (State::Planning(allocate), input) => self.plan(allocate, now, input),
            (State::Asking(asking), Input::Read(Ok(View::Pick(view)))) => self.answered(asking, &view),
            (State::Asking(_), Input::Read(Err(_))) => Step::GiveUp(GiveUp::Store),
            _ => Step::GiveUp(GiveUp::Contract),
        }
    }
}
