//! The order of sources, and what is asked of them.

use ipam_core::annotation::{AnnotationError, NamespaceAnnotations, PodAnnotations};
use ipam_core::select::source::{Asked, PoolsAsked, Question, Source, SourceError, SubnetFeature, Switches};
use ipam_core::select::{PoolNames, Slot};
use ipam_core::{Family, Nic};

use crate::{annotations, begins};

/// A request, told by what it says.
#[derive(Clone, Copy, Default)]
struct Ask<'a> {
    nic: &'a str,
    pod: &'a [(&'a str, &'a str)],
    namespace: &'a [(&'a str, &'a str)],
    configured: (&'a [&'a str], &'a [&'a str]),
    clean_gateway: bool,
}

fn ask(what: Ask<'_>, switches: Switches) -> Result<Asked, SourceError> {
    let own = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect();
    let (on_pod, on_namespace) = (annotations(what.pod), annotations(what.namespace));
    let nic = if what.nic.is_empty() { "eth0" } else { what.nic };
    let question = Question {
        nic: nic.parse().unwrap(),
        pod: PodAnnotations::new(&on_pod),
        namespace: NamespaceAnnotations::new(&on_namespace),
        configured: PoolNames { v4: own(what.configured.0), v6: own(what.configured.1) },
        clean_gateway: what.clean_gateway,
    };
    Asked::new(&question, switches)
}

fn with_subnets(subnets: SubnetFeature) -> Switches {
    Switches { subnets, ..Switches::default() }
}

fn named(names: &[&str]) -> PoolsAsked {
    PoolsAsked::Named(names.iter().map(|name| (*name).to_owned()).collect())
}

fn nic(name: &str) -> Nic {
    name.parse().unwrap()
}

/// All sources at once, each with pools of its own.
const ALL: Ask<'static> = Ask {
    nic: "eth0",
    pod: &[
        ("subnets", r#"[{"interface":"eth0","ipv4":["s"]}]"#),
        ("subnet", r#"{"ipv4":["t"]}"#),
        ("ippools", r#"[{"interface":"eth0","ipv4":["a"]}]"#),
        ("ippool", r#"{"ipv4":["b"]}"#),
    ],
    namespace: &[("default-ipv4-ippool", r#"["c"]"#)],
    configured: (&["d"], &[]),
    clean_gateway: false,
};

#[test]
fn the_first_source_wins() {
    let of_subnet = |subnet: &str| PoolsAsked::OfSubnet { subnet: subnet.to_owned(), made_for: nic("eth0") };
    let all = with_subnets(SubnetFeature::AutoPools);
    let configuration = Ask { pod: &[], namespace: &[], ..ALL };
    for (what, switches, source, want) in [
        (ALL, all, Source::Subnets, of_subnet("s")),
        (Ask { pod: &ALL.pod[1..], ..ALL }, all, Source::Subnet, of_subnet("t")),
        (ALL, with_subnets(SubnetFeature::Off), Source::IpPools, named(&["a"])),
        (Ask { pod: &ALL.pod[2..], ..ALL }, all, Source::IpPools, named(&["a"])),
        (Ask { pod: &ALL.pod[3..], ..ALL }, all, Source::IpPool, named(&["b"])),
        (Ask { pod: &[], ..ALL }, all, Source::Namespace, named(&["c"])),
        (configuration, all, Source::CniConfiguration, named(&["d"])),
        (Ask::default(), all, Source::ClusterDefault, PoolsAsked::ClusterDefault),
    ] {
        let asked = ask(what, switches).unwrap();
        assert_eq!(asked.source(), source);
        assert_eq!(asked.nics().len(), 1);
        assert_eq!(asked.nics()[0].v4(), Some(&want), "{source}");
        let v6 = (source == Source::ClusterDefault).then_some(&PoolsAsked::ClusterDefault);
        assert_eq!(asked.nics()[0].v6(), v6, "{source}");
    }
}

#[test]
fn a_source_wins_as_a_whole() {
    let v6 = (&[][..], &["p6"][..]);
    let asked = ask(Ask { pod: &[], configured: v6, ..ALL }, Switches::default()).unwrap();
    assert_eq!((asked.source(), asked.nics()[0].v6()), (Source::Namespace, None));
    let ippool = Ask { pod: &[("ippool", r#"{"ipv4":["p4"]}"#)], configured: v6, ..Ask::default() };
    assert_eq!(ask(ippool, Switches::default()).unwrap().nics()[0].v6(), None);
    // Lists that are there and empty name nothing; only in a namespace that is no answer.
    let empty = &[("default-ipv4-ippool", "null"), ("default-ipv6-ippool", "[]")];
    let asked = ask(Ask { pod: &[], namespace: empty, ..ALL }, Switches::default()).unwrap();
    assert_eq!(asked.source(), Source::CniConfiguration);
    // One name that is empty is a name.
    let asked = ask(Ask { configured: (&[""], &[]), ..Ask::default() }, Switches::default()).unwrap();
    assert_eq!(asked.nics()[0].v4(), Some(&named(&[""])));
}

#[test]
fn an_invalid_source_does_not_fall_through() {
    for (what, words) in [
        (
            Ask { pod: &[("ippools", "[]"), ("ippool", r#"{"ipv4":["p4"]}"#)], ..ALL },
            "wrong input, invalid format of Pod annotation 'ipam.spidernet.io/ippools': value requires at least one item",
        ),
        (
            Ask { pod: &[("ippool", "p4")], ..ALL },
            "wrong input, invalid format of Pod annotation 'ipam.spidernet.io/ippool': invalid character 'p'",
        ),
        (
            Ask { pod: &[], namespace: &[("default-ipv6-ippool", "p6")], ..ALL },
            "wrong input, invalid format of Namespace annotation 'ipam.spidernet.io/default-ipv6-ippool': invalid",
        ),
        // What a source that wins hides is never read.
        (
            Ask {
                pod: &[("ippool", "{}"), ("routes", "nonsense")],
                namespace: &[("default-ipv4-ippool", "x")],
                ..ALL
            },
            "no IPPool available, Pod annotation 'ipam.spidernet.io/ippool' names nothing for NIC eth0",
        ),
    ] {
        begins(&ask(what, Switches::default()).unwrap_err(), words);
    }
    let malformed = Ask { pod: &[("subnet", "s4")], ..ALL };
    begins(
        &ask(malformed, with_subnets(SubnetFeature::AutoPools)).unwrap_err(),
        "failed to get IPPool candidates from Subnet: failed to parse anntation 'ipam.spidernet.io/subnet' value 's4'",
    );
    assert_eq!(ask(malformed, Switches::default()).unwrap().source(), Source::Namespace);
}

#[test]
fn subnets_without_auto_pools_are_an_error() {
    let off = with_subnets(SubnetFeature::WithoutAutoPools);
    for pod in [&ALL.pod[..1], &ALL.pod[1..2], &[("subnet", "nonsense")]] {
        begins(
            &ask(Ask { pod, ..ALL }, off).unwrap_err(),
            "it's invalid to use 'ipam.spidernet.io/subnets' or 'ipam.spidernet.io/subnet' annotation when Auto-Pool feature is disabled",
        );
    }
    assert_eq!(ask(Ask { pod: &ALL.pod[2..], ..ALL }, off).unwrap().source(), Source::IpPools);
}

#[test]
fn subnets_serve_the_nic_of_the_request() {
    let on = with_subnets(SubnetFeature::AutoPools);
    let two = &[(
        "subnets",
        r#"[{"interface":"eth0","ipv4":["s4"],"ipv6":["s6"]},{"interface":"net1","ipv6":["t6"]}]"#,
    )];
    let asked = ask(Ask { nic: "net1", pod: two, ..ALL }, on).unwrap();
    let t6 = PoolsAsked::OfSubnet { subnet: "t6".to_owned(), made_for: nic("net1") };
    assert_eq!(asked.nics()[0].families().collect::<Vec<_>>(), [(Family::V6, &t6)]);
    assert_eq!(asked.nics()[0].slot(), &Slot::Named(nic("net1")));

    let error = ask(Ask { nic: "net2", pod: two, ..ALL }, on).unwrap_err();
    begins(
        &error,
        "no IPPool available, Pod annotation 'ipam.spidernet.io/subnets' has no item for NIC net2; its items are for eth0, net1",
    );
    // `subnet` is for whatever NIC asks, and says for which one pools are made.
    let single = &[("subnet", r#"{"interface":"net7","ipv4":["s4"]}"#)];
    let asked = ask(Ask { pod: single, ..ALL }, on).unwrap();
    assert_eq!(asked.nics()[0].slot(), &Slot::Named(nic("eth0")));
    let s4 = PoolsAsked::OfSubnet { subnet: "s4".to_owned(), made_for: nic("net7") };
    assert_eq!(asked.nics()[0].v4(), Some(&s4));
}

#[test]
fn items_with_names_serve_all_nics() {
    let pod = &[(
        "ippools",
        r#"[{"interface":"net1","ipv4":["q4"],"cleangateway":true},{"interface":"eth0","ipv4":["p4"],"ipv6":["p6"]},{"interface":"net2"}]"#,
    )];
    // The switch of the CNI configuration does not count here.
    let asked = ask(Ask { pod, clean_gateway: true, ..ALL }, Switches::default()).unwrap();
    let nics: Vec<_> = asked.nics().iter().map(|one| (one.slot().to_string(), one.clean_gateway())).collect();
    assert_eq!(nics, [("net1".to_owned(), true), ("eth0".to_owned(), false)]);
    assert!(!asked.is_in_order());

    let error = ask(Ask { nic: "net9", pod, ..ALL }, Switches::default()).unwrap_err();
    assert!(matches!(error, SourceError::Annotation(AnnotationError::NicNotListed { .. })));
    begins(
        &error,
        "wrong input, invalid format of Pod annotation 'ipam.spidernet.io/ippools': interface net9 must be specified; the items are for net1, eth0, net2",
    );
    // An empty item harms none but its own NIC.
    let error = ask(Ask { nic: "net2", pod, ..ALL }, Switches::default()).unwrap_err();
    begins(
        &error,
        "no IPPool available, Pod annotation 'ipam.spidernet.io/ippools' names nothing for NIC net2",
    );
}

#[test]
fn items_without_names_serve_all_nics_in_order() {
    let items = |text| [("ippools", text)];
    let two = items(r#"[{"ipv4":["p4"]},{"ipv4":["q4"],"cleangateway":true},{}]"#);
    for nic in ["eth0", "net1"] {
        let asked = ask(Ask { nic, pod: &two, ..ALL }, Switches::default()).unwrap();
        let slots: Vec<_> =
            asked.nics().iter().map(|one| (one.slot().clone(), one.clean_gateway())).collect();
        assert_eq!(slots, [(Slot::Position(0), false), (Slot::Position(1), true)]);
        assert!(asked.is_in_order());
    }
    let gap = items(r#"[{"ipv4":["p4"]},{"ipv6":["q6"]},{"ipv4":["r4"]}]"#);
    assert_eq!(ask(Ask { pod: &gap, ..ALL }, Switches::default()).unwrap().nics().len(), 3);
    let v4_only = Switches { v6: false, ..Switches::default() };
    begins(
        &ask(Ask { pod: &gap, ..ALL }, v4_only).unwrap_err(),
        "no IPPool available, item 1 of Pod annotation 'ipam.spidernet.io/ippools' names no IPPool; IPv6 is switched off \
         (enableIPv6: false), but item 2 does",
    );
    begins(
        &ask(Ask { pod: &items("[{}]"), ..ALL }, Switches::default()).unwrap_err(),
        "no IPPool available, Pod annotation 'ipam.spidernet.io/ippools' names nothing for NIC eth0",
    );
}

#[test]
fn families_that_are_off_are_dropped() {
    let both = &[("ippool", r#"{"ipv4":["p4"],"ipv6":["nope"]}"#)];
    let v4_only = Switches { v6: false, ..Switches::default() };
    let asked = ask(Ask { pod: both, ..ALL }, v4_only).unwrap();
    assert_eq!(asked.nics()[0].families().collect::<Vec<_>>(), [(Family::V4, &named(&["p4"]))]);
    let asked = ask(Ask::default(), v4_only).unwrap();
    assert_eq!(asked.nics()[0].families().collect::<Vec<_>>(), [(Family::V4, &PoolsAsked::ClusterDefault)]);
    // Nothing is left: no fall to the next source, and the switch is named.
    let v6 = Ask { pod: &[("ippool", r#"{"ipv6":["p6"]}"#)], ..ALL };
    begins(
        &ask(v6, v4_only).unwrap_err(),
        "no IPPool available, Pod annotation 'ipam.spidernet.io/ippool' names nothing for NIC eth0; IPv6 is switched off",
    );
    let none = Switches { v4: false, v6: false, subnets: SubnetFeature::Off };
    begins(
        &ask(Ask::default(), none).unwrap_err(),
        "no IPPool available, the cluster default IPPools names nothing for NIC eth0; IPv4 is switched off (enableIPv4: false); IPv6",
    );
}

#[test]
fn the_clean_gateway_of_the_configuration_counts_for_all_other_sources() {
    let on = with_subnets(SubnetFeature::AutoPools);
    for pod in [&ALL.pod[..1], &ALL.pod[1..2], &ALL.pod[3..], &[]] {
        for clean_gateway in [false, true] {
            let asked = ask(Ask { pod, clean_gateway, ..ALL }, on).unwrap();
            assert_eq!(asked.nics()[0].clean_gateway(), clean_gateway);
        }
    }
}
