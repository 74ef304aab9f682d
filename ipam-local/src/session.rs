//! A turn on the store: alone on the file, with transactions inside.

use std::path::Path;
use std::time::Duration;

use ipam_core::{Change, Query, Stamp, Store, Time, Version, View};
use rusqlite::Connection;

use crate::error::{Error, Fail, Inner};
use crate::lock::Lock;
use crate::place::Place;
use crate::store::Open;

/// A turn on a [`LocalStore`](crate::LocalStore), held until dropped.
///
/// All reads see one state, until a commit; each commit is one durable transaction, and reads after it see its result. What was
/// not committed when the session is dropped has not happened.
#[derive(Debug)]
pub struct Session<'s> {
    place: &'s Place,
    open: &'s Open,
    now: Stamp,
    first_seen: Time,
    left: Duration,
    /// Dropped last: the connection is idle when the next process has its turn.
    _lock: Lock,
}

/// The inside of a transaction. The parts of the crate add their statements to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tx<'c>(pub(crate) &'c Connection);

impl<'s> Session<'s> {
    pub(crate) fn begin(
        place: &'s Place,
        open: &'s Open,
        lock: Lock,
        now: Stamp,
        left: Duration,
    ) -> Result<Self, Error> {
        let mut session = Self { place, open, now, first_seen: Time::default(), left, _lock: lock };
        session.first_seen = session.see_boot()?;
        Ok(session)
    }

    /// The path of the store, as it was given.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.place.path
    }

    /// The boot and the time within it when the session began: what records bear that are taken or confirmed in it.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        self.now.clone()
    }

    /// When in this boot the store was first used: the first sighting of every record of an earlier boot, for
    /// [`EarlierBoot`](ipam_core::EarlierBoot).
    #[must_use]
    pub fn boot_first_seen(&self) -> Time {
        self.first_seen
    }

    /// How long to wait for others.
    pub(crate) const fn patience(&self) -> Duration {
        self.left
    }

    /// Notes a boot that is new to the store, at once and durably: the sighting counts even if what follows fails.
    fn see_boot(&mut self) -> Result<Time, Error> {
        let now = self.now.clone();
        let (first_seen, is_new) = self.inside(|tx| tx.see_boot(&now))?;
        if is_new {
            self.commit_transaction()?;
        }
        Ok(first_seen)
    }

    /// Runs statements in the transaction, beginning one where there is none. A failure ends it without effect.
    pub(crate) fn inside<T>(&mut self, work: impl FnOnce(Tx<'_>) -> Inner<T>) -> Result<T, Error> {
        let result = self.begin_transaction().and_then(|()| work(Tx(&self.open.connection)));
        result.map_err(|fail| {
            self.roll_back();
            self.noted(fail.at(&self.place.path))
        })
    }

    /// As [`Session::inside`], and commits.
    pub(crate) fn commit_inside<T>(&mut self, work: impl FnOnce(Tx<'_>) -> Inner<T>) -> Result<T, Error> {
        let value = self.inside(work)?;
        self.commit_transaction()?;
        Ok(value)
    }

    fn begin_transaction(&self) -> Inner<()> {
        if self.open.connection.is_autocommit() {
            // Immediate: a transaction that only reads at first could not become a writing one later without a race.
            self.open.connection.execute_batch("BEGIN IMMEDIATE")?;
        }
        Ok(())
    }

    fn commit_transaction(&mut self) -> Result<(), Error> {
        self.open.connection.execute_batch("COMMIT").map_err(|error| {
            let error = Fail::from(error).at_commit(&self.place.path);
            self.roll_back();
            self.noted(error)
        })
    }

    fn roll_back(&self) {
        if !self.open.connection.is_autocommit() {
            // If this fails, the journal stays and the next opener plays it back.
            let _ = self.open.connection.execute_batch("ROLLBACK");
        }
    }

    /// Completes an error by what only the session knows, and notes whether the file is to be opened anew.
    fn noted(&self, error: Error) -> Error {
        self.open.is_spent.set(self.open.is_spent.get() || error.is_of_file());
        if let Error::Busy { path, what, .. } = error {
            return Error::Busy { path, waited: self.left, what };
        }
        error
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        self.roll_back();
    }
}

impl Store for Session<'_> {
    type Error = Error;

    fn is_atomic(&self) -> bool {
        true
    }

    fn read(&mut self, query: &Query) -> Result<View, Error> {
        self.inside(|tx| tx.answer(query))
    }

    fn commit(&mut self, changes: &[Change]) -> Result<Vec<Version>, Error> {
        self.commit_inside(|tx| tx.apply(changes))
    }
}
