//! Times of a kind, as the original shows them: average, longest, shortest and latest since the start, and a histogram.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::metrics::histogram::Histogram;

use super::{List, Seconds};

/// Five metrics of one time.
#[derive(Debug)]
pub(super) struct Times {
    average: Seconds,
    max: Seconds,
    min: Seconds,
    latest: Seconds,
    histogram: Histogram,
    seen: Mutex<Seen>,
}

/// What has been seen since the start.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    count: u64,
    total: f64,
    max: f64,
    min: f64,
}

impl Times {
    /// Their names are `STEM_average_KINDduration_seconds` and so on.
    pub(super) fn new(list: &mut List, stem: &str, kind: &str, help: &str) -> Self {
        let mut gauge = |which: &str, words: &str| {
            list.gauge(&format!("{stem}_{which}_{kind}duration_seconds"), &format!("{help}: {words}"))
        };
        Self {
            average: gauge("average", "the average since the start"),
            max: gauge("max", "the longest since the start"),
            min: gauge("min", "the shortest since the start"),
            latest: gauge("latest", "the latest"),
            histogram: list.histogram(&format!("{stem}_{kind}duration_seconds"), help),
            seen: Mutex::default(),
        }
    }

    pub(super) fn record(&self, time: Duration) {
        let seconds = time.as_secs_f64();
        self.histogram.observe(seconds);
        // Plain numbers: a thread that has panicked leaves nothing half done that matters. The lock is held until the gauges are
        // set, so that they belong together.
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.min = if seen.count == 0 { seconds } else { seen.min.min(seconds) };
        seen.max = seen.max.max(seconds);
        seen.total += seconds;
        seen.count = seen.count.saturating_add(1);
        #[expect(
            clippy::as_conversions,
            reason = "no lossless way, and beyond 2^53 calls it does not matter"
        )]
        self.average.set(seen.total / seen.count as f64);
        self.max.set(seen.max);
        self.min.set(seen.min);
        self.latest.set(seconds);
    }
}
