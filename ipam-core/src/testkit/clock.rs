//! A clock that stands still unless somebody moves it.

use crate::drive::Clock;
use crate::record::Time;

/// The clock of tests: a pause moves it to the pause's end at once.
///
/// ```
/// use ipam_core::testkit::ManualClock;
/// use ipam_core::{Clock, Time};
/// let mut clock = ManualClock::default();
/// clock.wait_until(Time::from_millis(5));
/// assert_eq!(clock.now().as_millis(), 5);
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ManualClock(Time);

impl ManualClock {
    /// A clock that shows this.
    #[must_use]
    pub const fn at(now: Time) -> Self {
        Self(now)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Time {
        self.0
    }

    fn wait_until(&mut self, time: Time) {
        self.0 = self.0.max(time);
    }
}
