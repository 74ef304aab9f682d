//! Checking the store: what its tables say against each other.
//!
//! Most of what is checked cannot be stored wrongly in the first place (see [`schema`](crate::schema)); the rest are copies, counts and
//! the file itself. Copies and counts can be made anew from what they are copies of. What cannot be made anew is left as it is and
//! named.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use ipam_core::{Addr, IpRange, PoolName, PoolSpec, RangeSet};
use rusqlite::params;

use crate::answer::PoolRow;
use crate::error::{Error, Fail, Inner};
use crate::free::Runs;
use crate::pools::{POOL_KIND, RESERVED_KIND, reserved_spec};
use crate::rows::Octets;
use crate::session::{Session, Tx};

/// What a check found.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct FsckReport {
    /// All that is wrong. Empty: the store is sound.
    pub findings: Vec<Finding>,
    /// How many records were looked at.
    pub records: u64,
    /// How many pools.
    pub pools: usize,
}

impl FsckReport {
    /// Whether nothing is wrong, or nothing any more.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.findings.iter().all(|finding| finding.is_repaired)
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Finding {
    /// What.
    pub problem: Problem,
    /// Whether this call has put it right.
    pub is_repaired: bool,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { problem, is_repaired } = self;
        match (is_repaired, problem.is_repairable()) {
            (true, _) => write!(f, "{problem}: repaired, {}", problem.remedy()),
            (false, true) => write!(f, "{problem}: `--repair` {}", problem.remedy()),
            (false, false) => write!(f, "{problem}: cannot be repaired, {}", problem.remedy()),
        }
    }
}

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
    /// Whether [`Session::fsck`] can put it right without losing a record.
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
    const fn remedy(&self) -> &'static str {
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

/// A pool as far as it could be read.
struct Known {
    row: PoolRow,
    spec: Arc<PoolSpec>,
}

impl Session<'_> {
    /// Checks everything, and with `repair` puts right what can be without losing a record, in one transaction.
    ///
    /// # Errors
    /// What any commit can fail with. A damaged file is a finding, as far as SQLite can still say so.
    pub fn fsck(&mut self, repair: bool) -> Result<FsckReport, Error> {
        let mut report = FsckReport::default();
        let done = self.commit_inside(|tx| {
            let mut check = Check { tx, repair, report: &mut report };
            check.file()?;
            check.manifests()?;
            let pools = check.pools()?;
            check.overlaps(&pools);
            check.records(&pools)?;
            for pool in &pools {
                check.runs(pool)?;
            }
            Ok(())
        });
        match done {
            Ok(()) => Ok(report),
            Err(Error::Damaged { detail, source, .. }) => {
                // Nothing was stored, so nothing is repaired.
                report.findings.iter_mut().for_each(|finding| finding.is_repaired = false);
                let detail = source.map_or(detail, |source| source.to_string());
                report.findings.push(Finding { problem: Problem::File { detail }, is_repaired: false });
                Ok(report)
            }
            Err(error) => Err(error),
        }
    }
}

struct Check<'t> {
    tx: Tx<'t>,
    repair: bool,
    report: &'t mut FsckReport,
}

impl Check<'_> {
    /// Notes a problem; true if it is to be put right now.
    fn note(&mut self, problem: Problem) -> bool {
        let is_repaired = self.repair && problem.is_repairable();
        self.report.findings.push(Finding { problem, is_repaired });
        is_repaired
    }

    fn file(&mut self) -> Inner<()> {
        let tx = self.tx;
        let details = tx.integrity()?;
        let (index, other): (Vec<_>, Vec<_>) =
            details.into_iter().partition(|detail| detail.contains("index"));
        for detail in other {
            self.note(Problem::File { detail });
        }
        let mut is_repaired = self.repair && !index.is_empty();
        if is_repaired {
            tx.0.execute_batch("REINDEX")?;
            is_repaired = tx.integrity()?.is_empty();
        }
        let findings =
            index.into_iter().map(|detail| Finding { problem: Problem::Index { detail }, is_repaired });
        self.report.findings.extend(findings);
        let mut dangling: BTreeMap<(String, String), u64> = BTreeMap::new();
        let mut statement = tx.0.prepare("PRAGMA foreign_key_check")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let count = dangling.entry((row.get(0)?, row.get(2)?)).or_default();
            *count = count.saturating_add(1);
        }
        for ((table, parent), rows) in dangling {
            self.note(Problem::Dangling { table, rows, parent });
        }
        Ok(())
    }

    /// Reserved ranges that cannot be read, and pools without a row.
    fn manifests(&mut self) -> Inner<()> {
        for manifest in self.tx.manifests(RESERVED_KIND)? {
            if let Err(fail) = reserved_spec(&manifest) {
                self.unreadable(format!("manifest of ReservedIP {}", manifest.name), fail)?;
            }
        }
        for manifest in self.tx.manifests(POOL_KIND)? {
            let name: PoolName = match manifest.name.parse() {
                Ok(name) => name,
                Err(error) => {
                    let what = format!("manifest of IPPool {:?}", manifest.name);
                    self.note(Problem::Unreadable { what, detail: error.to_string() });
                    continue;
                }
            };
            if self.tx.pool_row(&name)?.is_some() {
                continue;
            }
            match self.tx.spec(&name) {
                Ok(spec) => {
                    if self.note(Problem::NoRow { pool: name }) {
                        self.tx.create_pool(&spec)?;
                    }
                }
                Err(fail) => self.unreadable(format!("manifest of IPPool {name}"), fail)?,
            }
        }
        Ok(())
    }

    /// What cannot be understood is a finding; what cannot be read ends the check.
    fn unreadable(&mut self, what: String, fail: Fail) -> Inner<()> {
        match fail {
            Fail::Broken(detail) => {
                self.note(Problem::Unreadable { what, detail });
                Ok(())
            }
            fail @ (Fail::Sql(_) | Fail::Error(_)) => Err(fail),
        }
    }

    fn pools(&mut self) -> Inner<Vec<Known>> {
        let rows = self.tx.pool_rows(None)?;
        self.report.pools = rows.len();
        let mut known = Vec::new();
        for row in rows {
            if self.tx.manifest(POOL_KIND, row.name.as_str())?.is_none() {
                let problem = Problem::NoManifest { pool: row.name.clone(), used: self.counted(&row)? };
                if self.note(problem) {
                    self.tx.drop_pool_rows(row.id)?;
                }
                continue;
            }
            match self.tx.spec(&row.name) {
                Ok(spec) => known.push(Known { row, spec }),
                Err(fail) => self.unreadable(format!("manifest of IPPool {}", row.name), fail)?,
            }
        }
        Ok(known)
    }

    fn overlaps(&mut self, pools: &[Known]) {
        for (index, Known { spec, .. }) in pools.iter().enumerate() {
            for Known { spec: peer, .. } in pools.iter().skip(index + 1) {
                if spec.family() != peer.family() || !spec.allocatable().overlaps(peer.allocatable()) {
                    continue;
                }
                let addresses = spec.allocatable().intersection(peer.allocatable());
                self.note(Problem::Overlap {
                    pool: spec.name().clone(),
                    peer: peer.name().clone(),
                    addresses,
                });
            }
        }
    }

    fn counted(&self, row: &PoolRow) -> Inner<u64> {
        let sql = "SELECT count(*) FROM record WHERE subnet = ?1 AND pool = ?2";
        let counted: i64 = self.tx.0.query_row(sql, params![row.subnet, row.id], |row| row.get(0))?;
        Ok(u64::try_from(counted).unwrap_or(0))
    }

    /// Each record by itself, and their number.
    fn records(&mut self, pools: &[Known]) -> Inner<()> {
        for Known { row, spec } in pools {
            let counted = self.counted(row)?;
            self.report.records = self.report.records.saturating_add(counted);
            if counted != row.used {
                let problem = Problem::Count { pool: row.name.clone(), stored: row.used, counted };
                if self.note(problem) {
                    self.tx.store_pool(row.id, counted, row.last)?;
                }
            }
            for (what, detail) in self.tx.unreadable_records(row)? {
                self.note(Problem::Unreadable { what, detail });
            }
            let net = IpRange::of_net(&spec.subnet());
            for address in self.tx.records_outside(row, net)? {
                self.note(Problem::RecordOutside { pool: row.name.clone(), address });
            }
        }
        Ok(())
    }

    /// The copies: space against spec, free against space and records.
    fn runs(&mut self, Known { row, spec }: &Known) -> Inner<()> {
        let (tx, family, pool) = (self.tx, spec.family(), &row.name);
        let should = spec.allocatable().difference(&tx.reserved_set(family)?);
        let space = tx.runs(Runs::Space, row.id, family)?;
        let free = tx.runs(Runs::Free, row.id, family)?;
        let held = tx.held_in(row.subnet, family)?;
        let cooling = tx.cooling_set(row.id, family)?;
        let open = free.union(&cooling);
        let mut is_wrong = false;
        if space != should {
            let (missing, surplus) = (should.difference(&space), space.difference(&should));
            is_wrong |= self.note(Problem::Space { pool: pool.clone(), missing, surplus });
        }
        for (addresses, problem) in [
            (open.intersection(&held), of_held as fn(PoolName, RangeSet) -> Problem),
            (should.difference(&held).difference(&open), of_lost),
            (open.difference(&should).difference(&held), of_outside),
            // An address that is both would be given out although it cools, and freed twice.
            (free.intersection(&cooling), of_outside),
        ] {
            if !addresses.is_empty() {
                is_wrong |= self.note(problem(pool.clone(), addresses));
            }
        }
        if is_wrong {
            tx.renew_runs(row.id, row.subnet, spec)?;
        }
        Ok(())
    }
}

const fn of_held(pool: PoolName, addresses: RangeSet) -> Problem {
    Problem::FreeThoughHeld { pool, addresses }
}

const fn of_lost(pool: PoolName, addresses: RangeSet) -> Problem {
    Problem::Lost { pool, addresses }
}

const fn of_outside(pool: PoolName, addresses: RangeSet) -> Problem {
    Problem::FreeThoughOutside { pool, addresses }
}

impl Tx<'_> {
    /// What SQLite finds wrong with the file.
    fn integrity(self) -> Inner<Vec<String>> {
        let mut statement = self.0.prepare("PRAGMA integrity_check")?;
        let found = statement.query_map([], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?;
        Ok(found.into_iter().filter(|detail| detail != "ok").collect())
    }

    /// Deletes a pool's row and all that hangs on it.
    pub(crate) fn drop_pool_rows(self, pool: i64) -> Inner<()> {
        for sql in [
            "DELETE FROM record WHERE pool = ?1",
            "DELETE FROM space WHERE pool = ?1",
            "DELETE FROM free WHERE pool = ?1",
            "DELETE FROM cooling WHERE pool = ?1",
            "DELETE FROM pool WHERE id = ?1",
        ] {
            self.0.execute(sql, [pool])?;
        }
        Ok(())
    }

    /// The records of a pool that lie outside of a range.
    fn records_outside(self, row: &PoolRow, range: IpRange) -> Inner<Vec<Addr>> {
        let sql =
            "SELECT address FROM record WHERE subnet = ?1 AND pool = ?2 AND address NOT BETWEEN ?3 AND ?4";
        let mut statement = self.0.prepare(sql)?;
        let bounds = params![row.subnet, row.id, Octets(range.first()), Octets(range.last())];
        let found =
            statement.query_map(bounds, |row| row.get::<_, Octets>(0).map(|Octets(address)| address))?;
        Ok(found.collect::<Result<_, _>>()?)
    }
}
