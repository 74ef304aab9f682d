//! The pipeline of an agent on a real API server, with the account that an agent has: what requests cost, what pods and a cloud's
//! provider are told, and what becomes of writes that meet others or whose answers are lost.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise; the lints spare test functions only"
)]

mod bed;
mod cloud;
mod costs;
mod events;
mod lost;
mod master;
mod provider;
#[path = "../cluster_store/proxy.rs"]
#[expect(dead_code, reason = "the tests of the store use more of it")]
mod proxy;
