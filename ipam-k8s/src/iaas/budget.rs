//! How long a call may take, and when it is not begun.

use std::time::Duration;

use super::error::{ApiCall, ProviderError};
use crate::client::Deadline;

/// What a provider may need: 30 s until its rate limit lets the request pass, 16 s of the cloud, 2 s of the network.
const WORST_CASE: Duration = Duration::from_secs(48);
/// With less than this an answer could hardly come back.
const SHORTEST: Duration = Duration::from_secs(1);

/// Until when an answer is waited for, and who says so.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    pub(super) deadline: Deadline,
    timeout: Duration,
    is_callers: bool,
}

impl Budget {
    /// The budget of a call that may take `timeout`, for a caller that waits until `parent`.
    ///
    /// An allocation that is cut off leaves open what the cloud has done, and the pod cannot start without the answer: it is begun only
    /// with time for the provider's worst case, or for the whole timeout where that is shorter. A release is different: it
    /// may be repeated, and its answer says no more than that it was taken on, so it is sent as long as there is time for an answer.
    /// A caller at a DEL has the pod's grace period less 5 s, mostly 25 s: held to the worst case it would never send one.
    pub(super) fn new(
        call: ApiCall,
        timeout: Duration,
        parent: Option<Deadline>,
    ) -> Result<Self, ProviderError> {
        let own = Deadline::after(timeout);
        let Some(parent) = parent else {
            return Ok(Self { deadline: own, timeout, is_callers: false });
        };
        let worst = match call {
            ApiCall::Allocate => WORST_CASE,
            ApiCall::Release => SHORTEST,
        };
        let (needed, remaining) = (worst.min(timeout), parent.remaining());
        if remaining < needed {
            return Err(ProviderError::BudgetInsufficient { remaining, needed });
        }
        Ok(Self { deadline: own.min(parent), timeout, is_callers: parent < own })
    }

    /// The milliseconds that are left, rounded up: what the provider is told.
    pub(super) fn millis(self) -> u64 {
        let millis = self.deadline.remaining().as_nanos().div_ceil(1_000_000);
        u64::try_from(millis).unwrap_or(u64::MAX)
    }

    /// What it means that no answer came until the deadline.
    pub(super) const fn exceeded(self, call: ApiCall) -> ProviderError {
        if self.is_callers {
            ProviderError::BudgetExhausted { call }
        } else {
            ProviderError::TimedOut { call, timeout: self.timeout }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn in_time(time: Duration) -> Option<Deadline> {
        Some(Deadline::after(time))
    }

    #[tokio::test(start_paused = true)]
    async fn an_allocation_wants_time_for_the_worst_case() {
        let short = Budget::new(ApiCall::Allocate, seconds(50), in_time(Duration::from_millis(47_999)));
        assert!(matches!(
            short,
            Err(ProviderError::BudgetInsufficient { remaining, needed })
                if remaining == Duration::from_millis(47_999) && needed == seconds(48)
        ));
        let exact = Budget::new(ApiCall::Allocate, seconds(50), in_time(seconds(48))).unwrap();
        assert_eq!(exact.millis(), 48_000);
        assert!(matches!(exact.exceeded(ApiCall::Allocate), ProviderError::BudgetExhausted { .. }));
    }

    #[tokio::test(start_paused = true)]
    async fn or_for_the_whole_of_a_shorter_timeout() {
        assert!(Budget::new(ApiCall::Allocate, seconds(20), in_time(seconds(19))).is_err());
        let budget = Budget::new(ApiCall::Allocate, seconds(20), in_time(seconds(20))).unwrap();
        assert_eq!(budget.millis(), 20_000);
        assert!(matches!(budget.exceeded(ApiCall::Allocate), ProviderError::TimedOut { .. }));
    }

    #[tokio::test(start_paused = true)]
    async fn a_release_wants_time_for_an_answer() {
        for (left, want) in [(25, Some(25_000)), (5, Some(5_000)), (1, Some(1_000)), (0, None)] {
            let budget = Budget::new(ApiCall::Release, seconds(50), in_time(seconds(left)));
            assert_eq!(budget.ok().map(Budget::millis), want, "{left}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_caller_s_deadline_the_timeout_holds() {
        for call in [ApiCall::Allocate, ApiCall::Release] {
            let budget = Budget::new(call, seconds(50), None).unwrap();
            assert_eq!(budget.millis(), 50_000);
            assert!(
                matches!(budget.exceeded(call), ProviderError::TimedOut { timeout, .. } if timeout == seconds(50))
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_left_is_rounded_up() {
        let budget = Budget::new(ApiCall::Allocate, Duration::from_nanos(1), None).unwrap();
        assert_eq!(budget.millis(), 1);
        tokio::time::advance(seconds(1)).await;
        assert_eq!(budget.millis(), 0);
    }
}
