//! Pools and reserved ranges: loading, changing, listing and deleting them.
//!
//! The rules are those of a cluster's admission ([`ipam_core::admission`]), called inside the loading transaction, so that two
//! processes cannot both pass a test that only one of them may.

mod apply;

use std::sync::Arc;

use ipam_core::{
    Addr, Holding, PoolFields, PoolName, PoolSpec, RangeSet, ReservedFields, ReservedName, ReservedSpec,
};

pub(crate) use self::apply::reserved_spec;
use crate::error::Error;
use crate::free::Runs;
use crate::session::Session;
use crate::source::{Metadata, Source};

/// A pool as it is stored, with its counts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PoolEntry {
    /// The pool.
    pub spec: Arc<PoolSpec>,
    /// Labels and annotations.
    pub metadata: Metadata,
    /// Who wrote it.
    pub source: Source,
    /// How many records it has.
    pub used: u64,
    /// How many addresses it could give out in all: its `ips` less `excludeIPs` and reserved ones.
    pub capacity: u128,
    /// How many it could give out now. Freed ones that are avoided for a while are not among them.
    pub free: u128,
}

/// Reserved ranges as they are stored.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ReservedEntry {
    /// The ranges.
    pub spec: Arc<ReservedSpec>,
    /// Labels and annotations.
    pub metadata: Metadata,
    /// Who wrote them.
    pub source: Source,
}

/// What applying an object did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Applied {
    /// It was not there.
    Created,
    /// It was there, and is as given now.
    Changed,
    /// It was there as given.
    Unchanged,
}

/// What deleting a pool took away.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Deleted {
    /// The records that went with it; empty unless forced.
    pub records: Vec<Holding>,
}

/// The kinds of manifests.
pub(crate) const POOL_KIND: &str = "SpiderIPPool";
pub(crate) const RESERVED_KIND: &str = "SpiderReservedIP";

/// A row of `manifest`.
#[derive(Clone, Debug)]
pub(crate) struct Manifest {
    pub(crate) name: String,
    pub(crate) spec: String,
    pub(crate) metadata: Metadata,
    pub(crate) source: Source,
}

impl Session<'_> {
    /// All pools in order of name.
    ///
    /// # Errors
    /// [`Error::Damaged`] where a stored pool cannot be understood, and what any read can fail with.
    pub fn pools(&mut self) -> Result<Vec<PoolEntry>, Error> {
        self.inside(|tx| tx.pool_rows(None)?.iter().map(|row| tx.pool_entry(row)).collect())
    }

    /// One pool.
    ///
    /// # Errors
    /// As [`Session::pools`].
    pub fn pool(&mut self, name: &PoolName) -> Result<Option<PoolEntry>, Error> {
        self.inside(|tx| tx.pool_row(name)?.map(|row| tx.pool_entry(&row)).transpose())
    }

    /// All reserved ranges in order of name.
    ///
    /// # Errors
    /// As [`Session::pools`].
    pub fn reserved(&mut self) -> Result<Vec<ReservedEntry>, Error> {
        self.inside(|tx| tx.reserved_entries())
    }

    /// Stores a pool: a new one, or the same one changed. All rules of admission hold, those about addresses in use and other
    /// pools included. The same fields from another source are [`Applied::Unchanged`]; others are refused.
    ///
    /// # Errors
    /// [`Error::Refused`] with all faults, [`Error::OtherSource`], and what any commit can fail with. Nothing is stored then.
    pub fn apply_pool(
        &mut self,
        name: &PoolName,
        fields: &PoolFields,
        metadata: &Metadata,
        source: &Source,
    ) -> Result<Applied, Error> {
        self.commit_inside(|tx| tx.apply_pool(name, fields, metadata, source))
    }

    /// Stores reserved ranges. Addresses in use may be among them: they stay with their owners, and are not given out again.
    ///
    /// # Errors
    /// As [`Session::apply_pool`].
    pub fn apply_reserved(
        &mut self,
        name: &ReservedName,
        fields: &ReservedFields,
        metadata: &Metadata,
        source: &Source,
    ) -> Result<Applied, Error> {
        self.commit_inside(|tx| tx.apply_reserved(name, fields, metadata, source))
    }

    /// Deletes a pool. `force` takes its records away with it, whoever uses those addresses.
    ///
    /// # Errors
    /// [`Error::NoObject`], [`Error::InUse`] unless forced, and what any commit can fail with.
    pub fn delete_pool(&mut self, name: &PoolName, force: bool) -> Result<Deleted, Error> {
        let path = self.path().to_owned();
        self.commit_inside(|tx| {
            let Some(row) = tx.pool_row(name)? else {
                return Err(Error::NoObject { path, kind: POOL_KIND, name: name.to_string() }.into());
            };
            tx.delete_pool(&row, force)
        })
    }

    /// Deletes reserved ranges; their addresses can be given out again.
    ///
    /// # Errors
    /// [`Error::NoObject`], and what any commit can fail with.
    pub fn delete_reserved(&mut self, name: &ReservedName) -> Result<(), Error> {
        let path = self.path().to_owned();
        self.commit_inside(|tx| {
            let Some(old) = tx.manifest(RESERVED_KIND, name.as_str())? else {
                return Err(Error::NoObject { path, kind: RESERVED_KIND, name: name.to_string() }.into());
            };
            let spec = reserved_spec(&old)?;
            tx.delete_manifest(RESERVED_KIND, name.as_str())?;
            tx.renew_family(spec.family())
        })
    }

    /// Who has an address.
    ///
    /// # Errors
    /// As [`Session::pools`].
    pub fn holder(&mut self, address: Addr) -> Result<Option<Holding>, Error> {
        self.inside(|tx| tx.holding(address))
    }

    /// The addresses that a pool could give out now, as runs.
    ///
    /// # Errors
    /// [`Error::NoObject`], and as [`Session::pools`].
    pub fn free_ranges(&mut self, name: &PoolName) -> Result<RangeSet, Error> {
        let path = self.path().to_owned();
        self.inside(|tx| {
            let Some(row) = tx.pool_row(name)? else {
                return Err(Error::NoObject { path, kind: POOL_KIND, name: name.to_string() }.into());
            };
            tx.runs(Runs::Free, row.id, tx.spec(name)?.family())
        })
    }
}
