//! What a list of names and patterns comes to.

use std::collections::BTreeSet;

use super::error::SelectError;
use super::wildcard::{BadPattern, Wildcard};
use crate::addr::Family;
use crate::owner::Nic;
use crate::pool::{PoolName, PoolSpec};

/// An item of a list of pools, read.
#[derive(Debug)]
pub(super) enum Term<'t> {
    Name(&'t str),
    Pattern(&'t str, Wildcard),
}

/// A pool, as far as a list of names is concerned.
pub(super) trait Listing: Copy {
    fn called(&self) -> &PoolName;
}

impl Listing for &PoolSpec {
    fn called(&self) -> &PoolName {
        self.name()
    }
}

/// Reads the items. `first` gives the first pool of the family, which a malformed pattern is told with, as the original does.
pub(super) fn read<'t>(
    family: Family,
    texts: &'t [String],
    first: impl Fn() -> Option<String>,
) -> Result<Vec<Term<'t>>, SelectError> {
    let read = |text: &'t String| {
        if !Wildcard::is_pattern(text) {
            return Ok(Term::Name(text));
        }
        let glob = Wildcard::parse(text).map_err(|BadPattern| SelectError::BadPattern {
            family,
            pattern: text.clone(),
            candidate: first().unwrap_or_default(),
        })?;
        Ok(Term::Pattern(text, glob))
    };
    texts.iter().map(read).collect()
}

/// Refuses a name that stands twice. What a pattern matches besides is no mistake.
pub(super) fn each_once(terms: &[Term<'_>], nic: &Nic) -> Result<(), SelectError> {
    let mut seen = BTreeSet::new();
    for term in terms {
        match term {
            Term::Name(name) if !seen.insert(*name) => {
                return Err(SelectError::Duplicate { name: (*name).to_owned(), nic: nic.clone() });
            }
            Term::Name(_) | Term::Pattern(..) => {}
        }
    }
    Ok(())
}

/// The pools that the items name, and the patterns without a match.
pub(super) struct Named<P> {
    pub(super) pools: Vec<P>,
    pub(super) unmatched: Vec<String>,
}

/// Matches of a pattern take its place, in the order of `fitting`; a pool stands where it is named first.
///
/// A pattern stands for pools of its family only, which `fitting` holds, where a plain name may be a mistake to be told.
pub(super) fn expand<'p, P: Listing + 'p>(
    terms: &[Term<'_>],
    find: impl Fn(&str) -> Option<P>,
    fitting: &'p [P],
) -> Result<Named<P>, SelectError> {
    let mut named = Named { pools: Vec::new(), unmatched: Vec::new() };
    let mut seen = BTreeSet::new();
    for term in terms {
        match term {
            Term::Name(name) => {
                let pool = find(name).ok_or_else(|| SelectError::NotFound { name: (*name).to_owned() })?;
                if seen.insert(pool.called().clone()) {
                    named.pools.push(pool);
                }
            }
            Term::Pattern(text, glob) => {
                let mut hits = fitting.iter().filter(|pool| glob.matches(pool.called().as_str())).peekable();
                if hits.peek().is_none() {
                    named.unmatched.push((*text).to_owned());
                }
                for pool in hits {
                    if seen.insert(pool.called().clone()) {
                        named.pools.push(*pool);
                    }
                }
            }
        }
    }
    Ok(named)
}
