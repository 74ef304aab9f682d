//! Commits that go out one after the other: what waits, what is under way, and what is sent again after a refusal.

use std::collections::{BTreeSet, VecDeque};

use crate::addr::Addr;
use crate::batch::batcher::{FlightId, Ticket};
use crate::batch::member::{Key, Member, merge};
use crate::batch::plans::Plans;
use crate::batch::{Limits, SPLITS_MAX};
use crate::store::{Change, Class, Version};

/// A batch under way.
#[derive(Clone, Debug)]
struct Aloft {
    flight: FlightId,
    members: Vec<Member>,
    /// For each member, where its changes are in the commit.
    places: Vec<Vec<usize>>,
    /// Who has hung up. Their addresses are avoided until the answer.
    gone: BTreeSet<Ticket>,
}

/// The commits of one pool, or of a whole store that is atomic.
#[derive(Clone, Debug, Default)]
pub(super) struct Queue {
    waiting: VecDeque<Member>,
    /// Parts of a batch that was refused, in order.
    again: VecDeque<Vec<Member>>,
    /// How often the batch that is dealt with was sent again or halved.
    splits: usize,
    aloft: Option<Aloft>,
}

type Answers = Vec<(Ticket, Result<Vec<Version>, Class>)>;

impl Queue {
    pub(super) fn push(&mut self, member: Member) {
        self.waiting.push_back(member);
    }

    pub(super) const fn flight(&self) -> Option<FlightId> {
        match &self.aloft {
            Some(aloft) => Some(aloft.flight),
            None => None,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.again.is_empty() && self.aloft.is_none()
    }

    /// The next batch, unless one is under way.
    pub(super) fn send(&mut self, flight: FlightId, limits: Limits) -> Option<Vec<Change>> {
        if self.aloft.is_some() {
            return None;
        }
        let members = match self.again.pop_front() {
            Some(members) => members,
            None => {
                self.splits = 0;
                self.gather(limits)
            }
        };
        if members.is_empty() {
            return None;
        }
        let (changes, places) = merge(&members);
        self.aloft = Some(Aloft { flight, members, places, gone: BTreeSet::new() });
        Some(changes)
    }

    /// The first who waits, and whoever fits beside.
    fn gather(&mut self, limits: Limits) -> Vec<Member> {
        let mut members: Vec<Member> = Vec::new();
        let mut left = VecDeque::new();
        // Those of members, and of those that were passed over: nobody overtakes another who wants the same.
        let mut keys: BTreeSet<Key> = BTreeSet::new();
        let mut bytes = 0_usize;
        for member in self.waiting.drain(..) {
            let is_first = members.is_empty() && left.is_empty();
            let sum = bytes.saturating_add(member.bytes);
            let fits = members.len() < limits.members_max && sum <= limits.bytes_max;
            let is_alone = members.first().is_some_and(|first: &Member| !first.is_plain);
            let joins = member.is_plain && fits && !is_alone && member.keys.is_disjoint(&keys);
            keys.extend(member.keys.iter().cloned());
            if is_first || joins {
                bytes = sum;
                members.push(member);
            } else {
                left.push_back(member);
            }
        }
        self.waiting = left;
        members
    }

    pub(super) fn answered(&mut self, answer: Result<Vec<Version>, Class>, plans: &mut Plans) -> Answers {
        let Some(Aloft { mut members, places, gone, .. }) = self.aloft.take() else { return Vec::new() };
        let mut told = Answers::new();
        let sent = members.len();
        match answer {
            Ok(versions) => {
                let taken: BTreeSet<Addr> = members
                    .iter()
                    .flat_map(|member| member.takes().map(|(_, address)| address).collect::<Vec<_>>())
                    .collect();
                for (member, places) in members.into_iter().zip(places) {
                    plans.strike(&member);
                    let version = |place: usize| versions.get(place).cloned().unwrap_or(Version::ANY);
                    if !gone.contains(&member.ticket) {
                        told.push((member.ticket, Ok(places.into_iter().map(version).collect())));
                    }
                }
                self.overtake(&taken, plans, &mut told);
            }
            Err(class) => {
                for member in members.iter().filter(|member| gone.contains(&member.ticket)) {
                    plans.strike(member);
                }
                members.retain(|member| !gone.contains(&member.ticket));
                let is_spent = self.splits >= SPLITS_MAX;
                if class == Class::Unavailable || sent == 1 || is_spent {
                    // Who is not known to be to blame is not refused for good.
                    let class = if sent > 1 && class == Class::Rejected { Class::Conflict } else { class };
                    for member in members {
                        plans.strike(&member);
                        told.push((member.ticket, Err(class)));
                    }
                } else {
                    self.again_with(members, class);
                }
            }
        }
        told
    }

    /// The operation on this address is to blame for a conflict: whose it is, is told so, and the others go out again.
    pub(super) fn blamed(&mut self, address: Addr, plans: &mut Plans) -> Answers {
        let key = Key::Address(address);
        let is_aboard = |aloft: &Aloft| aloft.members.iter().any(|member| member.keys.contains(&key));
        if !self.aloft.as_ref().is_some_and(is_aboard) {
            return self.answered(Err(Class::Conflict), plans);
        }
        let Some(Aloft { members, gone, .. }) = self.aloft.take() else { return Vec::new() };
        let (mut told, mut others) = (Answers::new(), Vec::new());
        for member in members {
            let (is_gone, is_to_blame) = (gone.contains(&member.ticket), member.keys.contains(&key));
            if is_gone || is_to_blame {
                plans.strike(&member);
            } else {
                others.push(member);
                continue;
            }
            if !is_gone {
                told.push((member.ticket, Err(Class::Conflict)));
            }
        }
        // Each time at least one leaves, so this ends.
        if !others.is_empty() {
            self.again.push_front(others);
        }
        told
    }

    /// Who waits to take what was just taken need not ask the store what becomes of that.
    fn overtake(&mut self, taken: &BTreeSet<Addr>, plans: &mut Plans, told: &mut Answers) {
        let mut late = |member: &Member| {
            let is_late = member.takes().any(|(_, address)| taken.contains(&address));
            if is_late {
                plans.strike(member);
                told.push((member.ticket, Err(Class::Conflict)));
            }
            is_late
        };
        self.waiting.retain(|member| !late(member));
        self.again.iter_mut().for_each(|members| members.retain(|member| !late(member)));
        self.again.retain(|members| !members.is_empty());
    }

    fn again_with(&mut self, mut members: Vec<Member>, class: Class) {
        let is_first = self.splits == 0;
        self.splits = self.splits.saturating_add(1);
        // Mostly another writer was faster, and the next try is planned on what that one has left.
        if (class == Class::Conflict && is_first) || members.len() < 2 {
            self.again.extend((!members.is_empty()).then_some(members));
            return;
        }
        let rest = members.split_off(members.len() / 2);
        self.again.push_front(rest);
        self.again.push_front(members);
    }

    /// Takes a member out, or notes that nobody waits for its answer.
    pub(super) fn withdraw(&mut self, ticket: Ticket, plans: &mut Plans) {
        let mut leaves = |member: &Member| {
            let leaves = member.ticket == ticket;
            if leaves {
                plans.strike(member);
            }
            leaves
        };
        self.waiting.retain(|member| !leaves(member));
        self.again.iter_mut().for_each(|members| members.retain(|member| !leaves(member)));
        self.again.retain(|members| !members.is_empty());
        if let Some(aloft) = &mut self.aloft
            && aloft.members.iter().any(|member| member.ticket == ticket)
        {
            aloft.gone.insert(ticket);
        }
    }

    /// Who waits for an answer, the first to get one first.
    pub(super) fn tickets(&self) -> impl Iterator<Item = Ticket> {
        let aloft = self
            .aloft
            .iter()
            .flat_map(|aloft| aloft.members.iter().filter(|member| !aloft.gone.contains(&member.ticket)));
        aloft.chain(self.again.iter().flatten()).chain(&self.waiting).map(|member| member.ticket)
    }
}
