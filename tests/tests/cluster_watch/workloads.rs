//! Top controllers and StatefulSets, on what the controllers of Kubernetes make.

use ipam_k8s::client::Verb;
use ipam_k8s::workload::{Pod, StaticKind, WorkloadError, Workloads};
use serde_json::json;

use crate::bed::{Plane, run, since, soon};

fn pod_of(api_version: &str, kind: &str, name: &str, uid: &str) -> Pod {
    let owner =
        json!({"apiVersion": api_version, "kind": kind, "name": name, "uid": uid, "controller": true});
    let pod =
        json!({"metadata": {"name": "p", "namespace": "default", "uid": "u", "ownerReferences": [owner]}});
    serde_json::from_value(pod).unwrap()
}

fn value(plane: &Plane, what: &str, path: &str) -> String {
    let path = format!("jsonpath={path}");
    let deadline = soon();
    loop {
        let found =
            plane.plane.kubectl(["get", what, "-l", "test=top", "-o", &path]).unwrap().success().unwrap();
        if !found.is_empty() {
            return found;
        }
        assert!(!deadline.remaining().is_zero(), "{what} {path}");
    }
}

const DEPLOYMENT: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: default}
spec:
  replicas: 1
  selector: {matchLabels: {test: top}}
  template:
    metadata: {labels: {test: top}}
    spec: {containers: [{name: c, image: none}]}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly, namespace: default}
spec:
  schedule: '0 0 1 1 *'
  suspend: true
  jobTemplate:
    metadata: {labels: {test: top}}
    spec: {suspend: true, template: {spec: {restartPolicy: Never, containers: [{name: c, image: none}]}}}
";

#[test]
fn the_top_of_what_controllers_make() {
    run(async |plane| {
        plane.plane.apply(DEPLOYMENT).unwrap();
        plane
            .plane
            .kubectl(["create", "job", "by-hand", "--from=cronjob/nightly"])
            .unwrap()
            .success()
            .unwrap();
        let (set, uid) = (
            value(plane, "replicaset", "{.items[0].metadata.name}"),
            value(plane, "replicaset", "{.items[0].metadata.uid}"),
        );
        let job_uid = value(plane, "job", "{.items[0].metadata.uid}");
        let cluster = plane.agent().await;
        let workloads = std::sync::Arc::new(Workloads::new(cluster.clone()));
        let before = cluster.traffic().counts();

        // A burst of one Deployment's pods: they share one read.
        let asks: Vec<_> = (0..50)
            .map(|_| {
                let (workloads, pod) = (workloads.clone(), pod_of("apps/v1", "ReplicaSet", &set, &uid));
                tokio::spawn(async move { workloads.top(&pod, soon()).await.unwrap() })
            })
            .collect();
        for ask in asks {
            let top = ask.await.unwrap();
            assert_eq!((top.kind.as_str(), top.name.as_str()), ("Deployment", "web"));
        }
        assert_eq!(since(&cluster, &before, Verb::Get, "replicasets"), 1);

        let top = workloads.top(&pod_of("batch/v1", "Job", "by-hand", &job_uid), soon()).await.unwrap();
        assert_eq!((top.kind.as_str(), top.name.as_str()), ("CronJob", "nightly"));
        // Kinds that nobody has installed are not asked for.
        let clone_set = pod_of("apps.kruise.io/v1alpha1", "CloneSet", "c", "x");
        assert_eq!(workloads.top(&clone_set, soon()).await.unwrap().kind, "CloneSet");

        let gone = pod_of("apps/v1", "ReplicaSet", "gone", "x");
        let words = "failed to get the top controller of the Pod default/p: failed to get pod 'default/p' owner: ReplicaSet.apps \
                     \"gone\" not found";
        for _ in 0..2 {
            let error = workloads.top(&gone, soon()).await.unwrap_err();
            assert_eq!(error.to_string(), words);
            assert!(matches!(error, WorkloadError::NoOwner { .. }));
        }
        let reads = cluster.traffic().counts().since(&before);
        assert_eq!(reads.to_string(), "1 get jobs\n3 get replicasets");
        let bytes = reads.of(Verb::Get, "jobs").received_bytes;
        let whole = plane.plane.kubectl(["get", "job", "by-hand", "-o", "json"]).unwrap().success().unwrap();
        assert!(!whole.is_empty() && bytes > 0, "{bytes}");
        plane.plane.kubectl(["delete", "deployment/web", "cronjob/nightly"]).unwrap().success().unwrap();
    });
}

#[test]
fn a_stateful_set_wants_the_pods_of_its_numbers() {
    run(async |plane| {
        let set = |name: &str, more: serde_json::Value| {
            let mut spec = json!({
                "serviceName": name, "selector": {"matchLabels": {"app": name}},
                "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "c", "image": "none"}]}}
            });
            spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let set = json!({"apiVersion": "apps/v1", "kind": "StatefulSet",
                "metadata": {"name": name, "namespace": "default"}, "spec": spec});
            plane.plane.apply(&set.to_string()).unwrap();
        };
        set("db", json!({"replicas": 2}));
        set("late", json!({"replicas": 2, "ordinals": {"start": 5}}));
        set("none", json!({"replicas": 0}));
        set("one", json!({}));
        let cluster = plane.agent().await;
        let workloads = Workloads::new(cluster.clone());
        for (pod, want, reads) in [
            ("db-0", true, 1),
            ("db-1", true, 1),
            ("db-2", false, 1),
            ("late-4", false, 1),
            ("late-5", true, 1),
            ("late-6", true, 1),
            ("late-7", false, 1),
            ("none-0", false, 1),
            ("one-0", true, 1),
            ("one-1", false, 1),
            ("gone-0", false, 1),
            ("db", false, 0),
            ("-0", false, 0),
        ] {
            let before = cluster.traffic().counts();
            let found = workloads.is_wanted(StaticKind::StatefulSet, "default", pod, soon()).await.unwrap();
            assert_eq!(found, want, "{pod}");
            assert_eq!(cluster.traffic().counts().since(&before).reads().requests, reads, "{pod}");
        }
        // Scaled down: known at once, since nothing is remembered.
        plane.plane.kubectl(["scale", "statefulset/db", "--replicas=1"]).unwrap().success().unwrap();
        assert!(!workloads.is_wanted(StaticKind::StatefulSet, "default", "db-1", soon()).await.unwrap());
        plane.plane.kubectl(["delete", "statefulset", "--all"]).unwrap().success().unwrap();
    });
}

#[test]
fn what_cannot_be_read_is_no_answer() {
    run(async |plane| {
        let gate = crate::gate::Gate::to(plane.plane.server()).await;
        gate.shut();
        let workloads = Workloads::new(plane.agent_through(gate.address).await);
        for kind in [StaticKind::StatefulSet, StaticKind::VirtualMachine] {
            let error = workloads.is_wanted(kind, "default", "db-0", soon()).await.unwrap_err();
            assert!(matches!(error, WorkloadError::Unread { .. }), "{error}");
        }
        let error = workloads.top(&pod_of("apps/v1", "ReplicaSet", "rs", "x"), soon()).await.unwrap_err();
        assert!(matches!(error, WorkloadError::OwnerUnread { .. }), "{error}");
        gate.open();
        let deadline = soon();
        // The client may still be at a connection that was made before.
        while let Err(error) = workloads.is_wanted(StaticKind::StatefulSet, "default", "db-0", deadline).await
        {
            assert!(!deadline.remaining().is_zero(), "{error}");
        }
    });
}
