//! The clock of the store's machines: milliseconds since the pipeline began, by a clock that nobody can turn back.

use std::time::Duration;

use ipam_core::{AsyncClock, Time};
use tokio::time::{Instant, sleep_until};

use crate::client::Deadline;

/// The clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct StoreClock {
    start: Instant,
}

impl StoreClock {
    pub(super) fn new() -> Self {
        Self { start: Instant::now() }
    }

    /// A deadline on this clock.
    pub(super) fn at(self, deadline: Deadline) -> Time {
        time(deadline.instant().saturating_duration_since(self.start))
    }
}

fn time(since: Duration) -> Time {
    Time::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

impl AsyncClock for StoreClock {
    fn now(&self) -> Time {
        time(self.start.elapsed())
    }

    async fn wait_until(&self, time: Time) {
        if let Some(instant) = self.start.checked_add(Duration::from_millis(time.as_millis())) {
            sleep_until(instant).await;
        }
    }
}
