//! `explain`: what an agent then does, in the agent's words.

use ipam_core::select::source::{SubnetFeature, Switches};
use ipam_k8s::ipam::IpamSettings;
use ipam_k8s::workload::StaticKinds;
use serde_json::Value;

use crate::bed::{Account, Bed, POOL};

/// What stands before an agent's refusals.
const STANDARD: &str = "failed to allocate IP addresses in standard mode: ";

fn pools(bed: &Bed) {
    bed.pool("v4", "10.6.0.0/24", "10.6.0.10-10.6.0.20", "");
    bed.pool(
        "rack-a",
        "10.7.0.0/24",
        "10.7.0.10-10.7.0.20",
        ", nodeAffinity: {matchLabels: {rack: a}}, default: true",
    );
    bed.pool("rack-b", "10.8.0.0/24", "10.8.0.10", ", nodeAffinity: {matchLabels: {rack: b}}, default: true");
    bed.pool("web-only", "10.9.0.0/24", "10.9.0.10", ", podAffinity: {matchLabels: {app: web}}");
    bed.pool("closed", "10.10.0.0/24", "10.10.0.10", ", disable: true");
    bed.pool("full", "10.11.0.0/24", "10.11.0.10", "");
    bed.records("full", &[("10.11.0.10", "other/one", "u1")], 1);
}

fn explain(bed: &Bed, args: &[&str]) -> Value {
    bed.ctl(Account::View, &[&["explain", "-o", "json"], args].concat()).json()
}

#[test]
fn it_says_what_the_agent_then_gives() {
    let bed = Bed::new();
    pools(&bed);
    let uid = bed.pod("web", &[(POOL, r#"{"ipv4":["closed","full","v4"]}"#)]);
    let text = bed.ctl(Account::View, &["explain", "shop/web"]).done();
    assert_eq!(
        text,
        format!(
            "pod shop/web (uid {uid}), pools named by Pod annotation 'ipam.spidernet.io/ippool'\n\
             eth0 IPv4: would get 10.6.0.10 of IPPool v4\n  \
               full: all IP addresses used out in IPPool full (it can give out 1); 0 of 1 free\n  \
               v4: gives 10.6.0.10; 11 of 11 free\n  \
               closed: disabled IPPool closed; 1 of 1 free\n"
        )
    );
    let agent = bed.agent(IpamSettings::new("spiderpool"));
    let answer = bed.block_on(agent.add("web")).unwrap();
    assert_eq!(answer.ips[0].address, "10.6.0.10/24");
    let held = explain(&bed, &["shop/web"]);
    assert_eq!(
        (&held["slots"][0]["outcome"], &held["source"]),
        (&"holds".into(), &"its SpiderEndpoint".into())
    );
    assert_eq!(held["slots"][0]["address"], "10.6.0.10");
    // Without an annotation: the default pools of the node.
    bed.pod("plain", &[]);
    let plain = explain(&bed, &["shop/plain"]);
    assert_eq!(plain["source"], "the cluster default IPPools");
    assert_eq!(plain["slots"][0]["pools"][1]["why"], "unmatched Node affinity of IPPool rack-b");
    let answer = bed.block_on(agent.add("plain")).unwrap();
    assert_eq!(answer.ips[0].address, format!("{}/24", plain["slots"][0]["address"].as_str().unwrap()));
}

#[test]
fn refusals_are_those_of_the_agent() {
    let bed = Bed::new();
    pools(&bed);
    let agent = bed.agent(IpamSettings::new("spiderpool"));
    for (number, asked) in [
        r#"{"ipv4":["closed"]}"#,
        r#"{"ipv4":["rack-b","web-only"]}"#,
        r#"{"ipv4":["nowhere"]}"#,
        r#"{"ipv4":["full"]}"#,
        r#"{"ipv4":["v4","v4"]}"#,
        r#"{"ipv4":["none-*"]}"#,
        r#"{"ipv4":"v4"}"#,
        r#"{"ipv4":[]}"#,
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("p{number}");
        bed.pod(&name, &[(POOL, asked)]);
        let refused = bed.block_on(agent.add(&name)).unwrap_err();
        let said = explain(&bed, &[&format!("shop/{name}")]);
        let refusal = said["refusal"].as_str().unwrap_or_else(|| panic!("{asked}: {said:#}"));
        assert_eq!(format!("{STANDARD}{refusal}"), refused.text, "{asked}");
    }
}

#[test]
fn a_pod_that_is_not_there_yet() {
    let bed = Bed::new();
    pools(&bed);
    let error = bed.ctl(Account::View, &["explain", "shop/none"]).failed(1);
    assert_eq!(
        error,
        "error: failed to get Pod shop/none: Pod \"none\" not found; for a pod that is not there yet add --new\n"
    );
    let new = |args: &[&str]| explain(&bed, &[&["shop/none", "--new"], args].concat());
    let annotation = r#"ipam.spidernet.io/ippool={"ipv4":["web-only"]}"#;
    let web = new(&["--label", "app=web", "--annotation", annotation]);
    assert_eq!(web["slots"][0]["address"], "10.9.0.10");
    let other = new(&["--label", "app=db", "--annotation", annotation]);
    assert_eq!(other["slots"][0]["pools"][0]["why"], "unmatched Pod affinity of IPPool web-only");

    // Each source in its turn.
    let on_node = new(&["--node", "n1"]);
    assert_eq!(
        (&on_node["source"], &on_node["slots"][0]["address"]),
        (&"the cluster default IPPools".into(), &"10.7.0.10".into())
    );
    let configured = new(&["--ipv4", "v4"]);
    assert_eq!(
        (&configured["source"], &configured["slots"][0]["address"]),
        (&"the CNI configuration".into(), &"10.6.0.10".into())
    );
    bed.kubectl(["annotate", "namespace", "shop", r#"ipam.spidernet.io/default-ipv4-ippool=["full","v4"]"#]);
    let of_namespace = new(&["--ipv4", "closed"]);
    assert!(of_namespace["source"].as_str().unwrap().contains("Namespace annotation"), "{of_namespace:#}");
    assert_eq!(of_namespace["slots"][0]["address"], "10.6.0.10");
    assert_eq!(bed.stored("v4"), serde_json::json!({}), "nothing is written");
    let error = bed.ctl(Account::View, &["explain", "nowhere/x", "--new"]).failed(1);
    assert_eq!(error, "error: failed to get Namespace nowhere: Namespace \"nowhere\" not found\n");
    bed.ctl(Account::View, &["explain", "shop/x", "--label", "a=b"]).failed(2);
    bed.ctl(Account::View, &["explain", "shop/x", "--new", "--controller", "web"]).failed(2);
}

#[test]
fn the_settings_of_the_agents_count() {
    let bed = Bed::new();
    pools(&bed);
    bed.pool("v6", "fd00:6::/64", "fd00:6::1-fd00:6::ff", "");
    let both = r#"ipam.spidernet.io/ippool={"ipv4":["v4"],"ipv6":["v6"]}"#;
    let ask = |more: &[&str]| {
        bed.ctl(
            Account::View,
            &[&["explain", "shop/none", "--new", "--annotation", both, "-o", "json"], more].concat(),
        )
    };
    let plain = ask(&[]);
    assert!(
        plain.err.contains("note: there is no conf.yml of ConfigMap kube-system/spiderpool-conf"),
        "{plain:?}"
    );
    assert_eq!(plain.json()["slots"].as_array().unwrap().len(), 2);
    bed.apply(
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: spiderpool-conf, namespace: kube-system}, data: {conf.yml: 'enableIPv6: true'}}",
    );
    let of_map = ask(&[]);
    assert_eq!(of_map.err, "");
    let of_map = of_map.json();
    assert_eq!((of_map["slots"].as_array().unwrap().len(), &of_map["slots"][0]["pool"]), (1, &"v6".into()));
    let file = bed.file("conf.yml", "enableIPv4: true\nallocationPolicy: lowest\n");
    let of_file = ask(&["--config", &file]).json();
    assert_eq!((of_file["slots"].as_array().unwrap().len(), &of_file["slots"][0]["pool"]), (1, &"v4".into()));
    let file = bed.file("bad.yml", "enableIPv4: maybe\n");
    assert!(ask(&["--config", &file]).failed(1).contains("enableIPv4"));

    // A pool of a subnet is neither waited for nor made.
    let file = bed.file(
        "subnets.yml",
        "enableIPv4: true\nenableIPv6: true\nenableSpiderSubnet: true\nenableAutoPoolForApplication: true\n",
    );
    let subnet = r#"ipam.spidernet.io/subnet={"ipv4":["s4"]}"#;
    let base = ["shop/none", "--new", "--annotation", subnet, "--config", &file];
    let alone = explain(&bed, &base);
    assert_eq!(
        alone["refusal"],
        "failed to get IPPool candidates from Subnet: SpiderSubnet feature doesn't support no-controller pod"
    );
    let built_in = explain(&bed, &[&base[..], &["--controller", "apps/v1/Deployment/web"]].concat());
    let refusal = built_in["refusal"].as_str().unwrap();
    assert!(refusal.starts_with("failed to get IPPool candidates from Subnet: "), "{refusal}");
    let number = [
        "--controller",
        "apps.kruise.io/v1/CloneSet/web",
        "--annotation",
        "ipam.spidernet.io/ippool-ip-number=1",
    ];
    let other = explain(&bed, &[&base[..], &number].concat());
    let refusal = other["refusal"].as_str().unwrap();
    assert!(
        refusal.ends_with("is not there yet, the agent makes it of SpiderSubnet s4 at the ADD"),
        "{refusal}"
    );
}

#[test]
fn a_stateful_set_keeps_what_it_has() {
    let bed = Bed::new();
    pools(&bed);
    bed.apply(
        "{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: db, namespace: shop}, spec: {replicas: 1, serviceName: db, \
         selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}, annotations: {ipam.spidernet.io/ippool: '{\"ipv4\":[\"v4\"]}'}}, \
         spec: {nodeName: n1, containers: [{name: c, image: 'e/c:1'}]}}}}",
    );
    bed.kubectl(["wait", "--for=create", "pod/db-0", "-n", "shop", "--timeout=60s"]);
    let mut settings = IpamSettings::new("spiderpool");
    settings.static_kinds = StaticKinds::ALL;
    settings.switches = Switches { v4: true, v6: true, subnets: SubnetFeature::Off };
    let agent = bed.agent(settings);
    let first = bed.block_on(agent.add("db-0")).unwrap();
    let uid = bed.kubectl(["get", "pod", "db-0", "-n", "shop", "-o", "jsonpath={.metadata.uid}"]);
    bed.delete_pod("db-0");
    bed.kubectl(["wait", "--for=create", "pod/db-0", "-n", "shop", "--timeout=60s"]);
    assert_ne!(bed.kubectl(["get", "pod", "db-0", "-n", "shop", "-o", "jsonpath={.metadata.uid}"]), uid);
    // The pool has been closed meanwhile, which does not matter to who has an address of it.
    bed.kubectl(["patch", "spiderippool", "v4", "--type=merge", "-p", r#"{"spec":{"disable":true}}"#]);
    let file = bed.file("conf.yml", "enableIPv4: true\nenableStatefulSet: true\n");
    let said = explain(&bed, &["shop/db-0", "--config", &file]);
    assert!(said.get("refusal").is_none(), "{said:#}");
    assert_eq!(format!("{}/24", said["slots"][0]["address"].as_str().unwrap()), first.ips[0].address);
    let again = bed.block_on(agent.add("db-0")).unwrap();
    assert_eq!(again.ips[0].address, first.ips[0].address);
}
