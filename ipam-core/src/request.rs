//! What is asked for, as plain values from any caller.

use std::time::Duration;

use crate::addr::{Addr, Family};
use crate::ledger::Policy;
use crate::owner::{Nic, Owner};
use crate::pool::PoolName;
use crate::record::{Attachment, Stamp, Time};

/// Whether addresses follow the owner's identity into its next incarnation.
///
/// Requests for addresses of one owner are made one after the other, and those of an earlier incarnation have ended before the next one
/// asks: no store can tell which of two is the later. Releases may come late and at any time.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Follow {
    /// No: another uid is another owner.
    #[default]
    Never,
    /// Yes, while the pools that the addresses are from are still among the candidates (a StatefulSet's pod).
    WhilePoolsMatch,
    /// Yes, whatever the candidates are now (a virtual machine).
    Always,
}

/// What one NIC wants: an address of each family that has candidates.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NicRequest {
    /// The NIC.
    pub nic: Nic,
    /// Pools to try in this order for an IPv4 address; none: no such address.
    pub v4: Vec<PoolName>,
    /// The same for IPv6.
    pub v6: Vec<PoolName>,
    /// Addresses asked for by value, at most one a family.
    pub asks: Vec<Addr>,
}

impl NicRequest {
    /// A NIC without candidates yet.
    #[must_use]
    pub const fn new(nic: Nic) -> Self {
        Self { nic, v4: Vec::new(), v6: Vec::new(), asks: Vec::new() }
    }

    /// The candidates of a family.
    #[must_use]
    pub fn pools(&self, family: Family) -> &[PoolName] {
        match family {
            Family::V4 => &self.v4,
            Family::V6 => &self.v6,
        }
    }

    /// Whether all that a NIC has is from candidates.
    #[must_use]
    pub fn matches(&self, attachment: &Attachment) -> bool {
        attachment
            .assignments
            .iter()
            .all(|assignment| self.pools(assignment.address.family()).contains(&assignment.pool))
    }

    /// The address of this family that is asked for.
    #[must_use]
    pub fn ask(&self, family: Family) -> Option<Addr> {
        self.asks.iter().copied().find(|address| address.family() == family)
    }
}

/// A request for addresses: one unit over all its NICs and families. It is met wholly or not at all.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AllocationRequest {
    /// Who asks.
    pub owner: Owner,
    /// For which NICs, in the order in which they claim what is there already.
    pub nics: Vec<NicRequest>,
    /// Whether addresses of an earlier incarnation are taken over.
    pub follow: Follow,
    /// Which free address to take.
    pub policy: Policy,
    /// How long a freed address is avoided.
    pub cooldown: Duration,
    /// Put on the records, in stores that keep it.
    pub stamp: Option<Stamp>,
    /// When to give up.
    pub deadline: Time,
    /// Seed of the jitter between tries.
    pub seed: u64,
    /// Whether new addresses stay the owner's when a store that is not atomic has taken them and then refuses to attach them: where
    /// somebody else has been told of them by then, as a cloud's network is. Its next request attaches them, its release frees them.
    pub keeps_unattached: bool,
}

impl AllocationRequest {
    /// A request without NICs, policy *lowest*, no cooldown; what cannot be attached is given back.
    #[must_use]
    pub const fn new(owner: Owner, deadline: Time) -> Self {
        Self {
            owner,
            nics: Vec::new(),
            follow: Follow::Never,
            policy: Policy::Lowest,
            cooldown: Duration::ZERO,
            stamp: None,
            deadline,
            seed: 0,
            keeps_unattached: false,
        }
    }

    /// Adds a NIC.
    #[must_use]
    pub fn nic(mut self, nic: NicRequest) -> Self {
        self.nics.push(nic);
        self
    }

    /// All candidates of all NICs.
    pub(crate) fn all_pools(&self) -> Vec<PoolName> {
        let mut pools: Vec<PoolName> =
            self.nics.iter().flat_map(|nic| nic.v4.iter().chain(&nic.v6)).cloned().collect();
        pools.sort();
        pools.dedup();
        pools
    }
}

/// How much of an owner to release.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ReleaseScope {
    /// All its addresses.
    All,
    /// Those of one NIC, and with the last NIC those that no attachment names.
    Nic(Nic),
    /// One address.
    Address(Addr),
}

/// A request to free addresses. What the stored records do not say of this owner is left alone, and that is success.
///
/// One that ended without an answer is repeated before its owner asks for addresses again, where the store's commits may arrive late: an
/// ADD that is answered from what is stored would not notice that it is about to be freed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ReleaseRequest {
    /// Whose.
    pub owner: Owner,
    /// How much.
    pub scope: ReleaseScope,
    /// How long the addresses are to be avoided.
    pub cooldown: Duration,
    /// When to give up.
    pub deadline: Time,
    /// Seed of the jitter between tries.
    pub seed: u64,
}

impl ReleaseRequest {
    /// A release without cooldown.
    #[must_use]
    pub const fn new(owner: Owner, scope: ReleaseScope, deadline: Time) -> Self {
        Self { owner, scope, cooldown: Duration::ZERO, deadline, seed: 0 }
    }
}
