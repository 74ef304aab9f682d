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
            let Some(address) = ip.address else {
                new.push(ip.key, None, ip.pod, ip.uid);
                continue;
            };
            let is_doubled = doubled.contains(&address);
            match state.record(address).map(|record| &record.owner) {
                Some(owner) if is_stand_in(owner, address) => {
                    known += usize::from(!is_doubled);
                    new.push(ip.key, Some(address), ip.pod, ip.uid);
                }
                Some(owner) if !is_doubled => {
                    known += 1;
                    if ip.names(owner) {
                        new.push(ip.key, Some(address), ip.pod, ip.uid);
                    } else {
                        let pod = self.pod_of(address, owner)?;
                        new.push(ip.key, Some(address), &pod, owner.uid());
                    }
                }
                // Nobody holds it, or somebody has decided who does: then there is one entry, in our spelling.
                None | Some(_) => {}
            }
        }
        if known < state.len() {
            for Record { address, owner, .. } in state.records() {
                let is_doubled = doubled.contains(address);
                if self.get(*address).is_none() || (is_doubled && !is_stand_in(owner, *address)) {
                    let pod = self.pod_of(*address, owner)?;
                    new.push(&address.to_string(), Some(*address), &pod, owner.uid());
                }
            }
            new.sort();
        }
        debug_assert!(new.is_sound(), "the records must be sound after an update");
        *self = new;
        Ok(())
    }

    fn push(&mut self, key: &str, address: Option<Addr>, pod: &str, uid: &str) {
        let entry = self.store(key, address, pod, uid);
        self.entries.push(entry);
    }
}

impl AllocatedIp<'_> {
    /// Whether the entry is what would be written for this owner.
    fn names(&self, owner: &Owner) -> bool {
        matches!(owner.kind(), OwnerKind::Pod | OwnerKind::VirtualMachine)
            && self.uid == owner.uid()
            && self.pod.split_once('/') == Some((owner.scope(), owner.name()))
    }
}

fn is_stand_in(owner: &Owner, address: Addr) -> bool {
    owner.kind() == OwnerKind::Reservation && *owner == AllocatedIps::stand_in(address)
}
