//! DEL: what fails it and what does not.

use serde_json::json;

use crate::node::Node;
use crate::server::Reply;

/// Check 4 as far as a DEL goes.
#[test]
fn a_release_that_fails_is_logged_and_the_del_succeeds() {
    for (reply, want) in [
        (
            Reply::Json(500, json!("failed to release all allocated IP addresses")),
            "[DELETE /ipam/ip][500] deleteIpamIpFailure  failed to release all allocated IP addresses",
        ),
        (
            Reply::Json(422, json!({"code": 602, "message": "podUID in body is required"})),
            "(status 422): podUID in body is required",
        ),
        (Reply::HangUp, "did not answer in full"),
        (Reply::Endless(200), "is longer than 1048576 bytes"),
    ] {
        let node = Node::new();
        let _agent = node.agent(reply);
        node.call("DEL").run().silent();
        let lines = node.logged("release failed; collection frees the addresses");
        assert_eq!(lines.len(), 1);
        let why = lines[0]["why"].as_str().unwrap();
        assert!(why.starts_with("spiderpool IP release error: ") && why.contains(want), "{why}");
        assert_eq!((&lines[0]["level"], &lines[0]["pod"]), (&json!("ERROR"), &json!("t/pod-1")));
    }
}

#[test]
fn whatever_a_success_says() {
    for reply in [Reply::Empty(200), Reply::Text(200, "ok".to_owned()), Reply::Empty(204)] {
        let node = Node::new();
        let _agent = node.agent(reply);
        node.call("DEL").run().silent();
        assert_eq!(node.logged("release handed over")[0]["uid"], "5b0c");
    }
}
