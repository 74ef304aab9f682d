//! `ippool`, `ippools` and the defaults of a namespace.

use ipam_core::annotation::{AnnotationError, ItemsView, NamespaceAnnotations, PodAnnotations, PoolItems};
use ipam_core::select::PoolNames;

use crate::{annotations, begins};

fn ippool(value: &str) -> Result<PoolNames, AnnotationError> {
    let on_pod = annotations(&[("ippool", value)]);
    PodAnnotations::new(&on_pod).ippool().map(Option::unwrap)
}

fn ippools(value: &str) -> Result<PoolItems, AnnotationError> {
    let on_pod = annotations(&[("ippools", value)]);
    PodAnnotations::new(&on_pod).ippools().map(Option::unwrap)
}

fn names(v4: &[&str], v6: &[&str]) -> PoolNames {
    let own = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect();
    PoolNames { v4: own(v4), v6: own(v6) }
}

const IPPOOL: &str = "wrong input, invalid format of Pod annotation 'ipam.spidernet.io/ippool': ";
const IPPOOLS: &str = "wrong input, invalid format of Pod annotation 'ipam.spidernet.io/ippools': ";

#[test]
fn a_single_list_is_read_as_the_original_reads_it() {
    for (value, want) in [
        (r#"{"ipv4":["p4"]}"#, names(&["p4"], &[])),
        (r#"{"ipv4":["p4-a","p4-*"],"ipv6":["p6"]}"#, names(&["p4-a", "p4-*"], &["p6"])),
        (r#"{"IPv4":["p4"]}"#, names(&["p4"], &[])),
        (r#"{"ipv4":["p4"],"IPV4":["q4"]}"#, names(&["q4"], &[])),
        (r#"{"ipv4":["p4"],"IPV4":null}"#, names(&[], &[])),
        (r#"{"ipv4":null,"ipv6":null}"#, names(&[], &[])),
        (r#"{"ipv4":[null]}"#, names(&[""], &[])),
        (r#"{"ipv4":[" p4"]}"#, names(&[" p4"], &[])),
        (r#"{"interface":7,"ipv4":["p4"]}"#, names(&["p4"], &[])),
        ("{}", names(&[], &[])),
        ("null", names(&[], &[])),
    ] {
        assert_eq!(ippool(value), Ok(want), "{value}");
    }
}

#[test]
fn a_malformed_single_list_is_told_with_annotation_value_and_form() {
    for (value, want) in [
        ("p4", "invalid character 'p' looking for beginning of value"),
        ("", "unexpected end of JSON input"),
        (
            r#"[{"ipv4":["p4"]}]"#,
            "json: cannot unmarshal array into Go value of type types.AnnoPodIPPoolValue",
        ),
        (
            r#"{"ipv4":"p4"}"#,
            "json: cannot unmarshal string into Go struct field AnnoPodIPPoolValue.ipv4 of type []string",
        ),
        (
            r#"{"ipv4":[4]}"#,
            "json: cannot unmarshal number into Go struct field AnnoPodIPPoolValue.ipv4 of type string",
        ),
        (r#"{"ipv4":["p4"]} x"#, "invalid character 'x' after top-level value"),
    ] {
        let error = ippool(value).unwrap_err();
        begins(&error, &format!("{IPPOOL}{want}"));
        let more = format!("; annotation 'ipam.spidernet.io/ippool' is '{value}', accepted: {{\"ipv4\":[");
        assert!(error.to_string().contains(&more), "{error}");
    }
    let error = ippool(&"é".repeat(10_000)).unwrap_err().to_string();
    assert!(error.len() < 1_000 && error.contains("éé…'"), "{error}");
}

#[test]
fn items_are_all_named_or_all_in_order() {
    let named = ippools(
        r#"[{"interface":"eth0","ipv4":["p4"]},{"Interface":"net1","ipv6":["q6"],"cleanGateway":true}]"#,
    )
    .unwrap();
    let ItemsView::Named([eth0, net1]) = named.view() else { unreachable!("{named:?}") };
    assert_eq!((eth0.0.as_str(), &eth0.1.pools, eth0.1.clean_gateway), ("eth0", &names(&["p4"], &[]), false));
    assert_eq!((net1.0.as_str(), &net1.1.pools, net1.1.clean_gateway), ("net1", &names(&[], &["q6"]), true));

    let in_order = ippools(r#"[{"ipv4":["p4"]},{"interface":"","ipv4":["q4"]},null]"#).unwrap();
    let ItemsView::InOrder([first, second, third]) = in_order.view() else { unreachable!("{in_order:?}") };
    assert_eq!(first.pools, names(&["p4"], &[]));
    assert_eq!(second.pools, names(&["q4"], &[]));
    assert!(third.pools.is_empty());

    // Of equal keys the last wins, but `null` is none.
    let last = ippools(
        r#"[{"interface":"a","cleangateway":true,"INTERFACE":"b","cleanGateway":null,"interface":null}]"#,
    );
    let last = last.unwrap();
    let ItemsView::Named([item]) = last.view() else { unreachable!("{last:?}") };
    assert_eq!((item.0.as_str(), item.1.clean_gateway), ("b", true));
}

#[test]
fn items_that_contradict_are_refused() {
    for (value, want) in [
        ("", "unexpected end of JSON input"),
        (
            r#"{"interface":"eth0","ipv4":["p4"]}"#,
            "json: cannot unmarshal object into Go value of type types.AnnoPodIPPoolsValue",
        ),
        (
            r#"[{"interface":"eth0","ipv4":["p4"],"cleangateway":"true"}]"#,
            "json: cannot unmarshal string into Go struct field AnnoIPPoolItem.cleangateway of type bool",
        ),
        ("[1]", "json: cannot unmarshal number into Go value of type types.AnnoIPPoolItem"),
        ("[]", "value requires at least one item"),
        ("null", "value requires at least one item"),
        (
            r#"[{"ipv4":["p4"]},{"interface":"net1"}]"#,
            "NIC should be either all specified or all unspecified; item 1 has an interface",
        ),
        (
            r#"[{"interface":"eth0"},{"interface":"net1"},{}]"#,
            "NIC should be either all specified or all unspecified; item 2 has no interface",
        ),
        (r#"[{"interface":"eth0"},{"interface":"eth0"}]"#, "duplicate interface eth0"),
        (r#"[{"interface":"a/b"}]"#, r#"interface "a/b" is no name of a NIC; want 1 to 15 bytes"#),
    ] {
        begins(&ippools(value).unwrap_err(), &format!("{IPPOOLS}{want}"));
    }
}

#[test]
fn defaults_of_a_namespace() {
    let read = |pairs: &[(&str, &str)]| NamespaceAnnotations::new(&annotations(pairs)).default_pools();
    for (v4, v6, want) in [
        (None, None, names(&[], &[])),
        (Some(r#"["p4","q*"]"#), None, names(&["p4", "q*"], &[])),
        (Some(r#"["p4"]"#), Some(r#"["p6"]"#), names(&["p4"], &["p6"])),
        (Some("null"), Some("[]"), names(&[], &[])),
        (Some("[null]"), None, names(&[""], &[])),
    ] {
        let pairs: Vec<_> = [("default-ipv4-ippool", v4), ("default-ipv6-ippool", v6)]
            .into_iter()
            .filter_map(|(key, value)| Some((key, value?)))
            .collect();
        assert_eq!(read(&pairs), Ok(want), "{pairs:?}");
    }
    for (key, value, want) in [
        ("default-ipv4-ippool", "p4", "invalid character 'p' looking for beginning of value"),
        ("default-ipv4-ippool", "", "unexpected end of JSON input"),
        ("default-ipv6-ippool", r#"{"a":1}"#, "json: cannot unmarshal object into Go value of type []string"),
    ] {
        let error = read(&[(key, value)]).unwrap_err();
        let prefix =
            format!("wrong input, invalid format of Namespace annotation 'ipam.spidernet.io/{key}': {want}");
        begins(&error, &prefix);
    }
}
