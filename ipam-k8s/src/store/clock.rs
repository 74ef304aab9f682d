//! The clock of an asynchronous program.

use ipam_core::{AsyncClock, Time};
use tokio::time::Instant;

/// Milliseconds since it was made, on a clock that nobody can set. For [`run_async`](ipam_core::run_async) within a tokio runtime; copies agree.
#[derive(Clone, Copy, Debug)]
pub struct SteadyClock(Instant);

impl SteadyClock {
    /// A clock that begins now.
    #[must_use]
    pub fn start() -> Self {
        Self(Instant::now())
    }
}

impl AsyncClock for SteadyClock {
    fn now(&self) -> Time {
        Time::from_millis(u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    async fn wait_until(&self, time: Time) {
        tokio::time::sleep(time.since(self.now())).await;
    }
}
