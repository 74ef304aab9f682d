//! Pools: metadata is watched, specs are read when they move.

use ipam_core::Family;
use ipam_core::select::{Asked, Catalogue, SelectError, Subject};
use ipam_k8s::client::{List, Named, Verb};
use ipam_k8s::crd::SpiderIPPool;
use ipam_k8s::watch::{Health, Source};
use serde_json::json;

use crate::bed::{Watched, create, delete, fine, patch, pool, run, since, soon, told, until};

const POOLS: &str = "spiderippools";

/// What a catalogue says, as text.
fn said(catalogue: &Catalogue) -> Vec<String> {
    let one = |pool: &std::sync::Arc<ipam_core::select::ListedPool>| {
        format!("{} {:?} {:?} {:?}", pool.name(), pool.fields(), pool.standing(), pool.faults())
    };
    catalogue.iter().map(one).collect()
}

#[test]
fn a_cold_start_knows_what_a_watch_knows() {
    run(async |plane| {
        let admin = plane.admin().await;
        let early = Watched::start(plane).await;
        let names: Vec<String> = (0..120).map(|index| format!("start-{index:03}")).collect();
        for (name, third) in names.iter().zip(0..) {
            create(&admin, &pool(name, fine(third))).await;
        }
        // All sorts of changes while one watches.
        patch(&admin, "start-000", json!({"spec": {"disable": true}})).await;
        patch(
            &admin,
            "start-001",
            json!({"metadata": {"labels": {"ipam.spidernet.io/owner-application-name": "a"}}}),
        )
        .await;
        patch(&admin, "start-002", json!({"metadata": {"finalizers": ["spiderpool.spidernet.io"]}})).await;
        delete(&admin, "start-002").await;
        delete(&admin, "start-003").await;
        delete(&admin, "start-004").await;
        create(&admin, &pool("start-004", fine(204))).await;
        let last = patch(&admin, "start-119", json!({"spec": {"gateway": "10.6.119.1"}})).await;
        let told = told(&early.known);
        until("the last change is told", || told.has("start-119", &last)).await;

        let late = Watched::start(plane).await;
        let fresh = late.watches.traffic().counts();
        // 119 pools: two pages of a hundred, and no spec on its own.
        assert_eq!(
            (fresh.of(Verb::List, POOLS).requests, fresh.of(Verb::Get, POOLS).requests),
            (2, 0),
            "{fresh}"
        );
        assert_eq!(late.calls.traffic().counts().reads().requests, 0, "nothing was asked for besides");
        let from_list = late.known.catalogue(soon()).await.unwrap();
        assert!(from_list.len() >= 119, "{}", from_list.len());
        let of_watch = || said(&early.known.catalogue_changes().borrow());
        until("both know the same", || of_watch() == said(&from_list)).await;
        let standing = from_list.get("start-002").unwrap().standing();
        assert!(standing.is_terminating && from_list.get("start-001").unwrap().standing().is_auto);
        let page = admin.list_metadata::<SpiderIPPool>(List::default(), soon()).await.unwrap();
        let stored: Vec<String> = page.items.into_iter().filter_map(|meta| meta.name).collect();
        let known: Vec<String> = from_list.iter().map(|pool| pool.name().to_string()).collect();
        assert_eq!(known, stored);

        patch(&admin, "start-002", json!({"metadata": {"finalizers": null}})).await;
        for name in names.iter().filter(|name| !["start-002", "start-003"].contains(&name.as_str())) {
            delete(&admin, name).await;
        }
        until("all are gone", || early.known.catalogue_changes().borrow().len() == known.len() - 119).await;
    });
}

#[test]
fn a_status_costs_no_read_and_a_spec_one() {
    run(async |plane| {
        let admin = plane.admin().await;
        create(&admin, &pool("moves", fine(1))).await;
        let watched = Watched::start(plane).await;
        let told = told(&watched.known);
        let get = |known: &ipam_k8s::watch::Known| {
            known.catalogue_changes().borrow().get("moves").cloned().unwrap()
        };
        let (before, first) = (watched.watches.traffic().counts(), get(&watched.known));

        let mut last = String::new();
        for count in 1..=5 {
            let read: SpiderIPPool = admin.get(Named::cluster("moves"), soon()).await.unwrap();
            let status = json!({
                "apiVersion": "spiderpool.spidernet.io/v2beta1", "kind": "SpiderIPPool",
                "metadata": {"name": "moves", "resourceVersion": read.metadata.resource_version},
                "status": {"allocatedIPCount": count}
            });
            let meta =
                admin.replace_status::<SpiderIPPool>(Named::cluster("moves"), &status, soon()).await.unwrap();
            last = meta.resource_version.unwrap();
        }
        until("the last status is told", || told.has("moves", &last)).await;
        assert_eq!(since(&watched.watches, &before, Verb::Get, POOLS), 0);
        assert!(
            std::sync::Arc::ptr_eq(&first, &get(&watched.known)),
            "a status moves nothing in the catalogue"
        );
        let versions: Vec<_> = told.all().into_iter().filter(|(name, _)| name == "moves").collect();
        assert!(versions.len() >= 5, "each version was told: {versions:?}");

        // Labels are metadata: known without a read.
        let label = json!({"metadata": {"labels": {"ipam.spidernet.io/owner-application-name": "a"}}});
        patch(&admin, "moves", label).await;
        until("the label is known", || get(&watched.known).standing().is_auto).await;
        assert_eq!(since(&watched.watches, &before, Verb::Get, POOLS), 0);

        patch(&admin, "moves", json!({"spec": {"disable": true}})).await;
        until("the spec is known", || get(&watched.known).fields().disable == Some(true)).await;
        assert_eq!(since(&watched.watches, &before, Verb::Get, POOLS), 1);
        assert_eq!(since(&watched.watches, &before, Verb::List, POOLS), 0);
        assert_eq!(watched.source(Source::Pools).health, Health::Live);
        assert!(watched.source(Source::Pools).events >= 7);
        delete(&admin, "moves").await;
    });
}

#[test]
fn a_pool_that_is_made_again_is_another_one() {
    run(async |plane| {
        let admin = plane.admin().await;
        create(&admin, &pool("again", fine(1))).await;
        let watched = Watched::start(plane).await;
        let told = told(&watched.known);
        delete(&admin, "again").await;
        create(&admin, &pool("again", fine(2))).await;
        let subnet = || {
            let catalogue = watched.known.catalogue_changes().borrow().clone();
            catalogue.get("again").map(|pool| pool.fields().subnet.clone())
        };
        until("the second one is known", || subnet().as_deref() == Some("10.6.2.0/24")).await;
        assert!(told.has("again", "gone"));
        delete(&admin, "again").await;
        until("it is gone", || subnet().is_none()).await;
    });
}

#[test]
fn bad_pools_are_told_to_who_names_them() {
    run(async |plane| {
        let admin = plane.admin().await;
        let watched = Watched::start(plane).await;
        let told = told(&watched.known);
        create(&admin, &pool("bad-no-version", json!({"subnet": "10.6.0.0/16", "ips": ["10.6.0.1"]}))).await;
        create(
            &admin,
            &pool("bad-no-prefix", json!({"ipVersion": 4, "subnet": "10.6.0.0", "ips": ["10.6.0.1"]})),
        )
        .await;
        create(
            &admin,
            &pool(
                "bad-range",
                json!({"ipVersion": 4, "subnet": "10.6.0.0/16", "ips": ["10.6.0.9-10.6.0.1", "x"]}),
            ),
        )
        .await;
        create(&admin, &pool("bad-no-ips", json!({"ipVersion": 6, "subnet": "fd00::/64"}))).await;
        let last = create(&admin, &pool("good", fine(1))).await;
        until("all are told", || told.has("good", &last)).await;
        until("all are listed", || {
            let catalogue = watched.known.catalogue_changes().borrow().clone();
            ["bad-no-version", "bad-no-prefix", "bad-range", "bad-no-ips", "good"]
                .iter()
                .all(|name| catalogue.get(name).is_some())
        })
        .await;
        let catalogue = watched.known.catalogue(soon()).await.unwrap();
        let ask = |name: &str| {
            let names = [name.to_owned()];
            catalogue.candidates(
                &"eth0".parse().unwrap(),
                Family::V4,
                Asked::Names(&names),
                &Subject::default(),
            )
        };
        assert_eq!(ask("good").unwrap().len(), 1);
        for (name, words) in
            [("bad-no-version", "IPv4"), ("bad-no-prefix", "spec.subnet"), ("bad-range", "spec.ips[0]")]
        {
            let error = ask(name).unwrap_err();
            assert!(matches!(error, SelectError::FilteredOut { .. }), "{name}: {error}");
            let text = error.to_string();
            assert!(text.contains(words) && text.contains(name), "{name}: {text}");
        }
        assert_eq!(watched.source(Source::Pools).unreadable, 0);
        for name in ["bad-no-version", "bad-no-prefix", "bad-range", "bad-no-ips", "good"] {
            delete(&admin, name).await;
        }
    });
}
