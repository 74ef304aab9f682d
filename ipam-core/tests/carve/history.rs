//! Random histories of a subnet: what may never happen, and what the naive model says, after each step.
//!
//! The world around the rules is as the chapter has it: status and pools are two writes with a crash between them, webhooks refuse
//! overlaps by looking at pools, Pods take and release addresses of their pool at any time.

use std::collections::{BTreeMap, BTreeSet};

use ipam_core::carve::{
    Application, CarveError, Claim, ControlledPools, Demand, Existence, LivingPool, Maker, Present, Stock,
    Subnet, sync,
};
use ipam_core::{Family, PoolName};
use proptest::prelude::*;

use crate::model::{Few, Outcome, Scene, few, many};
use crate::{app, name};

const APPS: usize = 3;

#[derive(Clone, Debug)]
enum Action {
    /// A round of the controller for some applications, one plan for all of them; some crash before their pool is written.
    Scale {
        sizes: [Option<u8>; APPS],
        crash: [bool; APPS],
    },
    Take {
        app: usize,
        which: u8,
    },
    Release {
        app: usize,
        which: u8,
    },
    Delete {
        app: usize,
    },
    MakeManual {
        which: u8,
        first: u8,
        len: u8,
    },
    DeleteManual {
        which: u8,
    },
    Reserve {
        octet: u8,
    },
    Sync {
        in_flight: bool,
    },
    WipeStatus,
    Grow,
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let app = 0..APPS;
    let size = prop::option::weighted(0.6, 0_u8..8);
    let crash = prop::bool::weighted(0.3);
    let sizes = [size.clone(), size.clone(), size];
    let action = prop_oneof![
        6 => (sizes, [crash, crash, crash]).prop_map(|(sizes, crash)| Action::Scale { sizes, crash }),
        6 => (app.clone(), any::<u8>()).prop_map(|(app, which)| Action::Take { app, which }),
        3 => (app.clone(), any::<u8>()).prop_map(|(app, which)| Action::Release { app, which }),
        1 => app.prop_map(|app| Action::Delete { app }),
        2 => (0_u8..2, 1_u8..24, 1_u8..5).prop_map(|(which, first, len)| Action::MakeManual { which, first, len }),
        1 => (0_u8..2).prop_map(|which| Action::DeleteManual { which }),
        1 => (1_u8..24).prop_map(|octet| Action::Reserve { octet }),
        3 => any::<bool>().prop_map(|in_flight| Action::Sync { in_flight }),
        1 => Just(Action::WipeStatus),
        1 => Just(Action::Grow),
    ];
    prop::collection::vec(action, 1..40)
}

#[derive(Clone, Debug, Default)]
struct Pool {
    ips: Few,
    used: Few,
    owner: Option<Application>,
    terminating: bool,
}

struct World {
    total: Few,
    reserved: Few,
    status: Option<String>,
    pools: BTreeMap<PoolName, Pool>,
    /// How often each application was made.
    incarnations: [u32; APPS],
}

impl World {
    fn new() -> Self {
        let (reserved, pools) = (Few::new(), BTreeMap::new());
        Self { total: (1..=16).collect(), reserved, status: None, pools, incarnations: [0; APPS] }
    }

    fn records(&self) -> ControlledPools {
        ControlledPools::from_json(Family::V4, self.status.as_deref()).expect("what was written")
    }

    fn uid(&self, index: usize) -> String {
        format!("1-2-3-4-{index}{:04}77", self.incarnations[index])
    }

    fn pool_of(&self, index: usize) -> PoolName {
        let application = application(index);
        let (uid, nic) = (self.uid(index), "eth0".parse().expect("a name"));
        let claim =
            Claim { subnet: "s4", application: &application, uid: &uid, nic: &nic, family: Family::V4 };
        claim.pool_name().expect("a name")
    }

    fn living_but(&self, but: &PoolName) -> Few {
        self.pools.iter().filter(|(pool, _)| *pool != but).flat_map(|(_, pool)| pool.ips.clone()).collect()
    }

    fn scene(&self, records: &ControlledPools, pool: &PoolName, desired: u8) -> Scene {
        let present = self.pools.get(pool);
        let others =
            records.iter().filter(|(other, _)| *other != pool).flat_map(|(_, record)| few(&record.ranges));
        Scene {
            total: self.total.clone(),
            reserved: self.reserved.clone(),
            others_recorded: others.collect(),
            others_living: self.living_but(pool),
            rec: records.get(pool).map(|record| few(&record.ranges)),
            spec: present.map(|pool| pool.ips.clone()).unwrap_or_default(),
            in_use: present.map(|pool| pool.used.clone()).unwrap_or_default(),
            is_present: present.is_some(),
            desired: desired.into(),
        }
    }

    fn scale(&mut self, sizes: &[Option<u8>; APPS], crash: &[bool; APPS]) {
        let total = many(&self.total);
        let subnet = Subnet::new("s4", "10.6.0.0/24".parse().expect("a network"), &total);
        let living: Vec<_> = self.pools.values().map(|pool| many(&pool.ips)).collect();
        let reserved = many(&self.reserved);
        let mut stock = Stock::new(subnet, self.records(), [&reserved], &living).expect("one family");
        let mut writes = Vec::new();
        for index in 0..APPS {
            let Some(desired) = sizes[index] else { continue };
            let (pool, application) = (self.pool_of(index), application(index));
            let scene = self.scene(stock.records(), &pool, desired);
            let (ips, used) = (many(&scene.spec), many(&scene.in_use));
            let present = Present { net: subnet.net, ips: &ips, allocated: &used };
            let present = scene.is_present.then_some(present);
            let demand = Demand { pool: &pool, application: &application, desired: desired.into(), present };
            let before = stock.records().clone();
            let planned = stock.plan(&demand);
            judge(&scene, &planned);
            let Ok(carving) = planned else {
                assert_eq!(stock.records(), &before);
                continue;
            };
            stock.apply(&carving).expect("one family");
            assert_eq!(stock.records().get(&pool).map(|record| &record.ranges), Some(&carving.ranges));
            let again = stock.plan(&demand).expect("it was planned before");
            assert_eq!((&again.ranges, &again.change), (&carving.ranges, &None), "{scene:?}");
            self.check_free(&stock);
            if !crash[index] {
                writes.push((pool, application, few(&carving.ranges)));
            }
        }
        // The status first, then the pools.
        self.status = stock.records().to_json();
        for (pool, application, ips) in writes {
            // The webhook refuses what another pool has.
            assert!(ips.is_disjoint(&self.living_but(&pool)), "{pool}: {ips:?}");
            let entry = self.pools.entry(pool).or_default();
            entry.owner = Some(application);
            entry.ips = ips;
        }
    }

    /// Free, recorded, reserved and living together are the subnet.
    fn check_free(&self, stock: &Stock<'_>) {
        let mut free = self.total.clone();
        let living: Few = self.pools.values().flat_map(|pool| pool.ips.clone()).collect();
        for octet in few(stock.records().union()).iter().chain(&self.reserved).chain(&living) {
            free.remove(octet);
        }
        assert_eq!(few(stock.free()), free);
    }

    fn sync(&mut self, in_flight: bool) {
        let total = many(&self.total);
        let subnet = Subnet::new("s4", "10.6.0.0/24".parse().expect("a network"), &total);
        let sets: Vec<_> = self.pools.iter().map(|(name, pool)| (name, pool, many(&pool.ips))).collect();
        let living: Vec<LivingPool<'_>> = sets
            .iter()
            .map(|(name, pool, total)| {
                let maker = pool.owner.as_ref().map_or(Maker::Person, |owner| Maker::System(Some(owner)));
                LivingPool { name, maker, total }
            })
            .collect();
        let before = self.records();
        let flying: BTreeSet<PoolName> =
            if in_flight { before.iter().map(|(pool, _)| pool.clone()).collect() } else { BTreeSet::new() };
        let uids: BTreeMap<Application, String> =
            (0..APPS).map(|index| (application(index), self.uid(index))).collect();
        let existence = |application: &Application| match uids.get(application) {
            Some(uid) => Existence::Exists { uid: uid.clone() },
            None => Existence::Gone,
        };
        let synced = sync(&subnet, &before, &living, &flying, existence);
        let again = sync(&subnet, &synced.records, &living, &flying, existence);
        assert_eq!(again.records, synced.records, "a second sync changes nothing");
        assert_eq!(usize::try_from(synced.counts.allocated), Ok(few(synced.records.union()).len()));
        for (name, pool) in &self.pools {
            let record = synced.records.get(name).map(|record| few(&record.ranges)).unwrap_or_default();
            if pool.owner.is_none() {
                assert_eq!(record, pool.ips, "{name}: the record of a manual pool");
            } else if before.get(name).is_none() {
                assert!(record.is_superset(&pool.used), "{name}: rebuilt");
            }
        }
        for (name, record) in synced.records.iter().filter(|(name, _)| !self.pools.contains_key(*name)) {
            let is_current = (0..APPS).any(|index| self.pool_of(index) == *name);
            assert!(in_flight || is_current, "{name} is held by nobody: {record:?}");
            assert!(few(&record.ranges).is_disjoint(&self.living_but(name)), "{name}");
        }
        self.status = synced.records.to_json();
    }

    fn act(&mut self, action: &Action) {
        match action {
            Action::Scale { sizes, crash } => self.scale(sizes, crash),
            Action::Take { app, which } => {
                let (pool, reserved) = (self.pool_of(*app), self.reserved.clone());
                if let Some(pool) = self.pools.get_mut(&pool) {
                    let free: Vec<u8> = (&(&pool.ips - &pool.used) - &reserved).into_iter().collect();
                    if !free.is_empty() {
                        pool.used.insert(free[usize::from(*which) % free.len()]);
                    }
                }
            }
            Action::Release { app, which } => {
                // Pods of earlier incarnations go as well.
                let owner = application(*app);
                let pools = self.pools.values_mut().filter(|pool| pool.owner.as_ref() == Some(&owner));
                for pool in pools {
                    if let Some(octet) =
                        pool.used.iter().nth(usize::from(*which) % pool.used.len().max(1)).copied()
                    {
                        pool.used.remove(&octet);
                    }
                }
            }
            Action::Delete { app } => {
                let pool = self.pool_of(*app);
                if let Some(pool) = self.pools.get_mut(&pool) {
                    pool.terminating = true;
                }
                self.incarnations[*app] += 1;
            }
            Action::MakeManual { which, first, len } => {
                let pool = name(&format!("manual-{which}"));
                let ips: Few = (*first..first + len).collect();
                // Its webhook looks at the subnet and at pools, never at records.
                if ips.is_subset(&self.total) && ips.is_disjoint(&self.living_but(&pool)) {
                    self.pools.insert(pool, Pool { ips, ..Pool::default() });
                }
            }
            Action::DeleteManual { which } => {
                self.pools.remove(&name(&format!("manual-{which}")));
            }
            Action::Reserve { octet } => {
                if !self.reserved.remove(octet) {
                    self.reserved.insert(*octet);
                }
            }
            Action::Sync { in_flight } => self.sync(*in_flight),
            Action::WipeStatus => self.status = None,
            Action::Grow => self.total = (1..=24).collect(),
        }
        self.pools.retain(|_, pool| !(pool.terminating && pool.used.is_empty()));
        self.check();
    }

    /// What holds at any time.
    fn check(&self) {
        let records = self.records();
        assert!(records.shared().is_empty(), "recorded twice: {}", records.shared());
        assert!(few(records.union()).is_subset(&self.total), "outside: {}", records.union());
        let mut seen = Few::new();
        for (name, pool) in &self.pools {
            assert!(pool.used.is_subset(&pool.ips), "{name} lost an address in use");
            assert!(pool.ips.iter().all(|octet| seen.insert(*octet)), "{name} overlaps");
        }
    }
}

fn application(index: usize) -> Application {
    app(&format!("apps_v1_Deployment_ns_app-{index}"))
}

fn judge(scene: &Scene, planned: &Result<ipam_core::carve::Carving, CarveError>) {
    let found = match planned {
        Ok(carving) => Some(Outcome::New(few(&carving.ranges))),
        Err(CarveError::InUse { .. }) => Some(Outcome::InUse),
        Err(CarveError::Insufficient { required, left, .. }) => {
            let number = |count: &u128| usize::try_from(*count).expect("few addresses");
            Some(Outcome::Insufficient { required: number(required), left: number(left) })
        }
        Err(CarveError::RecordedElsewhere { .. }) => {
            assert!(!scene.in_use.is_disjoint(&scene.others_recorded), "{scene:?}");
            None
        }
        Err(error) => panic!("{error}: {scene:?}"),
    };
    if let (Some(found), Some(want)) = (&found, scene.by_the_chapter()) {
        assert_eq!(found, &want, "{scene:?}");
    }
    let Some(Outcome::New(new)) = found else { return };
    assert_eq!(new.len(), scene.desired, "{scene:?}");
    assert!(new.is_superset(&scene.in_use), "an address in use would leave: {new:?} {scene:?}");
    assert!(new.is_subset(&scene.total), "{new:?} {scene:?}");
    assert!(new.is_disjoint(&scene.others_recorded), "{new:?} {scene:?}");
    assert!(new.is_disjoint(&scene.others_living), "{new:?} {scene:?}");
    let held = &scene.rec.clone().unwrap_or_default() | &scene.spec;
    assert!((&new - &held).is_subset(&scene.free()), "{new:?} {scene:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_given_twice_and_nothing_is_lost(actions in actions()) {
        let mut world = World::new();
        for action in &actions {
            world.act(action);
        }
        // In the end all goes: nothing is left behind.
        world.pools.clear();
        world.incarnations = [9_000; APPS];
        world.act(&Action::Sync { in_flight: false });
        prop_assert_eq!(&world.status, &None);
    }

    #[test]
    fn single_plans_agree_with_the_chapter(
        marks in prop::collection::vec(0_u8..8, 12),
        in_use in prop::collection::vec(any::<bool>(), 12),
        kinds in (any::<bool>(), any::<bool>()),
        desired in 0_u8..13,
    ) {
        let mut world = World::new();
        world.total = (1..=12).collect();
        let pool = world.pool_of(0);
        let (is_recorded, is_present) = kinds;
        let of = |wanted: &[u8]| -> Few { (1_u8..).zip(&marks).filter(|(_, mark)| wanted.contains(mark)).map(|(octet, _)| octet).collect() };
        let (rec, spec, others) = (of(&[0, 1]), of(&[1, 2]), of(&[3, 4]));
        world.reserved = of(&[5]);
        let mut entries = vec![(name("q"), ipam_core::carve::ControlRecord { ranges: many(&others), application: None })];
        if is_recorded {
            entries.push((pool.clone(), ipam_core::carve::ControlRecord { ranges: many(&rec), application: Some(application(0)) }));
        }
        world.status = ControlledPools::from_records(Family::V4, entries).expect("one family").to_json();
        if is_present {
            let used = spec.iter().copied().filter(|octet| in_use[usize::from(*octet) - 1]).collect();
            world.pools.insert(pool, Pool { ips: spec, used, owner: Some(application(0)), terminating: false });
        }
        world.act(&Action::Scale { sizes: [Some(desired), None, None], crash: [false; APPS] });
    }
}
