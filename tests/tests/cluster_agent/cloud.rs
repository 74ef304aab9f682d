//! The addresses of a cloud's provider, told at ADD and DEL (chapter `ipam`, section 10).

use std::fs;
use std::sync::Arc;
use std::time::Instant;

use ipam_k8s::iaas::{Cloud, HostInterfaces, Parents, Provider as Client, ProviderFields, ProviderSettings};
use ipam_k8s::ipam::{Answer, DelRequest, IpamSettings};
use ipam_k8s::workload::StaticKinds;
use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::bed::{Agent, Bed, WITHIN, deadline};
use crate::provider::{Fault, Provider};

const PARENT: &str = "fa:16:3e:00:00:01";
const BOTH: &str = r#"{"ipv4":["p4"],"ipv6":["p6"]}"#;
const ONE: &str = r#"{"ipv4":["p4"]}"#;

/// An agent in a cloud, on a host with the interface `ens1`.
struct InCloud {
    bed: Bed,
    agent: Agent,
    provider: Provider,
    _host: TempDir,
}

impl InCloud {
    async fn new() -> Self {
        let bed = Bed::new().await;
        for spec in [
            "metadata: {name: auto, namespace: default}, spec: {cniType: vlan, vlan: {master: [ens1], vlanMode: auto}}",
            "metadata: {name: plain, namespace: default}, spec: {cniType: macvlan, macvlan: {master: [ens1]}}",
        ] {
            let kind = "apiVersion: spiderpool.spidernet.io/v2beta1, kind: SpiderMultusConfig";
            bed.plane.apply(&format!("{{{kind}, {spec}}}")).unwrap();
        }
        let host = tempfile::tempdir().unwrap();
        let ens1 = host.path().join("sys/class/net/ens1");
        fs::create_dir_all(&ens1).unwrap();
        fs::write(ens1.join("address"), format!("{PARENT}\n")).unwrap();
        let provider = Provider::default();
        let fields = ProviderFields { server_url: provider.start().await, ..ProviderFields::default() };
        let settings = ProviderSettings::new(&fields).unwrap().unwrap();
        let agent = bed.agent().await;
        let parents = Parents::new(agent.calls.clone(), HostInterfaces::new(host.path()));
        agent.ipam.bind_in(Arc::new(Cloud::new(Client::new(&settings, "test/1").unwrap(), parents)));
        let mut settings = IpamSettings::new("spiderpool");
        settings.static_kinds = StaticKinds { stateful_set: true, virtual_machine: false };
        agent.ipam.adopt(settings);
        Self { bed, agent, provider, _host: host }
    }

    /// Makes a pod whose first NIC is on this network; its uid.
    async fn pod(&self, name: &str, network: &str, pools: &str) -> String {
        let pod = json!({
            "metadata": {"name": name, "annotations": annotations(network, pools)},
            "spec": {"nodeName": "n1", "containers": [{"name": "c", "image": "example.com/c:1"}]}
        });
        let made = self.bed.pods.create(&Default::default(), &serde_json::from_value(pod).unwrap()).await;
        let uid = made.unwrap().metadata.uid.unwrap();
        self.agent.heard_of(&[name.to_owned()]).await;
        uid
    }

    /// The DEL of a pod that has gone meanwhile.
    async fn gone(&self, name: &str) -> DelRequest {
        let del = self.bed.del_of(name).await;
        self.bed.delete(name).await;
        del
    }

    async fn refused_del(&self, del: &DelRequest) -> String {
        self.agent.ipam.del(del, deadline()).await.unwrap_err().text
    }

    fn endpoint(&self, name: &str) -> Value {
        let path = "jsonpath={.status.current.ips}";
        let asked = self.bed.plane.kubectl(["get", "spiderendpoint", name, "-o", path]);
        serde_json::from_str(&asked.unwrap().success().unwrap()).unwrap()
    }

    /// The calls of the provider as `call address address…`.
    fn calls(&self) -> Vec<String> {
        let told = |(call, body): (String, Value)| {
            let one = body["ipAddress"].as_str().map(|address| vec![address.to_owned()]);
            let items = body["iaasIPsAllocationRequest"].as_array();
            let all = || items.unwrap().iter().map(|item| item["ipAddress"].as_str().unwrap().to_owned());
            format!("{call} {}", one.unwrap_or_else(|| all().collect()).join(" "))
        };
        self.provider.calls().into_iter().map(told).collect()
    }
}

fn annotations(network: &str, pools: &str) -> Value {
    json!({"ipam.spidernet.io/ippool": pools, "v1.multus-cni.io/default-network": network})
}

fn addresses(answer: &Answer) -> Vec<&str> {
    answer.ips.iter().map(|ip| ip.address.split_once('/').unwrap().0).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_add_binds_both_families_in_one_call_and_a_del_gives_both_back() {
    let all = InCloud::new().await;
    let uid = all.pod("a", "default/auto", BOTH).await;
    let answer = all.agent.add("a").await;
    assert_eq!(addresses(&answer), ["10.6.0.10", "fd00:6::10"]);
    let given = |answer: &Answer| -> Vec<(i64, Option<String>)> {
        answer.ips.iter().map(|ip| (ip.vlan, ip.mac.clone())).collect()
    };
    assert_eq!(given(&answer), vec![(100, Some("fa:16:3e:00:00:0a".to_owned())); 2]);
    let item =
        |address: &str, subnet: &str| json!({"ipAddress": address, "subnet": subnet, "parentNicMac": PARENT});
    let asked = json!({
        "podName": "a", "podNamespace": "default", "podUID": uid, "nodeName": "n1",
        "iaasIPsAllocationRequest": [item("10.6.0.10", "10.6.0.0/16"), item("fd00:6::10", "fd00:6::/64")]
    });
    assert_eq!(all.provider.calls(), [("allocate-ips".to_owned(), asked)]);
    let entry = &all.endpoint("a")[0];
    assert_eq!((&entry["vlan"], &entry["mac"]), (&json!(100), &json!("fa:16:3e:00:00:0a")));
    // The same again is what is stored, with all of it.
    assert_eq!(given(&all.agent.add("a").await), given(&answer));
    assert_eq!(all.calls(), [""; 0]);

    let gone = all.gone("a").await;
    all.agent.del(&gone).await;
    let released = |address: &str, subnet: &str| {
        let body = json!({
            "podName": "a", "podNamespace": "default", "podUID": uid, "nodeName": "n1",
            "parentNicMac": PARENT, "subnet": subnet, "ipAddress": address
        });
        ("release-ip".to_owned(), body)
    };
    let mut calls = all.provider.calls();
    // Both are under way at once.
    calls.sort_by_key(|(_, body)| body["ipAddress"].to_string());
    assert_eq!(calls, [released("10.6.0.10", "10.6.0.0/16"), released("fd00:6::10", "fd00:6::/64")]);
    assert_eq!((all.provider.bound(), all.bed.records("p4")), (Vec::new(), String::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_told_of_other_networks() {
    let all = InCloud::new().await;
    all.pod("a", "default/plain", BOTH).await;
    all.bed.pod("b", BOTH).await;
    all.agent.heard_of(&["b".to_owned()]).await;
    for name in ["a", "b"] {
        let answer = all.agent.add(name).await;
        assert!(answer.ips.iter().all(|ip| ip.vlan == 0 && ip.mac.is_none()), "{answer:?}");
        let gone = all.gone(name).await;
        all.agent.del(&gone).await;
    }
    assert_eq!((all.calls(), all.bed.records("p4")), (Vec::new(), String::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_provider_refuses_stays_the_pod_s() {
    for fault in [Fault::Refused, Fault::AnswerLost] {
        let all = InCloud::new().await;
        all.pod("a", "default/auto", ONE).await;
        all.pod("b", "default/auto", ONE).await;
        all.provider.fail(Some(fault));
        let text = all.agent.try_add("a").await.unwrap_err().text;
        let start = "failed to allocate IP addresses in standard mode: IaaS IP allocate failed: iaas allocate API returned status 50";
        assert!(text.starts_with(start), "{text}");
        assert!(all.bed.records("p4").contains("10.6.0.10"), "its record stays");
        // Nothing is tried again by itself.
        assert_eq!(all.calls(), ["allocate-ips 10.6.0.10"]);
        all.provider.fail(None);
        assert_eq!(addresses(&all.agent.add("b").await), ["10.6.0.11"]);
        assert_eq!(addresses(&all.agent.add("a").await), ["10.6.0.10"]);
        assert_eq!(all.calls(), ["allocate-ips 10.6.0.11", "allocate-ips 10.6.0.10"]);
        assert_eq!(all.provider.bound().len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_never_started_gives_back_what_may_be_bound() {
    let all = InCloud::new().await;
    all.pod("a", "default/auto", ONE).await;
    all.provider.fail(Some(Fault::AnswerLost));
    all.agent.try_add("a").await.unwrap_err();
    assert_eq!(all.provider.bound().len(), 1, "the cloud has done it");
    all.provider.fail(None);
    let gone = all.gone("a").await;
    all.agent.del(&gone).await;
    assert_eq!((all.provider.bound(), all.bed.records("p4")), (Vec::new(), String::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_freed_that_the_cloud_still_has() {
    let all = InCloud::new().await;
    all.pod("a", "default/auto", ONE).await;
    all.agent.add("a").await;
    let gone = all.gone("a").await;
    all.provider.fail(Some(Fault::Refused));
    let text = all.refused_del(&gone).await;
    assert!(
        text.starts_with("iaas release failed for 1 IP(s): [10.6.0.10: iaas release API returned"),
        "{text}"
    );
    assert!(all.bed.records("p4").contains("10.6.0.10"), "its record stays");
    all.provider.fail(None);
    all.agent.del(&gone).await;
    assert_eq!((all.provider.bound(), all.bed.records("p4")), (Vec::new(), String::new()));

    // The endpoint of a pod that is gone may stand for a while; its address is another pod's by now.
    all.pod("b", "default/auto", ONE).await;
    assert_eq!(addresses(&all.agent.add("b").await), ["10.6.0.10"]);
    all.calls();
    all.agent.del(&gone).await;
    assert_eq!(all.calls(), [""; 0]);
    assert_eq!(all.provider.bound().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stateful_pod_is_told_in_each_incarnation() {
    let all = InCloud::new().await;
    let apply = |pools: &str| {
        let set = json!({
            "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db", "namespace": "default"},
            "spec": {
                "serviceName": "db", "replicas": 1, "selector": {"matchLabels": {"app": "db"}},
                "template": {
                    "metadata": {"labels": {"app": "db"}, "annotations": annotations("default/auto", pools)},
                    "spec": {"nodeName": "n1", "containers": [{"name": "c", "image": "example.com/c:1"}]}
                }
            }
        });
        all.bed.plane.apply(&set.to_string()).unwrap();
    };
    apply(ONE);
    let first = incarnation(&all, "").await;
    assert_eq!(addresses(&all.agent.add("db-0").await), ["10.6.0.10"]);
    let gone = all.gone("db-0").await;
    all.agent.del(&gone).await;
    assert_eq!(all.calls(), ["allocate-ips 10.6.0.10"], "the set still wants its pod");
    // The cloud knows the address as the last incarnation's, and takes it from whoever has its name.
    let second = incarnation(&all, &first).await;
    assert_eq!(all.provider.bound(), [format!("10.6.0.10 {first} {PARENT}")]);
    all.provider.rename(&first, &second);
    let answer = all.agent.add("db-0").await;
    assert_eq!((addresses(&answer), answer.ips[0].vlan), (vec!["10.6.0.10"], 100));
    assert_eq!(all.calls(), ["allocate-ips 10.6.0.10"]);

    // With other pools the address goes, out of the cloud first.
    all.bed
        .plane
        .apply(
            "{apiVersion: spiderpool.spidernet.io/v2beta1, kind: SpiderIPPool, metadata: {name: other}, \
             spec: {ipVersion: 4, subnet: 10.9.0.0/16, ips: [10.9.0.10]}}",
        )
        .unwrap();
    apply(r#"{"ipv4":["other"]}"#);
    let third = incarnation_with(&all, &second, "other").await;
    all.provider.rename(&second, &third);
    assert_eq!(addresses(&all.agent.add("db-0").await), ["10.9.0.10"]);
    assert_eq!(all.calls(), ["release-ip 10.6.0.10", "allocate-ips 10.9.0.10"]);
    assert_eq!(all.provider.bound(), [format!("10.9.0.10 {third} {PARENT}")]);
    assert_eq!(all.bed.records("p4"), "");
}

/// Waits until the set's pod is another one than that; its uid.
async fn incarnation(all: &InCloud, before: &str) -> String {
    incarnation_with(all, before, "").await
}

/// The same, with this in its annotation.
async fn incarnation_with(all: &InCloud, before: &str, pools: &str) -> String {
    let end = Instant::now() + WITHIN;
    loop {
        let pod: Option<Pod> = all.bed.pods.get_opt("db-0").await.unwrap();
        let uid = pod.as_ref().and_then(|pod| pod.metadata.uid.clone()).unwrap_or_default();
        let asks = pod.and_then(|pod| pod.metadata.annotations).unwrap_or_default();
        let is_with = asks.get("ipam.spidernet.io/ippool").is_some_and(|asked| asked.contains(pools));
        if !uid.is_empty() && uid != before && is_with {
            let known = || all.agent.ipam.known().pods().iter().any(|pod| pod.meta.uid == uid);
            crate::bed::until("the agent hears of the pod", known).await;
            return uid;
        }
        if !uid.is_empty() && !is_with {
            // The set's controller replaces it by itself only once it is ready.
            let _ = all.bed.pods.delete("db-0", &kube::api::DeleteParams::default().grace_period(0)).await;
        }
        assert!(Instant::now() < end, "no db-0 but {before}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}
