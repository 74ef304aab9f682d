//! The records of a pool's status: read and written as Go does, and nothing lost.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test stops at the first surprise and reads recorded answers; the lints spare test functions only"
)]

mod golden;
mod ledger;
mod properties;

use ipam_core::status::AllocatedIps;
use ipam_core::{Addr, Family, Owner};

fn addr(text: &str) -> Addr {
    text.parse().unwrap()
}

fn v4(text: &str) -> AllocatedIps {
    AllocatedIps::parse(Family::V4, Some(text)).unwrap()
}

fn pod(name: &str, uid: &str) -> Owner {
    Owner::pod("default", name, uid).unwrap()
}
