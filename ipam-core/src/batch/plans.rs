//! Addresses that are as good as taken, so that no pick tells them to a second asker.

use std::collections::BTreeMap;

use crate::addr::Addr;
use crate::batch::PLANS_MAX;
use crate::batch::batcher::Ticket;
use crate::batch::member::Member;
use crate::pool::PoolName;
use crate::store::PickQuery;

/// Why an address is avoided.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Plan {
    /// A pick was answered with it; the number says when. Its asker may commit soon, or never.
    Told(u64),
    /// This waiting commit takes it.
    Member(Ticket),
}

/// The plans of all pools. They are hints: what a plan is wrong about, the conditions of the commit are right about.
#[derive(Clone, Debug, Default)]
pub(super) struct Plans {
    pools: BTreeMap<PoolName, BTreeMap<Addr, Plan>>,
    told: u64,
}

impl Plans {
    /// An asker was told this address.
    pub(super) fn told(&mut self, pool: &PoolName, address: Addr) {
        self.told = self.told.saturating_add(1);
        let plans = self.pools.entry(pool.clone()).or_default();
        plans.entry(address).or_insert(Plan::Told(self.told));
        let numbers = plans.iter().filter_map(|(address, plan)| match plan {
            Plan::Told(number) => Some((*number, *address)),
            Plan::Member(_) => None,
        });
        if numbers.clone().count() > PLANS_MAX
            && let Some((_, oldest)) = numbers.min()
        {
            plans.remove(&oldest);
        }
    }

    /// This member is about to take what it takes.
    pub(super) fn enlist(&mut self, member: &Member) {
        for (pool, address) in member.takes() {
            let plan =
                self.pools.entry(pool.clone()).or_default().entry(address).or_insert(Plan::Told(self.told));
            if let Plan::Told(_) = plan {
                *plan = Plan::Member(member.ticket);
            }
        }
    }

    /// The member has taken its addresses, or never will.
    pub(super) fn strike(&mut self, member: &Member) {
        for (pool, address) in member.takes() {
            let Some(plans) = self.pools.get_mut(pool) else { continue };
            if plans.get(&address) == Some(&Plan::Member(member.ticket)) {
                plans.remove(&address);
            }
            if plans.is_empty() {
                self.pools.remove(pool);
            }
        }
    }

    /// Nobody is on the way, so nobody who was told something will come and take it.
    pub(super) fn settle(&mut self) {
        self.pools.retain(|_, plans| {
            plans.retain(|_, plan| matches!(plan, Plan::Member(_)));
            !plans.is_empty()
        });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pools.is_empty()
    }

    /// What is planned in a pool.
    pub(super) fn of(&self, pool: &PoolName) -> Vec<Addr> {
        self.pools.get(pool).map(|plans| plans.keys().copied().collect()).unwrap_or_default()
    }

    /// The query with all that is planned among its exceptions, and whether that makes a difference.
    pub(super) fn spare(&self, query: &PickQuery) -> (PickQuery, bool) {
        let mut spared = query.clone();
        spared.except.extend(self.of(&query.pool).into_iter().filter(|one| !query.except.contains(one)));
        let differs = spared.except.len() > query.except.len();
        (spared, differs)
    }
}
