//! From the records in a status to the ledger of the pool, and back.

use std::sync::Arc;

use super::{AllocatedIp, AllocatedIps, StatusError, Workload};
use crate::addr::Addr;
use crate::ledger::PoolState;
use crate::owner::{Owner, OwnerKind};
use crate::pool::PoolSpec;
use crate::record::Record;

impl AllocatedIps {
    /// The ledger of a pool with these records. `workload` says what a record's `pod` names.
    ///
    /// An address whose holder cannot be told is held by its [stand-in](Self::stand_in): it is not given out, nobody can
    /// release it by mistake, and [`AllocatedIps::update`] leaves its entry alone.
    #[must_use]
    pub fn pool_state(
        &self,
        spec: Arc<PoolSpec>,
        mut workload: impl FnMut(&AllocatedIp<'_>) -> Workload,
    ) -> PoolState {
        let doubled = self.doubled();
        let records = self.iter().filter_map(|ip| {
            let address = ip.address?;
            let owner = if doubled.contains(&address) { None } else { ip.owner(workload(&ip)).ok() };
            let owner = owner.unwrap_or_else(|| Self::stand_in(address));
            Some(Record { address, owner, stamp: None })
        });
        PoolState::with_records(spec, records)
    }

    /// Who holds an address in the ledger when its entry does not say it: a reservation of a name that no other has.
    #[must_use]
    pub fn stand_in(address: Addr) -> Owner {
        Owner::stand_in(format!("unreadable:{address}"))
    }

    /// Makes these records those of the ledger. Entries without an address stay, so do those that a stand-in still holds.
    ///
    /// Start from the records that the ledger was made of: an entry that the ledger does not know is dropped.
    ///
    /// # Errors
    /// [`StatusError::Unwritable`] and [`StatusError::OtherFamily`] for the first record that has no form in the text; nothing
    /// has changed then.
    pub fn update(&mut self, state: &PoolState) -> Result<(), StatusError> {
        let doubled = self.doubled();
        let mut new = Self::new(self.family);
        new.text.reserve(self.text.len());
        new.entries.reserve(state.len());
        let mut known = 0_usize;
        for ip in self.iter() {
            let record = ip.address.map(|address| (address, state.record(address)));
            let entry = match record {
                None => new.store(ip.key, None, ip.pod, ip.uid),
                Some((_, None)) => continue,
                Some((address, Some(record))) if is_stand_in(&record.owner, address) => {
                    known += usize::from(!doubled.contains(&address));
                    new.store(ip.key, Some(address), ip.pod, ip.uid)
                }
                // Somebody has decided who holds it: one entry, in our spelling.
                Some((address, Some(_))) if doubled.contains(&address) => continue,
                Some((address, Some(record))) => {
                    known += 1;
                    let pod = new.pod_of(address, &record.owner)?;
                    new.store(ip.key, Some(address), &pod, record.owner.uid())
                }
            };
            new.entries.push(entry);
        }
        if known < state.len() {
            for record in state.records() {
                let is_kept = match self.get(record.address) {
                    None => false,
                    Some(_) if doubled.contains(&record.address) => {
                        is_stand_in(&record.owner, record.address)
                    }
                    Some(_) => true,
                };
                if !is_kept {
                    let pod = new.pod_of(record.address, &record.owner)?;
                    let key = record.address.to_string();
                    let entry = new.store(&key, Some(record.address), &pod, record.owner.uid());
                    new.entries.push(entry);
                }
            }
            new.sort();
        }
        *self = new;
        Ok(())
    }
}

fn is_stand_in(owner: &Owner, address: Addr) -> bool {
    owner.kind() == OwnerKind::Reservation && *owner == AllocatedIps::stand_in(address)
}
