//! Netlink for plugins that work in the network namespaces of pods.
//!
//! - **Namespaces** are entered only on threads of this crate's own ([`namespace`]), so that no caller is ever left in a pod's.
//! - **Sockets** are blocking: every question here is one request of microseconds, asked by a plugin that lives for milliseconds or by a daemon's
//!   thread for such work.
//! - [`uplink`]: the physical function of the host behind an SR-IOV NIC of a pod, and its addresses.

#![forbid(unsafe_code)]

mod error;
pub mod namespace;
mod socket;
pub mod uplink;

pub use error::Error;
