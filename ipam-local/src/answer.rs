//! Answers to the queries of the [`Store`](ipam_core::Store) trait.

use std::collections::BTreeMap;
use std::sync::Arc;

use ipam_core::{
    Addr, Assignment, Attachment, Holding, Holdings, Nic, Obstacle, Owner, PageQuery, PageView, PickQuery,
    PickView, PoolName, PoolSpec, Query, Start, Version, View, Want,
};
use rusqlite::{OptionalExtension, Row, params};

use crate::error::{Error, Fail, Inner};
use crate::free::{PoolId, Runs};
use crate::rows::{Octets, RECORD_COLUMN_COUNT, RECORD_COLUMNS, StoredRecord, pool_name, record};
use crate::session::Tx;

/// The row of a pool.
#[derive(Clone, Debug)]
pub(crate) struct PoolRow {
    pub(crate) id: PoolId,
    pub(crate) name: PoolName,
    pub(crate) subnet: i64,
    pub(crate) is_disabled: bool,
    pub(crate) used: u64,
    pub(crate) version: i64,
    pub(crate) last: Option<Addr>,
}

const POOL_COLUMNS: &str = "id, name, subnet, disabled, used, version, last";

impl PoolRow {
    fn read(row: &Row<'_>) -> Inner<Self> {
        let used: i64 = row.get(4)?;
        Ok(Self {
            id: row.get(0)?,
            name: pool_name(row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?)?,
            subnet: row.get(2)?,
            is_disabled: row.get(3)?,
            used: u64::try_from(used).map_err(|_| Fail::broken(format!("a pool with {used} records")))?,
            version: row.get(5)?,
            last: row.get::<_, Option<Octets>>(6)?.map(|Octets(address)| address),
        })
    }

    pub(crate) fn version(&self) -> Version {
        Version::new(self.version.to_string())
    }
}

/// A stored record, and the numbers of its pool.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) stored: StoredRecord,
    pub(crate) pool: PoolId,
    pub(crate) subnet: i64,
}

impl Tx<'_> {
    pub(crate) fn answer(self, query: &Query) -> Inner<View> {
        match query {
            Query::Holdings { owner, .. } => Ok(View::Holdings(self.holdings(owner)?)),
            Query::Pick(query) => Ok(View::Pick(self.pick(query)?)),
            Query::Page(query) => Ok(View::Page(self.page(query)?)),
            _ => Err(Error::Unsupported { what: "query" }.into()),
        }
    }

    pub(crate) fn pool_row(self, name: &PoolName) -> Inner<Option<PoolRow>> {
        let mut statement = self.0.prepare(&format!("SELECT {POOL_COLUMNS} FROM pool WHERE name = ?1"))?;
        let mut rows = statement.query([name.as_str()])?;
        rows.next()?.map(PoolRow::read).transpose()
    }

    /// All pools in order of name, from the one after `after` on.
    pub(crate) fn pool_rows(self, after: Option<&PoolName>) -> Inner<Vec<PoolRow>> {
        let mut statement =
            self.0.prepare(&format!("SELECT {POOL_COLUMNS} FROM pool WHERE name > ?1 ORDER BY name"))?;
        let mut rows = statement.query([after.map_or("", PoolName::as_str)])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(PoolRow::read(row)?);
        }
        Ok(found)
    }

    /// The pools of a subnet.
    pub(crate) fn pools_of_subnet(self, subnet: i64) -> Inner<Vec<PoolRow>> {
        let mut statement =
            self.0.prepare(&format!("SELECT {POOL_COLUMNS} FROM pool WHERE subnet = ?1 ORDER BY name"))?;
        let mut rows = statement.query([subnet])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(PoolRow::read(row)?);
        }
        Ok(found)
    }

    pub(crate) fn pool_name_of(self, id: PoolId) -> Inner<PoolName> {
        let name: String = self.0.query_row("SELECT name FROM pool WHERE id = ?1", [id], |row| row.get(0))?;
        pool_name(&name)
    }

    /// The record of an address in a subnet, whichever pool it is from.
    pub(crate) fn found(self, subnet: i64, address: Addr) -> Inner<Option<Found>> {
        let sql = format!(
            "SELECT {RECORD_COLUMNS}, r.pool FROM record r LEFT JOIN boot b ON b.id = r.boot WHERE r.subnet = ?1 AND r.address = ?2"
        );
        let mut statement = self.0.prepare(&sql)?;
        let mut rows = statement.query(params![subnet, Octets(address)])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        Ok(Some(Found { stored: record(row)?, pool: row.get(RECORD_COLUMN_COUNT)?, subnet }))
    }

    /// The records of an owner's identity, in order of pool and address.
    pub(crate) fn records_of(self, owner: &Owner) -> Inner<Vec<(PoolName, Found)>> {
        let sql = format!(
            "SELECT {RECORD_COLUMNS}, r.pool, r.subnet, p.name FROM record r JOIN pool p ON p.id = r.pool \
             LEFT JOIN boot b ON b.id = r.boot WHERE r.name = ?1 AND r.scope = ?2 AND r.kind = ?3"
        );
        let mut statement = self.0.prepare(&sql)?;
        let mut rows = statement.query(params![owner.name(), owner.scope(), owner.kind().as_str()])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let (pool, subnet) = (row.get(RECORD_COLUMN_COUNT)?, row.get(RECORD_COLUMN_COUNT + 1)?);
            let name: String = row.get(RECORD_COLUMN_COUNT + 2)?;
            found.push((pool_name(&name)?, Found { stored: record(row)?, pool, subnet }));
        }
        found.sort_by(|(a, x), (b, y)| (a, x.stored.record.address).cmp(&(b, y.stored.record.address)));
        Ok(found)
    }

    fn holdings(self, owner: &Owner) -> Inner<Holdings> {
        let found = self.records_of(owner)?;
        let version = attachments_version(&found);
        let mut attachments: BTreeMap<Nic, Vec<Assignment>> = BTreeMap::new();
        let mut bound = None;
        let mut pools = BTreeMap::new();
        let mut records = Vec::with_capacity(found.len());
        for (pool, Found { stored, .. }) in found {
            if !pools.contains_key(&pool) {
                pools.insert(pool.clone(), self.spec(&pool)?);
            }
            if let Some(nic) = &stored.nic {
                let assignment = Assignment { pool: pool.clone(), address: stored.record.address };
                attachments.entry(nic.clone()).or_default().push(assignment);
                bound = Some(attached_to(&stored)?);
            }
            records.push(stored.into_holding(pool));
        }
        let attachments = attachments
            .into_iter()
            .map(|(nic, mut assignments)| {
                // IPv4 sorts before IPv6.
                assignments.sort_by_key(|assignment| assignment.address);
                Attachment { nic, assignments }
            })
            .collect();
        Ok(Holdings { version, bound, attachments, records, pools: pools.into_values().collect() })
    }

    fn pick(self, query: &PickQuery) -> Inner<PickView> {
        let Some(pool) = self.pool_row(&query.pool)? else {
            return Ok(PickView { version: Version::ANY, spec: None, outcome: Err(Obstacle::NoPool) });
        };
        let spec = self.spec(&query.pool)?;
        self.warm_up(pool.id, query.now, query.cooldown)?;
        let outcome = match query.want {
            Want::Any(start) => self.pick_free(&pool, &spec, start, &query.except)?,
            Want::Exactly(address) => self.may_take(&pool, &spec, address)?,
            Want::Again(address) => self.may_retake(&pool, &spec, address)?,
        };
        Ok(PickView { version: pool.version(), spec: Some(spec), outcome })
    }

    fn pick_free(
        self,
        pool: &PoolRow,
        spec: &PoolSpec,
        start: Start,
        except: &[Addr],
    ) -> Inner<Result<Addr, Obstacle>> {
        if pool.is_disabled {
            return Ok(Err(Obstacle::Disabled));
        }
        let found = self.pick_any(pool.id, spec.family(), start, pool.last, except)?;
        match found {
            Some(address) => self.vouched(pool, address).map(Ok),
            None => Ok(Err(Obstacle::Exhausted {
                capacity: self.runs(Runs::Space, pool.id, spec.family())?.len(),
            })),
        }
    }

    /// A free address as the other books have it. Where they differ the commit would refuse it, and a new plan pick it again.
    fn vouched(self, pool: &PoolRow, address: Addr) -> Inner<Addr> {
        let problem = if self.found(pool.subnet, address)?.is_some() {
            "has a record"
        } else if self.run_with(Runs::Space, pool.id, address)?.is_none() {
            "is not among its addresses"
        } else {
            return Ok(address);
        };
        Err(Fail::broken(format!("{address} of IPPool {} counts as free and {problem}", pool.name)))
    }

    /// Whether the pool may give out this address now, by the order in which a person wants to hear what stands against it.
    fn may_take(self, pool: &PoolRow, spec: &PoolSpec, address: Addr) -> Inner<Result<Addr, Obstacle>> {
        let holder = self.found(pool.subnet, address)?;
        if let Some(found) = holder.as_ref().filter(|found| found.pool == pool.id) {
            return Ok(Err(self.held_by(found)?));
        }
        if pool.is_disabled {
            return Ok(Err(Obstacle::Disabled));
        }
        if self.run_with(Runs::Space, pool.id, address)?.is_some() {
            return match holder {
                Some(found) => Ok(Err(self.held_by(&found)?)),
                None => Ok(Ok(address)),
            };
        }
        Ok(Err(if spec.allocatable().contains(address) { Obstacle::Reserved } else { Obstacle::Outside }))
    }

    fn may_retake(self, pool: &PoolRow, spec: &PoolSpec, address: Addr) -> Inner<Result<Addr, Obstacle>> {
        if let Some(found) = self.found(pool.subnet, address)? {
            return Ok(Err(self.held_by(&found)?));
        }
        Ok(if spec.subnet().contains(&address.to_ip()) { Ok(address) } else { Err(Obstacle::Outside) })
    }

    fn held_by(self, found: &Found) -> Inner<Obstacle> {
        let pool = self.pool_name_of(found.pool)?;
        Ok(Obstacle::Held(Box::new(found.stored.clone().into_holding(pool))))
    }

    pub(crate) fn page(self, query: &PageQuery) -> Inner<PageView> {
        let (start, after) = match &query.after {
            Some((pool, address)) => (Some(pool), Some(*address)),
            None => (None, None),
        };
        // The pool that the last page ended in comes first again, from that address on.
        let mut pools: Vec<(PoolRow, Option<Addr>)> = Vec::new();
        if let Some(started) = start {
            pools.extend(self.pool_row(started)?.map(|pool| (pool, after)));
        }
        pools.extend(self.pool_rows(start)?.into_iter().map(|pool| (pool, None)));
        let mut view = PageView::default();
        for (pool, after) in
            pools.into_iter().filter(|(pool, _)| query.pool.as_ref().is_none_or(|only| *only == pool.name))
        {
            self.page_of_pool(query, &pool, after, &mut view)?;
            if view.next.is_some() {
                break;
            }
        }
        Ok(view)
    }

    fn page_of_pool(
        self,
        query: &PageQuery,
        pool: &PoolRow,
        after: Option<Addr>,
        view: &mut PageView,
    ) -> Inner<()> {
        let sql = format!(
            "SELECT {RECORD_COLUMNS} FROM record r LEFT JOIN boot b ON b.id = r.boot \
             WHERE r.subnet = ?1 AND r.address > ?2 AND r.pool = ?3 AND (?4 IS NULL OR (r.kind = ?4 AND r.scope = ?5)) \
             ORDER BY r.address"
        );
        let mut statement = self.0.prepare(&sql)?;
        let after = after.map_or_else(Vec::new, Addr::octets);
        let (kind, scope) = query.scope.as_ref().map(|(kind, scope)| (kind.as_str(), scope.as_str())).unzip();
        let mut rows = statement.query(params![pool.subnet, after, pool.id, kind, scope])?;
        while let Some(row) = rows.next()? {
            if view.records.len() >= query.limit {
                view.next = view.records.last().map(|last| (last.pool.clone(), last.record.address));
                return Ok(());
            }
            view.records.push(record(row)?.into_holding(pool.name.clone()));
        }
        Ok(())
    }

    /// The records of a pool that cannot be understood: which, and why.
    pub(crate) fn unreadable_records(self, pool: &PoolRow) -> Inner<Vec<(String, String)>> {
        let sql = format!(
            "SELECT {RECORD_COLUMNS} FROM record r LEFT JOIN boot b ON b.id = r.boot WHERE r.subnet = ?1 AND r.pool = ?2"
        );
        let mut statement = self.0.prepare(&sql)?;
        let mut rows = statement.query(params![pool.subnet, pool.id])?;
        let mut unreadable = Vec::new();
        while let Some(row) = rows.next()? {
            match record(row) {
                Ok(_) => {}
                Err(Fail::Broken(why)) => unreadable.push((format!("a record of IPPool {}", pool.name), why)),
                Err(Fail::Sql(error)) if error.sqlite_error().is_none() => {
                    unreadable.push((format!("a record of IPPool {}", pool.name), error.to_string()));
                }
                Err(fail) => return Err(fail),
            }
        }
        Ok(unreadable)
    }

    /// The holding of an address, in whatever subnet it is.
    pub(crate) fn holding(self, address: Addr) -> Inner<Option<Holding>> {
        let mut statement = self.0.prepare("SELECT id FROM subnet")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            if let Some(found) = self.found(row.get(0)?, address)? {
                return Ok(Some(found.stored.into_holding(self.pool_name_of(found.pool)?)));
            }
        }
        Ok(None)
    }

    /// The checked spec of a pool that has a row.
    pub(crate) fn spec(self, name: &PoolName) -> Inner<Arc<PoolSpec>> {
        let sql = "SELECT spec FROM manifest WHERE kind = 'SpiderIPPool' AND name = ?1";
        let json: Option<String> = self.0.query_row(sql, [name.as_str()], |row| row.get(0)).optional()?;
        let json = json.ok_or_else(|| Fail::broken(format!("IPPool {name} has no manifest")))?;
        let broken = |why: String| Fail::broken(format!("manifest of IPPool {name}: {why}"));
        let fields = serde_json::from_str(&json).map_err(|error| broken(error.to_string()))?;
        PoolSpec::new(name, &fields).map(Arc::new).map_err(|faults| broken(faults.to_string()))
    }
}

/// The owner as the attachment of this record knows it.
fn attached_to(stored: &StoredRecord) -> Inner<Owner> {
    let owner = &stored.record.owner;
    let Some(uid) = &stored.bound else { return Ok(owner.clone()) };
    Owner::from_parts(owner.kind(), owner.scope(), owner.name(), uid)
        .map_err(|error| Fail::broken(error.to_string()))
}

/// The mark of an owner's attachments: a hash of what they are. It needs no row of its own, and attachments that are as they
/// were when read are as good as unchanged.
pub(crate) fn attachments_version(found: &[(PoolName, Found)]) -> Version {
    // FNV-1a: this guards against the owner's own other requests, not against an attacker.
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let mut hash = OFFSET;
    for (pool, Found { stored, .. }) in found {
        let Some(nic) = &stored.nic else { continue };
        let address = stored.record.address.octets();
        let bound = stored.bound.as_deref().unwrap_or_else(|| stored.record.owner.uid());
        for part in [pool.as_str().as_bytes(), &address, nic.as_str().as_bytes(), bound.as_bytes()] {
            for byte in part.iter().chain([&0]) {
                hash = (hash ^ u64::from(*byte)).wrapping_mul(PRIME);
            }
        }
    }
    Version::new(format!("{hash:016x}"))
}
