//! `subnets`, `subnet` and `ippool-reclaim`.

use ipam_core::Family;
use ipam_core::annotation::{AnnotationError, PodAnnotations, SubnetChoice, SubnetNames};

use crate::{annotations, begins};

fn read(key: &str, value: &str) -> Result<SubnetChoice, AnnotationError> {
    let on_pod = annotations(&[(key, value)]);
    PodAnnotations::new(&on_pod).subnets().map(Option::unwrap)
}

fn both(names: &SubnetNames) -> (Option<&str>, Option<&str>) {
    (names.of(Family::V4), names.of(Family::V6))
}

#[test]
fn single() {
    for (value, nic, want) in [
        (r#"{"ipv4":["s4"]}"#, "eth0", (Some("s4"), None)),
        (r#"{"interface":"net7","ipv4":["s4"],"ipv6":["s6"]}"#, "net7", (Some("s4"), Some("s6"))),
        (r#"{"IPv6":["s6","ignored"],"ipv4":[]}"#, "eth0", (None, Some("s6"))),
        // Wildcards are names like any other here.
        (r#"{"ipv4":["s*"]}"#, "eth0", (Some("s*"), None)),
    ] {
        let SubnetChoice::Single { made_for, names } = read("subnet", value).unwrap() else {
            unreachable!("{value}")
        };
        assert_eq!((made_for.as_str(), both(&names)), (nic, want), "{value}");
    }
    const NONE: &str = "it's invalid to set dual empty subnet with single interface: ";
    for (value, want) in [
        ("null", "no subnets specified: "),
        ("{}", NONE),
        (r#"{"ipv4":[]}"#, NONE),
        (r#"{"ipv4":[""]}"#, "it's invalid to set an empty IPv4 subnet with single interface"),
        (
            "s4",
            "failed to parse anntation 'ipam.spidernet.io/subnet' value 's4', error: \
             invalid character 's' looking for beginning of value",
        ),
        (
            "",
            "failed to parse anntation 'ipam.spidernet.io/subnet' value '', error: unexpected end of JSON input",
        ),
        (
            r#"[{"ipv4":["s4"]}]"#,
            "failed to parse anntation 'ipam.spidernet.io/subnet' value '[{\"ipv4\":[\"s4\"]}]', error: \
             json: cannot unmarshal array into Go value of type types.AnnoSubnetItem",
        ),
    ] {
        let error = read("subnet", value).unwrap_err();
        begins(&error, want);
        assert!(error.to_string().contains("accepted: {\"interface\":"), "{error}");
    }
}

#[test]
fn several() {
    let value = r#"[{"interface":"eth0","ipv4":["s4"],"ipv6":["s6"]},{"interface":"net1","ipv4":["t4"]}]"#;
    let SubnetChoice::ByNic(items) = read("subnets", value).unwrap() else { unreachable!() };
    let items: Vec<_> = items.iter().map(|(nic, names)| (nic.as_str(), both(names))).collect();
    assert_eq!(items, [("eth0", (Some("s4"), Some("s6"))), ("net1", (Some("t4"), None))]);

    for (value, want) in [
        ("[]", "no subnets specified: "),
        ("null", "no subnets specified: "),
        (
            "",
            "failed to parse anntation 'ipam.spidernet.io/subnets' value '', error: unexpected end of JSON input",
        ),
        (
            r#"[{"interface":"eth0","ipv4":[""]}]"#,
            "it's invalid to set an empty IPv4 subnet with mutilple interfaces",
        ),
        (
            r#"[{"interface":"eth0","ipv6":["","s6"]}]"#,
            "it's invalid to set an empty IPv6 subnet with mutilple interfaces",
        ),
        (r#"[{"interface":"eth0"}]"#, "it's invalid to set dual empty subnet with multiple interfaces: "),
        (
            r#"[{"interface":"eth0","ipv4":["s4"]},{"interface":"net1","ipv4":["s4"]}]"#,
            "it's invalid to use the same subnet for multiple interfaces: s4",
        ),
        (
            r#"[{"interface":"eth0","ipv4":["s4"]},{"interface":"eth0","ipv4":["s5"]}]"#,
            "it's invalid to use the same Interface name for multiple interfaces: eth0",
        ),
        // The original makes a pool that no NIC ever uses.
        (
            r#"[{"ipv4":["s4"]}]"#,
            "wrong input, invalid format of Pod annotation 'ipam.spidernet.io/subnets': item 0 has no interface",
        ),
    ] {
        let error = read("subnets", value).unwrap_err();
        begins(&error, want);
        assert!(error.to_string().contains("accepted: [{\"interface\":"), "{error}");
    }
}

#[test]
fn several_hide_a_single_one() {
    let on_pod = annotations(&[("subnet", "nonsense"), ("subnets", r#"[{"interface":"a","ipv4":["s"]}]"#)]);
    let pod = PodAnnotations::new(&on_pod);
    assert!(pod.has_subnets());
    assert!(matches!(pod.subnets(), Ok(Some(SubnetChoice::ByNic(_)))));
    let none = annotations(&[("subnet-of-mine", "")]);
    assert!(!PodAnnotations::new(&none).has_subnets());
    assert_eq!(PodAnnotations::new(&none).subnets(), Ok(None));
}

#[test]
fn reclaim_is_a_truth_value_of_go() {
    let read = |value| PodAnnotations::new(&annotations(&[("ippool-reclaim", value)])).reclaim();
    for text in ["1", "t", "T", "TRUE", "true", "True"] {
        assert_eq!(read(text), Ok(true), "{text}");
    }
    for text in ["0", "f", "F", "FALSE", "false", "False"] {
        assert_eq!(read(text), Ok(false), "{text}");
    }
    assert_eq!(PodAnnotations::new(&annotations(&[])).reclaim(), Ok(true));
    for text in ["", "maybe", "tRUE", " true", "yes"] {
        let want = format!(
            "failed to parse spider subnet 'ipam.spidernet.io/ippool-reclaim', error: strconv.ParseBool: \
             parsing {text:?}: invalid syntax; accepted: 1 t T TRUE"
        );
        begins(&read(text).unwrap_err(), &want);
    }
}
