//! What can go wrong between the plugin and the agent.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::super::code::Code;
use crate::cni::ErrorCode;

/// Why the agent gave no answer that can be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AgentError {
    /// This process could not get ready to talk.
    #[error("cannot set up a connection: {0}")]
    Setup(io::Error),
    /// Nobody listens at the socket, or it may not be opened.
    #[error("cannot connect to {}: {source}", socket.display())]
    Unreachable {
        /// The socket.
        socket: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No whole answer within the limit. What was asked may have been done all the same.
    #[error("no answer from {} within {limit:?}", socket.display())]
    Silent {
        /// The socket.
        socket: PathBuf,
        /// How long was waited.
        limit: Duration,
    },
    /// The connection ended before the answer did. What was asked may have been done all the same.
    #[error("{} did not answer in full: {problem}", socket.display())]
    HungUp {
        /// The socket.
        socket: PathBuf,
        /// What the connection says.
        problem: String,
    },
    /// More than an answer can be.
    #[error("the answer of {} is longer than {bytes_max} bytes", socket.display())]
    TooLong {
        /// The socket.
        socket: PathBuf,
        /// The limit.
        bytes_max: usize,
    },
    /// An answer other than success.
    #[error("{}", refused(call, *status, text))]
    Refused {
        /// What was asked.
        call: AgentCall,
        /// The HTTP status.
        status: u16,
        /// What the agent says.
        text: String,
    },
    /// The answer breaks the schema of the agent's API.
    #[error("validation failure list:\n{}", faults.join("\n"))]
    Schema {
        /// Each field with what is wrong.
        faults: Vec<String>,
    },
}

/// A call of the agent's API that the plugin uses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum AgentCall {
    /// `GET /v1/ipam/healthy`
    Healthy,
    /// `POST /v1/ipam/ip`
    Allocate,
    /// `DELETE /v1/ipam/ip`
    Release,
    /// `GET /v1/workloadendpoint`
    Endpoint,
}

/// What the plugin was about when it failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum AgentStep {
    /// To ask whether the agent is well, before something else.
    Health,
    /// To ask the same for a STATUS.
    Status,
    /// To get addresses.
    Allocate,
    /// To give them back.
    Release,
    /// To read what the agent has for a pod.
    Endpoint,
}

impl fmt::Display for AgentStep {
    /// The beginning of the message, in the original's words where it has any.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Health | Self::Status => "unhealthy spiderpool-agent backend, failed to check: ",
            Self::Allocate => "spiderpool IP allocation error: ",
            Self::Release => "spiderpool IP release error: ",
            Self::Endpoint => "failed to get the SpiderEndpoint: ",
        })
    }
}

/// In the words of the original's client, which is generated: a declared failure by its name, any other status by one sentence.
fn refused(call: &AgentCall, status: u16, text: &str) -> String {
    match (call, status) {
        (AgentCall::Healthy, 500) => {
            format!("[GET /ipam/healthy][500] getIpamHealthyInternalServerError  {text}")
        }
        (AgentCall::Allocate, 500) => format!("[POST /ipam/ip][500] postIpamIpFailure  {text}"),
        (AgentCall::Release, 500) => format!("[DELETE /ipam/ip][500] deleteIpamIpFailure  {text}"),
        (AgentCall::Endpoint, 404) => {
            format!("[GET /workloadendpoint][404] getWorkloadendpointNotFound  {text}")
        }
        (AgentCall::Endpoint, 500) => {
            format!("[GET /workloadendpoint][500] getWorkloadendpointInternalServerError  {text}")
        }
        (AgentCall::Healthy | AgentCall::Allocate | AgentCall::Release | AgentCall::Endpoint, _) => format!(
            "response status code does not match any response statuses defined for this endpoint in the swagger spec \
             (status {status}): {text}"
        ),
    }
}

impl AgentError {
    /// The number that the runtime is told, if it struck at `step`.
    pub fn code(&self, step: AgentStep) -> ErrorCode {
        match (step, self) {
            (AgentStep::Status, _) => ErrorCode::NotAvailable,
            (_, Self::Setup(_)) => ErrorCode::Io,
            (_, Self::Unreachable { .. } | Self::Silent { .. } | Self::HungUp { .. })
            | (AgentStep::Health, Self::Refused { .. }) => ErrorCode::TryAgainLater,
            (AgentStep::Endpoint, Self::Refused { status: 404, .. }) => Code::CheckFailed.into(),
            (_, Self::Refused { .. }) => Code::AgentRefused.into(),
            (_, Self::TooLong { .. } | Self::Schema { .. }) => Code::AgentAnswer.into(),
        }
    }

    /// What the message leaves out.
    pub(in super::super) fn details(&self) -> Option<String> {
        matches!(self, Self::Unreachable { .. }).then(|| {
            "without ipam.store addresses come from the agent of the node: look whether spiderpool-agent runs here and listens at \
             ipam.ipam_unix_socket_path"
                .to_owned()
        })
    }
}
