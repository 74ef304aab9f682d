//! Why the agent does not start with what it was given.

use std::io;
use std::ops::RangeInclusive;
use std::path::PathBuf;

/// A setting that cannot be used. Each names the setting, its value and what is accepted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// A required variable is empty, or is not set and has no default.
    #[error("empty value of {name}")]
    EmptyVariable {
        /// The variable.
        name: &'static str,
    },
    /// A variable is no truth value.
    #[error("{name} require a bool value, but get {value}; want true or false")]
    NoTruth {
        /// The variable.
        name: &'static str,
        /// Its value.
        value: String,
    },
    /// A variable is no whole number.
    #[error("{name} require a int value, but get {value}; want a whole number")]
    NoNumber {
        /// The variable.
        name: &'static str,
        /// Its value.
        value: String,
    },
    /// A number is too small or too large.
    #[error("{name} is {value}; want {} to {}", .bounds.start(), .bounds.end())]
    OutOfBounds {
        /// The variable.
        name: &'static str,
        /// Its value.
        value: i64,
        /// What is accepted.
        bounds: RangeInclusive<i64>,
    },
    /// A variable or key whose value nothing here knows.
    #[error("{name} is {value:?}; want {accepted}")]
    Unknown {
        /// The variable or key.
        name: &'static str,
        /// Its value.
        value: String,
        /// What is accepted.
        accepted: &'static str,
    },
    /// A feature of the original that this agent does not have.
    #[error("{name} is {value:?}, and this agent does not support that; want {accepted}")]
    Unsupported {
        /// The variable or key.
        name: &'static str,
        /// Its value.
        value: String,
        /// What is accepted.
        accepted: &'static str,
    },
    /// The provider of addresses of a cloud cannot be reached as written.
    #[error(transparent)]
    Provider(#[from] ipam_k8s::iaas::SettingsError),
    /// Two listeners on one port.
    #[error("SPIDERPOOL_HEALTH_PORT and SPIDERPOOL_METRIC_HTTP_PORT are both {port}; want two ports")]
    SamePort {
        /// The port.
        port: u16,
    },
    /// Neither family is served.
    #[error("enableIPv4 and enableIPv6 are both false; want at least one of them true")]
    NoFamily,
    /// The file cannot be read.
    #[error("{}: cannot be read", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is no YAML, or not a mapping.
    #[error("{}: {reason}", .path.display())]
    NotYaml {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A key of the file has a value of another type.
    #[error("{key} is {found}; want {accepted}")]
    WrongType {
        /// The key.
        key: &'static str,
        /// What stands there.
        found: String,
        /// What is accepted.
        accepted: &'static str,
    },
}
