//! Writes that come to nothing, and writes that come to something unseen.

use std::time::Duration;

use http::StatusCode;
use ipam_k8s::client::Deadline;
use ipam_k8s::ipam::RefusedKind;

use crate::bed::Bed;
use crate::proxy::{Fate, Proxy};

const CONFLICT: &str =
    r#"{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Conflict","code":409}"#;

#[tokio::test(flavor = "multi_thread")]
async fn check_34_conflicts_without_end_leave_no_record_and_a_lost_answer_one() {
    let bed = Bed::new().await;
    let proxy = Proxy::start(bed.agent_config().await).await;
    let agent = bed.agent_by(proxy.cluster()).await;
    for name in ["late", "lost"] {
        bed.pod(name, r#"{"ipv4":["p4"]}"#).await;
    }
    agent.heard_of(&["late".to_owned(), "lost".to_owned()]).await;

    // Enough for as long as it may try.
    for _ in 0..10_000 {
        proxy.next("PUT", "/status", Fate::Refused(StatusCode::CONFLICT, CONFLICT, None));
    }
    let refused = agent.add_until("late", Deadline::after(Duration::from_secs(3))).await.unwrap_err();
    assert_eq!(refused.kind, RefusedKind::Exhausted);
    let words = "failed to allocate any IPv4 IP address to NIC eth0 from IPPools [p4]: exhaust all retries: ";
    assert!(refused.text.contains(words), "{}", refused.text);
    assert!(refused.text.contains("conflicts with other writers"), "{}", refused.text);
    assert_eq!(bed.records("p4"), "");
    assert!(proxy.left() > 0, "it was not let through");
    proxy.forget();

    // Stored, and told as a failure of the gateway before it.
    proxy.next("PUT", "/status", Fate::Stored(StatusCode::GATEWAY_TIMEOUT, ""));
    let answer = agent.add("lost").await;
    assert_eq!(proxy.left(), 0);
    assert_eq!(answer.ips[0].address, "10.6.0.10/16");
    let records: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(&bed.records("p4")).unwrap();
    assert_eq!(records.keys().collect::<Vec<_>>(), ["10.6.0.10"]);
}
