//! Lost answers: whatever became of a write, the retry finds it, and nothing is given twice.

use http::StatusCode;
use ipam_core::{AsyncStore as _, Change, Class, PoolOp, Record, StoreError as _, Time, Version};
use ipam_k8s::client::Verb;
use ipam_k8s::store::{ClusterStore, ClusterStoreError, StoreOptions};
use std::sync::Arc;
use std::time::Duration;

use crate::bed::{Bed, Book, addresses, agent_config, allocate, new_pod, request};
use crate::proxy::{Fate, Proxy};

async fn proxied() -> (Proxy, ClusterStore) {
    let proxy = Proxy::start(agent_config().await).await;
    let mut options = StoreOptions::default();
    options.call_timeout = Duration::from_secs(3);
    let store = ClusterStore::new(proxy.cluster(), Arc::new(Book::default()), options);
    (proxy, store)
}

/// 504 after the commit, a cut connection, silence: of the pool's PUT and of the endpoint's POST.
#[tokio::test(flavor = "multi_thread")]
async fn a_write_whose_answer_is_lost_is_found_by_the_retry() {
    let bed = Bed::new().await;
    let v4 = bed.pool("v4", "10.16.0.0/24", "10.16.0.10-10.16.0.99").await;
    let (proxy, store) = proxied().await;
    let fates = [
        Fate::Stored(StatusCode::GATEWAY_TIMEOUT, ""),
        Fate::Cut,
        Fate::Silence,
        Fate::Stored(StatusCode::OK, ""),
    ];
    let mut expected = Vec::new();
    for (number, (method, path)) in [("PUT", "/status"), ("POST", "/spiderendpoints")].into_iter().enumerate()
    {
        for (turn, fate) in fates.iter().enumerate() {
            let pod = bed.pod(&format!("p{number}{turn}"));
            let _draft = store.draft(&pod, new_pod(&pod));
            proxy.next(method, path, fate.clone());
            let before = store.cluster().traffic().counts();
            let allocation = allocate(&store, request(&pod, "eth0", &[&v4], &[])).await.unwrap();
            let counts = store.cluster().traffic().counts().since(&before);
            assert_eq!(proxy.left(), 0, "{method} {fate:?}");
            // The address that was stored unseen is the one that the retry found.
            let address = format!("10.16.0.{}", 10 + expected.len());
            assert_eq!(addresses(&allocation), [address.as_str()], "{method} {fate:?}");
            assert_eq!(counts.of(Verb::Update, "spiderippools/status").requests, 1, "{fate:?}: {counts}");
            assert_eq!(counts.of(Verb::Create, "spiderendpoints").requests, 1, "{fate:?}: {counts}");
            let endpoint = bed.endpoint(&pod).await.unwrap();
            let entry = &endpoint.status.unwrap().current.ips[0];
            assert_eq!(entry.ipv4, Some(format!("{address}/24")));
            expected.push(format!(r#""{address}":{{"pod":"shop/{}","podUid":"{}"}}"#, pod.name(), pod.uid()));
        }
    }
    assert_eq!(bed.records(&v4).await.unwrap(), format!("{{{}}}", expected.join(",")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_outcome_is_said_and_what_was_known_is_forgotten() {
    let bed = Bed::new().await;
    let v4 = bed.pool("v4", "10.16.0.0/24", "10.16.0.10-10.16.0.99").await;
    let (proxy, store) = proxied().await;
    let take = |name: &str, address: &str| {
        let record = Record { address: address.parse().unwrap(), owner: bed.pod(name), stamp: None };
        Change::Pool {
            pool: v4.parse().unwrap(),
            version: Version::ANY,
            ops: vec![PoolOp::Take(record)],
            now: Time::default(),
            cooldown: Duration::ZERO,
        }
    };
    store.commit(&[take("a", "10.16.0.10")]).await.unwrap();
    proxy.next("PUT", "/status", Fate::Stored(StatusCode::GATEWAY_TIMEOUT, ""));
    let error = store.commit(&[take("b", "10.16.0.11")]).await.unwrap_err();
    assert_eq!(error.class(), Class::Unavailable, "{error:?}");
    // It was stored all the same, which the next commit sees before it writes.
    let before = store.cluster().traffic().counts();
    let error = store.commit(&[take("c", "10.16.0.11")]).await.unwrap_err();
    assert!(matches!(error, ClusterStoreError::Condition(_)), "{error:?}");
    assert_eq!(error.class(), Class::Conflict);
    let counts = store.cluster().traffic().counts().since(&before);
    assert_eq!((counts.reads().requests, counts.writes().requests), (1, 0), "{counts}");
    // A caller that hangs up while its write is under way leaves the same.
    proxy.next("PUT", "/status", Fate::Silence);
    let hung_up = tokio::time::timeout(Duration::from_millis(500), async {
        store.commit(&[take("d", "10.16.0.12")]).await
    });
    assert!(hung_up.await.is_err());
    let error = store.commit(&[take("e", "10.16.0.12")]).await.unwrap_err();
    assert!(matches!(error, ClusterStoreError::Condition(_)), "{error:?}");
}

/// The endpoint was there although the caller thought that it would know: what was taken meanwhile goes back.
#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_is_not_new_keeps_its_address_and_nothing_more() {
    let bed = Bed::new().await;
    let old = bed.pool("old", "10.16.0.0/24", "10.16.0.10-10.16.0.19").await;
    let new = bed.pool("new", "10.17.0.0/24", "10.17.0.10-10.17.0.19").await;
    let pod = bed.pod("a");
    let first = bed.store();
    let draft = first.draft(&pod, new_pod(&pod));
    let has = allocate(&first, request(&pod, "eth0", &[&old], &[])).await.unwrap();
    drop(draft);
    // Another process that knows nothing of it, and by now other pools are asked for.
    let store = bed.store();
    let _draft = store.draft(&pod, new_pod(&pod));
    let again = allocate(&store, request(&pod, "eth0", &[&new], &[])).await.unwrap();
    assert_eq!(again.attachments, has.attachments);
    assert_eq!(bed.records(&new).await, None, "given back");
    assert_eq!(bed.stored(&old).await["status"]["allocatedIPCount"], 1);
}
