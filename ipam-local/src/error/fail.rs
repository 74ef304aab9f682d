//! Failures where the path is not at hand, and SQLite's codes by meaning.

use std::path::Path;
use std::time::Duration;

use super::{Error, SqliteError};

/// A failure inside a transaction, where the path is not at hand.
#[derive(Debug)]
pub(crate) enum Fail {
    /// SQLite failed.
    Sql(rusqlite::Error),
    /// What is stored cannot be understood.
    Broken(String),
    /// Anything that is an error already.
    Error(Box<Error>),
}

pub(crate) type Inner<T> = Result<T, Fail>;

impl From<rusqlite::Error> for Fail {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<Error> for Fail {
    fn from(error: Error) -> Self {
        Self::Error(Box::new(error))
    }
}

impl From<ipam_core::admission::Denial> for Fail {
    fn from(refusal: ipam_core::admission::Denial) -> Self {
        Error::Refused(Box::new(refusal)).into()
    }
}

impl Fail {
    pub(crate) fn broken(what: impl Into<String>) -> Self {
        Self::Broken(what.into())
    }

    /// The failure as an error of the store at this path.
    pub(crate) fn at(self, path: &Path) -> Error {
        match self {
            Self::Error(error) => *error,
            Self::Broken(detail) => Error::damaged(path, detail),
            Self::Sql(error) => of_sqlite(path, error, false),
        }
    }

    /// As [`Fail::at`], for the answer to a `COMMIT`.
    pub(crate) fn at_commit(self, path: &Path) -> Error {
        match self {
            Self::Sql(error) => of_sqlite(path, error, true),
            Self::Broken(_) | Self::Error(_) => self.at(path),
        }
    }
}

/// The failures that may come from the last step of a commit, which gives up the journal: whether that took effect only the next
/// reader sees. Any other one comes before it, and SQLite has undone the transaction or leaves a journal by which the next
/// opener does.
const OF_LAST_STEP: &[i32] = &[
    rusqlite::ffi::SQLITE_IOERR_TRUNCATE,
    rusqlite::ffi::SQLITE_IOERR_FSYNC,
    rusqlite::ffi::SQLITE_IOERR_DIR_FSYNC,
    rusqlite::ffi::SQLITE_IOERR_DELETE,
    rusqlite::ffi::SQLITE_IOERR_CLOSE,
];

/// SQLite's result codes by meaning.
fn of_sqlite(path: &Path, error: rusqlite::Error, committing: bool) -> Error {
    use rusqlite::ErrorCode as Code;
    let path = path.to_owned();
    let Some(code) = error.sqlite_error_code() else {
        // A column of another type than the schema says, or a number out of its range.
        return Error::Damaged {
            path,
            detail: "a value has the wrong type".to_owned(),
            source: Some(SqliteError(error)),
        };
    };
    let source = SqliteError(error);
    let extended = source.code().unwrap_or_default();
    if extended == rusqlite::ffi::SQLITE_READONLY_DBMOVED {
        return Error::Replaced { path };
    }
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "SQLite has many codes; the others mean that the disk or the system failed"
    )]
    match code {
        Code::DatabaseCorrupt => Error::Damaged {
            path,
            detail: "pages contradict each other or are missing".to_owned(),
            source: Some(source),
        },
        Code::NotADatabase => Error::Damaged {
            path,
            detail: "it has not the header of a SQLite file".to_owned(),
            source: Some(source),
        },
        Code::ConstraintViolation => Error::Damaged {
            path,
            detail: "its tables contradict each other".to_owned(),
            source: Some(source),
        },
        Code::DiskFull => Error::Full { path, source: Some(source) },
        Code::ReadOnly | Code::PermissionDenied => Error::ReadOnly { path, source: Some(source) },
        Code::DatabaseBusy | Code::DatabaseLocked => Error::Busy {
            path,
            waited: Duration::ZERO,
            what: "the data base itself (a SQLite shell, perhaps)",
        },
        _ if committing && OF_LAST_STEP.contains(&extended) => Error::UnknownOutcome { path, source },
        _ => Error::Sqlite { path, source },
    }
}
