//! Checking the store: what its tables say against each other.
//!
//! Most of what is checked cannot be stored wrongly in the first place (see [`schema`](crate::schema)); the rest are copies, counts and
//! the file itself. Copies and counts can be made anew from what they are copies of. What cannot be made anew is left as it is and
//! named.

mod check;
mod problem;

use std::fmt;

use self::check::Check;
pub use self::problem::Problem;
use crate::error::Error;
use crate::session::Session;

/// What a check found.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct FsckReport {
    /// All that is wrong. Empty: the store is sound.
    pub findings: Vec<Finding>,
    /// How many records were looked at.
    pub records: u64,
    /// How many pools.
    pub pools: usize,
}

impl FsckReport {
    /// Whether nothing is wrong, or nothing any more.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.findings.iter().all(|finding| finding.is_repaired)
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Finding {
    /// What.
    pub problem: Problem,
    /// Whether this call has put it right.
    pub is_repaired: bool,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { problem, is_repaired } = self;
        match (is_repaired, problem.is_repairable()) {
            (true, _) => write!(f, "{problem}: repaired, {}", problem.remedy()),
            (false, true) => write!(f, "{problem}: `--repair` {}", problem.remedy()),
            (false, false) => write!(f, "{problem}: cannot be repaired, {}", problem.remedy()),
        }
    }
}

impl Session<'_> {
    /// Checks everything, and with `repair` puts right what can be without losing a record, in one transaction.
    ///
    /// # Errors
    /// What any commit can fail with. A damaged file is a finding, as far as SQLite can still say so.
    pub fn fsck(&mut self, repair: bool) -> Result<FsckReport, Error> {
        let mut report = FsckReport::default();
        let done = self.commit_inside(|tx| Check::new(tx, repair, &mut report).run());
        match done {
            Ok(()) => Ok(report),
            Err(Error::Damaged { detail, source, .. }) => {
                // Nothing was stored, so nothing is repaired.
                report.findings.iter_mut().for_each(|finding| finding.is_repaired = false);
                let detail = source.map_or(detail, |source| source.to_string());
                report.findings.push(Finding { problem: Problem::File { detail }, is_repaired: false });
                Ok(report)
            }
            Err(error) => Err(error),
        }
    }
}
