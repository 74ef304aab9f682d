//! The client: what it sends, what it makes of answers, and that it repeats nothing.

use std::time::Duration;

use http::StatusCode;
use ipam_core::{Class, StoreError as _};
use ipam_k8s::client::{Deadline, Failure, List, Named, Verb};
use ipam_k8s::crd::{IPPoolSpec, SpiderIPPool};
use serde_json::json;

use crate::bed::{Bed, agent_config, soon};
use crate::proxy::{Fate, Proxy};

const POOLS: &str = "spiderippools";
const STATUS: &str = "spiderippools/status";

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_made_read_changed_and_deleted() {
    let bed = Bed::new().await;
    let (cluster, name) = (&bed.admin, bed.pool("life", "10.16.0.0/24", "10.16.0.10-10.16.0.19").await);
    let named = Named::cluster(&name);
    let read: SpiderIPPool = cluster.get(named, soon()).await.unwrap();
    assert_eq!(read.spec.ips, ["10.16.0.10-10.16.0.19"]);

    let again = SpiderIPPool::new(&name, read.spec.clone());
    let error = cluster.create::<SpiderIPPool>(named, &again, soon()).await.unwrap_err();
    assert!(error.is_already_exists() && error.class() == Class::Conflict, "{error:?}");

    let mut wanted = read.clone();
    wanted.spec.disable = Some(true);
    let patch = read.object_patch(&wanted).unwrap().unwrap();
    let ((), counts) = bed
        .counted(cluster, async {
            let metadata = cluster.merge_patch::<SpiderIPPool>(named, &patch, soon()).await.unwrap();
            assert_ne!(metadata.resource_version, read.metadata.resource_version);
            assert_eq!(metadata.generation, Some(2));
            // The version of before is refused.
            let error = cluster.merge_patch::<SpiderIPPool>(named, &patch, soon()).await.unwrap_err();
            assert!(matches!(error.failure, Failure::Conflict(_)), "{error:?}");
        })
        .await;
    let count = counts.of(Verb::Patch, POOLS);
    let bytes = u64::try_from(patch.to_string().len()).unwrap();
    assert_eq!((count.requests, count.sent_bytes), (2, 2 * bytes), "{counts}");
    assert_eq!((counts.writes().requests, counts.reads().requests), (2, 0));

    let metadata = cluster.get_metadata::<SpiderIPPool>(named, soon()).await.unwrap();
    let other = cluster.delete::<SpiderIPPool>(named, Some("another"), None, soon()).await.unwrap_err();
    assert_eq!(other.class(), Class::Conflict, "{other:?}");
    cluster.delete::<SpiderIPPool>(named, metadata.uid.as_deref(), None, soon()).await.unwrap();
    let gone = cluster.get::<SpiderIPPool>(named, soon()).await.unwrap_err();
    assert!(gone.is_not_found() && gone.class() == Class::Rejected, "{gone:?}");
    let words = format!("{}: {}", gone, gone.failure);
    assert_eq!(
        words,
        format!("cannot get {POOLS} {name}: {POOLS}.spiderpool.spidernet.io \"{name}\" not found")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_schema_refuses_is_rejected() {
    let bed = Bed::new().await;
    let name = bed.name("bad");
    let spec = IPPoolSpec { ip_version: Some(5), subnet: "10.16.0.0/24".to_owned(), ..IPPoolSpec::default() };
    let pool = SpiderIPPool::new(&name, spec);
    let error = bed.admin.create::<SpiderIPPool>(Named::cluster(&name), &pool, soon()).await.unwrap_err();
    assert!(matches!(error.failure, Failure::Invalid(_)) && error.class() == Class::Rejected, "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_read_in_pages() {
    let bed = Bed::new().await;
    for number in 0..5 {
        bed.pool(&format!("page{number}"), "10.16.0.0/24", "10.16.0.10").await;
    }
    let (mut names, mut next) = (Vec::new(), None);
    loop {
        let page = bed
            .cluster
            .list_page::<SpiderIPPool, SpiderIPPool>(List::default(), 2, next.as_deref(), soon())
            .await
            .unwrap();
        assert!(page.items.len() <= 2 && !page.version.is_empty());
        names.extend(page.items.into_iter().filter_map(|pool| pool.metadata.name));
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    let mine = |names: Vec<String>| {
        let suffix = bed.name("");
        names.into_iter().filter(|name| name.starts_with("page") && name.ends_with(&suffix)).count()
    };
    assert_eq!(mine(names), 5);
    let all = bed.cluster.list_metadata::<SpiderIPPool>(List::default(), soon()).await.unwrap();
    assert_eq!(mine(all.items.into_iter().filter_map(|metadata| metadata.name).collect()), 5);
}

/// Each answer that kube would repeat a request on, and each that leaves the outcome open: one request, and the class.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_repeated_but_after_429() {
    let bed = Bed::new().await;
    let proxy = Proxy::start(agent_config().await).await;
    let cluster = proxy.cluster();
    let name = bed.pool("once", "10.16.0.0/24", "10.16.0.10-10.16.0.19").await;
    let named = Named::cluster(&name);
    let put = async |deadline: Deadline| {
        let version = bed.stored(&name).await["metadata"]["resourceVersion"].clone();
        let body = json!({
            "apiVersion": "spiderpool.spidernet.io/v2beta1", "kind": "SpiderIPPool",
            "metadata": { "name": name, "resourceVersion": version }, "status": { "totalIPCount": 10 }
        });
        cluster.replace_status::<SpiderIPPool>(named, &body, deadline).await
    };
    let too_large = r#"{"message": "etcdserver: request is too large", "code": 500}"#;
    for (fate, class) in [
        (Fate::Refused(StatusCode::SERVICE_UNAVAILABLE, "", Some("1")), Class::Unavailable),
        (Fate::Refused(StatusCode::GATEWAY_TIMEOUT, "", None), Class::Unavailable),
        (Fate::Stored(StatusCode::GATEWAY_TIMEOUT, ""), Class::Unavailable),
        (
            Fate::Stored(StatusCode::INTERNAL_SERVER_ERROR, "etcdserver: request timed out"),
            Class::Unavailable,
        ),
        (Fate::Refused(StatusCode::INTERNAL_SERVER_ERROR, too_large, None), Class::Rejected),
        (Fate::Stored(StatusCode::OK, "no JSON"), Class::Unavailable),
        (Fate::Cut, Class::Unavailable),
        (Fate::Silence, Class::Unavailable),
    ] {
        let (before, counts) = (proxy.seen().len(), cluster.traffic().counts());
        proxy.next("PUT", "/status", fate.clone());
        let within = if matches!(fate, Fate::Silence) { 1 } else { 30 };
        let error = put(Deadline::after(Duration::from_secs(within))).await.unwrap_err();
        assert_eq!(error.class(), class, "{fate:?}: {error:?}");
        assert_eq!(proxy.seen().len() - before, 1, "{fate:?}");
        assert_eq!(cluster.traffic().counts().since(&counts).of(Verb::Update, STATUS).requests, 1);
    }
    // Told to wait, it does, and both are counted.
    let counts = cluster.traffic().counts();
    proxy.next(
        "PUT",
        "/status",
        Fate::Refused(StatusCode::TOO_MANY_REQUESTS, "too many requests", Some("1")),
    );
    let began = std::time::Instant::now();
    put(soon()).await.unwrap();
    assert!(began.elapsed() >= Duration::from_secs(1));
    let count = cluster.traffic().counts().since(&counts).of(Verb::Update, STATUS);
    assert_eq!((count.requests, count.throttled), (2, 1));
    // A wait that ends after the deadline is not begun.
    proxy.next(
        "PUT",
        "/status",
        Fate::Refused(StatusCode::TOO_MANY_REQUESTS, "too many requests", Some("60")),
    );
    let error = put(soon()).await.unwrap_err();
    assert!(matches!(error.failure, Failure::Throttled { .. }), "{error:?}");
    assert_eq!(proxy.left(), 0);
    // What the proxy saw is what was counted.
    let counts = cluster.traffic().counts();
    let all = counts.iter().map(|(_, _, count)| count.requests).sum::<u64>();
    assert_eq!(usize::try_from(all).unwrap(), proxy.seen().len(), "{counts}");
}
