//! `spiderpoolctl` on a real API server, with the roles of `daemons/rbac/ctl.yaml`. The program itself is run, as a person runs it.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise; the lints spare test functions only"
)]

mod bed;
mod explaining;
mod findings;
mod releasing;
mod repairs;
mod same;
mod target;
mod views;
