//! The machines step by step: what they ask for, and what they make of each answer, lost ones too.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at the first surprise; the lints spare test functions only"
)]

mod allocate;
mod drivers;
mod release;
mod script;
