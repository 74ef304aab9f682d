//! The calls that the socket serves, each with its deadline, its span, its metrics and its line in the log.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use serde::Serialize;
use tokio::time::{Instant, timeout_at};
use tracing::{Instrument as _, Span, info, warn};

use super::reply::{self, Reply, empty};
use super::wire::{AddAnswer, CoordinatorAnswer, EndpointAnswer};
use super::{Backend, Call, MalformedCall};
use crate::agent::ipam::{Allocated, Ipam, Refusal, Sandbox};
use crate::agent::metrics::{CallMetrics, Metrics};

/// An ADD, and whatever else changes what is stored, is answered within this time: the plugin waits for 100 s.
const CHANGE_DEADLINE: Duration = Duration::from_secs(90);
/// Nobody waits longer for something that is only looked up.
const LOOK_DEADLINE: Duration = Duration::from_secs(30);
/// An implementation that gives up at its deadline knows why; it gets this long to say so.
const ANSWER_GRACE: Duration = Duration::from_secs(2);

/// The API on the socket.
pub(in crate::agent) struct IpamApi<I> {
    ipam: Arc<I>,
    metrics: Arc<Metrics>,
}

impl<I: Ipam> IpamApi<I> {
    pub(in crate::agent) fn new(ipam: Arc<I>, metrics: Arc<Metrics>) -> Self {
        Self { ipam, metrics }
    }
}

impl<I: Ipam> Backend for IpamApi<I> {
    async fn perform(&self, call: Call) -> Option<Reply> {
        let ipam = &*self.ipam;
        let (change, look) = (Instant::now() + CHANGE_DEADLINE, Instant::now() + LOOK_DEADLINE);
        let reply = match call {
            Call::Healthy | Call::AllocateBatch => empty(StatusCode::OK),
            Call::Allocate(request) => {
                let span = span("ADD", &request.sandbox, &request.nic);
                let work = measured(ipam.allocate(request, change), change, self.metrics.allocation(), told);
                match work.instrument(span).await {
                    Ok(allocated) => reply::json(StatusCode::OK, &AddAnswer::new(&allocated)),
                    Err(refusal) => reply::refusal(&refusal),
                }
            }
            Call::Release(request) => {
                let span = span("DEL", &request.sandbox, &request.nic);
                let work = measured(
                    ipam.release(request, change),
                    change,
                    self.metrics.release(),
                    |(), elapsed_ms| {
                        info!(target: "IPAM", elapsed_ms, "released");
                    },
                );
                emptied(work.instrument(span).await)
            }
            Call::ReleaseBatch(request) => {
                let span = span("conflict", &request.sandbox, "");
                let work = ipam.release_conflicting(request, change);
                let work = measured(work, change, self.metrics.release(), |(), elapsed_ms| {
                    info!(target: "IPAM", elapsed_ms, "released after a conflict");
                });
                emptied(work.instrument(span).await)
            }
            Call::WorkloadEndpoint(pod) => {
                let endpoint = within(ipam.workload_endpoint(pod, look), look, LOOK_DEADLINE).await;
                looked_up(&endpoint, |endpoint| reply::json(StatusCode::OK, &EndpointAnswer::new(endpoint)))
            }
            Call::CoordinatorConfig(pod) => {
                let config = within(ipam.coordinator_config(pod, look), look, LOOK_DEADLINE).await;
                looked_up(&config, |config| reply::json(StatusCode::OK, &CoordinatorAnswer::new(config)))
            }
            Call::Startup | Call::Readiness | Call::Liveness => return None,
        };
        Some(reply)
    }

    fn malformed(&self, kind: MalformedCall) {
        match kind {
            MalformedCall::Allocation => self.metrics.allocation().malformed(),
            MalformedCall::Release => self.metrics.release().malformed(),
        }
    }
}

/// What each line about a call carries, by the names of the original.
fn span(command: &str, sandbox: &Sandbox, nic: &str) -> Span {
    tracing::error_span!(
        target: "IPAM",
        "call",
        CNICommand = command,
        ContainerID = sandbox.container_id,
        IfName = nic,
        NetNamespace = sandbox.netns,
        PodNamespace = sandbox.pod.namespace,
        PodName = sandbox.pod.name,
        PodUID = sandbox.pod_uid,
    )
}

/// Counts and times a call, and logs how it ended.
async fn measured<T>(
    work: impl Future<Output = Result<T, Refusal>>,
    deadline: Instant,
    metrics: &CallMetrics,
    log: impl FnOnce(&T, u128),
) -> Result<T, Refusal> {
    let timing = Unfinished(Some(metrics.begin()));
    let result = within(work, deadline, CHANGE_DEADLINE).await;
    let elapsed = timing.finish(result.as_ref().map(|_| ()));
    let elapsed_ms = elapsed.as_millis();
    match &result {
        Ok(value) => log(value, elapsed_ms),
        Err(refusal) => warn!(target: "IPAM", elapsed_ms, error = %refusal, "refused"),
    }
    result
}

/// A call under way; one that is dropped has lost its caller.
struct Unfinished<'m>(Option<crate::agent::metrics::Timing<'m>>);

impl Unfinished<'_> {
    fn finish(mut self, result: Result<(), &Refusal>) -> Duration {
        self.0.take().map_or(Duration::ZERO, |timing| timing.finish(result))
    }
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if let Some(timing) = self.0.take() {
            let gone = Refusal::internal("the caller has gone");
            let elapsed_ms = timing.finish(Err(&gone)).as_millis();
            warn!(target: "IPAM", elapsed_ms, "the caller has gone, or the call has failed unexpectedly");
        }
    }
}

/// Ends a call that has not ended by itself a little after its deadline.
async fn within<T>(
    work: impl Future<Output = Result<T, Refusal>>,
    deadline: Instant,
    allowed: Duration,
) -> Result<T, Refusal> {
    timeout_at(deadline + ANSWER_GRACE, work).await.unwrap_or_else(|_| {
        let seconds = allowed.as_secs();
        Err(Refusal::internal(format!(
            "no answer within {seconds} s; what is stored for the pod stays, and the same request will find it"
        )))
    })
}

fn emptied(result: Result<(), Refusal>) -> Reply {
    result.map_or_else(|refusal| reply::refusal(&refusal), |()| empty(StatusCode::OK))
}

fn looked_up<T>(result: &Result<T, Refusal>, write: impl FnOnce(&T) -> Reply) -> Reply {
    result.as_ref().map_or_else(reply::refusal, write)
}

/// The one line of an ADD.
fn told(allocated: &Allocated, elapsed_ms: u128) {
    #[derive(Serialize)]
    struct Given<'a> {
        nic: &'a str,
        address: &'a str,
        pool: &'a str,
    }
    let ips = allocated.answer.ips.iter();
    let given: Vec<_> = ips.map(|ip| Given { nic: &ip.nic, address: &ip.address, pool: &ip.pool }).collect();
    let given = serde_json::to_string(&given).unwrap_or_default();
    info!(target: "IPAM", elapsed_ms, addresses = given, "allocated");
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_call_gives_up_by_itself_or_is_ended() {
        let begun = Instant::now();
        let deadline = begun + CHANGE_DEADLINE;
        let by_itself = async {
            tokio::time::sleep_until(deadline).await;
            Err::<(), _>(Refusal::internal("others wrote the pool"))
        };
        let refusal = within(by_itself, deadline, CHANGE_DEADLINE).await.unwrap_err();
        assert_eq!((refusal.text.as_str(), begun.elapsed()), ("others wrote the pool", CHANGE_DEADLINE));
        let deadline = Instant::now() + CHANGE_DEADLINE;
        let refusal = within(pending::<Result<(), _>>(), deadline, CHANGE_DEADLINE).await.unwrap_err();
        assert!(refusal.text.starts_with("no answer within 90 s"), "{refusal}");
        assert_eq!(begun.elapsed(), CHANGE_DEADLINE * 2 + ANSWER_GRACE);
    }
}
