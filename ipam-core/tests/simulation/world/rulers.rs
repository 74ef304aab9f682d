//! Those who change pools and reserved addresses, through the same admission as everybody.

use std::collections::BTreeMap;

use ipam_core::admission::{Denial, FamilySettings, InUse, pool_create, pool_delete, pool_update};
use ipam_core::{Addr, Family, Origin, PoolFields, PoolName, PoolSpec, RangeSet};

use super::World;
use crate::books::ranges;
use crate::broken::Rule;
use crate::finding::{Finding, Kind, Verdict};

/// The pools as they are, as written and as checked.
#[derive(Debug, Default)]
pub(super) struct Pools {
    pub(super) all: BTreeMap<PoolName, (PoolFields, PoolSpec)>,
    pub(super) reserved: Vec<String>,
}

impl Pools {
    pub(super) fn reserved_of(&self, family: Family) -> RangeSet {
        let all = ranges(&self.reserved).into_iter().filter(|range| range.first().family() == family);
        RangeSet::from_ranges(family, all).unwrap()
    }
}

fn fields(subnet: &str, ips: &str) -> PoolFields {
    PoolFields { subnet: subnet.to_owned(), ips: vec![ips.to_owned()], ..PoolFields::default() }
}

const FOUR: &str = "10.6.0.0/24";
const SIX: &str = "fd00:6::/64";

impl World {
    /// The pools that are there from the beginning.
    pub(super) fn found(&mut self) -> Verdict {
        self.write_pool("a", fields(FOUR, "10.6.0.1-10.6.0.9"))?;
        self.write_pool("b", fields(FOUR, "10.6.0.20-10.6.0.24"))?;
        self.write_pool("six", fields(SIX, "fd00:6::1-fd00:6::9"))
    }

    /// A pool changes under those who have addresses of it, appears or vanishes.
    pub(super) fn administrate(&mut self) -> Verdict {
        self.count.operations += 1;
        match self.roll(12) {
            0 => self
                .write_pool("b", PoolFields { disable: Some(true), ..fields(FOUR, "10.6.0.20-10.6.0.24") }),
            1 | 2 => {
                let first = 20 + self.roll(5);
                self.write_pool("b", fields(FOUR, &format!("10.6.0.{first}-10.6.0.{}", first + 4)))
            }
            3 | 4 => {
                let last = 5 + self.roll(5);
                let mut fields = fields(FOUR, &format!("10.6.0.1-10.6.0.{last}"));
                if self.roll(2) == 0 {
                    fields.exclude_ips = vec![format!("10.6.0.{}", 1 + self.roll(last))];
                }
                self.write_pool("a", fields)
            }
            5 | 6 => {
                let last = 4 + self.roll(6);
                self.write_pool("six", fields(SIX, &format!("fd00:6::1-fd00:6::{last}")))
            }
            // Now here, now there: beside the others or across them.
            7 | 8 => {
                let first = self.pick(&[8, 18, 22, 40, 40, 40]);
                self.write_pool("c", fields(FOUR, &format!("10.6.0.{first}-10.6.0.{}", first + 3)))
            }
            9 => self.remove_pool("c"),
            _ => {
                let reserved = self.pick(&[
                    vec![],
                    vec!["10.6.0.21-10.6.0.22"],
                    vec!["10.6.0.3", "fd00:6::2"],
                    vec!["10.6.0.2-10.6.0.4", "10.7.0.3"],
                ]);
                self.reserve(reserved)
            }
        }
    }

    fn reserve(&mut self, reserved: Vec<&str>) -> Verdict {
        self.tell(|| format!("reserved: {reserved:?}"));
        self.pools.reserved = reserved.into_iter().map(str::to_owned).collect();
        self.books.reserve(ranges(&self.pools.reserved));
        for (_, spec) in self.pools.all.values() {
            self.store.put_pool(spec.clone(), self.pools.reserved_of(spec.family())).unwrap();
        }
        Ok(())
    }

    /// The addresses of a pool that are in use.
    pub(super) fn in_use(&self, name: &PoolName) -> Vec<(Addr, String)> {
        let mut records = Vec::new();
        self.store.visit_records(|pool, record| {
            if pool == name {
                records.push((record.address, record.owner.to_string()));
            }
        });
        records
    }

    /// All addresses of the pools of a network that are in use.
    pub(super) fn used_of(&self, subnet: &str) -> RangeSet {
        let pools = self.pools.all.iter().filter(|(_, (fields, _))| fields.subnet == subnet);
        let used = pools.flat_map(|(name, _)| self.in_use(name)).map(|(address, _)| address);
        let all: Vec<Addr> = used.collect();
        let family = all.first().map_or(Family::V4, |address| address.family());
        RangeSet::from_ranges(family, all.into_iter().map(Into::into)).unwrap()
    }

    /// Whether addresses that the pool is to have are in use from another pool, which has them no more. Admission looks at what
    /// its peers have and at the pool's own records only.
    fn takes_from_peers(&self, name: &PoolName, new: &PoolFields) -> bool {
        let wanted = ranges(&new.ips);
        let peers =
            self.pools.all.iter().filter(|(peer, (fields, _))| *peer != name && fields.subnet == new.subnet);
        peers
            .flat_map(|(peer, _)| self.in_use(peer))
            .any(|(address, _)| wanted.iter().any(|range| range.contains(address)))
    }

    /// Creates or changes a pool, if that is admitted.
    pub(super) fn write_pool(&mut self, name: &str, new: PoolFields) -> Verdict {
        let name: PoolName = name.parse().unwrap();
        let records =
            if self.setup.rule == Some(Rule::ShrinkSparesUse) { vec![] } else { self.in_use(&name) };
        let records = records.iter().map(|(address, holder)| InUse::Held(*address, holder));
        let peers = self.pools.all.values().map(|(_, spec)| spec);
        let families = FamilySettings::default();
        let admitted = match self.pools.all.get(&name) {
            Some((old, _)) => pool_update(&name, old, &new, Origin::User, peers, records, families),
            None => pool_create(&name, &new, Origin::User, peers, families),
        };
        match admitted {
            Ok(_) if self.takes_from_peers(&name, &new) => {
                self.count.denied += 1;
                Ok(())
            }
            Ok(spec) => self.put_pool(name, new, spec),
            Err(denial) => {
                self.denied(&denial);
                Ok(())
            }
        }
    }

    fn put_pool(&mut self, name: PoolName, fields: PoolFields, spec: PoolSpec) -> Verdict {
        self.count.admitted += 1;
        self.tell(|| format!("IPPool {name} has {:?} without {:?}", fields.ips, fields.exclude_ips));
        self.books.put_pool(&name, &fields)?;
        self.store
            .put_pool(spec.clone(), self.pools.reserved_of(spec.family()))
            .map_err(|error| Finding::new(Kind::Overlap, error.to_string()))?;
        self.pools.all.insert(name, (fields, spec));
        self.books.compare(&self.store)
    }

    fn denied(&mut self, denial: &Denial) {
        self.count.denied += 1;
        self.tell(|| denial.to_string());
    }

    /// Deletes a pool, if it is there and nobody uses it. Says whether it is gone.
    pub(super) fn delete_pool(&mut self, name: &PoolName) -> bool {
        if !self.pools.all.contains_key(name) {
            return true;
        }
        let used = u64::try_from(self.in_use(name).len()).unwrap();
        if let Err(denial) = pool_delete(name.as_str(), used, true) {
            self.denied(&denial);
            return false;
        }
        self.tell(|| format!("IPPool {name} is gone"));
        self.pools.all.remove(name);
        self.books.drop_pool(name);
        self.store.drop_pool(name);
        true
    }

    fn remove_pool(&mut self, name: &str) -> Verdict {
        self.delete_pool(&name.parse().unwrap());
        Ok(())
    }
}
