//! What stops a pool: a record that makes no sense, records that are no JSON, a spec that breaks the rules, and size.

use std::fmt::Write as _;
use std::sync::Arc;

use ipam_core::{
    Allocate, AsyncStore as _, Change, Class, DriveError, PoolOp, Record, StoreError as _, Time, Version,
    run_async,
};
use ipam_k8s::client::Named;
use ipam_k8s::crd::{IPPoolSpec, SpiderIPPool};
use ipam_k8s::store::{ClusterStore, ClusterStoreError, POOL_BYTES_MAX, SteadyClock, StoreOptions};
use serde_json::json;

use crate::bed::{Bed, Book, addresses, allocate, new_pod, request, soon};

async fn refused(bed: &Bed, store: &ClusterStore, pool: &str) -> ClusterStoreError {
    let pod = bed.pod("refused");
    let _draft = store.draft(&pod, new_pod(&pod));
    let machine = Allocate::new(request(&pod, "eth0", &[pool], &[]), false);
    match run_async(machine, store, &SteadyClock::start()).await {
        Err(DriveError::Store(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corrupt_record_stops_its_pool_and_stays() {
    let bed = Bed::new().await;
    let bad = bed.pool("bad", "10.16.0.0/24", "10.16.0.10-10.16.0.19").await;
    let good = bed.pool("good", "10.17.0.0/24", "10.17.0.10-10.17.0.19").await;
    let store = bed.store();
    let holder = bed.pod("holder");
    let record = format!(r#"{{"pod":"shop/{}","podUid":"{}"}}"#, holder.name(), holder.uid());
    for (text, words) in [
        (format!(r#"{{"10.16.0.10":{record},"nonsense":{record}}}"#), "'nonsense'"),
        (format!(r#"{{"10.16.0.10":{record},"10.16.0.11":{{"pod":"nobody","podUid":""}}}}"#), "10.16.0.11"),
    ] {
        bed.write_status(&bad, json!({ "allocatedIPCount": 2, "allocatedIPs": text })).await;
        store.note_gone(&bad.parse().unwrap());
        let error = refused(&bed, &store, &bad).await;
        assert!(matches!(error, ClusterStoreError::CorruptRecord { .. }), "{error:?}");
        let told = error.to_string();
        assert!(told.contains(words) && told.contains(&bad), "{told}");
        // Other candidates are tried.
        let pod = bed.pod(&format!("other{}", words.len()));
        let draft = store.draft(&pod, new_pod(&pod));
        let allocation = allocate(&store, request(&pod, "eth0", &[&bad, &good], &[])).await.unwrap();
        assert!(addresses(&allocation)[0].starts_with("10.17.0."));
        drop(draft);
        assert_eq!(bed.records(&bad).await, Some(text.clone()), "untouched");
        // A release goes on, and keeps what it does not understand.
        let release = Change::Pool {
            pool: bad.parse().unwrap(),
            version: Version::ANY,
            ops: vec![PoolOp::Release {
                address: "10.16.0.10".parse().unwrap(),
                owner: holder.clone(),
                seen: None,
            }],
            now: Time::default(),
            cooldown: std::time::Duration::ZERO,
        };
        store.commit(&[release]).await.unwrap();
        assert_eq!(bed.records(&bad).await, Some(text.replace(&format!("\"10.16.0.10\":{record},"), "")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_are_no_json_stop_their_pool_and_stay() {
    let bed = Bed::new().await;
    let bad = bed.pool("bad", "10.16.0.0/24", "10.16.0.10-10.16.0.19").await;
    let good = bed.pool("good", "10.17.0.0/24", "10.17.0.10-10.17.0.19").await;
    let text = r#"{"10.16.0.10":{"pod":"shop/x""#;
    bed.write_status(&bad, json!({ "allocatedIPCount": 1, "allocatedIPs": text })).await;
    let store = bed.store();
    let error = refused(&bed, &store, &bad).await;
    let ClusterStoreError::UnreadableRecords { pool, source } = &error else { panic!("{error:?}") };
    assert_eq!(pool.as_str(), bad);
    assert!(source.to_string().contains("unexpected end of JSON input"), "{source}");
    let pod = bed.pod("a");
    let _draft = store.draft(&pod, new_pod(&pod));
    let allocation = allocate(&store, request(&pod, "eth0", &[&bad, &good], &[])).await.unwrap();
    assert_eq!(addresses(&allocation), ["10.17.0.10"]);
    assert_eq!(bed.records(&bad).await.as_deref(), Some(text));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spec_that_breaks_the_rules_is_named() {
    let bed = Bed::new().await;
    let name = bed.name("bad");
    let spec = IPPoolSpec { subnet: "10.16.0.0/33".to_owned(), ..IPPoolSpec::default() };
    let object = SpiderIPPool::new(&name, spec);
    bed.admin.create::<SpiderIPPool>(Named::cluster(&name), &object, soon()).await.unwrap();
    let good = bed.pool("good", "10.17.0.0/24", "10.17.0.10-10.17.0.19").await;
    let store = bed.store();
    let record = Record { address: "10.16.0.10".parse().unwrap(), owner: bed.pod("a"), stamp: None };
    let take = Change::Pool {
        pool: name.parse().unwrap(),
        version: Version::ANY,
        ops: vec![PoolOp::Take(record)],
        now: Time::default(),
        cooldown: std::time::Duration::ZERO,
    };
    let error = store.commit(&[take]).await.unwrap_err();
    assert!(matches!(error, ClusterStoreError::FaultySpec { .. }), "{error:?}");
    assert!(
        error.to_string().contains("'spec.subnet' may be invalid") && error.to_string().contains(&name),
        "{error}"
    );
    assert_eq!(error.class(), Class::Rejected);
    let pod = bed.pod("b");
    let _draft = store.draft(&pod, new_pod(&pod));
    let allocation = allocate(&store, request(&pod, "eth0", &[&name, &good], &[])).await.unwrap();
    assert_eq!(addresses(&allocation), ["10.17.0.10"]);
}

/// The store refuses before etcd does; its limit leaves room for what etcd counts besides, and what it refuses etcd might not have.
#[tokio::test(flavor = "multi_thread")]
async fn a_pool_does_not_grow_beyond_what_etcd_takes() {
    let bed = Bed::new().await;
    let v4 = bed.pool("v4", "10.0.0.0/8", "10.0.0.0-10.255.255.255").await;
    let mut options = StoreOptions::default();
    options.records_max = None;
    let store = ClusterStore::new(bed.cluster.clone(), Arc::new(Book::default()), options);
    // Long names reach the limit with fewer records.
    let mut text = String::from("{");
    let mut number = 0_u32;
    loop {
        let name = format!("{}-{number:05}", "a".repeat(200));
        let address = std::net::Ipv4Addr::from(0x0a01_0000 + number);
        let comma = if number == 0 { "" } else { "," };
        write!(text, r#"{comma}"{address}":{{"pod":"shop/{name}","podUid":"{number:036}"}}"#).unwrap();
        number += 1;
        // As JSON within JSON each quote is two bytes.
        let nested = u64::try_from(text.len() + text.matches('"').count()).unwrap();
        if nested > POOL_BYTES_MAX - 2_000 {
            break;
        }
    }
    text.push('}');
    bed.write_status(&v4, json!({ "allocatedIPCount": number, "allocatedIPs": text })).await;
    let mut taken = 0;
    let error = loop {
        let pod = bed.pod(&format!("p{taken}"));
        let record = Record { address: format!("10.0.0.{taken}").parse().unwrap(), owner: pod, stamp: None };
        let take = Change::Pool {
            pool: v4.parse().unwrap(),
            version: Version::ANY,
            ops: vec![PoolOp::Take(record)],
            now: Time::default(),
            cooldown: std::time::Duration::ZERO,
        };
        match store.commit(&[take]).await {
            Ok(_) => taken += 1,
            Err(error) => break error,
        }
    };
    let ClusterStoreError::TooManyBytes { bytes, bytes_max, .. } = &error else { panic!("{error:?}") };
    assert!(bytes > bytes_max && *bytes < bytes_max + 300, "{error}");
    assert_eq!(error.class(), Class::Rejected);
    assert!(error.to_string().contains(&v4), "{error}");
    let (_, known) = store.pool_bytes().find(|(pool, _)| pool.as_str() == v4).unwrap();
    let whole = bed.stored(&v4).await.to_string().len();
    let difference = known.abs_diff(u64::try_from(whole).unwrap());
    assert!(difference < 1_000, "known {known}, stored {whole}");
    println!("{number} long records and {taken} more are {whole} bytes");
    // What frees goes on.
    let owner = bed.pod("p0");
    let release = Change::Pool {
        pool: v4.parse().unwrap(),
        version: Version::ANY,
        ops: vec![PoolOp::Release { address: "10.0.0.0".parse().unwrap(), owner, seen: None }],
        now: Time::default(),
        cooldown: std::time::Duration::ZERO,
    };
    store.commit(&[release]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_has_at_most_as_many_records_as_are_allowed() {
    let bed = Bed::new().await;
    let v4 = bed.pool("v4", "10.16.0.0/24", "10.16.0.10-10.16.0.19").await;
    let mut options = StoreOptions::default();
    options.records_max = Some(2);
    let store = ClusterStore::new(bed.cluster.clone(), Arc::new(Book::default()), options);
    for name in ["a", "b"] {
        let pod = bed.pod(name);
        let _draft = store.draft(&pod, new_pod(&pod));
        allocate(&store, request(&pod, "eth0", &[&v4], &[])).await.unwrap();
    }
    let pod = bed.pod("c");
    let refusal = allocate(&store, request(&pod, "eth0", &[&v4], &[])).await.unwrap_err();
    assert!(refusal.to_string().contains('2'), "{refusal}");
    assert_eq!(bed.stored(&v4).await["status"]["allocatedIPCount"], 2);
}
