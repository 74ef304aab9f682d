//! What can become of a call.

use std::fmt;
use std::time::Duration;

use ipam_core::{Class, StoreError};

use super::traffic::Verb;

/// What was asked of the API server.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Call {
    /// The verb.
    pub verb: Verb,
    /// The resource in the plural, with its subresource: `spiderippools/status`.
    pub resource: String,
    /// The namespace, where there is one.
    pub namespace: Option<String>,
    /// The object; none for a list.
    pub name: Option<String>,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { verb, resource, namespace, name } = self;
        write!(f, "{verb} {resource}")?;
        match (namespace, name) {
            (Some(namespace), Some(name)) => write!(f, " {namespace}/{name}"),
            (Some(namespace), None) => write!(f, " of namespace {namespace}"),
            (None, Some(name)) => write!(f, " {name}"),
            (None, None) => Ok(()),
        }
    }
}

/// A call that failed. The cause is its source.
#[derive(Debug, thiserror::Error)]
#[error("cannot {call}")]
pub struct CallError {
    /// What was asked.
    pub call: Box<Call>,
    /// What became of it.
    #[source]
    pub failure: Failure,
}

/// Why a call failed; the table in the [module](super) says when. Texts of the API server stand first and as they are.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The object is not at the version that the write names.
    #[error("{0}")]
    Conflict(String),
    /// There is an object of that name.
    #[error("{0}")]
    AlreadyExists(String),
    /// The version that was asked for, or the place in a list, is too old. Start again from the present.
    #[error("{0}")]
    Expired(String),
    /// The request is malformed (400).
    #[error("{0}")]
    BadRequest(String),
    /// The credentials are none, or not valid any more (401).
    #[error("{0}")]
    Unauthorized(String),
    /// The account lacks the right, a quota is used up, or the namespace is going away (403).
    #[error("{0}")]
    Forbidden(String),
    /// There is no such object, namespace or kind (404).
    #[error("{0}")]
    NotFound(String),
    /// A value that the schema or a webhook refuses (422).
    #[error("{0}")]
    Invalid(String),
    /// The object has more bytes than the API server or etcd takes, or etcd has no room left.
    #[error("{0}")]
    TooLarge(String),
    /// Refused with another code.
    #[error("{message} (HTTP status {code})")]
    Refused {
        /// The HTTP status.
        code: u16,
        /// The server's words.
        message: String,
    },
    /// The server has too much to do, and asked to wait longer than the call may take. Nothing was stored.
    #[error("{message} (told to wait for {wait:?}, which is after the deadline)")]
    Throttled {
        /// The wait that was asked for.
        wait: Duration,
        /// The server's words.
        message: String,
    },
    /// The server failed: the outcome is unknown.
    #[error("{message} (HTTP status {code}; whether it was carried out is unknown)")]
    Unknown {
        /// The HTTP status.
        code: u16,
        /// The server's words.
        message: String,
    },
    /// No connection, or it broke: the outcome is unknown.
    #[error("the connection failed; whether the request was carried out is unknown")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// No answer until the deadline: the outcome is unknown.
    #[error("no answer until the deadline; whether the request was carried out is unknown")]
    NoAnswer,
    /// The server says that it has done it, but its answer cannot be understood.
    #[error("the answer cannot be read")]
    Unreadable {
        /// Whether the call was a write.
        is_write: bool,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The request could not be made: an empty name, a value that JSON cannot hold. Nothing was sent.
    #[error("the request cannot be made")]
    Unsendable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl StoreError for Failure {
    fn class(&self) -> Class {
        match self {
            Self::Conflict(_) | Self::AlreadyExists(_) | Self::Expired(_) => Class::Conflict,
            Self::Throttled { .. } | Self::Unknown { .. } | Self::Broken(_) | Self::NoAnswer => {
                Class::Unavailable
            }
            Self::Unreadable { is_write: true, .. } => Class::Unavailable,
            Self::BadRequest(_)
            | Self::Unauthorized(_)
            | Self::Forbidden(_)
            | Self::NotFound(_)
            | Self::Invalid(_)
            | Self::TooLarge(_)
            | Self::Refused { .. }
            | Self::Unreadable { is_write: false, .. }
            | Self::Unsendable(_) => Class::Rejected,
        }
    }
}

impl StoreError for CallError {
    fn class(&self) -> Class {
        self.failure.class()
    }
}

impl CallError {
    /// Whether there is no such object.
    #[must_use]
    pub const fn is_not_found(&self) -> bool {
        matches!(self.failure, Failure::NotFound(_))
    }

    /// Whether there is an object of that name already.
    #[must_use]
    pub const fn is_already_exists(&self) -> bool {
        matches!(self.failure, Failure::AlreadyExists(_))
    }
}
