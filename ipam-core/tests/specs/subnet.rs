//! Subnets alone: every rule with its field and text.

use super::*;

fn check(fields: &SubnetFields) -> Result<SubnetSpec, Faults> {
    SubnetSpec::new(&"s".parse().unwrap(), fields)
}

#[test]
fn each_rule_of_a_subnet_has_its_field_and_text() {
    let route = |dst: &str, gw: &str| RouteFields { dst: dst.into(), gw: gw.into() };
    let v4 = subnet_fields("10.6.0.0/16", &[], &[]);
    let with = |change: &dyn Fn(&mut SubnetFields)| {
        let mut subnet = v4.clone();
        change(&mut subnet);
        subnet
    };
    let table = [
        (
            "no network",
            subnet_fields("", &[], &[]),
            r#"spec.ipVersion: Invalid value: "null": is not generated correctly, 'spec.subnet' may be invalid"#,
        ),
        (
            "family 5",
            with(&|subnet| subnet.ip_version = Some(5)),
            r#"spec.ipVersion: Unsupported value: 5: supported values: "4", "6""#,
        ),
        (
            "other family",
            with(&|subnet| subnet.ip_version = Some(6)),
            r#"spec.subnet: Invalid value: "10.6.0.0/16": invalid CIDR format in IPv6 '10.6.0.0/16', want"#,
        ),
        (
            "host bits",
            subnet_fields("10.6.0.1/16", &[], &[]),
            r#"spec.subnet: Invalid value: "10.6.0.1/16": unformatted subnet 10.6.0.1/16, please change it to 10.6.0.0/16"#,
        ),
        (
            "upper case",
            subnet_fields("FD00:1::/64", &[], &[]),
            r#"spec.subnet: Invalid value: "FD00:1::/64": unformatted subnet FD00:1::/64, please change it to fd00:1::/64"#,
        ),
        (
            "a network among the items",
            subnet_fields("10.6.0.0/16", &["10.6.1.0/24"], &[]),
            r#"spec.ips[0]: Invalid value: "10.6.1.0/24": invalid IP range format in IPv4 '10.6.1.0/24', want A or A-B"#,
        ),
        (
            "reversed",
            subnet_fields("10.6.0.0/16", &["10.6.0.9-10.6.0.3"], &[]),
            "spec.ips[0]: Invalid value: \"10.6.0.9-10.6.0.3\": invalid IP range format in IPv4 '10.6.0.9-10.6.0.3', \
             want 10.6.0.3-10.6.0.9",
        ),
        (
            "other family's item",
            subnet_fields("10.6.0.0/16", &["fd00::1"], &[]),
            r#"spec.ips[0]: Invalid value: "fd00::1": invalid IP range format in IPv4 'fd00::1', want IPv4 addresses"#,
        ),
        (
            "mapped address",
            subnet_fields("10.6.0.0/16", &["::ffff:10.6.0.1"], &[]),
            r#"spec.ips[0]: Invalid value: "::ffff:10.6.0.1": invalid IP range format in IPv4 '::ffff:10.6.0.1'"#,
        ),
        (
            "range that leaves the network",
            subnet_fields("10.6.0.0/16", &["10.6.255.250-10.7.0.3"], &[]),
            "spec.ips[0]: Invalid value: \"10.6.255.250-10.7.0.3\": not pertains to the 'spec.subnet' 10.6.0.0/16 of IPPool",
        ),
        (
            "exclude outside",
            subnet_fields("10.6.0.0/16", &[], &["10.6.0.1", "10.7.0.1"]),
            r#"spec.excludeIPs[1]: Invalid value: "10.7.0.1": not pertains to the 'spec.subnet' 10.6.0.0/16"#,
        ),
        (
            "gateway outside",
            with(&|subnet| subnet.gateway = Some("10.7.0.1".into())),
            r#"spec.gateway: Invalid value: "10.7.0.1": not pertains to the 'spec.subnet' 10.6.0.0/16 of IPPool"#,
        ),
        (
            "empty gateway",
            with(&|subnet| subnet.gateway = Some(String::new())),
            r#"spec.gateway: Invalid value: "": invalid IP format in IPv4 '', want"#,
        ),
        (
            "gateway among the items, otherwise spelled",
            SubnetFields {
                gateway: Some("fd00:1::1".into()),
                ..subnet_fields("fd00:1::/64", &["FD00:1::0001"], &[])
            },
            "spec.ips[0]: Invalid value: \"FD00:1::0001\": conflicts with 'spec.gateway' fd00:1::1, add the gateway",
        ),
        (
            "default route",
            with(&|subnet| subnet.routes = Some(vec![route("0.0.0.0/0", "10.6.0.1")])),
            "spec.routes[0].dst: Invalid value: \"0.0.0.0/0\": please specify 'spec.gateway' to configure the default route",
        ),
        (
            "one destination twice",
            with(&|subnet| {
                subnet.routes = Some(vec![route("10.0.0.0/8", "10.6.0.1"), route("10.0.0.0/8", "10.6.0.2")])
            }),
            "spec.routes[1].dst: Invalid value: \"10.0.0.0/8\": duplicate route with the same dst",
        ),
        (
            "gateway of a route outside",
            with(&|subnet| subnet.routes = Some(vec![route("10.0.0.0/8", "10.7.0.1")])),
            "spec.routes[0].gw: Invalid value: \"10.7.0.1\": not pertains to the 'spec.subnet' 10.6.0.0/16 of IPPool",
        ),
    ];
    for (case, subnet, want) in table {
        let text = text_of(check(&subnet));
        assert!(text.starts_with(want), "{case}: want {want}, got {text}");
    }
}

#[test]
fn what_is_accepted_is_stored_in_one_form() {
    let table = [
        ("network only", subnet_fields("10.6.0.0/16", &[], &[]), &[][..], ""),
        (
            "merged",
            subnet_fields("10.6.0.0/16", &["10.6.0.5", "10.6.0.4-10.6.0.6", "10.6.0.1"], &[]),
            &["10.6.0.1", "10.6.0.4-10.6.0.6"][..],
            "10.6.0.1,10.6.0.4-10.6.0.6",
        ),
        (
            "one item stays as written",
            subnet_fields("fd00:1::/64", &["FD00:1::0B"], &[]),
            &["FD00:1::0B"][..],
            "fd00:1::b",
        ),
        (
            "excludes are taken out, not written into",
            subnet_fields("10.6.0.0/16", &["10.6.0.1-10.6.0.9"], &["10.6.0.9", "10.6.0.3", "10.6.0.200"]),
            &["10.6.0.1-10.6.0.9"][..],
            "10.6.0.1-10.6.0.2,10.6.0.4-10.6.0.8",
        ),
    ];
    for (case, fields, ips, total) in table {
        let subnet = check(&fields).unwrap();
        assert_eq!(subnet.fields().ips, ips, "{case}");
        assert_eq!(subnet.total().to_string(), total, "{case}");
        assert_eq!(subnet.fields().ip_version, Some(i64::from(subnet.family().number())), "{case}");
        assert_eq!(subnet.fields().routes, None, "{case}");
    }
}

#[test]
fn all_faults_come_at_once_in_the_order_of_the_steps() {
    let subnet = SubnetFields {
        gateway: Some("y".into()),
        routes: Some(vec![RouteFields { dst: "z".into(), gw: "10.9.0.1".into() }]),
        ..subnet_fields("10.6.0.9/24", &["x", "10.6.0.7", "10.7.0.1"], &["10.6.0.9-10.6.0.1"])
    };
    let want = [
        "spec.subnet",
        "spec.ips[0]",
        "spec.ips[2]",
        "spec.excludeIPs[0]",
        "spec.gateway",
        "spec.routes[0].dst",
        "spec.routes[0].gw",
    ];
    assert_eq!(places(&check(&subnet).unwrap_err()), want);
}

#[test]
fn huge_subnets_cost_by_their_items() {
    for (network, ips, exclude) in [
        ("0.0.0.0/0", "0.0.0.0-255.255.255.255", "10.0.0.0-10.255.255.255"),
        ("::/0", "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fd00::-fd00::ffff"),
        ("64:ff9b::/96", "64:ff9b::-64:ff9b::ffff:ffff", "64:ff9b::1"),
    ] {
        let last = ips.split_once('-').unwrap().1;
        let subnet = check(&subnet_fields(network, &[ips, last], &[exclude, exclude])).unwrap();
        assert_eq!(subnet.fields().ips, [ips]);
        assert!(!subnet.total().is_empty());
    }
}

#[test]
fn known_fields_are_those_of_the_wire() {
    let full = SubnetFields {
        ip_version: Some(4),
        gateway: Some(String::new()),
        routes: Some(vec![RouteFields::default()]),
        ..subnet_fields("", &["a"], &["a"])
    };
    let wire = serde_json::to_value(&full).unwrap();
    let keys: BTreeSet<&str> = wire.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, SubnetFields::KNOWN_FIELDS.iter().copied().collect());
    assert_eq!(serde_json::from_value::<SubnetFields>(wire).unwrap(), full);
    let nulls = r#"{"ipVersion":null,"subnet":null,"ips":null,"excludeIPs":null,"routes":null,"gateway":null,"vlan":0}"#;
    assert_eq!(serde_json::from_str::<SubnetFields>(nulls).unwrap(), SubnetFields::default());
    let empty = SubnetFields { routes: Some(Vec::new()), ..subnet_fields("s", &[], &[]) };
    assert_eq!(serde_json::to_string(&empty).unwrap(), r#"{"subnet":"s"}"#);
}
