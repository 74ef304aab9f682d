//! The pools of a cluster, held ready for requests.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::Selected;
use super::error::SelectError;
use super::filter::{left_of, sift};
use super::index::{Anchors, Index};
use super::listed::ListedPool;
use super::names::{Listing, Named, Term, each_once, expand, read};
use super::reason::Rejected;
use super::sheets::Sheets;
use super::subject::Subject;
use crate::addr::Family;
use crate::owner::Nic;
use crate::pool::PoolName;

/// The pools of a cluster as a value: what a request may use is found without a look at every pool.
///
/// A clone shares its pools with what it was cloned from, so that one who follows the cluster can clone, change and publish the next
/// catalogue at each event, while requests go on with the one they began with.
///
/// ```
/// use ipam_core::PoolFields;
/// use ipam_core::select::{Asked, Catalogue, ListedPool, Standing, Subject};
/// let fields = |node: &str| PoolFields {
///     ip_version: Some(4),
///     subnet: "10.6.0.0/24".into(),
///     ips: vec!["10.6.0.10".into()],
///     node_name: vec![node.into()],
///     ..PoolFields::default()
/// };
/// let mut pools = Catalogue::default();
/// for (name, node) in [("rack-a", "n1"), ("rack-b", "n2")] {
///     pools.insert(ListedPool::new(name.parse()?, &fields(node), Standing::default()));
/// }
/// let subject = Subject { node: "n2".into(), ..Subject::default() };
/// let names = ["rack-*".to_owned()];
/// let nic = "eth0".parse()?;
/// let found = pools.candidates(&nic, ipam_core::Family::V4, Asked::Names(&names), &subject)?;
/// assert_eq!(found[0].name().as_str(), "rack-b");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    pools: Sheets<Shelved>,
    index: Index,
}

/// A pool and where it stands in the index.
#[derive(Clone, Debug)]
struct Shelved {
    pool: Arc<ListedPool>,
    anchors: Anchors,
}

/// Which pools a request names for one family.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Asked<'a> {
    /// Names and patterns, in order. None: no address of this family is wanted.
    Names(&'a [String]),
    /// The pools with `spec.default: true`.
    Default,
}

/// Every pool that a request names, with what was found about it.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    /// Those that it may use, best first.
    pub candidates: Vec<Arc<ListedPool>>,
    /// The others, in the order in which they are named.
    pub rejected: Vec<Rejected>,
    /// Patterns that match no pool of the family.
    pub unmatched: Vec<String>,
}

impl Survey {
    /// What selection came to, by name.
    ///
    /// # Errors
    /// [`SelectError::FilteredOut`] if pools or patterns are named and no pool is left, as [`Catalogue::candidates`] has it.
    pub fn selected(self, nic: &Nic, family: Family) -> Result<Selected, SelectError> {
        let Self { candidates, rejected, unmatched } = self;
        if candidates.is_empty() && !(rejected.is_empty() && unmatched.is_empty()) {
            return Err(SelectError::FilteredOut { nic: nic.clone(), family, rejected, unmatched });
        }
        Ok(Selected { candidates: candidates.iter().map(|pool| pool.name().clone()).collect(), rejected })
    }
}

impl Listing for &Arc<ListedPool> {
    fn called(&self) -> &PoolName {
        self.name()
    }
}

impl Catalogue {
    /// Puts a pool in, in place of the one of its name.
    pub fn insert(&mut self, pool: ListedPool) -> Option<Arc<ListedPool>> {
        let pool = Arc::new(pool);
        let old = self.remove(pool.name().as_str());
        let anchors = self.index.insert(&pool);
        let name = pool.name().clone();
        self.pools.insert(Shelved { pool, anchors }, |one| one.pool.name().cmp(&name));
        old
    }

    /// Takes a pool out.
    pub fn remove(&mut self, name: &str) -> Option<Arc<ListedPool>> {
        let Shelved { pool, anchors } = self.pools.remove(|one| one.pool.name().as_str().cmp(name))?;
        self.index.remove(&pool, &anchors);
        Some(pool)
    }

    /// The pool of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<ListedPool>> {
        self.pools.get(|one| one.pool.name().as_str().cmp(name)).map(|one| &one.pool)
    }

    /// All pools, in order of name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<ListedPool>> {
        self.pools.iter().map(|one| &one.pool)
    }

    /// How many pools there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.pools.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.pools.len() == 0
    }

    /// The pools that a NIC may use for an address of this family, best first: those with a narrower claim on it before those with a
    /// wider one, and equal ones as they are named (default pools and matches of a pattern in order of name).
    ///
    /// Empty where nothing is named: no names, or no default pool of this family.
    ///
    /// # Errors
    /// [`SelectError`]: a malformed pattern, a name twice or of no pool, or pools of which none may be used.
    pub fn candidates(
        &self,
        nic: &Nic,
        family: Family,
        asked: Asked<'_>,
        subject: &Subject,
    ) -> Result<Vec<Arc<ListedPool>>, SelectError> {
        let mut found = match asked {
            Asked::Default => self.index.eligible(nic, family, true, subject),
            Asked::Names(texts) => {
                self.eligible_of(&self.terms(nic, family, texts)?, nic, family, subject)?
            }
        };
        if found.is_empty() {
            // Why not takes a look at every pool that is named, which only a refusal is worth.
            return left_of(self.named(nic, family, asked)?, nic, family, |pool| {
                pool.verdict(nic, family, subject)
            })
            .map(|(pools, _)| pools.into_iter().cloned().collect());
        }
        // Nothing to do, and quickly done, where one pattern or the default pools are asked for.
        found.sort_by_key(|pool| Reverse(pool.rank));
        Ok(found.into_iter().cloned().collect())
    }

    /// What is found about each pool that is named. The candidates are those of [`Catalogue::candidates`].
    ///
    /// # Errors
    /// [`SelectError`]: a malformed pattern, a name twice or of no pool.
    pub fn survey(
        &self,
        nic: &Nic,
        family: Family,
        asked: Asked<'_>,
        subject: &Subject,
    ) -> Result<Survey, SelectError> {
        let Named { pools, unmatched } = self.named(nic, family, asked)?;
        let (mut kept, rejected) = sift(pools, |pool: &Arc<ListedPool>| pool.verdict(nic, family, subject));
        kept.sort_by_key(|pool| Reverse(pool.rank));
        Ok(Survey { candidates: kept.into_iter().cloned().collect(), rejected, unmatched })
    }

    /// Whether a pool is among those that are named, whatever speaks against its use.
    ///
    /// # Errors
    /// As [`Catalogue::survey`].
    pub fn is_named(
        &self,
        nic: &Nic,
        family: Family,
        asked: Asked<'_>,
        pool: &str,
    ) -> Result<bool, SelectError> {
        let named = self.named(nic, family, asked)?;
        Ok(named.pools.iter().any(|one| one.name().as_str() == pool))
    }

    /// Pools of this family, as far as they say so, in order of name.
    fn of(&self, family: Family) -> impl Iterator<Item = &Arc<ListedPool>> {
        self.iter().filter(move |pool| pool.version == Some(family))
    }

    fn terms<'t>(
        &self,
        nic: &Nic,
        family: Family,
        texts: &'t [String],
    ) -> Result<Vec<Term<'t>>, SelectError> {
        let first = || self.of(family).next().map(|pool| pool.name().to_string());
        let terms = read(family, texts, first)?;
        each_once(&terms, nic)?;
        Ok(terms)
    }

    /// All pools that are named, each once.
    fn named(
        &self,
        nic: &Nic,
        family: Family,
        asked: Asked<'_>,
    ) -> Result<Named<&Arc<ListedPool>>, SelectError> {
        match asked {
            Asked::Default => {
                let is_default = |pool: &&Arc<ListedPool>| pool.fields().default.unwrap_or(false);
                Ok(Named { pools: self.of(family).filter(is_default).collect(), unmatched: Vec::new() })
            }
            Asked::Names(texts) => {
                let terms = self.terms(nic, family, texts)?;
                let has_pattern = terms.iter().any(|term| matches!(term, Term::Pattern(..)));
                let fitting: Vec<_> = if has_pattern { self.of(family).collect() } else { Vec::new() };
                expand(&terms, |name| self.get(name), &fitting)
            }
        }
    }

    /// Those that may be used, each once and in the order in which they are named; the matches of a pattern by preference, then by name.
    fn eligible_of(
        &self,
        terms: &[Term<'_>],
        nic: &Nic,
        family: Family,
        subject: &Subject,
    ) -> Result<Vec<&Arc<ListedPool>>, SelectError> {
        let has_pattern = terms.iter().any(|term| matches!(term, Term::Pattern(..)));
        let eligible =
            if has_pattern { self.index.eligible(nic, family, false, subject) } else { Vec::new() };
        if let [Term::Pattern(_, glob)] = terms {
            return Ok(eligible.into_iter().filter(|pool| glob.matches(pool.name().as_str())).collect());
        }
        let (mut found, mut seen) = (Vec::new(), BTreeSet::new());
        for term in terms {
            match term {
                Term::Name(name) => {
                    let pool =
                        self.get(name).ok_or_else(|| SelectError::NotFound { name: (*name).to_owned() })?;
                    if pool.verdict(nic, family, subject).is_none() && seen.insert(pool.name()) {
                        found.push(pool);
                    }
                }
                Term::Pattern(_, glob) => {
                    let hits = eligible.iter().filter(|pool| glob.matches(pool.name().as_str()));
                    found.extend(hits.filter(|pool| seen.insert(pool.name())));
                }
            }
        }
        Ok(found)
    }
}

impl FromIterator<ListedPool> for Catalogue {
    /// Of several pools with one name the last stays.
    fn from_iter<I: IntoIterator<Item = ListedPool>>(pools: I) -> Self {
        let mut catalogue = Self::default();
        for pool in pools {
            catalogue.insert(pool);
        }
        catalogue
    }
}
