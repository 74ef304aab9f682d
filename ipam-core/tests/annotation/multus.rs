//! Which network a NIC hangs on.

use ipam_core::annotation::{NetworkError, NetworkScope, PodAnnotations};
use ipam_core::select::Slot;

use crate::{annotations, begins};

const SCOPE: NetworkScope<'static> = NetworkScope {
    pod_namespace: "t",
    agent_namespace: "spiderpool",
    cluster_network: Some("kube-system/macvlan-conf"),
};

fn network(default: Option<&str>, further: Option<&str>, slot: &Slot) -> Result<String, NetworkError> {
    let pairs: Vec<_> =
        [("v1.multus-cni.io/default-network", default), ("k8s.v1.cni.cncf.io/networks", further)]
            .into_iter()
            .filter_map(|(key, value)| Some((key, value?)))
            .collect();
    let on_pod = annotations(&pairs);
    PodAnnotations::new(&on_pod).networks().of(slot, SCOPE).map(|network| network.to_string())
}

fn named(nic: &str) -> Slot {
    Slot::Named(nic.parse().unwrap())
}

#[test]
fn the_first_nic_is_on_the_default_network() {
    for (default, want) in [
        (None, "kube-system/macvlan-conf"),
        (Some("t/nad2"), "t/nad2"),
        // Without a namespace that of the agent is meant.
        (Some("nad1"), "spiderpool/nad1"),
        (Some("t/nad2,t/nad3"), "t/nad2"),
        (Some("t/nad2@eth0"), "t/nad2"),
        (Some(r#"[{"name":"nad1"},{"name":"nad2"}]"#), "spiderpool/nad1"),
        (Some(r#"[{"Name":"nad1","NAMESPACE":"x"}]"#), "x/nad1"),
    ] {
        for slot in [named("eth0"), named("0"), Slot::Position(0)] {
            assert_eq!(network(default, Some("t/other"), &slot).as_deref(), Ok(want), "{default:?}");
        }
    }
    for (default, want) in [
        (
            "[{",
            "failed to parse Annotation 'v1.multus-cni.io/default-network' value '[{', error: parsePodNetworkAnnotation: failed to \
             parse pod Network Attachment Selection Annotation JSON format: unexpected end of JSON input",
        ),
        (
            "",
            "failed to parse Annotation 'v1.multus-cni.io/default-network' value '', error: parsePodNetworkAnnotation: , spiderpool",
        ),
        (
            "A/b",
            "failed to parse Annotation 'v1.multus-cni.io/default-network' value 'A/b', error: parsePodNetworkAnnotation: \"A/b\" is no network",
        ),
    ] {
        begins(&network(Some(default), None, &named("eth0")).unwrap_err(), want);
    }
    let none = annotations(&[]);
    for cluster_network in [None, Some("")] {
        let scope = NetworkScope { cluster_network, ..SCOPE };
        let error = PodAnnotations::new(&none).networks().of(&named("eth0"), scope).unwrap_err();
        assert_eq!(error, NetworkError::Unset);
        begins(&error, "cluster-network multus isn't set");
    }
    let scope = NetworkScope { cluster_network: Some("a/b/c"), ..SCOPE };
    let error = PodAnnotations::new(&none).networks().of(&named("eth0"), scope).unwrap_err();
    assert!(matches!(error, NetworkError::ClusterNetwork { .. }), "{error}");
}

#[test]
fn the_others_are_found_by_interface_or_place() {
    const JSON: &str = r#"[{"name":"net-a","namespace":"t","interface":"dmz0"},{"name":"net-b","ips":["10.0.0.1"]},{"name":"net-c","namespace":"x"}]"#;
    const SHORT: &str = "t/net-a@dmz0, net-b ,x/net-c";
    for text in [JSON, SHORT] {
        for (slot, want) in [
            (named("dmz0"), "t/net-a"),
            (named("net2"), "t/net-b"),
            (named("net3"), "x/net-c"),
            (Slot::Position(1), "t/net-a"),
            (Slot::Position(3), "x/net-c"),
        ] {
            assert_eq!(network(None, Some(text), &slot).as_deref(), Ok(want), "{slot:?}");
        }
        // A network that names an interface has no other name.
        for slot in [named("net1"), named("net02"), named("net4"), Slot::Position(4)] {
            let want = format!("unknown: no matched multus object for NIC '{slot}'. ");
            begins(&network(None, Some(text), &slot).unwrap_err(), &want);
        }
    }
}

#[test]
fn malformed_lists_of_networks() {
    for (further, want) in [
        (None, "parsePodNetworkAnnotation: , t"),
        (Some(""), "parsePodNetworkAnnotation: , t"),
        (
            Some(r#"[{"name":"#),
            "parsePodNetworkAnnotation: failed to parse pod Network Attachment Selection Annotation JSON format: unexpected end of JSON input",
        ),
        (Some(r#"[{"namespace":"t"}]"#), "parsePodNetworkAnnotation: \"\" is no network"),
        (Some("[null]"), "parsePodNetworkAnnotation: \"\" is no network"),
        (Some("a,,b"), "parsePodNetworkAnnotation: \"\" is no network"),
        (Some("a/b/c"), "parsePodNetworkAnnotation: \"a/b/c\" is no network"),
        (Some("a@b@c"), "parsePodNetworkAnnotation: \"a@b@c\" is no network"),
        (Some("-a"), "parsePodNetworkAnnotation: \"-a\" is no network"),
        (Some("/a"), "parsePodNetworkAnnotation: \"/a\" is no network"),
    ] {
        let error = network(None, further, &named("net1")).unwrap_err();
        begins(&error, &format!("failed to parse pod network annotation: {want}"));
    }
}
