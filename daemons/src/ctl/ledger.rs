//! What the commands that look are told: the same questions to the store of a host and to a cluster.
//!
//! Whatever a view prints comes through here, so that it prints the same of both.

use std::sync::Arc;

use ipam_core::{Addr, Holding, IpRange, OwnerKind, PoolName, PoolSpec, RangeSet, ReservedSpec, Stamp};
use ipam_local::{Metadata, PoolEntry, ReservedEntry, Session};

use super::exit::Usage;
use super::ip::each_record;

/// A pool in numbers.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    pub(super) spec: Arc<PoolSpec>,
    pub(super) metadata: Metadata,
    /// Where it comes from, in a word.
    pub(super) source: String,
    /// Records.
    pub(super) used: u64,
    /// Addresses that it could give out, were none held.
    pub(super) capacity: u128,
    /// Addresses that it can give out now.
    pub(super) free: u128,
}

/// Reserved addresses.
#[derive(Clone, Debug)]
pub(super) struct Reserved {
    pub(super) spec: Arc<ReservedSpec>,
    pub(super) metadata: Metadata,
}

/// A record, and what else is known of its holder.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) holding: Holding,
    /// The node that the holder's endpoint names.
    pub(super) node: Option<String>,
    /// `namespace/name` of that endpoint.
    pub(super) endpoint: Option<String>,
}

/// Whether the holder of an address is there.
#[derive(Clone, Copy, Debug, Eq, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Life {
    /// Its pod lives.
    Alive,
    /// Its pod has ended, or is about to go.
    Ending,
    /// Its pod is gone, and its StatefulSet or virtual machine keeps the address.
    Kept,
    /// Its pod is gone.
    Gone,
}

/// Which records are wanted. What is `None` sorts nothing out.
#[derive(Clone, Debug, Default)]
pub(super) struct Filter {
    pub(super) pool: Option<PoolName>,
    /// Of containers.
    pub(super) network: Option<String>,
    /// Of pods and the like.
    pub(super) namespace: Option<String>,
    /// The uid of the owner.
    pub(super) owner: Option<String>,
    pub(super) node: Option<String>,
}

impl Filter {
    pub(super) fn admits(&self, seen: &Seen) -> bool {
        let owner = &seen.holding.record.owner;
        let is_container = owner.kind() == OwnerKind::Container;
        let of = |wanted: &Option<String>, found: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| found == Some(wanted))
        };
        self.pool.as_ref().is_none_or(|pool| *pool == seen.holding.pool)
            && of(&self.network, is_container.then(|| owner.scope()))
            && of(&self.namespace, (!is_container).then(|| owner.scope()))
            && of(&self.owner, Some(owner.uid()))
            && of(&self.node, seen.node.as_deref())
    }
}

/// The questions.
pub(super) trait Ledger {
    /// All pools that can be used, in order of name.
    fn pools(&mut self) -> anyhow::Result<Vec<Pool>>;

    /// One pool.
    fn pool(&mut self, name: &PoolName) -> anyhow::Result<Option<Pool>>;

    /// Everything that is reserved.
    fn reserved(&mut self) -> anyhow::Result<Vec<Reserved>>;

    /// Who has an address.
    fn holder(&mut self, address: Addr) -> anyhow::Result<Option<Seen>>;

    /// Whether the holder is there, where that can be known.
    fn life(&mut self, holding: &Holding) -> anyhow::Result<Option<Life>>;

    /// Shows each record that the filter admits, in order of pool and address.
    fn each(&mut self, filter: &Filter, visit: &mut dyn FnMut(&Seen)) -> anyhow::Result<()>;

    /// What a pool can give out now.
    fn free_ranges(&mut self, pool: &PoolName) -> anyhow::Result<RangeSet>;

    /// How many records of a pool lie in each of these ranges.
    fn taken_in(&mut self, pool: &PoolName, ranges: &[IpRange]) -> anyhow::Result<Vec<u64>>;

    /// Now, as records have it.
    fn now(&self) -> Stamp;

    /// The words for where it is: *in the store*.
    fn place(&self) -> &'static str;

    /// What to do where there is no pool at all.
    fn advice(&self) -> &'static str;
}

impl From<PoolEntry> for Pool {
    fn from(PoolEntry { spec, metadata, source, used, capacity, free }: PoolEntry) -> Self {
        Self { spec, metadata, source: source.into(), used, capacity, free }
    }
}

impl From<ReservedEntry> for Reserved {
    fn from(ReservedEntry { spec, metadata, .. }: ReservedEntry) -> Self {
        Self { spec, metadata }
    }
}

impl From<Holding> for Seen {
    fn from(holding: Holding) -> Self {
        Self { holding, node: None, endpoint: None }
    }
}

impl Ledger for Session<'_> {
    fn pools(&mut self) -> anyhow::Result<Vec<Pool>> {
        Ok(Session::pools(self)?.into_iter().map(Pool::from).collect())
    }

    fn pool(&mut self, name: &PoolName) -> anyhow::Result<Option<Pool>> {
        Ok(Session::pool(self, name)?.map(Pool::from))
    }

    fn reserved(&mut self) -> anyhow::Result<Vec<Reserved>> {
        Ok(Session::reserved(self)?.into_iter().map(Reserved::from).collect())
    }

    fn holder(&mut self, address: Addr) -> anyhow::Result<Option<Seen>> {
        Ok(Session::holder(self, address)?.map(Seen::from))
    }

    fn life(&mut self, _: &Holding) -> anyhow::Result<Option<Life>> {
        Ok(None)
    }

    fn each(&mut self, filter: &Filter, visit: &mut dyn FnMut(&Seen)) -> anyhow::Result<()> {
        if filter.node.is_some() {
            let text = "--node is for a cluster: the store of a host knows no nodes";
            return Err(Usage(text.to_owned()).into());
        }
        each_record(self, filter.pool.as_ref(), filter.network.as_deref(), |holding| {
            let seen = Seen::from(holding.clone());
            if filter.admits(&seen) {
                visit(&seen);
            }
        })
    }

    fn free_ranges(&mut self, pool: &PoolName) -> anyhow::Result<RangeSet> {
        Ok(Session::free_ranges(self, pool)?)
    }

    fn taken_in(&mut self, pool: &PoolName, ranges: &[IpRange]) -> anyhow::Result<Vec<u64>> {
        let counts: Result<_, _> = ranges.iter().map(|range| Session::taken_in(self, pool, *range)).collect();
        Ok(counts?)
    }

    fn now(&self) -> Stamp {
        self.stamp()
    }

    fn place(&self) -> &'static str {
        "in the store"
    }

    fn advice(&self) -> &'static str {
        "load some with `apply -f FILE`"
    }
}
