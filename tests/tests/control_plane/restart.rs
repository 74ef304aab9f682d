//! Programs that end and come back, and that leave nothing.

use std::fs;
use std::path::Path;
use std::time::Duration;

use spiderpool_tests::command::wait_for;
use spiderpool_tests::control_plane::{Component, ControlPlane};

/// One of its own: it is not there for anybody else while this runs.
#[test]
fn programs_come_back_with_their_data() {
    // By a thread that is gone when the plane is used.
    let plane = std::thread::spawn(ControlPlane::start).join().unwrap().unwrap();
    if !plane.is_own() {
        println!(
            "skipped: programs_come_back_with_their_data: the cluster of KUBECONFIG is not ours to stop"
        );
        return;
    }
    let write = |name: &str| {
        let outcome = plane.kubectl(["--request-timeout=2s", "create", "configmap", name]).unwrap();
        outcome.status.success() || outcome.stderr.contains("already exists")
    };
    let exists = |name: &str| plane.kubectl(["get", "configmap", name]).unwrap().status.success();
    assert!(write("a"));
    let agent = plane.agent_kubeconfig().unwrap();

    for component in [Component::Apiserver, Component::Etcd] {
        for end in [ControlPlane::kill, ControlPlane::stop] {
            end(&plane, component).unwrap();
            assert!(!write("b"), "{component:?} serves though it was ended");
            // What does not run is ended already, and what runs is not started twice.
            plane.stop(component).unwrap();
            plane.run(component).unwrap();
            plane.run(component).unwrap();
            wait_for("writes work again", Duration::from_secs(60), || Ok(write("c").then_some(()))).unwrap();
            assert!(exists("a") && exists("c"), "{component:?} has lost data");
        }
    }
    // Its token holds, for the key is the same.
    let kubectl = plane.kubectl_as(&agent);
    assert!(kubectl.success(["get", "nodes"]).is_ok());

    let folder = plane.folder().to_owned();
    assert!(processes(&folder) >= 2);
    drop(plane);
    // The manager goes with the shell that would start it again.
    let all_ended = || Ok((processes(&folder) == 0).then_some(()));
    wait_for("all have ended", Duration::from_secs(30), all_ended).unwrap();
    assert!(!folder.exists());
}

/// How many processes have the folder in their command line.
fn processes(folder: &Path) -> usize {
    let all = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let lines = all.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    lines.filter(|line| String::from_utf8_lossy(line).contains(&*folder.to_string_lossy())).count()
}
