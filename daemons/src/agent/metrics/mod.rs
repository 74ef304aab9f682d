//! What the agent counts: every metric by the name that the original documents, all there from the start with 0.
//!
//! The names are those of the original's reference, its dashboards and its users' rules, not the ones that its releases since 1.1.1
//! export by mistake (`spiderpool_ipamAllocationCountsName_total`).

mod call;
mod exposition;
mod sizes;
mod times;

use std::sync::Arc;
use std::time::Duration;

use ipam_k8s::observe::{Observer, RequestKind};
use ipam_k8s::store::ClusterStore;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry};

pub use self::call::{CallMetrics, Timing};
pub(super) use self::exposition::serve;
use self::sizes::Sizes;

/// A gauge of seconds.
pub(super) type Seconds = Gauge<f64, std::sync::atomic::AtomicU64>;

/// All names begin so.
const PREFIX: &str = "spiderpool";

/// Bounds of histograms, in seconds; the original's.
const BUCKETS: [f64; 9] = [0.1, 0.3, 0.5, 1.0, 3.0, 5.0, 7.0, 10.0, 15.0];

/// What kind of metric something is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MetricKind {
    /// Only grows; its series ends in `_total`.
    Counter,
    /// A value of the moment.
    Gauge,
    /// Values in buckets.
    Histogram,
}

/// A metric, for the reference.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MetricRow {
    /// The name of its series; of a histogram, what they begin with.
    pub name: String,
    /// Its kind.
    pub kind: MetricKind,
    /// What it says.
    pub help: String,
}

/// Everything that is counted.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    rows: Vec<MetricRow>,
    allocation: CallMetrics,
    release: CallMetrics,
    auto_pool_waits: Counter,
    sizes: Sizes,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All metrics, at 0.
    #[must_use]
    pub fn new() -> Self {
        let mut list = List { registry: Registry::with_prefix(PREFIX), rows: Vec::new() };
        let allocation = CallMetrics::allocation(&mut list);
        let release = CallMetrics::release(&mut list);
        let auto_pool_waits = list.counter(
            "debug_auto_pool_waited_for_available_counts",
            "Allocations that waited for an automatic pool",
        );
        let sizes = list.sizes();
        let List { registry, rows } = list;
        Self { registry, rows, allocation, release, auto_pool_waits, sizes }
    }

    /// From now on the sizes of the pools that a store knows are shown. The first store counts.
    pub fn show_pools(&self, store: Arc<ClusterStore>) {
        _ = self.sizes.0.set(store);
    }

    /// Of ADDs.
    #[must_use]
    pub fn allocation(&self) -> &CallMetrics {
        &self.allocation
    }

    /// Of DELs and of releases after conflicts.
    #[must_use]
    pub fn release(&self) -> &CallMetrics {
        &self.release
    }

    const fn of(&self, kind: RequestKind) -> &CallMetrics {
        match kind {
            RequestKind::Allocation => &self.allocation,
            RequestKind::Release => &self.release,
        }
    }

    /// Every metric, in the order of the exposition.
    #[must_use]
    pub fn rows(&self) -> &[MetricRow] {
        &self.rows
    }

    /// The text that a scrape gets that does not ask for `OpenMetrics`.
    #[must_use]
    pub fn exposition(&self) -> String {
        exposition::text(&self.registry, exposition::Form::Text)
    }
}

impl Observer for Metrics {
    fn conflict(&self, kind: RequestKind) {
        self.of(kind).conflict();
    }

    fn waited(&self, kind: RequestKind, time: Duration) {
        self.of(kind).waited(time);
    }

    fn auto_pool_waited(&self) {
        self.auto_pool_waits.inc();
    }
}

/// Metrics on their way into the registry.
struct List {
    registry: Registry,
    rows: Vec<MetricRow>,
}

impl List {
    fn counter(&mut self, name: &str, help: &str) -> Counter {
        self.add(name, MetricKind::Counter, help, Counter::default())
    }

    fn gauge(&mut self, name: &str, help: &str) -> Seconds {
        self.add(name, MetricKind::Gauge, help, Seconds::default())
    }

    fn histogram(&mut self, name: &str, help: &str) -> Histogram {
        self.add(name, MetricKind::Histogram, help, Histogram::new(BUCKETS))
    }

    fn sizes(&mut self) -> Sizes {
        let sizes = Sizes::default();
        self.registry.register_collector(Box::new(sizes.clone()));
        let name = format!("{PREFIX}_{}", sizes::NAME);
        self.rows.push(MetricRow { name, kind: MetricKind::Gauge, help: sizes::help() });
        sizes
    }

    fn add<M: Metric + Clone>(&mut self, name: &str, kind: MetricKind, help: &str, metric: M) -> M {
        self.registry.register(name, help, metric.clone());
        let suffix = if kind == MetricKind::Counter { "_total" } else { "" };
        let name = format!("{PREFIX}_{name}{suffix}");
        self.rows.push(MetricRow { name, kind, help: help.to_owned() });
        metric
    }
}
