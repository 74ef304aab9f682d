//! The connection to an API server.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use kube::client::{Body, ClientBuilder};
use kube::{Client, Config};
use tokio::time::{sleep_until, timeout_at};

use super::answer::{failure, wait, words};
use super::count::Counter;
use super::deadline::Deadline;
use super::error::{Call, CallError, Failure};
use super::traffic::Traffic;
use crate::error::Error;

/// A connection is made within this time, or not at all. Within a cluster it takes milliseconds; a peer that drops packets shows
/// after several of them.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A request of a few MiB is written within this time, or the peer has gone.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// How a [`Cluster`] is reached.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClusterOptions {
    /// The `User-Agent` of each request: name and version of the program, `spiderpool-agent/0.1.0`.
    pub user_agent: String,
    /// A connection that was not made by then has failed.
    pub connect_timeout: Duration,
    /// A connection on which nothing was read for so long has failed. Calls end at their deadlines anyway; a client for watches
    /// sets it, so that a silent connection is noticed. `None`: no such limit.
    pub read_timeout: Option<Duration>,
}

impl ClusterOptions {
    /// The defaults with this `User-Agent`: a connection within 10 s, no limit for reading.
    pub fn new(user_agent: impl Into<String>) -> Self {
        Self { user_agent: user_agent.into(), connect_timeout: CONNECT_TIMEOUT, read_timeout: None }
    }
}

/// An API server and the way to it: the [module](super) says what is particular. Clones share connections and counts.
///
/// ```no_run
/// use std::time::Duration;
///
/// use ipam_k8s::client::{Cluster, ClusterOptions, Deadline, Named};
/// use ipam_k8s::crd::SpiderIPPool;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let config = kube::Config::infer().await?;
/// let cluster = Cluster::new(config, &ClusterOptions::new("example/0.1.0"))?;
/// let pool: SpiderIPPool = cluster.get(Named::cluster("v4"), Deadline::after(Duration::from_secs(10))).await?;
/// println!("{}\n{}", pool.spec.subnet, cluster.traffic().counts());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Cluster {
    client: Client,
    traffic: Traffic,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster").field("traffic", &self.traffic).finish_non_exhaustive()
    }
}

impl Cluster {
    /// Takes where and as whom from the configuration, and nothing else: its timeouts and its retries are replaced. Connects at the
    /// first call. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`Error::Config`] when a certificate, a key or the `User-Agent` cannot be used.
    pub fn new(mut config: Config, options: &ClusterOptions) -> Result<Self, Error> {
        config.default_retry = false;
        config.connect_timeout = Some(options.connect_timeout);
        config.read_timeout = options.read_timeout;
        config.write_timeout = Some(WRITE_TIMEOUT);
        // The time that a connection was idle is not the answer's.
        config.reset_reader_on_write = true;
        let agent =
            HeaderValue::from_str(&options.user_agent).map_err(|source| Error::Config(Box::new(source)))?;
        config.headers.retain(|(name, _)| name != header::USER_AGENT);
        config.headers.push((header::USER_AGENT, agent));
        let traffic = Traffic::default();
        let builder = ClientBuilder::try_from(config).map_err(|source| Error::Config(Box::new(source)))?;
        // Nothing below repeats a request, so what is counted here is what is sent.
        let client = builder.with_layer(&Counter(traffic.clone())).build();
        Ok(Self { client, traffic })
    }

    /// kube's client, for what has no method here: watches, discovery. It is counted like everything else.
    #[must_use]
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// The book of requests.
    #[must_use]
    pub const fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// Sends a request and returns the body of the answer, if it is a success.
    ///
    /// Cancel safe: a dropped call leaves the outcome of a write unknown.
    pub(super) async fn send(
        &self,
        call: Call,
        request: Request<Vec<u8>>,
        deadline: Deadline,
    ) -> Result<Bytes, CallError> {
        let (parts, body) = request.map(Bytes::from).into_parts();
        let failed = |failure| Err(CallError { call: Box::new(call.clone()), failure });
        loop {
            let request = Request::from_parts(parts.clone(), Body::from(body.clone()));
            let answer = match timeout_at(deadline.instant(), self.exchange(request)).await {
                Ok(Ok(answer)) => answer,
                Ok(Err(failure)) => return failed(failure),
                Err(_) => return failed(Failure::NoAnswer),
            };
            let Answer { status, pause, body } = answer;
            if status.is_success() {
                return Ok(body);
            }
            if status != StatusCode::TOO_MANY_REQUESTS {
                return failed(failure(status, &body));
            }
            let (message, _) = words(status, &body);
            if pause >= deadline.remaining() {
                return failed(Failure::Throttled { wait: pause, message });
            }
            sleep_until(Deadline::after(pause).instant()).await;
        }
    }

    async fn exchange(&self, request: Request<Body>) -> Result<Answer, Failure> {
        let response = self.client.send(request).await.map_err(|error| Failure::Broken(Box::new(error)))?;
        let (status, pause) = (response.status(), wait(response.headers()));
        let body = response.into_body().collect().await.map_err(|error| Failure::Broken(Box::new(error)))?;
        Ok(Answer { status, pause, body: body.to_bytes() })
    }
}

struct Answer {
    status: StatusCode,
    /// The wait that it asks for, should it be a 429.
    pause: Duration,
    body: Bytes,
}
