//! Which pools could be for a subject at all, without a look at the others.
//!
//! A pool stands under *one* of the exact conditions that it sets: the names of its nodes, a label with its values, its namespace,
//! the workload it was made for. Who does not meet that condition cannot use the pool, so a request looks under its own names and
//! labels, and under [`Place::Open`] where pools without such a condition are. What it finds is still held against all conditions.

use std::cmp::Ordering;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use super::listed::{Gate, ListedPool, Rank};
use super::sheets::Sheets;
use super::subject::{Network, Subject};
use crate::addr::Family;
use crate::owner::Nic;
use crate::pool::APP_KEYS;
use crate::selector::Selector;

/// What a condition is about.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
enum Place {
    Open,
    Node,
    NodeLabel,
    Namespace,
    NamespaceLabel,
    PodLabel,
    /// A workload, by namespace and name.
    Application,
    /// A Multus network, by its bare name: which namespace a bare name means is known by who asks.
    Network,
}

/// A condition that is met exactly: this name, this label with this value.
type AnchorRef<'a> = (Family, Place, &'a str, &'a str);

#[derive(Clone, Debug)]
pub(super) struct Anchor {
    family: Family,
    place: Place,
    key: String,
    value: String,
}

impl Anchor {
    fn parts(&self) -> AnchorRef<'_> {
        (self.family, self.place, &self.key, &self.value)
    }
}

/// The pools under one anchor, each list in order of preference and name: lists that are in order already are quickly merged.
#[derive(Clone, Debug, Default)]
struct Posting {
    default: Sheets<Arc<ListedPool>>,
    other: Sheets<Arc<ListedPool>>,
}

impl Posting {
    const fn len(&self) -> usize {
        self.default.len().saturating_add(self.other.len())
    }

    fn of(&mut self, pool: &ListedPool) -> &mut Sheets<Arc<ListedPool>> {
        if is_default(pool) { &mut self.default } else { &mut self.other }
    }
}

fn is_default(pool: &ListedPool) -> bool {
    pool.fields().default.unwrap_or(false)
}

/// What stands under an anchor.
#[derive(Clone, Debug)]
struct Slot {
    /// Decides the place, so that a search rarely reads texts. Without a key of its own: equal catalogues are laid out equally.
    hash: u64,
    anchor: Arc<Anchor>,
    posting: Arc<Posting>,
}

impl Slot {
    fn new(anchor: &Arc<Anchor>) -> Self {
        Self { hash: hash_of(anchor.parts()), anchor: Arc::clone(anchor), posting: Arc::default() }
    }

    /// How a slot stands to that of an anchor.
    fn is<'a>(anchor: AnchorRef<'a>) -> impl Fn(&Self) -> Ordering + 'a {
        let hash = hash_of(anchor);
        move |slot| slot.hash.cmp(&hash).then_with(|| slot.anchor.parts().cmp(&anchor))
    }
}

fn hash_of(anchor: AnchorRef<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    anchor.hash(&mut hasher);
    hasher.finish()
}

/// Where a pool stands; kept with it, so that it is found again whatever else has moved.
pub(super) type Anchors = Arc<[Arc<Anchor>]>;

/// The index over the pools of a catalogue.
#[derive(Clone, Debug, Default)]
pub(super) struct Index(Sheets<Slot>);

/// How a pool stands to another one: whom it is better for first, equal ones by name.
fn by_preference(pool: &ListedPool) -> impl Fn(&Arc<ListedPool>) -> Ordering + '_ {
    move |other| pool.rank.cmp(&other.rank).then_with(|| other.name().cmp(pool.name()))
}

impl Index {
    /// Puts a pool under one of its conditions, one under which few pools stand so far.
    pub(super) fn insert(&mut self, pool: &Arc<ListedPool>) -> Anchors {
        let load = |group: &Vec<Anchor>| {
            group.iter().map(|anchor| self.posting(anchor.parts()).map_or(0, Posting::len)).max()
        };
        let Some(group) = conditions(pool).into_iter().min_by_key(|group| (load(group), group.len())) else {
            return Arc::new([]);
        };
        let anchors: Anchors = group.into_iter().map(Arc::new).collect();
        for anchor in anchors.iter() {
            if let Some(slot) = self.0.entry(Slot::is(anchor.parts()), || Slot::new(anchor)) {
                let posting = Arc::make_mut(&mut slot.posting);
                posting.of(pool).insert(Arc::clone(pool), by_preference(pool));
            }
        }
        anchors
    }

    /// Takes a pool out from where it stands.
    pub(super) fn remove(&mut self, pool: &ListedPool, anchors: &[Arc<Anchor>]) {
        for anchor in anchors {
            let is = Slot::is(anchor.parts());
            let Some(slot) = self.0.get_mut(&is) else { continue };
            let posting = Arc::make_mut(&mut slot.posting);
            posting.of(pool).remove(by_preference(pool));
            if posting.len() == 0 {
                self.0.remove(&is);
            }
        }
    }

    fn posting(&self, anchor: AnchorRef<'_>) -> Option<&Posting> {
        self.0.get(Slot::is(anchor)).map(|slot| slot.posting.as_ref())
    }

    /// The pools of a family that the subject may use, the preferred ones first, equal ones in order of name.
    pub(super) fn eligible<'s>(
        &'s self,
        nic: &Nic,
        family: Family,
        is_default: bool,
        subject: &Subject,
    ) -> Vec<&'s Arc<ListedPool>> {
        let has_master = subject.uplinks.get(nic).is_some_and(|uplink| uplink.master.is_some());
        // Nothing can speak against a pool that sets no condition: what nobody may use does not stand here.
        let is_for = |pool: &&Arc<ListedPool>| {
            pool.rank == Rank::NONE && !has_master || pool.verdict(nic, family, subject).is_none()
        };
        let mut found: Vec<&Arc<ListedPool>> = Vec::new();
        for (place, key, value) in held_by(nic, subject) {
            let Some(posting) = self.posting((family, place, key, value)) else { continue };
            found.extend(posting.default.iter().filter(is_for));
            if !is_default {
                found.extend(posting.other.iter().filter(is_for));
            }
        }
        // The stable sort, since it makes use of the order that each list has.
        found.sort_by(|one, other| by_preference(other)(one));
        found
    }
}

/// Every exact condition that a subject meets.
fn held_by<'a>(nic: &Nic, subject: &'a Subject) -> impl Iterator<Item = (Place, &'a str, &'a str)> {
    let labels = |place, labels: &'a super::Labels| {
        labels.iter().map(move |(key, value)| (place, key.as_str(), value.as_str()))
    };
    let controller = subject.controller.as_ref();
    let network = match subject.uplinks.get(nic).map(|uplink| &uplink.network) {
        Some(Network::Named { name, .. }) => Some(name),
        Some(Network::Unset | Network::Unresolved(_)) | None => None,
    };
    [(Place::Open, "", ""), (Place::Node, "", subject.node.as_str())]
        .into_iter()
        .chain([(Place::Namespace, "", subject.namespace.as_str())])
        .chain(controller.map(|one| (Place::Application, one.namespace.as_str(), one.name.as_str())))
        .chain(network.map(|name| (Place::Network, "", name.as_str())))
        .chain(subject.node_labels.iter().flat_map(move |all| labels(Place::NodeLabel, all)))
        .chain(labels(Place::NamespaceLabel, &subject.namespace_labels))
        .chain(labels(Place::PodLabel, &subject.pod_labels))
}

/// The exact conditions of a pool, each as the anchors of which a subject must have one; the likely most selective first. None for a pool
/// that nobody can use.
fn conditions(pool: &ListedPool) -> Vec<Vec<Anchor>> {
    let Some(family) = pool.version.filter(|_| pool.is_usable()) else { return Vec::new() };
    let fields = pool.fields();
    let anchor = |place, key: &str, value: &str| Anchor {
        family,
        place,
        key: key.to_owned(),
        value: value.to_owned(),
    };
    let names = |place, names: &[String]| names.iter().map(|name| anchor(place, "", name)).collect();
    let mut groups: Vec<Vec<Anchor>> = Vec::new();
    let of_labels = |place, selector: &Selector, groups: &mut Vec<Vec<Anchor>>| {
        groups.extend(
            selector
                .wanted()
                .map(|(key, values)| values.iter().map(|value| anchor(place, key, value)).collect()),
        );
    };
    let application = fields.pod_affinity.as_ref().filter(|_| pool.standing.is_auto);
    if let Some(affinity) = application {
        let [_, _, _, namespace, name] =
            APP_KEYS.map(|key| affinity.match_labels.get(key).map_or("", String::as_str));
        groups.push(vec![anchor(Place::Application, namespace, name)]);
    }
    if let Gate::Labels(selector) = &pool.pod {
        of_labels(Place::PodLabel, selector, &mut groups);
    }
    match &pool.namespace {
        Gate::Names => groups.push(names(Place::Namespace, &fields.namespace_name)),
        Gate::Labels(selector) => of_labels(Place::NamespaceLabel, selector, &mut groups),
        Gate::Open | Gate::Malformed(_) => {}
    }
    match &pool.node {
        Gate::Names => groups.push(names(Place::Node, &fields.node_name)),
        Gate::Labels(selector) => of_labels(Place::NodeLabel, selector, &mut groups),
        Gate::Open | Gate::Malformed(_) => {}
    }
    // A pool that was made for a workload is that workload's on whatever network.
    if application.is_none() && !fields.multus_name.is_empty() {
        let bare = fields
            .multus_name
            .iter()
            .map(|name| name.split_once('/').map_or(name.as_str(), |(_, name)| name));
        groups.push(bare.map(|name| anchor(Place::Network, "", name)).collect());
    }
    if groups.is_empty() {
        groups.push(vec![anchor(Place::Open, "", "")]);
    }
    groups
}

impl ListedPool {
    /// Whether there can be anyone who may use the pool.
    fn is_usable(&self) -> bool {
        let is_malformed = |gate: &Gate| matches!(gate, Gate::Malformed(_));
        self.spec().is_some()
            && !self.standing.is_terminating
            && !self.fields().disable.unwrap_or(false)
            && ![&self.node, &self.namespace, &self.pod].into_iter().any(is_malformed)
    }
}
