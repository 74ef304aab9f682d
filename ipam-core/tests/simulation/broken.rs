//! Rules that can be broken on purpose, one at a time: what the checker has to find.

use std::collections::BTreeSet;

use ipam_core::testkit::{FaultyError, MemoryError, MemoryStore};
use ipam_core::{
    Addr, Change, Class, Input, Machine, Obstacle, Owner, PickQuery, PickView, PoolName, PoolOp, Query, Step,
    Store, Time, Version, View, Want,
};

use crate::crew::owner_of;
use crate::sea::Sea;

/// A rule that somebody forgot.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Rule {
    /// A release frees the address whoever holds it.
    ReleaseNamesOwner,
    /// A request whose commit got no answer takes it for stored.
    UnknownIsReadBack,
    /// A pool gives up addresses in use.
    ShrinkSparesUse,
    /// A held address is picked and taken.
    TakeNeedsFree,
    /// A judge acts on the first look.
    TwoSightings,
    /// A refused request goes away with what it took.
    RefusedGivesBack,
    /// A batch is told to be stored, but one of its members was dropped.
    AllOrNothing,
    /// A record is handed to the next incarnation, whoever holds it by now.
    RebindNamesHolder,
    /// A reserved address is handed out.
    ReservedStays,
    /// A commit that arrives late is stored if its conditions hold, though the state has moved on.
    LateIsBound,
}

/// The store, with a rule broken or not.
#[derive(Debug)]
pub(crate) struct Broken {
    sea: Sea,
    rule: Option<Rule>,
}

impl Broken {
    pub(crate) fn new(mut sea: Sea, rule: Option<Rule>) -> Self {
        sea.is_unbound = rule == Some(Rule::LateIsBound);
        Self { sea, rule }
    }

    pub(crate) const fn sea(&mut self) -> &mut Sea {
        &mut self.sea
    }

    fn breaks(&self, rule: Rule) -> bool {
        self.rule == Some(rule)
    }

    fn bend_pick(&mut self, query: &PickQuery, view: &mut PickView) {
        if !matches!(query.want, Want::Any(_)) || self.sea.roll(4) > 0 {
            return;
        }
        if self.breaks(Rule::TakeNeedsFree) {
            let held = held(self.sea.store(), &query.pool);
            let other = held.into_iter().find(|(address, _)| !query.except.contains(address));
            if let Some((address, _)) = other {
                view.outcome = Ok(address);
            }
        }
        if self.breaks(Rule::ReservedStays) {
            let spec = view.spec.clone();
            let all = spec.iter().flat_map(|spec| spec.allocatable().ranges());
            let mut all = all.flat_map(|range| {
                let family = range.first().family();
                (range.first().bits()..=range.last().bits()).filter_map(move |bits| Addr::new(family, bits))
            });
            let reserved = all.find(|address| {
                let exactly = PickQuery { want: Want::Exactly(*address), ..query.clone() };
                let answer = Store::read(&mut self.sea.store().clone(), &Query::Pick(exactly)).unwrap();
                matches!(answer, View::Pick(PickView { outcome: Err(Obstacle::Reserved), .. }))
            });
            if let Some(address) = reserved {
                view.outcome = Ok(address);
            }
        }
    }

    fn bend(&self, change: &Change) -> Change {
        let mut bent = change.clone();
        let Change::Pool { pool, version, ops, .. } = &mut bent else { return bent };
        let held = held(self.sea.store(), pool);
        let holder = |address: Addr| held.iter().find(|(other, _)| *other == address).map(|(_, owner)| owner);
        let mut freed = Vec::new();
        for op in ops.iter_mut() {
            match op {
                PoolOp::Release { address, owner, seen } if self.breaks(Rule::ReleaseNamesOwner) => {
                    if let Some(other) = holder(*address) {
                        (*owner, *seen) = (other.clone(), None);
                    }
                }
                PoolOp::Take(record) if self.breaks(Rule::TakeNeedsFree) => {
                    let address = record.address;
                    freed.extend(holder(address).map(|owner| PoolOp::Release {
                        address,
                        owner: owner.clone(),
                        seen: None,
                    }));
                }
                PoolOp::Take(record) if self.breaks(Rule::ReservedStays) => {
                    *op = PoolOp::TakeAgain(record.clone());
                }
                PoolOp::Rebind { address, from, .. } if self.breaks(Rule::RebindNamesHolder) => {
                    *version = Version::ANY;
                    if let Some(other) = holder(*address) {
                        *from = other.clone();
                    }
                }
                _ => {}
            }
        }
        let is_batch = ops.first().map(owner_of) != ops.last().map(owner_of);
        if self.breaks(Rule::AllOrNothing) && is_batch {
            ops.pop();
        }
        ops.extend(freed);
        bent
    }
}

fn held(store: &MemoryStore, pool: &PoolName) -> BTreeSet<(Addr, Owner)> {
    let mut held = BTreeSet::new();
    store.visit_records(|other, record| {
        if other == pool {
            held.insert((record.address, record.owner.clone()));
        }
    });
    held
}

impl Store for Broken {
    type Error = FaultyError<MemoryError>;

    fn is_atomic(&self) -> bool {
        self.sea.is_atomic()
    }

    fn read(&mut self, query: &Query) -> Result<View, Self::Error> {
        let mut view = self.sea.read(query)?;
        if let (Query::Pick(query), View::Pick(view), Some(_)) = (query, &mut view, self.rule) {
            self.bend_pick(query, view);
        }
        Ok(view)
    }

    fn commit(&mut self, changes: &[Change]) -> Result<Vec<Version>, Self::Error> {
        match self.rule {
            None => self.sea.commit(changes),
            Some(_) => {
                let bent: Vec<Change> = changes.iter().map(|change| self.bend(change)).collect();
                self.sea.commit(&bent)
            }
        }
    }
}

/// A machine that breaks the rule, if it is one of machines.
#[derive(Debug)]
pub(crate) struct Bent<M> {
    pub(crate) machine: M,
    pub(crate) rule: Option<Rule>,
}

impl<M: Machine> Machine for Bent<M> {
    type Output = M::Output;

    fn step(&mut self, now: Time, input: Input) -> Step<M::Output> {
        let mut input = input;
        if self.rule == Some(Rule::UnknownIsReadBack)
            && matches!(input, Input::Committed(Err(Class::Unavailable)))
        {
            input = Input::Committed(Ok(Vec::new()));
        }
        loop {
            match self.machine.step(now, input) {
                Step::Commit(changes)
                    if self.rule == Some(Rule::RefusedGivesBack) && only_releases(&changes) =>
                {
                    input = Input::Committed(Ok(Vec::new()));
                }
                step => return step,
            }
        }
    }
}

fn only_releases(changes: &[Change]) -> bool {
    changes.iter().all(|change| match change {
        Change::Pool { ops, .. } => ops.iter().all(|op| matches!(op, PoolOp::Release { .. })),
        _ => false,
    })
}
