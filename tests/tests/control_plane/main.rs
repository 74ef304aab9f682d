//! The control plane that other tests stand on works: objects are stored, versions conflict, owners' dependants are collected, programs
//! that were stopped come back, and an agent has its rights and no more.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops at the first surprise; the lints spare test functions only"
)]

mod account;
mod restart;

use std::sync::LazyLock;
use std::time::Duration;

use spiderpool_tests::command::wait_for;
use spiderpool_tests::control_plane::ControlPlane;

/// One for all tests that leave it as it is. The thread of the test that is first here is not the one that keeps it alive.
static PLANE: LazyLock<ControlPlane> = LazyLock::new(|| {
    let plane = std::thread::spawn(ControlPlane::start).join().unwrap().unwrap();
    plane.install_crds().unwrap();
    plane
});

#[test]
fn objects_are_stored_and_dependants_collected() {
    let plane = &*PLANE;
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
    wait_for("the child goes with its owner", Duration::from_secs(60), || {
        Ok((!plane.kubectl(["get", "configmap", "child"])?.status.success()).then_some(()))
    })
    .unwrap();
}

#[test]
fn our_kinds_are_served() {
    let plane = &*PLANE;
    let kinds = plane.kubectl(["api-resources", "--api-group=spiderpool.spidernet.io", "-o", "name"]);
    let kinds = kinds.unwrap().success().unwrap();
    let names: Vec<&str> = kinds.lines().map(|line| line.split('.').next().unwrap_or_default()).collect();
    assert_eq!(
        names,
        [
            "spidercoordinators",
            "spiderendpoints",
            "spiderippools",
            "spidermultusconfigs",
            "spiderreservedips",
            "spidersubnets"
        ]
    );
    // A second time changes nothing.
    plane.install_crds().unwrap();
}
