//! What happens around a call: callers that go, panics, the end of the agent; and who may come at all.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};

use spiderpool_daemons::agent::settings::Settings;
use spiderpool_daemons::agent::{ListenError, Listeners, Peers};

use crate::bed::{Act, Answer, Bed, Variables, block_on, eventually, go_request};
use crate::wire::ADD;

fn add() -> Vec<u8> {
    go_request("POST /v1/ipam/ip", &[], Some(ADD))
}

#[test]
fn a_caller_that_hangs_up_is_served_no_longer_and_a_commit_goes_on() {
    let bed = Bed::new();
    bed.recorder.expect(Act::Wait);
    let mut stream = bed.connect();
    stream.write_all(&add()).unwrap();
    eventually("the call is under way", || bed.recorder.seen().len() == 1);
    assert_eq!(bed.recorder.dropped(), 0);
    drop(stream);
    eventually("the call is dropped", || bed.recorder.dropped() == 1);
    assert_eq!(bed.recorder.committed(), 0);
    bed.recorder.go_on.notify_one();
    eventually("its commit ends all the same", || bed.recorder.committed() == 1);
    let counted = bed.metrics.exposition();
    for line in [
        "spiderpool_ipam_allocation_counts_total 1",
        "spiderpool_ipam_allocation_failure_counts_total 1",
        "spiderpool_ipam_allocation_err_internal_counts_total 1",
    ] {
        assert!(counted.lines().any(|counted| counted == line), "{line}");
    }
}

#[test]
fn a_panic_is_an_answer_and_the_agent_goes_on() {
    let bed = Bed::new();
    bed.recorder.expect(Act::Panic);
    let mut stream = bed.connect();
    stream.write_all(&add()).unwrap();
    let answer = Answer::read(&mut stream);
    assert_eq!((answer.code, answer.header("content-type")), (500, Some("application/json")));
    assert!(answer.json().as_str().unwrap().starts_with("the request failed unexpectedly"), "{answer:?}");
    // On the same connection too.
    stream.write_all(&add()).unwrap();
    assert_eq!(Answer::read(&mut stream).code, 200);
}

#[test]
fn what_is_under_way_is_answered_before_the_end() {
    let mut bed = Bed::new();
    bed.recorder.expect(Act::Wait);
    let mut busy = bed.connect();
    let mut idle = bed.connect();
    idle.write_all(&go_request("GET /v1/ipam/healthy", &[], None)).unwrap();
    assert_eq!(Answer::read(&mut idle).code, 200);
    busy.write_all(&add()).unwrap();
    eventually("the call is under way", || bed.recorder.seen().len() == 1);
    let socket = bed.socket();
    assert!(socket.exists());
    bed.stop();
    eventually("the socket is gone", || !socket.exists());
    assert_eq!(idle.read(&mut [0]).unwrap(), 0, "an idle connection is closed at once");
    assert_eq!(bed.recorder.committed(), 0);
    bed.recorder.go_on.notify_one();
    let answer = Answer::read(&mut busy);
    assert_eq!((answer.code, answer.header("connection")), (200, Some("close")));
    bed.end().0.unwrap();
}

#[test]
fn the_socket_is_its_owners_alone() {
    let bed = Bed::new();
    let mode = std::fs::metadata(bed.socket()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn others_are_turned_away_before_they_are_heard() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.sock");
    block_on(async {
        let (mut settings, _) = Settings::parse(&Variables(Vec::new()), "enableIPv4: true").unwrap();
        (settings.socket, settings.health_port) = (path.clone(), 0);
        // Nobody who runs tests has this id.
        let listeners = Listeners::open(&settings, Peers::only([4_000_000_000])).await.unwrap();
        let ipam = std::sync::Arc::<crate::bed::Recorder>::default();
        let metrics = std::sync::Arc::default();
        let served = spiderpool_daemons::agent::serve(listeners, ipam, metrics, std::future::pending()).await;
        let error = served.unwrap_err().to_string();
        assert!(error.ends_with("the agent's own socket"), "{error}");
    });
    assert!(!path.exists());
}

#[test]
fn a_socket_that_was_left_behind_is_replaced_and_anything_else_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let socket = run.join("agent.sock");
    std::fs::create_dir(&run).unwrap();
    drop(UnixListener::bind(&socket).unwrap());
    assert!(std::fs::metadata(&socket).unwrap().file_type().is_socket());
    let bed = Bed::at(folder, socket.clone(), Peers::root_and_own());
    assert_eq!(bed.raw(&go_request("GET /v1/ipam/healthy", &[], None)).code, 200);
    let names: Vec<_> = std::fs::read_dir(&run).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["agent.sock"]);

    let startup = go_request("GET /v1/runtime/startup", &[], None);
    eventually("the agent has started", || bed.probe(&startup).code == 200);
    // A second agent takes over; the first one leaves the socket to it when it ends.
    let other = UnixListener::bind(run.join("next.sock")).unwrap();
    std::fs::rename(run.join("next.sock"), &socket).unwrap();
    let (ended, folder) = bed.end();
    ended.unwrap();
    UnixStream::connect(&socket).unwrap();
    drop((other, folder));

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.sock");
    std::fs::write(&path, "mine").unwrap();
    let (mut settings, _) = Settings::parse(&Variables(Vec::new()), "enableIPv4: true").unwrap();
    (settings.socket, settings.health_port) = (path.clone(), 0);
    let error = block_on(Listeners::open(&settings, Peers::root_and_own())).unwrap_err();
    assert!(matches!(error, ListenError::InTheWay { .. }), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("[::]:0").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (mut settings, _) = Settings::parse(&Variables(Vec::new()), "enableIPv4: true").unwrap();
    settings.socket = folder.path().join("agent.sock");
    settings.health_port = taken.local_addr().unwrap().port();
    let error = block_on(Listeners::open(&settings, Peers::root_and_own())).unwrap_err();
    assert_eq!(error.to_string(), format!("port {}: cannot be listened on", settings.health_port));
    assert!(!settings.socket.exists());
}

#[test]
fn probes_follow_the_socket() {
    let bed = Bed::new();
    let probe = |name: &str| bed.probe(&go_request(&format!("GET /v1/runtime/{name}"), &[], None));
    for name in ["startup", "readiness", "liveness"] {
        eventually(name, || probe(name).code == 200);
        let answer = probe(name);
        assert_eq!((answer.body.as_str(), answer.header("content-type")), ("", None), "{name}");
    }
    // Somebody takes the socket away: a plugin would not reach the agent either.
    std::fs::remove_file(bed.socket()).unwrap();
    assert_eq!((probe("startup").code, probe("readiness").code, probe("liveness").code), (200, 500, 500));
}
