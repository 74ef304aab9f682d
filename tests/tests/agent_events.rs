//! What a pod that gets no address is told, with the account that an agent has.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops at the first surprise; the lints spare test functions only"
)]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ipam_k8s::client::{Cluster, ClusterOptions, Deadline};
use ipam_k8s::events::PodEvents;
use ipam_k8s::ipam::{AddRequest, Ipam, IpamSettings};
use ipam_k8s::store::{ClusterStore, StoreOptions};
use ipam_k8s::watch::{Known, WatchOptions};
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::api::{ListParams, PostParams};
use kube::{Api, Client, Config};
use serde_json::json;
use spiderpool_tests::control_plane::ControlPlane;

/// Longer than a busy machine needs for anything here.
const WITHIN: Duration = Duration::from_secs(60);

async fn config(path: &Path) -> Config {
    let kubeconfig = kube::config::Kubeconfig::read_from(path).unwrap();
    Config::from_custom_kubeconfig(kubeconfig, &Default::default()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_without_an_address_is_told_why_once() {
    let plane = ControlPlane::start().unwrap();
    plane.install_crds().unwrap();
    plane.apply("{apiVersion: v1, kind: Node, metadata: {name: n1}}").unwrap();
    plane
        .apply(
            "{apiVersion: spiderpool.spidernet.io/v2beta1, kind: SpiderIPPool, metadata: {name: p4}, \
             spec: {ipVersion: 4, subnet: 10.6.0.0/16, ips: [10.6.0.10], disable: true}}",
        )
        .unwrap();
    let admin = Client::try_from(config(&plane.kubeconfig()).await).unwrap();
    let pods: Api<Pod> = Api::namespaced(admin.clone(), "default");
    let mut uids = Vec::new();
    for name in ["a", "b"] {
        let pod = json!({
            "metadata": {"name": name, "annotations": {"ipam.spidernet.io/ippool": r#"{"ipv4":["p4"]}"#}},
            "spec": {"nodeName": "n1", "containers": [{"name": "c", "image": "example.com/c:1"}]}
        });
        let pod = pods.create(&PostParams::default(), &serde_json::from_value(pod).unwrap()).await.unwrap();
        uids.push(pod.metadata.uid);
    }

    let own = config(&plane.agent_kubeconfig().unwrap()).await;
    let options = ClusterOptions::new("agent-events/0.1.0");
    let calls = Cluster::new(own.clone(), &options).unwrap();
    let watches = Cluster::new(own, &options).unwrap();
    let known = Known::start(calls.clone(), &watches, WatchOptions::new("n1"));
    let store = ClusterStore::new(calls.clone(), Arc::new(known.clone()), StoreOptions::default());
    let ipam = Ipam::new(calls.clone(), known, Arc::new(store), IpamSettings::new("spiderpool"));
    ipam.tell_pods(PodEvents::start(calls, "spiderpool-agent", "n1"));

    let request = |pod: &str| AddRequest {
        nic: "eth0".parse().unwrap(),
        namespace: "default".to_owned(),
        pod: pod.to_owned(),
        uid: String::new(),
        default_v4: Vec::new(),
        default_v6: Vec::new(),
        clean_gateway: false,
    };
    let mut refused = Vec::new();
    // The kubelet tries again; events are sent in their order, so that nothing of `a` comes after that of `b`.
    for pod in ["a", "a", "a", "b"] {
        refused.push(ipam.add(&request(pod), Deadline::after(WITHIN)).await.unwrap_err().text);
    }
    assert!(refused.iter().all(|text| text.contains("disabled IPPool")), "{refused:?}");

    let events: Api<Event> = Api::namespaced(admin, "default");
    let end = Instant::now() + WITHIN;
    let told = loop {
        let mut told = events.list(&ListParams::default()).await.unwrap().items;
        if told.iter().any(|event| event.involved_object.name.as_deref() == Some("b")) {
            told.retain(|event| event.involved_object.name.as_deref() == Some("a"));
            break told;
        }
        assert!(Instant::now() < end, "no event");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let [event] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(event.message, refused.first().cloned());
    assert_eq!(event.reason.as_deref(), Some("IPAllocationFailed"));
    assert_eq!(event.type_.as_deref(), Some("Warning"));
    assert_eq!(Some(&event.involved_object.uid), uids.first());
    assert_eq!(event.source.as_ref().and_then(|source| source.host.as_deref()), Some("n1"));
    let described = plane.kubectl(["describe", "pod", "a"]).unwrap().success().unwrap();
    assert!(described.contains("IPAllocationFailed") && described.contains("disabled IPPool"), "{described}");
}
