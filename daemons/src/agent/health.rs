//! The probes of the kubelet, on a port of their own.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::header::HOST;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use ipam_k8s::Causes;
use tokio::net::UnixStream;
use tokio::time::timeout;
use tracing::warn;

use super::api::{Backend, Call, Reply, empty};

/// The agent answers itself within this time or is not well.
const SELF_CHECK_TIMEOUT: Duration = Duration::from_secs(2);

/// Why the agent does not reach its own socket.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SelfCheckError {
    /// Nobody can be connected to.
    #[error("cannot be connected to")]
    Connect(#[from] io::Error),
    /// The answer is no HTTP, or did not come to its end.
    #[error("does not answer")]
    Answer(#[from] hyper::Error),
    /// There was no answer in time.
    #[error("does not answer within 2 s")]
    Silent,
    /// Another code than 200.
    #[error("answers {0}, want 200")]
    Code(StatusCode),
}

/// Asks the socket whether anybody answers, as a plugin would.
pub(super) async fn check(socket: &Path) -> Result<(), SelfCheckError> {
    timeout(SELF_CHECK_TIMEOUT, ask(socket)).await.unwrap_or(Err(SelfCheckError::Silent))
}

async fn ask(socket: &Path) -> Result<(), SelfCheckError> {
    let stream = UnixStream::connect(socket).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::get("/v1/ipam/healthy").header(HOST, "localhost").body(Empty::<Bytes>::new());
    // Built of constants.
    let request = request.map_err(|error| SelfCheckError::Connect(io::Error::other(error)))?;
    let mut connection = std::pin::pin!(connection);
    let answer = tokio::select! {
        answer = sender.send_request(request) => answer?,
        ended = connection.as_mut() => {
            ended?;
            return Err(SelfCheckError::Silent);
        }
    };
    match answer.status() {
        StatusCode::OK => Ok(()),
        code => Err(SelfCheckError::Code(code)),
    }
}

/// What the health port answers.
#[derive(Debug)]
pub(super) struct Probes {
    socket: PathBuf,
    has_started: AtomicBool,
}

impl Probes {
    pub(super) fn new(socket: PathBuf) -> Self {
        Self { socket, has_started: AtomicBool::new(false) }
    }

    /// From now on the startup probe passes.
    pub(super) fn started(&self) {
        self.has_started.store(true, Ordering::Release);
    }

    async fn is_ready(&self) -> bool {
        match check(&self.socket).await {
            Ok(()) => true,
            Err(error) => {
                warn!(socket = %self.socket.display(), error = %Causes(&error), "the agent does not reach its own socket");
                false
            }
        }
    }
}

impl Backend for Probes {
    async fn perform(&self, call: Call) -> Option<Reply> {
        let is_well = match call {
            Call::Startup => self.has_started.load(Ordering::Acquire),
            Call::Readiness | Call::Liveness => self.is_ready().await,
            Call::Healthy
            | Call::Allocate(_)
            | Call::Release(_)
            | Call::AllocateBatch
            | Call::ReleaseBatch(_)
            | Call::CoordinatorConfig(_)
            | Call::WorkloadEndpoint(_) => return None,
        };
        Some(empty(if is_well { StatusCode::OK } else { StatusCode::INTERNAL_SERVER_ERROR }))
    }
}
