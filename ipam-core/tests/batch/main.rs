//! Group commit: its head under any order of events, and the store above a store under any order of polls.
//!
//! A failure of a run from a seed names the seed.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    clippy::print_stdout,
    reason = "a test stops at the first surprise; the lints spare test functions only"
)]

mod bed;
mod burst;
mod contract;
mod drivers;
mod executor;
mod head;
mod order;
