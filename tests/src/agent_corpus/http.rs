//! One request to the agent, as a client of the original sends it: a connection for each, `Host` derived from the socket.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::{TcpStream, UnixStream};

/// Longer than any answer takes.
const ANSWERED_WITHIN: Duration = Duration::from_secs(110);

/// Where the agent listens.
#[derive(Clone, Debug)]
pub(super) enum Place {
    Socket(PathBuf),
    Port(u16),
}

/// A request.
#[derive(Clone, Debug)]
pub struct Request {
    /// `POST`, say.
    pub method: String,
    /// With the query.
    pub path: String,
    /// JSON, or what a test sends in its place.
    pub body: Option<String>,
    /// Beside or in place of the usual ones; `None`: not sent.
    pub headers: BTreeMap<String, Option<String>>,
    /// Over TCP and not to the socket.
    pub on_health_port: bool,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub code: u16,
    /// The header `Allow`.
    pub allow: Option<String>,
    /// `null` where there is no body; a text where it is no JSON.
    pub body: Value,
}

impl Request {
    /// A request without a body.
    #[must_use]
    pub fn new(method: &str, path: &str) -> Self {
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            body: None,
            headers: BTreeMap::new(),
            on_health_port: false,
        }
    }
}

/// Sends it and waits.
pub(super) async fn send(place: &Place, request: &Request) -> Result<Answer> {
    tokio::time::timeout(ANSWERED_WITHIN, exchange(place, request)).await.context("no answer in time")?
}

async fn exchange(place: &Place, request: &Request) -> Result<Answer> {
    match place {
        Place::Socket(path) => talk(TokioIo::new(UnixStream::connect(path).await?), request).await,
        Place::Port(port) => {
            talk(TokioIo::new(TcpStream::connect(("127.0.0.1", *port)).await?), request).await
        }
    }
}

async fn talk<C>(connection: C, request: &Request) -> Result<Answer>
where
    C: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(connection).await?;
    let driver = tokio::spawn(connection);
    let mut built = hyper::Request::builder().method(request.method.as_str()).uri(&request.path);
    let mut headers = BTreeMap::from([
        ("Host".to_owned(), Some("localhost".to_owned())),
        ("Accept".to_owned(), Some("application/json".to_owned())),
    ]);
    if request.body.is_some() {
        headers.insert("Content-Type".to_owned(), Some("application/json".to_owned()));
    }
    headers.extend(request.headers.clone());
    for (name, value) in headers {
        if let Some(value) = value {
            built = built.header(name, value);
        }
    }
    let body = Full::new(Bytes::from(request.body.clone().unwrap_or_default()));
    let response = sender.send_request(built.body(body)?).await?;
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await?.to_bytes();
    drop(sender);
    driver.abort();
    let body = match serde_json::from_slice(&bytes) {
        Ok(value) => value,
        Err(_) if bytes.is_empty() => Value::Null,
        Err(_) => Value::String(String::from_utf8_lossy(&bytes).into_owned()),
    };
    let allow = parts.headers.get("allow").and_then(|value| value.to_str().ok()).map(str::to_owned);
    Ok(Answer { code: parts.status.as_u16(), allow, body })
}
