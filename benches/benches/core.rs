//! Taking an address and giving it back in a pool that is nearly full, against the algorithm of the Go original and against smaller pools.
#![allow(missing_docs, reason = "criterion's macros make undocumented functions")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::as_conversions,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench that meets something unexpected should stop, and reports on stdout; xtask collects its lines"
)]

use std::collections::HashSet;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use ipam_core::{
    IpRange, Nic, Occupancy, Owner, PickQuery, PoolFields, PoolOp, PoolSpec, PoolState, RangeSet, Record,
    Start, Time, Want, owner_hash,
};
use spiderpool_benches::{criterion_dir, ratio};

/// Scattered records in the /64: the output of the *spread* policy for so many owners.
const SCATTERED: u64 = 1_000_000;
/// Bound of the memory of their occupancy, from the issue.
const SCATTERED_BYTES_MAX: u64 = 64 << 20;

fn range_set(range: &str) -> RangeSet {
    let range: IpRange = range.parse().expect("a literal range");
    RangeSet::from_ranges(range.family(), [range]).expect("one family")
}

/// Takes all but every hundredth address: 99 % full, the free ones spread evenly.
fn nearly_full(range: &str) -> Occupancy {
    let space = range_set(range);
    let mut occupancy = Occupancy::new(space.clone());
    let size = space.len();
    let mut index = 0;
    while index < size {
        if index % 100 != 99 {
            occupancy.take(space.nth(index).expect("below the size"));
        }
        index += 1;
    }
    occupancy
}

/// The hot path of a pool: find the first free address, take it, give it back.
fn take_and_give_back(occupancy: &mut Occupancy) {
    let address = occupancy.first_free().expect("not full");
    occupancy.take(black_box(address));
    occupancy.release(black_box(address));
}

/// The Go original's way (`ipam.md` section 7): at each request every range becomes a list of addresses, the excluded and
/// the recorded ones become sets, and the list is walked from its start for the first address in neither.
fn list_materialising(first: u32, last: u32, records: &[String]) -> Option<IpAddr> {
    let total: Vec<IpAddr> = (first..=last).map(|bits| IpAddr::V4(Ipv4Addr::from(bits))).collect();
    let used: HashSet<IpAddr> = records.iter().map(|text| text.parse().expect("an address")).collect();
    let excluded: HashSet<IpAddr> = HashSet::new();
    total.into_iter().find(|address| !used.contains(address) && !excluded.contains(address))
}

fn lowest_full(c: &mut Criterion) {
    let mut group = c.benchmark_group("take-give-back-99-full");
    let mut slash16 = nearly_full("10.6.0.0-10.6.255.255");
    group.bench_function("ours-16", |b| b.iter(|| take_and_give_back(&mut slash16)));
    let mut slash24 = nearly_full("10.6.0.0-10.6.0.255");
    group.bench_function("ours-24", |b| b.iter(|| take_and_give_back(&mut slash24)));

    let (first, last) = (u32::from(Ipv4Addr::new(10, 6, 0, 0)), u32::from(Ipv4Addr::new(10, 6, 255, 255)));
    // The free ones of the last hundredth are the first that this walk finds: the same 99 % as above, but from the start.
    let records: Vec<String> =
        (first..first + (last - first) / 100 * 99).map(|bits| Ipv4Addr::from(bits).to_string()).collect();
    group.sample_size(10);
    group.bench_function("go-list-16", |b| b.iter(|| list_materialising(first, last, black_box(&records))));
    group.finish();
    ratio("take-give-back-99-full", "ours-16", "go-list-16", "at least 1000");
    ratio("take-give-back-99-full", "ours-16", "ours-24", "at least 0.5 (a /16 costs at most twice a /24)");
}

/// A /64 with a million records where the *spread* policy puts them.
fn scattered() -> (Occupancy, u64) {
    let space = range_set("fd00::-fd00::ffff:ffff:ffff:ffff");
    let nic: Nic = "eth0".parse().expect("a name");
    let before = resident_bytes();
    let mut occupancy = Occupancy::new(space.clone());
    for number in 0..SCATTERED {
        let owner = Owner::container("net", &format!("c{number}")).expect("a name");
        let index = owner_hash(&owner, &nic) % space.len();
        occupancy.take(space.nth(index).expect("below the size"));
    }
    (occupancy, resident_bytes().saturating_sub(before))
}

/// Resident memory of this process: what the kernel counts, allocator overhead included.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("proc is mounted");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("VmRSS");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).expect("KiB") * 1024
}

fn scattered_64(c: &mut Criterion) {
    let smoke = std::env::args().any(|arg| arg == "--test");
    let (mut occupancy, bytes) = scattered();
    if !smoke {
        println!(
            "ratio: scattered-64: {SCATTERED} records take {:.1} MiB, {:.2} of {} MiB; goal: at most 1",
            bytes as f64 / f64::from(1 << 20),
            bytes as f64 / SCATTERED_BYTES_MAX as f64,
            SCATTERED_BYTES_MAX >> 20
        );
    }
    let space = occupancy.space().clone();
    let nic: Nic = "eth0".parse().expect("a name");
    let mut number = SCATTERED;
    let mut group = c.benchmark_group("take-give-back-scattered");
    group.bench_function("ours-64-million", |b| {
        b.iter_batched(
            || {
                number += 1;
                let owner = Owner::container("net", &format!("c{number}")).expect("a name");
                space.nth(owner_hash(&owner, &nic) % space.len()).expect("below the size")
            },
            |start| {
                let address = occupancy.first_free_from(start).expect("not full");
                occupancy.take(black_box(address));
                occupancy.release(black_box(address));
            },
            BatchSize::SmallInput,
        );
    });
    let mut slash24 = nearly_full("10.6.0.0-10.6.0.255");
    let space24 = slash24.space().clone();
    let mut step = 0_u128;
    group.bench_function("ours-24", |b| {
        b.iter_batched(
            || {
                step += 97;
                space24.nth(step % 250).expect("below the size")
            },
            |start| {
                let address =
                    slash24.first_free_from(start).or_else(|| slash24.first_free()).expect("not full");
                slash24.take(black_box(address));
                slash24.release(black_box(address));
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
    ratio(
        "take-give-back-scattered",
        "ours-64-million",
        "ours-24",
        "at least 0.25 (at most 4 times the /24's time)",
    );
}

/// What the core does for one address: pick by policy, take, release, with the records beside the occupancy.
fn take_and_release(pool: &mut PoolState, owner: &Owner, start: Start) {
    let (now, cooldown) = (Time::default(), Duration::ZERO);
    let name = pool.spec().name().clone();
    let query = PickQuery { pool: name, want: Want::Any(start), except: Vec::new(), now, cooldown };
    let address = pool.pick(&query).expect("not full");
    let take = PoolOp::Take(Record { address, owner: owner.clone(), stamp: None });
    pool.apply(&[take], now, cooldown).expect("it is free");
    let release = PoolOp::Release { address, owner: owner.clone(), seen: None };
    pool.apply(&[release], now, cooldown).expect("never a conflict");
}

/// A pool of these ranges with records at these places.
fn pool_with(subnet: &str, range: &str, places: impl Iterator<Item = u128>) -> PoolState {
    let fields = PoolFields { subnet: subnet.into(), ips: vec![range.into()], ..PoolFields::default() };
    let spec = PoolSpec::new(&"p".parse().expect("a name"), &fields.normalised()).expect("a valid pool");
    let space = spec.allocatable().clone();
    let record = |(number, place): (usize, u128)| Record {
        address: space.nth(place).expect("below the size"),
        owner: Owner::container("net", &format!("c{number}")).expect("a name"),
        stamp: None,
    };
    PoolState::with_records(spec.into(), places.enumerate().map(record))
}

/// The ledger at 99 % of a /16 and a /24, and with a million scattered records in a /64, where *spread* starts to look.
fn ledger(c: &mut Criterion) {
    let full = |size: u128| (0..size).filter(|index| index % 100 != 99);
    let nic: Nic = "eth0".parse().expect("a name");
    let hash =
        |number: u64| owner_hash(&Owner::container("net", &format!("c{number}")).expect("a name"), &nic);
    let whole = range_set("fd00::-fd00::ffff:ffff:ffff:ffff").len();
    let pools = [
        ("ours-24", pool_with("10.6.0.0/16", "10.6.0.0-10.6.0.255", full(256))),
        ("ours-16", pool_with("10.6.0.0/16", "10.6.0.0-10.6.255.255", full(65_536))),
        (
            "ours-64-million",
            pool_with(
                "fd00::/64",
                "fd00::-fd00::ffff:ffff:ffff:ffff",
                (0..SCATTERED).map(|number| hash(number) % whole),
            ),
        ),
    ];
    let owner = Owner::container("net", "new").expect("a name");
    let mut group = c.benchmark_group("ledger-take-release");
    for (name, mut pool) in pools {
        let mut number = SCATTERED;
        group.bench_function(name, |b| {
            b.iter_batched(
                || {
                    number += 1;
                    Start::Spread(hash(number))
                },
                |start| take_and_release(&mut pool, &owner, start),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
    ratio("ledger-take-release", "ours-16", "ours-24", "at least 0.5 (at most twice the /24's time)");
    ratio(
        "ledger-take-release",
        "ours-64-million",
        "ours-24",
        "at least 0.25 (at most 4 times the /24's time)",
    );
}

criterion_group! {
    name = core;
    config = Criterion::default().output_directory(&criterion_dir()).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    targets = lowest_full, scattered_64, ledger
}
criterion_main!(core);
