//! The agent's socket: HTTP/1.1, a connection for each request, as the original's plugin does it.
//!
//! One thread, which waits: a plugin has one request at a time and nothing else to do meanwhile.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::Duration;

use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::Request;
use hyper::client::conn::http1;
use hyper::header;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use tokio::net::UnixStream;
use tokio::runtime::{Builder, Runtime};
use tokio::time;

use super::error::{AgentCall, AgentError};
use super::{CALL_LIMIT, HEALTH_LIMIT};
use crate::cni::Json;

/// The longest answer that is read. An address with its route is some 200 bytes, and a refusal some 200 for each pool that was
/// looked at: this is thousands of either, and still little memory for a plugin.
pub(super) const ANSWER_BYTES_MAX: usize = 1 << 20;

/// How long to wait before the next try when the agent's queue of connections is full.
const FULL_QUEUE_PAUSE: Duration = Duration::from_millis(5);

/// Letters that need no escape in a query (RFC 3986, section 2.3), beside letters and digits.
const UNRESERVED: &[u8] = b"-._~";

/// An agent to be asked.
#[derive(Debug)]
pub(super) struct Agent {
    socket: PathBuf,
    runtime: Runtime,
    limit: Option<Duration>,
}

/// The body of a success.
type Body = Vec<u8>;

impl Agent {
    pub(super) fn new(socket: PathBuf, limit: Option<Duration>) -> Result<Self, AgentError> {
        let runtime =
            Builder::new_current_thread().enable_io().enable_time().build().map_err(AgentError::Setup)?;
        Ok(Self { socket, runtime, limit })
    }

    /// Whether the agent is well.
    pub(super) fn healthy(&self) -> Result<(), AgentError> {
        self.ask(AgentCall::Healthy, "GET", "/v1/ipam/healthy", String::new()).map(drop)
    }

    /// Addresses.
    pub(super) fn allocate(&self, args: &impl Serialize) -> Result<Body, AgentError> {
        self.ask(AgentCall::Allocate, "POST", "/v1/ipam/ip", json(args))
    }

    /// Gives them back.
    pub(super) fn release(&self, args: &impl Serialize) -> Result<(), AgentError> {
        self.ask(AgentCall::Release, "DELETE", "/v1/ipam/ip", json(args)).map(drop)
    }

    /// What a pod has.
    pub(super) fn endpoint(&self, namespace: &str, name: &str) -> Result<Body, AgentError> {
        let target = format!(
            "/v1/workloadendpoint?podNamespace={}&podName={}",
            query_escaped(namespace),
            query_escaped(name)
        );
        self.ask(AgentCall::Endpoint, "GET", &target, String::new())
    }

    fn ask(&self, call: AgentCall, method: &str, target: &str, body: String) -> Result<Body, AgentError> {
        let usual = if call == AgentCall::Healthy { HEALTH_LIMIT } else { CALL_LIMIT };
        let limit = self.limit.map_or(usual, |limit| limit.min(usual));
        let mut request = Request::builder()
            .method(method)
            .uri(target)
            // HTTP/1.1 wants one; agents accept any.
            .header(header::HOST, "localhost")
            .header(header::ACCEPT, "application/json");
        if !body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let request = request.body(body).map_err(|problem| self.hung_up(&problem))?;
        let answer = self.runtime.block_on(async { time::timeout(limit, self.exchange(request)).await });
        let (status, body) =
            answer.map_err(|_| AgentError::Silent { socket: self.socket.clone(), limit })??;
        match status {
            200..=299 => Ok(body),
            _ => Err(AgentError::Refused { call, status, text: text(&body) }),
        }
    }

    async fn exchange(&self, request: Request<String>) -> Result<(u16, Body), AgentError> {
        let stream = TokioIo::new(self.connect().await?);
        let (mut sender, connection) =
            http1::handshake(stream).await.map_err(|problem| self.hung_up(&problem))?;
        // Ends with the connection, at the latest with the runtime. What it fails of is told to the sender too.
        tokio::spawn(connection);
        let answer = sender.send_request(request).await.map_err(|problem| self.hung_up(&problem))?;
        let status = answer.status().as_u16();
        match Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await {
            Ok(body) => Ok((status, body.to_bytes().to_vec())),
            Err(error) if error.is::<LengthLimitError>() => {
                Err(AgentError::TooLong { socket: self.socket.clone(), bytes_max: ANSWER_BYTES_MAX })
            }
            Err(error) => Err(self.hung_up(error.as_ref())),
        }
    }

    /// A full queue refuses a caller that does not block; it is tried again until the request's limit.
    async fn connect(&self) -> Result<UnixStream, AgentError> {
        loop {
            match UnixStream::connect(&self.socket).await {
                Ok(stream) => return Ok(stream),
                Err(error) if error.kind() == ErrorKind::WouldBlock => time::sleep(FULL_QUEUE_PAUSE).await,
                Err(source) => {
                    return Err(AgentError::Unreachable { socket: self.socket.clone(), source });
                }
            }
        }
    }

    fn hung_up(&self, problem: &dyn std::error::Error) -> AgentError {
        let mut text = problem.to_string();
        if let Some(cause) = problem.source() {
            text = format!("{text}: {cause}");
        }
        AgentError::HungUp { socket: self.socket.clone(), problem: text }
    }
}

/// Structs of text and flags always serialize; were it otherwise, the agent refuses an empty body by name.
fn json(args: &impl Serialize) -> String {
    serde_json::to_string(args).unwrap_or_default()
}

/// What an error body says: handlers answer a JSON string, the layers before them an object with a `message`.
fn text(body: &[u8]) -> String {
    let said = match Json::parse(body) {
        Ok(Json::Text(text)) => Some(text),
        Ok(json) => json.keys().ok().and_then(|keys| keys.text("message").ok()?.map(str::to_owned)),
        Err(_) => None,
    };
    said.unwrap_or_else(|| String::from_utf8_lossy(body).trim().to_owned())
}

fn query_escaped(text: &str) -> String {
    use std::fmt::Write as _;
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || UNRESERVED.contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            // Writing to memory does not fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_bodies() {
        for (body, want) in [
            (r#""no IPPool available""#, "no IPPool available"),
            (r#"{"code":602,"message":"podUID in body is required"}"#, "podUID in body is required"),
            (r#"{"code":602}"#, r#"{"code":602}"#),
            ("404 page not found\n", "404 page not found"),
            ("", ""),
            ("[1]", "[1]"),
        ] {
            assert_eq!(text(body.as_bytes()), want);
        }
        assert_eq!(text(b"\xff"), "\u{fffd}");
    }

    #[test]
    fn queries() {
        assert_eq!(query_escaped("web-0.a_b~c"), "web-0.a_b~c");
        assert_eq!(query_escaped("a&b=c d/ä%"), "a%26b%3Dc%20d%2F%C3%A4%25");
    }
}
