//! KubeVirt, installed in one version or another, or not at all.

use ipam_k8s::client::Verb;
use ipam_k8s::workload::{Pod, StaticKind, WorkloadError, Workloads};
use serde_json::{Value, json};

use crate::bed::{Plane, run, since, soon};

fn install(plane: &Plane, kind: &str, version: &str) {
    let (single, plural) = (kind.to_lowercase(), format!("{}s", kind.to_lowercase()));
    let schema = json!({"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}});
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.kubevirt.io")},
        "spec": {
            "group": "kubevirt.io", "scope": "Namespaced",
            "names": {"kind": kind, "singular": single, "plural": plural},
            "versions": [{"name": version, "served": true, "storage": true, "schema": schema}]
        }
    });
    plane.plane.apply(&definition.to_string()).unwrap();
    let crd = format!("crd/{plural}.kubevirt.io");
    let wait = ["wait", "--for=condition=Established", &crd, "--timeout=60s"];
    plane.plane.kubectl(wait).unwrap().success().unwrap();
}

fn remove(plane: &Plane, plural: &str) {
    let crd = format!("crd/{plural}.kubevirt.io");
    plane.plane.kubectl(["delete", &crd, "--timeout=60s"]).unwrap().success().unwrap();
}

fn machine(plane: &Plane, kind: &str, name: &str, more: Value) {
    let mut metadata = json!({"name": name, "namespace": "default"});
    metadata.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let object = json!({"apiVersion": "kubevirt.io/v1", "kind": kind, "metadata": metadata});
    let deadline = soon();
    // The kind is established before each of the server's parts knows of it.
    while let Err(error) = plane.plane.apply(&object.to_string()) {
        assert!(!deadline.remaining().is_zero(), "{error:?}");
    }
}

/// Marks an object as being deleted; its finalizer keeps it.
fn terminate(plane: &Plane, what: &str) {
    plane.plane.kubectl(["delete", what, "--wait=false"]).unwrap().success().unwrap();
}

fn let_go(plane: &Plane, what: &str) {
    let patch = ["patch", what, "--type=merge", "-p", r#"{"metadata": {"finalizers": null}}"#];
    plane.plane.kubectl(patch).unwrap().success().unwrap();
}

#[test]
fn machines_are_judged_by_what_is_there() {
    run(async |plane| {
        let cluster = plane.agent().await;
        let workloads = Workloads::new(cluster.clone());
        let wants =
            async |name: &str| workloads.is_wanted(StaticKind::VirtualMachine, "default", name, soon()).await;
        let before = cluster.traffic().counts();
        assert!(!wants("vm").await.unwrap(), "nothing is installed, so there is nothing");
        let reads = cluster.traffic().counts().since(&before);
        assert!(reads.reads().requests <= 6, "{reads}");

        // Another version has it: a 404 of ours says nothing about its objects.
        install(plane, "VirtualMachineInstance", "v9");
        let deadline = soon();
        let error = loop {
            match wants("vm").await {
                Err(error) => break error,
                Ok(wanted) => assert!(!wanted && !deadline.remaining().is_zero(), "discovery follows soon"),
            }
        };
        assert!(matches!(error, WorkloadError::OtherVersion { ref found, .. } if found == "v9"), "{error}");
        remove(plane, "virtualmachineinstances");

        for kind in ["VirtualMachine", "VirtualMachineInstance", "VirtualMachineInstanceMigration"] {
            install(plane, kind, "v1");
        }
        let keep = json!({"finalizers": ["test.example.com/keep"]});
        machine(plane, "VirtualMachineInstance", "alone", keep.clone());
        machine(plane, "VirtualMachine", "vm", keep.clone());
        let uid = ["get", "virtualmachine/vm", "-o", "jsonpath={.metadata.uid}"];
        let uid = plane.plane.kubectl(uid).unwrap().success().unwrap();
        let mut owned = keep.clone();
        owned["ownerReferences"] = json!([{"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine", "name": "vm", "uid": uid, "controller": true}]);
        machine(plane, "VirtualMachineInstance", "vm", owned);
        machine(plane, "VirtualMachine", "stopped", keep.clone());

        let before = cluster.traffic().counts();
        assert!(wants("alone").await.unwrap());
        assert!(wants("vm").await.unwrap());
        assert_eq!(
            since(&cluster, &before, Verb::Get, "virtualmachines"),
            0,
            "an instance that lives is enough"
        );
        assert!(wants("stopped").await.unwrap(), "the machine is there, its instance is not");
        assert!(!wants("none").await.unwrap());
        terminate(plane, "virtualmachineinstance/alone");
        assert!(!wants("alone").await.unwrap());
        terminate(plane, "virtualmachineinstance/vm");
        assert!(wants("vm").await.unwrap(), "it restarts: its machine lives");
        terminate(plane, "virtualmachine/vm");
        assert!(!wants("vm").await.unwrap());
        terminate(plane, "virtualmachine/stopped");
        assert!(!wants("stopped").await.unwrap());

        let pod = |annotations: Value| -> Pod {
            serde_json::from_value(
                json!({"metadata": {"name": "p", "namespace": "default", "annotations": annotations}}),
            )
            .unwrap()
        };
        let moving = pod(json!({"kubevirt.io/migrationJobName": "move-1"}));
        assert!(!workloads.is_migrating(&pod(json!({})), soon()).await.unwrap());
        assert!(!workloads.is_migrating(&moving, soon()).await.unwrap(), "there is no such move");
        machine(plane, "VirtualMachineInstanceMigration", "move-1", json!({}));
        assert!(workloads.is_migrating(&moving, soon()).await.unwrap());

        for what in [
            "virtualmachineinstance/alone",
            "virtualmachineinstance/vm",
            "virtualmachine/vm",
            "virtualmachine/stopped",
        ] {
            let_go(plane, what);
        }
        for plural in ["virtualmachines", "virtualmachineinstances", "virtualmachineinstancemigrations"] {
            remove(plane, plural);
        }
    });
}
