//! The seam between what speaks HTTP and what gives addresses: plain values in, plain values out.
//!
//! # The contract
//!
//! - **Cancellation.** A future of this trait is dropped when its caller hangs up or its deadline has passed. What must not end
//!   half done, a commit and the endpoint after it, runs in a task that the future only waits for. A record that was written
//!   for a caller who has gone stays for its owner: the repeated ADD finds it, the DEL frees it.
//! - **Deadlines.** Each call carries the instant by which it wants to be answered. An implementation gives up by itself in time,
//!   with a reason; the API cuts it off a little later.
//! - **Panics.** A call that panics is answered with 500 and logged; the agent goes on.
//! - **Metrics.** The API counts calls, failures and their times. What only an implementation sees, conflicts and waiting times, it
//!   records in the [`Metrics`](super::metrics::Metrics) that it was made with.

use std::future::Future;

use ipam_k8s::crd::EndpointAddress;
use ipam_k8s::ipam::{Answer, CoordinatorConfig};
use tokio::time::Instant;

/// What gives addresses to pods.
pub trait Ipam: Send + Sync + 'static {
    /// `POST /v1/ipam/ip`: addresses for a NIC of a pod, and for all others that its annotations name.
    fn allocate(
        &self,
        request: AddRequest,
        deadline: Instant,
    ) -> impl Future<Output = Result<Allocated, Refusal>> + Send;

    /// `DELETE /v1/ipam/ip`: the end of a NIC. Only what is stored for its pod and may go is freed; nothing to free is a success.
    fn release(
        &self,
        request: DelRequest,
        deadline: Instant,
    ) -> impl Future<Output = Result<(), Refusal>> + Send;

    /// `DELETE /v1/ipam/ips`: all addresses of a pod, since somebody else on the network has one of them.
    fn release_conflicting(
        &self,
        request: ConflictRequest,
        deadline: Instant,
    ) -> impl Future<Output = Result<(), Refusal>> + Send;

    /// `GET /v1/workloadendpoint`: what is stored for a pod.
    fn workload_endpoint(
        &self,
        pod: PodRef,
        deadline: Instant,
    ) -> impl Future<Output = Result<WorkloadEndpoint, Refusal>> + Send;

    /// `GET /v1/coordinator/config`: the coordinator's settings for a pod.
    fn coordinator_config(
        &self,
        pod: PodRef,
        deadline: Instant,
    ) -> impl Future<Output = Result<CoordinatorConfig, Refusal>> + Send;
}

/// A pod by its name. Nothing is checked: both parts may be empty.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct PodRef {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// Which sandbox asks, as the plugin was told. Nothing is checked: each text may be empty.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Sandbox {
    /// The runtime's id of the sandbox.
    pub container_id: String,
    /// Path of its network namespace; a DEL may have none.
    pub netns: String,
    /// The pod.
    pub pod: PodRef,
    /// The pod's UID.
    pub pod_uid: String,
}

/// An ADD.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AddRequest {
    /// Who asks.
    pub sandbox: Sandbox,
    /// For which NIC.
    pub nic: String,
    /// Pools that the network's configuration names, if any.
    pub default_pools_v4: Vec<String>,
    /// The same of IPv6.
    pub default_pools_v6: Vec<String>,
    /// Whether no default route goes through this NIC.
    pub is_gateway_cleaned: bool,
    /// Whether only pools of the master's own subnets are wanted.
    pub is_master_subnet_matched: bool,
}

/// A DEL.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct DelRequest {
    /// Whose NIC ends.
    pub sandbox: Sandbox,
    /// Which one.
    pub nic: String,
}

/// A release of all addresses of a pod after a conflict.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ConflictRequest {
    /// Whose.
    pub sandbox: Sandbox,
    /// Whether the caller has seen a conflict, so that only what may be given up is released.
    pub is_conflict: bool,
}

/// The answer to an ADD.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Allocated {
    /// The addresses and routes.
    pub answer: Answer,
    /// Whether the plugin is to look for conflicts.
    pub is_conflict_detected: bool,
    /// Whether the plugin is to look for the gateway.
    pub is_gateway_detected: bool,
}

/// What is stored for a pod.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct WorkloadEndpoint {
    /// The pod.
    pub pod: PodRef,
    /// Its UID.
    pub pod_uid: String,
    /// Its node.
    pub node: String,
    /// Its addresses, NIC by NIC.
    pub entries: Vec<EndpointAddress>,
}

/// Why a call was not served: the answer's code, its text, and under what it is counted.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{text}")]
pub struct Refusal {
    /// Which code the answer has.
    pub code: RefusalCode,
    /// What the caller is told, in the original's words.
    pub text: String,
    /// The metrics that count it beside the failures; each at most once, whatever stands here twice.
    pub causes: Vec<Cause>,
}

/// The code of a refusal.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RefusalCode {
    /// 404: what was asked for is not there.
    NotFound,
    /// 500: anything else.
    Failed,
    /// 521: addresses of a stateless pod may not be released.
    Stateless,
    /// 522: addresses of a stateful pod may not be released.
    Stateful,
}

/// Why a call failed, as far as metrics tell causes apart.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Cause {
    /// No pool may be used.
    NoAvailablePool,
    /// A pool was written by others again and again.
    RetriesExhausted,
    /// No address is free.
    UsedOut,
    /// What was asked for makes no sense. Counts as a failure and under no cause, since only its author can mend it.
    WrongInput,
}

impl Refusal {
    /// A failure (500) that no metric has a name for: it counts as internal.
    pub fn internal(text: impl Into<String>) -> Self {
        Self { code: RefusalCode::Failed, text: text.into(), causes: Vec::new() }
    }

    /// A failure (500) with these causes.
    pub fn failed(text: impl Into<String>, causes: impl Into<Vec<Cause>>) -> Self {
        Self { code: RefusalCode::Failed, text: text.into(), causes: causes.into() }
    }

    /// What was asked for is not there (404).
    pub fn not_found(text: impl Into<String>) -> Self {
        Self { code: RefusalCode::NotFound, text: text.into(), causes: Vec::new() }
    }

    /// Addresses of a stateless pod may not be released (521).
    #[must_use]
    pub fn stateless() -> Self {
        let text = "forbid releasing IPs for stateless workload".to_owned();
        Self { code: RefusalCode::Stateless, text, causes: Vec::new() }
    }

    /// Addresses of a stateful pod may not be released (522).
    #[must_use]
    pub fn stateful() -> Self {
        // The blank at the end is the original's, and clients compare the text.
        let text = "forbid releasing IPs for stateful workload ".to_owned();
        Self { code: RefusalCode::Stateful, text, causes: Vec::new() }
    }
}

impl RefusalCode {
    /// The number on the wire.
    #[must_use]
    pub const fn as_u16(self) -> u16 {
        match self {
            Self::NotFound => 404,
            Self::Failed => 500,
            Self::Stateless => 521,
            Self::Stateful => 522,
        }
    }
}
