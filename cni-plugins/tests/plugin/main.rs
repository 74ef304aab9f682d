//! The real `spiderpool` binary on a store of its own, as a runtime calls it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed assumption fails the test"
)]

mod asks;
#[path = "../called/mod.rs"]
mod called;
mod config;
mod host;
mod operations;
mod pools;
mod release;
mod status;
mod store;
