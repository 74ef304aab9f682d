//! `status.allocatedIPs`: read and written as the Go original does, with nothing lost.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test stops at the first surprise and reads recorded answers; the lint spares test functions only"
)]

use std::path::PathBuf;

use ipam_core::status::AllocatedIps;
use ipam_core::{Addr, Family, Owner};
use serde::de::DeserializeOwned;

mod edits;
mod flaws;
mod golden;
mod ledger;
mod properties;

fn read(family: Family, text: &str) -> AllocatedIps {
    AllocatedIps::parse(family, Some(text)).unwrap()
}

fn addr(text: &str) -> Addr {
    text.parse().unwrap()
}

fn pod(name: &str, uid: &str) -> Owner {
    Owner::pod("t", name, uid).unwrap()
}

fn golden<T: DeserializeOwned>(file: &str) -> Vec<T> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/status").join(file);
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}
