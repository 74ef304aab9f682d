//! Answers to the byte, as Go writes them: names, order, what is left out.

use ipam_core::Family;
use ipam_k8s::crd::{CoordinatorMode, CoordinatorSpec, EndpointAddress, Route};
use ipam_k8s::ipam::{Answer as Given, AnswerIp, AnswerRoute, CoordinatorConfig};
use spiderpool_daemons::agent::ipam::{Allocated, PodRef, Refusal, WorkloadEndpoint};

use crate::bed::{Act, Answer, Bed, Seen, go_request};

pub(crate) const ADD: &str = r#"{"containerID":"c1","ifName":"eth0","netNamespace":"/n","podName":"web-0","podNamespace":"t","podUID":"u"}"#;

fn add(bed: &Bed, act: Act) -> Answer {
    bed.recorder.expect(act);
    bed.raw(&go_request("POST /v1/ipam/ip", &[], Some(ADD)))
}

#[test]
fn an_add_is_answered_to_the_byte() {
    let bed = Bed::new();
    let ip = |family, address: &str, gateway: Option<&str>| AnswerIp {
        family,
        address: address.to_owned(),
        pool: "p".to_owned(),
        gateway: gateway.map(str::to_owned),
        nic: "eth0".to_owned(),
        vlan: 0,
        mac: None,
    };
    let mut allocated = Allocated {
        answer: Given {
            ips: vec![ip(Family::V4, "10.6.0.10/16", Some("10.6.0.1")), ip(Family::V6, "fd00::10/64", None)],
            routes: vec![AnswerRoute {
                nic: "eth0".to_owned(),
                dst: "0.0.0.0/0".to_owned(),
                gw: "10.6.0.1".to_owned(),
            }],
            ..Given::default()
        },
        is_conflict_detected: false,
        is_gateway_detected: false,
    };
    let answer = add(&bed, Act::Add(allocated.clone()));
    assert_eq!(
        answer.body,
        concat!(
            r#"{"ips":[{"address":"10.6.0.10/16","gateway":"10.6.0.1","ipPool":"p","nic":"eth0","version":4},"#,
            r#"{"address":"fd00::10/64","ipPool":"p","nic":"eth0","version":6}],"#,
            r#""routes":[{"dst":"0.0.0.0/0","gw":"10.6.0.1","ifName":"eth0"}]}"#,
            "\n"
        )
    );
    allocated.is_conflict_detected = true;
    allocated.is_gateway_detected = true;
    allocated.answer.ips.truncate(1);
    allocated.answer.ips[0].vlan = 7;
    allocated.answer.ips[0].mac = Some("fa:16:3e:00:00:0a".to_owned());
    allocated.answer.routes.clear();
    assert_eq!(
        add(&bed, Act::Add(allocated)).body,
        concat!(
            r#"{"ips":[{"address":"10.6.0.10/16","enableGatewayDetection":true,"enableIPConflictDetection":true,"#,
            r#""gateway":"10.6.0.1","ipPool":"p","mac":"fa:16:3e:00:00:0a","nic":"eth0","version":4,"vlan":7}],"routes":null}"#,
            "\n"
        )
    );
    assert_eq!(add(&bed, Act::Add(Allocated::default())).body, "{\"ips\":null,\"routes\":null}\n");
    let refused = add(&bed, Act::Refuse(Refusal::internal("all <IP> used & out")));
    assert_eq!((refused.code, refused.body.as_str()), (500, "\"all <IP> used & out\"\n"));
    assert_eq!(refused.header("content-type"), Some("application/json"));
}

#[test]
fn an_endpoint_is_answered_to_the_byte() {
    let bed = Bed::new();
    let pod = PodRef { namespace: "t".to_owned(), name: "web-0".to_owned() };
    let call = "GET /v1/workloadendpoint?podNamespace=t&podName=web-0";
    let mut endpoint = WorkloadEndpoint {
        pod: pod.clone(),
        pod_uid: "u".to_owned(),
        node: "n1".to_owned(),
        entries: vec![EndpointAddress {
            interface: "eth0".to_owned(),
            ipv4: Some("10.6.0.10/16".to_owned()),
            ipv4_pool: Some("p4".to_owned()),
            mac: Some(String::new()),
            routes: vec![Route {
                dst: "172.16.0.0/16".to_owned(),
                gw: "10.6.0.2".to_owned(),
                ..Route::default()
            }],
            ..EndpointAddress::default()
        }],
    };
    bed.recorder.expect(Act::Endpoint(endpoint.clone()));
    // The original leaves `ifName` null; that is to be mended.
    assert_eq!(
        bed.raw(&go_request(call, &[], None)).body,
        concat!(
            r#"{"interfaces":[{"interface":"eth0","ipv4":"10.6.0.10/16","ipv4Pool":"p4","#,
            r#""routes":[{"dst":"172.16.0.0/16","gw":"10.6.0.2","ifName":"eth0"}]}],"#,
            r#""node":"n1","podName":"web-0","podNamespace":"t","podUID":"u"}"#,
            "\n"
        )
    );
    endpoint.entries.clear();
    bed.recorder.expect(Act::Endpoint(endpoint));
    assert!(bed.raw(&go_request(call, &[], None)).body.starts_with(r#"{"interfaces":[],"node""#));
    assert_eq!(bed.recorder.seen(), [Seen::Endpoint(pod.clone()), Seen::Endpoint(pod)]);
    bed.recorder.expect(Act::Refuse(Refusal::not_found("SpiderEndpoint not found for pod t/web-0")));
    assert_eq!(bed.raw(&go_request(call, &[], None)).code, 404);
}

#[test]
fn the_coordinators_settings_are_answered_to_the_byte() {
    let bed = Bed::new();
    let ask = |config: CoordinatorConfig| {
        bed.recorder.expect(Act::Coordinator(Box::new(config)));
        bed.raw(&go_request("GET /v1/coordinator/config", &[], Some("{}"))).body
    };
    let mut spec = CoordinatorSpec { mode: Some(CoordinatorMode::Auto), ..CoordinatorSpec::default() };
    spec.set_defaults();
    let empty =
        CoordinatorConfig { spec: spec.clone(), overlay_pod_cidr: Vec::new(), service_cidr: Vec::new() };
    assert_eq!(
        ask(empty),
        concat!(
            r#"{"hijackCIDR":null,"hostRuleTable":500,"mode":"auto","overlayPodCIDR":[],"#,
            r#""policyRoutes":null,"serviceCIDR":[],"tunePodRoutes":true}"#,
            "\n"
        )
    );
    spec.hijack_cidr = Some(Vec::new());
    spec.pod_rp_filter = Some(-1);
    spec.pod_mac_prefix = Some("0a:1b".to_owned());
    spec.veth_mtu = Some(1400);
    let dst = "10.10.0.0/16".to_owned();
    spec.policy_routes = vec![Route { dst, gw: "10.6.0.1".to_owned(), ..Route::default() }];
    let full = CoordinatorConfig {
        spec,
        overlay_pod_cidr: vec!["10.244.0.0/16".to_owned()],
        service_cidr: vec!["10.96.0.0/16".to_owned()],
    };
    assert_eq!(
        ask(full),
        concat!(
            r#"{"hijackCIDR":[],"hostRuleTable":500,"mode":"auto","overlayPodCIDR":["10.244.0.0/16"],"#,
            r#""podMACPrefix":"0a:1b","podRPFilter":-1,"policyRoutes":[{"dst":"10.10.0.0/16","gw":"10.6.0.1"}],"#,
            r#""serviceCIDR":["10.96.0.0/16"],"tunePodRoutes":true,"vethMTU":1400}"#,
            "\n"
        )
    );
}
