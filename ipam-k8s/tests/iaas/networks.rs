//! Whose addresses are the provider's (checks 58 and 59): a cluster of recorded answers, a folder for the host's `/sys`, a provider.

use std::collections::BTreeMap;
use std::fs;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ipam_core::annotation::Network;
use ipam_k8s::client::{Cluster, ClusterOptions, Deadline};
use ipam_k8s::iaas::{Cloud, CloudNic, HostInterfaces, Mac, Parents, Unbinding};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::server::{Recorded, Reply, Server};
use crate::{chain, fields, pod, provider_of};

const MAC: &str = "fa:16:3e:00:00:01";
const BOND_MAC: &str = "fa:16:3e:00:00:02";

/// Specs of SpiderMultusConfigs by `namespace/name`. Without any the API server fails.
type Configs = Arc<Mutex<BTreeMap<String, Value>>>;

struct Bed {
    api: Server,
    configs: Configs,
    host: TempDir,
    provider: Server,
    cloud: Cloud,
}

impl Bed {
    /// `ns/auto` on `ens1`, `ns/bonded` on `bond0`, `ns/manual` and `ns/macvlan`.
    fn new(answer: impl Fn(&Recorded) -> Reply + Send + Sync + 'static) -> Self {
        let configs: Configs = Arc::default();
        let known = Arc::clone(&configs);
        let api = Server::start(move |recorded| api_answer(recorded, &known.lock().unwrap()));
        let provider = Server::start(answer);
        let host = tempfile::tempdir().unwrap();
        let config = kube::Config::new(api.url().parse().unwrap());
        let cluster = Cluster::new(config, &ClusterOptions::new("test/0")).unwrap();
        let parents = Parents::new(cluster, HostInterfaces::new(host.path()));
        let cloud = Cloud::new(provider_of(&fields(&provider.url())), parents);
        let bed = Self { api, configs, host, provider, cloud };
        bed.set("ns/auto", json!({"cniType": "vlan", "vlan": {"master": ["ens1"], "vlanMode": "auto"}}));
        let bond = json!({"name": "bond0", "mode": 1});
        let bonded = json!({"master": ["ens2", "ens3"], "vlanMode": "auto", "bond": bond});
        bed.set("ns/bonded", json!({"cniType": "vlan", "vlan": bonded}));
        bed.set("ns/manual", json!({"cniType": "vlan", "vlan": {"master": ["ens1"], "vlanID": 5}}));
        bed.set("ns/macvlan", json!({"cniType": "macvlan", "macvlan": {"master": ["ens1"]}}));
        bed.interface("ens1", MAC);
        bed.interface("bond0", BOND_MAC);
        bed
    }

    fn set(&self, name: &str, spec: Value) {
        self.configs.lock().unwrap().insert(name.to_owned(), spec);
    }

    fn unset(&self, name: &str) {
        self.configs.lock().unwrap().remove(name);
    }

    fn interface(&self, name: &str, mac: &str) {
        let folder = self.host.path().join("sys/class/net").join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("address"), format!("{mac}\n")).unwrap();
    }

    fn remove_interface(&self, name: &str) {
        fs::remove_dir_all(self.host.path().join("sys/class/net").join(name)).unwrap();
    }

    async fn to_unbind(
        &self,
        network: Option<&str>,
        subnet: &str,
        is_bound: bool,
    ) -> Result<Unbinding, String> {
        let network = network.map(self::network);
        let subnet = subnet.parse().unwrap();
        let found = self.cloud.parents().to_unbind(network.as_ref(), [subnet], is_bound, soon());
        found.await.map_err(|error| chain(&error))
    }

    /// Path and body of each call of the provider's since the last time.
    fn calls(&self) -> Vec<(String, Value)> {
        let call = |recorded: Recorded| {
            let path = recorded.path().rsplit('/').next().unwrap().to_owned();
            (path, serde_json::from_str(recorded.body()).unwrap())
        };
        self.provider.rest().into_iter().map(call).collect()
    }
}

fn api_answer(recorded: &Recorded, configs: &BTreeMap<String, Value>) -> Reply {
    let object = |name: &str, spec: &Value| {
        let (namespace, name) = name.split_once('/').unwrap();
        json!({
            "apiVersion": "spiderpool.spidernet.io/v2beta1", "kind": "SpiderMultusConfig",
            "metadata": {"namespace": namespace, "name": name, "resourceVersion": "1"}, "spec": spec,
        })
    };
    let path = recorded.path().split('?').next().unwrap();
    let path = path.strip_prefix("/apis/spiderpool.spidernet.io/v2beta1/").unwrap();
    if configs.is_empty() {
        return Reply::answer("500 Internal Server Error", r#"{"kind":"Status","message":"etcd is away"}"#);
    }
    if path == "spidermultusconfigs" {
        let items: Vec<Value> = configs.iter().map(|(name, spec)| object(name, spec)).collect();
        let list = json!({"metadata": {"resourceVersion": "9"}, "items": items});
        return Reply::answer("200 OK", &list.to_string());
    }
    let name = path.strip_prefix("namespaces/").unwrap().replace("/spidermultusconfigs/", "/");
    match configs.get(&name) {
        Some(spec) => Reply::answer("200 OK", &object(&name, spec).to_string()),
        None => {
            Reply::answer("404 Not Found", r#"{"kind":"Status","reason":"NotFound","message":"not found"}"#)
        }
    }
}

fn network(name: &str) -> Network {
    let (namespace, name) = name.split_once('/').unwrap();
    Network { namespace: namespace.to_owned(), name: name.to_owned() }
}

fn nic(name: &str, on: Option<&str>, addresses: &[(&str, &str)]) -> CloudNic {
    let read = |(subnet, address): &(&str, &str)| (subnet.parse().unwrap(), address.parse().unwrap());
    let addresses = addresses.iter().map(read).collect();
    CloudNic { nic: name.parse().unwrap(), network: on.map(network), addresses, is_bound: false }
}

fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(20))
}

fn mac(text: &str) -> Mac {
    text.parse().unwrap()
}

/// Gives what it is asked for a VLAN and a hardware address.
fn generous(recorded: &Recorded) -> Reply {
    let body: Value = serde_json::from_str(recorded.body()).unwrap();
    let items = body.get("iaasIPsAllocationRequest").and_then(Value::as_array).cloned().unwrap_or_default();
    let bound = |item: Value| {
        let mut item = item;
        item["macAddress"] = json!("fa:16:3e:00:00:0a");
        item["vlanId"] = json!(100);
        item
    };
    let items: Vec<Value> = items.into_iter().map(bound).collect();
    Reply::answer("200 OK", &json!({"iaasIPsAllocationResponse": items}).to_string())
}

#[tokio::test]
async fn one_nic_of_two_is_the_provider_s() {
    let bed = Bed::new(generous);
    let nics = [
        nic("eth0", Some("ns/macvlan"), &[("10.1.0.0/24", "10.1.0.10")]),
        nic("net1", Some("ns/auto"), &[("10.0.0.0/24", "10.0.0.10")]),
    ];
    let bindings = bed.cloud.bind(pod(), &nics, soon(), None).await.unwrap();
    let want = json!([{"ipAddress": "10.0.0.10", "subnet": "10.0.0.0/24", "parentNicMac": MAC}]);
    let calls = bed.calls();
    let items: Vec<&Value> = calls.iter().map(|(_, body)| &body["iaasIPsAllocationRequest"]).collect();
    assert_eq!(items, [&want]);
    let bound = bindings.of("10.0.0.10".parse().unwrap());
    assert_eq!(
        (bound.mac, bound.vlan.map(|vlan| vlan.number())),
        (Some(mac("fa:16:3e:00:00:0a")), Some(100))
    );
    assert_eq!(bindings.of("10.1.0.10".parse().unwrap()), Default::default());
}

#[tokio::test]
async fn no_nic_no_call() {
    let bed = Bed::new(generous);
    let address = &[("10.1.0.0/24", "10.1.0.10")][..];
    let nics = [
        nic("eth0", Some("ns/macvlan"), address),
        nic("net1", Some("ns/manual"), address),
        nic("net2", Some("ns/no-such"), address),
        nic("net3", None, address),
    ];
    let bindings = bed.cloud.bind(pod(), &nics, soon(), None).await.unwrap();
    assert_eq!(bindings, Default::default());
    bed.cloud.unbind(&pod(), &nics, soon(), None).await.unwrap();
    assert!(bed.calls().is_empty());
}

#[tokio::test]
async fn several_nics_and_families_are_one_call() {
    let bed = Bed::new(generous);
    let nics = [
        nic("eth0", Some("ns/auto"), &[("10.0.0.0/24", "10.0.0.10"), ("fd00::/64", "fd00::a")]),
        nic("net1", Some("ns/bonded"), &[("10.2.0.0/24", "10.2.0.10")]),
    ];
    bed.cloud.bind(pod(), &nics, soon(), None).await.unwrap();
    let calls = bed.calls();
    let [(path, body)] = calls.as_slice() else { panic!("{calls:?}") };
    assert_eq!(path, "allocate-ips");
    assert_eq!(
        body["iaasIPsAllocationRequest"],
        json!([
            {"ipAddress": "10.0.0.10", "subnet": "10.0.0.0/24", "parentNicMac": MAC},
            {"ipAddress": "fd00::a", "subnet": "fd00::/64", "parentNicMac": MAC},
            {"ipAddress": "10.2.0.10", "subnet": "10.2.0.0/24", "parentNicMac": BOND_MAC},
        ])
    );
}

#[tokio::test]
async fn both_families_are_given_back() {
    let bed = Bed::new(generous);
    let nics = [
        nic("eth0", Some("ns/auto"), &[("10.0.0.0/24", "10.0.0.10"), ("fd00::/64", "fd00::a")]),
        nic("net1", Some("ns/macvlan"), &[("10.1.0.0/24", "10.1.0.10")]),
    ];
    bed.cloud.unbind(&pod(), &nics, soon(), None).await.unwrap();
    let mut given: Vec<_> = bed.calls();
    given.sort_by_key(|(_, body)| body["ipAddress"].to_string());
    let want = |subnet: &str, address: &str| {
        let body = json!({
            "podName": "p1", "podNamespace": "ns1", "podUID": "u", "nodeName": "n1",
            "parentNicMac": MAC, "subnet": subnet, "ipAddress": address,
        });
        ("release-ip".to_owned(), body)
    };
    assert_eq!(given, [want("10.0.0.0/24", "10.0.0.10"), want("fd00::/64", "fd00::a")]);
}

#[tokio::test]
async fn a_failure_names_the_provider_and_the_next_try_asks_the_same() {
    let bed = Bed::new(|_| Reply::answer("500 Internal Server Error", "quota"));
    let nics = [nic("eth0", Some("ns/auto"), &[("10.0.0.0/24", "10.0.0.10")])];
    for _ in 0..2 {
        let error = bed.cloud.bind(pod(), &nics, soon(), None).await.unwrap_err();
        assert_eq!(chain(&error), "IaaS IP allocate failed: iaas allocate API returned status 500: quota");
    }
    let calls = bed.calls();
    assert_eq!(calls.first(), calls.last());
    let error = bed.cloud.unbind(&pod(), &nics, soon(), None).await.unwrap_err();
    assert_eq!(
        chain(&error),
        "iaas release failed for 1 IP(s): [10.0.0.10: iaas release API returned status 500: quota]"
    );
}

#[tokio::test]
async fn an_interface_that_is_not_there_fails_the_add() {
    let bed = Bed::new(generous);
    bed.remove_interface("ens1");
    let nics = [nic("eth0", Some("ns/auto"), &[("10.0.0.0/24", "10.0.0.10")])];
    let told = chain(&bed.cloud.bind(pod(), &nics, soon(), None).await.unwrap_err());
    let want =
        "IaaS IP allocate failed: network ns/auto: no hardware address of the host's interface ens1 in ";
    assert!(told.starts_with(want) && told.contains("sys/class/net/ens1/address: "), "{told}");
    bed.interface("ens1", "00:00:00:00:00:00");
    let told = chain(&bed.cloud.bind(pod(), &nics, soon(), None).await.unwrap_err());
    assert!(told.contains("interface ens1: \"00:00:00:00:00:00\" is no hardware address"), "{told}");
    assert!(bed.calls().is_empty());
    // What is there by now counts, not what was there before.
    for address in [MAC, BOND_MAC] {
        bed.interface("ens1", address);
        bed.cloud.bind(pod(), &nics, soon(), None).await.unwrap();
        let calls = bed.calls();
        let (_, body) = calls.first().unwrap();
        assert_eq!(body["iaasIPsAllocationRequest"][0]["parentNicMac"], address);
    }
}

#[tokio::test]
async fn a_cluster_that_cannot_be_asked_fails_both() {
    let bed = Bed::new(generous);
    bed.configs.lock().unwrap().clear();
    let nics = [nic("eth0", Some("ns/auto"), &[("10.0.0.0/24", "10.0.0.10")])];
    let want = "the SpiderMultusConfig of network ns/auto cannot be read: cannot get spidermultusconfigs ns/auto: etcd is away";
    let told = chain(&bed.cloud.bind(pod(), &nics, soon(), None).await.unwrap_err());
    assert!(told.starts_with(&format!("IaaS IP allocate failed: {want}")), "{told}");
    let told = chain(&bed.cloud.unbind(&pod(), &nics, soon(), None).await.unwrap_err());
    assert!(told.starts_with(&format!("iaas release failed: NIC eth0: {want}")), "{told}");
    assert!(bed.calls().is_empty());
    // What the endpoint says is enough.
    let bound = nics.map(|nic| CloudNic { is_bound: true, ..nic });
    bed.cloud.unbind(&pod(), &bound, soon(), None).await.unwrap();
    assert_eq!(bed.calls().len(), 1);
}

#[tokio::test]
async fn a_remembered_subnet_is_asked_again() {
    let bed = Bed::new(generous);
    let nics = [nic("eth0", Some("ns/auto"), &[("10.0.0.0/24", "10.0.0.10")])];
    // Nothing is known of it yet, as after a start.
    assert_eq!(bed.to_unbind(None, "10.0.0.0/24", false).await, Ok(Unbinding::Not));
    assert_eq!(bed.to_unbind(None, "10.0.0.0/24", true).await, Ok(Unbinding::From(None)));
    bed.cloud.bind(pod(), &nics, soon(), None).await.unwrap();
    let from = |text| Ok(Unbinding::From(Some(mac(text))));
    // The pod is gone and names no network.
    assert_eq!(bed.to_unbind(None, "10.0.0.0/24", false).await, from(MAC));
    assert_eq!(bed.to_unbind(None, "10.9.0.0/24", false).await, Ok(Unbinding::Not));
    // Eligible no more.
    bed.set("ns/auto", json!({"cniType": "vlan", "vlan": {"master": ["ens1"], "vlanID": 5}}));
    assert_eq!(bed.to_unbind(None, "10.0.0.0/24", false).await, Ok(Unbinding::Not));
    assert_eq!(bed.to_unbind(None, "10.0.0.0/24", true).await, from(MAC), "it was bound");
    bed.unset("ns/auto");
    assert_eq!(bed.to_unbind(Some("ns/auto"), "10.0.0.0/24", false).await, Ok(Unbinding::Not));
    assert_eq!(bed.to_unbind(Some("ns/auto"), "10.0.0.0/24", true).await, from(MAC));
}

#[tokio::test]
async fn an_interface_that_is_gone_does_not_keep_an_address() {
    let bed = Bed::new(generous);
    let from = |mac: Option<&str>| Ok(Unbinding::From(mac.map(self::mac)));
    assert_eq!(bed.to_unbind(Some("ns/auto"), "10.0.0.0/24", false).await, from(Some(MAC)));
    bed.remove_interface("ens1");
    assert_eq!(bed.to_unbind(Some("ns/auto"), "10.0.0.0/24", false).await, from(Some(MAC)));
    bed.remove_interface("bond0");
    assert_eq!(bed.to_unbind(Some("ns/bonded"), "10.2.0.0/24", false).await, from(None));
    bed.set("ns/odd", json!({"cniType": "vlan", "vlan": {"vlanMode": "auto"}}));
    assert_eq!(bed.to_unbind(Some("ns/odd"), "10.3.0.0/24", false).await, from(None));
}

#[tokio::test]
async fn interfaces_are_known_from_the_start() {
    let bed = Bed::new(generous);
    bed.set("ns/odd", json!({"cniType": "vlan", "vlan": {"vlanMode": "auto"}}));
    let found = bed.cloud.parents().warm(soon()).await.unwrap();
    let told: Vec<String> = found
        .iter()
        .map(|(network, found)| match found {
            Ok(mac) => format!("{network} {mac}"),
            Err(error) => error.to_string(),
        })
        .collect();
    assert_eq!(
        told,
        [
            format!("ns/auto {MAC}"),
            format!("ns/bonded {BOND_MAC}"),
            "SpiderMultusConfig ns/odd: spec.vlan.master: [], want an interface of the host".to_owned(),
        ]
    );
    assert_eq!(bed.api.rest().len(), 1, "one list");
    bed.remove_interface("bond0");
    let known = bed.to_unbind(Some("ns/bonded"), "10.2.0.0/24", false).await;
    assert_eq!(known, Ok(Unbinding::From(Some(mac(BOND_MAC)))));
}
