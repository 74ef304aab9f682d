//! Owners who come, go, restart and are forgotten, driven by the simulator's seed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ipam_core::testkit::{Ended, Event, MemoryStore, Simulator, TaskId, Weather};
use ipam_core::{
    Addr, Allocate, AllocationRequest, Collect, Confirm, EarlierBoot, Family, Follow, NicRequest, Owner,
    OwnerKind, Policy, PoolFields, PoolName, PoolSpec, RangeSet, Release, ReleaseRequest, ReleaseScope,
    RuntimeList, Stamp,
};

use crate::books::Books;
use crate::errand::{Count, Errand, Outcome};

/// Machines on their way at once.
const CROWD: usize = 12;
/// Owners by name; more than the pools have addresses for.
const NAMES: u64 = 16;
const NICS: [&str; 3] = ["eth0", "eth1", "eth2"];
/// Longer than all pauses of a request on a failing store.
const PATIENCE: Duration = Duration::from_secs(600);

pub(crate) struct World {
    simulator: Simulator<MemoryStore, Outcome>,
    store: MemoryStore,
    books: Books,
    errands: BTreeMap<TaskId, Errand>,
    /// Incarnations that a pod name has had.
    incarnations: BTreeMap<String, u64>,
    /// Everybody who ever asked.
    seen: BTreeSet<Owner>,
    /// Containers that their runtime knows, with their NICs.
    known: BTreeMap<Owner, BTreeSet<String>>,
    boot: u64,
    boot_seen: ipam_core::Time,
    count: Count,
    trace: Vec<String>,
}

fn pool(name: &str, subnet: &str, ips: &str, disabled: bool) -> PoolSpec {
    let fields = PoolFields {
        subnet: subnet.to_owned(),
        ips: vec![ips.to_owned()],
        disable: Some(disabled),
        ..PoolFields::default()
    };
    PoolSpec::new(&name.parse().unwrap(), &fields).unwrap()
}

impl World {
    pub(crate) fn new(store: MemoryStore, weather: Weather, seed: u64) -> Self {
        for pool in [
            pool("a", "10.6.0.0/24", "10.6.0.1-10.6.0.9", false),
            pool("b", "10.6.0.0/24", "10.6.0.20-10.6.0.24", false),
            pool("six", "fd00:6::/64", "fd00:6::1-fd00:6::9", false),
        ] {
            let family = pool.family();
            store.put_pool(pool, RangeSet::empty(family)).unwrap();
        }
        let simulator = Simulator::new(store.clone(), weather, seed);
        let boot_seen = simulator.now();
        Self {
            simulator,
            store,
            books: Books::default(),
            errands: BTreeMap::new(),
            incarnations: BTreeMap::new(),
            seen: BTreeSet::new(),
            known: BTreeMap::new(),
            boot: 1,
            boot_seen,
            count: Count::default(),
            trace: Vec::new(),
        }
    }

    pub(crate) fn trace(&self) -> &[String] {
        &self.trace
    }

    /// Runs so many operations, then lets everybody go and looks that nothing is left.
    pub(crate) fn run(&mut self, operations: u64) -> Count {
        while self.count.operations < operations {
            while self.simulator.running() < CROWD && self.count.operations < operations {
                self.begin();
            }
            self.turn();
        }
        self.settle();
        self.clear_up();
        self.count.injected = self.simulator.injected();
        self.count
    }

    fn settle(&mut self) {
        while self.simulator.running() > 0 {
            self.turn();
        }
    }

    fn roll(&mut self, below: u64) -> u64 {
        self.simulator.roll(below)
    }

    fn stamp(&self) -> Stamp {
        Stamp { boot: format!("boot-{}", self.boot), at: self.simulator.now() }
    }

    /// Somebody begins something.
    fn begin(&mut self) {
        match self.roll(1_000) {
            0..450 => self.allocate(),
            450..750 => self.release(),
            750..850 => self.confirm(),
            850..900 => self.forget(),
            900..960 => self.collect(),
            960..985 => self.administrate(),
            985..990 => self.reboot(),
            _ => {
                let millis = self.roll(400);
                self.simulator.pass(Duration::from_millis(millis));
            }
        }
    }

    /// A container, or the present or next incarnation of a pod.
    fn somebody(&mut self, next: bool) -> Owner {
        let number = self.roll(NAMES);
        let name = format!("o{number}");
        if number.is_multiple_of(2) {
            return Owner::container("net", &name).unwrap();
        }
        let restart = next && self.roll(4) == 0;
        let incarnation = self.incarnations.entry(name.clone()).or_default();
        *incarnation += u64::from(restart);
        // Names by thirds of the crowd, so that each way to follow has its pods.
        Owner::pod("shop", &name, &format!("{name}-{incarnation}")).unwrap()
    }

    fn note(&mut self, id: TaskId, errand: Errand) {
        self.count.operations += 1;
        self.errands.insert(id, errand);
    }

    fn is_busy(&self, owner: &Owner) -> bool {
        self.errands.values().any(|errand| match errand {
            Errand::Allocate(busy) | Errand::Release(busy) | Errand::Confirm(busy) => busy == owner,
            Errand::Collect => owner.kind() == OwnerKind::Container,
        })
    }

    fn allocate(&mut self) {
        let owner = self.somebody(true);
        if self.is_busy(&owner) {
            return;
        }
        let number: u64 = owner.name().trim_start_matches('o').parse().unwrap();
        let follow = match (owner.kind(), number % 3) {
            (OwnerKind::Container, _) | (_, 0) => Follow::Never,
            (_, 1) => Follow::WhilePoolsMatch,
            _ => Follow::Always,
        };
        let mut request = AllocationRequest::new(owner.clone(), self.simulator.now() + PATIENCE);
        request.follow = follow;
        request.policy =
            [Policy::Lowest, Policy::Spread, Policy::Rotate][usize::try_from(self.roll(3)).unwrap()];
        request.cooldown = Duration::from_millis(100 * self.roll(2));
        request.stamp = Some(self.stamp());
        request.seed = self.roll(u64::MAX);
        let mask = self.roll(7) + 1;
        for (index, nic) in NICS.into_iter().enumerate() {
            if mask >> index & 1 == 1 {
                request.nics.push(self.nic(nic));
            }
        }
        // A follower's earlier self is gone as soon as it shows up, and it may give up addresses of pools that do not match.
        self.books.void(|promise| match follow {
            Follow::Never => false,
            Follow::WhilePoolsMatch => promise.owner.same_identity(&owner),
            _ => promise.owner.same_identity(&owner) && promise.owner != owner,
        });
        self.kill_earlier(&owner);
        if owner.kind() == OwnerKind::Container {
            let nics = request.nics.iter().map(|nic| nic.nic.to_string());
            self.known.entry(owner.clone()).or_default().extend(nics);
        }
        self.seen.insert(owner.clone());
        let machine = Allocate::new(request, self.simulator.is_atomic());
        let id = self.simulator.spawn_map(Some(&owner), machine, Outcome::Allocated);
        self.trace.push(format!("{id} allocates for {owner}, {follow:?}"));
        self.note(id, Errand::Allocate(owner));
    }

    /// No store can tell which of two incarnations is the later one: an earlier one that still asks would take the attachments
    /// over. So whoever restarts an owner ends its earlier requests; releases may come late all the same.
    fn kill_earlier(&mut self, owner: &Owner) {
        let earlier = |errand: &Errand| matches!(errand, Errand::Allocate(other) if other.same_identity(owner) && other != owner);
        let ids: Vec<TaskId> =
            self.errands.iter().filter(|(_, errand)| earlier(errand)).map(|(id, _)| *id).collect();
        for id in ids {
            self.simulator.crash(id);
            self.errands.remove(&id);
        }
    }

    fn nic(&mut self, name: &str) -> NicRequest {
        let (a, b, six): (PoolName, PoolName, PoolName) =
            ("a".parse().unwrap(), "b".parse().unwrap(), "six".parse().unwrap());
        let v4 = match self.roll(4) {
            0 => vec![a],
            1 => vec![b],
            2 => vec![a, b],
            _ => vec![b, "none".parse().unwrap(), a],
        };
        let mut nic = NicRequest { v4, ..NicRequest::new(name.parse().unwrap()) };
        if self.roll(3) == 0 {
            nic.v6 = vec![six];
        }
        if self.roll(10) == 0 {
            let bits = 0x0a06_0001 + u128::from(self.roll(12));
            nic.asks = vec![Addr::new(Family::V4, bits).unwrap()];
        }
        nic
    }

    fn release(&mut self) {
        let owner = match self.roll(3) {
            // Whoever it is, perhaps long gone: a late or repeated DEL.
            0 => {
                let index = self.roll(u64::try_from(self.seen.len()).unwrap());
                let Some(owner) = self.seen.iter().nth(usize::try_from(index).unwrap()) else { return };
                owner.clone()
            }
            _ => self.somebody(false),
        };
        if self.is_busy(&owner) {
            return;
        }
        let scope = match self.roll(6) {
            0 => {
                let mine: Vec<Addr> = self.books.of(&owner).map(|promise| promise.address).collect();
                match mine.first() {
                    Some(address) => ReleaseScope::Address(*address),
                    None => ReleaseScope::All,
                }
            }
            1 | 2 => ReleaseScope::Nic(NICS[usize::try_from(self.roll(3)).unwrap()].parse().unwrap()),
            _ => ReleaseScope::All,
        };
        self.let_go(&owner, &scope);
        // Runtimes say it twice now and then, the second time while the first is under way.
        for _ in 0..=u64::from(self.roll(5) == 0) {
            self.spawn_release(&owner, scope.clone());
        }
    }

    /// From the begin of a release on its addresses are promised to nobody.
    fn let_go(&mut self, owner: &Owner, scope: &ReleaseScope) {
        let outlived = self.is_outlived(owner);
        self.books.void(|promise| {
            promise.owner == *owner
                && match scope {
                    ReleaseScope::Nic(nic) => outlived || promise.nic == nic.as_str(),
                    ReleaseScope::Address(address) => promise.address == *address,
                    _ => true,
                }
        });
        let left: BTreeSet<String> = self.books.of(owner).map(|promise| promise.nic.clone()).collect();
        if let Some(nics) = self.known.get_mut(owner) {
            match scope {
                ReleaseScope::Nic(nic) => drop(nics.remove(nic.as_str())),
                ReleaseScope::Address(_) => {}
                _ => nics.retain(|nic| left.contains(nic)),
            }
        }
    }

    /// Attachments are of the latest incarnation; of an earlier one nobody knows which NIC has which address.
    fn is_outlived(&self, owner: &Owner) -> bool {
        self.incarnations.get(owner.name()).is_some_and(|now| !owner.uid().ends_with(&format!("-{now}")))
    }

    fn spawn_release(&mut self, owner: &Owner, scope: ReleaseScope) {
        let mut request = ReleaseRequest::new(owner.clone(), scope, self.simulator.now() + PATIENCE);
        request.cooldown = Duration::from_millis(100 * self.roll(2));
        request.seed = self.roll(u64::MAX);
        let text = format!("releases {:?} of {owner}", request.scope);
        let machine = Release::new(request, self.simulator.is_atomic());
        let id = self.simulator.spawn_map(Some(owner), machine, Outcome::Released);
        self.trace.push(format!("{id} {text}"));
        self.note(id, Errand::Release(owner.clone()));
    }

    fn confirm(&mut self) {
        let owner = self.somebody(false);
        let Some(promise) = self.books.of(&owner).next().cloned() else { return };
        if self.is_busy(&owner) {
            return;
        }
        let mine = self.books.of(&owner).filter(|other| other.nic == promise.nic);
        let expected = mine.map(|promise| promise.address).collect();
        let (nic, deadline) = (promise.nic.parse().unwrap(), self.simulator.now() + PATIENCE);
        let machine = Confirm::new(owner.clone(), nic, expected, Some(self.stamp()), deadline);
        let id = self.simulator.spawn_map(Some(&owner), machine, Outcome::Confirmed);
        self.note(id, Errand::Confirm(owner));
    }

    /// A container ends, and its runtime never says so.
    fn forget(&mut self) {
        let owner = self.somebody(false);
        if owner.kind() == OwnerKind::Container && !self.is_busy(&owner) {
            self.known.remove(&owner);
            self.books.void(|promise| promise.owner == owner);
        }
    }

    /// By the runtime's list, which must not run beside ADD and DEL of its network (CNI specification 1.1.0, section 3), or by the
    /// boot, which may.
    fn collect(&mut self) {
        let deadline = self.simulator.now() + PATIENCE;
        let atomic = self.simulator.is_atomic();
        let id = if self.roll(2) == 0 {
            while self.errands.values().any(Errand::is_of_containers) {
                self.turn();
            }
            let valid = self
                .known
                .iter()
                .flat_map(|(owner, nics)| nics.iter().map(|nic| (owner.name().to_owned(), nic.clone())));
            let list = RuntimeList::new("net", valid.collect::<Vec<_>>());
            let id = self.simulator.spawn_map(
                None,
                Collect::new(list, atomic, false, deadline),
                Outcome::Collected,
            );
            self.note(id, Errand::Collect);
            id
        } else {
            let boot = format!("boot-{}", self.boot);
            let judge = EarlierBoot { boot, first_seen: self.boot_seen, delay: Duration::from_millis(300) };
            self.simulator.spawn_map(None, Collect::new(judge, atomic, false, deadline), Outcome::Collected)
        };
        self.trace.push(format!("{id} collects"));
    }

    /// A pool changes under those who have addresses of it.
    fn administrate(&mut self) {
        let (spec, reserved) = match self.roll(4) {
            0 => (pool("b", "10.6.0.0/24", "10.6.0.20-10.6.0.24", true), None),
            1 => (pool("b", "10.6.0.0/24", "10.6.0.22-10.6.0.26", false), None),
            2 => (pool("b", "10.6.0.0/24", "10.6.0.20-10.6.0.24", false), Some("10.6.0.21-10.6.0.22")),
            _ => (pool("b", "10.6.0.0/24", "10.6.0.20-10.6.0.24", false), None),
        };
        let ranges = reserved.into_iter().map(|range| range.parse().unwrap());
        self.store.put_pool(spec, RangeSet::from_ranges(Family::V4, ranges).unwrap()).unwrap();
    }

    /// The machine fails: all that runs is gone, containers too. Pods elsewhere live on.
    fn reboot(&mut self) {
        self.simulator.crash_all();
        self.errands.clear();
        self.books.void(|promise| promise.owner.kind() == OwnerKind::Container);
        self.known.clear();
        self.boot += 1;
        self.boot_seen = self.simulator.now();
        self.count.boots += 1;
    }

    /// One event.
    fn turn(&mut self) {
        let event = self.simulator.step();
        let (id, ended) = match event {
            Event::Ended(id, ended) => (id, ended),
            _ => return,
        };
        let errand = self.errands.remove(&id);
        let end = match ended {
            Ended::Done(outcome) => {
                self.count.done += 1;
                self.finish(errand.as_ref(), outcome)
            }
            Ended::GaveUp(why) => {
                self.count.gave_up += 1;
                format!("gave up: {why:?}")
            }
            Ended::Crashed => {
                self.count.crashed += 1;
                "crashed".to_owned()
            }
            _ => String::new(),
        };
        self.trace.push(format!("{} {id} {errand:?} {end}", self.simulator.now().as_millis()));
        self.books.compare(&self.store.records());
    }

    fn finish(&mut self, errand: Option<&Errand>, outcome: Outcome) -> String {
        match (errand, outcome) {
            (Some(Errand::Allocate(owner)), Outcome::Allocated(Ok(allocation))) => {
                self.books.acknowledge(owner, &allocation);
                format!("{:?}", allocation.attachments)
            }
            (Some(Errand::Allocate(_)), Outcome::Allocated(Err(refusal))) => {
                self.count.refused += 1;
                refusal.to_string()
            }
            (Some(Errand::Release(_)), Outcome::Released(released)) => {
                self.count.freed += released.addresses.len();
                format!("{:?}", released.addresses)
            }
            (Some(Errand::Confirm(owner)), Outcome::Confirmed(Err(unconfirmed))) => {
                let known = (!self.is_outlived(owner)).then(|| self.books.of(owner));
                let lost = known
                    .into_iter()
                    .flatten()
                    .find(|promise| unconfirmed.missing.contains(&promise.address));
                assert_eq!(lost, None, "promised, but {unconfirmed}");
                unconfirmed.to_string()
            }
            (_, Outcome::Confirmed(_)) => "confirmed".to_owned(),
            (_, Outcome::Collected(collected)) => {
                self.count.collected += collected.dead.len();
                format!("collected {}", collected.dead.len())
            }
            (errand, _) => panic!("{errand:?} had the outcome of another kind"),
        }
    }

    /// Everybody goes, until nothing fails any more.
    fn clear_up(&mut self) {
        self.books.void(|_| true);
        for _ in 0..50 {
            for owner in self.seen.clone() {
                self.spawn_release(&owner, ReleaseScope::All);
            }
            self.settle();
            let attached =
                self.store.attachments().into_iter().any(|(_, attachments)| !attachments.is_empty());
            if self.store.records().is_empty() && !attached {
                return;
            }
        }
        panic!("left after all is released: {:?}, {:?}", self.store.records(), self.store.attachments());
    }
}
