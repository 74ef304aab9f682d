//! Everything that can go wrong between the plugin and the agent.

use std::fs;
use std::os::unix::net::{UnixListener, UnixStream};

use serde_json::{Value, json};

use crate::node::{Node, one_address};
use crate::server::{Reply, Server};

const HEALTH: &str = "unhealthy spiderpool-agent backend, failed to check: ";
const ADD: &str = "spiderpool IP allocation error: ";

/// A CHECK that gets as far as the agent.
fn checked(node: &Node) -> Value {
    let mut config = node.config(json!({}));
    config["prevResult"] = json!({"cniVersion": "1.1.0", "ips": [{"address": "10.6.168.71/16"}]});
    config
}

/// Check 3, and the quirk that is kept: a DEL fails as long as the agent is down.
#[test]
fn nobody_listens() {
    let node = Node::new();
    for command in ["ADD", "DEL", "CHECK"] {
        let message = node.call_with(command, &checked(&node)).run().error(11);
        let want =
            format!("{HEALTH}cannot connect to {}: No such file or directory", node.socket().display());
        assert!(message.starts_with(&want), "{command}: {message}");
    }
    let message = node.call("STATUS").run().error(50);
    assert!(message.starts_with(HEALTH), "{message}");
    assert_eq!(node.logged("operation failed").len(), 4);
    // What an agent leaves that was killed.
    drop(UnixListener::bind(node.socket()).unwrap());
    let message = node.call("ADD").run().error(11);
    assert!(message.contains("Connection refused"), "{message}");
    fs::remove_file(node.socket()).unwrap();
    fs::write(node.socket(), "no socket").unwrap();
    let message = node.call("ADD").run().error(11);
    assert!(message.contains("cannot connect to "), "{message}");
}

#[test]
fn an_agent_that_is_not_well() {
    for (reply, want) in [
        (
            Reply::Json(500, json!("not ready")),
            "[GET /ipam/healthy][500] getIpamHealthyInternalServerError  not ready",
        ),
        (Reply::Empty(500), "[GET /ipam/healthy][500] getIpamHealthyInternalServerError  "),
        (
            Reply::Text(503, "busy\n".to_owned()),
            "response status code does not match any response statuses defined for this endpoint in the swagger spec (status 503): busy",
        ),
    ] {
        let node = Node::new();
        let agent = Server::start(&node.socket(), move |_| reply.clone());
        for command in ["ADD", "DEL", "CHECK"] {
            let message = node.call_with(command, &checked(&node)).run().error(11);
            assert_eq!(message, format!("{HEALTH}{want}"), "{command}");
        }
        let message = node.call("STATUS").run().error(50);
        assert_eq!(message, format!("{HEALTH}{want}"));
        assert_eq!(agent.lines(), ["GET /v1/ipam/healthy"; 4]);
    }
}

/// Check 4 as far as an ADD goes.
#[test]
fn refusals_in_every_form() {
    let declared = "[POST /ipam/ip][500] postIpamIpFailure  ";
    let other = "response status code does not match any response statuses defined for this endpoint in the swagger spec ";
    for (reply, want) in [
        (Reply::Json(500, json!("no IPPool available, …")), format!("{declared}no IPPool available, …")),
        (Reply::Json(500, json!({"code": 500, "message": "broken"})), format!("{declared}broken")),
        (Reply::Json(500, json!({"reason": "broken"})), format!(r#"{declared}{{"reason":"broken"}}"#)),
        (Reply::Text(500, "no JSON".to_owned()), format!("{declared}no JSON")),
        (Reply::Empty(500), declared.to_owned()),
        (
            Reply::Json(422, json!({"code": 602, "message": "podUID in body is required"})),
            format!("{other}(status 422): podUID in body is required"),
        ),
        (Reply::Json(501, json!("operation has not yet been implemented")), {
            format!("{other}(status 501): operation has not yet been implemented")
        }),
        (
            Reply::Text(404, "404 page not found\n".to_owned()),
            format!("{other}(status 404): 404 page not found"),
        ),
        (Reply::Empty(302), format!("{other}(status 302): ")),
    ] {
        let node = Node::new();
        let _agent = node.agent(reply);
        let message = node.call("ADD").run().error(105);
        assert_eq!(message, format!("{ADD}{want}"));
        assert_eq!(node.logged("operation failed")[0]["code"], 105);
    }
}

/// Check 6: no crash, and the original's words.
#[test]
fn answers_that_break_the_schema() {
    let list = "validation failure list:\n";
    let garbage = "\u{1}\u{2}\u{fffd}";
    for (reply, want) in [
        (Reply::Json(200, json!({"ips": null})), "ips in body is required".to_owned()),
        (Reply::Empty(200), "ips in body is required".to_owned()),
        (Reply::Json(200, json!({"ips": [{"nic": "eth0", "version": 4}]})), {
            format!("{list}ips.0.address in body is required")
        }),
        (Reply::Json(200, json!("ips")), "body is text; want an object".to_owned()),
        (Reply::Text(200, garbage.to_owned()), "body is no JSON: ".to_owned()),
    ] {
        let node = Node::new();
        let _agent = node.agent(reply);
        let message = node.call("ADD").run().error(106);
        assert!(message.starts_with(&format!("{ADD}{list}{want}")), "{message}");
    }
}

#[test]
fn an_agent_that_hangs_up() {
    for reply in [Reply::HangUp, Reply::HalfBody] {
        let node = Node::new();
        let agent = node.agent(reply.clone());
        let message = node.call("ADD").run().error(11);
        assert!(message.starts_with(ADD) && message.contains(" did not answer in full: "), "{message}");
        let message = node.call_with("CHECK", &checked(&node)).run().error(11);
        assert!(message.starts_with("failed to get the SpiderEndpoint: "), "{message}");
        drop(agent);
        fs::remove_file(node.socket()).unwrap();
        let _agent = Server::start(&node.socket(), move |_| reply.clone());
        for command in ["ADD", "DEL"] {
            let message = node.call(command).run().error(11);
            assert!(
                message.starts_with(HEALTH) && message.contains(" did not answer in full: "),
                "{message}"
            );
        }
    }
}

#[test]
fn what_speaks_no_http() {
    let node = Node::new();
    let listener = UnixListener::bind(node.socket()).unwrap();
    let thread = std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(b"220 mail.example.com ESMTP\r\n");
    });
    let message = node.call("STATUS").run().error(50);
    assert!(message.starts_with(HEALTH) && message.contains("did not answer in full"), "{message}");
    thread.join().unwrap();
}

#[test]
fn an_agent_that_is_silent() {
    let node = Node::new();
    let agent = node.agent(Reply::Silence);
    let message = node.call("ADD").run_impatiently().error(11);
    assert_eq!(message, format!("{ADD}no answer from {} within 50ms", node.socket().display()));
    // A release that nobody answers is not known to have failed; collection sees to it.
    node.call("DEL").run_impatiently().silent();
    assert_eq!(node.logged("release failed").len(), 1);
    drop(agent);
    fs::remove_file(node.socket()).unwrap();
    let _agent = Server::start(&node.socket(), |_| Reply::Silence);
    for command in ["ADD", "DEL"] {
        let message = node.call(command).run_impatiently().error(11);
        assert!(message.starts_with(&format!("{HEALTH}no answer from ")), "{message}");
    }
}

#[test]
fn answers_without_end() {
    for status in [200, 500] {
        let node = Node::new();
        let _agent = node.agent(Reply::Endless(status));
        let message = node.call("ADD").run().error(106);
        assert_eq!(
            message,
            format!("{ADD}the answer of {} is longer than 1048576 bytes", node.socket().display())
        );
    }
    let node = Node::new();
    let long = "x".repeat(1_000_000);
    let _agent = node.agent(Reply::Json(500, json!(long)));
    let message = node.call("ADD").run().error(105);
    assert!(message.ends_with(&long), "a long refusal is told whole");
}

/// Who finds the queue of the socket full waits for a place in it.
#[test]
fn a_full_queue_is_waited_for() {
    let node = Node::new();
    let listener = UnixListener::bind(node.socket()).unwrap();
    // Room for one, which is taken.
    rustix::net::listen(&listener, 0).unwrap();
    let _first = UnixStream::connect(node.socket()).unwrap();
    let message = node.call("STATUS").run_impatiently().error(50);
    assert_eq!(message, format!("{HEALTH}no answer from {} within 50ms", node.socket().display()));
}

#[test]
fn many_at_once() {
    let node = Node::new();
    let agent = node.agent(Reply::Json(200, one_address()));
    let calls: Vec<_> = (0..40).map(|_| node.call("ADD")).collect();
    std::thread::scope(|scope| {
        let running: Vec<_> = calls.into_iter().map(|call| scope.spawn(|| call.run().result())).collect();
        for call in running {
            call.join().unwrap();
        }
    });
    assert_eq!(agent.lines().len(), 80);
}
