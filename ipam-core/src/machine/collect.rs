//! Collection: free what a judge finds dead, a page of records at a time.

use std::collections::{BTreeMap, VecDeque};

use crate::addr::Addr;
use crate::death::{Death, Judge};
use crate::machine::backoff::Backoff;
use crate::machine::{GiveUp, Input, Machine, Step};
use crate::pool::PoolName;
use crate::record::Time;
use crate::store::{AttachmentOp, Change, Class, Holding, PageQuery, Query, Version, View};

/// Records read at once: bounds the memory of a collection, whatever the pools hold.
const PAGE_RECORDS: usize = 512;

/// What a collection has done.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Collected {
    /// The records whose holders were found dead, and which are free now (or would be, in a dry run).
    pub dead: Vec<Holding>,
    /// How many records were looked at.
    pub seen: usize,
}

/// Walks the records that a judge may look at and frees those whose holder it finds dead.
///
/// Each release still tests that the record is as it was when judged, so an owner that comes back in between keeps its address.
#[derive(Debug)]
pub struct Collect<J> {
    judge: J,
    atomic: bool,
    dry_run: bool,
    backoff: Backoff,
    state: State,
    after: Option<(PoolName, Addr)>,
    collected: Collected,
}

#[derive(Debug)]
enum State {
    Start,
    Reading,
    Committing { left: VecDeque<Change>, dead: Vec<Holding>, seen: usize, next: Option<(PoolName, Addr)> },
    Ended,
}

impl<J: Judge> Collect<J> {
    /// A collection by this judge from a store that is atomic, or not; a dry run commits nothing.
    #[must_use]
    pub fn new(judge: J, atomic: bool, dry_run: bool, deadline: Time) -> Self {
        let backoff = Backoff::new(deadline, 0);
        Self {
            judge,
            atomic,
            dry_run,
            backoff,
            state: State::Start,
            after: None,
            collected: Collected::default(),
        }
    }

    fn read(&mut self) -> Step<Collected> {
        self.state = State::Reading;
        let query = PageQuery {
            scope: self.judge.scope(),
            pool: None,
            after: self.after.clone(),
            limit: PAGE_RECORDS,
        };
        Step::Read(Query::Page(query))
    }

    fn sentence(
        &mut self,
        records: Vec<Holding>,
        next: Option<(PoolName, Addr)>,
        now: Time,
    ) -> Step<Collected> {
        let seen = records.len();
        let mut pools: BTreeMap<PoolName, Vec<Death>> = BTreeMap::new();
        let mut dead = Vec::new();
        for holding in records {
            if let Some(death) = self.judge.judge(&holding, now) {
                pools.entry(holding.pool.clone()).or_default().push(death);
                dead.push(holding);
            }
        }
        let mut left = VecDeque::new();
        if !self.dry_run {
            for (pool, deaths) in pools {
                left.extend(burial(pool, &deaths, now));
            }
        }
        self.commit(left, dead, seen, next)
    }

    fn commit(
        &mut self,
        mut left: VecDeque<Change>,
        dead: Vec<Holding>,
        seen: usize,
        next: Option<(PoolName, Addr)>,
    ) -> Step<Collected> {
        let sent: Vec<Change> =
            if self.atomic { left.drain(..).collect() } else { left.pop_front().into_iter().collect() };
        if !sent.is_empty() {
            self.state = State::Committing { left, dead, seen, next };
            return Step::Commit(sent);
        }
        self.collected.dead.extend(dead);
        self.collected.seen = self.collected.seen.saturating_add(seen);
        match next {
            Some(next) => {
                self.after = Some(next);
                self.read()
            }
            None => Step::Done(std::mem::take(&mut self.collected)),
        }
    }

    /// The page is read and judged again: what was freed of it by then is not found any more.
    fn pause(&mut self, class: Class, now: Time) -> Step<Collected> {
        self.state = State::Start;
        self.backoff.after(class, now)
    }
}

/// Frees the addresses of the dead in one pool, and lets no NIC name them any more.
fn burial(pool: PoolName, deaths: &[Death], now: Time) -> Vec<Change> {
    let ops = deaths.iter().map(Death::release).collect();
    let forget = |death: &Death| Change::Attachments {
        owner: death.owner().clone(),
        version: Version::ANY,
        ops: vec![AttachmentOp::Forget(death.address())],
    };
    let release = Change::Pool { pool, version: Version::ANY, ops, now, cooldown: std::time::Duration::ZERO };
    std::iter::once(release).chain(deaths.iter().map(forget)).collect()
}

impl<J: Judge> Machine for Collect<J> {
    type Output = Collected;

    fn step(&mut self, now: Time, input: Input) -> Step<Collected> {
        match (std::mem::replace(&mut self.state, State::Ended), input) {
            (State::Start, Input::Go) => self.read(),
            (State::Reading, Input::Read(Ok(View::Page(page)))) => {
                self.sentence(page.records, page.next, now)
            }
            (State::Reading, Input::Read(Err(class))) => self.pause(class, now),
            (State::Committing { left, dead, seen, next }, Input::Committed(Ok(_))) => {
                self.commit(left, dead, seen, next)
            }
            (State::Committing { .. }, Input::Committed(Err(class))) => self.pause(class, now),
            _ => Step::GiveUp(GiveUp::Contract),
        }
    }
}
