//! Reading the records of a pool's status into its occupancy, and writing them back, against serde_json and a plain map.
#![allow(missing_docs, reason = "criterion's macros make undocumented functions")]
#![allow(clippy::expect_used, reason = "a bench that meets something unexpected should stop")]

use std::collections::{BTreeMap, HashMap};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use ipam_core::status::{AllocatedIps, Workload};
use ipam_core::{Family, IpRange, PoolFields, PoolSpec, PoolState, RangeSet};
use serde::{Deserialize, Serialize};
use spiderpool_benches::{criterion_dir, ratio};

/// As many as a pool may have by default (`SPIDERPOOL_IPPOOL_MAX_ALLOCATED_IPS`).
const RECORDS: u32 = 5_000;

/// A record as the obvious code has it.
#[derive(Deserialize, Serialize)]
struct Plain {
    pod: String,
    #[serde(rename = "podUid")]
    uid: String,
}

/// The text of a status, names and uids of the usual length.
fn text(space: &RangeSet) -> String {
    let records: BTreeMap<String, Plain> = (0..RECORDS)
        .map(|number| {
            let address = space.nth(number.into()).expect("the space is larger").to_string();
            let pod = format!("production/web-frontend-7d4b9c6f5-{number:05}");
            (address, Plain { pod, uid: format!("5b0c3f2e-9a1d-4c77-8e6b-{number:012}") })
        })
        .collect();
    serde_json::to_string(&records).expect("plain data")
}

fn space(range: &str) -> RangeSet {
    range.parse::<IpRange>().expect("a literal range").into()
}

fn v4() -> RangeSet {
    space("10.6.0.0-10.6.255.255")
}

fn reading(c: &mut Criterion) {
    let pools = [("status-read-5000", v4()), ("status-read-5000-v6", space("fd00:6::10-fd00:6::ffff:ffff"))];
    for (name, space) in pools {
        let (text, family) = (text(&space), space.family());
        let mut group = c.benchmark_group(name);
        group.bench_function("ours-into-occupancy", |b| {
            b.iter(|| {
                let ips = AllocatedIps::parse(family, Some(black_box(&text))).expect("sound");
                let occupancy = ips.occupancy(space.clone());
                (ips, occupancy)
            });
        });
        group.bench_function("serde_json-into-map", |b| {
            b.iter(|| serde_json::from_str::<HashMap<String, Plain>>(black_box(&text)).expect("sound"));
        });
        group.finish();
        let goal = "at least 0.67 (at most 1.5 times the time)";
        ratio(name, "ours-into-occupancy", "serde_json-into-map", goal);
    }
}

/// The ledger has an owner for each record, so this is more than the map does.
fn ledger(c: &mut Criterion) {
    let text = text(&v4());
    let fields = PoolFields {
        subnet: "10.6.0.0/16".into(),
        ips: vec!["10.6.0.0-10.6.255.255".into()],
        ..PoolFields::default()
    };
    let spec: Arc<PoolSpec> =
        PoolSpec::new(&"p".parse().expect("a name"), &fields.normalised()).expect("a valid pool").into();
    let read = |text: &str| -> (AllocatedIps, PoolState) {
        let ips = AllocatedIps::parse(Family::V4, Some(text)).expect("sound");
        let state = ips.pool_state(spec.clone(), |_| Workload::Pod);
        (ips, state)
    };
    let mut group = c.benchmark_group("status-ledger-5000");
    group.bench_function("ours-there-and-back", |b| {
        b.iter(|| {
            let (mut ips, state) = read(black_box(&text));
            ips.update(&state).expect("pods only");
            ips.to_text()
        });
    });
    group.bench_function("serde_json-there-and-back", |b| {
        b.iter(|| {
            let map: BTreeMap<String, Plain> = serde_json::from_str(black_box(&text)).expect("sound");
            serde_json::to_string(&map).expect("plain data")
        });
    });
    group.finish();
    let goal = "none; the map has no owners, no occupancy and no conditions";
    ratio("status-ledger-5000", "ours-there-and-back", "serde_json-there-and-back", goal);
}

fn writing(c: &mut Criterion) {
    let text = text(&v4());
    let ips = AllocatedIps::parse(Family::V4, Some(&text)).expect("sound");
    let plain: BTreeMap<String, Plain> = serde_json::from_str(&text).expect("sound");
    assert_eq!(ips.to_text().as_deref(), Some(text.as_str()));
    let mut group = c.benchmark_group("status-write-5000");
    group.bench_function("ours", |b| b.iter(|| black_box(&ips).to_text()));
    group.bench_function("serde_json", |b| {
        b.iter(|| serde_json::to_string(black_box(&plain)).expect("plain data"))
    });
    // As the value of a field of a JSON document, which is what goes to the API server.
    group.bench_function("ours-nested", |b| {
        b.iter(|| {
            let mut document = String::new();
            black_box(&ips).append_json(&mut document);
            document
        });
    });
    group.bench_function("serde_json-nested", |b| {
        b.iter(|| {
            let text = serde_json::to_string(black_box(&plain)).expect("plain data");
            serde_json::to_string(&text).expect("plain data")
        });
    });
    group.finish();
    let goal = "at least 0.83 (at most 1.2 times the time)";
    ratio("status-write-5000", "ours", "serde_json", goal);
    ratio("status-write-5000", "ours-nested", "serde_json-nested", goal);
}

criterion_group! {
    name = status;
    config = Criterion::default().output_directory(&criterion_dir()).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    targets = reading, writing, ledger
}
criterion_main!(status);
