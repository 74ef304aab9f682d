//! Metrics as text, and the listener that a scraper asks.

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use hyper::{HeaderMap, Method, Request, StatusCode};
use prometheus_client::encoding::{prometheus_text, text as open_metrics};
use prometheus_client::registry::Registry;
use tracing::error;

use super::Metrics;
use crate::agent::api::{Reply, empty};

/// How metrics are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Form {
    /// Prometheus' own text, which everything reads.
    Text,
    /// What a scraper of today asks for.
    OpenMetrics,
}

impl Form {
    fn asked_for(headers: &HeaderMap) -> Self {
        let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let mut accepted = accepted.flat_map(|value| value.split(','));
        if accepted.any(|range| range.trim().starts_with("application/openmetrics-text")) {
            Self::OpenMetrics
        } else {
            Self::Text
        }
    }

    const fn content_type(self) -> &'static str {
        match self {
            Self::Text => prometheus_text::CONTENT_TYPE,
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

pub(super) fn text(registry: &Registry, form: Form) -> String {
    let mut text = String::new();
    let written = match form {
        Form::Text => prometheus_text::encode(&mut text, registry),
        Form::OpenMetrics => open_metrics::encode(&mut text, registry),
    };
    // Writing to a string cannot fail.
    if let Err(problem) = written {
        error!(error = %problem, "metrics cannot be written");
    }
    text
}

/// Answers a scrape. Any path will do, as in the original.
pub(in crate::agent) fn serve(metrics: &Metrics, request: &Request<Incoming>) -> Reply {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return empty(StatusCode::METHOD_NOT_ALLOWED);
    }
    let form = Form::asked_for(request.headers());
    let mut reply = Reply::new(Full::new(Bytes::from(text(&metrics.registry, form))));
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(form.content_type()));
    reply
}
