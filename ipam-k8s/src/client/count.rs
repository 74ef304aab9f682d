//! The layer that counts what goes over the wire.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use kube::client::Body;
use tower::{Layer, Service};

use super::traffic::{Count, Traffic, Verb, resource_of};

/// Puts [`Counting`] around a service.
#[derive(Clone, Debug)]
pub(super) struct Counter(pub(super) Traffic);

impl<S> Layer<S> for Counter {
    type Service = Counting<S>;

    fn layer(&self, inner: S) -> Counting<S> {
        Counting { inner, traffic: self.0.clone() }
    }
}

/// A service whose requests are counted when they are sent, and their answers' bytes as they are read.
#[derive(Clone, Debug)]
pub(super) struct Counting<S> {
    inner: S,
    traffic: Traffic,
}

impl<S, B> Service<Request<Body>> for Counting<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Future: Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<tower::BoxError>,
{
    type Response = Response<http_body_util::combinators::UnsyncBoxBody<Bytes, tower::BoxError>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (resource, has_name) = resource_of(request.uri().path());
        let key = (Verb::of(request.method(), has_name, request.uri().query()), resource);
        let traffic = self.traffic.clone();
        // Our own bodies are in memory, so their length is known.
        let sent_bytes = request.body().size_hint().lower();
        traffic.add(&key, Count { requests: 1, sent_bytes, ..Count::default() });
        let answer = self.inner.call(request);
        Box::pin(async move {
            let response = answer.await?;
            if response.status() == StatusCode::TOO_MANY_REQUESTS {
                traffic.add(&key, Count { throttled: 1, ..Count::default() });
            }
            Ok(response.map(|body| {
                let counted = body.map_err(Into::into).map_frame(move |frame| {
                    let length = frame.data_ref().map_or(0, Bytes::len);
                    let received_bytes = u64::try_from(length).unwrap_or(u64::MAX);
                    traffic.add(&key, Count { received_bytes, ..Count::default() });
                    frame
                });
                counted.boxed_unsync()
            }))
        })
    }
}
