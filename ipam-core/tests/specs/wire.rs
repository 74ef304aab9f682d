//! Pool fields as JSON, and misspelt names of them.

use super::*;

#[test]
fn misspelt_fields_find_their_name() {
    for (written, want) in [
        ("excludeIps", Some("excludeIPs")),
        ("exclude", None),
        ("ip", Some("ips")),
        ("subnets", Some("subnet")),
        ("getaway", Some("gateway")),
        ("nodeNames", Some("nodeName")),
        ("podAfinity", Some("podAffinity")),
        ("description", None),
    ] {
        assert_eq!(nearest(written, PoolFields::KNOWN_FIELDS), want, "{written}");
    }
}

#[test]
fn known_fields_are_those_of_the_wire() {
    let full = PoolFields {
        ip_version: Some(4),
        gateway: Some(String::new()),
        routes: Some(vec![RouteFields::default()]),
        pod_affinity: Some(LabelSelector::default()),
        namespace_affinity: Some(LabelSelector::default()),
        namespace_name: texts(&["a"]),
        node_affinity: Some(LabelSelector::default()),
        node_name: texts(&["a"]),
        multus_name: texts(&["a"]),
        default: Some(false),
        disable: Some(false),
        ..fields("", &["a"], &["a"])
    };
    let wire = serde_json::to_value(&full).unwrap();
    let keys: BTreeSet<&str> = wire.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, PoolFields::KNOWN_FIELDS.iter().copied().collect());
    assert_eq!(serde_json::from_value::<PoolFields>(wire).unwrap(), full);
    // Nothing, nulls and unknown fields are read as Go reads them.
    let nulls = r#"{"ipVersion":null,"subnet":null,"ips":null,"routes":null,"podAffinity":null,"default":null,"vlan":5}"#;
    assert_eq!(serde_json::from_str::<PoolFields>(nulls).unwrap(), PoolFields::default());
    assert_eq!(serde_json::to_string(&fields("s", &[], &[])).unwrap(), r#"{"subnet":"s"}"#);
    let declined = PoolFields { routes: Some(Vec::new()), ..fields("s", &[], &[]) };
    assert_eq!(serde_json::to_string(&declined).unwrap(), r#"{"subnet":"s"}"#);
    let reserved = serde_json::to_value(ReservedFields { ip_version: Some(4), ips: texts(&["a"]) }).unwrap();
    assert_eq!(reserved.as_object().unwrap().keys().collect::<Vec<_>>(), ReservedFields::KNOWN_FIELDS);
}
