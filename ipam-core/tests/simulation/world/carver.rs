//! The controller of one subnet, which gives ranges to pools and takes them back: first the record, then the pool. It may be
//! killed between the two, and a second one may have begun before the first one's writes.

use std::collections::BTreeSet;

use ipam_core::carve::{
    Application, CarveError, ControlRecord, ControlledPools, Demand, Existence, LivingPool, Maker, Present,
    Stock, Subnet, sync,
};
use ipam_core::{Family, PoolFields, PoolName, PoolSpec, RangeSet};

use super::World;
use crate::finding::{Finding, Kind, Verdict};

/// Applications that have a pool of the subnet.
pub(super) const APPLICATIONS: u64 = 3;
const NET: &str = "10.7.0.0/24";
const IPS: &str = "10.7.0.1-10.7.0.10";

/// Something that a controller is about to write.
#[derive(Debug)]
enum Work {
    /// The record of a pool, planned on this version of the subnet.
    Record { version: u64, pool: PoolName, record: Option<ControlRecord>, ranges: RangeSet },
    /// All records.
    Records { version: u64, records: ControlledPools },
    /// The pool, after its record.
    Pool { pool: PoolName, ranges: RangeSet },
}

/// The subnet.
#[derive(Debug)]
pub(super) struct Realm {
    total: RangeSet,
    version: u64,
    records: ControlledPools,
    gone: BTreeSet<u64>,
    works: Vec<Work>,
}

fn application(number: u64) -> Application {
    format!("apps_v1_Deployment_default_app-{number}").parse().unwrap()
}

fn pool_of(number: u64) -> PoolName {
    format!("auto-{number}").parse().unwrap()
}

impl Realm {
    pub(super) fn new() -> Self {
        let total = RangeSet::from_ranges(Family::V4, [IPS.parse().unwrap()]).unwrap();
        Self {
            total,
            version: 0,
            records: ControlledPools::new(Family::V4),
            gone: BTreeSet::new(),
            works: Vec::new(),
        }
    }

    fn subnet(&self) -> Subnet<'_> {
        Subnet::new("realm", NET.parse().unwrap(), &self.total)
    }
}

impl World {
    fn living(&self) -> Vec<&PoolSpec> {
        let all = self.pools.all.values().map(|(_, spec)| spec);
        all.filter(|spec| spec.name().as_str().starts_with("auto-")).collect()
    }

    /// A controller reads and plans.
    pub(super) fn carve(&mut self) -> Verdict {
        self.count.operations += 1;
        let number = self.roll(APPLICATIONS);
        match self.roll(10) {
            0 => self.vanish(number),
            1 => self.plan_sync(),
            _ => {
                self.realm.gone.remove(&number);
                let desired = u32::try_from(1 + self.roll(5)).unwrap();
                drop(self.plan(number, desired));
            }
        }
        Ok(())
    }

    fn plan(&mut self, number: u64, desired: u32) -> Result<(), CarveError> {
        let (name, application) = (pool_of(number), application(number));
        let used = self.in_use(&name).into_iter().map(|(address, _)| address.into());
        let allocated = RangeSet::from_ranges(Family::V4, used).unwrap();
        let (realm, living) = (&self.realm, self.living());
        let present = living.iter().find(|spec| *spec.name() == name).map(|spec| Present {
            net: spec.subnet(),
            ips: spec.allocatable(),
            allocated: &allocated,
        });
        let reserved = self.pools.reserved_of(Family::V4);
        // An address that its owner took again may stand outside of every pool.
        let used = self.used_of(NET);
        let sets = living.iter().map(|spec| spec.allocatable()).chain([&used]);
        let stock = Stock::new(realm.subnet(), realm.records.clone(), [&reserved], sets)?;
        let demand = Demand { pool: &name, application: &application, desired, present };
        let planned = stock.plan(&demand);
        let version = self.realm.version;
        let carving = planned.inspect_err(|error| self.tell(|| error.to_string()))?;
        let work = Work::Record { version, pool: name, record: carving.change, ranges: carving.ranges };
        self.realm.works.push(work);
        Ok(())
    }

    /// An application ends: its pool goes, then the pool's record.
    fn vanish(&mut self, number: u64) {
        self.realm.gone.insert(number);
        let pool = pool_of(number);
        // Whoever was about to write the pool finds that it was deleted.
        self.realm.works.retain(|work| !matches!(work, Work::Pool { pool: other, .. } if *other == pool));
        if self.delete_pool(&pool) {
            self.plan_sync();
        }
    }

    fn plan_sync(&mut self) {
        let realm = &self.realm;
        let specs = self.living();
        let applications: Vec<Application> = (0..APPLICATIONS).map(application).collect();
        let number = |name: &str| name.rsplit('-').next().and_then(|end| end.parse().ok()).unwrap_or(0_u64);
        let pools: Vec<LivingPool<'_>> = specs
            .iter()
            .map(|spec| LivingPool {
                name: spec.name(),
                maker: Maker::System(
                    applications.get(usize::try_from(number(spec.name().as_str())).unwrap()),
                ),
                total: spec.allocatable(),
            })
            .collect();
        let existence = |application: &Application| {
            if realm.gone.contains(&number(application.name())) {
                Existence::Gone
            } else {
                Existence::Unknown
            }
        };
        let flying = realm.works.iter().filter_map(|work| match work {
            Work::Pool { pool, .. } => Some(pool.clone()),
            Work::Record { .. } | Work::Records { .. } => None,
        });
        let synced = sync(&realm.subnet(), &realm.records, &pools, &flying.collect(), existence);
        let work = Work::Records { version: realm.version, records: synced.records };
        self.realm.works.push(work);
    }

    /// A controller writes what it is about to, or is killed before.
    pub(super) fn realm_goes_on(&mut self) -> Verdict {
        if self.realm.works.is_empty() || self.roll(4) > 0 {
            return Ok(());
        }
        let which = self.roll(u64::try_from(self.realm.works.len()).unwrap());
        let work = self.realm.works.remove(usize::try_from(which).unwrap());
        let killed = self.setup.weather.crash > 0 && self.roll(8) == 0;
        if killed { Ok(()) } else { self.carry_out(work) }
    }

    fn carry_out(&mut self, work: Work) -> Verdict {
        match work {
            Work::Record { version, .. } | Work::Records { version, .. } if version != self.realm.version => {
                Ok(())
            }
            Work::Record { pool, record, ranges, .. } => {
                if let Some(record) = record {
                    self.realm.version += 1;
                    self.realm.records.set(pool.clone(), record).unwrap();
                }
                // One worker a pool: what it was about to write before is void.
                let same = |work: &Work| matches!(work, Work::Pool { pool: other, .. } if *other == pool);
                self.realm.works.retain(|work| !same(work));
                self.realm.works.push(Work::Pool { pool, ranges });
                Ok(())
            }
            Work::Records { records, .. } => {
                self.realm.version += 1;
                self.realm.records = records;
                Ok(())
            }
            Work::Pool { pool, ranges } => {
                self.count.carved += 1;
                let ips = ranges.ranges().map(|range| range.to_string()).collect();
                let fields = PoolFields { subnet: NET.to_owned(), ips, ..PoolFields::default() };
                self.write_pool(pool.as_str(), fields)
            }
        }
    }

    /// Left alone, a controller brings records and pools in line.
    pub(super) fn agree(&mut self) -> Verdict {
        self.realm.works.clear();
        for number in 0..APPLICATIONS {
            if self.realm.gone.contains(&number) {
                continue;
            }
            let used = self.in_use(&pool_of(number)).len().max(1);
            for _ in 0..3 {
                self.plan_sync();
                // As many as are in use can always be had, unless others have the rest.
                let answer = self.plan(number, u32::try_from(used).unwrap());
                while let Some(work) = self.realm.works.pop() {
                    self.carry_out(work)?;
                }
                if answer.is_err() {
                    break;
                }
            }
            let (name, record) = (pool_of(number), self.realm.records.get(&pool_of(number)));
            let spec = self.pools.all.get(&name).map(|(_, spec)| spec.allocatable());
            let recorded = record.map(|record| &record.ranges);
            if spec.is_some() && spec != recorded {
                let text = format!("IPPool {name} has {spec:?}, and its record {recorded:?}");
                return Err(Finding::new(Kind::Overlap, text));
            }
        }
        Ok(())
    }
}
