//! `explain`: what an ADD would get, and why.

use crate::bed::{Bed, pool};

fn bed() -> Bed {
    Bed::with(&[
        &pool("v4", "10.6.0.0/24", "10.6.0.10-10.6.0.11", ""),
        &pool("v4-b", "10.7.0.0/24", "10.7.0.10-10.7.0.19", "  default: true\n"),
        &pool("rack", "10.8.0.0/24", "10.8.0.1", "  nodeName: [n1]\n"),
        &pool("closed", "10.9.0.0/24", "10.9.0.1", "  disable: true\n"),
    ])
}

#[test]
fn a_container_that_is_not_there_yet() {
    let bed = bed();
    bed.take("net1", "c1", "v4");
    bed.take("net1", "c2", "v4");
    let text = bed.ctl(&["explain", "new", "--network", "net1", "--ipv4", "v4,closed,rack,v4-*"]).done();
    assert_eq!(
        text,
        "container new on network net1, pools named by default_ipv4_ippool\n\
         eth0 IPv4: would get 10.7.0.10 of IPPool v4-b\n  \
           v4: all IP addresses used out in IPPool v4 (it can give out 2); 0 of 2 free\n  \
           closed: disabled IPPool closed; 1 of 1 free\n  \
           v4-b: gives 10.7.0.10; 10 of 10 free\n  \
           rack: IPPool rack is restricted by spec.nodeName, which nothing on a host without Kubernetes can meet; 1 of 1 free\n"
    );
    assert_eq!(bed.ctl(&["ip", "list", "--pool", "v4-b", "-o", "json"]).json(), serde_json::json!([]));
    // What it says is what is given.
    assert_eq!(bed.take("net1", "new", "v4-b"), "10.7.0.10");
    let json = bed.ctl(&["explain", "new", "--network", "net1", "-o", "json"]).json();
    assert_eq!(json["source"], "spec.default: true");
    assert_eq!(json["slots"][0]["outcome"], "holds");
    assert_eq!(json["slots"][0]["address"], "10.7.0.10");
    assert_eq!(json["slots"][0]["pools"][0]["free"], 9);
    assert!(json.get("refusal").is_none());
}

#[test]
fn refusals_are_those_of_the_plugin() {
    let bed = bed();
    let explain = |args: &[&str]| {
        let all = [&["explain", "c1", "--network", "net1"], args].concat();
        bed.ctl(&all).done()
    };
    let last = |text: &str| text.lines().last().unwrap().to_owned();
    let restricted =
        "IPPool rack is restricted by spec.nodeName, which nothing on a host without Kubernetes can meet";
    assert_eq!(
        last(&explain(&["--ipv4", "rack"])),
        format!(
            "refused as a whole: no IPPool available, all IPv4 IPPools [rack] of eth0 filtered out: {restricted}"
        )
    );
    assert_eq!(
        last(&explain(&["--ipv4", "nope"])),
        "refused as a whole: failed to get original IPPool nope: SpiderIPPool.spiderpool.spidernet.io \"nope\" not found"
    );
    assert_eq!(
        last(&explain(&["--ipv4", "v4", "--ip", "10.6.0.9"])),
        "refused as a whole: cannot give 10.6.0.9 to NIC eth0: it is not among the addresses that IPPool v4 gives out, \
         for container c1 on network net1"
    );
    let error =
        bed.ctl(&["explain", "c1", "--network", "net1", "--ip", "10.6.0.9", "--ip", "10.6.0.10"]).failed(2);
    assert_eq!(error, "error: --ip: want at most one address of each IP version\n");
    bed.ctl(&["explain", "a b", "--network", "net1"]).failed(2);
    bed.ctl(&["explain", "c1", "--network", "net1", "--policy", "random"]).failed(2);
}
