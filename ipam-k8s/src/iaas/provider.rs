//! The two calls.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, stream};
use http::{HeaderName, HeaderValue, Request, Response, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::time::timeout_at;

use super::binding::{Answer, Bindings};
use super::budget::Budget;
use super::error::{ApiCall, Failed, ProviderError, UnbindError};
use super::request::{AllocateRequest, ReleaseRequest};
use super::settings::{ProviderSettings, SettingsError, Trust};
use super::tls;
use super::url::ServerUrl;
use crate::client::Deadline;

const ALLOCATE: &str = "/v1/apis/network.iaas.io/ipam/allocate-ips";
const RELEASE: &str = "/v1/apis/network.iaas.io/ipam/release-ip";
/// What is left of the call's time as the request is sent.
const TIMEOUT_MS: HeaderName = HeaderName::from_static("x-request-timeout-ms");

/// A connection is made within this time, or not at all.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// An answer has some 200 bytes for an address, and a pod a handful of addresses.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// As much of a body is told in an error.
const TOLD_BYTES_MAX: usize = 1024;
/// Releases of one call that are under way at once. The provider has a limit of its own, at which they would only wait.
const RELEASES_AT_ONCE: usize = 4;

/// A provider of addresses of a cloud.
///
/// Nothing is repeated: an ADD or DEL that fails is repeated by the kubelet, and a provider has a limit of calls. Redirects are not
/// followed, and proxies of the environment are not used.
#[derive(Clone)]
pub struct Provider {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    url: ServerUrl,
    timeout: Duration,
    agent: HeaderValue,
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider")
            .field("url", &self.url)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

impl Provider {
    /// Connects at the first call. `user_agent` is name and version of the program: `spiderpool-agent/0.1.0`.
    ///
    /// # Errors
    /// [`SettingsError`]: the certificates that the settings name cannot be used.
    pub fn new(settings: &ProviderSettings, user_agent: &str) -> Result<Self, SettingsError> {
        let agent = HeaderValue::from_str(user_agent)
            .map_err(|_| SettingsError::UserAgent { value: user_agent.to_owned() })?;
        let tls = tls::config(settings)?;
        if settings.url.is_https() && *settings.trust() == Trust::Anyone {
            tracing::warn!(url = %settings.url, "any certificate is taken for the IaaS provider's");
        }
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            // A connection for each call: one that waits for the next may be closed by the peer at the moment that it is used, which
            // would fail a call that nothing repeats. Beside what a cloud takes, a new one costs nothing.
            .pool_max_idle_per_host(0)
            // As Go writes them: a provider need not know that names have no case.
            .http1_title_case_headers(true)
            .build(connector);
        Ok(Self { client, url: settings.url.clone(), timeout: settings.timeout(), agent })
    }

    /// Has addresses bound, and answers what the cloud gave with them. `deadline` is the caller's, if it has one.
    ///
    /// Cancel safe: a dropped call closes its connection; what the cloud has done is unknown until the next ADD asks for the same
    /// addresses.
    ///
    /// # Errors
    /// [`ProviderError`].
    pub async fn allocate(
        &self,
        request: &AllocateRequest,
        deadline: Option<Deadline>,
    ) -> Result<Bindings, ProviderError> {
        let call = ApiCall::Allocate;
        let body = json(call, request)?;
        let answer = self.post(call, ALLOCATE, body, deadline).await?;
        let read = serde_json::from_slice::<Answer>(&answer);
        let read = read.map_err(|source| ProviderError::Unreadable { call, body: told(&answer), source })?;
        Bindings::new(request, read)
    }

    /// Gives an address back. A success says that the provider has taken it on; the cloud may finish later. `deadline` is the
    /// caller's, if it has one.
    ///
    /// Cancel safe: a dropped call leaves open whether the provider has taken it on; it may be repeated.
    ///
    /// # Errors
    /// [`ProviderError`].
    pub async fn release(
        &self,
        request: &ReleaseRequest,
        deadline: Option<Deadline>,
    ) -> Result<(), ProviderError> {
        let call = ApiCall::Release;
        self.post(call, RELEASE, json(call, request)?, deadline).await.map(drop)
    }

    /// Gives addresses back, a few at a time, all of them even if some fail.
    ///
    /// Cancel safe: as [`Provider::release`].
    ///
    /// # Errors
    /// [`UnbindError::Provider`], with each address that failed.
    pub async fn release_all(
        &self,
        requests: &[ReleaseRequest],
        deadline: Option<Deadline>,
    ) -> Result<(), UnbindError> {
        let released = stream::iter(requests.to_vec()).map(|request| async move {
            let released = self.release(&request, deadline).await;
            released.err().map(|error| Failed { address: request.address(), error })
        });
        let failed: Vec<Failed> =
            released.buffered(RELEASES_AT_ONCE).filter_map(std::future::ready).collect().await;
        if failed.is_empty() { Ok(()) } else { Err(UnbindError::Provider { failed }) }
    }

    async fn post(
        &self,
        call: ApiCall,
        path: &str,
        body: Vec<u8>,
        deadline: Option<Deadline>,
    ) -> Result<Bytes, ProviderError> {
        let budget = Budget::new(call, self.timeout, deadline)?;
        let mut request = Request::post(self.url.join(path))
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::USER_AGENT, &self.agent)
            .header(TIMEOUT_MS, budget.millis());
        if let Some(authorization) = self.url.authorization() {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let request = request.body(Full::from(body));
        let request = request.map_err(|error| self.broken(call, error))?;
        match timeout_at(budget.deadline.instant(), self.exchange(call, request)).await {
            Ok(answer) => answer,
            Err(_) => Err(budget.exceeded(call)),
        }
    }

    async fn exchange(&self, call: ApiCall, request: Request<Full<Bytes>>) -> Result<Bytes, ProviderError> {
        let response = self.client.request(request).await.map_err(|error| {
            if error.is_connect() {
                let url = self.url.to_string();
                ProviderError::NoConnection { call, url, source: Box::new(error) }
            } else {
                self.broken(call, error)
            }
        })?;
        let status = response.status();
        if !status.is_success() {
            // The status says enough, should the body break off.
            let (body, _) = read(response, TOLD_BYTES_MAX).await;
            return Err(ProviderError::Status { call, code: status.as_u16(), body: told(&body) });
        }
        match call {
            // There is nothing in it that counts.
            ApiCall::Release => Ok(Bytes::new()),
            ApiCall::Allocate => match read(response, ANSWER_BYTES_MAX).await {
                (body, End::Whole) => Ok(body),
                (_, End::TooLong) => Err(ProviderError::TooLarge { call, bytes_max: ANSWER_BYTES_MAX }),
                (_, End::Broken(error)) => Err(self.broken(call, error)),
            },
        }
    }

    fn broken(&self, call: ApiCall, source: impl Error + Send + Sync + 'static) -> ProviderError {
        ProviderError::Broken { call, url: self.url.to_string(), source: Box::new(source) }
    }
}

/// How the reading of a body ended.
enum End {
    Whole,
    TooLong,
    Broken(hyper::Error),
}

/// A body, up to where it is longer than `bytes_max` or breaks off.
async fn read(response: Response<Incoming>, bytes_max: usize) -> (Bytes, End) {
    let mut body = response.into_body();
    let mut all = BytesMut::new();
    loop {
        match body.frame().await {
            None => return (all.freeze(), End::Whole),
            Some(Err(error)) => return (all.freeze(), End::Broken(error)),
            Some(Ok(frame)) => all.extend_from_slice(frame.data_ref().map_or(&[], |data| data)),
        }
        if all.len() > bytes_max {
            return (all.freeze(), End::TooLong);
        }
    }
}

/// The beginning of a body, as it is told in an error.
fn told(body: &[u8]) -> String {
    let part = body.get(..TOLD_BYTES_MAX);
    let text = String::from_utf8_lossy(part.unwrap_or(body));
    let more = if body.len() > TOLD_BYTES_MAX { "…" } else { "" };
    format!("{}{more}", text.trim_end())
}

fn json(call: ApiCall, request: &impl serde::Serialize) -> Result<Vec<u8>, ProviderError> {
    serde_json::to_vec(request).map_err(|source| ProviderError::Unwritable { call, source })
}
