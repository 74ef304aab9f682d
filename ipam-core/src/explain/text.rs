//! Explanations for people: a line for each NIC and family, below it one for each pool.

use std::fmt;

use super::{Explanation, Finding, Outcome, PoolFinding, SlotExplanation};
use crate::machine::Verdict;
use crate::select::Rejected;

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}, pools named by {}", self.owner, self.source)?;
        for slot in &self.slots {
            write!(f, "{slot}")?;
        }
        match &self.refusal {
            Some(refusal) => writeln!(f, "refused as a whole: {refusal}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for SlotExplanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: ", self.nic, self.family)?;
        match &self.outcome {
            Outcome::Holds(held) => writeln!(f, "holds {held}")?,
            Outcome::WouldGet(found) => writeln!(f, "would get {found}")?,
            Outcome::Nothing { why } => writeln!(f, "nothing, because {why}")?,
        }
        for pool in &self.pools {
            writeln!(f, "  {pool}")?;
        }
        Ok(())
    }
}

impl fmt::Display for PoolFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.pool)?;
        match &self.finding {
            Finding::Holds(address) => write!(f, "{address} is held by this owner")?,
            Finding::Gives(address) => write!(f, "gives {address}")?,
            Finding::CouldGive(address) => write!(f, "could give {address}")?,
            Finding::Cannot(_) | Finding::Rejected(_) => f.write_str(&self.why().unwrap_or_default())?,
        }
        match self.room {
            Some(room) => write!(f, "; {} of {} free", room.free, room.capacity),
            None => Ok(()),
        }
    }
}

impl PoolFinding {
    /// What stands against the pool, in the words of the refusals.
    #[must_use]
    pub fn why(&self) -> Option<String> {
        let pool = || self.pool.clone();
        match &self.finding {
            Finding::Holds(_) | Finding::Gives(_) | Finding::CouldGive(_) => None,
            Finding::Cannot(why) => Some(Verdict { pool: pool(), why: why.clone() }.to_string()),
            Finding::Rejected(reason) => Some(Rejected { pool: pool(), reason: reason.clone() }.to_string()),
        }
    }
}
