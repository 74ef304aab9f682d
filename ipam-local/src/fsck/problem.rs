//! What can be wrong, in words.

use std::fmt;

use ipam_core::{Addr, PoolName, RangeSet};

/// What can be wrong with a store.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Problem {
    /// SQLite finds the file itself damaged.
    File {
        /// Its words.
        detail: String,
    },
    /// An index is not that of its table.
    Index {
        /// SQLite's words.
        detail: String,
    },
    /// A row names another row that is not there.
    Dangling {
        /// The table of the row.
        table: String,
        /// How many such rows.
        rows: u64,
        /// The table of what is not there.
        parent: String,
    },
    /// A row that cannot be understood.
    Unreadable {
        /// Which: "record of 10.6.0.9", "manifest of IPPool v4".
        what: String,
        /// Why.
        detail: String,
    },
    /// A pool's count of records is not their number.
    Count {
        /// The pool.
        pool: PoolName,
        /// What is stored.
        stored: u64,
        /// What was counted.
        counted: u64,
    },
    /// What a pool may give out is not its ranges less reserved ones.
    Space {
        /// The pool.
        pool: PoolName,
        /// Addresses that are missing.
        missing: RangeSet,
        /// Addresses that are too much.
        surplus: RangeSet,
    },
    /// Addresses that count as free or as cooling, though they have a record. They could not be given out a second time, but each try fails.
    FreeThoughHeld {
        /// The pool.
        pool: PoolName,
        /// The addresses.
        addresses: RangeSet,
    },
    /// Addresses that are neither free, nor held, nor cooling: lost to the pool.
    Lost {
        /// The pool.
        pool: PoolName,
        /// The addresses.
        addresses: RangeSet,
    },
    /// Addresses that count as free or as cooling, though the pool may not give them out.
    FreeThoughOutside {
        /// The pool.
        pool: PoolName,
        /// The addresses.
        addresses: RangeSet,
    },
    /// A record of an address outside of its pool's subnet.
    RecordOutside {
        /// The pool.
        pool: PoolName,
        /// The address.
        address: Addr,
    },
    /// Two pools of one subnet that could give out the same addresses.
    Overlap {
        /// One pool.
        pool: PoolName,
        /// The other.
        peer: PoolName,
        /// What they share.
        addresses: RangeSet,
    },
    /// The manifest of a pool that has no row, so that nothing can be allocated from it.
    NoRow {
        /// The pool.
        pool: PoolName,
    },
    /// A pool's row without a manifest: what the pool may give out is not known any more.
    NoManifest {
        /// The pool.
        pool: PoolName,
        /// How many records it has.
        used: u64,
    },
}

impl Problem {
    /// Whether [`Session::fsck`](crate::Session::fsck) can put it right without losing a record.
    #[must_use]
    pub const fn is_repairable(&self) -> bool {
        match self {
            Self::Index { .. }
            | Self::Count { .. }
            | Self::Space { .. }
            | Self::FreeThoughHeld { .. }
            | Self::Lost { .. }
            | Self::FreeThoughOutside { .. }
            | Self::NoRow { .. } => true,
            Self::NoManifest { used, .. } => *used == 0,
            Self::File { .. }
            | Self::Dangling { .. }
            | Self::Unreadable { .. }
            | Self::RecordOutside { .. }
            | Self::Overlap { .. } => false,
        }
    }

    /// What puts it right.
    pub(super) const fn remedy(&self) -> &'static str {
        match self {
            Self::File { .. } => {
                "export what can be read, and import it into a new store, or restore a backup"
            }
            Self::Index { .. } => "builds the index anew",
            Self::Dangling { .. } | Self::Unreadable { .. } => {
                "keep the file and look at the rows with `sqlite3`"
            }
            Self::Count { .. } => "counts the records anew",
            Self::Space { .. }
            | Self::FreeThoughHeld { .. }
            | Self::Lost { .. }
            | Self::FreeThoughOutside { .. } => "computes what is free from ranges and records",
            Self::RecordOutside { .. } => "release the address",
            Self::Overlap { .. } => "change the ranges of one of them",
            Self::NoRow { .. } => "makes the row from the manifest",
            Self::NoManifest { used: 0, .. } => "drops the row",
            Self::NoManifest { .. } => "apply the pool's manifest again",
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { detail } => write!(f, "the file is damaged: {detail}"),
            Self::Index { detail } => write!(f, "an index is damaged: {detail}"),
            Self::Dangling { table, rows, parent } => {
                write!(f, "{rows} rows of table {table} name rows of table {parent} that are not there")
            }
            Self::Unreadable { what, detail } => write!(f, "{what} cannot be understood: {detail}"),
            Self::Count { pool, stored, counted } => {
                write!(f, "IPPool {pool} counts {stored} records and has {counted}")
            }
            Self::Space { pool, missing, surplus } => write!(
                f,
                "what IPPool {pool} may give out lacks [{missing}] and has [{surplus}] too much, going by its ranges and the reserved ones"
            ),
            Self::FreeThoughHeld { pool, addresses } => {
                write!(f, "IPPool {pool} takes [{addresses}] for free, which are held")
            }
            Self::Lost { pool, addresses } => {
                write!(f, "IPPool {pool} has lost [{addresses}], neither held nor free")
            }
            Self::FreeThoughOutside { pool, addresses } => {
                write!(f, "IPPool {pool} takes [{addresses}] for free, which it may not give out")
            }
            Self::RecordOutside { pool, address } => {
                write!(f, "IPPool {pool} has a record of {address}, which is not in its subnet")
            }
            Self::Overlap { pool, peer, addresses } => {
                write!(f, "IPPools {pool} and {peer} both have [{addresses}]")
            }
            Self::NoRow { pool } => write!(f, "IPPool {pool} has a manifest and no row"),
            Self::NoManifest { pool, used } => {
                write!(f, "IPPool {pool} has a row and no manifest, and {used} records")
            }
        }
    }
}
