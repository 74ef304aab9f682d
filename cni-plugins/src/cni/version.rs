//! The versions of the specification, and which operation each has.

use std::fmt;
use std::str::FromStr;

use super::env::Command;
use super::error::Malformed;

/// A released version of the CNI specification, oldest first.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum CniVersion {
    /// 0.1.0: one address of each family. Also what a configuration without `cniVersion` means.
    V0_1_0,
    /// 0.2.0: the same result; VERSION.
    V0_2_0,
    /// 0.3.0: lists of interfaces, addresses and routes; chains of plugins.
    V0_3_0,
    /// 0.3.1: the same, reworded.
    V0_3_1,
    /// 0.4.0: CHECK; `prevResult` on DEL.
    V0_4_0,
    /// 1.0.0: addresses without their family.
    V1_0_0,
    /// 1.1.0: GC, STATUS; more about routes and interfaces.
    V1_1_0,
}

impl CniVersion {
    /// Every version, oldest first.
    pub const ALL: &'static [Self] =
        &[Self::V0_1_0, Self::V0_2_0, Self::V0_3_0, Self::V0_3_1, Self::V0_4_0, Self::V1_0_0, Self::V1_1_0];

    /// The versions whose result is a list of addresses: what a plugin of today speaks.
    pub const SINCE_0_3_0: &'static [Self] =
        &[Self::V0_3_0, Self::V0_3_1, Self::V0_4_0, Self::V1_0_0, Self::V1_1_0];

    /// The newest version.
    pub const NEWEST: Self = Self::V1_1_0;

    /// The text of a configuration's `cniVersion`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V0_1_0 => "0.1.0",
            Self::V0_2_0 => "0.2.0",
            Self::V0_3_0 => "0.3.0",
            Self::V0_3_1 => "0.3.1",
            Self::V0_4_0 => "0.4.0",
            Self::V1_0_0 => "1.0.0",
            Self::V1_1_0 => "1.1.0",
        }
    }

    /// Whether this version defines `command`.
    pub fn has(self, command: Command) -> bool {
        match command {
            Command::Add | Command::Del | Command::Version => true,
            Command::Check => self >= Self::V0_4_0,
            Command::Gc | Command::Status => self >= Self::V1_1_0,
        }
    }
}

impl fmt::Display for CniVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

const UNKNOWN: Malformed =
    Malformed { problem: "it is no released version of the CNI specification", accepted: "0.1.0 to 1.1.0" };

impl FromStr for CniVersion {
    type Err = Malformed;

    /// Exact text only: versions are compared as text by runtimes too.
    fn from_str(text: &str) -> Result<Self, Malformed> {
        Self::ALL.iter().copied().find(|version| version.as_str() == text).ok_or(UNKNOWN)
    }
}
