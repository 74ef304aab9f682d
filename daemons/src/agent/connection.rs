//! Connections of one listener: each in a task of its own, bounded in number and in time, and drained at the end.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use ipam_k8s::Causes;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use super::api::{Reply, empty};
use super::guard::guarded;
use super::listen::Listener;

/// The header of a request arrives within this time; a connection that is kept open and idle ends then too.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes of a header, and of what is read ahead.
const HEADER_BYTES_MAX: usize = 64 * 1024;
/// Connections at a time. Plugins open one a request, and a node has some hundred pods.
const CONNECTIONS_MAX: usize = 1024;
/// What is under way when the agent is told to stop may end within this time, which is below the kubelet's 30 s.
const DRAIN_MAX: Duration = Duration::from_secs(25);
/// Where no connection can be accepted, mostly for lack of file descriptors, trying at once again would only burn time.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Becomes true when the agent is to stop.
pub(super) type Stop = watch::Receiver<bool>;

/// Serves connections until `stop`, and then those that have a request under way until they are answered, or for 25 s.
///
/// The listener is closed before that: who connects then is refused at once, and asks again.
pub(super) async fn serve<L, F, R>(listener: L, mut stop: Stop, answer: F)
where
    L: Listener,
    F: Fn(Request<Incoming>) -> R + Send + Sync + 'static,
    R: Future<Output = Reply> + Send + 'static,
{
    let answer = Arc::new(answer);
    let mut connections = JoinSet::new();
    loop {
        // Ended ones are taken out; where there are too many, the next one waits until one ends.
        while connections.try_join_next().is_some() {}
        if connections.len() >= CONNECTIONS_MAX {
            tokio::select! {
                _ = connections.join_next() => continue,
                () = told(&mut stop) => break,
            }
        }
        tokio::select! {
            next = listener.next() => match next {
                Ok(Some(stream)) => {
                    connections.spawn(connection(stream, stop.clone(), Arc::clone(&answer)));
                }
                Ok(None) => {}
                Err(error) => {
                    warn!(%error, "a connection cannot be accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
            () = told(&mut stop) => break,
        }
    }
    drop(listener);
    let drained = timeout(DRAIN_MAX, async { while connections.join_next().await.is_some() {} }).await;
    if drained.is_err() {
        warn!(connections = connections.len(), "requests did not end within 25 s and are cut off");
        connections.shutdown().await;
    }
}

/// Until the agent is to stop. A sender that is gone means the same.
async fn told(stop: &mut Stop) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// One connection. When its peer hangs up, the request that is under way is dropped.
async fn connection<S, F, R>(stream: S, mut stop: Stop, answer: Arc<F>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    F: Fn(Request<Incoming>) -> R + Send + Sync + 'static,
    R: Future<Output = Reply> + Send + 'static,
{
    let service = service_fn(move |request| {
        let answer = Arc::clone(&answer);
        async move {
            let reply = guarded(async { answer(request).await }).await;
            Ok::<_, Infallible>(reply.unwrap_or_else(|_| unexpected()))
        }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT).max_buf_size(HEADER_BYTES_MAX);
    let mut connection = std::pin::pin!(http.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = told(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        debug!(error = %Causes(&error), "a connection ended early");
    }
}

/// The answer of a request that panicked.
fn unexpected() -> Reply {
    let mut reply = empty(StatusCode::INTERNAL_SERVER_ERROR);
    let text = "\"the request failed unexpectedly, which is a bug; the agent's log says more\"\n";
    *reply.body_mut() = Full::new(Bytes::from_static(text.as_bytes()));
    let json = hyper::header::HeaderValue::from_static("application/json");
    reply.headers_mut().insert(hyper::header::CONTENT_TYPE, json);
    reply
}
