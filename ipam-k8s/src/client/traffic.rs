//! How many requests were sent, and how many bytes.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::Method;

/// What a request does, as Kubernetes names it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Verb {
    /// One object is read.
    Get,
    /// Many are.
    List,
    /// Changes are listened for.
    Watch,
    /// An object is made.
    Create,
    /// It, or its status, is replaced.
    Update,
    /// It is changed in parts.
    Patch,
    /// It is deleted.
    Delete,
}

impl Verb {
    /// The verb as one word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Watch => "watch",
            Self::Create => "create",
            Self::Update => "update",
            Self::Patch => "patch",
            Self::Delete => "delete",
        }
    }

    /// Whether it changes something.
    #[must_use]
    pub const fn is_write(self) -> bool {
        matches!(self, Self::Create | Self::Update | Self::Patch | Self::Delete)
    }

    pub(super) fn of(method: &Method, has_name: bool, query: Option<&str>) -> Self {
        let is_watch = || {
            let mut pairs = query.unwrap_or_default().split('&');
            pairs.any(|pair| matches!(pair, "watch=true" | "watch=1"))
        };
        match method.as_str() {
            "POST" => Self::Create,
            "PUT" => Self::Update,
            "PATCH" => Self::Patch,
            "DELETE" => Self::Delete,
            _ if is_watch() => Self::Watch,
            _ if has_name => Self::Get,
            _ => Self::List,
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Requests of one kind.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Count {
    /// Requests that were sent, those among them that were answered with 429.
    pub requests: u64,
    /// How many of them were told to wait (429).
    pub throttled: u64,
    /// Bytes of the bodies that were sent. Heads are not counted.
    pub sent_bytes: u64,
    /// Bytes of the bodies that were received, as far as they were read.
    pub received_bytes: u64,
}

impl Count {
    fn since(self, earlier: Self) -> Self {
        Self {
            requests: self.requests.saturating_sub(earlier.requests),
            throttled: self.throttled.saturating_sub(earlier.throttled),
            sent_bytes: self.sent_bytes.saturating_sub(earlier.sent_bytes),
            received_bytes: self.received_bytes.saturating_sub(earlier.received_bytes),
        }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            requests: self.requests.saturating_add(other.requests),
            throttled: self.throttled.saturating_add(other.throttled),
            sent_bytes: self.sent_bytes.saturating_add(other.sent_bytes),
            received_bytes: self.received_bytes.saturating_add(other.received_bytes),
        }
    }
}

type Key = (Verb, String);

/// The counts of a moment, by verb and resource (with its subresource: `spiderippools/status`).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Counts(BTreeMap<Key, Count>);

impl Counts {
    /// Each kind of request that was sent at least once.
    pub fn iter(&self) -> impl Iterator<Item = (Verb, &str, Count)> {
        self.0.iter().map(|((verb, resource), count)| (*verb, resource.as_str(), *count))
    }

    /// Requests of one kind.
    #[must_use]
    pub fn of(&self, verb: Verb, resource: &str) -> Count {
        self.0.get(&(verb, resource.to_owned())).copied().unwrap_or_default()
    }

    /// What was sent after `earlier`; what was not sent again is left out.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let since = |(key, count): (&Key, &Count)| {
            let count = count.since(earlier.0.get(key).copied().unwrap_or_default());
            (count.requests > 0).then(|| (key.clone(), count))
        };
        Self(self.0.iter().filter_map(since).collect())
    }

    /// All requests that change something, together.
    #[must_use]
    pub fn writes(&self) -> Count {
        self.sum(Verb::is_write)
    }

    /// All that do not, but for watches, which are answered for as long as they last.
    #[must_use]
    pub fn reads(&self) -> Count {
        self.sum(|verb| matches!(verb, Verb::Get | Verb::List))
    }

    fn sum(&self, is_meant: impl Fn(Verb) -> bool) -> Count {
        let meant = self.0.iter().filter(|((verb, _), _)| is_meant(*verb));
        meant.fold(Count::default(), |sum, (_, count)| sum.plus(*count))
    }
}

/// One line for each kind: `2 update spiderippools/status`.
impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut between = "";
        for ((verb, resource), count) in &self.0 {
            write!(f, "{between}{} {verb} {resource}", count.requests)?;
            between = "\n";
        }
        Ok(())
    }
}

/// The book of requests of a [`Cluster`](super::Cluster). Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Traffic(Arc<Mutex<Counts>>);

impl Traffic {
    /// The counts now.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.lock().clone()
    }

    pub(super) fn add(&self, key: &Key, count: Count) {
        let mut counts = self.lock();
        let entry = counts.0.entry(key.clone()).or_default();
        *entry = entry.plus(count);
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        // A number more or less is all that a panic could leave behind.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a request is about: its resource with the subresource, and whether it names an object. Paths that are no resource are
/// one kind, so that the kinds stay few.
pub(super) fn resource_of(path: &str) -> (String, bool) {
    let mut parts = path.split('/').filter(|part| !part.is_empty());
    let is_resource = match parts.next() {
        Some("api") => parts.next().is_some(),
        Some("apis") => parts.next().and(parts.next()).is_some(),
        Some(_) | None => false,
    };
    let rest: Vec<&str> = parts.collect();
    let within = match rest.as_slice() {
        ["namespaces", _, within @ ..] if !within.is_empty() && !is_namespace_part(within) => within,
        all => all,
    };
    match within {
        _ if !is_resource => ("other".to_owned(), true),
        [] => ("discovery".to_owned(), true),
        [resource] => ((*resource).to_owned(), false),
        [resource, _] => ((*resource).to_owned(), true),
        [resource, _, subresource, ..] => (format!("{resource}/{subresource}"), true),
    }
}

/// `namespaces/NAME/status` and `finalize` are parts of the namespace itself.
fn is_namespace_part(within: &[&str]) -> bool {
    matches!(within, ["status" | "finalize"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_told_apart() {
        for (path, resource, has_name) in [
            ("/api/v1/pods", "pods", false),
            ("/api/v1/namespaces/ns/pods/p", "pods", true),
            ("/api/v1/namespaces/ns", "namespaces", true),
            ("/api/v1/namespaces", "namespaces", false),
            ("/api/v1/namespaces/ns/status", "namespaces/status", true),
            ("/apis/spiderpool.spidernet.io/v2beta1/spiderippools", "spiderippools", false),
            ("/apis/spiderpool.spidernet.io/v2beta1/spiderippools/v4/status", "spiderippools/status", true),
            ("/apis/spiderpool.spidernet.io/v2beta1/namespaces/ns/spiderendpoints", "spiderendpoints", false),
            ("/apis/apps/v1", "discovery", true),
            ("/version", "other", true),
        ] {
            assert_eq!(resource_of(path), (resource.to_owned(), has_name), "{path}");
        }
    }

    #[test]
    fn verbs_are_those_of_kubernetes() {
        assert_eq!(Verb::of(&Method::GET, true, None), Verb::Get);
        assert_eq!(Verb::of(&Method::GET, false, Some("limit=500")), Verb::List);
        assert_eq!(Verb::of(&Method::GET, false, Some("limit=500&watch=true")), Verb::Watch);
        assert_eq!(Verb::of(&Method::PUT, true, None), Verb::Update);
    }

    #[test]
    fn counts_have_differences() {
        let traffic = Traffic::default();
        let key = (Verb::Get, "pods".to_owned());
        traffic.add(&key, Count { requests: 1, ..Count::default() });
        let earlier = traffic.counts();
        traffic.add(
            &(Verb::Create, "pods".to_owned()),
            Count { requests: 1, sent_bytes: 9, ..Count::default() },
        );
        let since = traffic.counts().since(&earlier);
        assert_eq!((since.reads().requests, since.writes().requests, since.writes().sent_bytes), (0, 1, 9));
        assert_eq!(since.to_string(), "1 create pods");
    }
}
