//! The store on a cluster, and the client below it, on a real API server: the contract, what each kind of call costs, lost answers,
//! other writers, what cannot be read, what would be too large.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    clippy::print_stdout,
    reason = "a test stops at the first surprise; the lints spare test functions only"
)]

mod bed;
mod client;
mod contract;
mod costs;
mod endpoints;
mod fleet;
mod limits;
mod lost;
#[expect(dead_code, reason = "the tests of an agent use more of it")]
mod proxy;
mod renamed;
