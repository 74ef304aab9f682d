//! Changes, each tested against what is stored now.

use std::time::Duration;

use ipam_core::{Addr, Change, Nic, Owner, PoolName, PoolOp, Record, Stamp, Time, Version};
use rusqlite::{OptionalExtension, params};

use crate::answer::{Found, PoolRow, attachments_version};
use crate::error::{Error, Fail, Inner};
use crate::free::Runs;
use crate::rows::{Millis, Octets, stored_uid};
use crate::session::Tx;

/// When a change is made, and how long what it frees is avoided.
#[derive(Clone, Copy, Debug)]
struct Freeing {
    now: Time,
    cooldown: Duration,
}

impl Tx<'_> {
    /// Applies the changes of a commit: conditions on attachments are tested against the state before it, pools come before attachments.
    pub(crate) fn apply(self, changes: &[Change]) -> Inner<Vec<Version>> {
        for change in changes {
            if let Change::Attachments { owner, version, .. } = change
                && *version != Version::ANY
                && !version.allows(&attachments_version(&self.records_of(owner)?))
            {
                return Err(Error::AttachmentsMoved { owner: Box::new(owner.clone()) }.into());
            }
        }
        let mut versions = vec![Version::ANY; changes.len()];
        for (change, slot) in changes.iter().zip(&mut versions) {
            if let Change::Pool { pool, ops, now, cooldown, .. } = change {
                *slot = self.change_pool(pool, ops, Freeing { now: *now, cooldown: *cooldown })?;
            }
        }
        for (change, slot) in changes.iter().zip(&mut versions) {
            match change {
                Change::Pool { .. } => {}
                Change::Attachments { owner, ops, .. } => *slot = self.change_attachments(owner, ops)?,
                _ => return Err(Error::Unsupported { what: "change" }.into()),
            }
        }
        Ok(versions)
    }

    fn change_pool(self, name: &PoolName, ops: &[PoolOp], freeing: Freeing) -> Inner<Version> {
        let Some(row) = self.pool_row(name)? else {
            return match ops.iter().find_map(address_of) {
                Some(address) => Err(failed(name, address, "has no pool any more")),
                None => Ok(Version::ANY),
            };
        };
        let mut change =
            PoolChange { tx: self, used: row.used, last: row.last, row: &row, freeing, is_changed: false };
        let is_release = |op: &&PoolOp| matches!(op, PoolOp::Release { .. });
        for op in ops.iter().filter(is_release) {
            change.apply(op)?;
        }
        for op in ops.iter().filter(|op| !is_release(op)) {
            change.apply(op)?;
        }
        change.finish()
    }

    /// The number of a boot in the file.
    fn boot_number(self, boot: &str) -> Inner<i64> {
        let known: Option<i64> =
            self.0.query_row("SELECT id FROM boot WHERE boot = ?1", [boot], |row| row.get(0)).optional()?;
        match known {
            Some(number) => Ok(number),
            None => {
                self.0.execute("INSERT INTO boot (boot) VALUES (?1)", [boot])?;
                Ok(self.0.last_insert_rowid())
            }
        }
    }

    /// The two columns of a stamp.
    pub(crate) fn stamp_columns(self, stamp: Option<&Stamp>) -> Inner<(Option<i64>, Option<Millis>)> {
        match stamp {
            Some(stamp) => Ok((Some(self.boot_number(&stamp.boot)?), Some(Millis(stamp.at)))),
            None => Ok((None, None)),
        }
    }

    /// When this boot was first seen by the store, and whether that is now.
    pub(crate) fn see_boot(self, now: &Stamp) -> Inner<(Time, bool)> {
        let sql = "SELECT first_seen FROM boot WHERE boot = ?1";
        let seen: Option<Option<Millis>> = self.0.query_row(sql, [&now.boot], |row| row.get(0)).optional()?;
        if let Some(Some(Millis(seen))) = seen {
            return Ok((seen, false));
        }
        self.0.execute(
            "INSERT INTO boot (boot, first_seen) VALUES (?1, ?2) ON CONFLICT (boot) DO UPDATE SET first_seen = ?2",
            params![now.boot, Millis(now.at)],
        )?;
        // Boots that no record bears any more are forgotten, so that the table does not grow with the age of the host.
        self.0.execute("DELETE FROM boot WHERE boot <> ?1 AND id NOT IN (SELECT boot FROM record WHERE boot IS NOT NULL)", [&now.boot])?;
        // Times of another boot cannot be compared with those of this one, and a reboot is pause enough.
        for pool in self.pool_rows(None)? {
            self.warm_up(pool.id, Time::default(), Duration::ZERO)?;
        }
        Ok((now.at, true))
    }

    /// Puts a record where there is none, and takes its address out of what is free or cools.
    ///
    /// Both books must agree that nobody has the address: a record that was lost to damage leaves its address taken in the other
    /// book, and one that a search misses is found there. So no damage to one page has an address given twice.
    pub(crate) fn insert_record(self, pool: &PoolRow, record: &Record, nic: Option<&Nic>) -> Inner<()> {
        let address = record.address;
        if self.run_with(Runs::Space, pool.id, address)?.is_some() {
            self.must_be_free(pool, address)?;
        } else {
            // An address outside of its pool's ranges may lie in another pool's.
            for other in self.pools_of_subnet(pool.subnet)? {
                if other.id != pool.id && self.run_with(Runs::Space, other.id, address)?.is_some() {
                    self.must_be_free(&other, address)?;
                }
            }
        }
        let owner = &record.owner;
        let (boot, at) = self.stamp_columns(record.stamp.as_ref())?;
        self.0.execute(
            "INSERT INTO record (subnet, address, pool, kind, scope, name, uid, nic, boot, at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            params![
                pool.subnet,
                Octets(address),
                pool.id,
                owner.kind().as_str(),
                owner.scope(),
                owner.name(),
                stored_uid(owner),
                nic.map(Nic::as_str),
                boot,
                at
            ],
        )?;
        Ok(())
    }

    fn must_be_free(self, pool: &PoolRow, address: Addr) -> Inner<()> {
        if self.remove_free(pool.id, address)? {
            return Ok(());
        }
        Err(Fail::broken(format!("{address} of IPPool {} has no record, and is not free either", pool.name)))
    }

    /// Deletes a record and gives its address back to the pool of the subnet whose space it is in, if any.
    fn delete_record(self, pool: &PoolRow, address: Addr, freeing: Freeing) -> Inner<()> {
        let gone = self.0.execute(
            "DELETE FROM record WHERE subnet = ?1 AND address = ?2",
            params![pool.subnet, Octets(address)],
        )?;
        if gone != 1 {
            return Err(Fail::broken(format!("the record of {address} was there and cannot be deleted")));
        }
        if self.give_back(pool.id, address, freeing.now, freeing.cooldown)? {
            return Ok(());
        }
        for other in self.pools_of_subnet(pool.subnet)?.iter().filter(|other| other.id != pool.id) {
            if self.give_back(other.id, address, freeing.now, freeing.cooldown)? {
                break;
            }
        }
        Ok(())
    }
}

/// The operations of one change on one pool.
struct PoolChange<'t> {
    tx: Tx<'t>,
    row: &'t PoolRow,
    used: u64,
    last: Option<Addr>,
    freeing: Freeing,
    is_changed: bool,
}

impl PoolChange<'_> {
    fn apply(&mut self, op: &PoolOp) -> Inner<()> {
        match op {
            PoolOp::Take(record) => self.take(record),
            PoolOp::TakeAgain(record) => self.take_again(record),
            PoolOp::Release { address, owner, seen } => self.release(*address, owner, seen.as_ref()),
            PoolOp::Rebind { address, from, to, stamp } => self.rebind(*address, from, to, stamp.as_ref()),
            PoolOp::Confirm { address, owner, stamp } => self.confirm(*address, owner, stamp),
            _ => Err(Error::Unsupported { what: "operation on a pool" }.into()),
        }
    }

    fn take(&mut self, record: &Record) -> Inner<()> {
        let address = record.address;
        if self.tx.found(self.row.subnet, address)?.is_some() {
            return Err(failed(&self.row.name, address, "is held"));
        }
        if self.row.is_disabled {
            return Err(failed(&self.row.name, address, "is in a disabled pool"));
        }
        if self.tx.run_with(Runs::Space, self.row.id, address)?.is_none() {
            let spec = self.tx.spec(&self.row.name)?;
            let reserved = spec.allocatable().contains(address);
            let problem = if reserved { "is reserved" } else { "is not among the addresses of the pool" };
            return Err(failed(&self.row.name, address, problem));
        }
        self.insert(record)?;
        self.last = Some(address);
        Ok(())
    }

    fn take_again(&mut self, record: &Record) -> Inner<()> {
        let address = record.address;
        if self.tx.found(self.row.subnet, address)?.is_some() {
            return Err(failed(&self.row.name, address, "is held"));
        }
        if !self.tx.spec(&self.row.name)?.subnet().contains(&address.to_ip()) {
            return Err(failed(&self.row.name, address, "is not among the addresses of the pool"));
        }
        self.insert(record)
    }

    fn insert(&mut self, record: &Record) -> Inner<()> {
        self.tx.insert_record(self.row, record, None)?;
        self.used = self.used.saturating_add(1);
        self.is_changed = true;
        Ok(())
    }

    fn release(&mut self, address: Addr, owner: &Owner, seen: Option<&Stamp>) -> Inner<()> {
        let Some(found) = self.found(address)? else { return Ok(()) };
        let record = &found.stored.record;
        if record.owner.same_holder(owner) && seen.is_none_or(|stamp| record.stamp.as_ref() == Some(stamp)) {
            self.tx.delete_record(self.row, address, self.freeing)?;
            let left = self.used.checked_sub(1);
            self.used =
                left.ok_or_else(|| Fail::broken(format!("IPPool {} counts too few records", self.row.name)))?;
            self.is_changed = true;
        }
        Ok(())
    }

    fn rebind(&mut self, address: Addr, from: &Owner, to: &Owner, stamp: Option<&Stamp>) -> Inner<()> {
        let found = self.held_by(address, from)?;
        let (boot, at) = self.tx.stamp_columns(stamp)?;
        self.tx.0.execute(
            "UPDATE record SET kind = ?3, scope = ?4, name = ?5, uid = ?6, boot = ?7, at = ?8 WHERE subnet = ?1 AND address = ?2",
            params![
                self.row.subnet,
                Octets(address),
                to.kind().as_str(),
                to.scope(),
                to.name(),
                stored_uid(to),
                boot,
                at
            ],
        )?;
        if let Some(nic) = &found.stored.nic {
            self.keep_attached(address, &found, to, nic)?;
        }
        self.is_changed = true;
        Ok(())
    }

    /// A record that changes hands stays attached for the incarnation that attached it; to another identity its NIC means nothing.
    fn keep_attached(&self, address: Addr, found: &Found, to: &Owner, nic: &Nic) -> Inner<()> {
        let from = &found.stored.record.owner;
        if !from.same_identity(to) {
            return self.tx.set_nic(self.row.subnet, address, None);
        }
        let bound = found.stored.bound.as_deref().unwrap_or_else(|| from.uid());
        let bound = (bound != to.uid()).then_some(bound);
        self.tx.0.execute(
            "UPDATE record SET nic = ?3, bound = ?4 WHERE subnet = ?1 AND address = ?2",
            params![self.row.subnet, Octets(address), nic.as_str(), bound],
        )?;
        Ok(())
    }

    fn confirm(&mut self, address: Addr, owner: &Owner, stamp: &Stamp) -> Inner<()> {
        self.held_by(address, owner)?;
        let (boot, at) = self.tx.stamp_columns(Some(stamp))?;
        self.tx.0.execute(
            "UPDATE record SET boot = ?3, at = ?4 WHERE subnet = ?1 AND address = ?2",
            params![self.row.subnet, Octets(address), boot, at],
        )?;
        self.is_changed = true;
        Ok(())
    }

    /// The record of this pool for an address.
    fn found(&self, address: Addr) -> Inner<Option<Found>> {
        Ok(self.tx.found(self.row.subnet, address)?.filter(|found| found.pool == self.row.id))
    }

    fn held_by(&self, address: Addr, owner: &Owner) -> Inner<Found> {
        match self.found(address)? {
            Some(found) if found.stored.record.owner.same_holder(owner) => Ok(found),
            Some(_) => Err(failed(&self.row.name, address, "is held by another owner")),
            None => Err(failed(&self.row.name, address, "is not held any more")),
        }
    }

    fn finish(self) -> Inner<Version> {
        if !self.is_changed {
            return Ok(self.row.version());
        }
        self.tx.store_pool(self.row.id, self.used, self.last)
    }
}

impl Tx<'_> {
    /// Writes what a commit has changed in a pool's row, and returns its new version.
    pub(crate) fn store_pool(self, id: i64, used: u64, last: Option<Addr>) -> Inner<Version> {
        let used = i64::try_from(used).map_err(|_| Fail::broken(format!("a pool with {used} records")))?;
        let version: i64 = self.0.query_row(
            "UPDATE pool SET used = ?2, last = ?3, version = version + 1 WHERE id = ?1 RETURNING version",
            params![id, used, last.map(Octets)],
            |row| row.get(0),
        )?;
        Ok(Version::new(version.to_string()))
    }
}

fn failed(pool: &PoolName, address: Addr, problem: &'static str) -> Fail {
    let error = ipam_core::Error::ConditionFailed { pool: pool.clone(), address, problem };
    Error::Condition(Box::new(error)).into()
}

/// The address that an operation has a condition on. Releasing what is not there has no effect, so it has none.
fn address_of(op: &PoolOp) -> Option<Addr> {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "an operation that is not known has no condition that is known"
    )]
    match op {
        PoolOp::Take(record) | PoolOp::TakeAgain(record) => Some(record.address),
        PoolOp::Rebind { address, .. } | PoolOp::Confirm { address, .. } => Some(*address),
        _ => None,
    }
}
