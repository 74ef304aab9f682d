//! Requests that are not as they should be, and odd ones that must do.

use std::io::{Read as _, Write as _};

use crate::bed::{Answer, Bed, Seen, go_request};
use crate::wire::ADD;

fn get(path: &str) -> Vec<u8> {
    go_request(&format!("GET {path}"), &[], None)
}

#[test]
fn wrong_methods_and_paths() {
    let bed = Bed::new();
    for (call, code, allow, body) in [
        (
            "PUT /v1/ipam/ip",
            405,
            Some("POST,DELETE"),
            r#"{"code":405,"message":"method PUT is not allowed, but [POST,DELETE] are"}"#,
        ),
        (
            "OPTIONS /v1/ipam/healthy/",
            405,
            Some("GET"),
            r#"{"code":405,"message":"method OPTIONS is not allowed, but [GET] are"}"#,
        ),
        ("GET /v1/no&thing", 404, None, r#"{"code":404,"message":"path /v1/no\u0026thing was not found"}"#),
        ("GET //v1/./ipam/x/../healthy", 200, None, ""),
        (
            "POST /v1/runtime/startup",
            405,
            Some("GET"),
            r#"{"code":405,"message":"method POST is not allowed, but [GET] are"}"#,
        ),
    ] {
        let answer = bed.raw(&go_request(call, &[], None));
        assert_eq!(
            (answer.code, answer.header("allow"), answer.body.as_str()),
            (code, allow, body),
            "{call}"
        );
    }
    let mut head = bed.connect();
    head.write_all(&go_request("HEAD /v1/ipam/healthy", &[("Connection", Some("close"))], None)).unwrap();
    let mut text = String::new();
    head.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 405 ") && text.ends_with("\r\n\r\n"), "{text}");
}

#[test]
fn types_are_judged_before_bodies() {
    let bed = Bed::new();
    let post =
        |headers: &[(&str, Option<&str>)], body| bed.raw(&go_request("POST /v1/ipam/ip", headers, body));
    let unnamed = post(&[("Content-Type", None)], Some("{"));
    assert_eq!(unnamed.code, 415);
    assert_eq!(
        unnamed.body,
        r#"{"code":415,"message":"unsupported media type \"application/octet-stream\", only [application/json] are allowed"}"#
    );
    assert_eq!(post(&[("Content-Type", Some("text/plain"))], Some(ADD)).code, 415);
    // Without a body its type does not matter, and that of the answer does.
    let empty = post(&[("Content-Type", None)], None);
    assert_eq!(
        (empty.code, empty.body.as_str()),
        (422, r#"{"code":602,"message":"ipamAddArgs in body is required"}"#)
    );
    assert_eq!(post(&[("Accept", Some("text/plain"))], None).code, 406);
    assert_eq!(post(&[("Accept", Some("text/plain"))], Some(ADD)).code, 200);
    for (call, parameter) in [
        ("DELETE /v1/ipam/ip", "ipamDelArgs"),
        ("DELETE /v1/ipam/ips", "ipamBatchDelArgs"),
        ("GET /v1/coordinator/config", "getCoordinatorConfig"),
    ] {
        for body in [None, Some(" \n")] {
            let answer = bed.raw(&go_request(call, &[], body));
            let want = format!(r#"{{"code":602,"message":"{parameter} in body is required"}}"#);
            assert_eq!((answer.code, answer.body), (422, want), "{call} {body:?}");
        }
    }
    let list = post(&[], Some("[1]"));
    assert_eq!(
        (list.code, list.body.as_str()),
        (
            400,
            r#"{"code":400,"message":"parsing ipamAddArgs body from \"\" failed, because json: cannot unmarshal array into Go value of type models.IpamAddArgs"}"#
        )
    );
}

/// The order of the checks is that of the alphabet; the corpus has some of these.
#[test]
fn the_first_missing_field_is_told() {
    let bed = Bed::new();
    let fields = ["containerID", "ifName", "netNamespace", "podName", "podNamespace", "podUID"];
    for (call, required) in [
        ("POST /v1/ipam/ip", &fields[..]),
        ("DELETE /v1/ipam/ip", &["containerID", "ifName", "podName", "podNamespace", "podUID"]),
        ("DELETE /v1/ipam/ips", &["containerID", "podName", "podNamespace", "podUID"]),
    ] {
        let mut body = serde_json::Map::new();
        for field in required {
            let answer = bed.raw(&go_request(call, &[], Some(&serde_json::to_string(&body).unwrap())));
            let want = format!(r#"{{"code":602,"message":"{field} in body is required"}}"#);
            assert_eq!((answer.code, answer.body), (422, want), "{call}");
            body.insert((*field).to_owned(), String::new().into());
        }
        assert_eq!(bed.recorder.seen(), []);
        assert_eq!(bed.raw(&go_request(call, &[], Some(&serde_json::to_string(&body).unwrap()))).code, 200);
        let seen = bed.recorder.seen();
        assert_eq!(seen.len(), 1, "{call}");
        bed.recorder.forget();
    }
}

#[test]
fn hosts_and_forms_of_requests() {
    let bed = Bed::new();
    let bytes = |text: &str| bed.raw(text.as_bytes()).code;
    for host in [
        "Host: localhost",
        "Host:",
        "Host: ",
        "Host: /var/run/spidernet/spiderpool.sock",
        "Host: a\r\nHost: b",
        "X: y",
    ] {
        assert_eq!(bytes(&format!("GET /v1/ipam/healthy HTTP/1.1\r\n{host}\r\n\r\n")), 200, "{host}");
    }
    assert_eq!(bytes("GET http://localhost/v1/ipam/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n"), 200);
    assert_eq!(bytes("GET /v1/ipam/healthy HTTP/1.0\r\n\r\n"), 200);
    assert_eq!(bytes("nonsense\r\n\r\n"), 400);
}

#[test]
fn bodies_in_chunks_and_several_requests_on_a_connection() {
    let bed = Bed::new();
    let head = "POST /v1/ipam/ip HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    let (first, second) = ADD.split_at(20);
    let chunks = format!("{head}{:x}\r\n{first}\r\n{:x}\r\n{second}\r\n0\r\n\r\n", first.len(), second.len());
    assert_eq!(bed.raw(chunks.as_bytes()).code, 200);
    // Chunks that come to nothing are no body.
    assert_eq!(bed.raw(format!("{head}0\r\n\r\n").as_bytes()).code, 422);
    let untyped = head.replace("Content-Type: application/json\r\n", "");
    assert_eq!(bed.raw(format!("{untyped}0\r\n\r\n").as_bytes()).code, 422);

    let mut stream = bed.connect();
    for request in
        [get("/v1/ipam/healthy"), go_request("POST /v1/ipam/ips", &[], Some("{")), get("/v1/ipam/healthy")]
    {
        stream.write_all(&request).unwrap();
        assert_eq!(Answer::read(&mut stream).code, 200);
    }
    assert_eq!(bed.recorder.seen().len(), 1);
}

#[test]
fn a_body_has_a_bound() {
    let bed = Bed::new();
    let pools = format!("\"{}\"", "p".repeat(1024 * 1024));
    let body = format!("{},\"defaultIPv4IPPool\":[{pools}]}}", ADD.trim_end_matches('}'));
    let mut stream = bed.connect();
    // The agent may answer and close before all of it is sent.
    let _ = stream.write_all(&go_request("POST /v1/ipam/ip", &[], Some(&body)));
    let answer = Answer::read(&mut stream);
    assert_eq!((answer.code, answer.header("connection")), (413, Some("close")));
    assert_eq!(bed.recorder.seen(), []);
    let fits = body.replace(&"p".repeat(1024 * 1024), &"p".repeat(1000 * 1000));
    assert_eq!(bed.raw(&go_request("POST /v1/ipam/ip", &[], Some(&fits))).code, 200);
}

#[test]
fn requests_arrive_as_values() {
    let bed = Bed::new();
    let body = ADD.trim_end_matches('}').to_owned()
        + r#","defaultIPv4IPPool":["a",null],"DEFAULTIPV6IPPOOL":["b"],"cleanGateway":true,"matchMasterSubnet":true,"x":1}"#;
    bed.raw(&go_request("POST /v1/ipam/ip", &[], Some(&body)));
    bed.raw(&go_request("DELETE /v1/ipam/ip", &[], Some(ADD)));
    let conflict = ADD.trim_end_matches('}').to_owned() + r#","isReleaseConflictIPs":true}"#;
    bed.raw(&go_request("DELETE /v1/ipam/ips", &[], Some(&conflict)));
    let seen = bed.recorder.seen();
    let [Seen::Add(add), Seen::Del(del), Seen::Conflict(release)] = &seen[..] else { panic!("{seen:?}") };
    assert_eq!((add.nic.as_str(), del.nic.as_str()), ("eth0", "eth0"));
    assert_eq!(
        (&add.default_pools_v4[..], &add.default_pools_v6[..]),
        (&["a".to_owned(), String::new()][..], &["b".to_owned()][..])
    );
    assert!(add.is_gateway_cleaned && add.is_master_subnet_matched && release.is_conflict);
    assert_eq!((&add.sandbox, &release.sandbox), (&del.sandbox, &del.sandbox));
    assert_eq!((add.sandbox.container_id.as_str(), add.sandbox.netns.as_str()), ("c1", "/n"));
    assert_eq!((add.sandbox.pod.namespace.as_str(), add.sandbox.pod.name.as_str()), ("t", "web-0"));
    assert_eq!(add.sandbox.pod_uid, "u");
}
