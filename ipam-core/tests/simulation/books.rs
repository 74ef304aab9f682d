//! The checker's own books: what was acknowledged to whom. It knows nothing of ledgers, plans or occupancy.

use std::collections::BTreeMap;

use ipam_core::{Addr, Allocation, Owner, PoolName, Record};

/// One promise: the NIC of this owner has the address until its release begins.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Promise {
    pub(crate) owner: Owner,
    pub(crate) nic: String,
    pub(crate) pool: PoolName,
    pub(crate) address: Addr,
}

/// All promises that hold now.
#[derive(Debug, Default)]
pub(crate) struct Books {
    /// The subnets of the pools do not overlap unless they are equal, so the address alone says it.
    promises: BTreeMap<Addr, Promise>,
}

impl Books {
    /// Notes an acknowledged allocation.
    pub(crate) fn acknowledge(&mut self, owner: &Owner, allocation: &Allocation) {
        for attachment in &allocation.attachments {
            for assignment in &attachment.assignments {
                let promise = Promise {
                    owner: owner.clone(),
                    nic: attachment.nic.to_string(),
                    pool: assignment.pool.clone(),
                    address: assignment.address,
                };
                let before = self.promises.insert(assignment.address, promise.clone());
                if let Some(before) = before {
                    assert_eq!(before, promise, "an address is acknowledged to two");
                }
            }
            // A NIC has one address of each family.
            for other in
                self.promises.values().filter(|p| p.owner == *owner && p.nic == attachment.nic.as_str())
            {
                let named = attachment.assignments.iter().any(|a| a.address == other.address);
                assert!(
                    named,
                    "{} of {owner} had {} and has {:?} now",
                    other.nic, other.address, attachment.assignments
                );
            }
        }
    }

    /// From now on these addresses may become somebody else's.
    pub(crate) fn void(&mut self, mut which: impl FnMut(&Promise) -> bool) {
        self.promises.retain(|_, promise| !which(promise));
    }

    /// What is promised to an owner.
    pub(crate) fn of<'a>(&'a self, owner: &'a Owner) -> impl Iterator<Item = &'a Promise> {
        self.promises.values().filter(move |promise| promise.owner == *owner)
    }

    /// Each promise has its record, and no address has two.
    pub(crate) fn compare(&self, records: &[(PoolName, Record)]) {
        let mut by_address: BTreeMap<Addr, &(PoolName, Record)> = BTreeMap::new();
        for stored in records {
            assert!(
                by_address.insert(stored.1.address, stored).is_none(),
                "{} has two records",
                stored.1.address
            );
        }
        for (address, promise) in &self.promises {
            let Some((pool, record)) = by_address.get(address) else { panic!("no record of {promise:?}") };
            assert_eq!((pool, &record.owner), (&promise.pool, &promise.owner), "the record of {promise:?}");
        }
    }
}
