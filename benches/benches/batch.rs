//! A batch of 200 requests on a pool with 5,000 records, against one request: each with the encoding of the pool's status, since the
//! whole status is written once a commit, whatever it changes.
#![allow(missing_docs, reason = "criterion's macros make undocumented functions")]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a bench that meets something unexpected should stop"
)]

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use ipam_core::batch::{Batcher, Limits, Work};
use ipam_core::status::AllocatedIps;
use ipam_core::{
    Change, Demand, Family, Owner, PickQuery, PoolFields, PoolOp, PoolSpec, PoolState, Record, Served, Start,
    Time, Version, Want,
};
use spiderpool_benches::{criterion_dir, ratio};

/// Records that the pool has already.
const RECORDS: u128 = 5_000;
/// Requests in the batch.
const REQUESTS: usize = 200;

fn pod(number: usize) -> Owner {
    let uid = format!("4f8e3c1a-0000-4000-8000-{number:012}");
    Owner::pod("default", &format!("web-{number}"), &uid).expect("valid parts")
}

/// A /16 whose first addresses are held, but for one in a hundred.
fn pool() -> PoolState {
    let fields = PoolFields {
        subnet: "10.6.0.0/16".into(),
        ips: vec!["10.6.0.1-10.6.255.250".into()],
        ..PoolFields::default()
    };
    let spec = PoolSpec::new(&"v4".parse().expect("a name"), &fields.normalised()).expect("a valid pool");
    let space = spec.allocatable().clone();
    let places = (0..).filter(|place| place % 100 != 99).take(usize::try_from(RECORDS).expect("few"));
    let records = places.enumerate().map(|(number, place): (usize, u128)| Record {
        address: space.nth(place).expect("below the size"),
        owner: pod(number),
        stamp: None,
    });
    PoolState::with_records(spec.into(), records.collect::<Vec<_>>())
}

/// A pool as a writer of a cluster holds it: the ledger, and the records as they stand in the status.
#[derive(Clone)]
struct Held {
    ledger: PoolState,
    ips: AllocatedIps,
}

fn held() -> Held {
    let (ledger, mut ips) = (pool(), AllocatedIps::new(Family::V4));
    ips.update(&ledger).expect("pods");
    Held { ledger, ips }
}

/// The JSON document of the pool's status: `allocatedIPs` is a JSON text within JSON, so each quotation mark is escaped.
fn encode(held: &mut Held) -> String {
    held.ips.update(&held.ledger).expect("pods");
    let total = held.ledger.capacity();
    let mut document = format!(
        r#"{{"status":{{"totalIPCount":{total},"allocatedIPCount":{},"allocatedIPs":"#,
        held.ips.len()
    );
    held.ips.append_json(&mut document);
    document.push_str("}}");
    document
}

fn demands(count: usize) -> Vec<Demand> {
    let want = Want::Any(Start::Lowest);
    (0..count).map(|number| Demand::Take { owner: pod(1_000_000 + number), want, stamp: None }).collect()
}

/// Plans and applies the demands, then encodes the status once.
fn serve(held: &mut Held, demands: &[Demand]) -> String {
    let served = held.ledger.serve(demands, Time::default(), Duration::ZERO);
    assert!(served.iter().all(|one| matches!(one, Served::Taken(_))));
    encode(held)
}

/// The way of group commit: picks that are asked together, commits that are merged, one change that is applied.
fn gather(held: &mut Held, count: usize) -> String {
    let pool = &mut held.ledger;
    let name = pool.spec().name().clone();
    let (now, cooldown) = (Time::default(), Duration::ZERO);
    let mut batcher = Batcher::new(false, Limits::default());
    let mut except = Vec::new();
    for number in 0..count {
        let query = PickQuery {
            pool: name.clone(),
            want: Want::Any(Start::Lowest),
            except: std::mem::take(&mut except),
            now,
            cooldown,
        };
        let address = pool.pick(&query).expect("not full");
        except = query.except;
        except.push(address);
        let op = PoolOp::Take(Record { address, owner: pod(1_000_000 + number), stamp: None });
        let (pool, version) = (name.clone(), Version::ANY);
        batcher.commit(vec![Change::Pool { pool, version, ops: vec![op], now, cooldown }]);
    }
    let dispatch = batcher.next().expect("all wait");
    let Work::Commit(changes) = dispatch.work else { unreachable!("only commits wait") };
    for change in &changes {
        let Change::Pool { ops, .. } = change else { unreachable!("only pools are changed") };
        assert_eq!(ops.len(), count);
        pool.apply(ops, now, cooldown).expect("they are free");
    }
    encode(held)
}

fn batch(c: &mut Criterion) {
    let full = held();
    let (one, many) = (demands(1), demands(REQUESTS));
    let mut group = c.benchmark_group("batch-5000-records");
    group.bench_function("one", |b| {
        b.iter_batched_ref(|| full.clone(), |pool| black_box(serve(pool, &one)), BatchSize::LargeInput);
    });
    group.bench_function("200-served", |b| {
        b.iter_batched_ref(|| full.clone(), |pool| black_box(serve(pool, &many)), BatchSize::LargeInput);
    });
    group.bench_function("200-gathered", |b| {
        b.iter_batched_ref(|| full.clone(), |pool| black_box(gather(pool, REQUESTS)), BatchSize::LargeInput);
    });
    group.finish();
    for ours in ["200-served", "200-gathered"] {
        ratio("batch-5000-records", ours, "one", "at least 0.2 (200 requests cost at most 5 times one)");
    }
}

criterion_group! {
    name = batches;
    config = Criterion::default().output_directory(&criterion_dir()).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(3));
    targets = batch
}
criterion_main!(batches);
