//! What a pod that gets no address is told.

use std::time::Duration;

use ipam_k8s::events::{PodEvents, REPEATED_AFTER};
use ipam_k8s::observe::RequestKind;
use k8s_openapi::api::core::v1::Event;
use kube::Api;
use kube::api::ListParams;

use crate::bed::{Agent, Bed, WITHIN};

const NONE: &str = r#"{"ipv4":["p-off"]}"#;

/// An agent that tells pods.
async fn telling(bed: &Bed, repeated_after: Duration) -> Agent {
    let agent = bed.agent().await;
    agent.ipam.tell_pods(PodEvents::start(agent.calls.clone(), "spiderpool-agent", "n1", repeated_after));
    agent
}

/// Has a pod refused so often, as the kubelet does; the events of it.
async fn refused(bed: &Bed, agent: &Agent, name: &str, times: usize) -> (String, Vec<Event>) {
    let last = format!("after-{name}");
    bed.pod(name, NONE).await;
    bed.pod(&last, NONE).await;
    let mut text = String::new();
    for _ in 0..times {
        text = agent.try_add(name).await.unwrap_err().text;
    }
    // Events are sent in their order, so that nothing of the first pod comes after this one.
    agent.try_add(&last).await.unwrap_err();
    let events: Api<Event> = Api::namespaced(bed.admin.clone(), "default");
    let of = async |pod: &str| {
        let about = ListParams::default().fields(&format!("involvedObject.name={pod}"));
        events.list(&about).await.unwrap().items
    };
    let end = std::time::Instant::now() + WITHIN;
    while of(&last).await.is_empty() {
        assert!(std::time::Instant::now() < end, "no event of {last}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    (text, of(name).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_without_an_address_is_told_why() {
    let bed = Bed::new().await;
    bed.plane
        .apply(
            "{apiVersion: spiderpool.spidernet.io/v2beta1, kind: SpiderIPPool, metadata: {name: p-off}, \
             spec: {ipVersion: 4, subnet: 10.7.0.0/16, ips: [10.7.0.10], disable: true}}",
        )
        .unwrap();

    let agent = telling(&bed, REPEATED_AFTER).await;
    let (text, told) = refused(&bed, &agent, "a", 3).await;
    assert!(text.contains("disabled IPPool"), "{text}");
    let [event] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(event.message.as_deref(), Some(text.as_str()));
    assert_eq!(event.reason.as_deref(), Some("IPAllocationFailed"));
    assert_eq!(event.type_.as_deref(), Some("Warning"));
    assert_eq!(event.involved_object.uid, Some(bed.del_of("a").await.uid));
    assert_eq!(event.source.as_ref().and_then(|source| source.host.as_deref()), Some("n1"));
    assert_eq!(event.count, Some(1), "it is not written again before its time");
    let described = bed.plane.kubectl(["describe", "pod", "a"]).unwrap().success().unwrap();
    assert!(described.contains("IPAllocationFailed") && described.contains("disabled IPPool"), "{described}");
    assert_eq!(agent.seen.turns(), [RequestKind::Allocation; 4]);

    let (_, told) = refused(&bed, &telling(&bed, Duration::ZERO).await, "b", 3).await;
    let [event] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(event.count, Some(3), "it is counted in the event that is there");

    let gone = bed.del_of("a").await;
    bed.delete("a").await;
    agent.del(&gone).await;
    assert_eq!(agent.seen.turns().last(), Some(&RequestKind::Release));
}
