//! Addresses, ranges and range sets: every rule of text as a table, the algebra against naive sets at both ends of both
//! families.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "functions that tests share count as code for clippy"
)]

mod algebra;
mod text;

use ipam_core::{Addr, Family, IpRange, RangeSet};

fn addr(text: &str) -> Addr {
    text.parse().expect(text)
}

fn range(text: &str) -> IpRange {
    text.parse().expect(text)
}

fn set(family: Family, items: &[&str]) -> RangeSet {
    RangeSet::from_ranges(family, items.iter().map(|item| range(item))).expect("one family")
}
