//! The one error of the crate: what can be wrong with what a runtime or an administrator hands over.
//!
//! A variant is named for what happened and carries data. [`Error::cni_code`] is its number on the wire; its text becomes
//! `msg`, what would have been accepted becomes `details`. Where the reference implementation has a text that people search
//! for (`incompatible CNI versions`, `required env variables […] missing`), the text here is the same.

use std::io;
use std::path::PathBuf;

use super::code::ErrorCode;
use super::env::Command;
use super::version::CniVersion;

/// What can go wrong in this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Parameters that the operation needs are absent or empty: all of them.
    #[error("required env variables [{}] missing", .names.join(","))]
    MissingParameters {
        /// Their names.
        names: Vec<&'static str>,
    },
    /// `CNI_COMMAND` is none of the operations.
    #[error("unknown CNI_COMMAND: {value}")]
    UnknownCommand {
        /// What was given.
        value: String,
    },
    /// A parameter that its grammar refuses.
    #[error("invalid {name} {value:?}: {problem}")]
    InvalidParameter {
        /// The variable.
        name: &'static str,
        /// What was given.
        value: String,
        /// Why it is refused.
        problem: &'static str,
        /// What would be accepted.
        accepted: &'static str,
    },
    /// The container's namespace is the plugin's own: addresses would go to the host.
    #[error("plugin's netns and netns from CNI_NETNS should not be the same")]
    OwnNetns {
        /// The value of `CNI_NETNS`.
        netns: PathBuf,
    },
    /// Standard input failed.
    #[error("error reading from stdin")]
    Stdin(#[source] io::Error),
    /// More on standard input than a configuration can be.
    #[error("network configuration on stdin is longer than {bytes_max} bytes")]
    StdinTooLong {
        /// The limit.
        bytes_max: u64,
    },
    /// Not JSON.
    #[error("error unmarshall network config: {}", json_problem(.0))]
    NotJson(serde_json::Error),
    /// A value of another JSON type than the key takes.
    #[error("{path} is {found}; want {wanted}")]
    WrongType {
        /// The key, from the top: `ipam.pools[0].subnet`.
        path: String,
        /// What was found.
        found: &'static str,
        /// What would be accepted.
        wanted: &'static str,
    },
    /// A value that the grammar of its key refuses.
    #[error("{path} is {value:?}: {problem}")]
    InvalidValue {
        /// The key, from the top.
        path: String,
        /// What was given.
        value: String,
        /// Why it is refused.
        problem: String,
        /// What would be accepted.
        accepted: &'static str,
    },
    /// A key that must be there.
    #[error("{path} is missing; want {wanted}")]
    MissingKey {
        /// The key, from the top.
        path: String,
        /// What would be accepted.
        wanted: &'static str,
    },
    /// The configuration has no `name`.
    #[error("missing network name")]
    MissingNetworkName,
    /// The configuration's `name` is outside its grammar.
    #[error("invalid characters found in network name")]
    InvalidNetworkName {
        /// What was given.
        name: String,
    },
    /// The configuration's version is not one of the plugin's.
    #[error("incompatible CNI versions")]
    IncompatibleVersion {
        /// The configuration's.
        config: String,
        /// The plugin's.
        supported: &'static [CniVersion],
    },
    /// The configuration's version does not have the operation.
    #[error("config version does not allow {command}")]
    CommandNotInVersion {
        /// The operation.
        command: Command,
        /// The configuration's version.
        config: CniVersion,
    },
    /// An item of `CNI_ARGS` that is not `K=V`.
    #[error("ARGS: invalid pair {pair:?}")]
    ArgsInvalidPair {
        /// The item.
        pair: String,
    },
    /// Keys in `CNI_ARGS` that nobody knows, without `IgnoreUnknown=1`.
    #[error("ARGS: unknown args [{}]", quoted(.pairs))]
    ArgsUnknown {
        /// The items.
        pairs: Vec<String>,
    },
    /// A value in `CNI_ARGS` that its key refuses.
    #[error("ARGS: error parsing value of pair {pair:?}")]
    ArgsInvalidValue {
        /// The item.
        pair: String,
        /// What would be accepted.
        accepted: &'static str,
    },
    /// Results before 0.3.0 hold one or two addresses, never none.
    #[error("cannot convert: no valid IP addresses")]
    ResultWithoutAddress {
        /// The version that was asked for.
        version: CniVersion,
    },
    /// `log_level` is none of the levels.
    #[error("unsupported log level {value}")]
    UnsupportedLogLevel {
        /// What was given.
        value: String,
    },
    /// The log file cannot be opened for appending.
    #[error("failed to setup file logging: {}: {problem}", .path.display())]
    LogFile {
        /// The file.
        path: PathBuf,
        /// Why.
        problem: io::Error,
    },
}

/// Why text does not fit the grammar of its value. The border adds which key or variable it stood in, see
/// [`Error::InvalidParameter`] and [`Error::InvalidValue`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{problem}; want {accepted}")]
pub struct Malformed {
    /// What is wrong.
    pub problem: &'static str,
    /// What would be accepted.
    pub accepted: &'static str,
}

impl Error {
    /// The number that the runtime is told.
    pub fn cni_code(&self) -> ErrorCode {
        match self {
            Self::MissingParameters { .. }
            | Self::UnknownCommand { .. }
            | Self::InvalidParameter { .. }
            | Self::ArgsInvalidPair { .. }
            | Self::ArgsUnknown { .. }
            | Self::ArgsInvalidValue { .. } => ErrorCode::InvalidEnvironment,
            Self::OwnNetns { .. } => ErrorCode::InvalidNetns,
            Self::Stdin(_) | Self::StdinTooLong { .. } | Self::LogFile { .. } => ErrorCode::Io,
            Self::NotJson(_) => ErrorCode::Decode,
            Self::WrongType { .. }
            | Self::InvalidValue { .. }
            | Self::MissingKey { .. }
            | Self::MissingNetworkName
            | Self::InvalidNetworkName { .. }
            | Self::UnsupportedLogLevel { .. } => ErrorCode::InvalidConfig,
            Self::IncompatibleVersion { .. } | Self::CommandNotInVersion { .. } => {
                ErrorCode::IncompatibleVersion
            }
            Self::ResultWithoutAddress { .. } => ErrorCode::Internal,
        }
    }

    /// What the message leaves out: the value, what would be accepted, the cause.
    pub fn details(&self) -> Option<String> {
        const WANT_PAIRS: &str = "CNI_ARGS: want K=V pairs separated by ';'";
        match self {
            Self::UnknownCommand { .. } => Some(format!("want one of {}", Command::names())),
            Self::InvalidParameter { accepted, .. } | Self::InvalidValue { accepted, .. } => {
                Some(format!("want {accepted}"))
            }
            Self::OwnNetns { netns } => Some(format!("CNI_NETNS is {}", netns.display())),
            Self::Stdin(source) => Some(source.to_string()),
            Self::NotJson(source) => Some(source.to_string()),
            Self::MissingNetworkName => {
                Some("name: want a letter or digit, then letters, digits, '_', '.' or '-'".to_owned())
            }
            Self::InvalidNetworkName { name } => Some(name.clone()),
            Self::IncompatibleVersion { config, supported } => {
                let supported: Vec<String> = supported.iter().map(ToString::to_string).collect();
                Some(format!("config is {config:?}, plugin supports [{}]", quoted(&supported)))
            }
            Self::CommandNotInVersion { command, config } => {
                let first = CniVersion::ALL.iter().find(|version| version.has(*command));
                first.map(|first| format!("config is {config}, {command} came with {first}"))
            }
            Self::ArgsInvalidPair { .. } => Some(WANT_PAIRS.to_owned()),
            Self::ArgsUnknown { .. } => {
                Some("CNI_ARGS: add IgnoreUnknown=1 to have them passed over".to_owned())
            }
            Self::ArgsInvalidValue { accepted, .. } => Some(format!("CNI_ARGS: want {accepted}")),
            Self::ResultWithoutAddress { version } => Some(format!("a result of {version} holds an address")),
            Self::UnsupportedLogLevel { .. } => {
                Some("want debug, info, warn, error, fatal or panic".to_owned())
            }
            Self::MissingParameters { .. }
            | Self::StdinTooLong { .. }
            | Self::WrongType { .. }
            | Self::MissingKey { .. }
            | Self::LogFile { .. } => None,
        }
    }
}

/// The commonest case, an empty or cut-off input, in the reference implementation's words.
fn json_problem(error: &serde_json::Error) -> String {
    if error.is_eof() { "unexpected end of JSON input".to_owned() } else { error.to_string() }
}

fn quoted(items: &[String]) -> String {
    items.iter().map(|item| format!("{item:?}")).collect::<Vec<_>>().join(" ")
}
