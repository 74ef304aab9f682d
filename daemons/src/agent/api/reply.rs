//! Answers, byte for byte as the original's framework writes them.
//!
//! What an operation answers ends with a line end and leaves `<`, `>` and `&` alone; what the framework answers in its place is an
//! object with `code` and `message` and escapes them. Clients take both.

use std::fmt::Display;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ALLOW, CONNECTION, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Response, StatusCode};
use serde::Serialize;

use crate::agent::ipam::Refusal;

/// An answer with its body.
pub(in crate::agent) type Reply = Response<Full<Bytes>>;

/// The code for a missing field; the answer's own code is then 422.
const REQUIRED: u16 = 602;

/// A body of the framework's.
#[derive(Serialize)]
struct Fault<'a> {
    code: u16,
    message: &'a str,
}

/// 200 without a body and without a type.
pub(in crate::agent) fn empty(code: StatusCode) -> Reply {
    let mut reply = Reply::new(Full::default());
    *reply.status_mut() = code;
    reply
}

/// What an operation answers, as JSON with this code.
pub(super) fn json<T: Serialize>(code: StatusCode, value: &T) -> Reply {
    match serde_json::to_string(value) {
        Ok(text) => typed(code, line_ends_escaped(&text) + "\n"),
        // Only maps with keys that are no text cannot be written, and there are none.
        Err(error) => fault(StatusCode::INTERNAL_SERVER_ERROR, &error),
    }
}

/// What an operation refuses.
pub(super) fn refusal(refusal: &Refusal) -> Reply {
    let code = StatusCode::from_u16(refusal.code.as_u16()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    json(code, &refusal.text)
}

/// An operation that this listener does not serve.
pub(super) fn not_implemented(name: &str) -> Reply {
    json(StatusCode::NOT_IMPLEMENTED, &format!("operation {name} has not yet been implemented"))
}

/// What the framework refuses.
pub(super) fn fault(code: StatusCode, message: &dyn Display) -> Reply {
    typed(code, fault_text(code.as_u16(), message))
}

/// A field or parameter that is missing.
pub(super) fn required(name: &str, place: &str) -> Reply {
    let message = format!("{name} in {place} is required");
    typed(StatusCode::UNPROCESSABLE_ENTITY, fault_text(REQUIRED, &message))
}

/// A method that the path does not take.
pub(super) fn wrong_method(method: &Method, allowed: &[Method]) -> Reply {
    let allowed = allowed.iter().map(Method::as_str).collect::<Vec<_>>().join(",");
    let code = StatusCode::METHOD_NOT_ALLOWED;
    let mut reply = fault(code, &format!("method {method} is not allowed, but [{allowed}] are"));
    if let Ok(allowed) = HeaderValue::from_str(&allowed) {
        reply.headers_mut().insert(ALLOW, allowed);
    }
    reply
}

/// The same answer, after which the connection ends: its request was not read to the end.
pub(super) fn closing(mut reply: Reply) -> Reply {
    reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    reply
}

fn typed(code: StatusCode, text: String) -> Reply {
    let mut reply = Reply::new(Full::new(Bytes::from(text)));
    *reply.status_mut() = code;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    reply
}

fn fault_text(code: u16, message: &dyn Display) -> String {
    let text = serde_json::to_string(&Fault { code, message: &message.to_string() });
    // A number and a text can always be written.
    line_ends_escaped(&text.unwrap_or_default())
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
}

/// Go escapes the two line ends that JavaScript knows. In JSON they stand in strings only, as do the signs above.
fn line_ends_escaped(text: &str) -> String {
    text.replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    fn body(reply: Reply) -> String {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let bytes = runtime.block_on(reply.into_body().collect()).unwrap().to_bytes();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[test]
    fn escapes_are_those_of_each_kind_of_answer() {
        let text = "<a&b> \u{2028}\u{1}\"é\u{7f}";
        assert_eq!(body(refusal(&Refusal::internal(text))), "\"<a&b> \\u2028\\u0001\\\"é\u{7f}\"\n");
        let fault = fault(StatusCode::NOT_FOUND, &text);
        assert_eq!(fault.headers().get(CONTENT_TYPE).unwrap(), "application/json");
        assert_eq!(
            body(fault),
            "{\"code\":404,\"message\":\"\\u003ca\\u0026b\\u003e \\u2028\\u0001\\\"é\u{7f}\"}"
        );
    }
}
