//! Random choices from one printed seed: a run is repeated by setting `SPIDERPOOL_TEST_SEED`.
//!
//! What is replayed are the choices (which command, which owner, how long until the kill); the kernel still schedules as it likes.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};

/// The variable that replays a run.
pub const VARIABLE: &str = "SPIDERPOOL_TEST_SEED";

/// A stream of random numbers (SplitMix64).
#[derive(Debug, Clone)]
pub struct Seed {
    state: u64,
}

impl Seed {
    /// The seed from the environment, or a new one from the clock; printed either way.
    ///
    /// # Errors
    /// The variable holds something other than a whole number.
    pub fn from_environment() -> Result<Self> {
        let state = match std::env::var(VARIABLE) {
            Ok(text) => text.parse().with_context(|| format!("{VARIABLE}={text}: want a whole number"))?,
            Err(_) => u64::from(SystemTime::now().duration_since(UNIX_EPOCH)?.subsec_nanos()),
        };
        println_seed(state);
        Ok(Self { state })
    }

    /// A stream of its own for each of several threads.
    #[must_use]
    pub fn fork(&mut self) -> Self {
        Self { state: self.draw() }
    }

    /// The next number of the stream.
    pub fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit` (0 when `limit` is 0).
    pub fn below(&mut self, limit: u64) -> u64 {
        self.draw().checked_rem(limit).unwrap_or(0)
    }

    /// One of several things, or none of none.
    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> Option<&'a T> {
        let count = u64::try_from(choices.len()).unwrap_or(u64::MAX);
        choices.get(usize::try_from(self.below(count)).unwrap_or(0))
    }

    /// A span shorter than `limit`.
    pub fn span(&mut self, limit: Duration) -> Duration {
        Duration::from_nanos(self.below(u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX)))
    }
}

#[expect(clippy::print_stdout, reason = "a failure is replayed from the seed that the test printed")]
fn println_seed(seed: u64) {
    println!("seed: {VARIABLE}={seed}");
}
