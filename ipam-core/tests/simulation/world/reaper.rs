//! Those who collect: by the runtime's list, by the boot, and by two looks at what is said of pods, which is always a bit old.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use ipam_core::{
    Addr, Collect, Death, EarlierBoot, Holding, InferredDeath, Judge, Owner, OwnerKind, RuntimeList,
    Sighting, Time,
};

use super::World;
use crate::broken::Rule;
use crate::errand::{Errand, Outcome};
use crate::finding::Verdict;

/// How old the news of a judge may be, in milliseconds.
const NEWS_AGE_MS_MAX: u64 = 250;
/// Time between two looks: longer than the news is old.
const DELAY: Duration = Duration::from_millis(300);

/// Who lives and who has died, since when, and what judges have seen.
#[derive(Debug, Default)]
pub(super) struct Rumours {
    born: BTreeMap<Owner, Time>,
    dead: BTreeMap<Owner, Time>,
    sightings: BTreeMap<Addr, Sighting>,
}

impl Rumours {
    pub(super) fn born(&mut self, owner: &Owner, now: Time) {
        self.born.entry(owner.clone()).or_insert(now);
    }

    pub(super) fn died(&mut self, owner: &Owner, now: Time) {
        self.dead.entry(owner.clone()).or_insert(now);
    }

    /// What somebody hears whose news is of that time: of who came later nothing.
    pub(super) fn lives(&self, owner: &Owner, news: Time) -> bool {
        self.born.get(owner).is_some_and(|born| *born <= news)
            && self.dead.get(owner).is_none_or(|died| *died > news)
    }
}

/// A judge of pods and virtual machines that hears everything late.
#[derive(Debug)]
struct Gossip {
    rumours: Rc<RefCell<Rumours>>,
    age: Duration,
    is_hasty: bool,
}

impl Judge for Gossip {
    fn scope(&self) -> Option<(OwnerKind, String)> {
        None
    }

    fn judge(&self, holding: &Holding, now: Time) -> Option<Death> {
        let record = &holding.record;
        if matches!(record.owner.kind(), OwnerKind::Container | OwnerKind::Reservation) {
            return None;
        }
        let mut rumours = self.rumours.borrow_mut();
        if rumours.lives(&record.owner, now - self.age) {
            rumours.sightings.remove(&record.address);
            return None;
        }
        let look = Sighting::new(record, now);
        if self.is_hasty {
            return InferredDeath::conclude(&look, record, now, Duration::ZERO).map(Death::from);
        }
        let first = rumours.sightings.entry(record.address).or_insert_with(|| look.clone());
        let is_same = Sighting::new(record, first.at()) == *first;
        if !is_same {
            *first = look;
        }
        InferredDeath::conclude(first, record, now, DELAY).map(Death::from)
    }
}

impl World {
    /// By the runtime's list, which must not run beside ADD and DEL of its network (CNI specification 1.1.0, section 3), or by the
    /// others, which may.
    pub(super) fn collect(&mut self) -> Verdict {
        match self.roll(4) {
            0 | 1 => {
                while self.errands.values().any(Errand::is_of_containers) {
                    self.turn()?;
                }
                self.collect_by_list();
            }
            2 => self.collect_by_boot(),
            _ => self.collect_by_gossip(),
        }
        Ok(())
    }

    fn send_out<J: Judge + 'static>(&mut self, judge: J, by_list: bool) {
        let machine = Collect::new(judge, self.simulator.is_atomic(), false, self.deadline());
        let id = self.spawn(Errand::Collect(by_list), machine, Outcome::Collected);
        self.tell(|| format!("{id} collects"));
    }

    fn collect_by_list(&mut self) {
        let valid = self
            .known
            .iter()
            .flat_map(|(owner, nics)| nics.iter().map(|nic| (owner.name().to_owned(), nic.clone())));
        let list = RuntimeList::new("net", valid.collect::<Vec<_>>());
        self.send_out(list, true);
    }

    fn collect_by_boot(&mut self) {
        let boot = format!("boot-{}", self.boot);
        self.send_out(EarlierBoot { boot, first_seen: self.boot_seen, delay: DELAY }, false);
    }

    fn collect_by_gossip(&mut self) {
        let age = Duration::from_millis(self.roll(NEWS_AGE_MS_MAX));
        let is_hasty = self.setup.rule == Some(Rule::TwoSightings);
        self.send_out(Gossip { rumours: Rc::clone(&self.rumours), age, is_hasty }, false);
    }

    /// Collects until nothing belongs to nobody.
    pub(super) fn reap_all(&mut self) -> Verdict {
        let mut last = Ok(());
        // More rounds than collections can crash in a row.
        for _ in 0..20 {
            self.collect_by_list();
            self.settle()?;
            for _ in 0..2 {
                self.simulator.pass(DELAY + Duration::from_millis(NEWS_AGE_MS_MAX));
                self.collect_by_gossip();
                self.settle()?;
            }
            self.calm_down()?;
            last = self.books.audit(&self.store, |owner| self.lives(owner));
            if last.is_ok() {
                break;
            }
        }
        last
    }
}
