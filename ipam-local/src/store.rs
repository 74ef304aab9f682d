//! The store of one file: opening it, and taking turns with other processes.

use std::cell::Cell;
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use ipam_core::{Change, Query, Store, Version, View};
use rusqlite::{Connection, OpenFlags};

use crate::boot::TimeSource;
use crate::error::{Error, Fail};
use crate::lock::{self, Lock, Waiter};
use crate::place::{Identity, Place};
use crate::schema;
use crate::session::Session;

/// What to do where there is no file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OpenMode {
    /// Fail with [`Error::NotFound`]: there is nothing to release, check or show.
    MustExist,
    /// Make an empty store. The directory must exist.
    CreateIfMissing,
}

/// A store in one file, shared with other processes.
///
/// It holds no lock by itself: work is done in a [`Session`], which is the only one on this file while it lasts.
/// A `LocalStore` is also an [`ipam_core::Store`], for a long-lived program: each read and each commit is then a short
/// session of its own, between which others may write; conditions and versions say so.
#[derive(Debug)]
pub struct LocalStore {
    place: Place,
    mode: OpenMode,
    clock: TimeSource,
    deadline: Duration,
    waiter: Option<Waiter>,
    open: Option<Open>,
}

/// An open data base file.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) connection: Connection,
    /// The file that is open.
    identity: Identity,
    /// After a failure of the file the next session opens it anew, which also plays back a journal that was left behind.
    pub(crate) is_spent: Cell<bool>,
}

impl LocalStore {
    /// A store at this path. `deadline` bounds the wait of each call of its [`ipam_core::Store`] face.
    ///
    /// Looks at the path, the directory and the kind of file system; the file's content is looked at under the lock, by the first
    /// session, so that opening never waits. Nothing is made before that.
    ///
    /// # Errors
    /// [`Error::NoDirectory`], [`Error::UnusablePath`], [`Error::NetworkFileSystem`], [`Error::NotFound`] if the store must exist;
    /// [`Error::Io`] and its kin if the system does not say.
    pub fn open(path: impl AsRef<Path>, mode: OpenMode, deadline: Duration) -> Result<Self, Error> {
        let place = Place::find(path.as_ref())?;
        let store = Self { place, mode, clock: TimeSource::System, deadline, waiter: None, open: None };
        if mode == OpenMode::MustExist && store.place.identity()?.is_none() {
            return Err(store.missing());
        }
        Ok(store)
    }

    /// Takes boot id and time from this clock instead of the kernel's.
    #[must_use]
    pub fn with_clock(mut self, clock: TimeSource) -> Self {
        self.clock = clock;
        self
    }

    /// The path, as it was given.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.place.path
    }

    /// Waits for the store and works on it alone until the session is dropped.
    ///
    /// Turns are taken in the order of arrival, so the wait is that of the turns before. Measured on 2 busy cores and a disk with cheap
    /// flushes, whole processes in a closed loop that each take one address: one alone takes 2.1 ms (99 % under 3 ms), with 8 at once
    /// the slowest of 1,600 took 20 ms, with 50 at once the slowest of 2,000 took 120 ms. A process that is stopped during its turn
    /// keeps all others waiting until their deadlines; one that dies keeps nobody.
    ///
    /// # Errors
    /// [`Error::Busy`] after the deadline. The first session also finds what is wrong with the file itself: [`Error::ForeignFile`],
    /// [`Error::NewerSchema`], [`Error::Damaged`], [`Error::Deleted`], [`Error::ReadOnly`], [`Error::Full`]. Later ones find that it was moved
    /// away: [`Error::Replaced`], [`Error::NotFound`].
    pub fn session(&mut self, deadline: Duration) -> Result<Session<'_>, Error> {
        let started = Instant::now();
        if self.mode == OpenMode::MustExist && self.open.is_none() && self.place.identity()?.is_none() {
            // Before the lock file is made, so that a look at nothing leaves nothing behind.
            return Err(self.missing());
        }
        let lock = Lock::take(&self.place, &mut self.waiter, deadline)?;
        let open = match self.open.take().filter(|open| !open.is_spent.get()) {
            Some(open) if self.place.identity()?.is_some_and(|there| there.is(open.identity)) => open,
            Some(_) => return Err(Error::Replaced { path: self.place.path.clone() }),
            None => Open::new(&self.place, self.mode, &lock)?,
        };
        let open = self.open.insert(open);
        let left = deadline.saturating_sub(started.elapsed());
        open.connection.busy_timeout(left).map_err(|error| Fail::from(error).at(&self.place.path))?;
        let now = self.clock.now()?;
        Session::begin(&self.place, open, lock, now, left)
    }

    fn missing(&self) -> Error {
        let path = self.place.path.clone();
        if lock::says_made(&self.place) {
            Error::Deleted { path, lock: self.place.lock.clone() }
        } else {
            Error::NotFound { path }
        }
    }
}

impl Open {
    fn new(place: &Place, mode: OpenMode, lock: &Lock) -> Result<Self, Error> {
        let path = &place.path;
        let made = lock.says_made(place)?;
        if place.identity()?.is_none() {
            if made {
                return Err(Error::Deleted { path: path.clone(), lock: place.lock.clone() });
            }
            if mode == OpenMode::MustExist {
                return Err(Error::NotFound { path: path.clone() });
            }
            make_file(place)?;
        }
        let mut connection = connect(place).map_err(|fail| fail.at(path))?;
        let found = place.identity()?.ok_or_else(|| Error::Replaced { path: path.clone() })?;
        schema::prepare(&mut connection, place, made)?;
        let identity = place.identity()?.filter(|there| there.is(found));
        let identity = identity.ok_or_else(|| Error::Replaced { path: path.clone() })?;
        // SQLite misses whole pages by itself, but takes a part of the last one for all of it.
        if !identity.bytes.is_multiple_of(u64::from(schema::PAGE_BYTES)) {
            return Err(Error::damaged(path, "its last page is cut short"));
        }
        if !made {
            lock.say_made(place)?;
        }
        Ok(Self { connection, identity, is_spent: Cell::new(false) })
    }
}

/// Makes the file, empty, for its owner alone, and has the directory remember it. The handle is closed before SQLite opens the
/// file: closing any handle later would drop the process's POSIX locks on it.
fn make_file(place: &Place) -> Result<(), Error> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&place.file) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        Err(source) => return Err(Error::io("make", &place.path, source)),
    }
    let directory =
        fs::File::open(&place.directory).map_err(|source| Error::io("open", &place.directory, source))?;
    directory.sync_all().map_err(|source| Error::io("flush", &place.directory, source))
}

/// Opens the file for reading and writing, never making it.
///
/// - `journal_mode = PERSIST`: a rollback journal whose file and blocks stay, so that a commit neither flushes a directory nor frees
///   blocks that the next one needs again (an ADD takes 11 % less time than with `TRUNCATE`). Short processes gain
///   nothing from a write-ahead log, which needs shared memory and a checkpoint by somebody.
/// - `journal_size_limit`: what an import of tens of thousands of records leaves of the journal.
/// - `synchronous = FULL` (SQLite's default, said here since `ipam-local` may be linked to another build): what is acknowledged survives a power loss.
/// - `cell_size_check`: a page that was overwritten is found when it is read.
fn connect(place: &Place) -> Result<Connection, Fail> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&place.file, flags)?;
    connection.execute_batch(
        "PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 262144; PRAGMA foreign_keys = ON; PRAGMA cell_size_check = ON; PRAGMA trusted_schema = OFF",
    )?;
    // Read back, since SQLite answers with the mode that holds rather than with an error. This is the first look into the file.
    let mode: String = connection.query_row("PRAGMA journal_mode = PERSIST", [], |row| row.get(0))?;
    if mode != "persist" {
        return Err(Fail::broken(format!("its journal mode is {mode}, which cannot be changed to persist")));
    }
    Ok(connection)
}

impl Store for LocalStore {
    type Error = Error;

    fn is_atomic(&self) -> bool {
        true
    }

    fn read(&mut self, query: &Query) -> Result<View, Error> {
        self.session(self.deadline)?.read(query)
    }

    fn commit(&mut self, changes: &[Change]) -> Result<Vec<Version>, Error> {
        self.session(self.deadline)?.commit(changes)
    }
}
