//! The programs that are not plugins: `spiderpoolctl`, the agent around what gives addresses, later the controller.
//!
//! Wiring only: arguments, files, streams and sockets. The rules are in `ipam-core`, the store of one host in `ipam-local`, that of a
//! cluster in `ipam-k8s`.
#![forbid(unsafe_code)]

pub mod agent;
pub mod ctl;
