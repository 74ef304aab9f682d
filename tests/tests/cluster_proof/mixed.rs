//! A fleet in which Go agents write the same objects: what they wrote is read, extended and partly released, to the byte; and a writer
//! as theirs, at the same time, loses nothing and is given nothing twice.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, PostParams};
use serde_json::{Value, json};

use crate::bed::{Bed, add, address, del, go_records, of, on, run, text, until};

/// How often the original tries to write a pool.
const TRIES: usize = 5;

fn pools(bed: &Bed) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("spiderpool.spidernet.io", "v2beta1", "SpiderIPPool");
    Api::all_with(bed.client.clone(), &ApiResource::from_gvk_with_plural(&kind, "spiderippools"))
}

/// A writer as a Go agent is one: it reads the whole pool, changes the status, and puts all of it back under the version that it read,
/// five times at most. What `change` refuses is not written.
async fn go_write(
    pools: &Api<DynamicObject>,
    change: impl Fn(&mut BTreeMap<String, Value>) -> Option<String>,
) -> Option<String> {
    for attempt in 0..TRIES {
        let mut object = pools.get("p4").await.unwrap();
        let status = &object.data["status"];
        let text = status["allocatedIPs"].as_str().unwrap_or("{}");
        let mut records: BTreeMap<String, Value> = serde_json::from_str(text).unwrap();
        let address = change(&mut records)?;
        let mut status = status.as_object().cloned().unwrap_or_default();
        status.insert("allocatedIPCount".to_owned(), records.len().into());
        match records.is_empty() {
            true => status.remove("allocatedIPs"),
            false => {
                status.insert("allocatedIPs".to_owned(), json!(serde_json::to_string(&records).unwrap()))
            }
        };
        object.data["status"] = status.into();
        match pools.replace_status("p4", &PostParams::default(), &object).await {
            Ok(_) => return Some(address),
            Err(kube::Error::Api(status)) if status.code == 409 => {
                tokio::time::sleep(Duration::from_millis(10 * (1 << attempt))).await;
            }
            Err(error) => panic!("{error}"),
        }
    }
    None
}

/// The lowest free address for a pod, as the original takes it.
fn go_take(name: &str, records: &mut BTreeMap<String, Value>) -> Option<String> {
    let free =
        (10..34).map(|last| format!("10.6.0.{last}")).find(|address| !records.contains_key(address))?;
    records.insert(free.clone(), json!({"pod": format!("go/{name}"), "podUid": format!("uid-of-{name}")}));
    Some(free)
}

/// What a Go agent wrote, with its count and a sign that Go escapes; an ADD adds its record, a DEL takes its own, and the rest is as it was.
#[test]
fn what_go_wrote_is_extended_and_partly_released() {
    run(async |bed| {
        bed.pool("p4", "10.6.0.0/16", &["10.6.0.8-10.6.0.19"]).await;
        let gone = bed.pod("gone", r#"{"ipv4":["p4"]}"#).await;
        let given = [
            ("10.6.0.10", "t/gone", gone.as_str()),
            ("10.6.0.8", "go/a", "a\\u0026\\u003cb\\u003e"),
            ("10.6.0.9", "go/b", "b"),
        ];
        let before = json!({"allocatedIPCount": 3, "allocatedIPs": go_records(given), "totalIPCount": 12});
        bed.patch_status("SpiderIPPool", "p4", before.clone()).await;
        bed.make(json!({
            "apiVersion": "spiderpool.spidernet.io/v2beta1", "kind": "SpiderEndpoint",
            "metadata": {
                "name": "gone", "namespace": "t", "finalizers": ["spiderpool.spidernet.io"],
                "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "gone", "uid": gone}]
            },
            "status": {"ownerControllerType": "Pod", "ownerControllerName": "gone", "current": {"uid": gone, "node": "n1", "ips": [
                {"interface": "eth0", "ipv4": "10.6.0.10/16", "ipv4Pool": "p4", "vlan": 0}
            ]}}
        }))
        .await;
        let agent = bed.agent(json!({})).await;
        // A Go agent's pod has its address, and costs no write.
        assert_eq!(address(&add(&agent, &of("gone", &gone)).await), "10.6.0.10/16");
        assert_eq!(bed.status("p4").await, before);
        let new = bed.pod("new", r#"{"ipv4":["p4"]}"#).await;
        assert_eq!(address(&add(&agent, &of("new", &new)).await), "10.6.0.11/16");
        let extended = given.into_iter().chain([("10.6.0.11", "t/new", new.as_str())]);
        let extended =
            json!({"allocatedIPCount": 4, "allocatedIPs": go_records(extended), "totalIPCount": 12});
        assert_eq!(bed.status("p4").await, extended);
        bed.delete("Pod", "gone").await;
        del(&agent, &of("gone", &gone)).await;
        let rest = [given[1], given[2], ("10.6.0.11", "t/new", new.as_str())];
        let rest = json!({"allocatedIPCount": 3, "allocatedIPs": go_records(rest), "totalIPCount": 12});
        assert_eq!(bed.status("p4").await, rest);
        assert!(bed.get("SpiderEndpoint", "gone").await.unwrap()["metadata"]["finalizers"].is_null());
        // And a Go agent releases ours, by the uid alone.
        let pools = pools(bed);
        let released = go_write(&pools, |records| {
            let own = records.iter().find(|(_, record)| record["podUid"] == new.as_str())?.0.clone();
            records.remove(&own).map(|_| own)
        });
        assert_eq!(released.await.as_deref(), Some("10.6.0.11"));
        assert_eq!(bed.records("p4").await.into_keys().collect::<Vec<_>>(), ["10.6.0.8", "10.6.0.9"]);
    });
}

/// 24 addresses. Our agent serves 12 pods, six of which go, and six new ones; the other writer takes ten, gives back five, and takes five.
#[test]
fn beside_a_go_agent_nothing_is_lost_or_given_twice() {
    run(async |bed| {
        bed.pool("p4", "10.6.0.0/16", &["10.6.0.10-10.6.0.33"]).await;
        let mut pods = Vec::new();
        for number in 0..18 {
            let name = format!("pod-{number}");
            let uid = bed.pod(&name, r#"{"ipv4":["p4"]}"#).await;
            pods.push((name, uid));
        }
        let agent = Arc::new(bed.agent(json!({})).await);
        let pools = pools(bed);
        let go = async {
            let mut held: Vec<(String, String)> = Vec::new();
            for number in 0..15 {
                let name = format!("g{number}");
                if number >= 10 {
                    let (gone, address) = held.remove(0);
                    let uid = format!("uid-of-{gone}");
                    until("it is given back", async || {
                        let released = go_write(&pools, |records| {
                            assert_eq!(
                                records[&address]["podUid"],
                                uid.as_str(),
                                "a record of the other writer is lost"
                            );
                            records.remove(&address).map(|_| address.clone())
                        });
                        released.await.is_some()
                    })
                    .await;
                }
                // The kubelet tries again where five tries were not enough, or no address was free.
                let mut taken = None;
                until("an address is taken", async || {
                    taken = go_write(&pools, |records| go_take(&name, records)).await;
                    taken.is_some()
                })
                .await;
                held.push((name, taken.unwrap()));
            }
            held
        };
        let ours = async {
            let one = |name: String, uid: String| {
                let agent = Arc::clone(&agent);
                tokio::spawn(async move { (address(&add(&agent, &of(&name, &uid)).await), name, uid) })
            };
            let first: Vec<_> = pods.iter().take(12).cloned().map(|(name, uid)| one(name, uid)).collect();
            let mut held = Vec::new();
            for task in first {
                held.push(task.await.unwrap());
            }
            for (_, name, uid) in held.drain(..6) {
                bed.delete("Pod", &name).await;
                del(&agent, &of(&name, &uid)).await;
            }
            let last: Vec<_> = pods.iter().skip(12).cloned().map(|(name, uid)| one(name, uid)).collect();
            for task in last {
                held.push(task.await.unwrap());
            }
            held
        };
        let (go, ours) = tokio::join!(go, ours);
        let mut expected = BTreeMap::new();
        for (name, address) in &go {
            let pod = (format!("go/{name}"), format!("uid-of-{name}"));
            assert!(expected.insert(address.clone(), pod).is_none(), "{address} twice");
        }
        for (address, name, uid) in &ours {
            let address = address.strip_suffix("/16").unwrap().to_owned();
            assert!(
                expected.insert(address.clone(), (format!("t/{name}"), uid.clone())).is_none(),
                "{address} twice"
            );
        }
        assert_eq!(expected.len(), 22);
        let records =
            expected.iter().map(|(address, (pod, uid))| (address.as_str(), pod.as_str(), uid.as_str()));
        assert_eq!(
            bed.status("p4").await,
            json!({"allocatedIPCount": 22, "allocatedIPs": go_records(records)})
        );
    });
}

/// Fields that a newer version of the definition has, somewhere in the endpoint.
const NEWER: [&str; 3] =
    ["status", "status/properties/current", "status/properties/current/properties/ips/items"];

/// Endpoints of Go agents of another version: what we do not know is in the object before and after our writes.
#[test]
fn endpoints_of_go_keep_what_we_do_not_know() {
    run(async |bed| {
        let change = |op: &str| {
            let ops = NEWER.map(|place| {
                let path =
                    format!("/spec/versions/0/schema/openAPIV3Schema/properties/{place}/properties/newer");
                json!({"op": op, "path": path, "value": {"type": "string"}})
            });
            let ops = Value::from(ops.to_vec()).to_string();
            let crd = "spiderendpoints.spiderpool.spidernet.io";
            bed.plane.kubectl(["patch", "crd", crd, "--type=json", "-p", &ops]).unwrap().success().unwrap();
        };
        change("add");
        bed.pool("p4", "10.6.0.0/16", &["10.6.0.10-10.6.0.19"]).await;
        bed.pool("q4", "10.7.0.0/16", &["10.7.0.10-10.7.0.19"]).await;
        let uid = bed.pod("pod-1", r#"{"ipv4":["q4"]}"#).await;
        let records = go_records([("10.6.0.10", "t/pod-1", uid.as_str())]);
        bed.patch_status("SpiderIPPool", "p4", json!({"allocatedIPs": records, "allocatedIPCount": 1})).await;
        // Without `cleanGateway`, as a Go agent writes an address without a gateway.
        let eth0 =
            json!({"interface": "eth0", "ipv4": "10.6.0.10/16", "ipv4Pool": "p4", "vlan": 0, "newer": "c"});
        let object = json!({
            "apiVersion": "spiderpool.spidernet.io/v2beta1", "kind": "SpiderEndpoint",
            "metadata": {
                "name": "pod-1", "namespace": "t", "labels": {"a": "b"}, "annotations": {"c": "d"},
                "finalizers": ["example.com/other", "spiderpool.spidernet.io"],
                "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "pod-1", "uid": uid}]
            },
            "status": {
                "ownerControllerType": "Pod", "ownerControllerName": "pod-1", "newer": "a",
                "current": {"uid": uid, "node": "n1", "newer": "b", "ips": [eth0]}
            }
        });
        // The API server takes a changed definition up in its own time.
        until("the newer definition is served", async || {
            if bed.get("SpiderEndpoint", "pod-1").await.is_some() {
                bed.patch("SpiderEndpoint", "pod-1", json!({"metadata": {"finalizers": null}})).await;
                bed.delete("SpiderEndpoint", "pod-1").await;
            }
            bed.make(object.clone()).await;
            bed.get("SpiderEndpoint", "pod-1").await.unwrap()["status"] == object["status"]
        })
        .await;
        let agent = bed.agent(json!({})).await;
        add(&agent, &on("net1", of("pod-1", &uid))).await;
        let after = bed.get("SpiderEndpoint", "pod-1").await.unwrap();
        let net1 = json!({"interface": "net1", "ipv4": "10.7.0.10/16", "ipv4Pool": "q4", "vlan": 0});
        let mut want = object.clone();
        want["status"]["current"]["ips"].as_array_mut().unwrap().push(net1);
        assert_eq!(after["status"], want["status"]);
        for part in ["labels", "annotations", "finalizers", "ownerReferences"] {
            assert_eq!(after["metadata"][part], want["metadata"][part], "{part}");
        }
        bed.delete("Pod", "pod-1").await;
        del(&agent, &of("pod-1", &uid)).await;
        let after = bed.get("SpiderEndpoint", "pod-1").await.unwrap();
        assert_eq!(after["status"], want["status"]);
        assert_eq!(after["metadata"]["finalizers"], json!(["example.com/other"]));
        assert_eq!((text(&after, "/metadata/labels/a"), bed.records("p4").await.len()), ("b".to_owned(), 0));
        change("remove");
    });
}
