//! The run of the machine and the time within it.
//!
//! Times in the store count from the start of the machine (`CLOCK_BOOTTIME`): no administrator turns that clock back, and it
//! goes on while the machine sleeps. They mean something within one boot only, so the boot's id goes with them.

use std::fs;
use std::path::Path;
use std::thread;

use ipam_core::{Clock, Stamp, Time};

use crate::error::Error;

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// Where the store has its boot id and time from.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TimeSource {
    /// The kernel.
    System,
    /// The caller: for tests, and for programs that simulate hosts.
    Fixed(Stamp),
}

impl TimeSource {
    /// Boot and time of now.
    pub(crate) fn now(&self) -> Result<Stamp, Error> {
        match self {
            Self::Fixed(stamp) => Ok(stamp.clone()),
            Self::System => {
                let path = Path::new(BOOT_ID);
                let text =
                    fs::read_to_string(path).map_err(|source| Error::io("read the boot id", path, source))?;
                Ok(Stamp { boot: text.trim().to_owned(), at: boottime() })
            }
        }
    }
}

/// The kernel's clock for [`ipam_core::run`]: milliseconds since the machine started, as the records have them.
#[derive(Clone, Copy, Debug, Default)]
pub struct BootClock;

impl Clock for BootClock {
    fn now(&self) -> Time {
        boottime()
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the pause between two tries is the rule itself; its length is the machine's"
    )]
    fn wait_until(&mut self, time: Time) {
        thread::sleep(time.since(boottime()));
    }
}

fn boottime() -> Time {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let millis = now.tv_sec.saturating_mul(1_000).saturating_add(now.tv_nsec / 1_000_000);
    // The kernel's clock is never negative.
    Time::from_millis(u64::try_from(millis).unwrap_or(0))
}
