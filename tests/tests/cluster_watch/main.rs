//! What an agent knows of a real API server: watches, lookups without them, and the rules about workloads on real objects.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    reason = "a test stops at the first surprise; the lints spare test functions only"
)]

mod bed;
mod cold;
mod gate;
mod machines;
mod objects;
mod pools;
mod workloads;
