//! All of a store as one value, and back: for backups, and for the way to an older version or another host.
//!
//! The form is stable and has a version of its own: `{"format": "spiderpool-local", "version": 1, "pools": […], "reserved": […],
//! "records": […]}`. Pools and reserved ranges are whole manifests, each beside its source. What is not in it: addresses that cool (their times
//! mean something in one boot only; they are free after an import) and what can be computed.

use ipam_core::{Addr, Holding, PoolFields, PoolName, ReservedFields, ReservedName};
use serde::{Deserialize, Serialize};

use crate::answer::PoolRow;
use crate::error::{Error, Fail, Inner};
use crate::pools::{Applied, POOL_KIND, RESERVED_KIND};
use crate::session::{Session, Tx};
use crate::source::{Metadata, Source};

/// What `format` says.
const FORMAT: &str = "spiderpool-local";

/// The version of the form.
pub const EXPORT_VERSION: u32 = 1;

/// The API version of the manifests.
const API_VERSION: &str = "spiderpool.spidernet.io/v2beta1";

/// All of a store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Export {
    /// What this is: `spiderpool-local`.
    pub format: String,
    /// The version of the form: [`EXPORT_VERSION`].
    pub version: u32,
    /// The pools in order of name.
    pub pools: Vec<ExportedPool>,
    /// The reserved ranges in order of name.
    pub reserved: Vec<ExportedReserved>,
    /// The records in order of pool and address, with the NIC that each is attached to.
    pub records: Vec<Holding>,
}

/// A pool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExportedPool {
    /// Who wrote it: `apply`, or `network:NAME`.
    pub source: Source,
    /// The address that was given last, where the policy *rotate* goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_given: Option<Addr>,
    /// The SpiderIPPool.
    pub manifest: ExportedManifest<PoolFields>,
}

/// Reserved ranges.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportedReserved {
    /// Who wrote them.
    pub source: Source,
    /// The SpiderReservedIP.
    pub manifest: ExportedManifest<ReservedFields>,
}

/// A manifest, as a cluster takes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExportedManifest<Spec> {
    /// `spiderpool.spidernet.io/v2beta1`.
    pub api_version: String,
    /// `SpiderIPPool` or `SpiderReservedIP`.
    pub kind: String,
    /// Name, labels, annotations.
    pub metadata: ExportedMetadata,
    /// The spec.
    pub spec: Spec,
}

/// The metadata of a manifest.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct ExportedMetadata {
    /// The name.
    pub name: String,
    /// Labels and annotations.
    #[serde(flatten)]
    pub metadata: Metadata,
}

impl<Spec> ExportedManifest<Spec> {
    fn new(kind: &str, name: String, metadata: Metadata, spec: Spec) -> Self {
        let metadata = ExportedMetadata { name, metadata };
        Self { api_version: API_VERSION.to_owned(), kind: kind.to_owned(), metadata, spec }
    }
}

/// What an import has stored.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Imported {
    /// Pools and reserved ranges that were not there, or not so.
    pub objects: usize,
    /// Records that were not there.
    pub records: usize,
    /// Objects and records that were there already, as they are in the import.
    pub unchanged: usize,
}

impl Imported {
    fn object(&mut self, applied: Applied) {
        match applied {
            Applied::Created | Applied::Changed => self.objects = self.objects.saturating_add(1),
            Applied::Unchanged => self.unchanged = self.unchanged.saturating_add(1),
        }
    }
}

/// What became of one record.
enum Kept {
    New,
    Known,
}

impl Session<'_> {
    /// All of the store.
    ///
    /// # Errors
    /// As [`Session::pools`].
    pub fn export(&mut self) -> Result<Export, Error> {
        self.inside(|tx| {
            let mut pools = Vec::new();
            for row in tx.pool_rows(None)? {
                let entry = tx.pool_entry(&row)?;
                let fields = entry.spec.fields().clone();
                let manifest = ExportedManifest::new(POOL_KIND, row.name.to_string(), entry.metadata, fields);
                pools.push(ExportedPool { source: entry.source, last_given: row.last, manifest });
            }
            let mut reserved = Vec::new();
            for entry in tx.reserved_entries()? {
                let (name, fields) = (entry.spec.name().to_string(), entry.spec.fields().clone());
                let manifest = ExportedManifest::new(RESERVED_KIND, name, entry.metadata, fields);
                reserved.push(ExportedReserved { source: entry.source, manifest });
            }
            let records = tx.all_records()?;
            Ok(Export { format: FORMAT.to_owned(), version: EXPORT_VERSION, pools, reserved, records })
        })
    }

    /// Stores all of an export, or nothing. What is there already in the same form stays; a pool that is there in another form is changed
    /// by the rules of [`Session::apply_pool`], and a record of another owner stands against the import. So an import can be repeated.
    ///
    /// # Errors
    /// [`Error::Import`] with everything that stands against it, and what any commit can fail with.
    pub fn import(&mut self, export: &Export) -> Result<Imported, Error> {
        if export.format != FORMAT || export.version != EXPORT_VERSION {
            let found = format!("format {:?} version {}", export.format, export.version);
            let problem =
                format!("want format {FORMAT:?} version {EXPORT_VERSION}, an export of a local store");
            return Err(Error::Import { what: found, problems: vec![problem] });
        }
        self.commit_inside(|tx| {
            let mut imported = Imported::default();
            let mut problems = Vec::new();
            for reserved in &export.reserved {
                keep_problem(tx.import_reserved(reserved), &mut problems)?
                    .into_iter()
                    .for_each(|applied| imported.object(applied));
            }
            for pool in &export.pools {
                keep_problem(tx.import_pool(pool), &mut problems)?
                    .into_iter()
                    .for_each(|applied| imported.object(applied));
            }
            for holding in &export.records {
                match keep_problem(tx.import_record(holding), &mut problems)? {
                    Some(Kept::New) => imported.records = imported.records.saturating_add(1),
                    Some(Kept::Known) => imported.unchanged = imported.unchanged.saturating_add(1),
                    None => {}
                }
            }
            if problems.is_empty() {
                return Ok(imported);
            }
            Err(Error::Import { what: "the export".to_owned(), problems }.into())
        })
    }
}

/// A refusal is collected, any other failure ends the import.
fn keep_problem<T>(result: Inner<Result<T, String>>, problems: &mut Vec<String>) -> Inner<Option<T>> {
    let problem = match result {
        Ok(Ok(value)) => return Ok(Some(value)),
        Ok(Err(problem)) => problem,
        Err(Fail::Error(error)) if matches!(*error, Error::Refused(_) | Error::OtherSource { .. }) => {
            error.to_string()
        }
        Err(fail) => return Err(fail),
    };
    problems.push(problem);
    Ok(None)
}

impl Tx<'_> {
    pub(crate) fn all_records(self) -> Inner<Vec<Holding>> {
        let query = ipam_core::PageQuery { scope: None, pool: None, after: None, limit: usize::MAX };
        Ok(self.page(&query)?.records)
    }

    fn import_reserved(
        self,
        ExportedReserved { source, manifest }: &ExportedReserved,
    ) -> Inner<Result<Applied, String>> {
        if let Err(problem) = check_kind(manifest, RESERVED_KIND) {
            return Ok(Err(problem));
        }
        let name: ReservedName = match manifest.metadata.name.parse() {
            Ok(name) => name,
            Err(error) => return Ok(Err(error.to_string())),
        };
        Ok(Ok(self.apply_reserved(&name, &manifest.spec, &manifest.metadata.metadata, source)?))
    }

    fn import_pool(self, pool: &ExportedPool) -> Inner<Result<Applied, String>> {
        let ExportedPool { source, last_given, manifest } = pool;
        if let Err(problem) = check_kind(manifest, POOL_KIND) {
            return Ok(Err(problem));
        }
        let name: PoolName = match manifest.metadata.name.parse() {
            Ok(name) => name,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let applied = self.apply_pool(&name, &manifest.spec, &manifest.metadata.metadata, source)?;
        if let Some(row) = self.pool_row(&name)?.filter(|row| row.last.is_none() && last_given.is_some()) {
            self.store_pool(row.id, row.used, *last_given)?;
        }
        Ok(Ok(applied))
    }

    fn import_record(self, holding: &Holding) -> Inner<Result<Kept, String>> {
        let (pool, record) = (&holding.pool, &holding.record);
        let address = record.address;
        let Some(row) = self.pool_row(pool)? else {
            return Ok(Err(format!(
                "record of {address}: there is no IPPool {pool}, neither here nor in the import"
            )));
        };
        if !self.spec(pool)?.subnet().contains(&address.to_ip()) {
            return Ok(Err(format!("record of {address}: it is not in the subnet of IPPool {pool}")));
        }
        self.keep_record(&row, holding)
            .map(|kept| kept.map_err(|held| format!("record of {address}: it is held by {held}")))
    }

    /// Stores a record unless it is there. The error is the other holder.
    fn keep_record(self, row: &PoolRow, holding: &Holding) -> Inner<Result<Kept, String>> {
        let record = &holding.record;
        if let Some(found) = self.found(row.subnet, record.address)? {
            let held = &found.stored.record.owner;
            if !held.same_holder(&record.owner) || found.pool != row.id {
                return Ok(Err(format!("{held} (IPPool {})", self.pool_name_of(found.pool)?)));
            }
            if found.stored.nic.is_none() && holding.nic.is_some() {
                self.set_nic(row.subnet, record.address, holding.nic.as_ref())?;
            }
            return Ok(Ok(Kept::Known));
        }
        self.insert_record(row, record, holding.nic.as_ref())?;
        self.store_pool(row.id, row.used.saturating_add(1), row.last)?;
        Ok(Ok(Kept::New))
    }

    /// As [`Tx::keep_record`]: true if the record is new.
    pub(crate) fn keep_holding(self, row: &PoolRow, holding: &Holding) -> Inner<Result<bool, String>> {
        Ok(self.keep_record(row, holding)?.map(|kept| matches!(kept, Kept::New)))
    }
}

fn check_kind<Spec>(manifest: &ExportedManifest<Spec>, kind: &str) -> Result<(), String> {
    if manifest.kind == kind && manifest.api_version == API_VERSION {
        return Ok(());
    }
    let ExportedManifest { api_version, kind: found, metadata, .. } = manifest;
    Err(format!(
        "manifest of {}: it is {found} of {api_version}; want {kind} of {API_VERSION}",
        metadata.name
    ))
}
