//! What has to hold of the agent's program on a real API server, with the account that an agent has, beyond what was recorded of the
//! original: the checks of allocation and release by number, a fleet in which Go agents write too, damaged objects, and the manifests
//! of the original's own tests.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops at the first surprise; the lints spare test functions only"
)]

mod bed;
mod checks_asking;
mod checks_keeping;
mod damaged;
mod manifests;
mod mixed;
mod table;
