//! The other sources.

use ipam_core::Family;
use ipam_k8s::client::{Cluster, Named, Verb};
use ipam_k8s::crd::{SpiderReservedIP, SpiderSubnet};
use ipam_k8s::watch::{Health, LookupError, Source};
use k8s_openapi::api::core::v1 as core;
use serde_json::{Value, json};

use crate::bed::{Watched, run, since, soon, until};

pub(crate) fn pod(name: &str, node: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default", "labels": {"app": name}},
        "spec": {"nodeName": node, "terminationGracePeriodSeconds": 0, "containers": [{"name": "c", "image": "none"}]}
    })
}

pub(crate) async fn create_pod(admin: &Cluster, pod: &Value) -> String {
    let named = Named::within("default", pod["metadata"]["name"].as_str().unwrap());
    admin.create::<core::Pod>(named, pod, soon()).await.unwrap().uid.unwrap()
}

pub(crate) async fn delete_pod(admin: &Cluster, name: &str) {
    admin.delete::<core::Pod>(Named::within("default", name), None, None, soon()).await.unwrap();
}

#[test]
fn only_this_nodes_pods_are_held() {
    run(async |plane| {
        let admin = plane.admin().await;
        let before = create_pod(&admin, &pod("own-early", "n1")).await;
        create_pod(&admin, &pod("other-early", "n2")).await;
        let watched = Watched::start(plane).await;
        let late = create_pod(&admin, &pod("own-late", "n1")).await;
        let other = create_pod(&admin, &pod("other-late", "n2")).await;
        let held = || {
            let pods = watched.known.pods();
            pods.iter().map(|pod| pod.meta.name.clone()).filter(|name| name.contains("-")).collect::<Vec<_>>()
        };
        until("both own pods are held", || held() == ["own-early", "own-late"]).await;

        let counts = watched.calls.traffic().counts();
        for (name, uid) in [("own-early", &before), ("own-late", &late)] {
            let found = watched.known.pod_of("default", name, uid, soon()).await.unwrap();
            assert_eq!((found.node.as_str(), found.meta.labels["app"].as_str()), ("n1", name));
        }
        assert_eq!(since(&watched.calls, &counts, Verb::Get, "pods"), 0);
        let found = watched.known.pod("default", "other-late", soon()).await.unwrap();
        assert_eq!((&found.meta.uid, found.node.as_str()), (&other, "n2"));
        assert_eq!(since(&watched.calls, &counts, Verb::Get, "pods"), 1);

        // Made again: whatever the watch has by now, the uid decides.
        delete_pod(&admin, "own-late").await;
        let again = create_pod(&admin, &pod("own-late", "n1")).await;
        let found = watched.known.pod_of("default", "own-late", &again, soon()).await.unwrap();
        assert_eq!(found.meta.uid, again);
        let error = watched.known.pod_of("default", "own-late", &late, soon()).await.unwrap_err();
        assert!(matches!(error, LookupError::OtherPod { ref found, .. } if *found == again), "{error}");
        until("the watch has it", || watched.known.pods().iter().any(|pod| pod.meta.uid == again)).await;

        for name in ["own-early", "own-late", "other-early", "other-late"] {
            delete_pod(&admin, name).await;
        }
        until("none is held", || held().is_empty()).await;
        let error = watched.known.pod("default", "own-late", soon()).await.unwrap_err();
        assert_eq!(error.to_string(), r#"failed to get Pod default/own-late: Pod "own-late" not found"#);
        let counts = watched.calls.traffic().counts();
        for (namespace, name) in [("default", ""), ("", "x"), ("a/b", "x"), ("default", "..")] {
            let error = watched.known.pod(namespace, name, soon()).await.unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("failed to get Pod {namespace}/{name}: Pod {name:?} not found")
            );
        }
        assert_eq!(since(&watched.calls, &counts, Verb::Get, "pods"), 0, "no such names are asked for");
    });
}

#[test]
fn reserved_addresses_subnets_namespaces_and_the_node_follow() {
    run(async |plane| {
        let admin = plane.admin().await;
        let watched = Watched::start(plane).await;
        let of = |kind: &str, name: &str, spec: Value| json!({"apiVersion": "spiderpool.spidernet.io/v2beta1", "kind": kind, "metadata": {"name": name}, "spec": spec});
        let reserved =
            of("SpiderReservedIP", "routers", json!({"ipVersion": 4, "ips": ["10.6.0.1-10.6.0.3"]}));
        admin.create::<SpiderReservedIP>(Named::cluster("routers"), &reserved, soon()).await.unwrap();
        let bad = of("SpiderReservedIP", "bad", json!({"ipVersion": 4, "ips": ["10.6.0.9", "nine"]}));
        admin.create::<SpiderReservedIP>(Named::cluster("bad"), &bad, soon()).await.unwrap();
        let subnet =
            of("SpiderSubnet", "s4", json!({"ipVersion": 4, "subnet": "10.6.0.0/16", "ips": ["10.6.0.1"]}));
        admin.create::<SpiderSubnet>(Named::cluster("s4"), &subnet, soon()).await.unwrap();
        plane
            .plane
            .apply("{apiVersion: v1, kind: Namespace, metadata: {name: ns-late, labels: {team: a}}}")
            .unwrap();

        let deadline = soon();
        loop {
            let reserved = watched.known.reserved(deadline).await.unwrap();
            let subnets = watched.known.subnets(deadline).await.unwrap();
            let is_there = watched.source(Source::Namespaces).events > 0;
            if reserved.of(Family::V4).to_string() == "10.6.0.1-10.6.0.3,10.6.0.9"
                && subnets.contains_key("s4")
                && is_there
            {
                assert_eq!(reserved.faults().len(), 1);
                assert_eq!(subnets["s4"].spec.as_ref().unwrap().ips, ["10.6.0.1"]);
                break;
            }
            assert!(!deadline.remaining().is_zero(), "{reserved:?} {subnets:?}");
            tokio::task::yield_now().await;
        }
        let counts = watched.calls.traffic().counts();
        let namespace = watched.known.namespace("ns-late", soon()).await.unwrap();
        assert_eq!(namespace.labels["team"], "a");
        let node = watched.known.node("n1", soon()).await.unwrap().unwrap();
        assert_eq!(node.labels["zone"], "n1");
        assert_eq!(watched.calls.traffic().counts(), counts, "all of that was known");
        assert_eq!(watched.known.node("n2", soon()).await.unwrap().unwrap().labels["zone"], "n2");
        assert!(watched.known.node("n9", soon()).await.unwrap().is_none());
        assert!(matches!(
            watched.known.namespace("ns-none", soon()).await,
            Err(LookupError::NoNamespace { .. })
        ));

        plane.plane.kubectl(["label", "node", "n1", "rack=r7"]).unwrap().success().unwrap();
        let deadline = soon();
        while !watched.known.node("n1", deadline).await.unwrap().unwrap().labels.contains_key("rack") {
            assert!(!deadline.remaining().is_zero());
            tokio::task::yield_now().await;
        }
        for name in ["routers", "bad"] {
            admin.delete::<SpiderReservedIP>(Named::cluster(name), None, None, soon()).await.unwrap();
        }
        admin.delete::<SpiderSubnet>(Named::cluster("s4"), None, None, soon()).await.unwrap();
        let deadline = soon();
        while !watched.known.reserved(deadline).await.unwrap().of(Family::V4).is_empty() {
            assert!(!deadline.remaining().is_zero());
            tokio::task::yield_now().await;
        }
    });
}

#[test]
fn a_kind_that_is_not_installed_is_an_empty_source_until_it_is() {
    run(async |plane| {
        let crd = "spidersubnets.spiderpool.spidernet.io";
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../ipam-k8s/crds/spiderpool.spidernet.io_spidersubnets.yaml");
        plane.plane.kubectl(["delete", "crd", crd, "--timeout=60s"]).unwrap().success().unwrap();
        let watched = Watched::start(plane).await;
        let state = watched.source(Source::Subnets);
        assert_eq!((state.health, state.watches), (Health::Absent, 0));
        let counts = (watched.watches.traffic().counts(), watched.calls.traffic().counts());
        assert_eq!(counts.0.of(Verb::List, "spidersubnets").requests, 1, "one look, not a loop");
        assert!(watched.known.subnets(soon()).await.unwrap().is_empty());
        assert_eq!(watched.calls.traffic().counts(), counts.1, "nobody asks again");
        assert_eq!(watched.source(Source::Pools).health, Health::Live, "others go on");

        plane
            .plane
            .kubectl(["apply", "--server-side", "-f", file.to_str().unwrap()])
            .unwrap()
            .success()
            .unwrap();
        until("it is found", || watched.source(Source::Subnets).health == Health::Live).await;
    });
}
