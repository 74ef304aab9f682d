//! Between rows and values: addresses, owners, records.

use ipam_core::{Addr, Holding, IpRange, Nic, Owner, OwnerKind, PoolName, Record, Stamp, Time};
use rusqlite::Row;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};

use crate::error::{Fail, Inner};

/// An address as a column.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Octets(pub(crate) Addr);

impl ToSql for Octets {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(self.0.octets()))
    }
}

impl FromSql for Octets {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Addr::from_octets(value.as_blob()?).map(Self).ok_or(FromSqlError::InvalidType)
    }
}

/// An instant as a column.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Millis(pub(crate) Time);

impl ToSql for Millis {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        // 2^63 ms are 292 million years; a time beyond that is "never".
        Ok(ToSqlOutput::from(i64::try_from(self.0.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl FromSql for Millis {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let millis = value.as_i64()?;
        u64::try_from(millis)
            .map(|millis| Self(Time::from_millis(millis)))
            .map_err(|_| FromSqlError::OutOfRange(millis))
    }
}

/// The run in two columns, `first` and `last`.
pub(crate) fn range(row: &Row<'_>, column: usize) -> Inner<IpRange> {
    let (Octets(first), Octets(last)) = (row.get(column)?, row.get(column + 1)?);
    IpRange::new(first, last).map_err(|error| Fail::broken(error.to_string()))
}

/// An owner's uid as a column: empty where the kind has none of its own.
pub(crate) fn stored_uid(owner: &Owner) -> &str {
    if has_uid(owner.kind()) { owner.uid() } else { "" }
}

const fn has_uid(kind: OwnerKind) -> bool {
    // A kind of a newer ipam-core is kept with its uid.
    !matches!(kind, OwnerKind::Container | OwnerKind::Reservation)
}

/// The columns of a record that [`record`] reads, in its order; `r` is the record, `b` its boot.
pub(crate) const RECORD_COLUMNS: &str =
    "r.address, r.kind, r.scope, r.name, r.uid, r.nic, r.bound, b.boot, r.at";

/// How many they are.
pub(crate) const RECORD_COLUMN_COUNT: usize = 9;

/// A record with what the NIC's column says.
#[derive(Clone, Debug)]
pub(crate) struct StoredRecord {
    pub(crate) record: Record,
    pub(crate) nic: Option<Nic>,
    /// The uid that the attachments belong to, where it is not the record's.
    pub(crate) bound: Option<String>,
}

impl StoredRecord {
    pub(crate) fn into_holding(self, pool: PoolName) -> Holding {
        Holding { pool, record: self.record, nic: self.nic }
    }
}

/// Reads [`RECORD_COLUMNS`] from the front of a row.
pub(crate) fn record(row: &Row<'_>) -> Inner<StoredRecord> {
    let Octets(address) = row.get(0)?;
    let text = |column| row.get_ref(column).and_then(|value| Ok(value.as_str()?));
    let owner = owner(text(1)?, text(2)?, text(3)?, text(4)?)
        .map_err(|what| Fail::broken(format!("record of {address}: {what}")))?;
    let nic = match row.get_ref(5)?.as_str_or_null().map_err(rusqlite::Error::from)? {
        Some(nic) => {
            Some(nic.parse().map_err(|error| Fail::broken(format!("record of {address}: {error}")))?)
        }
        None => None,
    };
    let stamp = match (row.get::<_, Option<String>>(7)?, row.get::<_, Option<Millis>>(8)?) {
        (Some(boot), Some(Millis(at))) => Some(Stamp { boot, at }),
        (None, _) | (_, None) => None,
    };
    Ok(StoredRecord { record: Record { address, owner, stamp }, nic, bound: row.get(6)? })
}

pub(crate) fn owner(kind: &str, scope: &str, name: &str, uid: &str) -> Result<Owner, String> {
    let kind: OwnerKind = kind.parse().map_err(|error: ipam_core::Error| error.to_string())?;
    Owner::from_parts(kind, scope, name, uid).map_err(|error| error.to_string())
}

pub(crate) fn pool_name(text: &str) -> Inner<PoolName> {
    text.parse().map_err(|error| Fail::broken(format!("pool: {error}")))
}
