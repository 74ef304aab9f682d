//! What a store holds, as `spiderpoolctl … -o json` tells it, and checks on that.
//!
//! The checker opens no file and calls no code of ours: it judges what any operator can see.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::binaries;
use crate::command::{Outcome, run};
use crate::plugin::Attachment;

/// One address that is taken.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Record {
    /// The address.
    pub address: IpAddr,
    /// The pool it is from.
    pub pool: String,
    /// The network of its owner.
    pub network: String,
    /// The attachment that owns it.
    pub attachment: Attachment,
}

/// A store, seen from outside.
#[derive(Debug, Clone)]
pub struct Store {
    path: PathBuf,
}

impl Store {
    /// The store in a file.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Its file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs `spiderpoolctl --store PATH …`.
    ///
    /// # Errors
    /// It could not be started.
    pub fn ctl(&self, arguments: &[&str]) -> Result<Outcome> {
        run(Command::new(binaries::spiderpoolctl()?).arg("--store").arg(&self.path).args(arguments))
    }

    /// All addresses that are taken; an address or an attachment that comes twice is an error.
    ///
    /// # Errors
    /// The list cannot be had, or breaks a rule.
    pub fn records(&self) -> Result<Vec<Record>> {
        let text = self.ctl(&["ip", "list", "-o", "json"])?.success()?;
        let list: Value = serde_json::from_str(&text).with_context(|| format!("not JSON: {text}"))?;
        let list = list.as_array().with_context(|| format!("not a list: {text}"))?;
        let records = list.iter().map(record).collect::<Result<Vec<_>>>()?;
        let mut addresses = BTreeSet::new();
        let mut owners = BTreeMap::new();
        for record in &records {
            ensure!(addresses.insert(record.address), "{} is listed twice: {text}", record.address);
            let owner = (&record.network, &record.attachment);
            if let Some(other) = owners.insert(owner, record.address) {
                bail!("{owner:?} holds both {other} and {}", record.address);
            }
        }
        Ok(records)
    }

    /// The address of each attachment.
    ///
    /// # Errors
    /// As [`Store::records`].
    pub fn held(&self) -> Result<BTreeMap<Attachment, IpAddr>> {
        Ok(self.records()?.into_iter().map(|record| (record.attachment, record.address)).collect())
    }

    /// That nothing is taken.
    ///
    /// # Errors
    /// Something is, or the list cannot be had.
    pub fn ensure_empty(&self) -> Result<()> {
        let records = self.records()?;
        ensure!(records.is_empty(), "addresses are still taken: {records:?}");
        Ok(())
    }

    /// That `spiderpoolctl fsck` finds nothing to complain about.
    ///
    /// # Errors
    /// It does.
    pub fn ensure_sound(&self) -> Result<()> {
        self.ctl(&["fsck"])?.success().map(drop)
    }
}

fn record(value: &Value) -> Result<Record> {
    let text = |pointer: &str| {
        let found = value.pointer(pointer).and_then(Value::as_str);
        found.with_context(|| format!("no text at {pointer} in {value}")).map(str::to_owned)
    };
    Ok(Record {
        address: text("/address")?.parse().with_context(|| format!("address of {value}"))?,
        pool: text("/pool")?,
        network: text("/owner/network")?,
        attachment: Attachment { container: text("/owner/id")?, interface: text("/nic")? },
    })
}
