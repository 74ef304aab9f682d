//! The pipeline of an agent on a real API server, with the account that an agent has: what requests cost, what
//! pods are told, and what a cloud's provider is told of them.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise; the lints spare test functions only"
)]

mod bed;
mod cloud;
mod costs;
mod events;
mod master;
mod provider;
