//! Time: the clock stands still but where nothing else is left to do, and the server never answers.

use std::time::Duration;

use ipam_k8s::client::Deadline;
use ipam_k8s::iaas::{ProviderError, ProviderFields};
use tokio::time::Instant;

use crate::server::{Reply, Server};
use crate::{allocate_request, chain, fields, provider_of, release_request};

fn silent() -> Server {
    Server::start(|_| Reply::Stuck(String::new()))
}

fn within(millis: u64) -> Option<Deadline> {
    Some(Deadline::after(Duration::from_millis(millis)))
}

#[tokio::test(start_paused = true)]
async fn a_silent_provider_costs_the_configured_time() {
    for (text, millis, told) in [("", 50_000, "50s"), ("1m30.0005s", 90_001, "90.0005s")] {
        let server = silent();
        let http_request_timeout = text.to_owned();
        let provider = provider_of(&ProviderFields { http_request_timeout, ..fields(&server.url()) });
        let start = Instant::now();
        let error = provider.allocate(&allocate_request(), None).await.unwrap_err();
        assert_eq!(
            chain(&error),
            format!("provider-interaction timeout: allocate exceeded configured timeout {told}")
        );
        assert_eq!(start.elapsed().as_secs(), millis / 1000);
        assert!(error.may_be_done());
        assert_eq!(server.next().header("X-Request-Timeout-Ms"), Some(millis.to_string().as_str()));
        assert!(server.rest().is_empty(), "once");
    }
}

#[tokio::test(start_paused = true)]
async fn so_does_one_that_stops_in_the_middle() {
    for head in
        ["HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", "HTTP/1.1 500 No\r\nContent-Length: 100\r\n\r\n{"]
    {
        let server = Server::start(move |_| Reply::Stuck(head.to_owned()));
        let error =
            provider_of(&fields(&server.url())).allocate(&allocate_request(), None).await.unwrap_err();
        assert!(matches!(error, ProviderError::TimedOut { .. }), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_caller_s_deadline_counts_where_it_is_nearer() {
    let server = silent();
    let provider = provider_of(&fields(&server.url()));
    let error = provider.allocate(&allocate_request(), within(49_000)).await.unwrap_err();
    assert_eq!(error.to_string(), "parent budget exhausted: allocate cancelled by parent context deadline");
    assert_eq!(server.next().header("X-Request-Timeout-Ms"), Some("49000"));
    let error = provider.allocate(&allocate_request(), within(60_000)).await.unwrap_err();
    assert!(matches!(error, ProviderError::TimedOut { .. }), "{error:?}");
    assert_eq!(server.next().header("X-Request-Timeout-Ms"), Some("50000"));
}

#[tokio::test(start_paused = true)]
async fn an_allocation_without_time_is_not_sent() {
    let server = silent();
    let provider = provider_of(&fields(&server.url()));
    let error = provider.allocate(&allocate_request(), within(25_000)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "parent budget insufficient: 25s remaining is less than provider worst-case 48s; nothing was sent"
    );
    assert!(!error.may_be_done());
    let short = ProviderFields { http_request_timeout: "20s".into(), ..fields(&server.url()) };
    let error = provider_of(&short).allocate(&allocate_request(), within(25_000)).await.unwrap_err();
    assert!(matches!(error, ProviderError::TimedOut { .. }), "{error:?}");
    assert_eq!(server.next().header("X-Request-Timeout-Ms"), Some("20000"));
    assert!(server.rest().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_release_is_sent_in_the_time_that_a_delete_has() {
    let server = silent();
    let provider = provider_of(&fields(&server.url()));
    for left in [25_000, 5_000] {
        let error = provider.release(&release_request("10.0.0.10"), within(left)).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "parent budget exhausted: release cancelled by parent context deadline"
        );
        assert_eq!(server.next().header("X-Request-Timeout-Ms"), Some(left.to_string().as_str()));
    }
    let error = provider.release(&release_request("10.0.0.10"), within(999)).await.unwrap_err();
    assert!(matches!(error, ProviderError::BudgetInsufficient { .. }), "{error:?}");
    assert!(server.rest().is_empty());
}

#[tokio::test(start_paused = true)]
async fn releases_that_hang_hang_together() {
    let server = silent();
    let provider = provider_of(&fields(&server.url()));
    let requests: Vec<_> = (1..=4).map(|last| release_request(&format!("10.0.0.{last}"))).collect();
    let start = Instant::now();
    let error = provider.release_all(&requests, within(25_000)).await.unwrap_err();
    assert!(
        error.to_string().starts_with("iaas release failed for 4 IP(s): [10.0.0.1: parent budget exhausted")
    );
    assert_eq!(start.elapsed().as_secs(), 25);
    for _ in 0..4 {
        server.next();
    }
}
