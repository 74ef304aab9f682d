//! The ledger of one pool: who holds which address, what is free, and what a change does to both.
//!
//! [`PoolState`] is the whole state of a pool in memory. Stores that keep all of a pool at hand (a custom resource, a
//! test) answer [`Query::Pick`](crate::Query::Pick) and apply [`PoolOp`](crate::PoolOp)s with it; a store with an index of its own (SQLite) must
//! behave the same, which the conformance suite tests.

mod apply;
mod batch;
mod policy;
mod state;

pub use batch::{Demand, Served};
pub use policy::{Policy, owner_hash};
pub use state::PoolState;
