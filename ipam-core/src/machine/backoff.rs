//! Pauses between tries: grow with the conflicts seen, jittered, bounded by the deadline.

use std::time::Duration;

use crate::machine::{GiveUp, Step};
use crate::record::Time;
use crate::store::Class;

/// Pause after the first conflict. Most conflicts are over as soon as the other writer's commit is.
const PAUSE_MIN_MS: u64 = 4;
/// Longest pause. With 20 writers of 50 ms each on one pool a turn comes about once a second.
const PAUSE_MAX_MS: u64 = 1_000;

/// The state of a request's tries.
#[derive(Clone, Debug)]
pub(super) struct Backoff {
    deadline: Time,
    tries: u32,
    random: u64,
}

impl Backoff {
    pub(super) const fn new(deadline: Time, seed: u64) -> Self {
        // An odd number is never zero, which xorshift could not leave.
        Self { deadline, tries: 0, random: seed.wrapping_mul(2).wrapping_add(0x9e37_79b9_7f4a_7c15) | 1 }
    }

    /// What to do after a failure of the store: wait for another try, or give up.
    pub(super) fn after<Output>(&mut self, class: Class, now: Time) -> Step<Output> {
        if class == Class::Rejected {
            return Step::GiveUp(GiveUp::Store);
        }
        if now >= self.deadline {
            return Step::GiveUp(GiveUp::Deadline);
        }
        let pause = self.pause();
        self.tries = self.tries.saturating_add(1);
        #[expect(clippy::arithmetic_side_effects, reason = "an addition to a time saturates")]
        let until = now + pause;
        Step::WaitUntil(until.min(self.deadline))
    }

    /// Half of the growing pause for sure, the other half by chance: writers that met once should not meet again.
    fn pause(&mut self) -> Duration {
        let grown =
            PAUSE_MIN_MS.saturating_mul(1_u64.checked_shl(self.tries).unwrap_or(u64::MAX)).min(PAUSE_MAX_MS);
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let half = grown / 2;
        Duration::from_millis(
            half.saturating_add(self.random.checked_rem(half.saturating_add(1)).unwrap_or(0)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end_at_the_deadline() {
        let mut backoff = Backoff::new(Time::from_millis(10_000), 7);
        let mut now = Time::default();
        let mut longest = Duration::ZERO;
        loop {
            let step = backoff.after::<()>(Class::Conflict, now);
            let Step::WaitUntil(until) = step else {
                assert_eq!(step, Step::GiveUp(GiveUp::Deadline));
                break;
            };
            assert!(until > now, "a pause is never empty before the deadline");
            longest = longest.max(until.since(now));
            now = until;
        }
        assert_eq!(now, Time::from_millis(10_000));
        assert!(longest <= Duration::from_millis(PAUSE_MAX_MS));
        assert!(longest >= Duration::from_millis(PAUSE_MAX_MS / 2));
    }

    #[test]
    fn what_is_rejected_is_not_tried_again() {
        let mut backoff = Backoff::new(Time::from_millis(10_000), 7);
        assert_eq!(backoff.after::<()>(Class::Rejected, Time::default()), Step::GiveUp(GiveUp::Store));
    }
}
