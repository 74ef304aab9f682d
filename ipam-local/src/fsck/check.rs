//! The check itself: file, manifests, pools, records, runs, each against those before it.

use std::collections::BTreeMap;
use std::sync::Arc;

use ipam_core::{Addr, IpRange, PoolName, PoolSpec};
use rusqlite::params;

use super::{Finding, FsckReport, Problem};
use crate::answer::PoolRow;
use crate::error::{Fail, Inner};
use crate::free::Runs;
use crate::pools::{POOL_KIND, RESERVED_KIND, reserved_spec};
use crate::rows::Octets;
use crate::session::Tx;

/// A pool as far as it could be read.
struct Known {
    row: PoolRow,
    spec: Arc<PoolSpec>,
}

/// A check on its way.
pub(super) struct Check<'t> {
    tx: Tx<'t>,
    repair: bool,
    report: &'t mut FsckReport,
}

impl<'t> Check<'t> {
    pub(super) fn new(tx: Tx<'t>, repair: bool, report: &'t mut FsckReport) -> Self {
        Self { tx, repair, report }
    }

    pub(super) fn run(mut self) -> Inner<()> {
        self.file()?;
        self.manifests()?;
        let pools = self.pools()?;
        self.overlaps(&pools);
        self.records(&pools)?;
        for pool in &pools {
            self.runs(pool)?;
        }
        Ok(())
    }

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
        let lost = should.difference(&held).difference(&open);
        // An address that is both would be given out although it cools, and freed twice.
        let outside = open.difference(&should).difference(&held).union(&free.intersection(&cooling));
        let held = open.intersection(&held);
        if !held.is_empty() {
            is_wrong |= self.note(Problem::FreeThoughHeld { pool: pool.clone(), addresses: held });
        }
        if !lost.is_empty() {
            is_wrong |= self.note(Problem::Lost { pool: pool.clone(), addresses: lost });
        }
        if !outside.is_empty() {
            is_wrong |= self.note(Problem::FreeThoughOutside { pool: pool.clone(), addresses: outside });
        }
        if is_wrong {
            tx.renew_runs(row.id, row.subnet, spec)?;
        }
        Ok(())
    }
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
