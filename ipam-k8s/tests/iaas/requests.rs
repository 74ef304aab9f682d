//! What is sent.

use crate::server::{Recorded, Reply, Server};
use crate::{AGENT, allocate_request, fields, provider_of, release_request};

const NOTHING: &str = r#"{"iaasIPsAllocationResponse":[]}"#;

/// A request with its own time and length replaced, which other tests look at.
fn steady(recorded: &Recorded) -> String {
    let time = recorded.header("X-Request-Timeout-Ms").expect("what is left of the time");
    assert!((1..=50_000).contains(&time.parse::<u64>().unwrap()), "{time}");
    recorded.text.replacen(&format!("Timeout-Ms: {time}"), "Timeout-Ms: N", 1)
}

#[tokio::test]
async fn an_allocation_to_the_byte() {
    let server = Server::answering("200 OK", NOTHING);
    let provider = provider_of(&fields(&server.url()));
    provider.allocate(&allocate_request(), None).await.unwrap();
    let body = concat!(
        r#"{"podName":"p1","podNamespace":"ns1","podUID":"u","nodeName":"n1","iaasIPsAllocationRequest":["#,
        r#"{"ipAddress":"10.0.0.10","subnet":"10.0.0.0/24","parentNicMac":"fa:16:3e:00:00:01"},"#,
        r#"{"ipAddress":"fd00::a","subnet":"fd00::/64","parentNicMac":"fa:16:3e:00:00:01"}]}"#
    );
    let want = format!(
        "POST /v1/apis/network.iaas.io/ipam/allocate-ips HTTP/1.1\r\n\
         Content-Type: application/json\r\nUser-Agent: {AGENT}\r\nX-Request-Timeout-Ms: N\r\n\
         Host: {}\r\nContent-Length: {}\r\n\r\n{body}",
        server.address,
        body.len()
    );
    assert_eq!(steady(&server.next()), want);
    assert!(server.rest().is_empty());
}

#[tokio::test]
async fn a_release_to_the_byte() {
    let server = Server::answering("200 OK", "");
    provider_of(&fields(&server.url())).release(&release_request("10.0.0.10"), None).await.unwrap();
    let body = concat!(
        r#"{"podName":"p1","podNamespace":"ns1","podUID":"u","nodeName":"n1","#,
        r#""parentNicMac":"fa:16:3e:00:00:01","subnet":"10.0.0.0/24","ipAddress":"10.0.0.10"}"#
    );
    let want = format!(
        "POST /v1/apis/network.iaas.io/ipam/release-ip HTTP/1.1\r\n\
         Content-Type: application/json\r\nUser-Agent: {AGENT}\r\nX-Request-Timeout-Ms: N\r\n\
         Host: {}\r\nContent-Length: {}\r\n\r\n{body}",
        server.address,
        body.len()
    );
    assert_eq!(steady(&server.next()), want);
}

#[tokio::test]
async fn a_path_and_a_password_of_the_url() {
    let server = Server::answering("200 OK", NOTHING);
    let url = format!("http://us%40er:p%3Aw@{}/base/", server.address);
    let provider = provider_of(&fields(&url));
    provider.allocate(&allocate_request(), None).await.unwrap();
    let recorded = server.next();
    assert_eq!(recorded.path(), "/base/v1/apis/network.iaas.io/ipam/allocate-ips");
    // us@er:p:w
    assert_eq!(recorded.header("Authorization"), Some("Basic dXNAZXI6cDp3"));
    assert!(!recorded.text.contains("us%40er"));
    let told = format!("{provider:?}");
    assert!(!told.contains("dXNA") && !told.contains("p%3Aw"), "{told}");
}

#[tokio::test]
async fn each_call_has_a_connection_of_its_own() {
    let keeps = Server::answering("200 OK", NOTHING);
    let closes = Server::start(|_| {
        let Reply::Bytes(bytes) = Reply::answer("200 OK", NOTHING) else { unreachable!() };
        Reply::Last(bytes)
    });
    for server in [keeps, closes] {
        let provider = provider_of(&fields(&server.url()));
        for number in 0..20 {
            provider.allocate(&allocate_request(), None).await.unwrap();
            assert_eq!(server.next().connection, number);
        }
        assert!(server.rest().is_empty());
    }
}

#[tokio::test]
async fn all_are_released_though_some_fail() {
    let server = Server::start(|recorded| match recorded.body() {
        body if body.contains("10.0.0.2\"") => Reply::answer("500 Internal Server Error", "no\n"),
        body if body.contains("10.0.0.4\"") => Reply::answer("404 Not Found", "who?"),
        _ => Reply::answer("202 Accepted", ""),
    });
    let provider = provider_of(&fields(&server.url()));
    let requests: Vec<_> = (1..=9).map(|last| release_request(&format!("10.0.0.{last}"))).collect();
    let error = provider.release_all(&requests, None).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "iaas release failed for 2 IP(s): [10.0.0.2: iaas release API returned status 500: no, \
         10.0.0.4: iaas release API returned status 404: who?]"
    );
    assert_eq!(server.rest().len(), 9);
    provider.release_all(&[], None).await.unwrap();
    assert!(server.rest().is_empty());
}
