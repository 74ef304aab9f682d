//! What a pool may give out now: disjoint runs of free addresses, and those that cool.
//!
//! A pick is a search for one run, taking an address splits its run, releasing merges runs: each a few pages of a tree, as cheap in a
//! full pool with 60,000 records as in an empty one.

use std::time::Duration;

use ipam_core::{Addr, Family, IpRange, RangeSet, Start, Time};
use rusqlite::{OptionalExtension, params};

use crate::error::{Fail, Inner};
use crate::rows::{Millis, Octets, range};
use crate::session::Tx;

/// The number of a pool in the file.
pub(crate) type PoolId = i64;

/// The two tables of runs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Runs {
    Space,
    Free,
}

impl Runs {
    const fn around(self) -> &'static str {
        match self {
            Self::Space => {
                "SELECT first, last FROM space WHERE pool = ?1 AND first <= ?2 ORDER BY first DESC LIMIT 1"
            }
            Self::Free => {
                "SELECT first, last FROM free WHERE pool = ?1 AND first <= ?2 ORDER BY first DESC LIMIT 1"
            }
        }
    }

    const fn all(self) -> &'static str {
        match self {
            Self::Space => "SELECT first, last FROM space WHERE pool = ?1 ORDER BY first",
            Self::Free => "SELECT first, last FROM free WHERE pool = ?1 ORDER BY first",
        }
    }

    const fn clear(self) -> &'static str {
        match self {
            Self::Space => "DELETE FROM space WHERE pool = ?1",
            Self::Free => "DELETE FROM free WHERE pool = ?1",
        }
    }

    const fn insert(self) -> &'static str {
        match self {
            Self::Space => "INSERT INTO space (pool, first, last) VALUES (?1, ?2, ?3)",
            Self::Free => "INSERT INTO free (pool, first, last) VALUES (?1, ?2, ?3)",
        }
    }
}

impl Tx<'_> {
    /// The run that has this address.
    pub(crate) fn run_with(self, runs: Runs, pool: PoolId, address: Addr) -> Inner<Option<IpRange>> {
        let mut statement = self.0.prepare(runs.around())?;
        let mut rows = statement.query(params![pool, Octets(address)])?;
        let found = rows.next()?.map(|row| range(row, 0)).transpose()?;
        Ok(found.filter(|run| run.contains(address)))
    }

    /// All runs of a pool as a set.
    pub(crate) fn runs(self, runs: Runs, pool: PoolId, family: Family) -> Inner<RangeSet> {
        let mut statement = self.0.prepare(runs.all())?;
        let mut rows = statement.query([pool])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(range(row, 0)?);
        }
        RangeSet::from_ranges(family, found).map_err(|error| Fail::broken(error.to_string()))
    }

    /// Replaces the runs of a pool.
    pub(crate) fn set_runs(self, runs: Runs, pool: PoolId, set: &RangeSet) -> Inner<()> {
        self.0.execute(runs.clear(), [pool])?;
        let mut insert = self.0.prepare(runs.insert())?;
        for run in set.ranges() {
            insert.execute(params![pool, Octets(run.first()), Octets(run.last())])?;
        }
        Ok(())
    }

    /// The free address where this start says to begin, wrapping once; else the one that cools longest.
    pub(crate) fn pick_any(
        self,
        pool: PoolId,
        family: Family,
        start: Start,
        last: Option<Addr>,
        except: &[Addr],
    ) -> Inner<Option<Addr>> {
        let from = match start {
            Start::Lowest => None,
            Start::Spread(hash) => self.spread_over(pool, family, hash)?,
            Start::Rotate => last.and_then(Addr::next),
        };
        let bottom = Addr::first_of(family);
        if let Some(from) = from
            && let Some(found) = self.free_from(pool, from, except)?
        {
            return Ok(Some(found));
        }
        match self.free_from(pool, bottom, except)? {
            Some(found) => Ok(Some(found)),
            None => self.oldest_cooling(pool, except),
        }
    }

    /// The member of the pool's space that a hash falls on.
    fn spread_over(self, pool: PoolId, family: Family, hash: u128) -> Inner<Option<Addr>> {
        let space = self.runs(Runs::Space, pool, family)?;
        Ok(hash.checked_rem(space.len()).and_then(|index| space.nth(index)))
    }

    /// The first free address that is not below `from` and not excepted.
    fn free_from(self, pool: PoolId, from: Addr, except: &[Addr]) -> Inner<Option<Addr>> {
        let mut from = from;
        // At most one round more than there are excepted addresses, which are those of one request.
        loop {
            let Some(found) = self.next_free(pool, from)? else { return Ok(None) };
            if !except.contains(&found) {
                return Ok(Some(found));
            }
            match found.next() {
                Some(next) => from = next,
                None => return Ok(None),
            }
        }
    }

    fn next_free(self, pool: PoolId, from: Addr) -> Inner<Option<Addr>> {
        if self.run_with(Runs::Free, pool, from)?.is_some() {
            return Ok(Some(from));
        }
        let mut statement =
            self.0.prepare("SELECT first FROM free WHERE pool = ?1 AND first > ?2 ORDER BY first LIMIT 1")?;
        let found =
            statement.query_row(params![pool, Octets(from)], |row| row.get::<_, Octets>(0)).optional()?;
        Ok(found.map(|Octets(address)| address))
    }

    fn oldest_cooling(self, pool: PoolId, except: &[Addr]) -> Inner<Option<Addr>> {
        let mut statement =
            self.0.prepare("SELECT address FROM cooling WHERE pool = ?1 ORDER BY since, address")?;
        let mut rows = statement.query([pool])?;
        while let Some(row) = rows.next()? {
            let Octets(address) = row.get(0)?;
            if !except.contains(&address) {
                return Ok(Some(address));
            }
        }
        Ok(None)
    }

    /// Makes free again what was freed at least `cooldown` ago. Each address is moved once, so a pick pays for what was
    /// released since the last one, not for what the pool holds.
    pub(crate) fn warm_up(self, pool: PoolId, now: Time, cooldown: Duration) -> Inner<()> {
        let mut statement = self
            .0
            .prepare("SELECT address, since FROM cooling WHERE pool = ?1 ORDER BY since, address LIMIT 64")?;
        loop {
            let mut warm = Vec::new();
            let mut rows = statement.query([pool])?;
            while let Some(row) = rows.next()? {
                let (Octets(address), Millis(since)) = (row.get(0)?, row.get(1)?);
                if now.since(since) < cooldown {
                    break;
                }
                warm.push(address);
            }
            drop(rows);
            if warm.is_empty() {
                return Ok(());
            }
            for address in warm {
                self.stop_cooling(pool, address)?;
                self.add_free(pool, address)?;
            }
        }
    }

    fn stop_cooling(self, pool: PoolId, address: Addr) -> Inner<bool> {
        Ok(self.0.execute(
            "DELETE FROM cooling WHERE pool = ?1 AND address = ?2",
            params![pool, Octets(address)],
        )? > 0)
    }

    /// Takes an address out of what is free or cools. False if it was neither.
    pub(crate) fn remove_free(self, pool: PoolId, address: Addr) -> Inner<bool> {
        let Some(run) = self.run_with(Runs::Free, pool, address)? else {
            return self.stop_cooling(pool, address);
        };
        let first = Octets(run.first());
        match (
            address.prev().filter(|_| address > run.first()),
            address.next().filter(|_| address < run.last()),
        ) {
            (None, None) => {
                self.0.execute("DELETE FROM free WHERE pool = ?1 AND first = ?2", params![pool, first])?;
            }
            (None, Some(next)) => {
                self.0.execute(
                    "UPDATE free SET first = ?3 WHERE pool = ?1 AND first = ?2",
                    params![pool, first, Octets(next)],
                )?;
            }
            (Some(prev), None) => self.end_run(pool, run.first(), prev)?,
            (Some(prev), Some(next)) => {
                self.end_run(pool, run.first(), prev)?;
                self.0.execute(Runs::Free.insert(), params![pool, Octets(next), Octets(run.last())])?;
            }
        }
        Ok(true)
    }

    fn end_run(self, pool: PoolId, first: Addr, last: Addr) -> Inner<()> {
        self.0.execute(
            "UPDATE free SET last = ?3 WHERE pool = ?1 AND first = ?2",
            params![pool, Octets(first), Octets(last)],
        )?;
        Ok(())
    }

    /// Makes an address free, merging it with its neighbours.
    fn add_free(self, pool: PoolId, address: Addr) -> Inner<()> {
        let below = match address.prev() {
            Some(prev) => self.run_with(Runs::Free, pool, prev)?,
            None => None,
        };
        let above = match address.next() {
            Some(next) => self.run_with(Runs::Free, pool, next)?,
            None => None,
        };
        if below.is_some_and(|run| run.contains(address)) || above.is_some_and(|run| run.contains(address)) {
            return Err(Fail::broken(format!("{address} is free already, though it was held or cooling")));
        }
        if let Some(above) = above {
            self.0.execute(
                "DELETE FROM free WHERE pool = ?1 AND first = ?2",
                params![pool, Octets(above.first())],
            )?;
        }
        let last = above.map_or(address, IpRange::last);
        match below {
            Some(below) => self.end_run(pool, below.first(), last),
            None => {
                self.0.execute(Runs::Free.insert(), params![pool, Octets(address), Octets(last)])?;
                Ok(())
            }
        }
    }

    /// Gives an address whose record is gone back to its pool's free ones, or has it cool. Outside of the space: neither.
    /// True if it is in this pool's space.
    pub(crate) fn give_back(self, pool: PoolId, address: Addr, now: Time, cooldown: Duration) -> Inner<bool> {
        if self.run_with(Runs::Space, pool, address)?.is_none() {
            return Ok(false);
        }
        if cooldown.is_zero() {
            self.add_free(pool, address)?;
        } else {
            self.0.execute(
                "INSERT INTO cooling (pool, address, since) VALUES (?1, ?2, ?3)",
                params![pool, Octets(address), Millis(now)],
            )?;
        }
        Ok(true)
    }

    /// Computes a pool's free runs anew: its space less the records of the subnet, whoever's they are, and less what cools.
    pub(crate) fn renew_free(self, pool: PoolId, subnet: i64, space: &RangeSet) -> Inner<RangeSet> {
        let family = space.family();
        let held = self.held_in(subnet, family)?;
        let open = space.difference(&held);
        // What cools must be a part of what would be free otherwise.
        let cooling = self.cooling_set(pool, family)?;
        for stray in cooling.difference(&open).ranges() {
            self.0.execute(
                "DELETE FROM cooling WHERE pool = ?1 AND address BETWEEN ?2 AND ?3",
                params![pool, Octets(stray.first()), Octets(stray.last())],
            )?;
        }
        Ok(open.difference(&cooling))
    }

    /// The addresses of a pool that cool.
    pub(crate) fn cooling_set(self, pool: PoolId, family: Family) -> Inner<RangeSet> {
        self.address_set("SELECT address FROM cooling WHERE pool = ?1 ORDER BY address", pool, family)
    }

    /// The addresses of a subnet that have records.
    pub(crate) fn held_in(self, subnet: i64, family: Family) -> Inner<RangeSet> {
        self.address_set("SELECT address FROM record WHERE subnet = ?1 ORDER BY address", subnet, family)
    }

    fn address_set(self, sql: &str, of: i64, family: Family) -> Inner<RangeSet> {
        let mut statement = self.0.prepare(sql)?;
        let mut rows = statement.query([of])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(IpRange::single(row.get::<_, Octets>(0)?.0));
        }
        RangeSet::from_ranges(family, found).map_err(|error| Fail::broken(error.to_string()))
    }
}
