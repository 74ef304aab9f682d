//! The pipeline of an agent on a real API server, with the account that an agent has: what requests cost, and what pods are told.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops at the first surprise; the lints spare test functions only"
)]

mod bed;
mod costs;
mod events;
