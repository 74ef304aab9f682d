//! The tables, and how an older file becomes a newer one.
//!
//! The file is a SQLite data base (format 3) with [`APPLICATION_ID`] in its header and the schema's version as `user_version`; any
//! `sqlite3` shell opens it. Beside it lie `NAME.lock` (see the crate's page) and, during a change, `NAME-journal`.
//!
//! | Table | One row is | Written by |
//! |---|---|---|
//! | `manifest` | a SpiderIPPool or SpiderReservedIP as it was applied: its spec, labels, annotations and source | apply, delete |
//! | `subnet` | the `spec.subnet` of one or more pools, as a number | apply |
//! | `pool` | what changes in a pool all the time: count of records, version, the address given last | every commit |
//! | `record` | one address and who holds it, with the NIC that it is attached to | every commit |
//! | `space` | a run of addresses that a pool may give out: its `ips` less `excludeIPs` and reserved ones | apply |
//! | `free` | a run of addresses that can be given out now: `space` less records less what cools | every commit |
//! | `cooling` | an address that was freed of late and is avoided for a while | releases with a cooldown |
//! | `boot` | a run of the machine, and when in it the store was first used | first session after a boot |
//!
//! What the constraints say by themselves, so that no mistake of this crate can store otherwise:
//! - an address of a subnet has one record, thus one owner (`PRIMARY KEY (subnet, address)`);
//! - an attachment is the `nic` of a record, so none can name an address that the owner does not hold;
//! - a record has a pool and a pool has a subnet (foreign keys).
//!
//! `space` and `free` are copies of what the other tables say, kept so that a pick or a release is a few searches in a tree,
//! however many records there are; [`fsck`](crate::Session::fsck) compares them and can make them anew.
//!
//! Addresses are blobs of 4 or 16 octets in network order: SQLite compares blobs octet by octet, so the order of blobs is that of
//! addresses. A subnet has one family, so the two lengths never meet in a comparison. Times are milliseconds since the machine
//! started, and mean something within one boot only. An owner's uid is empty for kinds that have none of their own.

use rusqlite::{Connection, TransactionBehavior};

use crate::error::{Error, Fail, Inner};
use crate::place::Place;

/// In the header of every file of ours (`PRAGMA application_id`): the letters `SPIP`.
pub const APPLICATION_ID: i64 = 0x5350_4950;

/// The version of the schema that this crate writes (`PRAGMA user_version`).
pub const SCHEMA_VERSION: i64 = 1;

/// The size of a page. Written at the file's creation, since other builds of SQLite may have another default.
pub(crate) const PAGE_BYTES: u32 = 4096;

/// Version 1.
const TABLES: &str = "
CREATE TABLE manifest (
    kind TEXT NOT NULL CHECK (kind IN ('SpiderIPPool', 'SpiderReservedIP')),
    name TEXT NOT NULL,
    spec TEXT NOT NULL,
    metadata TEXT NOT NULL,
    source TEXT NOT NULL,
    PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE subnet (
    id INTEGER PRIMARY KEY,
    cidr TEXT NOT NULL UNIQUE
) STRICT;
CREATE TABLE pool (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    subnet INTEGER NOT NULL REFERENCES subnet (id),
    disabled INTEGER NOT NULL CHECK (disabled IN (0, 1)),
    used INTEGER NOT NULL CHECK (used >= 0),
    version INTEGER NOT NULL,
    last BLOB
) STRICT;
CREATE TABLE boot (
    id INTEGER PRIMARY KEY,
    boot TEXT NOT NULL UNIQUE,
    first_seen INTEGER
) STRICT;
CREATE TABLE record (
    subnet INTEGER NOT NULL REFERENCES subnet (id),
    address BLOB NOT NULL CHECK (length(address) IN (4, 16)),
    pool INTEGER NOT NULL REFERENCES pool (id),
    kind TEXT NOT NULL,
    scope TEXT NOT NULL,
    name TEXT NOT NULL,
    uid TEXT NOT NULL,
    nic TEXT,
    bound TEXT,
    boot INTEGER REFERENCES boot (id),
    at INTEGER,
    PRIMARY KEY (subnet, address)
) STRICT, WITHOUT ROWID;
CREATE INDEX record_owner ON record (name, scope);
CREATE TABLE space (
    pool INTEGER NOT NULL REFERENCES pool (id),
    first BLOB NOT NULL,
    last BLOB NOT NULL CHECK (first <= last AND length(first) = length(last)),
    PRIMARY KEY (pool, first)
) STRICT, WITHOUT ROWID;
CREATE TABLE free (
    pool INTEGER NOT NULL REFERENCES pool (id),
    first BLOB NOT NULL,
    last BLOB NOT NULL CHECK (first <= last AND length(first) = length(last)),
    PRIMARY KEY (pool, first)
) STRICT, WITHOUT ROWID;
CREATE TABLE cooling (
    pool INTEGER NOT NULL REFERENCES pool (id),
    address BLOB NOT NULL,
    since INTEGER NOT NULL,
    PRIMARY KEY (pool, address)
) STRICT, WITHOUT ROWID;
CREATE INDEX cooling_since ON cooling (pool, since, address);
";

/// One step of a migration, from the version that is its place in the list (counted from 1) to the next.
pub(crate) type Migration = &'static str;

/// Steps from each version to the next. There is one version yet.
pub(crate) const MIGRATIONS: &[Migration] = &[];

/// What the header of the file says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Header {
    /// No pages at all: made, and never written.
    Empty,
    /// A file of ours.
    Ours { version: i64 },
    /// A SQLite file of somebody else.
    Foreign { application_id: i64 },
}

fn header(connection: &Connection) -> Inner<Header> {
    let number = |pragma: &str| connection.query_row(pragma, [], |row| row.get::<_, i64>(0));
    let application_id = number("PRAGMA application_id")?;
    if application_id == APPLICATION_ID {
        return Ok(Header::Ours { version: number("PRAGMA user_version")? });
    }
    Ok(if number("PRAGMA page_count")? == 0 { Header::Empty } else { Header::Foreign { application_id } })
}

/// Makes the file ready for use, or says why it is not ours. The caller holds the lock.
///
/// A file without a page is taken for one whose creation was cut short, unless `made` says that a store was there.
pub(crate) fn prepare(connection: &mut Connection, place: &Place, made: bool) -> Result<(), Error> {
    let at = |fail: Fail| fail.at(&place.path);
    match header(connection).map_err(at)? {
        Header::Ours { version } if version == SCHEMA_VERSION => Ok(()),
        Header::Ours { version } if (1..SCHEMA_VERSION).contains(&version) => {
            migrate(connection, version, MIGRATIONS).map_err(at)
        }
        Header::Ours { version } if version < 1 => Err(Error::damaged(
            &place.path,
            format!("its schema version is {version}; want 1 to {SCHEMA_VERSION}"),
        )),
        Header::Ours { version } => {
            Err(Error::NewerSchema { path: place.path.clone(), found: version, known: SCHEMA_VERSION })
        }
        Header::Foreign { application_id } => {
            Err(Error::ForeignFile { path: place.path.clone(), application_id })
        }
        Header::Empty if made => Err(Error::damaged(&place.path, "it is empty, though it has been a store")),
        Header::Empty => create(connection).map_err(at),
    }
}

/// All tables and both numbers of the header in one transaction: a kill leaves an empty file or a whole store.
fn create(connection: &mut Connection) -> Inner<()> {
    // Before the transaction: the first page that is written settles it.
    connection.pragma_update(None, "page_size", PAGE_BYTES)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(TABLES)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    Ok(transaction.commit()?)
}

/// Takes a file from an older version to the newest, all steps in one transaction.
pub(crate) fn migrate(connection: &mut Connection, from: i64, steps: &[Migration]) -> Inner<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut version = from;
    let done = usize::try_from(from.saturating_sub(1))
        .map_err(|_| Fail::broken(format!("schema version {from}")))?;
    for step in steps.iter().skip(done) {
        transaction.execute_batch(step)?;
        version = version.saturating_add(1);
    }
    transaction.pragma_update(None, "user_version", version)?;
    Ok(transaction.commit()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of version 1 with a subnet in it.
    fn older() -> Connection {
        let mut connection = Connection::open_in_memory().unwrap();
        create(&mut connection).unwrap();
        connection.execute("INSERT INTO subnet (cidr) VALUES ('10.6.0.0/16')", []).unwrap();
        connection
    }

    fn version(connection: &Connection) -> i64 {
        connection.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap()
    }

    /// Steps of versions that don't exist yet.
    const STEPS: &[Migration] = &[
        "ALTER TABLE subnet ADD COLUMN note TEXT; UPDATE subnet SET note = 'from 1'",
        "CREATE TABLE later (id INTEGER PRIMARY KEY) STRICT; UPDATE subnet SET note = note || ', from 2'",
    ];

    #[test]
    fn an_older_file_goes_through_all_later_steps() {
        let mut connection = older();
        migrate(&mut connection, 1, STEPS).unwrap();
        let row: (String, String) = connection
            .query_row("SELECT cidr, note FROM subnet", [], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap();
        assert_eq!((row.0.as_str(), row.1.as_str()), ("10.6.0.0/16", "from 1, from 2"));
        assert_eq!(version(&connection), 3);
    }

    #[test]
    fn a_file_starts_at_its_own_step() {
        let mut connection = older();
        migrate(&mut connection, 1, STEPS.get(..1).unwrap()).unwrap();
        assert_eq!(version(&connection), 2);
        migrate(&mut connection, 2, STEPS).unwrap();
        assert_eq!(version(&connection), 3);
    }

    #[test]
    fn a_step_that_fails_leaves_the_older_file() {
        let mut connection = older();
        let steps = [STEPS[0], "INSERT INTO nothing VALUES (1)"];
        assert!(migrate(&mut connection, 1, &steps).is_err());
        assert_eq!(version(&connection), 1);
        assert!(connection.prepare("SELECT note FROM subnet").is_err());
    }

    #[test]
    fn there_is_a_step_for_each_version() {
        assert_eq!(i64::try_from(MIGRATIONS.len()).unwrap(), SCHEMA_VERSION - 1);
    }
}
