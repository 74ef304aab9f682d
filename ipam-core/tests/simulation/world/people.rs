//! Owners: containers, pods, virtual machines and reservations, as their runtimes treat them.

use std::collections::BTreeSet;
use std::time::Duration;

use ipam_core::testkit::TaskId;
use ipam_core::{
    Addr, Allocate, AllocationRequest, Confirm, Family, Follow, NicRequest, Owner, OwnerKind, Policy,
    PoolName, Release, ReleaseRequest, ReleaseScope,
};

use super::World;
use super::carver::APPLICATIONS;
use crate::errand::{Errand, Outcome};

/// Owners by name; more than the pools have addresses for.
const NAMES: u64 = 16;
const NICS: [&str; 3] = ["eth0", "eth1", "eth2"];
/// So many of those who ever asked are remembered for late releases.
const SEEN_MAX: usize = 48;

/// How the owner of this number is: what it is, and whether its addresses follow it.
fn nature(number: u64) -> (OwnerKind, Follow) {
    match number {
        14 => (OwnerKind::Reservation, Follow::Never),
        _ if number.is_multiple_of(2) => (OwnerKind::Container, Follow::Never),
        _ if number.is_multiple_of(3) => (OwnerKind::Pod, Follow::Never),
        _ if number % 3 == 1 => (OwnerKind::Pod, Follow::WhilePoolsMatch),
        _ => (OwnerKind::VirtualMachine, Follow::Always),
    }
}

impl World {
    fn owner(&self, number: u64) -> Owner {
        let name = format!("o{number}");
        let incarnation = self.incarnations.get(&name).copied().unwrap_or_default();
        let uid = format!("{name}-{incarnation}");
        match nature(number).0 {
            // A runtime never uses an id twice.
            OwnerKind::Container => Owner::container("net", &uid),
            OwnerKind::Reservation => Owner::reservation(&name),
            kind => Owner::from_parts(kind, "shop", &name, &uid),
        }
        .unwrap()
    }

    fn follow(owner: &Owner) -> Follow {
        let number =
            owner.name().trim_start_matches('o').split('-').next().and_then(|part| part.parse().ok());
        nature(number.unwrap()).1
    }

    /// The present incarnation of somebody.
    pub(super) fn somebody(&mut self) -> Owner {
        let number = self.roll(NAMES);
        self.owner(number)
    }

    /// The name comes back under another uid.
    fn restart(&mut self, owner: &Owner) -> Owner {
        let name = owner.name().split('-').next().unwrap().to_owned();
        *self.incarnations.entry(name.clone()).or_default() += 1;
        // Only of those whose addresses follow them is it sure that the earlier one has ended.
        if Self::follow(owner) != Follow::Never {
            self.die(owner);
        }
        self.owner(name.trim_start_matches('o').parse().unwrap())
    }

    fn die(&mut self, owner: &Owner) {
        let now = self.simulator.now();
        self.rumours.borrow_mut().died(owner, now);
        self.books.void(|promise| promise.owner == *owner);
        self.known.remove(owner);
    }

    fn is_busy(&self, owner: &Owner) -> bool {
        self.errands.values().any(|errand| match errand {
            Errand::Collect(by_list) => *by_list && owner.kind() == OwnerKind::Container,
            Errand::Allocate(_) | Errand::Release(..) | Errand::Confirm(_) => errand.owner() == Some(owner),
        })
    }

    /// Whether the owner's runtime has to release it first.
    fn is_unsettled(&self, owner: &Owner) -> bool {
        self.setup.tides.late > 0 && self.unsettled.contains(owner)
    }

    pub(super) fn allocate(&mut self) {
        let mut owner = self.somebody();
        let restarts = matches!(owner.kind(), OwnerKind::Pod | OwnerKind::VirtualMachine);
        if restarts && self.roll(4) == 0 {
            owner = self.restart(&owner);
        }
        if self.is_busy(&owner) {
            return;
        }
        if self.is_unsettled(&owner) {
            self.release_all(&owner);
            return;
        }
        let follow = Self::follow(&owner);
        let mut request = AllocationRequest::new(owner.clone(), self.deadline());
        request.follow = follow;
        request.policy = self.pick(&[Policy::Lowest, Policy::Spread, Policy::Rotate]);
        request.cooldown = Duration::from_millis(100 * self.roll(2));
        request.stamp = Some(self.stamp());
        request.seed = self.roll(u64::MAX);
        let mask = self.roll(7) + 1;
        for (index, nic) in NICS.into_iter().enumerate() {
            if mask >> index & 1 == 1 {
                request.nics.push(self.nic(nic));
            }
        }
        // It may give up addresses of pools that do not match any more.
        if follow == Follow::WhilePoolsMatch {
            self.books.void(|promise| promise.owner == owner);
        }
        self.kill_earlier(&owner);
        // The attachments will be this one's, so that an earlier one's NIC under release is not known any more.
        let lost = self.errands.values().filter_map(|errand| match errand {
            Errand::Release(other, _) if other.same_identity(&owner) && *other != owner => Some(other),
            _ => None,
        });
        let lost: BTreeSet<Owner> = lost.cloned().collect();
        self.books.void(|promise| lost.contains(&promise.owner));
        if owner.kind() == OwnerKind::Container {
            let nics = request.nics.iter().map(|nic| nic.nic.to_string());
            self.known.entry(owner.clone()).or_default().extend(nics);
        }
        let now = self.simulator.now();
        self.rumours.borrow_mut().born(&owner, now);
        self.remember(&owner);
        let machine = Allocate::new(request, self.simulator.is_atomic());
        let id = self.spawn(Errand::Allocate(owner.clone()), machine, Outcome::Allocated);
        self.tell(|| format!("{id} allocates for {owner}, {follow:?}"));
    }

    fn remember(&mut self, owner: &Owner) {
        if self.seen.contains(owner) {
            return;
        }
        if self.seen.len() >= SEEN_MAX {
            self.seen.remove(0);
        }
        self.seen.push(owner.clone());
    }

    /// No store can tell which of two incarnations is the later one: an earlier one that still asks would take the attachments
    /// over. So whoever restarts an owner ends its earlier requests; releases may come late all the same.
    fn kill_earlier(&mut self, owner: &Owner) {
        let earlier = |errand: &Errand| matches!(errand, Errand::Allocate(other) if other.same_identity(owner) && other != owner);
        let ids: Vec<TaskId> =
            self.errands.iter().filter(|(_, errand)| earlier(errand)).map(|(id, _)| *id).collect();
        for id in ids {
            self.simulator.crash(id);
            let errand = self.errands.remove(&id);
            self.unsettled.extend(errand.as_ref().and_then(Errand::owner).cloned());
        }
    }

    fn nic(&mut self, name: &str) -> NicRequest {
        let named = |name: &str| name.parse::<PoolName>().unwrap();
        let v4 = match self.roll(6) {
            0 => vec![named("a")],
            1 => vec![named("b")],
            2 => vec![named("a"), named("b"), named("c")],
            3 => vec![named("b"), named("none"), named("a")],
            4 => vec![named("c"), named("b")],
            _ => {
                let application = self.roll(APPLICATIONS);
                vec![named(&format!("auto-{application}"))]
            }
        };
        let mut nic = NicRequest { v4, ..NicRequest::new(name.parse().unwrap()) };
        if self.roll(3) == 0 {
            nic.v6 = vec![named("six")];
        }
        if self.roll(10) == 0 {
            let bits = 0x0a06_0001 + u128::from(self.roll(12));
            nic.asks = vec![Addr::new(Family::V4, bits).unwrap()];
        }
        nic
    }

    pub(super) fn release(&mut self) {
        let owner = match self.roll(3) {
            // Whoever it is, perhaps long gone: a late or repeated DEL.
            0 if !self.seen.is_empty() => {
                let seen = std::mem::take(&mut self.seen);
                let owner = self.pick(&seen);
                self.seen = seen;
                owner
            }
            _ => self.somebody(),
        };
        if self.is_busy(&owner) {
            return;
        }
        let scope = match self.roll(6) {
            _ if self.is_unsettled(&owner) => ReleaseScope::All,
            0 => match self.books.of(&owner).next() {
                Some(promise) => ReleaseScope::Address(promise.address),
                None => ReleaseScope::All,
            },
            1 | 2 => ReleaseScope::Nic(self.pick(&NICS).parse().unwrap()),
            _ => ReleaseScope::All,
        };
        self.let_go(&owner, &scope);
        // Runtimes say it twice now and then, the second time while the first is under way.
        for _ in 0..=u64::from(self.roll(5) == 0) {
            self.spawn_release(&owner, scope.clone());
        }
    }

    pub(super) fn release_all(&mut self, owner: &Owner) {
        self.let_go(owner, &ReleaseScope::All);
        self.spawn_release(owner, ReleaseScope::All);
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
    pub(super) fn is_outlived(&self, owner: &Owner) -> bool {
        let now = self.incarnations.get(owner.name()).copied().unwrap_or_default();
        matches!(owner.kind(), OwnerKind::Pod | OwnerKind::VirtualMachine)
            && !owner.uid().ends_with(&format!("-{now}"))
    }

    fn spawn_release(&mut self, owner: &Owner, scope: ReleaseScope) {
        let is_all = scope == ReleaseScope::All;
        let mut request = ReleaseRequest::new(owner.clone(), scope, self.deadline());
        request.cooldown = Duration::from_millis(100 * self.roll(2));
        request.seed = self.roll(u64::MAX);
        let text = self.trace.is_some().then(|| format!("releases {:?} of {owner}", request.scope));
        let machine = Release::new(request, self.simulator.is_atomic());
        let id = self.spawn(Errand::Release(owner.clone(), is_all), machine, Outcome::Released);
        self.tell(|| format!("{id} {}", text.unwrap_or_default()));
    }

    pub(super) fn confirm(&mut self) {
        let owner = self.somebody();
        let Some(promise) = self.books.of(&owner).next().cloned() else { return };
        if self.is_busy(&owner) || self.is_unsettled(&owner) {
            return;
        }
        let mine = self.books.of(&owner).filter(|other| other.nic == promise.nic);
        let expected = mine.map(|promise| promise.address).collect();
        let nic = promise.nic.parse().unwrap();
        let machine = Confirm::new(owner.clone(), nic, expected, Some(self.stamp()), self.deadline());
        self.spawn(Errand::Confirm(owner), machine, Outcome::Confirmed);
    }

    /// Somebody ends, and no runtime ever says so.
    pub(super) fn forget(&mut self) {
        let owner = self.somebody();
        if owner.kind() == OwnerKind::Reservation || self.is_busy(&owner) {
            return;
        }
        self.tell(|| format!("{owner} is gone"));
        self.count.operations += 1;
        self.die(&owner);
        self.restart(&owner);
    }

    /// The machine fails: all that runs is gone, containers too. Pods elsewhere live on.
    pub(super) fn reboot(&mut self) {
        self.tell(|| "reboot".to_owned());
        self.simulator.crash_all();
        self.unsettled.extend(self.errands.values().filter_map(Errand::owner).cloned());
        self.errands.clear();
        self.books.void(|promise| promise.owner.kind() == OwnerKind::Container);
        self.known.clear();
        self.boot += 1;
        self.boot_seen = self.simulator.now();
        self.count.boots += 1;
        self.count.operations += 1;
    }

    /// Whether the owner could still claim what is recorded for it.
    pub(super) fn lives(&self, owner: &Owner) -> bool {
        match owner.kind() {
            OwnerKind::Container => self.known.get(owner).is_some_and(|nics| !nics.is_empty()),
            OwnerKind::Reservation => true,
            _ => self.rumours.borrow().lives(owner, self.simulator.now()),
        }
    }
}
