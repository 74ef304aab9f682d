//! Giving ranges of a subnet to pools: each rule as a table, the records as text, and random histories against a naive model.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops at the first surprise; the lints spare test functions only"
)]

mod branches;
mod claims;
mod history;
mod model;
mod numbers;
mod records;
mod stocks;
mod syncing;
mod texts;

use ipam_core::carve::{Application, ControlRecord, ControlledPools, Stock, Subnet};
use ipam_core::{Family, IpRange, PoolName, RangeSet};

fn name(text: &str) -> PoolName {
    text.parse().expect(text)
}

fn app(text: &str) -> Application {
    text.parse().expect(text)
}

/// A set of addresses `10.6.0.N`, written `1-3,7`.
fn set(text: &str) -> RangeSet {
    let bound = |number: &str| format!("10.6.0.{number}");
    let ranges = text.split(',').filter(|item| !item.is_empty()).map(|item| {
        let (first, last) = item.split_once('-').unwrap_or((item, item));
        format!("{}-{}", bound(first), bound(last)).parse::<IpRange>().expect(item)
    });
    RangeSet::from_ranges(Family::V4, ranges).expect("one family")
}

fn record(ranges: &str, application: Option<&str>) -> ControlRecord {
    ControlRecord { ranges: set(ranges), application: application.map(app) }
}

fn records(entries: &[(&str, &str, Option<&str>)]) -> ControlledPools {
    let entries = entries.iter().map(|(pool, ranges, owner)| (name(pool), record(ranges, *owner)));
    ControlledPools::from_records(Family::V4, entries).expect("one family")
}

fn subnet(total: &RangeSet) -> Subnet<'_> {
    Subnet::new("s4", "10.6.0.0/24".parse().expect("a network"), total)
}

fn stock<'a>(
    total: &'a RangeSet,
    records: ControlledPools,
    reserved: &RangeSet,
    living: &RangeSet,
) -> Stock<'a> {
    Stock::new(subnet(total), records, [reserved], [living]).expect("one family")
}
