//! What is counted of a kind of call.

use std::time::{Duration, Instant};

use prometheus_client::metrics::counter::Counter;

use super::List;
use super::times::Times;
use crate::agent::ipam::{Cause, Refusal};

/// Counts, failures and times of ADDs, or of releases.
#[derive(Debug)]
pub struct CallMetrics {
    counts: Counter,
    failures: Counter,
    conflicts: Counter,
    internal: Counter,
    retries_exhausted: Counter,
    /// An ADD alone can lack a pool or an address.
    no_available_pool: Option<Counter>,
    used_out: Option<Counter>,
    durations: Times,
    waits: Times,
}

/// A call under way.
#[derive(Debug)]
pub struct Timing<'m> {
    metrics: &'m CallMetrics,
    begun: Instant,
}

impl CallMetrics {
    pub(super) fn allocation(list: &mut List) -> Self {
        let mut metrics = Self::new(list, "allocation", "allocation");
        metrics.no_available_pool = Some(list.counter(
            "ipam_allocation_err_no_available_pool_counts",
            "Allocations that failed since no pool could be used",
        ));
        metrics.used_out = Some(list.counter(
            "ipam_allocation_err_ip_used_out_counts",
            "Allocations that failed since no address was free",
        ));
        metrics
    }

    pub(super) fn release(list: &mut List) -> Self {
        Self::new(list, "release", "release")
    }

    fn new(list: &mut List, name: &str, noun: &str) -> Self {
        let mut counter =
            |rest: &str, help: &str| list.counter(&format!("ipam_{name}_{rest}"), &help.replace("{}", noun));
        Self {
            counts: counter("counts", "Requests for {}"),
            failures: counter("failure_counts", "Requests for {} that failed"),
            conflicts: counter(
                "update_ippool_conflict_counts",
                "Writes of a pool for {} that met a newer version",
            ),
            internal: counter("err_internal_counts", "Requests for {} that failed by no other counted cause"),
            retries_exhausted: counter(
                "err_retries_exhausted_counts",
                "Requests for {} that failed since others wrote the pool again and again",
            ),
            no_available_pool: None,
            used_out: None,
            durations: Times::new(
                list,
                &format!("ipam_{name}"),
                "",
                &format!("Time of a request for {noun}"),
            ),
            waits: Times::new(
                list,
                &format!("ipam_{name}"),
                "limit_",
                &format!("Time that a request for {noun} waited for another one of the same pod"),
            ),
        }
    }

    /// A call begins: it counts from now on.
    pub fn begin(&self) -> Timing<'_> {
        self.counts.inc();
        Timing { metrics: self, begun: Instant::now() }
    }

    /// A write of a pool met a newer version.
    pub fn conflict(&self) {
        self.conflicts.inc();
    }

    /// A call waited so long for another one of the same pod.
    pub fn waited(&self, wait: Duration) {
        self.waits.record(wait);
    }

    /// A call was refused before it was one. It has no time; like other wrong input it has no cause.
    pub fn malformed(&self) {
        self.counts.inc();
        self.failures.inc();
    }

    fn failed(&self, causes: &[Cause]) {
        self.failures.inc();
        let counter = |cause| match cause {
            Cause::NoAvailablePool => Some(self.no_available_pool.as_ref().unwrap_or(&self.internal)),
            Cause::UsedOut => Some(self.used_out.as_ref().unwrap_or(&self.internal)),
            Cause::RetriesExhausted => Some(&self.retries_exhausted),
            Cause::WrongInput => None,
        };
        let mut counted = Vec::new();
        for cause in causes {
            if !counted.contains(cause) {
                counted.push(*cause);
                counter(*cause).map(Counter::inc);
            }
        }
        if causes.is_empty() {
            self.internal.inc();
        }
    }
}

impl Timing<'_> {
    /// The call has ended; how long it took.
    pub fn finish(self, result: Result<(), &Refusal>) -> Duration {
        let elapsed = self.begun.elapsed();
        self.metrics.durations.record(elapsed);
        if let Err(refusal) = result {
            self.metrics.failed(&refusal.causes);
        }
        elapsed
    }
}
