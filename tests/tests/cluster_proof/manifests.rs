//! The manifests of the original's own tests (`golden/manifests`), applied as they are. Controllers of Kubernetes make the pods of their
//! templates, the test is the scheduler and the kubelet.
//!
//! What runs in none of these clusters is a webhook and a controller of Spiderpool. The webhook fills `spec.ipVersion` in, without which
//! a pool gives nothing; the controller makes the pools of SpiderSubnets. Each is asserted once as it is without, then done here.

use std::collections::BTreeSet;
use std::path::Path;

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{DeleteParams, ListParams, PostParams};
use serde_json::{Value, json};
use spiderpool_tests::agent_corpus::agent::Agent;

use crate::bed::{Bed, add, address, addresses, del, of, refused, run, text, try_add, until};

/// Applies a file of the folder.
fn apply(bed: &Bed, file: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/manifests").join(file);
    bed.plane.apply(&std::fs::read_to_string(&path).unwrap()).unwrap();
}

/// The same of pools, with what the webhook would fill in.
async fn apply_pools(bed: &Bed, file: &str, names: &[&str]) {
    apply(bed, file);
    for name in names {
        let pool = bed.get("SpiderIPPool", name).await.unwrap();
        let version = if text(&pool, "/spec/subnet").contains(':') { 6 } else { 4 };
        bed.patch("SpiderIPPool", name, json!({"spec": {"ipVersion": version}})).await;
    }
}

fn pods(bed: &Bed, namespace: &str) -> Api<Pod> {
    Api::namespaced(bed.client.clone(), namespace)
}

/// What a request says of a pod.
fn request(namespace: &str, pod: &Pod) -> Value {
    let (name, uid) = (pod.metadata.name.as_deref().unwrap(), pod.metadata.uid.as_deref().unwrap());
    let mut body = of(name, uid);
    body["podNamespace"] = json!(namespace);
    body
}

/// Waits for the pods of an application that nobody has placed yet, and places them; what a request says of each.
async fn placed(bed: &Bed, namespace: &str, app: &str, count: usize, node: &str) -> Vec<Value> {
    let api = pods(bed, namespace);
    let of_app = ListParams::default().labels(&format!("app={app}"));
    let mut found = Vec::new();
    until("the application has its pods", async || {
        found = api.list(&of_app).await.unwrap().items;
        found.retain(|pod| pod.spec.as_ref().unwrap().node_name.is_none());
        found.len() == count
    })
    .await;
    for pod in &found {
        let name = pod.metadata.name.as_deref().unwrap();
        let binding = json!({
            "apiVersion": "v1", "kind": "Binding", "metadata": {"name": name, "namespace": namespace},
            "target": {"apiVersion": "v1", "kind": "Node", "name": node}
        });
        let _: Value =
            api.create_subresource("binding", name, &PostParams::default(), &binding).await.unwrap();
    }
    found.iter().map(|pod| request(namespace, pod)).collect()
}

async fn add_all(agent: &Agent, requests: &[Value]) -> Vec<Value> {
    let mut answers = Vec::new();
    for request in requests {
        answers.push(add(agent, request).await);
    }
    answers
}

fn set<const N: usize>(of: [&str; N]) -> BTreeSet<String> {
    of.map(str::to_owned).into()
}

fn addresses_of(answers: &[Value]) -> BTreeSet<String> {
    answers.iter().map(address).collect()
}

/// The pools of an answer.
fn pools_of(answer: &Value) -> Vec<String> {
    answer["ips"].as_array().unwrap().iter().map(|ip| text(ip, "/ipPool")).collect()
}

/// A pool as the controller makes it for a Deployment.
async fn auto_pool(bed: &mut Bed, app: &str, subnet: &str, count: usize) -> String {
    let owner = bed.plane.kubectl(["get", "deployment", app, "-o", "jsonpath={.metadata.uid}"]);
    let owner = owner.unwrap().success().unwrap();
    let subnet = bed.get("SpiderSubnet", subnet).await.unwrap();
    let is_v6 = text(&subnet, "/spec/subnet").contains(':');
    let (version, family) = if is_v6 { (6, "IPv6") } else { (4, "IPv4") };
    let first = text(&subnet, "/spec/ips/0").split('-').next().unwrap().parse().unwrap();
    let last = match first {
        std::net::IpAddr::V4(first) => (u32::from(first) + u32::try_from(count).unwrap() - 1).to_string(),
        std::net::IpAddr::V6(first) => {
            std::net::Ipv6Addr::from(u128::from(first) + u128::try_from(count).unwrap() - 1).to_string()
        }
    };
    let last = last.parse::<u32>().map_or(last, |number| std::net::Ipv4Addr::from(number).to_string());
    let name = format!("auto{version}-{app}-eth0");
    let label = |key: &str| format!("ipam.spidernet.io/{key}");
    let labels = [
        ("owner-spider-subnet", text(&subnet, "/metadata/name")),
        ("owner-application-gv", "apps_v1".to_owned()),
        ("owner-application-kind", "Deployment".to_owned()),
        ("owner-application-namespace", "default".to_owned()),
        ("owner-application-name", app.to_owned()),
        ("owner-application-uid", owner),
        ("interface", "eth0".to_owned()),
        ("ippool-reclaim", "true".to_owned()),
        ("ip-version", family.to_owned()),
    ];
    let labels: serde_json::Map<_, _> =
        labels.into_iter().map(|(key, value)| (label(key), json!(value))).collect();
    let affinity = [("group", "apps"), ("version", "v1")]
        .map(|(key, value)| (label(&format!("app-api-{key}")), json!(value)));
    let own = [("kind", "Deployment"), ("namespace", "default"), ("name", app)];
    let own = own.map(|(key, value)| (label(&format!("app-{key}")), json!(value)));
    let affinity: serde_json::Map<_, _> = affinity.into_iter().chain(own).collect();
    bed.make(json!({
        "apiVersion": "spiderpool.spidernet.io/v2beta1", "kind": "SpiderIPPool", "metadata": {"name": name, "labels": labels},
        "spec": {
            "ipVersion": version, "subnet": subnet["spec"]["subnet"], "ips": [format!("{first}-{last}")],
            "routes": subnet["spec"]["routes"], "podAffinity": {"matchLabels": affinity}
        }
    }))
    .await;
    name
}

/// A pool of one family, pools of both, and both of two subnets.
#[test]
fn basic() {
    run(async |bed| {
        let _manager = bed.manager();
        apply(bed, "basic/custom-ipv4-ippool.yaml");
        apply(bed, "basic/custom-ippool-deploy.yaml");
        let agent = bed.agent(json!({})).await;
        let one = placed(bed, "default", "custom-ippool-deploy", 3, "n1").await;
        let told = refused(&agent, &one[0]).await;
        assert!(
            told.ends_with("filtered out: nil ippool ipVersion"),
            "as the original without its webhook: {told}"
        );
        apply_pools(bed, "basic/custom-ipv4-ippool.yaml", &["custom-ipv4-ippool"]).await;
        apply_pools(bed, "basic/custom-ipv6-ippool.yaml", &["custom-ipv6-ippool"]).await;
        let mut first = try_add(&agent, &one[0]).await;
        until("the agent hears of the version", async || {
            if first.code != 200 {
                first = try_add(&agent, &one[0]).await;
            }
            first.code == 200
        })
        .await;
        let answers = add_all(&agent, &one).await;
        assert_eq!(answers[0], first.body, "the same again");
        assert_eq!(addresses_of(&answers), set(["172.18.41.40/24", "172.18.41.41/24", "172.18.41.42/24"]));
        assert_eq!(answers[0]["routes"], Value::Null, "the pool has neither gateway nor routes");
        assert!(answers.iter().all(|answer| answer["ips"][0].get("gateway").is_none()));

        apply(bed, "basic/custom-dual-ippool-deploy.yaml");
        let both = placed(bed, "default", "custom-dual-ippool-deploy", 3, "n1").await;
        let answers = add_all(&agent, &both).await;
        for (number, answer) in answers.iter().enumerate() {
            assert_eq!(pools_of(answer), ["custom-ipv4-ippool", "custom-ipv6-ippool"]);
            let own = [format!("eth0 172.18.41.4{}", number + 3), format!("eth0 fd00:172:18::4{number}")];
            assert_eq!(addresses(answer), own);
        }
        assert_eq!(bed.status("custom-ipv4-ippool").await["allocatedIPCount"], 6);
        assert_eq!(bed.status("custom-ipv6-ippool").await["allocatedIPCount"], 3);
        let owner =
            bed.plane.kubectl(["get", "spiderendpoint", both[0]["podName"].as_str().unwrap(), "-o", "json"]);
        let owner: Value = serde_json::from_str(&owner.unwrap().success().unwrap()).unwrap();
        let status = &owner["status"];
        assert_eq!(
            (text(status, "/ownerControllerType"), text(status, "/ownerControllerName")),
            ("Deployment".to_owned(), "custom-dual-ippool-deploy".to_owned())
        );

        for file in ["custom-ipv4-subnet", "custom-ipv6-subnet", "custom-dual-subnet-deploy"] {
            apply(bed, &format!("basic/{file}.yaml"));
        }
        let app = "custom-dual-subnet-deploy";
        let carved = placed(bed, "default", app, 3, "n1").await;
        let told = refused(&agent, &carved[0]).await;
        assert!(told.contains("no matching auto-created IPPool candidate"), "no controller: {told}");
        let pools = [
            auto_pool(bed, app, "custom-ipv4-subnet", 3).await,
            auto_pool(bed, app, "custom-ipv6-subnet", 3).await,
        ];
        // The same addresses of the same subnet, which pods of another pool have.
        assert!(refused(&agent, &carved[0]).await.contains("all IP addresses used out"));
        let old = ["custom-ippool-deploy", "custom-dual-ippool-deploy"];
        bed.plane.kubectl(["delete", "deployment", old[0], old[1]]).unwrap().success().unwrap();
        for request in one.iter().chain(&both) {
            let name = request["podName"].as_str().unwrap();
            pods(bed, "default").delete(name, &DeleteParams::default().grace_period(0)).await.ok();
            del(&agent, request).await;
        }
        for pool in ["custom-ipv4-ippool", "custom-ipv6-ippool"] {
            assert_eq!(bed.records(pool).await.len(), 0);
        }
        for answer in add_all(&agent, &carved).await {
            assert_eq!(pools_of(&answer), pools);
        }
        assert_eq!(
            bed.records(&pools[0]).await.into_keys().collect::<BTreeSet<_>>(),
            set(["172.18.41.40", "172.18.41.41", "172.18.41.42"])
        );
        assert_eq!(
            bed.records(&pools[1]).await.into_keys().collect::<BTreeSet<_>>(),
            set(["fd00:172:18::40", "fd00:172:18::41", "fd00:172:18::42"])
        );
        // Their endpoints go with the pods.
        let name = both[0]["podName"].as_str().unwrap();
        until("the endpoint is collected", async || {
            !bed.plane.kubectl(["get", "spiderendpoint", name]).unwrap().status.success()
        })
        .await;
    });
}

/// The second pool serves when the first is full.
#[test]
fn ippool_multi() {
    run(async |bed| {
        let _manager = bed.manager();
        apply_pools(
            bed,
            "ippool-multi/test-ipv4-ippools.yaml",
            &["default-ipv4-ippool", "backup-ipv4-ippool"],
        )
        .await;
        apply(bed, "ippool-multi/dummy-pod.yaml");
        apply(bed, "ippool-multi/multi-ippool-deploy.yaml");
        let agent = bed.agent(json!({})).await;
        let dummy = pods(bed, "default").get("dummy").await.unwrap();
        assert_eq!(address(&add(&agent, &request("default", &dummy)).await), "172.18.41.40/24");
        let multi = placed(bed, "default", "multi-ippool-deploy", 2, "n1").await;
        let answers = add_all(&agent, &multi).await;
        assert_eq!(addresses_of(&answers), set(["172.18.41.41/24", "172.18.42.40/24"]));
        let pools: Vec<String> = answers.iter().flat_map(pools_of).collect();
        assert_eq!(pools, ["default-ipv4-ippool", "backup-ipv4-ippool"]);
    });
}

/// The namespace names the pool.
#[test]
fn ippool_namespace() {
    run(async |bed| {
        let _manager = bed.manager();
        bed.plane.apply("{apiVersion: v1, kind: Namespace, metadata: {name: test-ns1}}").unwrap();
        let patch = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("golden/manifests/ippool-namespace/ns1-ippool-selection-patch.yaml");
        let patched = ["patch", "namespace", "test-ns1", "--patch-file", patch.to_str().unwrap()];
        bed.plane.kubectl(patched).unwrap().success().unwrap();
        apply_pools(bed, "ippool-namespace/ns1-default-ipv4-ippool.yaml", &["ns1-default-ipv4-ippool"]).await;
        apply(bed, "ippool-namespace/ns1-default-ippool-deploy.yaml");
        let agent = bed.agent(json!({})).await;
        let all = placed(bed, "test-ns1", "ns1-default-ippool-deploy", 3, "n1").await;
        let answers = add_all(&agent, &all).await;
        assert_eq!(addresses_of(&answers), set(["172.18.41.40/24", "172.18.41.41/24", "172.18.41.42/24"]));
        assert!(answers.iter().flat_map(pools_of).all(|pool| pool == "ns1-default-ipv4-ippool"));
        // In another namespace nothing names a pool.
        let uid = bed.pod_on("n1", "elsewhere", json!({})).await;
        assert!(
            refused(&agent, &of("elsewhere", &uid))
                .await
                .contains("no pool selection rules of any type are specified")
        );
    });
}

/// All addresses but one are reserved; ranges with holes; two pools that share an address, which the first one excludes.
#[test]
fn reserved_ip() {
    run(async |bed| {
        let _manager = bed.manager();
        apply_pools(bed, "reserved-ip/test-ipv4-ippool.yaml", &["test-ipv4-ippool"]).await;
        apply(bed, "reserved-ip/test-ipv4-reservedip.yaml");
        bed.patch("SpiderReservedIP", "test-ipv4-reservedip", json!({"spec": {"ipVersion": 4}})).await;
        apply(bed, "reserved-ip/reservedip-deploy.yaml");
        let agent = bed.agent(json!({})).await;
        let three = placed(bed, "default", "reservedip-deploy", 3, "n1").await;
        assert_eq!(address(&add(&agent, &three[0]).await), "172.18.42.50/24");
        for request in &three[1..] {
            assert!(refused(&agent, request).await.contains("all IP addresses used out"));
        }
        let range = |from: u8, to: u8, without: u8, net: u8| -> Vec<String> {
            (from..=to)
                .filter(|last| *last != without)
                .map(|last| format!("172.18.{net}.{last}/24"))
                .collect()
        };
        for (file, pool, net, expected) in [
            ("use-excludeips-ippool", "use-excludeips", 41, range(40, 50, 45, 41)),
            ("not-use-excludeips-ippool", "not-use-excludeips", 41, range(40, 50, 45, 41)),
            ("already-in-use-ippool", "already-in-use", 43, range(1, 31, 31, 43)),
            ("created-by-someone-else-ippool", "created-by-someone-else", 43, range(31, 50, 0, 43)),
        ] {
            apply_pools(bed, &format!("reserved-ip/{file}.yaml"), &[pool]).await;
            let pools = format!(r#"{{"ipv4":["{pool}"]}}"#);
            let mut given = Vec::new();
            for number in 0..=expected.len() {
                let name = format!("{pool}-{number}");
                let uid = bed.pod(&name, &pools).await;
                let answer = try_add(&agent, &of(&name, &uid)).await;
                match answer.code {
                    200 => given.push(address(&answer.body)),
                    _ => assert!(
                        answer.body.as_str().unwrap().contains("all IP addresses used out"),
                        "{}",
                        answer.body
                    ),
                }
            }
            assert_eq!(given, expected, "{pool}");
            if net == 41 {
                // The next pool has the same addresses.
                for number in 0..=expected.len() {
                    let name = format!("{pool}-{number}");
                    let uid = bed.uid(&format!("t/{name}"));
                    bed.delete("Pod", &name).await;
                    del(&agent, &of(&name, &uid)).await;
                }
            }
        }
    });
}

/// Routes of a pool, and of a pool of a subnet.
#[test]
fn route() {
    run(async |bed| {
        let _manager = bed.manager();
        apply_pools(bed, "route/ippool-route.yaml", &["ipv4-ippool-route"]).await;
        apply(bed, "route/ippool-route-deploy.yaml");
        apply(bed, "route/subnet-route.yaml");
        apply(bed, "route/subnet-route-deploy.yaml");
        let agent = bed.agent(json!({})).await;
        let routes = json!([{"ifName": "eth0", "dst": "172.18.42.0/24", "gw": "172.18.41.1"}]);
        let own = placed(bed, "default", "ippool-test-app", 1, "n1").await;
        let answer = add(&agent, &own[0]).await;
        assert_eq!((address(&answer), &answer["routes"]), ("172.18.41.51/24".to_owned(), &routes));
        let app = "subnet-test-app";
        let carved = placed(bed, "default", app, 1, "n1").await;
        assert!(refused(&agent, &carved[0]).await.contains("no matching auto-created IPPool candidate"));
        let pool = auto_pool(bed, app, "ipv4-subnet-route", 1).await;
        let answer = add(&agent, &carved[0]).await;
        assert_eq!((address(&answer), &answer["routes"]), ("172.18.41.41/24".to_owned(), &routes));
        assert_eq!(pools_of(&answer), [pool]);
        assert_eq!(add(&agent, &carved[0]).await["routes"], routes, "also when it is repeated");
    });
}

/// The name keeps its address, on whatever node its next pod runs.
#[test]
fn statefulset() {
    run(async |bed| {
        let _manager = bed.manager();
        apply_pools(bed, "basic/custom-ipv4-ippool.yaml", &["custom-ipv4-ippool"]).await;
        apply(bed, "statefulset/statefulset-demo.yaml");
        let (here, there) =
            (bed.agent(json!({})).await, bed.agent(json!({"SPIDERPOOL_NODE_NAME": "n2"})).await);
        let with_pool = |mut body: Value| {
            body["defaultIPv4IPPool"] = json!(["custom-ipv4-ippool"]);
            body
        };
        // Somebody else has the lowest address, and lets go of it: nobody moves down.
        let uid = bed.pod("other", r#"{"ipv4":["custom-ipv4-ippool"]}"#).await;
        add(&here, &of("other", &uid)).await;
        let first = with_pool(placed(bed, "default", "demo-sts", 1, "n1").await.remove(0));
        assert_eq!(first["podName"], "demo-sts-0");
        assert_eq!(address(&add(&here, &first).await), "172.18.41.41/24");
        bed.delete("Pod", "other").await;
        del(&here, &of("other", &uid)).await;
        pods(bed, "default").delete("demo-sts-0", &DeleteParams::default().grace_period(0)).await.unwrap();
        del(&here, &first).await;
        let second = with_pool(placed(bed, "default", "demo-sts", 1, "n2").await.remove(0));
        assert_ne!(first["podUID"], second["podUID"]);
        assert_eq!(address(&add(&there, &second).await), "172.18.41.41/24");
        let records = json!({"172.18.41.41": {"pod": "default/demo-sts-0", "podUid": second["podUID"]}});
        let status = bed.status("custom-ipv4-ippool").await;
        assert_eq!(serde_json::from_str::<Value>(status["allocatedIPs"].as_str().unwrap()).unwrap(), records);
        // Its last pod gives the address back.
        bed.plane.kubectl(["scale", "statefulset", "demo-sts", "--replicas=0"]).unwrap().success().unwrap();
        pods(bed, "default").delete("demo-sts-0", &DeleteParams::default().grace_period(0)).await.ok();
        del(&there, &second).await;
        assert_eq!(bed.records("custom-ipv4-ippool").await.len(), 0);
    });
}
