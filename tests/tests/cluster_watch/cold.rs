//! Without watches: everything works by asking.

use ipam_core::Family;
use ipam_k8s::client::{Named, Verb};
use ipam_k8s::crd::SpiderReservedIP;
use ipam_k8s::store::PoolBook;
use ipam_k8s::watch::{Health, Known, Source, WatchOptions};
use serde_json::json;

use crate::bed::{Watched, create, delete, fine, patch, pool, run, since, soon, state, told, until};
use crate::gate::Gate;
use crate::objects::{create_pod, delete_pod, pod};

#[test]
fn everything_is_told_while_no_watch_can_be_opened() {
    run(async |plane| {
        let admin = plane.admin().await;
        create(&admin, &pool("cold", fine(1))).await;
        create_pod(&admin, &pod("cold-pod", "n1")).await;
        let reserved = json!({"apiVersion": "spiderpool.spidernet.io/v2beta1", "kind": "SpiderReservedIP",
            "metadata": {"name": "cold"}, "spec": {"ipVersion": 4, "ips": ["10.6.1.1"]}});
        admin.create::<SpiderReservedIP>(Named::cluster("cold"), &reserved, soon()).await.unwrap();

        let gate = Gate::to(plane.plane.server()).await;
        gate.shut();
        let (calls, watches) = (plane.agent().await, plane.agent_through(gate.address).await);
        let known = Known::start(calls.clone(), &watches, WatchOptions::new("n1"));
        assert!(!PoolBook::is_live(&known));
        assert!(PoolBook::reserved(&known, Family::V4).is_none() && known.specs().is_none());
        assert_eq!(known.pool("cold", soon()).await.unwrap().unwrap().fields().subnet, "10.6.1.0/24");
        assert!(known.pool("none", soon()).await.unwrap().is_none());
        assert_eq!(known.pod("default", "cold-pod", soon()).await.unwrap().node, "n1");
        assert_eq!(known.namespace("default", soon()).await.unwrap().name, "default");
        assert_eq!(known.node("n1", soon()).await.unwrap().unwrap().labels["zone"], "n1");
        assert!(known.subnets(soon()).await.unwrap().is_empty(), "they are not of interest");

        let before = calls.traffic().counts();
        // All who ask at once share one list.
        let asks: Vec<_> = (0..20)
            .map(|_| {
                let known = known.clone();
                tokio::spawn(async move { known.catalogue(soon()).await.unwrap().get("cold").is_some() })
            })
            .collect();
        for ask in asks {
            assert!(ask.await.unwrap());
        }
        for _ in 0..5 {
            assert!(
                known.reserved(soon()).await.unwrap().of(Family::V4).contains("10.6.1.1".parse().unwrap())
            );
        }
        let lists =
            ["spiderippools", "spiderreservedips"].map(|kind| since(&calls, &before, Verb::List, kind));
        assert_eq!(lists, [1, 1]);
        let pools = state(&known, Source::Pools);
        assert_eq!((pools.health, pools.lists), (Health::Cold, 0), "the watch itself knows nothing");
        assert!(pools.failure.is_some(), "and says why");

        gate.open();
        assert!(known.is_ready(soon()).await, "{:?}", known.sources());
        assert!(PoolBook::is_live(&known) && known.specs().is_some());
        delete(&admin, "cold").await;
        delete_pod(&admin, "cold-pod").await;
        admin.delete::<SpiderReservedIP>(Named::cluster("cold"), None, None, soon()).await.unwrap();
        until("that is told", || known.catalogue_changes().borrow().get("cold").is_none()).await;
    });
}

#[test]
fn a_watch_goes_on_where_its_connection_broke() {
    run(async |plane| {
        let admin = plane.admin().await;
        create(&admin, &pool("cut-a", fine(1))).await;
        create(&admin, &pool("cut-b", fine(2))).await;
        let gate = Gate::to(plane.plane.server()).await;
        let (calls, watches) = (plane.agent().await, plane.agent_through(gate.address).await);
        let known = Known::start(calls, &watches, WatchOptions::new("n1"));
        assert!(known.is_ready(soon()).await);
        let told = told(&known);
        assert!(told.all().iter().any(|(name, _)| name == "cut-a"), "what is known is told at once");

        gate.shut();
        until("all are broken", || known.sources().iter().all(|state| state.health == Health::Broken)).await;
        assert!(!PoolBook::is_live(&known));
        patch(&admin, "cut-a", json!({"spec": {"disable": true}})).await;
        delete(&admin, "cut-b").await;
        create(&admin, &pool("cut-c", fine(3))).await;
        let heard = state(&known, Source::Pools).heard.unwrap();
        gate.open();
        assert!(known.is_ready(soon()).await, "{:?}", known.sources());
        until("what was missed is known", || {
            let catalogue = known.catalogue_changes().borrow().clone();
            catalogue.get("cut-a").is_some_and(|pool| pool.fields().disable == Some(true))
                && catalogue.get("cut-b").is_none()
                && catalogue.get("cut-c").is_some()
        })
        .await;
        for state in known.sources() {
            assert_eq!(state.lists, 1, "{}: a watch goes on from its version", state.source);
            assert!(state.watches >= 2 && state.failure.is_none(), "{state:?}");
        }
        assert!(state(&known, Source::Pools).heard.unwrap() > heard);
        assert!(told.has("cut-b", "gone"));
        delete(&admin, "cut-a").await;
        delete(&admin, "cut-c").await;
    });
}

#[test]
fn a_pool_can_be_used_as_soon_as_it_is_there() {
    run(async |plane| {
        let admin = plane.admin().await;
        let watched = Watched::start(plane).await;
        for round in 0..20_u8 {
            let name = format!("now-{round}");
            create(&admin, &pool(&name, fine(round))).await;
            let names = [name.as_str(), "now-*", "no such name", "now-none"];
            let catalogue = watched.known.catalogue_with(names, soon()).await.unwrap();
            assert!(catalogue.get(&name).is_some(), "{name}");
            delete(&admin, &name).await;
        }
        until("none is left over", || {
            let catalogue = watched.known.catalogue_changes().borrow().clone();
            catalogue.iter().all(|pool| !pool.name().as_str().starts_with("now-"))
        })
        .await;
    });
}
