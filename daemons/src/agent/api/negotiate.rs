//! `Content-Type` and `Accept`, judged as the original's framework does, in its order and words.

use hyper::header::{ACCEPT, CONTENT_TYPE};
use hyper::{HeaderMap, StatusCode};

use super::reply::{self, Reply};

/// The one type of requests and answers.
const JSON: &str = "application/json";
/// What Go takes a body for that nobody has named.
const UNNAMED: &str = "application/octet-stream";

/// Refuses a type that is not understood, or an answer that the client would not take.
///
/// The original falls back on the type of the request where no accepted type fits, so that only a request without a body is ever
/// refused for its `Accept`.
pub(super) fn check(headers: &HeaderMap, has_body: bool) -> Result<(), Box<Reply>> {
    if has_body {
        let written = headers.get(CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()));
        let written = written.filter(|value| !value.is_empty()).unwrap_or(UNNAMED.into());
        if !is_json(&written) {
            let message = format!("unsupported media type {written:?}, only [{JSON}] are allowed");
            return Err(Box::new(reply::fault(StatusCode::UNSUPPORTED_MEDIA_TYPE, &message)));
        }
        return Ok(());
    }
    if is_accepted(headers) {
        return Ok(());
    }
    let message = format!("unsupported media type requested, only [{JSON}] are available");
    Err(Box::new(reply::fault(StatusCode::NOT_ACCEPTABLE, &message)))
}

/// Whether a media type is JSON's, whatever its parameters.
fn is_json(written: &str) -> bool {
    let media = written.split(';').next().unwrap_or_default();
    media.trim().eq_ignore_ascii_case(JSON)
}

fn is_accepted(headers: &HeaderMap) -> bool {
    let mut ranges = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|range| !range.is_empty())
        .peekable();
    if ranges.peek().is_none() {
        return true;
    }
    ranges.any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let media = parts.next().unwrap_or_default();
        let fits = media == "*/*" || media.eq_ignore_ascii_case("application/*") || is_json(media);
        fits && !parts.any(is_refusing)
    })
}

/// Whether a parameter is a quality of 0.
fn is_refusing(parameter: &str) -> bool {
    let Some((name, value)) = parameter.split_once('=') else { return false };
    name.trim().eq_ignore_ascii_case("q") && value.trim().parse::<f32>().is_ok_and(|quality| quality == 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(headers: &[(&str, &str)], has_body: bool) -> u16 {
        let map = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        let map: Vec<(hyper::header::HeaderName, hyper::header::HeaderValue)> = map.collect();
        check(&map.into_iter().collect(), has_body).map_or_else(|reply| reply.status().as_u16(), |()| 200)
    }

    #[test]
    fn types() {
        type Headers = &'static [(&'static str, &'static str)];
        let cases: &[(Headers, bool, u16)] = &[
            (&[], false, 200),
            (&[], true, 415),
            (&[("content-type", "")], true, 415),
            (&[("content-type", "text/plain")], true, 415),
            (&[("content-type", "text/plain")], false, 200),
            (&[("content-type", "application/json")], true, 200),
            (&[("content-type", "Application/JSON; charset=utf-8")], true, 200),
            (&[("content-type", "application/json"), ("accept", "text/plain")], true, 200),
            (&[("accept", "text/plain")], false, 406),
            (&[("accept", "text/plain, application/*;q=0.1")], false, 200),
            (&[("accept", "application/json;q=0")], false, 406),
            (&[("accept", "*/*")], false, 200),
            (&[("accept", "")], false, 200),
        ];
        for (headers, has_body, want) in cases {
            assert_eq!(code(headers, *has_body), *want, "{headers:?} {has_body}");
        }
    }
}
