//! Listening for changes.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use http_body_util::BodyExt as _;
use kube::Resource;
use kube::api::WatchParams;
use kube::client::Body;
use kube::core::request;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::{timeout, timeout_at};

use super::answer::{failure, wait, words};
use super::cluster::Cluster;
use super::deadline::Deadline;
use super::error::{Call, CallError, Failure};
use super::traffic::Verb;

/// Events of objects in place of the objects.
const METADATA: HeaderValue =
    HeaderValue::from_static("application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1");
/// Longest event that is taken: several times what etcd stores of an object.
const EVENT_BYTES_MAX: usize = 16 << 20;

/// What to listen for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Listen<'a> {
    /// Only to objects with these fields.
    pub(crate) fields: Option<&'a str>,
    /// To their metadata only.
    pub(crate) as_metadata: bool,
    /// From this version on.
    pub(crate) version: &'a str,
    /// After so many seconds the server ends it.
    pub(crate) seconds: u32,
}

/// A watch that runs. It is its own connection, and ends with this value.
pub(crate) struct Events<B = Body> {
    call: Call,
    body: B,
    /// The beginning of a line.
    partial: Vec<u8>,
    lines: VecDeque<Vec<u8>>,
}

/// One line of a watch.
#[derive(Debug)]
pub(crate) enum Event {
    /// An object is there, or has changed.
    Put(Box<RawValue>),
    /// It is gone. This is its last state.
    Gone(Box<RawValue>),
    /// Nothing has happened up to a version. An object that has nothing else.
    Mark(Box<RawValue>),
}

#[derive(Deserialize)]
struct Line {
    #[serde(rename = "type")]
    kind: String,
    object: Box<RawValue>,
}

impl Cluster {
    /// Listens for changes of objects of kind `K`. The deadline is for the beginning of the answer.
    ///
    /// # Errors
    /// [`Failure`]; a 429 is not waited for here. [`Failure::Expired`] when the version is too old.
    pub(crate) async fn watch<K: Resource<DynamicType = ()>>(
        &self,
        listen: Listen<'_>,
        deadline: Deadline,
    ) -> Result<Events, CallError> {
        let Listen { fields, as_metadata, version, seconds } = listen;
        let resource = K::plural(&()).into_owned();
        let call = Call { verb: Verb::Watch, resource, namespace: None, name: None };
        let failed = |failure| CallError { call: Box::new(call.clone()), failure };
        let params = WatchParams {
            field_selector: fields.map(ToOwned::to_owned),
            timeout: Some(seconds),
            ..WatchParams::default()
        };
        let request = request::Request::new(K::url_path(&(), None)).watch(&params, version);
        let mut request = request.map_err(|error| failed(Failure::Unsendable(Box::new(error))))?;
        let accept = if as_metadata { METADATA } else { HeaderValue::from_static("application/json") };
        request.headers_mut().insert(header::ACCEPT, accept);
        // Events must come one by one, not when a compressor has seen enough of them.
        request.headers_mut().insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let broken = |error: kube::Error| failed(Failure::Broken(Box::new(error)));
        let response = timeout_at(deadline.instant(), self.client().send(request.map(Body::from)))
            .await
            .map_err(|_| failed(Failure::NoAnswer))?
            .map_err(broken)?;
        let (status, pause) = (response.status(), wait(response.headers()));
        let body = response.into_body();
        if status.is_success() {
            return Ok(Events { call, body, partial: Vec::new(), lines: VecDeque::new() });
        }
        let body = timeout_at(deadline.instant(), body.collect())
            .await
            .map_err(|_| failed(Failure::NoAnswer))?
            .map_err(broken)?
            .to_bytes();
        Err(failed(if status == StatusCode::TOO_MANY_REQUESTS {
            Failure::Throttled { wait: pause, message: words(status, &body).0 }
        } else {
            failure(status, &body)
        }))
    }
}

impl<B> Events<B>
where
    B: http_body::Body<Data = Bytes, Error: std::error::Error + Send + Sync + 'static> + Unpin,
{
    /// The next event; `None`: the server has ended the watch, which is to be gone on with at the last version.
    ///
    /// Cancel safe: no event is lost by a dropped call.
    ///
    /// # Errors
    /// [`Failure::NoAnswer`] after so long a silence; what the server says, [`Failure::Expired`] among it; a connection that broke.
    pub(crate) async fn next(&mut self, silence: Duration) -> Result<Option<Event>, CallError> {
        loop {
            if let Some(line) = self.lines.pop_front() {
                return self.read(&line).map(Some);
            }
            match timeout(silence, self.body.frame()).await {
                Err(_) => return Err(self.failed(Failure::NoAnswer)),
                Ok(None) => return Ok(None),
                Ok(Some(Err(error))) => return Err(self.failed(Failure::Broken(Box::new(error)))),
                Ok(Some(Ok(frame))) => self.take(&frame.into_data().unwrap_or_default())?,
            }
        }
    }

    fn take(&mut self, data: &Bytes) -> Result<(), CallError> {
        let mut parts = data.split(|byte| *byte == b'\n').peekable();
        while let Some(part) = parts.next() {
            if self.partial.len().saturating_add(part.len()) > EVENT_BYTES_MAX {
                return Err(self.failed(Failure::TooLarge("an event of a watch".to_owned())));
            }
            self.partial.extend_from_slice(part);
            if parts.peek().is_some() {
                let line = std::mem::take(&mut self.partial);
                if !line.is_empty() {
                    self.lines.push_back(line);
                }
            }
        }
        Ok(())
    }

    fn read(&self, line: &[u8]) -> Result<Event, CallError> {
        let Line { kind, object } = serde_json::from_slice(line)
            .map_err(|source| self.failed(Failure::Unreadable { is_write: false, source }))?;
        match kind.as_str() {
            "DELETED" => Ok(Event::Gone(object)),
            "BOOKMARK" => Ok(Event::Mark(object)),
            "ERROR" => {
                #[derive(Deserialize)]
                struct Code {
                    code: Option<u16>,
                }
                let code = serde_json::from_str(object.get()).ok().and_then(|Code { code }| code);
                let status = code.and_then(|code| StatusCode::from_u16(code).ok());
                let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                Err(self.failed(failure(status, object.get().as_bytes())))
            }
            _ => Ok(Event::Put(object)),
        }
    }

    fn failed(&self, failure: Failure) -> CallError {
        CallError { call: Box::new(self.call.clone()), failure }
    }
}

impl<B> std::fmt::Debug for Events<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events").field("call", &self.call).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use http_body::Frame;

    use super::*;

    /// A body that comes in these pieces, and then ends or is silent.
    struct Pieces {
        pieces: VecDeque<Bytes>,
        ends: bool,
    }

    impl http_body::Body for Pieces {
        type Data = Bytes;
        type Error = std::io::Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
            match self.pieces.pop_front() {
                Some(piece) => Poll::Ready(Some(Ok(Frame::data(piece)))),
                None if self.ends => Poll::Ready(None),
                None => Poll::Pending,
            }
        }
    }

    fn events<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, ends: bool) -> Events<Pieces> {
        let pieces = pieces.into_iter().map(Bytes::copy_from_slice).collect();
        let call = Call { verb: Verb::Watch, resource: "pods".to_owned(), namespace: None, name: None };
        let body = Pieces { pieces, ends };
        Events { call, body, partial: Vec::new(), lines: VecDeque::new() }
    }

    const SILENCE: Duration = Duration::from_secs(100);
    const TEXT: &str = concat!(
        r#"{"type":"ADDED","object":{"a":1}}"#,
        "\n\n",
        r#"{"type":"DELETED","object":{"b":2}}"#,
        "\n",
        r#"{"type":"BOOKMARK","object":{"c":3}}"#,
        "\n",
        r#"{"type":"MODIFIED","object":{"d":4}}"#,
        "\n",
    );

    #[tokio::test]
    async fn events_are_read_however_they_are_cut() {
        for first in 0..=TEXT.len() {
            for second in [first, first.midpoint(TEXT.len())] {
                let (head, rest) = TEXT.as_bytes().split_at(first);
                let (middle, end) = rest.split_at(second - first);
                let mut events = events([head, middle, end], true);
                let mut seen = Vec::new();
                while let Some(event) = events.next(SILENCE).await.unwrap() {
                    seen.push(match event {
                        Event::Put(object) => format!("put {object}"),
                        Event::Gone(object) => format!("gone {object}"),
                        Event::Mark(object) => format!("mark {object}"),
                    });
                }
                assert_eq!(
                    seen,
                    [r#"put {"a":1}"#, r#"gone {"b":2}"#, r#"mark {"c":3}"#, r#"put {"d":4}"#],
                    "{first} {second}"
                );
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn silence_and_errors_end_it() {
        let began = tokio::time::Instant::now();
        let mut silent = events([TEXT.as_bytes()], false);
        for _ in 0..4 {
            assert!(silent.next(SILENCE).await.unwrap().is_some());
        }
        assert_eq!(began.elapsed(), Duration::ZERO);
        assert!(matches!(silent.next(SILENCE).await.unwrap_err().failure, Failure::NoAnswer));
        assert!((SILENCE..SILENCE * 2).contains(&began.elapsed()));

        let expired = r#"{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"too old"}}"#;
        let events_of = |line: &str| events([line.as_bytes(), b"\n"], true);
        let mut old = events_of(expired);
        assert!(
            matches!(old.next(SILENCE).await.unwrap_err().failure, Failure::Expired(text) if text == "too old")
        );
        let mut strange = events_of(r#"{"type":"ERROR","object":{}}"#);
        assert!(matches!(strange.next(SILENCE).await.unwrap_err().failure, Failure::Unknown { .. }));
        let mut garbage = events_of("<html>");
        assert!(matches!(garbage.next(SILENCE).await.unwrap_err().failure, Failure::Unreadable { .. }));
        let mut cut = events([TEXT.as_bytes().split_at(10).0], true);
        assert!(cut.next(SILENCE).await.unwrap().is_none(), "half a line is no event");
    }
}
