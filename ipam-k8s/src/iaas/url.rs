//! Where a provider is.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, Uri};
use percent_encoding::percent_decode_str;

/// The URL before the paths of the API, without a password in it.
#[derive(Clone, Eq, PartialEq)]
pub(super) struct ServerUrl {
    /// `https://host:port/path`, no slash at its end.
    base: String,
    /// User and password, where the URL has them: how Go sends them too.
    authorization: Option<HeaderValue>,
    is_https: bool,
}

impl ServerUrl {
    /// Reads a URL; an error is what is wrong with it.
    pub(super) fn new(text: &str) -> Result<Self, &'static str> {
        if text.contains(['?', '#']) {
            return Err("has a query or a fragment");
        }
        let uri: Uri = text.parse().map_err(|_| "is no URL")?;
        let is_https = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            Some(_) => return Err("has another scheme"),
            None => return Err("has no scheme"),
        };
        let authority = uri.authority().ok_or("has no host")?.as_str();
        let (user, place) = match authority.rsplit_once('@') {
            Some((user, place)) => (Some(user), place),
            None => (None, authority),
        };
        let host = uri.host().filter(|host| !host.is_empty()).ok_or("has no host")?;
        let port = place.strip_prefix(host).ok_or("is no URL")?;
        if !matches!(port, "" | ":") && uri.port_u16().is_none_or(|port| port == 0) {
            return Err("has no port of TCP");
        }
        let scheme = if is_https { "https" } else { "http" };
        let base = format!("{scheme}://{place}{}", uri.path().trim_end_matches('/'));
        let authorization = user.map(basic).transpose()?;
        Ok(Self { base, authorization, is_https })
    }

    /// The URL of a path.
    pub(super) fn join(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    pub(super) const fn authorization(&self) -> Option<&HeaderValue> {
        self.authorization.as_ref()
    }

    pub(super) const fn is_https(&self) -> bool {
        self.is_https
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.base)
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.base, f)
    }
}

/// The value of `Authorization` for a `user:password` of a URL.
fn basic(user: &str) -> Result<HeaderValue, &'static str> {
    let (user, password) = user.split_once(':').unwrap_or((user, ""));
    let mut plain: Vec<u8> = percent_decode_str(user).collect();
    plain.push(b':');
    plain.extend(percent_decode_str(password));
    let value = format!("Basic {}", STANDARD.encode(plain));
    let mut value = HeaderValue::try_from(value).map_err(|_| "has a user that cannot be sent")?;
    value.set_sensitive(true);
    Ok(value)
}

/// A text that should be a URL, without what may be secret in it: everything before an `@`, everything after a `?` or `#`.
pub(super) fn redacted(text: &str) -> String {
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) if !scheme.contains('@') => (format!("{scheme}://"), rest),
        Some(_) | None => (String::new(), text),
    };
    let (user, rest) = match rest.rsplit_once('@') {
        Some((_, rest)) => ("xxxxx@", rest),
        None => ("", rest),
    };
    let (rest, more) = match rest.find(['?', '#']).and_then(|place| rest.split_at_checked(place)) {
        Some((rest, _)) => (rest, "?xxxxx"),
        None => (rest, ""),
    };
    format!("{scheme}{user}{rest}{more}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_put_before_paths() {
        for (text, want) in [
            ("http://provider", "http://provider/p"),
            ("http://provider/", "http://provider/p"),
            ("HTTPS://provider:8443/base//", "https://provider:8443/base/p"),
            ("http://[fd00::1]:80", "http://[fd00::1]:80/p"),
            ("http://provider:", "http://provider:/p"),
            ("http://u:p@provider:80/x", "http://provider:80/x/p"),
        ] {
            assert_eq!(ServerUrl::new(text).unwrap().join("/p"), want, "{text}");
        }
        for text in [
            "provider",
            "provider:80",
            "/provider",
            "ftp://provider",
            "http://",
            "http:///x",
            "http://:80",
            "http://u@",
            "http://provider:99999",
            "http://provider:0",
            "http://provider:x",
            "http://a b",
            "http://provider?a=b",
            "http://provider/#x",
        ] {
            assert!(ServerUrl::new(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_password_is_sent_and_never_told() {
        let url = ServerUrl::new("https://us%40er:p%2Fw:x@provider:8443").unwrap();
        // us@er:p/w:x
        assert_eq!(url.authorization().unwrap(), "Basic dXNAZXI6cC93Ong=");
        let told = format!("{url} {url:?} {:?}", url.authorization());
        assert!(!told.contains("p/w") && !told.contains("dXNA") && !told.contains("p%2Fw"), "{told}");
        let url = ServerUrl::new("http://user@provider").unwrap();
        assert_eq!(url.authorization().unwrap(), "Basic dXNlcjo=");
    }

    #[test]
    fn what_may_be_secret_is_not_repeated() {
        for (text, want) in [
            ("http://provider/x", "http://provider/x"),
            ("http://u:secret@provider/x", "http://xxxxx@provider/x"),
            ("http://u:sec/ret@provider", "http://xxxxx@provider"),
            ("http://u:sec?ret@provider", "http://xxxxx@provider"),
            ("u:secret@provider", "xxxxx@provider"),
            ("u:secret@x://y", "xxxxx@x://y"),
            ("ftp://u:secret@a@b", "ftp://xxxxx@b"),
            ("http://provider/?token=secret", "http://provider/?xxxxx"),
            ("http://provider/#secret", "http://provider/?xxxxx"),
        ] {
            assert_eq!(redacted(text), want);
        }
    }
}
