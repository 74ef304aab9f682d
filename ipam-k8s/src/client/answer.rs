//! From an answer of the API server to what it means.

use std::time::Duration;

use http::{HeaderMap, StatusCode, header};
use kube::core::Status;

use super::error::Failure;

/// The wait after a 429 that does not say how long.
pub(super) const WAIT: Duration = Duration::from_secs(1);

/// Words of etcd and of the API server's own client of etcd for a value that is too large, or for a store that is full. They come with
/// the status 500, before anything is stored.
const TOO_LARGE: [&str; 3] =
    ["request is too large", "trying to send message larger than max", "database space exceeded"];

/// Longest text that is told of a body which is no `Status`: the page of some proxy.
const TEXT_BYTES_MAX: usize = 512;

/// How long a server asks to wait; `Retry-After` in seconds, as Kubernetes sends it.
pub(super) fn wait(headers: &HeaderMap) -> Duration {
    let text = headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
    let seconds = text.and_then(|text| text.trim().parse().ok());
    // Zero would mean to ask again at once, without end.
    seconds.filter(|seconds| *seconds > 0).map_or(WAIT, Duration::from_secs)
}

/// What an answer that is no success means, 429 left aside.
pub(super) fn failure(status: StatusCode, body: &[u8]) -> Failure {
    let code = status.as_u16();
    let (message, reason) = words(status, body);
    match code {
        400 => Failure::BadRequest(message),
        401 => Failure::Unauthorized(message),
        403 => Failure::Forbidden(message),
        404 => Failure::NotFound(message),
        409 if reason == "AlreadyExists" => Failure::AlreadyExists(message),
        409 => Failure::Conflict(message),
        410 => Failure::Expired(message),
        413 => Failure::TooLarge(message),
        422 => Failure::Invalid(message),
        500 if TOO_LARGE.iter().any(|words| message.contains(words)) => Failure::TooLarge(message),
        500.. => Failure::Unknown { code, message },
        _ => Failure::Refused { code, message },
    }
}

/// The server's words and its reason.
pub(super) fn words(status: StatusCode, body: &[u8]) -> (String, String) {
    if let Ok(Status { message, reason, .. }) = serde_json::from_slice::<Status>(body)
        && !(message.is_empty() && reason.is_empty())
    {
        return (if message.is_empty() { reason.clone() } else { message }, reason);
    }
    let text = String::from_utf8_lossy(body.get(..TEXT_BYTES_MAX).unwrap_or(body));
    let text = match text.trim() {
        "" => status.canonical_reason().unwrap_or("no words").to_owned(),
        text => text.to_owned(),
    };
    (text, String::new())
}

#[cfg(test)]
mod tests {
    use ipam_core::{Class, StoreError as _};

    use super::*;

    #[test]
    fn each_answer_has_its_class() {
        let status = |message: &str, reason: &str| {
            format!(r#"{{"kind":"Status","message":"{message}","reason":"{reason}"}}"#)
        };
        for (code, body, class) in [
            (409, status("the object has been modified", "Conflict"), Class::Conflict),
            (409, status("exists", "AlreadyExists"), Class::Conflict),
            (410, status("too old", "Expired"), Class::Conflict),
            (400, String::new(), Class::Rejected),
            (401, String::new(), Class::Rejected),
            (403, String::new(), Class::Rejected),
            (404, status("not found", "NotFound"), Class::Rejected),
            (413, String::new(), Class::Rejected),
            (415, String::new(), Class::Rejected),
            (422, status("invalid", "Invalid"), Class::Rejected),
            (500, status("etcdserver: request is too large", ""), Class::Rejected),
            (500, status("rpc error: trying to send message larger than max (3 vs. 2)", ""), Class::Rejected),
            (500, status("etcdserver: mvcc: database space exceeded", ""), Class::Rejected),
            (500, status("etcdserver: request timed out", ""), Class::Unavailable),
            (503, "<html>no backend</html>".to_owned(), Class::Unavailable),
            (504, status("request did not complete", "Timeout"), Class::Unavailable),
        ] {
            let failure = failure(StatusCode::from_u16(code).unwrap(), body.as_bytes());
            assert_eq!(failure.class(), class, "{code} {body}: {failure:?}");
        }
    }

    #[test]
    fn what_exists_is_told_from_what_has_moved_on() {
        let exists = br#"{"message":"spiderendpoints \"a\" already exists","reason":"AlreadyExists"}"#;
        assert!(matches!(failure(StatusCode::CONFLICT, exists), Failure::AlreadyExists(_)));
        assert!(matches!(failure(StatusCode::CONFLICT, b"{}"), Failure::Conflict(_)));
    }

    #[test]
    fn waits_are_never_empty() {
        let mut headers = HeaderMap::new();
        assert_eq!(wait(&headers), WAIT);
        for (text, want) in [("3", 3), ("0", 1), ("soon", 1)] {
            headers.insert(header::RETRY_AFTER, text.parse().unwrap());
            assert_eq!(wait(&headers), Duration::from_secs(want), "{text}");
        }
    }
}
