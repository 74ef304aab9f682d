//! Who may use a pool, test by test.

use ipam_core::select::Rejected;
use ipam_core::{PoolFields, RouteFields};

use super::*;

type With = fn(&mut PoolFields);
type Of = fn(&mut Subject);

/// What is said of pool p4 for eth0; empty where it may be used.
fn said(pool: &ListedPool, subject: &Subject) -> String {
    said_of("eth0", pool, subject)
}

fn said_of(interface: &str, pool: &ListedPool, subject: &Subject) -> String {
    let reason = pool.verdict(&nic(interface), Family::V4, subject);
    reason.map_or_else(String::new, |reason| Rejected { pool: pool.name().clone(), reason }.to_string())
}

#[test]
fn tests_that_look_at_the_pool_alone() {
    let gone = Standing { is_terminating: true, is_auto: false };
    let is = |pool: &ListedPool| said(pool, &subject());
    assert_eq!(is(&pool("p4", |_| {})), "");
    assert_eq!(is(&standing("p4", gone, |fields| fields.disable = Some(true))), "terminating IPPool p4");
    assert_eq!(is(&pool("p4", |fields| fields.disable = Some(true))), "disabled IPPool p4");
    assert_eq!(is(&pool("p4", |fields| fields.ip_version = None)), "nil ippool ipVersion");
    assert_eq!(is(&pool("p6", |_| {})), "expect an IPv4 IPPool, but the version of the IPPool p6 is IPv6");
}

/// A pool that admission would not let through is rejected with its faults, and only where nothing the original tests speaks against it.
#[test]
fn stored_with_faults() {
    let cases: [(With, &str); 4] = [
        (
            |fields| fields.subnet = "10.6.0.0/33".into(),
            "IPPool p4 is stored with faults and cannot be used: spec.subnet: Invalid value: \"10.6.0.0/33\": invalid CIDR format in IPv4 '10.6.0.0/33'",
        ),
        (
            |fields| fields.ips = vec!["10.7.0.1".into(), "x".into()],
            "IPPool p4 is stored with faults and cannot be used: spec.ips[0]: Invalid value: \"10.7.0.1\": not match base subnet",
        ),
        (
            |fields| {
                fields.subnet = "nonsense".into();
                fields.node_name = vec!["n2".into()];
            },
            "unmatched Node name of IPPool p4",
        ),
        (
            |fields| fields.ip_version = Some(5),
            "IPPool p4 is stored with faults and cannot be used: spec.ipVersion",
        ),
    ];
    for (with, want) in cases {
        let text = said(&pool("p4", with), &subject());
        assert!(text.starts_with(want), "{text}");
        assert!(!want.contains("stored") || pool("p4", with).spec().is_none());
    }
    let both: Catalogue = [pool("p4", cases[0].0), pool("q4", |_| {})].into_iter().collect();
    let names = texts(&["p4", "q4"]);
    assert_eq!(outcome(&both, Family::V4, Asked::Names(&names), &subject()), "q4");
}

/// The original's allocator uses what it can read, and says nothing of the rest.
#[test]
fn stored_past_admission_and_usable() {
    let cases: [(With, &str); 5] = [
        (|fields| fields.subnet = "10.6.0.7/24".into(), "10.6.0.10-10.6.0.19"),
        (|fields| fields.ips = vec!["10.6.0.9-10.6.0.3".into(), "10.6.0.50".into()], "10.6.0.50"),
        (|fields| fields.gateway = Some("10.6.0.12".into()), "10.6.0.10-10.6.0.19"),
        (|fields| fields.gateway = Some("nonsense".into()), "10.6.0.10-10.6.0.19"),
        (
            |fields| fields.routes = Some(vec![RouteFields { dst: "x".into(), gw: "y".into() }]),
            "10.6.0.10-10.6.0.19",
        ),
    ];
    for (with, gives) in cases {
        let pool = pool("p4", |fields| {
            fields.ips = vec!["10.6.0.10-10.6.0.19".into()];
            with(fields);
        });
        assert_eq!(
            pool.spec().map(|spec| spec.allocatable().to_string()).as_deref(),
            Some(gives),
            "{:?}",
            pool.faults()
        );
    }
    let unknown = pool("p4", |fields| fields.exclude_ips = vec!["nonsense".into()]);
    assert!(unknown.spec().is_none(), "what it was to keep is unknown");
}

#[test]
fn nodes_and_namespaces() {
    let none: Of = |_| {};
    let unknown: Of = |subject| {
        subject.node = "n9".into();
        subject.node_labels = None;
    };
    let cases: [(With, Of, &str); 15] = [
        (|fields| fields.node_name = texts(&["n2", "n1"]), none, ""),
        (|fields| fields.node_name = texts(&["n2"]), none, "unmatched Node name of IPPool p4"),
        (|fields| fields.node_affinity = selects(&[("zone", "z1")]), none, ""),
        (
            |fields| fields.node_affinity = selects(&[("zone", "z2")]),
            none,
            "unmatched Node affinity of IPPool p4",
        ),
        (|fields| fields.node_affinity = selects(&[]), none, ""),
        (
            |fields| {
                fields.node_name = texts(&["n1"]);
                fields.node_affinity = selects(&[("zone", "z2")]);
            },
            none,
            "",
        ),
        (
            |fields| {
                fields.node_name = texts(&["n2"]);
                fields.node_affinity = requires("zone", "Nonsense", &[]);
            },
            none,
            "unmatched Node name of IPPool p4",
        ),
        (
            |fields| fields.node_affinity = requires("zone", "Nonsense", &["z1"]),
            none,
            "\"Nonsense\" is not a valid label selector operator",
        ),
        (|fields| fields.node_affinity = selects(&[("zone", "z1")]), unknown, "Node \"n9\" not found"),
        (|fields| fields.node_name = texts(&["n9"]), unknown, ""),
        (|_| {}, unknown, ""),
        (|fields| fields.namespace_name = texts(&["u"]), none, "unmatched Namespace name of IPPool p4"),
        (
            |fields| {
                fields.namespace_name = texts(&["t"]);
                fields.namespace_affinity = selects(&[("team", "b")]);
            },
            none,
            "",
        ),
        (|fields| fields.namespace_affinity = selects(&[("team", "a")]), none, ""),
        (
            |fields| fields.namespace_affinity = selects(&[("team", "b")]),
            none,
            "unmatched Namespace affinity of IPPool p4",
        ),
    ];
    for (index, (with, of, want)) in cases.into_iter().enumerate() {
        let mut subject = subject();
        of(&mut subject);
        assert_eq!(said(&pool("p4", with), &subject), want, "case {index}");
    }
}

/// Kubernetes' semantics: `NotIn` and `DoesNotExist` hold for a label that is not there, and all conditions must hold.
#[test]
fn operators() {
    for (key, operator, values, want) in [
        ("app", "In", &["w", "x"][..], true),
        ("app", "In", &["w"], false),
        ("tier", "In", &["w"], false),
        ("app", "NotIn", &["w"], true),
        ("app", "NotIn", &["w", "x"], false),
        ("tier", "NotIn", &["w"], true),
        ("app", "Exists", &[], true),
        ("tier", "Exists", &[], false),
        ("app", "DoesNotExist", &[], false),
        ("tier", "DoesNotExist", &[], true),
    ] {
        let one = pool("p4", |fields| fields.pod_affinity = requires(key, operator, values));
        let no = if want { "" } else { "unmatched Pod affinity of IPPool p4" };
        assert_eq!(said(&one, &subject()), no, "{key} {operator} {values:?}");
        let both = pool("p4", |fields| {
            fields.pod_affinity = requires(key, operator, values);
            fields.pod_affinity.as_mut().unwrap().match_labels = labels(&[("app", "y")]);
        });
        assert_ne!(said(&both, &subject()), "", "{key} {operator} {values:?} and another label");
    }
    assert_eq!(said(&pool("p4", |fields| fields.pod_affinity = selects(&[])), &subject()), "");
    for (operator, values, want) in [
        ("in", &["x"][..], "\"in\" is not a valid label selector operator"),
        ("In", &[], "spec.podAffinity.matchExpressions[0].values: Required value"),
        ("Exists", &["x"], "spec.podAffinity.matchExpressions[0].values: Forbidden"),
        ("In", &["a b"], "spec.podAffinity.matchExpressions[0].values[0]: Invalid value: \"a b\""),
    ] {
        let text =
            said(&pool("p4", |fields| fields.pod_affinity = requires("app", operator, values)), &subject());
        assert!(text.starts_with(want), "{text}");
    }
}

#[test]
fn made_for_a_workload() {
    let auto = Standing { is_auto: true, ..Standing::default() };
    let of = |controller: &Controller| {
        let affinity: Labels = controller.affinity().map(|(key, value)| (key.into(), value.into())).collect();
        standing("p4", auto, |fields| {
            fields.pod_affinity = Some(LabelSelector { match_labels: affinity, ..LabelSelector::default() });
            fields.multus_name = texts(&["t/elsewhere"]);
        })
    };
    let other = "unmatched Pod annifity of auto-created IPool p4";
    let deployment = Controller::new("apps/v1", "Deployment", "t", "web");
    let replication = Controller::new("v1", "ReplicationController", "t", "web");
    for (pool_of, subject_of, want) in [
        // A match ends the filter: the Multus network is another one.
        (&deployment, Some(&deployment), ""),
        (&deployment, Some(&Controller::new("apps/v1", "Deployment", "t", "api")), other),
        (&deployment, Some(&Controller::new("apps/v1", "Deployment", "u", "web")), other),
        (&deployment, Some(&Controller::new("apps/v1", "StatefulSet", "t", "web")), other),
        (&deployment, Some(&Controller::new("apps/v2", "Deployment", "t", "web")), other),
        (&deployment, Some(&Controller::new("v1", "Deployment", "t", "web")), other),
        (&deployment, None, other),
        (&replication, Some(&replication), ""),
    ] {
        let subject = Subject { controller: subject_of.cloned(), ..subject() };
        assert_eq!(said(&of(pool_of), &subject), want, "{pool_of:?} for {subject_of:?}");
    }
    // A missing key is an empty value; labels of the pod do not count; without affinity the pool is like any other.
    let core = standing("p4", auto, |fields| {
        let mut affinity: Labels =
            replication.affinity().map(|(key, value)| (key.into(), value.into())).collect();
        affinity.remove("ipam.spidernet.io/app-api-group");
        fields.pod_affinity = Some(LabelSelector { match_labels: affinity, ..LabelSelector::default() });
    });
    assert_eq!(said(&core, &Subject { controller: Some(replication), ..subject() }), "");
    let by_label = standing("p4", auto, |fields| fields.pod_affinity = selects(&[("app", "x")]));
    assert_eq!(said(&by_label, &subject()), other);
    let open = standing("p4", auto, |fields| fields.multus_name = texts(&["t/elsewhere"]));
    assert!(said(&open, &subject()).starts_with("the spec.multusName [t/elsewhere] in the IPPool p4"));
}

#[test]
fn multus_networks() {
    let mismatch = "in the IPPool p4 used by the Pod interface eth0 is not matched with the multusCR";
    let cases: [(&[&str], Network, String); 8] = [
        (&["t/nad"], Network::Named { namespace: "t".into(), name: "nad".into() }, String::new()),
        (&["x", "t/nad"], Network::Named { namespace: "t".into(), name: "nad".into() }, String::new()),
        (&["nad"], Network::Named { namespace: "spiderpool".into(), name: "nad".into() }, String::new()),
        (
            &["nad"],
            Network::Named { namespace: "t".into(), name: "nad".into() },
            format!("the spec.multusName [nad] {mismatch} t/nad specified by the Pod"),
        ),
        (
            &["t/a", "b"],
            Network::Named { namespace: "t".into(), name: "nad".into() },
            format!("the spec.multusName [t/a b] {mismatch} t/nad specified by the Pod"),
        ),
        (
            &["t/a", "b"],
            Network::Unset,
            "cluster-network multus isn't set, the IPPool p4 specified multusName [t/a b] unmatched".into(),
        ),
        (&["t/a"], Network::Unresolved("failed to parse it".into()), "failed to parse it".into()),
        // Who asks for no network needs none.
        (&[], Network::Unresolved("failed to parse it".into()), String::new()),
    ];
    for (names, network, want) in cases {
        let mut subject = subject();
        subject.uplinks.insert(nic("eth0"), Uplink { network, master: None });
        assert_eq!(
            said(&pool("p4", |fields| fields.multus_name = texts(names)), &subject),
            want,
            "{names:?}"
        );
    }
    let one = pool("p4", |fields| fields.multus_name = texts(&["t/nad"]));
    let unknown = said_of("net1", &one, &subject());
    assert!(unknown.starts_with("unknown: no matched multus object for NIC 'net1'."), "{unknown}");
    assert_eq!(said_of("net1", &pool("p4", |_| {}), &subject()), "");
}

/// A match of the Multus network does not switch the test of the master off.
#[test]
fn subnets_of_the_master() {
    for names in [&[][..], &["t/nad"]] {
        let one = pool("p4", |fields| fields.multus_name = texts(names));
        for (master, want) in [
            (None, ""),
            (Some(Ok(vec!["fd00::1".parse().unwrap(), "10.6.0.200".parse().unwrap()])), ""),
            (
                Some(Ok(vec!["10.7.0.1".parse().unwrap()])),
                "filterPoolCandidatesByPfSubnet: no address of the master of NIC eth0 lies in spec.subnet 10.6.0.0/24 of IPPool p4",
            ),
            (
                Some(Ok(vec![])),
                "filterPoolCandidatesByPfSubnet: no address of the master of NIC eth0 lies in spec.subnet 10.6.0.0/24 of IPPool p4",
            ),
            (Some(Err("no such device".to_owned())), "filterPoolCandidatesByPfSubnet: no such device"),
        ] {
            let mut subject = subject();
            subject.uplinks.get_mut(&nic("eth0")).unwrap().master = master;
            assert_eq!(said(&one, &subject), want, "{names:?}");
        }
    }
}

/// Of all that speaks against a pool the first in the original's order is told.
#[test]
fn the_first_reason_counts() {
    let steps: [(With, &str); 6] = [
        (|fields| fields.multus_name = texts(&["x"]), "the spec.multusName"),
        (|fields| fields.pod_affinity = selects(&[("app", "z")]), "unmatched Pod affinity"),
        (|fields| fields.namespace_name = texts(&["u"]), "unmatched Namespace name"),
        (|fields| fields.node_name = texts(&["n2"]), "unmatched Node name"),
        (|fields| fields.ip_version = Some(6), "expect an IPv4 IPPool"),
        (|fields| fields.disable = Some(true), "disabled IPPool"),
    ];
    let mut fields = fields("p4");
    for (with, want) in steps {
        with(&mut fields);
        let one = ListedPool::new("p4".parse().unwrap(), &fields, Standing::default());
        let text = said(&one, &subject());
        assert!(text.starts_with(want), "{text}");
    }
}
