//! The error that a runtime is told: numbered, as JSON on standard output.

use std::fmt;

use serde::Serialize;

use super::error::Error;
use super::version::CniVersion;

/// A number that a plugin gives a meaning of its own: 100 and above, except 999, which the reference implementation uses
/// for whatever has no number.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PluginCode(u32);

impl PluginCode {
    /// `None` for a number that is not the plugin's to give.
    pub const fn new(number: u32) -> Option<Self> {
        if number >= 100 && number != 999 { Some(Self(number)) } else { None }
    }

    /// The number.
    pub const fn number(self) -> u32 {
        self.0
    }
}

/// The well-known error numbers (specification, section 5, "Error").
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum ErrorCode {
    /// 1: the configuration's version is not one of the plugin's.
    IncompatibleVersion,
    /// 2: a field that the plugin does not support; the message holds its key and value.
    UnsupportedField,
    /// 3: no such container; the runtime need not clean up.
    UnknownContainer,
    /// 4: a parameter in the environment is missing or wrong; the message names it.
    InvalidEnvironment,
    /// 5: input or output failed.
    Io,
    /// 6: content that cannot be decoded.
    Decode,
    /// 7: a configuration that was understood and refused.
    InvalidConfig,
    /// 8: a network namespace that cannot be meant (reference implementation).
    InvalidNetns,
    /// 11: try again later.
    TryAgainLater,
    /// 50: no ADD can be served now.
    NotAvailable,
    /// 51: no ADD can be served now, and attached containers may have lost connectivity.
    LimitedConnectivity,
    /// 999: what has no number of its own (reference implementation).
    Internal,
    /// A meaning that the plugin documents.
    Plugin(PluginCode),
}

impl ErrorCode {
    /// The number on the wire.
    pub const fn number(self) -> u32 {
        match self {
            Self::IncompatibleVersion => 1,
            Self::UnsupportedField => 2,
            Self::UnknownContainer => 3,
            Self::InvalidEnvironment => 4,
            Self::Io => 5,
            Self::Decode => 6,
            Self::InvalidConfig => 7,
            Self::InvalidNetns => 8,
            Self::TryAgainLater => 11,
            Self::NotAvailable => 50,
            Self::LimitedConnectivity => 51,
            Self::Internal => 999,
            Self::Plugin(code) => code.number(),
        }
    }
}

/// What went wrong, for the runtime and for who reads its log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CniError {
    code: ErrorCode,
    msg: String,
    details: Option<String>,
}

impl CniError {
    /// `msg` is one sentence that stands alone: many runtimes show nothing else.
    pub fn new(code: ErrorCode, msg: impl Into<String>) -> Self {
        Self { code, msg: msg.into(), details: None }
    }

    /// Adds the longer explanation.
    #[must_use]
    pub fn with_details(mut self, details: impl Into<String>) -> Self {
        self.details = Some(details.into());
        self
    }

    /// Puts `prefix` before the message: at which step it happened.
    #[must_use]
    pub fn at(mut self, prefix: &str) -> Self {
        self.msg.insert_str(0, prefix);
        self
    }

    /// The number.
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// The message.
    pub fn msg(&self) -> &str {
        &self.msg
    }

    /// The longer explanation, if there is one.
    pub fn details(&self) -> Option<&str> {
        self.details.as_deref()
    }

    /// The error structure of the specification, on one line. `version` is the protocol version in use.
    pub fn to_json(&self, version: CniVersion) -> String {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Wire<'a> {
            cni_version: &'a str,
            code: u32,
            msg: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            details: Option<&'a str>,
        }
        let wire = Wire {
            cni_version: version.as_str(),
            code: self.code.number(),
            msg: &self.msg,
            details: self.details.as_deref(),
        };
        // A struct of text and numbers always serializes; were it otherwise, the runtime must still get an error.
        serde_json::to_string(&wire)
            .unwrap_or_else(|_| r#"{"code":999,"msg":"error without text"}"#.to_owned())
    }
}

impl fmt::Display for CniError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.msg)?;
        match &self.details {
            Some(details) => write!(f, "; {details}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for CniError {}

impl From<Error> for CniError {
    fn from(error: Error) -> Self {
        Self { code: error.cni_code(), msg: error.to_string(), details: error.details() }
    }
}
