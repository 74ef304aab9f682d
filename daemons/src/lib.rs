//! The programs that are not plugins: `spiderpoolctl` today, the agent and the controller when a cluster is served.
//!
//! Wiring only: arguments, files and streams. The rules are in `ipam-core`, the store of one host in `ipam-local`.
#![forbid(unsafe_code)]

pub mod agent;
pub mod ctl;
