//! The real `spiderpool` binary without a store, as a runtime calls it, before an agent that answers what a test wants.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed assumption fails the test")]

mod answers;
#[path = "../called/mod.rs"]
mod called;
mod check;
mod config;
mod failures;
mod node;
mod recorded;
mod release;
mod requests;
mod server;
