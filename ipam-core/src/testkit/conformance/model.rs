//! A store beside [`MemoryStore`]: the same actions on both must have the same outcomes and leave the same books.

use std::time::Duration;

use super::action::Action;
use super::trial::{Outcome, PATIENCE, Stop, Trial, equal, holds};
use super::{Failure, Setup};
use crate::addr::{Addr, Family};
use crate::death::RuntimeList;
use crate::drive::Clock;
use crate::machine::{Allocate, Collect, Release};
use crate::owner::{Nic, Owner, OwnerKind};
use crate::pool::PoolSpec;
use crate::record::{Record, Stamp};
use crate::request::{AllocationRequest, NicRequest, ReleaseRequest, ReleaseScope};
use crate::store::{
    AttachmentOp, Change, Holding, Holdings, Obstacle, PageQuery, PickQuery, PoolOp, Store, Version, Want,
};
use crate::testkit::MemoryStore;

/// How long what is freed rests, in all actions: a store need not remember what was freed with another cooldown.
const REST: Duration = Duration::from_millis(50);

/// Records read at once: few, so that there are several pages.
const PAGE_RECORDS: usize = 4;

const NAME: &str = "against the model";

/// What an action comes to on the books as they are.
#[derive(Debug)]
enum Deed {
    Allocate(Box<AllocationRequest>),
    Release(ReleaseRequest),
    Commit(Vec<Change>),
    Pick(PickQuery),
    Collect(RuntimeList),
    Pass(Duration),
}

/// Does the same to a store with this setup and to [`MemoryStore::atomic`] and compares all that can be read after each step.
///
/// ```
/// use ipam_core::testkit::{MemoryStore, conformance, strategies};
/// use proptest::prelude::*;
///
/// proptest!(ProptestConfig::with_cases(8), |(setup in strategies::setups(), actions in strategies::actions())| {
///     let store = setup.memory(MemoryStore::one_at_a_time()).expect("the setup fits");
///     conformance::against_model(store, &setup, &actions)?;
/// });
/// ```
///
/// # Errors
/// The first difference, with the number of the step.
pub fn against_model<S: Store>(store: S, setup: &Setup, actions: &[Action]) -> Result<(), Box<Failure>> {
    let model = setup
        .memory(MemoryStore::atomic())
        .map_err(|error| failure("a setup without overlaps", &error.to_string()))?;
    let mut pair = Pair {
        store: Trial::new(store, setup.clone()),
        model: Trial::new(model, setup.clone()),
        setup,
        stamps: None,
    };
    for (step, action) in actions.iter().enumerate() {
        pair.step(*action).map_err(|stop| match stop {
            Stop::Mismatch { expected, found } => {
                failure(&format!("step {step}, {action:?}: {expected}"), &found)
            }
            Stop::Skip(why) => failure(&format!("step {step}, {action:?}: an outcome"), why),
        })?;
    }
    Ok(())
}

fn failure(expected: &str, found: &str) -> Box<Failure> {
    Box::new(Failure { case: NAME, expected: expected.to_owned(), found: found.to_owned() })
}

struct Pair<'a, S> {
    store: Trial<S>,
    model: Trial<MemoryStore>,
    setup: &'a Setup,
    /// Whether the store keeps stamps, once that has been seen.
    stamps: Option<bool>,
}

impl<S: Store> Pair<'_, S> {
    fn step(&mut self, action: Action) -> Outcome {
        let Some(deed) = self.resolve(action)? else { return Ok(()) };
        let now = self.model.now();
        self.store.clock.wait_until(now);
        let expected = done(&mut self.model, &deed)?;
        let found = done(&mut self.store, &deed)?;
        equal("the outcome of it", &found, &expected)?;
        self.compare_books()?;
        for number in 0..OWNERS {
            let owner = owner(number, 0)?;
            let expected = self.model.holdings(&owner)?;
            let found = self.store.holdings(&owner)?;
            self.compare_holdings(found, expected)?;
        }
        Ok(())
    }

    fn compare_books(&mut self) -> Outcome {
        let (found, expected) = (book(&mut self.store)?, book(&mut self.model)?);
        self.compare_records("the records", found, expected)
    }

    fn compare_records(
        &mut self,
        what: &str,
        mut found: Vec<Holding>,
        mut expected: Vec<Holding>,
    ) -> Outcome {
        if self.stamps.is_none() && found.len() == expected.len() {
            let stamped = |(_, holding): &(&Holding, &Holding)| holding.record.stamp.is_some();
            let first = found.iter().zip(&expected).find(stamped);
            self.stamps = first.map(|(holding, _)| holding.record.stamp.is_some());
        }
        if self.stamps == Some(false) {
            found.iter_mut().chain(&mut expected).for_each(|holding| holding.record.stamp = None);
        }
        equal(what, &found, &expected)
    }

    fn compare_holdings(&mut self, mut found: Holdings, mut expected: Holdings) -> Outcome {
        for holdings in [&mut found, &mut expected] {
            holdings.attachments.sort_by(|one, other| one.nic.cmp(&other.nic));
            holdings.records.sort_by_key(|holding| (holding.pool.clone(), holding.record.address));
            holdings.pools.sort_by(|one, other| one.name().cmp(other.name()));
        }
        equal("attachments", &found.attachments, &expected.attachments)?;
        equal("pools", &found.pools, &expected.pools)?;
        if !expected.attachments.is_empty() {
            equal("bound", &found.bound, &expected.bound)?;
        }
        self.compare_records("the owner's records", found.records, expected.records)
    }

    fn resolve(&mut self, action: Action) -> Result<Option<Deed>, Stop> {
        Ok(match action {
            Action::Allocate { owner: number, incarnation, nics, pools, follow, policy, ask } => {
                let request = self.allocation(&owner(number, incarnation)?, nics, pools, ask)?;
                let stamp = Some(Stamp { boot: format!("boot-{}", incarnation % 2), at: self.model.now() });
                Some(Deed::Allocate(Box::new(AllocationRequest {
                    follow,
                    policy,
                    stamp,
                    cooldown: REST,
                    ..request
                })))
            }
            Action::Release { owner: number, incarnation, scope, which } => {
                let scope = match scope % 3 {
                    0 => ReleaseScope::All,
                    1 => ReleaseScope::Nic(nic(which)?),
                    _ => match self.record(which)? {
                        Some(holding) => ReleaseScope::Address(holding.record.address),
                        None => return Ok(None),
                    },
                };
                let request =
                    ReleaseRequest::new(owner(number, incarnation)?, scope, self.model.now() + PATIENCE);
                Some(Deed::Release(ReleaseRequest { cooldown: REST, ..request }))
            }
            Action::Take { owner: number, incarnation, pool, address, again } => {
                let Some(pool) = self.pool(pool) else { return Ok(None) };
                let record = self.record_for(pool, address, &owner(number, incarnation)?)?;
                let op = if again { PoolOp::TakeAgain(record) } else { PoolOp::Take(record) };
                Some(Deed::Commit(vec![self.change(pool, vec![op])]))
            }
            Action::TakeTwo { owner: number, pool, addresses } => {
                let Some(pool) = self.pool(pool) else { return Ok(None) };
                let owner = owner(number, 0)?;
                let [one, other] = addresses;
                let ops = vec![
                    PoolOp::Take(self.record_for(pool, one, &owner)?),
                    PoolOp::Take(self.record_for(pool, other, &owner)?),
                ];
                Some(Deed::Commit(vec![self.change(pool, ops)]))
            }
            Action::Free { record, rightly, seen } => self.free(record, rightly, seen)?,
            Action::Confirm { record, rightly } => {
                let Some(Holding { pool, record, .. }) = self.record(record)? else { return Ok(None) };
                let owner = if rightly { record.owner } else { stranger()? };
                let stamp = Stamp { boot: "boot-0".to_owned(), at: self.model.now() };
                let op = PoolOp::Confirm { address: record.address, owner, stamp };
                let spec = self.setup.pools.iter().find(|spec| *spec.name() == pool);
                spec.map(|spec| Deed::Commit(vec![self.change(spec, vec![op])]))
            }
            Action::Pick { pool, start, except } => {
                let Some(pool) = self.pool(pool) else { return Ok(None) };
                let except = except.iter().filter_map(|number| address(pool, *number)).collect();
                Some(Deed::Pick(self.question(pool, Want::Any(start), except)))
            }
            Action::PickOne { pool, address: number, again } => {
                let Some(pool) = self.pool(pool) else { return Ok(None) };
                let Some(address) = address(pool, number) else { return Ok(None) };
                let want = if again { Want::Again(address) } else { Want::Exactly(address) };
                Some(Deed::Pick(self.question(pool, want, Vec::new())))
            }
            Action::Collect { alive } => {
                let containers =
                    (0..OWNERS).filter(|number| number % 2 == 0 && alive >> (number / 2) & 1 == 1);
                let valid = containers.map(|number| (name(number), "nic0".to_owned()));
                Some(Deed::Collect(RuntimeList::new("net", valid)))
            }
            Action::Pass { millis } => Some(Deed::Pass(Duration::from_millis(u64::from(millis)))),
        })
    }

    /// An incarnation that is new to the attachments asks for all NICs: a store that notes the incarnation with each
    /// record could not tell which one wrote last if some stayed behind.
    fn allocation(
        &mut self,
        owner: &Owner,
        nics: u8,
        pools: u8,
        ask: Option<u16>,
    ) -> Result<AllocationRequest, Stop> {
        let holdings = self.model.holdings(owner)?;
        let moved = holdings.bound.is_some_and(|bound| bound != *owner);
        let mut request = AllocationRequest::new(owner.clone(), self.model.now() + PATIENCE);
        for number in 0..NICS {
            let nic = nic(u16::from(number))?;
            let attached = holdings.attachments.iter().any(|attachment| attachment.nic == nic);
            if nics >> number & 1 == 0
                && !(moved && attached)
                && !(number == 0 && nics.is_multiple_of(1 << NICS))
            {
                continue;
            }
            let names = |family: Family| {
                let chosen =
                    self.setup.pools.iter().enumerate().filter(|(index, _)| pools >> (index % 8) & 1 == 1);
                chosen
                    .filter(|(_, pool)| pool.family() == family)
                    .map(|(_, pool)| pool.name().clone())
                    .collect()
            };
            let asked = ask.filter(|_| number == 0).and_then(|ask| address(self.pool(pools)?, ask));
            request.nics.push(NicRequest {
                v4: names(Family::V4),
                v6: names(Family::V6),
                asks: asked.into_iter().collect(),
                ..NicRequest::new(nic)
            });
        }
        Ok(request)
    }

    fn free(&mut self, record: u16, rightly: bool, seen: Option<bool>) -> Result<Option<Deed>, Stop> {
        let Some(Holding { pool, record, .. }) = self.record(record)? else { return Ok(None) };
        let Some(spec) = self.setup.pools.iter().find(|spec| *spec.name() == pool) else { return Ok(None) };
        let owner = if rightly { record.owner.clone() } else { stranger()? };
        let other = Stamp { boot: "boot-9".to_owned(), at: self.model.now() };
        let seen = match seen {
            Some(true) if self.stamps != Some(false) => record.stamp,
            Some(false) => Some(other),
            _ => None,
        };
        let op = PoolOp::Release { address: record.address, owner: owner.clone(), seen };
        // No effect while the record is there; otherwise a store that keeps the NIC with the record has forgotten it anyway.
        let forget = Change::Attachments {
            owner,
            version: Version::ANY,
            ops: vec![AttachmentOp::Forget(record.address)],
        };
        Ok(Some(Deed::Commit(vec![self.change(spec, vec![op]), forget])))
    }

    fn pool(&self, number: u8) -> Option<&PoolSpec> {
        let index = usize::from(number).checked_rem(self.setup.pools.len())?;
        self.setup.pools.get(index)
    }

    fn record(&mut self, number: u16) -> Result<Option<Holding>, Stop> {
        let mut records = self.model.records()?;
        let index = usize::from(number).checked_rem(records.len());
        Ok(index.map(|index| records.swap_remove(index)))
    }

    fn record_for(&self, pool: &PoolSpec, number: u16, owner: &Owner) -> Result<Record, Stop> {
        let address = address(pool, number);
        holds("a pool with addresses", address.is_some(), &pool.name())?;
        let stamp = Some(Stamp { boot: "boot-1".to_owned(), at: self.model.now() });
        Ok(Record { address: address.unwrap_or(Addr::first_of(pool.family())), owner: owner.clone(), stamp })
    }

    fn change(&self, pool: &PoolSpec, ops: Vec<PoolOp>) -> Change {
        Change::Pool {
            pool: pool.name().clone(),
            version: Version::ANY,
            ops,
            now: self.model.now(),
            cooldown: REST,
        }
    }

    fn question(&self, pool: &PoolSpec, want: Want, except: Vec<Addr>) -> PickQuery {
        PickQuery { pool: pool.name().clone(), want, except, now: self.model.now(), cooldown: REST }
    }
}

const OWNERS: u8 = 6;
const NICS: u8 = 2;

fn name(number: u8) -> String {
    format!("o{number}")
}

fn owner(number: u8, incarnation: u8) -> Result<Owner, Stop> {
    let number = number % OWNERS;
    Ok(match number % 2 {
        0 => Owner::container("net", &name(number))?,
        _ => Owner::pod("shop", &name(number), &format!("uid-{number}-{}", incarnation % 3))?,
    })
}

fn stranger() -> Result<Owner, Stop> {
    Ok(Owner::from_parts(OwnerKind::Reservation, "", "stranger", "")?)
}

fn nic(number: u16) -> Result<Nic, Stop> {
    Ok(format!("nic{}", number % u16::from(NICS)).parse()?)
}

/// One of the first sixteen addresses of the pool's `ips`, or the last of its subnet.
fn address(pool: &PoolSpec, number: u16) -> Option<Addr> {
    let members = pool.ips().len().min(16);
    match u128::from(number).checked_rem(members.saturating_add(1))? {
        index if index < members => pool.ips().nth(index),
        _ => Some(pool.subnet().broadcast().into()),
    }
}

/// Does it and tells the outcome as text, without what stores may differ in: versions and stamps.
fn done<S: Store>(trial: &mut Trial<S>, deed: &Deed) -> Result<String, Stop> {
    let atomic = trial.is_atomic();
    let deadline = trial.now() + PATIENCE;
    Ok(match deed {
        Deed::Allocate(request) => match trial.run(Allocate::new((**request).clone(), atomic))? {
            Ok(allocation) => format!("{:?}", allocation.attachments),
            Err(refusal) => format!("refused: {refusal}"),
        },
        Deed::Release(request) => {
            let mut released = trial.run(Release::new(request.clone(), atomic))?.addresses;
            released.sort();
            format!("{released:?}")
        }
        Deed::Commit(changes) if atomic => {
            format!("{:?}", trial.commit(changes).map(|versions| versions.len()))
        }
        Deed::Commit(changes) => {
            let stored: Result<Vec<_>, _> =
                changes.iter().map(|change| trial.commit(std::slice::from_ref(change))).collect();
            format!("{:?}", stored.map(|versions| versions.len()))
        }
        Deed::Pick(query) => match trial.ask(query)?.outcome {
            Err(Obstacle::Held(holding)) => format!("held by {:?}, {:?}", holding.record.owner, holding.nic),
            outcome => format!("{outcome:?}"),
        },
        Deed::Collect(list) => {
            let dead = trial.run(Collect::new(list.clone(), atomic, false, deadline))?.dead;
            format!(
                "{:?}",
                dead.iter().map(|holding| (&holding.pool, holding.record.address)).collect::<Vec<_>>()
            )
        }
        Deed::Pass(time) => {
            trial.pass(*time);
            String::new()
        }
    })
}

/// All records, read in several pages.
fn book<S: Store>(trial: &mut Trial<S>) -> Result<Vec<Holding>, Stop> {
    let mut query = PageQuery { scope: None, pool: None, after: None, limit: PAGE_RECORDS };
    let mut records = Vec::new();
    loop {
        let page = trial.page(query.clone())?;
        holds("a page that moves on", page.next.is_none() || !page.records.is_empty(), &page)?;
        records.extend(page.records);
        match page.next {
            Some(next) => query.after = Some(next),
            None => return Ok(records),
        }
    }
}
