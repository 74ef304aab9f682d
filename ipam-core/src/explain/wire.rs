//! Findings for programs.

use serde::{Serialize, Serializer};

use super::{Finding, PoolFinding, Room};
use crate::addr::Addr;
use crate::machine::Why;
use crate::pool::PoolName;
use crate::select::Reason;
use crate::store::Obstacle;

/// A finding as it is written.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written<'a> {
    pool: &'a PoolName,
    finding: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<Addr>,
    /// One word for what a candidate gives nothing for.
    #[serde(skip_serializing_if = "Option::is_none")]
    obstacle: Option<&'static str>,
    /// `reason` and what belongs to it, of a pool that is no candidate.
    #[serde(flatten)]
    reason: Option<&'a Reason>,
    /// One sentence for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    #[serde(flatten)]
    room: Option<Room>,
}

impl Serialize for PoolFinding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (finding, address, obstacle, reason) = match &self.finding {
            Finding::Holds(address) => ("holds", Some(*address), None, None),
            Finding::Gives(address) => ("gives", Some(*address), None, None),
            Finding::CouldGive(address) => ("couldGive", Some(*address), None, None),
            Finding::Cannot(why) => ("cannot", None, Some(word(why)), None),
            Finding::Rejected(reason) => ("rejected", None, None, Some(reason)),
        };
        let (pool, why, room) = (&self.pool, self.why(), self.room);
        Written { pool, finding, address, obstacle, reason, why, room }.serialize(serializer)
    }
}

const fn word(why: &Why) -> &'static str {
    match why {
        Why::WrongFamily => "wrongFamily",
        Why::HoldsOther(_) => "holdsOther",
        Why::AskedTwice => "askedTwice",
        Why::Unwritable => "unwritable",
        Why::Obstacle(obstacle) => match obstacle {
            Obstacle::NoPool => "noPool",
            Obstacle::Disabled => "disabled",
            Obstacle::Exhausted { .. } => "exhausted",
            Obstacle::Limit { .. } => "limit",
            Obstacle::Held(_) => "held",
            Obstacle::Outside => "outside",
            Obstacle::Reserved => "reserved",
        },
    }
}

impl Serialize for Room {
    /// Beyond 2^63-1 a number is written as 2^63-1, as the API's `totalIPCount` is: readers of JSON know no larger whole numbers.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Written {
            free: i64,
            capacity: i64,
        }
        let number = |count: u128| i64::try_from(count).unwrap_or(i64::MAX);
        Written { free: number(self.free), capacity: number(self.capacity) }.serialize(serializer)
    }
}
