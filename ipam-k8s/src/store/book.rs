//! What somebody who watches the cluster can tell the store.

use std::sync::Arc;

use ipam_core::{Family, PoolSpec, RangeSet};

/// What is known of the cluster beside the pools that the store has read. A watch implements it; where it does not know (yet), the
/// store asks the API server.
///
/// The other half is [`ClusterStore::note_seen`](super::ClusterStore::note_seen): there the watch tells of each version of a pool.
pub trait PoolBook: Send + Sync {
    /// Whether the watch of pools is connected, so that a version which it did not tell of is not older than its lag. If not, what the
    /// store knows is believed for a few seconds only.
    fn is_live(&self) -> bool;

    /// The addresses of a family that no pool gives out. `None`: not known.
    fn reserved(&self, family: Family) -> Option<Arc<RangeSet>>;

    /// All pools whose specs can be used. `None`: not known. Asked only for an address that is to be taken *again*.
    fn specs(&self) -> Option<Vec<Arc<PoolSpec>>>;
}

/// Knows nothing: the store asks the API server for everything. For tools that run once, and before a watch has begun.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ColdBook;

impl PoolBook for ColdBook {
    fn is_live(&self) -> bool {
        false
    }

    fn reserved(&self, _: Family) -> Option<Arc<RangeSet>> {
        None
    }

    fn specs(&self) -> Option<Vec<Arc<PoolSpec>>> {
        None
    }
}
