//! The API: HTTP/1.1 with JSON, on the socket for plugins, on the health port for probes.
//!
//! A request passes the checks of the original's framework in its order: path and method (404, 405), the types of the body and of the
//! answer (415, 406), the body itself (400, 422), and only then is it a [`Call`].

mod calls;
mod negotiate;
mod operation;
mod reply;
mod request;
mod wire;

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::{HeaderMap, Request, StatusCode};

pub(super) use self::calls::IpamApi;
use self::operation::{Operation, Route};
use self::reply::closing;
pub(super) use self::reply::{Reply, empty};
use self::request::{Body, Malformed};
use super::ipam::{AddRequest, ConflictRequest, DelRequest, PodRef};

/// A request has some hundred bytes and perhaps lists of pools.
const BODY_BYTES_MAX: usize = 1024 * 1024;
/// Callers are on this host and send a body at once.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// What is asked for.
#[derive(Debug)]
pub(super) enum Call {
    /// Whether anybody answers.
    Healthy,
    /// ADD.
    Allocate(AddRequest),
    /// DEL.
    Release(DelRequest),
    /// Nothing: the original answers and does nothing.
    AllocateBatch,
    /// All addresses of a pod.
    ReleaseBatch(ConflictRequest),
    /// The coordinator's settings.
    CoordinatorConfig(PodRef),
    /// What is stored for a pod.
    WorkloadEndpoint(PodRef),
    /// Probes of the kubelet.
    Startup,
    Readiness,
    Liveness,
}

/// What answers the calls of one listener.
pub(super) trait Backend: Send + Sync + 'static {
    /// Answers a call, or nothing where this listener does not serve it.
    fn perform(&self, call: Call) -> impl Future<Output = Option<Reply>> + Send;

    /// Sees that a call was refused before it was one.
    fn malformed(&self, _kind: MalformedCall) {}
}

/// Which call was malformed, as far as metrics tell calls apart.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum MalformedCall {
    Allocation,
    Release,
}

/// Answers a request.
pub(super) async fn answer<B: Backend>(backend: &B, request: Request<Incoming>) -> Reply {
    let (parts, body) = request.into_parts();
    let operation = match operation::route(&parts.method, parts.uri.path()) {
        Route::Found(operation) => operation,
        Route::WrongMethod(allowed) => return reply::wrong_method(&parts.method, &allowed),
        Route::NotFound => {
            let message = format!("path {} was not found", parts.uri.path());
            return reply::fault(StatusCode::NOT_FOUND, &message);
        }
    };
    match call(operation, &parts.headers, parts.uri.query().unwrap_or_default(), body).await {
        Ok(call) => backend.perform(call).await.unwrap_or_else(|| reply::not_implemented(operation.name())),
        Err(refused) => {
            match operation {
                Operation::Allocate => backend.malformed(MalformedCall::Allocation),
                Operation::Release | Operation::ReleaseBatch => backend.malformed(MalformedCall::Release),
                Operation::Healthy
                | Operation::AllocateBatch
                | Operation::CoordinatorConfig
                | Operation::WorkloadEndpoint
                | Operation::Startup
                | Operation::Readiness
                | Operation::Liveness => {}
            }
            *refused
        }
    }
}

/// The call that a request makes, or the framework's refusal.
async fn call(
    operation: Operation,
    headers: &HeaderMap,
    query: &str,
    body: Incoming,
) -> Result<Call, Box<Reply>> {
    // A body that comes in chunks may be empty, which only reading it tells.
    let is_chunked = !body.is_end_stream() && body.size_hint().exact().is_none();
    let (body, has_body) = if is_chunked {
        let bytes = read(body).await?;
        let has_body = !bytes.is_empty();
        (Ok(bytes), has_body)
    } else {
        let has_body = !body.is_end_stream();
        (Err(body), has_body)
    };
    negotiate::check(headers, has_body)?;
    let Some(parameter) = operation.body_parameter() else { return bodiless(operation, query) };
    let bytes = match body {
        Ok(bytes) => bytes,
        Err(_) if !has_body => return Err(Box::new(reply::required(parameter, "body"))),
        Err(body) => read(body).await?,
    };
    let call = match operation {
        Operation::Allocate => AddRequest::read(&bytes).map(Call::Allocate),
        Operation::Release => DelRequest::read(&bytes).map(Call::Release),
        Operation::ReleaseBatch => ConflictRequest::read(&bytes).map(Call::ReleaseBatch),
        Operation::CoordinatorConfig => PodRef::read(&bytes).map(Call::CoordinatorConfig),
        Operation::Healthy
        | Operation::AllocateBatch
        | Operation::WorkloadEndpoint
        | Operation::Startup
        | Operation::Readiness
        | Operation::Liveness => return bodiless(operation, query),
    };
    call.map_err(|malformed| {
        Box::new(match malformed {
            Malformed::NoBody => reply::required(parameter, "body"),
            Malformed::Missing(field) => reply::required(field, "body"),
            Malformed::Json(error) => {
                let message = format!("parsing {parameter} body from \"\" failed, because {error}");
                reply::fault(StatusCode::BAD_REQUEST, &message)
            }
        })
    })
}

/// A call of an operation that reads no body.
fn bodiless(operation: Operation, query: &str) -> Result<Call, Box<Reply>> {
    Ok(match operation {
        Operation::Healthy => Call::Healthy,
        Operation::WorkloadEndpoint => request::pod_of_query(query)
            .map(Call::WorkloadEndpoint)
            .map_err(|parameter| Box::new(reply::required(parameter, "query")))?,
        Operation::Startup => Call::Startup,
        Operation::Readiness => Call::Readiness,
        Operation::Liveness => Call::Liveness,
        Operation::AllocateBatch
        | Operation::Allocate
        | Operation::Release
        | Operation::ReleaseBatch
        | Operation::CoordinatorConfig => Call::AllocateBatch,
    })
}

/// Reads a body within its bounds.
async fn read(body: Incoming) -> Result<Bytes, Box<Reply>> {
    let refuse = |code, message: &str| Err(Box::new(closing(reply::fault(code, &message))));
    match tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, BODY_BYTES_MAX).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            refuse(StatusCode::PAYLOAD_TOO_LARGE, "http: request body too large; want at most 1048576 bytes")
        }
        Ok(Err(error)) => refuse(StatusCode::BAD_REQUEST, &format!("the body cannot be read: {error}")),
        Err(_) => refuse(StatusCode::REQUEST_TIMEOUT, "the body did not arrive within 10s"),
    }
}
