//! `match_master_subnet`: only pools of the physical function's subnets.

use crate::bed::{Bed, add, deadline};

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_must_be_of_the_master_s_subnet() {
    let bed = Bed::new().await;
    bed.plane
        .apply(
            "{apiVersion: spiderpool.spidernet.io/v2beta1, kind: SpiderIPPool, metadata: {name: p4b}, \
             spec: {ipVersion: 4, subnet: 10.9.0.0/16, ips: [10.9.0.10-10.9.0.19]}}",
        )
        .unwrap();
    let agent = bed.agent().await;
    bed.pod("a", r#"{"ipv4":["p4","p4b"]}"#).await;
    let asking = |master: Result<&str, &str>| {
        let mut request = add("a");
        request.master = Some(master.map(|address| vec![address.parse().unwrap()]).map_err(str::to_owned));
        request
    };
    let refused = async |master| agent.ipam.add(&asking(master), deadline()).await.unwrap_err().text;
    let text = refused(Ok("10.7.0.2")).await;
    assert!(text.contains("filterPoolCandidatesByPfSubnet") && text.contains("10.9.0.0/16"), "{text}");
    let text = refused(Err("interface eth0: no such device")).await;
    assert!(text.contains("filterPoolCandidatesByPfSubnet: interface eth0: no such device"), "{text}");
    let answer = agent.ipam.add(&asking(Ok("10.9.0.2")), deadline()).await.unwrap();
    assert_eq!(answer.ips[0].address, "10.9.0.10/16");

    // The pod's other NIC is on another card, which is not there yet to be looked at.
    let nics = r#"[{"interface":"eth0","ipv4":["p4b"]},{"interface":"net1","ipv4":["p4"]}]"#;
    bed.pod_with("b", "ipam.spidernet.io/ippools", nics).await;
    let mut request = asking(Ok("10.9.0.2"));
    request.pod = "b".to_owned();
    let answer = agent.ipam.add(&request, deadline()).await.unwrap();
    let given: Vec<_> = answer.ips.iter().map(|ip| (ip.nic.as_str(), ip.address.as_str())).collect();
    assert_eq!(given, [("eth0", "10.9.0.11/16"), ("net1", "10.6.0.10/16")]);
}
