//! The one error of the crate, and what it means for a caller of the [`Store`](ipam_core::Store) trait.
//!
//! Each variant names the file or object, what was found and what to do. SQLite's own words are the *source* of an error,
//! never part of its text.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipam_core::{Addr, Assignment, Class, Owner, PoolName, StoreError};

mod fail;

pub(crate) use self::fail::{Fail, Inner};
use crate::source::Source;

/// What can go wrong in a local store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no store at the path, and none was to be made.
    #[error("there is no store at {}; load pools with `spiderpoolctl --store {} apply`, or check the path", path.display(), path.display())]
    NotFound {
        /// The path.
        path: PathBuf,
    },
    /// There was a store, as its lock file tells, and it is gone. None is made in its place, since that would hand out addresses that are in use.
    #[error(
        "the store {} has been deleted, while its lock file {} says that there was one; restore it from a backup or an export, or delete the lock file too to start with an empty store",
        path.display(), lock.display()
    )]
    Deleted {
        /// The path of the store.
        path: PathBuf,
        /// The file that tells.
        lock: PathBuf,
    },
    /// Another file lies at the path than the one that is open.
    #[error("the store {} has been moved or replaced while it was open; open it again", path.display())]
    Replaced {
        /// The path of the store.
        path: PathBuf,
    },
    /// The directory of the store does not exist. It is not made: a deleted directory is a mistake to be noticed.
    #[error("the directory {} of the store does not exist; make it with `mkdir -p {}`", directory.display(), directory.display())]
    NoDirectory {
        /// The directory.
        directory: PathBuf,
    },
    /// The path cannot be that of a store.
    #[error("{} cannot be a store: {problem}", path.display())]
    UnusablePath {
        /// The path.
        path: PathBuf,
        /// Why, and what would be accepted.
        problem: &'static str,
    },
    /// The directory is on a file system where locks or writes are not what SQLite needs.
    #[error(
        "the store {} would lie on a network file system ({kind}), where locks and flushes cannot be relied on; use a path on a local disk",
        path.display()
    )]
    NetworkFileSystem {
        /// The path of the store.
        path: PathBuf,
        /// The kind of file system.
        kind: String,
    },
    /// Nobody let go of the store in time.
    #[error("the store {} was busy for {} ms; another process holds {}", path.display(), waited.as_millis(), what)]
    Busy {
        /// The path of the store.
        path: PathBuf,
        /// How long was waited.
        waited: Duration,
        /// What is held: the lock file or the data base itself.
        what: &'static str,
    },
    /// The file is a SQLite data base of another program.
    #[error(
        "{} is a SQLite data base of another program (application id {application_id:#x}, want {:#x}); use another path",
        path.display(), crate::schema::APPLICATION_ID
    )]
    ForeignFile {
        /// The path.
        path: PathBuf,
        /// The application id in its header.
        application_id: i64,
    },
    /// The store was written by a newer version of this crate.
    #[error(
        "the store {} has schema version {found}, this program knows 1 to {known}; use a newer program, or export there and import here",
        path.display()
    )]
    NewerSchema {
        /// The path.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest version that is known.
        known: i64,
    },
    /// The file is not a data base, was cut short or overwritten. It is left as it is.
    #[error(
        "the store {} is damaged ({detail}); keep the file, restore a backup or import an export, or see `spiderpoolctl --store {} fsck`",
        path.display(), path.display()
    )]
    Damaged {
        /// The path.
        path: PathBuf,
        /// What was found.
        detail: String,
        /// SQLite's words, where it was SQLite that found it.
        #[source]
        source: Option<SqliteError>,
    },
    /// The disk is full; nothing was stored.
    #[error("no space left for the store {}; nothing was stored, free some space on its file system", path.display())]
    Full {
        /// The path.
        path: PathBuf,
        /// SQLite's words.
        #[source]
        source: Option<SqliteError>,
    },
    /// The file or its directory cannot be written.
    #[error("the store {} cannot be written; it or its directory is read-only for this process", path.display())]
    ReadOnly {
        /// The path.
        path: PathBuf,
        /// SQLite's words.
        #[source]
        source: Option<SqliteError>,
    },
    /// The system refused something.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// With which file.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// A read or write of the data base failed; nothing was stored.
    #[error("the store {} could not be read or written; nothing was stored, look for errors of its disk", path.display())]
    Sqlite {
        /// The path.
        path: PathBuf,
        /// SQLite's words.
        #[source]
        source: SqliteError,
    },
    /// The commit was answered by an error that leaves open whether it is stored.
    #[error("it is unknown whether the last change was stored in {}; read before trying again", path.display())]
    UnknownOutcome {
        /// The path.
        path: PathBuf,
        /// SQLite's words.
        #[source]
        source: SqliteError,
    },
    /// A condition of a change does not hold; nothing of the commit was stored.
    #[error(transparent)]
    Condition(Box<ipam_core::Error>),
    /// The attachments of an owner are not those that the change was planned on; nothing of the commit was stored.
    #[error("the attachments of {owner} have changed since they were read")]
    AttachmentsMoved {
        /// The owner.
        owner: Box<Owner>,
    },
    /// An address was to be attached that the owner does not hold.
    #[error("{assignment} cannot be attached to {owner}, which does not hold it; take it first")]
    NotHeld {
        /// The owner.
        owner: Box<Owner>,
        /// The address.
        assignment: Box<Assignment>,
    },
    /// A query or operation that this version of the crate does not know.
    #[error("the store does not know this {what}; use a newer version of ipam-local")]
    Unsupported {
        /// Query, operation or change.
        what: &'static str,
    },
    /// The rules of admission refuse an object.
    #[error(transparent)]
    Refused(Box<ipam_core::admission::Denial>),
    /// An object of one source was to be changed by another.
    #[error(
        "{kind} {name} comes from {stored} and cannot be changed by {asked}; change it there, or delete it first"
    )]
    OtherSource {
        /// SpiderIPPool or SpiderReservedIP.
        kind: &'static str,
        /// Its name.
        name: String,
        /// Where the stored one is from.
        stored: Box<Source>,
        /// Who wanted to change it.
        asked: Box<Source>,
    },
    /// No such object.
    #[error("there is no {kind} {name} in the store {}", path.display())]
    NoObject {
        /// The path.
        path: PathBuf,
        /// SpiderIPPool or SpiderReservedIP.
        kind: &'static str,
        /// The name that was asked for.
        name: String,
    },
    /// A pool was to be deleted whose addresses are in use.
    #[error(
        "IPPool {pool} has {used} addresses in use, {example} first of all; release them, or force the deletion, which drops their records"
    )]
    InUse {
        /// The pool.
        pool: PoolName,
        /// How many.
        used: u64,
        /// One of them and its holder.
        example: Box<HeldBy>,
    },
    /// An export or a folder of host-local cannot be imported; nothing was stored.
    #[error("cannot import {what}: {}", Joined(problems))]
    Import {
        /// What was to be imported.
        what: String,
        /// All that stands against it.
        problems: Vec<String>,
    },
}

/// An address and who has it, for texts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HeldBy {
    /// The address.
    pub address: Addr,
    /// The holder.
    pub owner: Owner,
}

impl fmt::Display for HeldBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.address, self.owner)
    }
}

struct Joined<'a>(&'a [String]);

impl fmt::Display for Joined<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            f.write_str(problem)?;
        }
        Ok(())
    }
}

/// What SQLite said. Opaque, so that the version of the binding is not part of this crate's promise.
#[derive(Debug)]
pub struct SqliteError(rusqlite::Error);

impl SqliteError {
    /// SQLite's extended result code, where it was SQLite itself that failed (<https://sqlite.org/rescode.html>).
    #[must_use]
    pub fn code(&self) -> Option<i32> {
        self.0.sqlite_error().map(|error| error.extended_code)
    }
}

impl fmt::Display for SqliteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code() {
            Some(code) => write!(f, "SQLite: {} (code {code})", self.0),
            None => write!(f, "SQLite: {}", self.0),
        }
    }
}

impl std::error::Error for SqliteError {}

impl StoreError for Error {
    fn class(&self) -> Class {
        match self {
            Self::Condition(_) | Self::AttachmentsMoved { .. } => Class::Conflict,
            Self::Busy { .. } | Self::UnknownOutcome { .. } => Class::Unavailable,
            Self::NotFound { .. }
            | Self::Deleted { .. }
            | Self::Replaced { .. }
            | Self::NoDirectory { .. }
            | Self::UnusablePath { .. }
            | Self::NetworkFileSystem { .. }
            | Self::ForeignFile { .. }
            | Self::NewerSchema { .. }
            | Self::Damaged { .. }
            | Self::Full { .. }
            | Self::ReadOnly { .. }
            | Self::Io { .. }
            | Self::Sqlite { .. }
            | Self::NotHeld { .. }
            | Self::Unsupported { .. }
            | Self::Refused(_)
            | Self::OtherSource { .. }
            | Self::NoObject { .. }
            | Self::InUse { .. }
            | Self::Import { .. } => Class::Rejected,
        }
    }
}

impl Error {
    pub(crate) fn io(doing: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        #[expect(clippy::wildcard_enum_match_arm, reason = "of the system's many answers two are told apart")]
        match source.kind() {
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
                Self::ReadOnly { path, source: None }
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { path, source: None },
            _ => Self::Io { doing, path, source },
        }
    }

    /// Whether the file or what it lies on failed, rather than a request.
    pub(crate) const fn is_of_file(&self) -> bool {
        matches!(
            self,
            Self::Sqlite { .. }
                | Self::UnknownOutcome { .. }
                | Self::Full { .. }
                | Self::Damaged { .. }
                | Self::ReadOnly { .. }
                | Self::Replaced { .. }
        )
    }

    pub(crate) fn damaged(path: &Path, detail: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), detail: detail.into(), source: None }
    }
}
