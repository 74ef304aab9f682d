//! `spiderpool-agent`: what runs on each node and gives its pods their addresses.
//!
//! This is the shell: settings, the API on the socket, probes, metrics, the log, start and end. What gives addresses is behind the
//! trait [`Ipam`](ipam::Ipam), which knows nothing of HTTP, and all but `cluster` knows nothing of Kubernetes.
//!
//! | Part | What it does |
//! | --- | --- |
//! | [`settings`] | environment and `conf.yml`, checked, with what may change while the agent runs |
//! | [`ipam`] | the seam: plain values in, plain values out |
//! | `cluster` | what is behind it: `ipam-k8s` with these settings |
//! | `api` | requests and answers, byte for byte as the original's |
//! | `listen`, `connection` | the socket and the ports; bounds, hang-ups, draining |
//! | `health`, [`metrics`], [`log`] | what is seen from outside |
//! | `cli`, `serve`, `reload` | from the command line to the last answer, and a new `conf.yml` on the way |

mod api;
mod cli;
pub(crate) mod cluster;
mod connection;
mod guard;
mod health;
pub mod ipam;
mod listen;
pub mod log;
pub mod metrics;
mod reload;
mod serve;
pub mod settings;
mod shutdown;
mod sysctl;

pub use self::cli::{Start, main, pages};
pub use self::cluster::{ClusterIpam, connect};
pub use self::health::SelfCheckError;
pub use self::listen::{ListenError, Peers};
pub use self::serve::{Listeners, ServeError, serve};
pub use self::sysctl::SysctlError;

/// What the agent calls itself, to the API server and to the provider of a cloud.
const USER_AGENT: &str = concat!("spiderpool-agent/", env!("CARGO_PKG_VERSION"));
