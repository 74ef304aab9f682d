//! Reading the records in a pool's status and writing them again, against `serde_json` with a map of owned texts.
#![allow(missing_docs, reason = "criterion's macros make undocumented functions")]
#![allow(clippy::expect_used, reason = "a bench that meets something unexpected should stop")]

use std::collections::{BTreeMap, HashMap};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ipam_core::status::{AllocatedIps, Workload};
use ipam_core::{Family, PoolFields, PoolSpec, RangeSet};
use serde::{Deserialize, Serialize};
use spiderpool_benches::{criterion_dir, ratio};

/// The limit that the original puts on a pool (`SPIDERPOOL_IPPOOL_MAX_ALLOCATED_IPS`).
const RECORDS: u64 = 5_000;

/// What the obvious code keeps of a record.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Plain {
    pod: String,
    pod_uid: String,
}

fn spec(subnet: &str, range: &str) -> Arc<PoolSpec> {
    let fields = PoolFields { subnet: subnet.into(), ips: vec![range.into()], ..PoolFields::default() };
    PoolSpec::new(&"p".parse().expect("a name"), &fields.normalised()).expect("a valid pool").into()
}

/// Names and uids as long as those of a Deployment's pods.
fn plain(space: &RangeSet) -> BTreeMap<String, Plain> {
    let record = |number: u64| {
        let address = space.nth(number.into()).expect("the pool is larger").to_string();
        let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let pod = format!("production/web-frontend-{:08x}-{:05x}", mixed >> 32, mixed & 0xf_ffff);
        let pod_uid = format!("{:08x}-1111-4222-8333-{:012x}", mixed >> 32, mixed & 0xffff_ffff_ffff);
        (address, Plain { pod, pod_uid })
    };
    (0..RECORDS).map(record).collect()
}

fn status(c: &mut Criterion) {
    let pools = [
        (Family::V4, spec("10.6.0.0/16", "10.6.0.10-10.6.255.250")),
        (Family::V6, spec("fd00:6::/64", "fd00:6::10-fd00:6::ffff:ffff")),
    ];
    for (family, spec) in pools {
        let space = spec.allocatable().clone();
        let map = plain(&space);
        let text = serde_json::to_string(&map).expect("a map of texts");
        let ips = AllocatedIps::parse(family, Some(&text)).expect("its own form");
        assert_eq!(ips.to_text().as_deref(), Some(text.as_str()), "both write the same bytes");
        let state = ips.pool_state(spec.clone(), |_| Workload::Pod);
        let bytes = Throughput::Bytes(text.len().try_into().expect("some kilobytes"));

        let name = format!("status-read-{family}");
        let mut group = c.benchmark_group(&name);
        group.throughput(bytes.clone());
        group.bench_function("ours-occupancy", |b| {
            b.iter(|| {
                let ips = AllocatedIps::parse(family, Some(black_box(&text))).expect("well-formed");
                let occupancy = ips.occupancy(space.clone());
                (ips, occupancy)
            });
        });
        group.bench_function("ours-ledger", |b| {
            b.iter(|| {
                let ips = AllocatedIps::parse(family, Some(black_box(&text))).expect("well-formed");
                let state = ips.pool_state(spec.clone(), |_| Workload::Pod);
                (ips, state)
            });
        });
        group.bench_function("serde-hashmap", |b| {
            b.iter(|| serde_json::from_str::<HashMap<String, Plain>>(black_box(&text)).expect("well-formed"));
        });
        group.finish();
        let goal = "at least 0.67 (at most 1.5 times the map's time)";
        ratio(&name, "ours-occupancy", "serde-hashmap", goal);
        ratio(&name, "ours-ledger", "serde-hashmap", "none; with an owner for each record");

        let name = format!("status-write-{family}");
        let mut group = c.benchmark_group(&name);
        group.throughput(bytes);
        group.bench_function("ours", |b| b.iter(|| black_box(&ips).to_text()));
        group.bench_function("ours-from-ledger", |b| {
            b.iter_batched(
                || ips.clone(),
                |mut ips| {
                    ips.update(black_box(&state)).expect("pods only");
                    ips.to_text()
                },
                criterion::BatchSize::SmallInput,
            );
        });
        group.bench_function("ours-nested", |b| {
            b.iter(|| {
                let mut document = String::new();
                black_box(&ips).append_json(&mut document);
                document
            });
        });
        group.bench_function("serde-btreemap", |b| {
            b.iter(|| serde_json::to_string(black_box(&map)).expect("a map of texts"));
        });
        group.bench_function("serde-btreemap-nested", |b| {
            b.iter(|| {
                let text = serde_json::to_string(black_box(&map)).expect("a map of texts");
                serde_json::to_string(&text).expect("a text")
            });
        });
        group.finish();
        let goal = "at least 0.83 (at most 1.2 times the map's time)";
        ratio(&name, "ours", "serde-btreemap", goal);
        ratio(&name, "ours-nested", "serde-btreemap-nested", goal);
        ratio(&name, "ours-from-ledger", "serde-btreemap", "none; with a look-up for each record");
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().output_directory(&criterion_dir()).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    targets = status
}
criterion_main!(benches);
