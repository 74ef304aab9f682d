//! CHECK: does the store still say what the caller believes? If so, the records are confirmed.

use crate::addr::Addr;
use crate::machine::backoff::Backoff;
use crate::machine::{GiveUp, Input, Machine, Step};
use crate::owner::{Nic, Owner};
use crate::pool::PoolName;
use crate::record::{Assignment, Stamp, Time};
use crate::store::{Change, Class, Holdings, PoolOp, Query, Version, View};

/// All that was expected is stored.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Confirmed {
    /// The addresses of the NIC.
    pub assignments: Vec<Assignment>,
}

/// What is not as expected.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("NIC {nic} of {owner}: {}", self.text())]
pub struct Unconfirmed {
    /// Who was asked about.
    pub owner: Owner,
    /// Which NIC.
    pub nic: Nic,
    /// Expected, but the store does not give them to this NIC.
    pub missing: Vec<Addr>,
    /// What the store gives to the NIC.
    pub stored: Vec<Assignment>,
}

impl Unconfirmed {
    fn text(&self) -> String {
        let list = |items: Vec<String>| if items.is_empty() { "none".to_owned() } else { items.join(", ") };
        let missing = list(self.missing.iter().map(ToString::to_string).collect());
        let stored = list(self.stored.iter().map(ToString::to_string).collect());
        format!("addresses that the store does not give it: {missing}; stored: {stored}")
    }
}

/// Compares the stored addresses of a NIC with those expected, and stamps the records where the stamp is of another boot.
#[derive(Clone, Debug)]
pub struct Confirm {
    owner: Owner,
    nic: Nic,
    expected: Vec<Addr>,
    stamp: Option<Stamp>,
    backoff: Backoff,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    Start,
    Reading,
    Committing { left: Vec<Change>, confirmed: Confirmed },
    Ended,
}

impl Confirm {
    /// Are these addresses the NIC's?
    #[must_use]
    pub fn new(owner: Owner, nic: Nic, expected: Vec<Addr>, stamp: Option<Stamp>, deadline: Time) -> Self {
        Self { owner, nic, expected, stamp, backoff: Backoff::new(deadline, 0), state: State::Start }
    }

    fn compare(&mut self, holdings: &Holdings, now: Time) -> Step<<Self as Machine>::Output> {
        let mine = holdings.records.iter().filter(|holding| holding.record.owner.same_holder(&self.owner));
        let attached = holdings.attachments.iter().filter(|attachment| attachment.nic == self.nic);
        let named: Vec<&Assignment> = attached.flat_map(|attachment| &attachment.assignments).collect();
        let held: Vec<_> = mine
            .filter(|holding| {
                named.iter().any(|a| a.pool == holding.pool && a.address == holding.record.address)
            })
            .collect();
        let stored: Vec<Assignment> = held
            .iter()
            .map(|holding| Assignment { pool: holding.pool.clone(), address: holding.record.address })
            .collect();
        let missing: Vec<Addr> =
            self.expected.iter().copied().filter(|addr| !stored.iter().any(|a| a.address == *addr)).collect();
        if !missing.is_empty() {
            self.state = State::Ended;
            let (owner, nic) = (self.owner.clone(), self.nic.clone());
            return Step::Done(Err(Unconfirmed { owner, nic, missing, stored }));
        }
        let mut left: Vec<Change> = Vec::new();
        for holding in held {
            let Some(stamp) = &self.stamp else { continue };
            if holding.record.stamp.as_ref().is_some_and(|stored| stored.boot == stamp.boot) {
                continue;
            }
            let op = PoolOp::Confirm {
                address: holding.record.address,
                owner: holding.record.owner.clone(),
                stamp: stamp.clone(),
            };
            left.push(confirm_change(holding.pool.clone(), op, now));
        }
        self.commit(left, Confirmed { assignments: stored })
    }

    fn commit(&mut self, mut left: Vec<Change>, confirmed: Confirmed) -> Step<<Self as Machine>::Output> {
        match left.pop() {
            Some(change) => {
                self.state = State::Committing { left, confirmed };
                Step::Commit(vec![change])
            }
            None => Step::Done(Ok(confirmed)),
        }
    }

    fn pause(&mut self, class: Class, now: Time) -> Step<<Self as Machine>::Output> {
        self.state = State::Start;
        self.backoff.after(class, now)
    }
}

fn confirm_change(pool: PoolName, op: PoolOp, now: Time) -> Change {
    Change::Pool { pool, version: Version::ANY, ops: vec![op], now, cooldown: std::time::Duration::ZERO }
}

impl Machine for Confirm {
    type Output = Result<Confirmed, Unconfirmed>;

    fn step(&mut self, now: Time, input: Input) -> Step<Self::Output> {
        match (std::mem::replace(&mut self.state, State::Ended), input) {
            (State::Start, Input::Go) => {
                self.state = State::Reading;
                Step::Read(Query::Holdings { owner: self.owner.clone(), pools: Vec::new() })
            }
            (State::Reading, Input::Read(Ok(View::Holdings(holdings)))) => self.compare(&holdings, now),
            (State::Reading, Input::Read(Err(class))) => self.pause(class, now),
            (State::Committing { left, confirmed }, Input::Committed(Ok(_))) => self.commit(left, confirmed),
            (State::Committing { .. }, Input::Committed(Err(class))) => self.pause(class, now),
            _ => Step::GiveUp(GiveUp::Contract),
        }
    }
}
