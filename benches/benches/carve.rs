//! Carving a range out of a subnet with 5,000 pools, against adding all records up again and against the way of the Go original.
#![allow(missing_docs, reason = "criterion's macros make undocumented functions")]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench that meets something unexpected should stop, and reports on stdout; xtask collects its lines"
)]

use std::collections::HashSet;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use ipam_core::carve::{Application, ControlRecord, ControlledPools, Demand, Stock, Subnet};
use ipam_core::{Family, IpRange, PoolName, RangeSet};
use spiderpool_benches::{criterion_dir, ratio};

/// Pools of the subnet.
const POOLS: u32 = 5_000;
/// Addresses of each pool, and as many beside it that are free: every pool is a run of its own.
const SIZE: u32 = 6;
/// What the issue allows for one carve.
const GOAL_NS: f64 = 1_000_000.0;

struct Scene {
    total: RangeSet,
    records: ControlledPools,
    /// The texts of the records, as the original starts from.
    texts: Vec<String>,
    application: Application,
    pool: PoolName,
}

fn scene() -> Scene {
    let base = u32::from(Ipv4Addr::new(10, 0, 0, 0));
    let range = |first: u32, len: u32| -> IpRange {
        format!("{}-{}", Ipv4Addr::from(first), Ipv4Addr::from(first + len - 1)).parse().expect("in order")
    };
    let application: Application = "apps_v1_Deployment_default_web".parse().expect("an application");
    let ranges: Vec<IpRange> = (0..POOLS).map(|index| range(base + index * 2 * SIZE, SIZE)).collect();
    let entries = ranges.iter().enumerate().map(|(index, range)| {
        let pool = format!("auto4-app-{index}-eth0-a5bd3").parse().expect("a name");
        (pool, ControlRecord { ranges: (*range).into(), application: Some(application.clone()) })
    });
    Scene {
        total: range(base, 1 << 16).into(),
        records: ControlledPools::from_records(Family::V4, entries).expect("one family"),
        texts: ranges.iter().map(ToString::to_string).collect(),
        application,
        pool: "auto4-new-eth0-a5bd3".parse().expect("a name"),
    }
}

impl Scene {
    fn subnet(&self) -> Subnet<'_> {
        Subnet::new("s4", "10.0.0.0/8".parse().expect("a network"), &self.total)
    }

    fn demand(&self) -> Demand<'_> {
        // More than one gap holds, so that several runs are taken.
        Demand { pool: &self.pool, application: &self.application, desired: 3 * SIZE, present: None }
    }
}

/// Free is what is left when every record has been taken away from the total, one by one.
fn subtracting(scene: &Scene) -> Option<RangeSet> {
    let mut free = scene.total.clone();
    for (_, record) in scene.records.iter() {
        free = free.difference(&record.ranges);
    }
    let last = free.nth(u128::from(3 * SIZE) - 1)?;
    Some(free.intersection(&IpRange::new(free.first()?, last).ok()?.into()))
}

/// The original's way (`subnet.md` section 9): every range becomes a list of addresses, the recorded ones become a set, and the first free
/// ones of the list are taken.
fn list_materialising(scene: &Scene) -> Vec<IpAddr> {
    let addresses = |text: &str| {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let bits = |text: &str| u32::from(text.parse::<Ipv4Addr>().expect("an address"));
        (bits(first)..=bits(last)).map(|bits| IpAddr::V4(Ipv4Addr::from(bits))).collect::<Vec<_>>()
    };
    let total = addresses(&scene.total.to_string());
    let used: HashSet<IpAddr> = scene.texts.iter().flat_map(|text| addresses(text)).collect();
    let mut free: Vec<IpAddr> = total.into_iter().filter(|address| !used.contains(address)).collect();
    free.sort();
    free.truncate(usize::try_from(3 * SIZE).expect("small"));
    free
}

fn one_of_thousands(c: &mut Criterion) {
    let scene = scene();
    let stock = Stock::new(scene.subnet(), scene.records.clone(), [], []).expect("one family");
    let ours = stock.plan(&scene.demand()).expect("enough are free").ranges;
    assert_eq!(Some(&ours), subtracting(&scene).as_ref());
    assert_eq!(ours.len(), u128::try_from(list_materialising(&scene).len()).expect("small"));

    let group_name = "carve-one-of-5000";
    let mut group = c.benchmark_group(group_name);
    let mut kept = stock.clone();
    group.bench_function("ours", |b| {
        b.iter(|| {
            let carving = kept.plan(black_box(&scene.demand())).expect("enough are free");
            kept.apply(&carving).expect("one family");
            kept.give_back(&scene.pool);
        });
    });
    // With the state made from the records first, as after each read of the subnet.
    group.bench_function("ours-from-records", |b| {
        b.iter_batched(
            || scene.records.clone(),
            |records| {
                let mut stock = Stock::new(scene.subnet(), records, [], []).expect("one family");
                let carving = stock.plan(black_box(&scene.demand())).expect("enough are free");
                stock.apply(&carving).expect("one family");
                stock
            },
            BatchSize::LargeInput,
        );
    });
    group.sample_size(10);
    group.bench_function("subtract-each", |b| b.iter(|| subtracting(black_box(&scene))));
    group.bench_function("go-list", |b| b.iter(|| list_materialising(black_box(&scene))));
    group.finish();
    let goal = format!("at least 10, and ours at most {GOAL_NS:.0} ns");
    ratio(group_name, "ours", "subtract-each", &goal);
    ratio(group_name, "ours", "go-list", &goal);
    ratio(
        group_name,
        "ours-from-records",
        "go-list",
        &format!("at least 2, and ours at most {GOAL_NS:.0} ns"),
    );
}

criterion_group! {
    name = carve;
    config = Criterion::default().output_directory(&criterion_dir()).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    targets = one_of_thousands
}
criterion_main!(carve);
