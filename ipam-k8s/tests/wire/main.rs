//! The types against what the Go original was given and stored.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test stops where its data is not what it says; it prints what it counted and what it left out"
)]

mod conversion;
mod defaults;
mod definitions;
#[path = "../../examples/crds/files.rs"]
mod files;
mod kept;
mod patches;
mod reading;
mod recorded;
mod roundtrip;
