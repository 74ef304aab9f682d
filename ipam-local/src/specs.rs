//! Specs alone: what choosing a pool needs, without the counts that cost a walk over the pool's free runs.

use std::sync::Arc;

use ipam_core::{PoolName, PoolSpec};

use crate::error::Error;
use crate::session::Session;

impl Session<'_> {
    /// The spec of one pool.
    ///
    /// # Errors
    /// [`Error::Damaged`] where the stored pool cannot be understood, and what any read can fail with.
    pub fn spec(&mut self, name: &PoolName) -> Result<Option<Arc<PoolSpec>>, Error> {
        self.inside(|tx| tx.pool_row(name)?.map(|row| tx.spec(&row.name)).transpose())
    }

    /// The specs of all pools, in order of name.
    ///
    /// # Errors
    /// As [`Session::spec`].
    pub fn specs(&mut self) -> Result<Vec<Arc<PoolSpec>>, Error> {
        self.inside(|tx| tx.pool_rows(None)?.iter().map(|row| tx.spec(&row.name)).collect())
    }
}
