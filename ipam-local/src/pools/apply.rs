//! Manifests in the file, and what follows from applying or deleting one.

use std::sync::Arc;

use ipam_core::admission::{self, FamilySettings, InUse};
use ipam_core::{
    Addr, Family, Origin, PageQuery, PoolFields, PoolName, PoolSpec, RangeSet, ReservedFields, ReservedName,
    ReservedSpec,
};
use rusqlite::{OptionalExtension, params};
use serde::Serialize;

use super::{Applied, Deleted, Manifest, POOL_KIND, PoolEntry, RESERVED_KIND, ReservedEntry};
use crate::answer::PoolRow;
use crate::error::{Error, Fail, HeldBy, Inner};
use crate::free::{PoolId, Runs};
use crate::session::Tx;
use crate::source::{Metadata, Source};

impl Tx<'_> {
    pub(crate) fn pool_entry(self, row: &PoolRow) -> Inner<PoolEntry> {
        let spec = self.spec(&row.name)?;
        let manifest = self
            .manifest(POOL_KIND, row.name.as_str())?
            .ok_or_else(|| Fail::broken(format!("IPPool {} has no manifest", row.name)))?;
        let family = spec.family();
        let capacity = self.runs(Runs::Space, row.id, family)?.len();
        let free = self.runs(Runs::Free, row.id, family)?.len();
        Ok(PoolEntry {
            spec,
            metadata: manifest.metadata,
            source: manifest.source,
            used: row.used,
            capacity,
            free,
        })
    }

    pub(crate) fn reserved_entries(self) -> Inner<Vec<ReservedEntry>> {
        let manifests = self.manifests(RESERVED_KIND)?;
        manifests
            .into_iter()
            .map(|manifest| {
                let spec = Arc::new(reserved_spec(&manifest)?);
                Ok(ReservedEntry { spec, metadata: manifest.metadata, source: manifest.source })
            })
            .collect()
    }

    pub(crate) fn manifest(self, kind: &str, name: &str) -> Inner<Option<Manifest>> {
        let sql = "SELECT name, spec, metadata, source FROM manifest WHERE kind = ?1 AND name = ?2";
        let columns: Option<[String; 4]> = self
            .0
            .query_row(sql, [kind, name], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?]))
            .optional()?;
        columns.map(manifest_of).transpose()
    }

    pub(crate) fn manifests(self, kind: &str) -> Inner<Vec<Manifest>> {
        let sql = "SELECT name, spec, metadata, source FROM manifest WHERE kind = ?1 ORDER BY name";
        let mut statement = self.0.prepare(sql)?;
        let mut rows = statement.query([kind])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(manifest_of([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?])?);
        }
        Ok(found)
    }

    fn put_manifest(
        self,
        kind: &str,
        name: &str,
        spec: &impl Serialize,
        metadata: &Metadata,
        source: &Source,
    ) -> Inner<()> {
        self.0.execute(
            "INSERT INTO manifest (kind, name, spec, metadata, source) VALUES (?1, ?2, ?3, ?4, ?5) \
             ON CONFLICT (kind, name) DO UPDATE SET spec = ?3, metadata = ?4, source = ?5",
            params![kind, name, json(spec)?, json(metadata)?, source.as_text()],
        )?;
        Ok(())
    }

    pub(super) fn delete_manifest(self, kind: &str, name: &str) -> Inner<()> {
        self.0.execute("DELETE FROM manifest WHERE kind = ?1 AND name = ?2", [kind, name])?;
        Ok(())
    }

    pub(crate) fn apply_pool(
        self,
        name: &PoolName,
        fields: &PoolFields,
        metadata: &Metadata,
        source: &Source,
    ) -> Inner<Applied> {
        let Some(old) = self.manifest(POOL_KIND, name.as_str())? else {
            let peers = self.specs()?;
            let peers = peers.iter().map(Arc::as_ref);
            let spec = admission::pool_create(name, fields, Origin::User, peers, FamilySettings::default())?;
            self.create_pool(&spec)?;
            self.put_manifest(POOL_KIND, name.as_str(), spec.fields(), metadata, source)?;
            return Ok(Applied::Created);
        };
        // Compared as text, so that an inline pool costs an ADD no more than this.
        let is_same = json(&fields.normalised())? == old.spec;
        match unchanged(POOL_KIND, name.as_str(), &old, is_same, metadata, source)? {
            Some(applied) => Ok(applied),
            None => {
                self.update_pool(name, fields)?;
                let fields = fields.normalised();
                self.put_manifest(POOL_KIND, name.as_str(), &fields, metadata, source)?;
                Ok(Applied::Changed)
            }
        }
    }

    pub(crate) fn create_pool(self, spec: &PoolSpec) -> Inner<()> {
        let cidr = spec.subnet().to_string();
        self.0.execute("INSERT INTO subnet (cidr) VALUES (?1) ON CONFLICT (cidr) DO NOTHING", [&cidr])?;
        let subnet: i64 =
            self.0.query_row("SELECT id FROM subnet WHERE cidr = ?1", [&cidr], |row| row.get(0))?;
        self.0.execute(
            "INSERT INTO pool (name, subnet, disabled, used, version) VALUES (?1, ?2, ?3, 0, 1)",
            params![spec.name().as_str(), subnet, spec.is_disabled()],
        )?;
        self.renew_runs(self.0.last_insert_rowid(), subnet, spec)
    }

    fn update_pool(self, name: &PoolName, fields: &PoolFields) -> Inner<()> {
        let row = self
            .pool_row(name)?
            .ok_or_else(|| Fail::broken(format!("IPPool {name} has a manifest and no row")))?;
        let old = self.spec(name)?;
        // A pool that has faults of its own is refused for these, before anybody asks for its records.
        let in_use = match PoolSpec::new(name, fields) {
            Ok(new) => self.held_outside(&row, new.allocatable())?,
            Err(_) => Vec::new(),
        };
        let records = in_use.iter().map(|(address, owner)| InUse::Held(*address, owner));
        let peers = self.specs()?;
        let spec = admission::pool_update(
            name,
            old.fields(),
            fields,
            Origin::User,
            peers.iter().map(Arc::as_ref),
            records,
            FamilySettings::default(),
        )?;
        self.0.execute(
            "UPDATE pool SET disabled = ?2, version = version + 1 WHERE id = ?1",
            params![row.id, spec.is_disabled()],
        )?;
        self.renew_runs(row.id, row.subnet, &spec)
    }

    /// Records of a pool at addresses that are not in the set.
    fn held_outside(self, row: &PoolRow, set: &RangeSet) -> Inner<Vec<(Addr, String)>> {
        let mut after = None;
        let mut outside = Vec::new();
        loop {
            let page =
                self.page(&PageQuery { scope: None, pool: Some(row.name.clone()), after, limit: 1024 })?;
            let records = page.records.into_iter().map(|holding| holding.record);
            let strays = records.filter(|record| !set.contains(record.address));
            outside.extend(strays.map(|record| (record.address, record.owner.to_string())));
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(outside),
            }
        }
    }

    pub(crate) fn apply_reserved(
        self,
        name: &ReservedName,
        fields: &ReservedFields,
        metadata: &Metadata,
        source: &Source,
    ) -> Inner<Applied> {
        let families = FamilySettings::default();
        let Some(old) = self.manifest(RESERVED_KIND, name.as_str())? else {
            let spec = admission::reserved_create(name, fields, families)?;
            self.put_manifest(RESERVED_KIND, name.as_str(), spec.fields(), metadata, source)?;
            self.renew_family(spec.family())?;
            return Ok(Applied::Created);
        };
        let is_same = json(&fields.normalised())? == old.spec;
        if let Some(applied) = unchanged(RESERVED_KIND, name.as_str(), &old, is_same, metadata, source)? {
            return Ok(applied);
        }
        let before = reserved_spec(&old)?;
        let spec = admission::reserved_update(name, before.fields(), fields, families)?;
        self.put_manifest(RESERVED_KIND, name.as_str(), spec.fields(), metadata, source)?;
        self.renew_family(spec.family())?;
        Ok(Applied::Changed)
    }

    pub(super) fn delete_pool(self, row: &PoolRow, force: bool) -> Inner<Deleted> {
        let page = PageQuery { scope: None, pool: Some(row.name.clone()), after: None, limit: usize::MAX };
        let limit = if force { page.limit } else { 1 };
        let records = self.page(&PageQuery { limit, ..page })?.records;
        if let Some(first) = records.first().filter(|_| !force) {
            let (address, owner) = (first.record.address, first.record.owner.clone());
            let example = Box::new(HeldBy { address, owner });
            return Err(Error::InUse { pool: row.name.clone(), used: row.used, example }.into());
        }
        self.drop_pool_rows(row.id)?;
        self.delete_manifest(POOL_KIND, row.name.as_str())?;
        let others = self.pools_of_subnet(row.subnet)?;
        if others.is_empty() {
            self.0.execute("DELETE FROM subnet WHERE id = ?1", [row.subnet])?;
        }
        // A record outside of its pool's ranges may have kept an address of another pool.
        for other in others {
            self.renew_runs(other.id, other.subnet, self.spec(&other.name)?.as_ref())?;
        }
        Ok(Deleted { records })
    }

    /// Computes space and free runs of a pool from its spec, the reserved ranges, and the records.
    pub(crate) fn renew_runs(self, pool: PoolId, subnet: i64, spec: &PoolSpec) -> Inner<()> {
        let space = spec.allocatable().difference(&self.reserved_set(spec.family())?);
        self.set_runs(Runs::Space, pool, &space)?;
        let free = self.renew_free(pool, subnet, &space)?;
        self.set_runs(Runs::Free, pool, &free)
    }

    pub(super) fn renew_family(self, family: Family) -> Inner<()> {
        for row in self.pool_rows(None)? {
            let spec = self.spec(&row.name)?;
            if spec.family() == family {
                self.renew_runs(row.id, row.subnet, &spec)?;
            }
        }
        Ok(())
    }

    /// All reserved addresses of a family.
    pub(crate) fn reserved_set(self, family: Family) -> Inner<RangeSet> {
        let mut set = RangeSet::empty(family);
        for entry in self.reserved_entries()? {
            if entry.spec.family() == family {
                set = set.union(entry.spec.ranges());
            }
        }
        Ok(set)
    }

    fn specs(self) -> Inner<Vec<Arc<PoolSpec>>> {
        self.pool_rows(None)?.iter().map(|row| self.spec(&row.name)).collect()
    }
}

/// What applying comes to where nothing of the spec is to change: who may say so, and whether labels are to be written. `None`: there is something to write.
fn unchanged(
    kind: &'static str,
    name: &str,
    old: &Manifest,
    is_same: bool,
    metadata: &Metadata,
    source: &Source,
) -> Inner<Option<Applied>> {
    let is_owner = old.source == *source;
    if is_same && (!is_owner || old.metadata == *metadata) {
        return Ok(Some(Applied::Unchanged));
    }
    if is_owner {
        return Ok(None);
    }
    let (stored, asked) = (Box::new(old.source.clone()), Box::new(source.clone()));
    Err(Error::OtherSource { kind, name: name.to_owned(), stored, asked }.into())
}

fn json(value: &impl Serialize) -> Inner<String> {
    serde_json::to_string(value)
        .map_err(|error| Fail::broken(format!("a value that JSON cannot hold: {error}")))
}

fn manifest_of([name, spec, metadata, source]: [String; 4]) -> Inner<Manifest> {
    let metadata = serde_json::from_str(&metadata)
        .map_err(|error| Fail::broken(format!("labels and annotations of {name}: {error}")))?;
    Ok(Manifest { name, spec, metadata, source: Source::from(source) })
}

pub(crate) fn reserved_spec(manifest: &Manifest) -> Inner<ReservedSpec> {
    let broken = |why: String| Fail::broken(format!("manifest of ReservedIP {}: {why}", manifest.name));
    let name: ReservedName =
        manifest.name.parse().map_err(|error: ipam_core::Error| broken(error.to_string()))?;
    let fields: ReservedFields =
        serde_json::from_str(&manifest.spec).map_err(|error| broken(error.to_string()))?;
    ReservedSpec::new(&name, &fields).map_err(|faults| broken(faults.to_string()))
}
