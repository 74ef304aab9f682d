//! What is asked for a pod that keeps its addresses for life.

use std::collections::BTreeMap;

use ipam_core::annotation::{NamespaceAnnotations, PodAnnotations};
use ipam_core::select::source::{Asked, Question, Switches};
use ipam_core::select::{Catalogue, Keep, ListedPool, MadePools, PoolNames, Recorded, Standing, Subject};
use ipam_core::{NicRequest, PoolFields};

fn pools() -> Catalogue {
    let v4 = |name: &str, third: u8, is_disabled: bool| {
        let fields = PoolFields {
            ip_version: Some(4),
            subnet: format!("10.{third}.0.0/24"),
            ips: vec![format!("10.{third}.0.10-10.{third}.0.19")],
            disable: Some(is_disabled),
            ..PoolFields::default()
        };
        ListedPool::new(name.parse().unwrap(), &fields, Standing::default())
    };
    let v6 = PoolFields {
        ip_version: Some(6),
        subnet: "fd00::/64".to_owned(),
        ips: vec!["fd00::10-fd00::19".to_owned()],
        ..PoolFields::default()
    };
    let v6 = ListedPool::new("p6".parse().unwrap(), &v6, Standing::default());
    [v4("p4", 6, false), v4("q4", 7, false), v4("off", 8, true), v6].into_iter().collect()
}

/// `nic: v4 pools / v6 pools`, NIC by NIC.
fn text(requests: &[NicRequest]) -> String {
    let join = |names: &[ipam_core::PoolName]| {
        names.iter().map(ipam_core::PoolName::as_str).collect::<Vec<_>>().join(" ")
    };
    let one = |nic: &NicRequest| format!("{}: {} / {}", nic.nic, join(&nic.v4), join(&nic.v6));
    requests.iter().map(one).collect::<Vec<_>>().join("; ")
}

fn check(annotation: (&str, &str), nic: &str, recorded: &[Recorded<'_>], keep: Keep, want: &str) {
    let on_pod = BTreeMap::from([(format!("ipam.spidernet.io/{}", annotation.0), annotation.1.to_owned())]);
    let none = BTreeMap::new();
    let nic = nic.parse().unwrap();
    let question = Question {
        nic,
        pod: PodAnnotations::new(&on_pod),
        namespace: NamespaceAnnotations::new(&none),
        configured: PoolNames::default(),
        clean_gateway: false,
    };
    let asked = Asked::new(&question, Switches::default()).unwrap();
    let found =
        asked.keeping(&question.nic, recorded, keep, &pools(), &Subject::default(), &MadePools::default());
    let found = found.map_or_else(|error| error.to_string(), |requests| text(&requests));
    assert!(found.starts_with(want), "{annotation:?}: want {want}, got {found}");
    if !want.starts_with("no ") {
        assert_eq!(found, want, "{annotation:?}");
    }
}

fn entry<'a>(nic: &'a str, v4: &'a str) -> Recorded<'a> {
    Recorded { nic, v4: Some(v4), v6: None }
}

#[test]
fn named_nics() {
    let both = [entry("eth0", "p4"), entry("net1", "q4")];
    let ippools = |text| ("ippools", text);
    let named = r#"[{"interface":"eth0","ipv4":["p4"]},{"interface":"net1","ipv4":["q4"]}]"#;
    for (annotation, nic, recorded, want) in [
        // Nothing is recorded.
        (("ippool", r#"{"ipv4":["p4","q4"]}"#), "eth0", &[][..], "eth0: p4 q4 / "),
        // What is recorded comes first, whatever the order of the list.
        (("ippool", r#"{"ipv4":["q4","p4"]}"#), "eth0", &both[..1], "eth0: p4 q4 / "),
        // Another family that is asked for now is not given.
        (("ippool", r#"{"ipv4":["p4"],"ipv6":["p6"]}"#), "eth0", &both[..1], "eth0: p4 / "),
        // A pool that is not named any more outdates its NIC.
        (("ippool", r#"{"ipv4":["q4"]}"#), "eth0", &both[..1], "eth0: q4 / "),
        // A pattern names it as well.
        (("ippool", r#"{"ipv4":["?4"]}"#), "eth0", &both[1..], "eth0: p4 q4 / ; net1: q4 / "),
        // NICs that this ADD does not ask for keep theirs.
        (("ippool", r#"{"ipv4":["p4"]}"#), "eth0", &both[..], "eth0: p4 / ; net1: q4 / "),
        (ippools(named), "eth0", &both[..], "eth0: p4 / ; net1: q4 / "),
        // Only the NIC of the ADD is held against the list.
        (
            ippools(r#"[{"interface":"eth0","ipv4":["q4"]},{"interface":"net1","ipv4":["p4"]}]"#),
            "eth0",
            &both[..],
            "eth0: q4 / ; net1: q4 p4 / ",
        ),
        // What speaks against a pool does not count while it is named.
        (("ippool", r#"{"ipv4":["off"]}"#), "eth0", &[entry("eth0", "off")][..], "eth0: off / "),
        // It does for a NIC that has nothing.
        (("ippool", r#"{"ipv4":["off"]}"#), "eth0", &[], "no IPPool available"),
    ] {
        check(annotation, nic, recorded, Keep::WhileNamed, want);
    }
}

#[test]
fn a_family_that_is_not_named_outdates_both() {
    let dual = [Recorded { nic: "eth0", v4: Some("p4"), v6: Some("p6") }];
    let only_v4 = ("ippool", r#"{"ipv4":["q4","p4"]}"#);
    check(only_v4, "eth0", &dual, Keep::WhileNamed, "eth0: q4 p4 / ");
    check(only_v4, "eth0", &dual, Keep::Always, "eth0: p4 q4 / p6");
    let gone = [entry("eth0", "gone")];
    check(only_v4, "eth0", &gone, Keep::Always, "eth0: gone q4 p4 / ");
}

#[test]
fn nics_by_place() {
    let list = ("ippools", r#"[{"ipv4":["p4"]},{"ipv4":["q4"]}]"#);
    let claimed = [entry("eth0", "p4"), entry("net1", "q4")];
    let unclaimed = [entry("eth0", "p4"), entry("", "q4")];
    let moved = [entry("eth0", "p4"), entry("net1", "p4")];
    for (recorded, want) in [
        (&[][..], "eth0: p4 / ; 1: q4 / "),
        (&claimed[..], "eth0: p4 / ; net1: q4 / "),
        (&unclaimed[..], "eth0: p4 / ; 1: q4 / "),
        // One that differs outdates all.
        (&moved[..], "eth0: p4 / ; net1: q4 / "),
    ] {
        check(list, "eth0", recorded, Keep::WhileNamed, want);
    }
    let longer = ("ippools", r#"[{"ipv4":["q4"]},{"ipv4":["q4","p4"]}]"#);
    check(longer, "eth0", &claimed, Keep::WhileNamed, "eth0: q4 / ; net1: q4 p4 / ");
    check(longer, "eth0", &claimed, Keep::Always, "eth0: p4 q4 / ; net1: q4 p4 / ");
}
