//! Owners who come, go, restart and are forgotten, pools that change under them, and those who clean up, all driven by the
//! simulator's seed.

mod carver;
mod people;
mod reaper;
mod rulers;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use ipam_core::testkit::{Ended, Event, MemoryStore, Simulator, TaskId, Weather};
use ipam_core::{Machine, Owner, OwnerKind, Stamp, Time};

use crate::books::Books;
use crate::broken::{Bent, Broken, Rule};
use crate::crew::{Boat, Crewed};
use crate::errand::{Count, Errand, Outcome};
use crate::finding::{Finding, Kind, Verdict};
use crate::sea::{Sea, Tides};
use carver::Realm;
use reaper::Rumours;
use rulers::Pools;

/// Machines on their way at once.
const CROWD: usize = 12;
/// Longer than all pauses of a request on a failing store.
const PATIENCE: Duration = Duration::from_secs(600);

/// What kind of world it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    pub(crate) name: &'static str,
    pub(crate) is_atomic: bool,
    pub(crate) weather: Weather,
    pub(crate) tides: Tides,
    /// So many writers, each of which gathers what its requests want to commit; none: each request goes alone.
    pub(crate) writers: u64,
    /// The rule that is broken on purpose.
    pub(crate) rule: Option<Rule>,
}

pub(crate) struct World {
    setup: Setup,
    simulator: Simulator<Broken, Outcome>,
    store: MemoryStore,
    books: Books,
    errands: BTreeMap<TaskId, Errand>,
    /// Incarnations that a name has had.
    incarnations: BTreeMap<String, u64>,
    /// Some of those who ever asked: who may still send a late DEL.
    seen: Vec<Owner>,
    /// Containers that their runtime knows, with their NICs.
    known: BTreeMap<Owner, BTreeSet<String>>,
    /// Owners whose last request ended without an answer. Their runtime has to release them before anything else: a commit
    /// of that request may still arrive.
    unsettled: BTreeSet<Owner>,
    rumours: Rc<RefCell<Rumours>>,
    boats: Vec<Rc<RefCell<Boat>>>,
    pools: Pools,
    realm: Realm,
    boot: u64,
    boot_seen: Time,
    count: Count,
    commits: u64,
    /// What has happened, if anybody wants to know.
    trace: Option<Vec<String>>,
}

impl World {
    pub(crate) fn new(setup: Setup, seed: u64) -> Verdict<Self> {
        let store = if setup.is_atomic { MemoryStore::atomic() } else { MemoryStore::one_at_a_time() };
        let sea = Sea::new(store.clone(), setup.tides, seed);
        let simulator = Simulator::new(Broken::new(sea, setup.rule), setup.weather, seed);
        let boot_seen = simulator.now();
        let mut world = Self {
            setup,
            simulator,
            store,
            books: Books::default(),
            errands: BTreeMap::new(),
            incarnations: BTreeMap::new(),
            seen: Vec::new(),
            known: BTreeMap::new(),
            unsettled: BTreeSet::new(),
            rumours: Rc::default(),
            boats: (0..setup.writers).map(|_| Boat::new(setup.is_atomic)).collect(),
            pools: Pools::default(),
            realm: Realm::new(),
            boot: 1,
            boot_seen,
            count: Count::default(),
            commits: 0,
            trace: None,
        };
        world.found()?;
        Ok(world)
    }

    pub(crate) fn keep_trace(&mut self) {
        self.trace = Some(Vec::new());
    }

    pub(crate) fn trace(&self) -> &[String] {
        self.trace.as_deref().unwrap_or_default()
    }

    pub(crate) const fn count(&self) -> Count {
        self.count
    }

    fn tell(&mut self, line: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{} {}", self.simulator.now().as_millis(), line()));
        }
    }

    /// Runs so many operations, collects, then lets everybody go and looks that nothing is left.
    pub(crate) fn run(&mut self, operations: u64) -> Verdict<Count> {
        while self.count.operations < operations {
            while self.simulator.running() < CROWD && self.count.operations < operations {
                self.begin()?;
            }
            self.turn()?;
        }
        self.calm_down()?;
        self.agree()?;
        self.reap_all()?;
        self.clear_up()?;
        self.count.injected = self.simulator.injected();
        let sea = self.simulator.store().sea();
        self.count.batches = self.boats.iter().map(|boat| boat.borrow().batches).sum();
        (self.count.landed, self.count.aged) = (sea.landed, sea.aged);
        Ok(self.count)
    }

    /// All that runs comes to its end.
    fn settle(&mut self) -> Verdict {
        while self.simulator.running() > 0 {
            self.turn()?;
        }
        Ok(())
    }

    /// Nothing runs, and nothing is under way.
    fn calm_down(&mut self) -> Verdict {
        self.settle()?;
        self.simulator.store().sea().land_all();
        self.books.compare(&self.store)
    }

    fn roll(&mut self, below: u64) -> u64 {
        self.simulator.roll(below)
    }

    fn pick<T: Clone>(&mut self, all: &[T]) -> T {
        let which = self.roll(u64::try_from(all.len()).unwrap());
        all[usize::try_from(which).unwrap()].clone()
    }

    fn stamp(&self) -> Stamp {
        Stamp { boot: format!("boot-{}", self.boot), at: self.simulator.now() }
    }

    fn deadline(&self) -> Time {
        self.simulator.now() + PATIENCE
    }

    /// Somebody begins something.
    fn begin(&mut self) -> Verdict {
        match self.roll(1_000) {
            0..430 => self.allocate(),
            430..720 => self.release(),
            720..800 => self.confirm(),
            800..850 => self.forget(),
            850..910 => return self.collect(),
            910..945 => return self.administrate(),
            945..985 => return self.carve(),
            985..990 => self.reboot(),
            _ => {
                let millis = self.roll(400);
                self.simulator.pass(Duration::from_millis(millis));
            }
        }
        Ok(())
    }

    fn spawn<M: Machine + 'static>(
        &mut self,
        errand: Errand,
        machine: M,
        map: impl Fn(M::Output) -> Outcome + 'static,
    ) -> TaskId {
        let boat = (!self.boats.is_empty()).then(|| self.pick(&self.boats.clone()));
        let bent = Crewed::new(Bent { machine, rule: self.setup.rule }, boat);
        let id = self.simulator.spawn_map(errand.owner(), bent, map);
        self.count.operations += 1;
        self.errands.insert(id, errand);
        id
    }

    /// One event.
    fn turn(&mut self) -> Verdict {
        self.realm_goes_on()?;
        let event = self.simulator.step();
        let commits = self.store.calls().0;
        if let Event::Ended(id, ended) = event {
            let errand = self.errands.remove(&id);
            match ended {
                Ended::Done(outcome) => {
                    self.count.done += 1;
                    self.finish(id, errand.as_ref(), outcome)?;
                }
                Ended::GaveUp(why) => {
                    return Err(Finding::new(Kind::Starved, format!("{id}, {errand:?}: {why:?}")));
                }
                _ => {
                    self.count.crashed += 1;
                    self.tell(|| format!("{id} {errand:?} crashed"));
                    self.unsettled.extend(errand.as_ref().and_then(Errand::owner).cloned());
                }
            }
        } else if commits == self.commits {
            return Ok(());
        }
        self.commits = commits;
        self.books.compare(&self.store)
    }

    fn finish(&mut self, id: TaskId, errand: Option<&Errand>, outcome: Outcome) -> Verdict {
        match (errand, outcome) {
            (Some(Errand::Allocate(owner)), Outcome::Allocated(Ok(allocation))) => {
                self.tell(|| format!("{id} has for {owner} {:?}", allocation.attachments));
                self.books.acknowledge(owner, &allocation)?;
            }
            (Some(Errand::Allocate(owner)), Outcome::Allocated(Err(refusal))) => {
                self.count.refused += 1;
                self.tell(|| format!("{id} is refused: {refusal}"));
                // What arrives late can be seen by nobody before; and a late release of an earlier incarnation may take the
                // attachment of what this one has, which its next request claims.
                let is_alone = matches!(owner.kind(), OwnerKind::Container | OwnerKind::Reservation);
                if self.setup.tides.late == 0 && is_alone {
                    self.books.refused(owner, &self.store)?;
                }
            }
            (Some(Errand::Release(owner, is_all)), Outcome::Released(released)) => {
                self.count.freed += u64::try_from(released.addresses.len()).unwrap();
                self.tell(|| format!("{id} freed {:?} of {owner}", released.addresses));
                if *is_all {
                    self.unsettled.remove(owner);
                }
            }
            (Some(Errand::Confirm(owner)), Outcome::Confirmed(Err(unconfirmed))) => {
                let is_lost = |address| unconfirmed.missing.contains(address);
                let lost = self.books.of(owner).find(|promise| is_lost(&promise.address));
                if lost.is_some() && !self.is_outlived(owner) {
                    return Err(Finding::new(Kind::Unconfirmed, unconfirmed.to_string()));
                }
            }
            (_, Outcome::Confirmed(_)) => {}
            (_, Outcome::Collected(collected)) => {
                self.count.collected += u64::try_from(collected.dead.len()).unwrap();
                let dead = collected.dead.iter().map(|dead| dead.record.address.to_string());
                self.tell(|| format!("{id} collected {:?}", dead.collect::<Vec<_>>()));
            }
            (errand, _) => panic!("{errand:?} had the outcome of another kind"),
        }
        Ok(())
    }

    /// Everybody goes, until nothing fails any more.
    fn clear_up(&mut self) -> Verdict {
        self.books.void(|_| true);
        let mut left = Vec::new();
        for _ in 0..50 {
            left.clear();
            self.store.visit_records(|_, record| left.push(record.owner.clone()));
            self.store.visit_attachments(|owner, attachments| {
                if !attachments.is_empty() {
                    left.push(owner.clone());
                }
            });
            if left.is_empty() {
                return Ok(());
            }
            left.sort();
            left.dedup();
            for owner in &left {
                self.release_all(owner);
            }
            self.calm_down()?;
        }
        Err(Finding::new(Kind::Left, format!("{left:?} still have something after everything is released")))
    }
}
