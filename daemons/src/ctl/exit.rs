//! How the program ends.
//!
//! | Code | Meaning |
//! |---|---|
//! | 0 | done; `fsck` found nothing |
//! | 1 | refused, and nothing was changed; or `fsck` left findings |
//! | 2 | the command line is wrong |
//! | 3 | the store cannot be used: absent, busy, damaged, full, read-only, not ours; the cluster cannot be: not reached, no right to |
//! | 4 | done, but the answer cannot be written to standard output |

use std::io;
use std::process::ExitCode;

use ipam_core::DriveError;
use ipam_local::Error;

use super::cluster::Unusable;
use super::output::Unwritten;

/// For `--help`.
pub(super) const HELP: &str = "\
Which store or cluster it is about; the first that is given decides:
  --store PATH                                 this store
  --cluster, --kubeconfig PATH, --context C    this cluster
  variable SPIDERPOOL_STORE                    this store
  variable KUBECONFIG                          this cluster
  none of them                                 the store /var/lib/spiderpool/ipam.db
apply, delete, gc, export and import are for stores only.

Exit codes:
  0  done; fsck: nothing found
  1  refused, and nothing was changed; fsck: findings are left
  2  the command line is wrong
  3  the store cannot be used: absent, busy, damaged, full, read-only, not ours;
     the cluster cannot be used: not configured, not reached, not permitted
  4  done, but the answer cannot be written to standard output";

const REFUSED: u8 = 1;
const USAGE: u8 = 2;
const STORE: u8 = 3;
const UNWRITTEN: u8 = 4;

/// How a command that worked ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    Fine,
    /// `fsck` has something to say.
    Findings,
}

/// A command line that the grammar of arguments cannot refuse by itself.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Usage(pub(super) String);

/// The end of a run.
pub(super) enum End {
    Verdict(Verdict),
    /// The reader of standard output has gone: nothing is wrong.
    Unread,
    Failed(anyhow::Error),
}

impl End {
    pub(super) fn of(result: anyhow::Result<Verdict>) -> Self {
        match result {
            Ok(verdict) => Self::Verdict(verdict),
            Err(error) if is_broken_pipe(&error) => Self::Unread,
            Err(error) => Self::Failed(error),
        }
    }

    /// The chain of errors, once.
    pub(super) fn message(&self) -> Option<String> {
        match self {
            Self::Verdict(_) | Self::Unread => None,
            Self::Failed(error) => Some(format!("{error:#}")),
        }
    }

    pub(super) fn code(&self) -> ExitCode {
        match self {
            Self::Verdict(Verdict::Fine) | Self::Unread => ExitCode::SUCCESS,
            Self::Verdict(Verdict::Findings) => REFUSED.into(),
            Self::Failed(error) => code_of(error).into(),
        }
    }
}

/// The code for what the grammar of arguments says: help and version are no failure.
pub(super) fn usage(error: &clap::Error) -> ExitCode {
    if error.exit_code() == 0 { ExitCode::SUCCESS } else { USAGE.into() }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Unwritten>().is_some()
        && error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn code_of(error: &anyhow::Error) -> u8 {
    if error.downcast_ref::<Usage>().is_some() {
        return USAGE;
    }
    if error.downcast_ref::<Unwritten>().is_some() {
        return UNWRITTEN;
    }
    if error.downcast_ref::<Unusable>().is_some() {
        return STORE;
    }
    for cause in error.chain() {
        if let Some(error) = cause.downcast_ref::<Error>() {
            return if is_unusable(error) { STORE } else { REFUSED };
        }
        if let Some(DriveError::Deadline { .. }) = cause.downcast_ref::<DriveError<Error>>() {
            return STORE;
        }
    }
    REFUSED
}

/// Whether something else may have been meant: there is no such store, or the cluster cannot be used.
pub(super) fn is_elsewhere(error: &anyhow::Error) -> bool {
    let is_absent = |error: &Error| matches!(error, Error::NotFound { .. } | Error::NoDirectory { .. });
    error.downcast_ref::<Unusable>().is_some()
        || error.chain().any(|cause| cause.downcast_ref::<Error>().is_some_and(is_absent))
}

/// Whether it is the store that failed, rather than the request.
fn is_unusable(error: &Error) -> bool {
    matches!(
        error,
        Error::NotFound { .. }
            | Error::Deleted { .. }
            | Error::Replaced { .. }
            | Error::NoDirectory { .. }
            | Error::UnusablePath { .. }
            | Error::NetworkFileSystem { .. }
            | Error::Busy { .. }
            | Error::ForeignFile { .. }
            | Error::NewerSchema { .. }
            | Error::Damaged { .. }
            | Error::Full { .. }
            | Error::ReadOnly { .. }
            | Error::Io { .. }
            | Error::Sqlite { .. }
            | Error::UnknownOutcome { .. }
    )
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn codes_follow_the_cause() {
        let missing = || Error::NotFound { path: "/x".into() };
        let cases: [(&str, anyhow::Error, u8); 5] = [
            ("usage", Usage("no".to_owned()).into(), USAGE),
            ("store", missing().into(), STORE),
            ("store below", Err::<(), _>(missing()).context("cannot look").unwrap_err(), STORE),
            ("drive", DriveError::<Error>::Deadline { last: None }.into(), STORE),
            ("other", anyhow::anyhow!("no"), REFUSED),
        ];
        for (name, error, want) in cases {
            assert_eq!(code_of(&error), want, "{name}");
        }
    }

    #[test]
    fn a_closed_pipe_is_no_failure() {
        let written = |kind| End::of(Err::<Verdict, _>(io::Error::from(kind)).context(Unwritten));
        let end = written(io::ErrorKind::BrokenPipe);
        assert_eq!(end.message(), None);
        assert_eq!(format!("{:?}", end.code()), format!("{:?}", ExitCode::SUCCESS));
        let end = written(io::ErrorKind::StorageFull);
        assert_eq!(
            end.message().unwrap(),
            "the command was carried out, but its answer cannot be written: no storage space"
        );
        assert_eq!(format!("{:?}", end.code()), format!("{:?}", ExitCode::from(UNWRITTEN)));
    }
}
