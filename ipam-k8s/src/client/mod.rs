//! One client of the API server, and one place that says what each of its answers means. Feature `client`.
//!
//! [`Cluster`] is a thin wrapper around [`kube::Client`]. What it adds:
//!
//! - **Nothing is repeated behind the caller's back.** kube's `default_retry` is off, since it repeats a PUT on 503 and 504, whose
//!   outcome is unknown. One answer is waited for and tried again: 429, which the API server gives before it looks at the
//!   request (priority and fairness; a server that is about to stop). `Retry-After` is honoured until the call's [`Deadline`], and counted.
//! - **Every call ends.** There is no call without a deadline.
//! - **No rate limit of its own.** The API server protects itself, and is believed.
//! - **Errors are classified once:** [`Failure`] says what happened, [`StoreError::class`](ipam_core::StoreError::class) what it means for the caller.
//! - **Requests and bytes are counted** below all of this, by verb and resource: [`Traffic`].
//!
//! | Answer | [`Failure`] | Class |
//! |---|---|---|
//! | 409 of reason `AlreadyExists` | `AlreadyExists` | conflict |
//! | any other 409 | `Conflict` | conflict |
//! | 410: the version or the page is too old | `Expired` | conflict |
//! | 400, 401, 403, 404, 422 | of that name | rejected |
//! | 413; 500 whose text says that it is too large, or that etcd is full | `TooLarge` | rejected |
//! | any other 3xx or 4xx | `Refused` | rejected |
//! | 429 and the deadline comes before the end of the wait | `Throttled` | unavailable, though nothing was stored |
//! | 504, any other 5xx | `Unknown` | unavailable |
//! | a connection that could not be made, or broke | `Broken` | unavailable |
//! | no answer in time | `NoAnswer` | unavailable |
//! | success, but the answer cannot be read | `Unreadable` | of a read: rejected; of a write: unavailable |
//!
//! Why any other 500 and 503 are *unknown*: the API server turns into a 500 what etcd says, and `etcdserver: request timed out` or a
//! change of the leader leave open whether the write went through. A 503 may come from a load balancer whose backend died in between.
//! To read once more costs little; to believe a lost write costs an address.
//!
//! A connection that the server has closed while it was idle is replaced by hyper before anything of a request was sent on it; that is
//! no repetition. A call that is given up closes its connection, but the server may carry the request out all the same.

mod answer;
mod call;
mod cluster;
mod count;
mod deadline;
mod error;
mod traffic;
mod watch;

pub use call::{List, Named, Page};
pub use cluster::{Cluster, ClusterOptions};
pub use deadline::Deadline;
pub use error::{Call, CallError, Failure};
pub use traffic::{Count, Counts, Traffic, Verb};
pub(crate) use watch::{Event, Listen};
