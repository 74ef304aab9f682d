//! How a watch fares, for those who read what it brings and for those who look after it.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::client::CallError;

/// What a broken watch has brought is believed for so long: a connection that is made again at once should cost no request.
const BELIEVED: Duration = Duration::from_secs(10);

/// What is watched.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Source {
    /// SpiderIPPools.
    Pools,
    /// SpiderSubnets.
    Subnets,
    /// SpiderReservedIPs.
    Reserved,
    /// Namespaces.
    Namespaces,
    /// The node that this program runs on.
    Node,
    /// The pods of that node.
    Pods,
}

impl Source {
    /// The name of the resource, as Kubernetes has it in its paths.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pools => "spiderippools",
            Self::Subnets => "spidersubnets",
            Self::Reserved => "spiderreservedips",
            Self::Namespaces => "namespaces",
            Self::Node => "nodes",
            Self::Pods => "pods",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether what is known of a source is current.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Health {
    /// Nothing has been read yet.
    Cold,
    /// A watch is open: what is known is what the API server has, less the time that an event takes.
    Live,
    /// The watch ended and could not be opened again yet.
    Broken,
    /// The API server has no such kind: its definition is not installed.
    Absent,
}

/// How a watch fares.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SourceState {
    /// What it is about.
    pub source: Source,
    /// Whether what is known is current.
    pub health: Health,
    /// Since when it is so.
    pub since: Instant,
    /// When the API server was last heard: a list, an event, a mark that nothing has happened.
    pub heard: Option<Instant>,
    /// The version up to which everything is known. Opaque.
    pub version: String,
    /// How often everything was listed.
    pub lists: u64,
    /// How often a watch was opened.
    pub watches: u64,
    /// Events, without marks.
    pub events: u64,
    /// Events whose object could not be read; what is known of such an object is forgotten.
    pub unreadable: u64,
    /// The last failure, while it is not over.
    pub failure: Option<String>,
}

/// The state of one watch, shared by those who look at it.
#[derive(Debug)]
pub(super) struct Pulse {
    state: watch::Sender<SourceState>,
    /// Held while a list is put in place of what is known, so that an older list cannot follow a newer one.
    order: Mutex<()>,
}

impl Pulse {
    pub(super) fn new(source: Source) -> Self {
        let state = SourceState {
            source,
            health: Health::Cold,
            since: Instant::now(),
            heard: None,
            version: String::new(),
            lists: 0,
            watches: 0,
            events: 0,
            unreadable: 0,
            failure: None,
        };
        Self { state: watch::Sender::new(state), order: Mutex::default() }
    }

    pub(super) fn state(&self) -> SourceState {
        self.state.borrow().clone()
    }

    pub(super) fn changes(&self) -> watch::Receiver<SourceState> {
        self.state.subscribe()
    }

    /// A watch is open, or there is nothing to watch.
    pub(super) fn is_live(&self) -> bool {
        matches!(self.state.borrow().health, Health::Live | Health::Absent)
    }

    /// What is known may be used without asking.
    pub(super) fn is_believed(&self) -> bool {
        let state = self.state.borrow();
        match state.health {
            Health::Live | Health::Absent => true,
            Health::Broken => state.lists > 0 && state.since.elapsed() < BELIEVED,
            Health::Cold => false,
        }
    }

    /// Puts a list in place that the watch itself has read.
    pub(super) fn follow(&self, version: &str, put: impl FnOnce()) {
        let _order = self.ordered();
        put();
        self.change(|state| {
            state.lists = state.lists.saturating_add(1);
            state.version = version.to_owned();
        });
    }

    /// Puts a list in place that somebody else has read, unless the watch has got on meanwhile.
    pub(super) fn unless_live(&self, put: impl FnOnce()) {
        let _order = self.ordered();
        if !self.is_live() {
            put();
        }
    }

    pub(super) fn opened(&self) {
        let _order = self.ordered();
        self.change(|state| {
            state.watches = state.watches.saturating_add(1);
            state.failure = None;
            set(state, Health::Live);
        });
    }

    pub(super) fn moved(&self, version: String, is_event: bool) {
        self.change(|state| {
            state.events = state.events.saturating_add(u64::from(is_event));
            state.version = version;
        });
    }

    pub(super) fn unreadable(&self) {
        self.change(|state| state.unreadable = state.unreadable.saturating_add(1));
    }

    pub(super) fn absent(&self) -> bool {
        let was = self.state.borrow().health;
        self.change(|state| set(state, Health::Absent));
        was != Health::Absent
    }

    /// Whether this is news: the watch was fine until now, or failed for another reason.
    pub(super) fn broke(&self, error: &CallError) -> bool {
        let text = format!("{error}: {}", error.failure);
        let mut is_news = false;
        self.state.send_modify(|state| {
            is_news = state.failure.as_ref() != Some(&text);
            state.failure = Some(text);
            if state.health != Health::Cold {
                set(state, Health::Broken);
            }
        });
        is_news
    }

    fn change(&self, change: impl FnOnce(&mut SourceState)) {
        self.state.send_modify(|state| {
            state.heard = Some(Instant::now());
            change(state);
        });
    }

    fn ordered(&self) -> MutexGuard<'_, ()> {
        self.order.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn set(state: &mut SourceState, health: Health) {
    if state.health != health {
        (state.health, state.since) = (health, Instant::now());
    }
}
