//! A store under test, with the questions, commits and comparisons that the cases are made of.

use std::fmt::Debug;
use std::time::Duration;

use super::{Case, Setup};
use crate::addr::Addr;
use crate::drive::{Clock, run};
use crate::error::Error;
use crate::fault::Faults;
use crate::machine::Machine;
use crate::owner::{Nic, Owner};
use crate::pool::{PoolFields, PoolName, PoolSpec};
use crate::record::{Assignment, Attachment, Record, Stamp, Time};
use crate::request::{AllocationRequest, NicRequest};
use crate::store::{
    AttachmentOp, Change, Class, Holding, Holdings, Obstacle, PageQuery, PageView, PickQuery, PickView,
    PoolOp, Query, Start, Store, StoreError, Version, View, Want,
};
use crate::testkit::ManualClock;

/// How often a read or a step of preparation is repeated where a store that fails on purpose gives no answer.
const TRIES_MAX: usize = 200;

/// A machine's deadline from now: far beyond what its pauses on a faulty store sum up to.
pub(super) const PATIENCE: Duration = Duration::from_secs(3_600);

/// Why a case ends early.
#[derive(Debug)]
pub(super) enum Stop {
    /// It does not hold.
    Mismatch { expected: String, found: String },
    /// The store has not what it tests.
    Skip(&'static str),
}

pub(super) type Outcome = Result<(), Stop>;

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        mismatch("a valid value in the suite", &error.to_string())
    }
}

impl From<Faults> for Stop {
    fn from(faults: Faults) -> Self {
        mismatch("a valid pool in the suite", &faults.to_string())
    }
}

pub(super) fn mismatch(expected: &str, found: &str) -> Stop {
    Stop::Mismatch { expected: expected.to_owned(), found: found.to_owned() }
}

/// Both must be equal; `what` says of what.
pub(super) fn equal<T: Debug + PartialEq>(what: &str, found: &T, expected: &T) -> Outcome {
    if found == expected {
        return Ok(());
    }
    Err(Stop::Mismatch { expected: format!("{what}: {expected:?}"), found: format!("{found:?}") })
}

/// The fact must hold; `found` says what was seen instead.
pub(super) fn holds(expected: &str, fact: bool, found: &impl Debug) -> Outcome {
    if fact { Ok(()) } else { Err(mismatch(expected, &format!("{found:?}"))) }
}

pub(super) const fn case<S>(
    name: &'static str,
    setup: fn() -> Result<Setup, Stop>,
    run: fn(&mut Trial<S>) -> Outcome,
) -> Case<S> {
    Case { name, setup, run }
}

pub(super) fn pool(name: &str, subnet: &str, ips: &[&str]) -> Result<PoolSpec, Stop> {
    pool_with(name, subnet, ips, &[], false)
}

pub(super) fn pool_with(
    name: &str,
    subnet: &str,
    ips: &[&str],
    excluded: &[&str],
    disabled: bool,
) -> Result<PoolSpec, Stop> {
    let texts = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect();
    let fields = PoolFields {
        subnet: subnet.to_owned(),
        ips: texts(ips),
        exclude_ips: texts(excluded),
        disable: Some(disabled),
        ..PoolFields::default()
    };
    Ok(PoolSpec::new(&name.parse()?, &fields)?)
}

/// One v4 pool of three addresses, 10.6.0.10 to .12: enough for most cases.
pub(super) fn three() -> Result<Setup, Stop> {
    Ok(Setup::new(vec![pool("v4", "10.6.0.0/24", &["10.6.0.10-10.6.0.12"])?], Vec::new()))
}

/// Two pools of three addresses each, v4 and v6.
pub(super) fn dual() -> Result<Setup, Stop> {
    let v4 = pool("v4", "10.6.0.0/24", &["10.6.0.10-10.6.0.12"])?;
    let v6 = pool("v6", "fd00:6::/64", &["fd00:6::10-fd00:6::12"])?;
    Ok(Setup::new(vec![v4, v6], Vec::new()))
}

pub(super) fn addr(text: &str) -> Result<Addr, Stop> {
    Ok(text.parse()?)
}

pub(super) fn container(id: &str) -> Result<Owner, Stop> {
    Ok(Owner::container("net", id)?)
}

pub(super) fn pod(uid: &str) -> Result<Owner, Stop> {
    Ok(Owner::pod("shop", "db-0", uid)?)
}

pub(super) fn assignment(pool: &str, address: &str) -> Result<Assignment, Stop> {
    Ok(Assignment { pool: pool.parse()?, address: addr(address)? })
}

/// An attachment with these (pool, address).
pub(super) fn attachment(nic: &str, assignments: &[(&str, &str)]) -> Result<Attachment, Stop> {
    let assignments: Result<Vec<Assignment>, Stop> =
        assignments.iter().map(|(pool, address)| assignment(pool, address)).collect();
    Ok(Attachment { nic: nic.parse()?, assignments: assignments? })
}

pub(super) fn stamp(boot: &str) -> Stamp {
    Stamp { boot: boot.to_owned(), at: Time::from_millis(7) }
}

/// A request for one NIC from these pools.
pub(super) fn nic(name: &str, v4: &[&str], v6: &[&str]) -> Result<NicRequest, Stop> {
    let names =
        |pools: &[&str]| pools.iter().map(|pool| pool.parse()).collect::<Result<Vec<PoolName>, Error>>();
    Ok(NicRequest { v4: names(v4)?, v6: names(v6)?, ..NicRequest::new(name.parse()?) })
}

/// A store under test.
#[derive(Debug)]
pub(super) struct Trial<S> {
    store: Counted<S>,
    setup: Setup,
    pub(super) clock: ManualClock,
}

impl<S: Store> Trial<S> {
    pub(super) const fn new(store: S, setup: Setup) -> Self {
        let clock = ManualClock::at(Time::from_millis(1_000_000));
        Self { store: Counted { store, commits: 0 }, setup, clock }
    }

    pub(super) fn is_atomic(&self) -> bool {
        self.store.is_atomic()
    }

    pub(super) const fn commits(&self) -> u64 {
        self.store.commits
    }

    pub(super) fn now(&self) -> Time {
        self.clock.now()
    }

    pub(super) fn pass(&mut self, time: Duration) {
        let until = self.now() + time;
        self.clock.wait_until(until);
    }

    fn read(&mut self, query: &Query) -> Result<View, Stop> {
        let mut last = None;
        for _ in 0..TRIES_MAX {
            match self.store.read(query) {
                Ok(view) => return Ok(view),
                Err(error) if error.class() == Class::Unavailable => last = Some(error),
                Err(error) => return Err(mismatch("an answer to a read", &error.to_string())),
            }
        }
        Err(mismatch("an answer to a read", &format!("{last:?}")))
    }

    pub(super) fn holdings(&mut self, owner: &Owner) -> Result<Holdings, Stop> {
        let pools = self.setup.pools.iter().map(|pool| pool.name().clone()).collect();
        let view = self.read(&Query::Holdings { owner: owner.clone(), pools })?;
        let View::Holdings(holdings) = view else {
            return Err(mismatch("View::Holdings", &format!("{view:?}")));
        };
        Ok(holdings)
    }

    pub(super) fn ask(&mut self, query: &PickQuery) -> Result<PickView, Stop> {
        let view = self.read(&Query::Pick(query.clone()))?;
        let View::Pick(view) = view else { return Err(mismatch("View::Pick", &format!("{view:?}"))) };
        Ok(view)
    }

    /// A question for the pool without exceptions or cooldown.
    pub(super) fn query(&self, pool: &str, want: Want) -> Result<PickQuery, Stop> {
        Ok(PickQuery {
            pool: pool.parse()?,
            want,
            except: Vec::new(),
            now: self.now(),
            cooldown: Duration::ZERO,
        })
    }

    pub(super) fn pick(&mut self, pool: &str, want: Want) -> Result<Result<Addr, Obstacle>, Stop> {
        let query = self.query(pool, want)?;
        Ok(self.ask(&query)?.outcome)
    }

    /// The pool's answer to this want must be this address.
    pub(super) fn gives(&mut self, pool: &str, want: Want, expected: &str) -> Outcome {
        let found = self.pick(pool, want)?;
        equal(&format!("pick of {want:?} from {pool}"), &found, &Ok(addr(expected)?))
    }

    pub(super) fn gives_lowest(&mut self, pool: &str, expected: &str) -> Outcome {
        self.gives(pool, Want::Any(Start::Lowest), expected)
    }

    pub(super) fn page(&mut self, query: PageQuery) -> Result<PageView, Stop> {
        let view = self.read(&Query::Page(query))?;
        let View::Page(page) = view else { return Err(mismatch("View::Page", &format!("{view:?}"))) };
        Ok(page)
    }

    /// All records, in order.
    pub(super) fn records(&mut self) -> Result<Vec<Holding>, Stop> {
        let query = PageQuery { scope: None, pool: None, after: None, limit: usize::MAX };
        Ok(self.page(query)?.records)
    }

    /// All records as text: `pool address owner nic`.
    pub(super) fn book(&mut self) -> Result<Vec<String>, Stop> {
        let line = |Holding { pool, record, nic }: Holding| {
            let nic = nic.as_ref().map_or("-", Nic::as_str);
            format!("{pool} {} {}#{} {nic}", record.address, record.owner.name(), record.owner.uid())
        };
        Ok(self.records()?.into_iter().map(line).collect())
    }

    /// The book must have exactly these (pool, address, owner, nic or "-").
    pub(super) fn booked(&mut self, expected: &[(&str, &str, &Owner, &str)]) -> Outcome {
        let line = |(pool, address, owner, nic): &(&str, &str, &Owner, &str)| {
            format!("{pool} {address} {}#{} {nic}", owner.name(), owner.uid())
        };
        let expected: Vec<String> = expected.iter().map(line).collect();
        equal("the records", &self.book()?, &expected)
    }

    pub(super) fn commit(&mut self, changes: &[Change]) -> Result<Vec<Version>, Class> {
        self.store.commit(changes).map_err(|error| error.class())
    }

    pub(super) fn on_pool(&self, pool: &str, ops: Vec<PoolOp>) -> Result<Change, Stop> {
        self.cooling_on_pool(pool, ops, Duration::ZERO)
    }

    pub(super) fn cooling_on_pool(
        &self,
        pool: &str,
        ops: Vec<PoolOp>,
        cooldown: Duration,
    ) -> Result<Change, Stop> {
        Ok(Change::Pool { pool: pool.parse()?, version: Version::ANY, ops, now: self.now(), cooldown })
    }

    /// One change, which must be stored.
    pub(super) fn store(&mut self, change: Change) -> Outcome {
        let text = format!("{change:?}");
        match self.commit(&[change]) {
            Ok(versions) => equal("versions for one change", &versions.len(), &1),
            Err(class) => Err(mismatch(&format!("to store {text}"), &format!("{class:?}"))),
        }
    }

    /// One change, which must be refused with this class.
    pub(super) fn refuses(&mut self, change: Change, class: Class) -> Outcome {
        let text = format!("{class:?} to {change:?}");
        equal(&text, &self.commit(&[change]).map(|_| "stored"), &Err(class))
    }

    pub(super) fn take(&mut self, pool: &str, address: &str, owner: &Owner) -> Outcome {
        let change = self.on_pool(pool, vec![take(address, owner)?])?;
        self.store(change)
    }

    pub(super) fn release(&mut self, pool: &str, address: &str, owner: &Owner) -> Outcome {
        let change = self.on_pool(pool, vec![release(address, owner)?])?;
        self.store(change)
    }

    /// Operations on attachments, which must be stored; skips the case where the store needs records for that.
    pub(super) fn attach(&mut self, owner: &Owner, ops: Vec<AttachmentOp>) -> Outcome {
        let version = self.holdings(owner)?.version;
        let change = Change::Attachments { owner: owner.clone(), version, ops };
        match self.commit(std::slice::from_ref(&change)) {
            Ok(_) => Ok(()),
            Err(Class::Rejected) => Err(Stop::Skip("the store keeps no attachment without a record")),
            Err(class) => Err(mismatch(&format!("to store {change:?}"), &format!("{class:?}"))),
        }
    }

    /// Prepares what a case starts from, whatever faults the store has: a record that no NIC names.
    pub(super) fn plant(&mut self, pool: &str, address: &str, owner: &Owner) -> Outcome {
        self.insist(pool, &take(address, owner)?, address, true)
    }

    /// The reverse of [`Trial::plant`]: the record vanishes, its attachment is not touched.
    pub(super) fn uproot(&mut self, pool: &str, address: &str, owner: &Owner) -> Outcome {
        self.insist(pool, &release(address, owner)?, address, false)
    }

    fn insist(&mut self, pool: &str, op: &PoolOp, address: &str, there: bool) -> Outcome {
        let (name, address): (PoolName, Addr) = (pool.parse()?, addr(address)?);
        for _ in 0..TRIES_MAX {
            let change = self.on_pool(pool, vec![op.clone()])?;
            let answer = self.commit(&[change]);
            let records = self.records()?;
            let found =
                records.iter().any(|holding| holding.pool == name && holding.record.address == address);
            if found == there {
                return Ok(());
            }
            holds("a preparing commit to be tried again", answer != Err(Class::Rejected), &answer)?;
        }
        Err(mismatch(&format!("{op:?} to be stored at last"), "only failures"))
    }

    pub(super) fn request(&self, owner: &Owner) -> AllocationRequest {
        AllocationRequest::new(owner.clone(), self.now() + PATIENCE)
    }

    /// Runs a machine to its end.
    pub(super) fn run<M: Machine>(&mut self, machine: M) -> Result<M::Output, Stop> {
        run(machine, &mut self.store, &mut self.clock)
            .map_err(|error| mismatch("an outcome", &format!("{error:?}")))
    }
}

pub(super) fn take(address: &str, owner: &Owner) -> Result<PoolOp, Stop> {
    Ok(PoolOp::Take(Record { address: addr(address)?, owner: owner.clone(), stamp: None }))
}

pub(super) fn take_again(address: &str, owner: &Owner) -> Result<PoolOp, Stop> {
    Ok(PoolOp::TakeAgain(Record { address: addr(address)?, owner: owner.clone(), stamp: None }))
}

pub(super) fn release(address: &str, owner: &Owner) -> Result<PoolOp, Stop> {
    Ok(PoolOp::Release { address: addr(address)?, owner: owner.clone(), seen: None })
}

/// Counts commits: a repeated request must need none.
#[derive(Debug)]
struct Counted<S> {
    store: S,
    commits: u64,
}

impl<S: Store> Store for Counted<S> {
    type Error = S::Error;

    fn is_atomic(&self) -> bool {
        self.store.is_atomic()
    }

    fn read(&mut self, query: &Query) -> Result<View, Self::Error> {
        self.store.read(query)
    }

    fn commit(&mut self, changes: &[Change]) -> Result<Vec<Version>, Self::Error> {
        self.commits = self.commits.saturating_add(1);
        self.store.commit(changes)
    }
}
