//! A store of one's own: everything in one JSON file, written anew at each commit. `Books` knows what to answer and what a change does; a
//! store loads them and saves them. The suite of `ipam-core` holds it to the contract. For one process at a time; `ipam-local` is for many.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::PathBuf;

use ipam_core::testkit::conformance;
use ipam_core::{Books, BooksError, Change, Class, Query, Store, StoreError, Version, View};

struct JsonStore {
    file: PathBuf,
    books: Books,
}

#[derive(Debug, thiserror::Error)]
enum JsonError {
    #[error(transparent)]
    Books(#[from] BooksError),
    #[error("cannot read or write the file")]
    Io(#[from] io::Error),
}

impl StoreError for JsonError {
    fn class(&self) -> Class {
        match self {
            Self::Books(error) => error.class(),
            // Stored or not, nobody knows until the file is read.
            Self::Io(_) => Class::Unavailable,
        }
    }
}

impl JsonStore {
    /// The pools come from the program, who holds what from the file, if there is one.
    fn open(file: PathBuf, mut books: Books) -> Result<Self, JsonError> {
        match fs::read(&file) {
            Ok(text) => books.restore(serde_json::from_slice(&text).map_err(io::Error::from)?)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
        Ok(Self { file, books })
    }

    /// The whole state, then the name: after a crash there is the old file or the new one.
    fn save(&self, books: &Books) -> io::Result<()> {
        let fresh = self.file.with_extension("new");
        let mut file = File::create(&fresh)?;
        file.write_all(&serde_json::to_vec(&books.saved())?)?;
        file.sync_all()?;
        fs::rename(fresh, &self.file)?;
        // The name is durable once its folder is.
        self.file.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    }
}

impl Store for JsonStore {
    type Error = JsonError;

    /// All changes of a commit are in one file.
    fn is_atomic(&self) -> bool {
        true
    }

    fn read(&mut self, query: &Query) -> Result<View, JsonError> {
        Ok(self.books.read(query))
    }

    fn commit(&mut self, changes: &[Change]) -> Result<Vec<Version>, JsonError> {
        let mut next = self.books.clone();
        let versions = next.commit(changes)?;
        self.save(&next)?;
        self.books = next;
        Ok(versions)
    }
}

fn main() -> anyhow::Result<()> {
    let (folder, mut files) = (tempfile::tempdir()?, 0_u32);
    let report = conformance::check(|setup| {
        files = files.saturating_add(1);
        let mut books = Books::default();
        for pool in &setup.pools {
            let _fits = books.put_pool(pool.clone(), setup.reserved(pool.family()));
        }
        let file = folder.path().join(format!("{files}.json"));
        JsonStore::open(file, books).unwrap_or_else(|error| unreachable!("there is no file yet: {error}"))
    })?;
    println!("{report}");
    Ok(())
}
