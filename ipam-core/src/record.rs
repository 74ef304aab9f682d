//! What a store keeps: records (address → owner) and attachments (owner, NIC → addresses).

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

use crate::addr::Addr;
use crate::owner::{Nic, Owner};
use crate::pool::PoolName;

/// An instant on the caller's clock, in milliseconds since a start that the caller chose. The crate reads no clock.
///
/// Only differences mean anything, so a clock that the administrator cannot turn back is the right one.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct Time(u64);

impl Time {
    /// That many milliseconds after the start.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the start.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// The time that has passed since `earlier`; zero if that is in the future.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    fn add(self, step: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(step.as_millis()).unwrap_or(u64::MAX)))
    }
}

impl Sub<Duration> for Time {
    type Output = Self;

    fn sub(self, step: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(step.as_millis()).unwrap_or(u64::MAX)))
    }
}

/// In which run of the machine, and when in it, a record was last confirmed by its owner.
///
/// A record of an earlier boot says that its container is gone unless the runtime brings it back: see [`InferredDeath`](crate::InferredDeath).
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Stamp {
    /// Identifies the boot (on Linux `/proc/sys/kernel/random/boot_id`).
    pub boot: String,
    /// The instant within that boot.
    pub at: Time,
}

/// One address and who holds it.
#[derive(Clone, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Record {
    /// The address. It has at most one record within a subnet.
    pub address: Addr,
    /// Who holds it.
    pub owner: Owner,
    /// When it was last confirmed, in stores that keep that.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub stamp: Option<Stamp>,
}

/// An address together with the pool that it is from.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Assignment {
    /// The pool.
    pub pool: PoolName,
    /// The address.
    pub address: Addr,
}

impl fmt::Display for Assignment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of IPPool {}", self.address, self.pool)
    }
}

/// The addresses of one NIC of an owner: in a cluster an entry of the SpiderEndpoint.
#[derive(Clone, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Attachment {
    /// The NIC.
    pub nic: Nic,
    /// Its addresses, one a family, v4 first.
    pub assignments: Vec<Assignment>,
}
