//! How full the parts of a pool are, for a drawing of it.

use ipam_core::{IpRange, PoolName, RangeSet};
use rusqlite::params;

use crate::error::{Error, Inner};
use crate::free::Runs;
use crate::pools::POOL_KIND;
use crate::rows::Octets;
use crate::session::{Session, Tx};

/// A part of a pool: its share of the addresses that the pool can give out, in order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Cell {
    /// From the first to the last of these addresses; excluded and reserved ones may lie between.
    pub range: IpRange,
    /// How many addresses of it the pool can give out.
    pub capacity: u128,
    /// How many records it has. More than `capacity` if addresses that are reserved by now are still held.
    pub taken: u64,
}

impl Session<'_> {
    /// The pool cut into at most this many parts of equal size (the first ones may have one address more), each with a count of its
    /// records. Counting walks the index of records once, whatever the number of parts; addresses without records cost nothing.
    ///
    /// # Errors
    /// [`Error::NoObject`], and as [`Session::pools`].
    pub fn occupancy_map(&mut self, pool: &PoolName, cells: usize) -> Result<Vec<Cell>, Error> {
        let path = self.path().to_owned();
        self.inside(|tx| {
            let Some(row) = tx.pool_row(pool)? else {
                return Err(Error::NoObject { path, kind: POOL_KIND, name: pool.to_string() }.into());
            };
            let space = tx.runs(Runs::Space, row.id, tx.spec(pool)?.family())?;
            let mut statement = tx.0.prepare(TAKEN)?;
            let mut map = Vec::new();
            for (range, capacity) in parts(&space, cells) {
                let bounds = params![row.subnet, Octets(range.first()), Octets(range.last()), row.id];
                let taken: i64 = statement.query_row(bounds, |row| row.get(0))?;
                map.push(Cell { range, capacity, taken: u64::try_from(taken).unwrap_or(0) });
            }
            Ok(map)
        })
    }

    /// How many records the pool has in a range.
    ///
    /// # Errors
    /// As [`Session::occupancy_map`].
    pub fn taken_in(&mut self, pool: &PoolName, range: IpRange) -> Result<u64, Error> {
        let path = self.path().to_owned();
        self.inside(|tx| {
            let Some(row) = tx.pool_row(pool)? else {
                return Err(Error::NoObject { path, kind: POOL_KIND, name: pool.to_string() }.into());
            };
            tx.taken_in(row.subnet, row.id, range)
        })
    }
}

const TAKEN: &str =
    "SELECT count(*) FROM record WHERE subnet = ?1 AND address BETWEEN ?2 AND ?3 AND pool = ?4";

impl Tx<'_> {
    fn taken_in(self, subnet: i64, pool: i64, range: IpRange) -> Inner<u64> {
        let bounds = params![subnet, Octets(range.first()), Octets(range.last()), pool];
        let taken: i64 = self.0.query_row(TAKEN, bounds, |row| row.get(0))?;
        Ok(u64::try_from(taken).unwrap_or(0))
    }
}

/// Equal parts of a set, with their sizes.
fn parts(space: &RangeSet, parts: usize) -> Vec<(IpRange, u128)> {
    let all = space.len();
    let wanted = u128::try_from(parts).unwrap_or(u128::MAX).min(all);
    let (Some(size), Some(larger)) = (all.checked_div(wanted), all.checked_rem(wanted)) else {
        return Vec::new();
    };
    let mut rank = 0_u128;
    let mut found = Vec::new();
    for index in 0..wanted {
        let size = size + u128::from(index < larger);
        let (first, last) = (space.nth(rank), space.nth(rank + (size - 1)));
        if let (Some(first), Some(last)) = (first, last)
            && let Ok(range) = IpRange::new(first, last)
        {
            found.push((range, size));
        }
        rank = rank.saturating_add(size);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use ipam_core::Family;

    fn check(name: &str, ranges: &[&str], cells: usize, want: &[&str]) {
        let family = if ranges.iter().any(|range| range.contains(':')) { Family::V6 } else { Family::V4 };
        let set = RangeSet::from_ranges(family, ranges.iter().map(|range| range.parse().unwrap())).unwrap();
        let found: Vec<String> =
            parts(&set, cells).iter().map(|(range, size)| format!("{range}={size}")).collect();
        assert_eq!(found, want, "{name}");
    }

    #[test]
    fn a_space_is_cut_evenly() {
        check("empty", &[], 4, &[]);
        check("no parts", &["10.0.0.1"], 0, &[]);
        check("fewer addresses than parts", &["10.0.0.1-10.0.0.2"], 4, &["10.0.0.1=1", "10.0.0.2=1"]);
        check("a remainder", &["10.0.0.0-10.0.0.4"], 2, &["10.0.0.0-10.0.0.2=3", "10.0.0.3-10.0.0.4=2"]);
        check("over a hole", &["10.0.0.0-10.0.0.1", "10.0.0.8-10.0.0.9"], 1, &["10.0.0.0-10.0.0.9=4"]);
        check(
            "all of IPv6",
            &["::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
            1,
            &["::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe=340282366920938463463374607431768211455"],
        );
    }
}
