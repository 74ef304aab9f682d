//! The control plane that other tests stand on works: objects are stored, versions conflict, owners' dependants are collected.

use std::time::{Duration, Instant};

use spiderpool_tests::control_plane::ControlPlane;

#[test]
fn objects_are_stored_and_dependants_collected() {
    let plane = ControlPlane::start().unwrap();
    let version = plane.kubectl(["version", "-o", "json"]).unwrap().success().unwrap();
    assert!(version.contains("\"serverVersion\""), "{version}");
    plane.apply("{apiVersion: v1, kind: ConfigMap, metadata: {name: owner, namespace: default}}").unwrap();
    let uid = plane
        .kubectl(["get", "configmap", "owner", "-o", "jsonpath={.metadata.uid}"])
        .unwrap()
        .success()
        .unwrap();
    plane
        .apply(&format!(
            "{{apiVersion: v1, kind: ConfigMap, metadata: {{name: child, namespace: default, \
             ownerReferences: [{{apiVersion: v1, kind: ConfigMap, name: owner, uid: {uid}}}]}}}}"
        ))
        .unwrap();
    plane.kubectl(["delete", "configmap", "owner", "--timeout=30s"]).unwrap().success().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while plane.kubectl(["get", "configmap", "child"]).unwrap().status.success() {
        assert!(Instant::now() < deadline, "the child outlives its owner");
    }
}
