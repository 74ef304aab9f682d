//! Pools alone: every rule with its field and text.

use super::*;

#[test]
fn each_rule_of_a_pool_has_its_field_and_text() {
    let route = |dst: &str, gw: &str| RouteFields { dst: dst.into(), gw: gw.into() };
    let v4 = fields("10.6.0.0/24", &[], &[]);
    let v6 = fields("fd00::/64", &[], &[]);
    let with = |pool: &PoolFields, change: &dyn Fn(&mut PoolFields)| {
        let mut pool = pool.clone();
        change(&mut pool);
        pool
    };
    let table = [
        (
            "no subnet",
            fields("", &[], &[]),
            r#"spec.ipVersion: Invalid value: "null": is not generated correctly, 'spec.subnet' may be invalid"#,
        ),
        (
            "family 5",
            with(&v4, &|pool| pool.ip_version = Some(5)),
            r#"spec.ipVersion: Unsupported value: 5: supported values: "4", "6""#,
        ),
        (
            "other family",
            with(&v4, &|pool| pool.ip_version = Some(6)),
            r#"spec.subnet: Invalid value: "10.6.0.0/24": invalid CIDR format in IPv6 '10.6.0.0/24', want"#,
        ),
        (
            "host bits",
            fields("172.10.5.0/16", &[], &[]),
            r#"spec.subnet: Invalid value: "172.10.5.0/16": unformatted subnet 172.10.5.0/16, please change it to 172.10.0.0/16"#,
        ),
        (
            "prefix with zero",
            fields("10.0.0.0/08", &[], &[]),
            r#"spec.subnet: Invalid value: "10.0.0.0/08": unformatted subnet"#,
        ),
        (
            "upper case",
            fields("FD00::/64", &[], &[]),
            r#"spec.subnet: Invalid value: "FD00::/64": unformatted subnet FD00::/64, please change it to fd00::/64"#,
        ),
        (
            "mapped address",
            fields("10.6.0.0/24", &["::ffff:10.6.0.1"], &[]),
            r#"spec.ips[0]: Invalid value: "::ffff:10.6.0.1": invalid IP address: ::ffff:10.6.0.1, want A or A-B inside 10.6.0.0/24"#,
        ),
        (
            "three bounds",
            fields("10.6.0.0/24", &["10.6.0.1-2-3"], &[]),
            r#"spec.ips[0]: Invalid value: "10.6.0.1-2-3": invalid range: 10.6.0.1-2-3, want"#,
        ),
        (
            "empty item",
            fields("10.6.0.0/24", &[""], &[]),
            r#"spec.ips[0]: Invalid value: "": invalid IP address: , want"#,
        ),
        (
            "reversed",
            fields("10.6.0.0/24", &["10.6.0.9-10.6.0.1"], &[]),
            "spec.ips[0]: Invalid value: \"10.6.0.9-10.6.0.1\": invalid range: 10.6.0.9-10.6.0.1, bounds are reversed, \
             want 10.6.0.1-10.6.0.9",
        ),
        (
            "exclude outside",
            fields("10.6.0.0/24", &[], &["10.7.0.1"]),
            r#"spec.excludeIPs[0]: Invalid value: "10.7.0.1": not match base subnet: 10.7.0.1, want A or A-B inside 10.6.0.0/24"#,
        ),
        (
            "gateway outside",
            with(&v4, &|pool| pool.gateway = Some("10.7.0.1".into())),
            r#"spec.gateway: Invalid value: "10.7.0.1": not pertains to the 'spec.subnet' 10.6.0.0/24 of IPPool"#,
        ),
        (
            "gateway is a respelled single item",
            PoolFields { gateway: Some("fd00::1".into()), ..fields("fd00::/64", &["FD00::0001"], &[]) },
            "spec.ips[0]: Invalid value: \"FD00::0001\": conflicts with 'spec.gateway' fd00::1, add the gateway",
        ),
        (
            "default route with host bits",
            with(&v4, &|pool| pool.routes = Some(vec![route("1.2.3.4/0", "10.6.0.1")])),
            "spec.routes[0].dst: Invalid value: \"1.2.3.4/0\": please specify 'spec.gateway' to configure the default route",
        ),
        (
            "one destination twice",
            with(&v6, &|pool| {
                pool.routes = Some(vec![route("fd01::1/32", "fd00::1"), route("FD01:0::7/32", "fd00::2")])
            }),
            "spec.routes[1].dst: Invalid value: \"FD01:0::7/32\": duplicate route with the same dst, fd01::/32 is already routed",
        ),
        (
            "gateway of a route",
            with(&v4, &|pool| pool.routes = Some(vec![route("10.0.0.0/8", "")])),
            "spec.routes[0].gw: Invalid value: \"\": invalid IP format in IPv4 '', want an IPv4 address inside 10.6.0.0/24",
        ),
    ];
    for (case, pool, want) in table {
        let text = text_of(PoolSpec::new(&name("p"), &pool));
        assert!(text.starts_with(want), "{case}: want {want}, got {text}");
    }
}

#[test]
fn all_faults_come_at_once_in_the_order_of_the_steps() {
    let pool = PoolFields {
        ips: texts(&["x", "10.6.0.7", "10.7.0.1"]),
        exclude_ips: texts(&["10.6.0.9-10.6.0.1"]),
        gateway: Some("y".into()),
        routes: Some(vec![RouteFields { dst: "z".into(), gw: "10.9.0.1".into() }]),
        pod_affinity: Some(LabelSelector::default()),
        ..fields("10.6.0.9/24", &[], &[])
    };
    let faults = PoolSpec::new(&name("p"), &pool).unwrap_err();
    let want = [
        "spec.subnet",
        "spec.ips[0]",
        "spec.ips[2]",
        "spec.excludeIPs[0]",
        "spec.gateway",
        "spec.routes[0].dst",
        "spec.routes[0].gw",
        "spec.podAffinity",
    ];
    assert_eq!(places(&faults), want);
    let text = faults.to_string();
    assert!(text.starts_with("[spec.subnet: ") && text.ends_with(']'), "{text}");
}

#[test]
fn huge_pools_cost_by_their_items() {
    let table = [
        ("all of IPv4", "0.0.0.0/0", "0.0.0.0-255.255.255.255", "10.0.0.0-10.255.255.255"),
        ("all of IPv6", "::/0", "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fd00::-fd00::ffff"),
        (
            "2^78",
            "fd12:3456:789a::/48",
            "fd12:3456:789a::1-fd12:3456:789a:3fff:ffff:ffff:ffff:ffff",
            "fd12:3456:789a::7",
        ),
        ("last address", "255.255.255.0/24", "255.255.255.0-255.255.255.255", "255.255.255.254"),
        ("first byte zero", "64:ff9b::/96", "64:ff9b::-64:ff9b::ffff:ffff", "64:ff9b::1"),
    ];
    for (case, subnet, ips, exclude) in table {
        let (first, last) = ips.split_once('-').unwrap();
        // Two items each, so that the lists are merged too.
        let new = fields(subnet, &[ips, last], &[exclude, exclude]);
        let pool = create(&new, &[]).unwrap_or_else(|refusal| panic!("{case}: {refusal}"));
        assert_eq!(pool.fields().ips, [ips], "{case}");
        assert_eq!(pool.fields().exclude_ips, [exclude], "{case}");
        assert!(pool.allocatable().len() < pool.ips().len(), "{case}");
        let other = fields(subnet, &[first], &[]);
        let refusal = create(&other, &[&spec("q", &new)]).unwrap_err();
        assert_eq!(places(refusal.faults()), ["spec.ips"], "{case}: {refusal}");
        assert!(update(&pool, pool.fields(), &[(last.parse().unwrap(), "Pod a/b")]).is_ok(), "{case}");
    }
}

#[test]
fn a_disabled_family_is_refused_and_named_first() {
    let only_v4 = FamilySettings { v6: false, ..FamilySettings::default() };
    let none: [&PoolSpec; 0] = [];
    let refusal =
        pool_create(&name("p"), &fields("fd00::5/64", &["x"], &[]), Origin::User, none, only_v4).unwrap_err();
    assert_eq!(places(refusal.faults()), ["spec.ipVersion", "spec.subnet", "spec.ips[0]"]);
    let first = refusal.faults().next().unwrap();
    assert_eq!(first.kind(), FaultKind::Forbidden);
    assert!(
        first.detail().starts_with("IPv6 is disabled, no IPv6 object can be created or updated"),
        "{first}"
    );
}

#[test]
fn names_are_subdomains() {
    let longest = "a".repeat(253);
    for good in ["p", "v4-pool", "a.b", "0", longest.as_str()] {
        assert_eq!(pool_name(good).unwrap().as_str(), good);
    }
    let too_long = "a".repeat(254);
    for bad in ["", "A", "a_b", "-a", "a-", ".a", "a.", "a..b", "a b", "ä", "a/b", too_long.as_str()] {
        let refusal = pool_name(bad).unwrap_err();
        assert_eq!(places(refusal.faults()), ["metadata.name"], "{bad:?}");
    }
}

#[test]
fn labels_of_subnets_are_label_values() {
    for (subnet, want) in [
        ("172.18.40.0/24", "172-18-40-0-24"),
        ("fd00:172:16::/64", "fd00-172-16---64"),
        ("1:2:3:4:5:6:7:8/128", "1-2-3-4-5-6-7-8-128"),
        ("::/64", "0---64"),
        ("0.0.0.0/0", "0-0-0-0-0"),
    ] {
        assert_eq!(cidr_label(subnet), want);
    }
}

#[test]
fn several_faults_print_in_brackets() {
    let fault = |field: &str| Fault::forbidden(field, "no");
    assert_eq!(Faults::from(fault("a")).to_string(), "a: Forbidden: no");
    assert_eq!(
        [fault("a"), fault("b")].into_iter().collect::<Faults>().to_string(),
        "[a: Forbidden: no, b: Forbidden: no]"
    );
}

#[test]
fn mutation_goes_as_far_as_it_can() {
    let finalizers = vec!["spiderpool.spidernet.io".to_owned()];
    let table = [
        (
            "good",
            fields("10.6.0.0/24", &["10.6.0.2", "10.6.0.1"], &[]),
            Some(4),
            Some("10-6-0-0-24"),
            "10.6.0.1-10.6.0.2",
        ),
        (
            "bad item",
            fields("10.6.0.0/24", &["10.6.0.2", "x"], &[]),
            Some(4),
            Some("10-6-0-0-24"),
            "10.6.0.2",
        ),
        ("bad subnet", fields("abc", &["10.6.0.2", "10.6.0.1"], &[]), None, None, "10.6.0.2"),
        (
            "other family",
            PoolFields { ip_version: Some(6), ..fields("10.6.0.0/24", &["10.6.0.2", "10.6.0.1"], &[]) },
            Some(6),
            None,
            "10.6.0.2",
        ),
    ];
    for (case, pool, version, label, first) in table {
        let pool = PoolFields { routes: Some(Vec::new()), ..pool };
        let (stored, metadata) = mutate_pool(&pool, &Metadata::default(), Subnets::Off);
        assert_eq!(stored.ip_version, version, "{case}");
        assert_eq!(metadata.labels.get("ipam.spidernet.io/ippool-cidr").map(String::as_str), label, "{case}");
        assert_eq!(stored.ips.first().map(String::as_str), Some(first), "{case}");
        assert_eq!(
            (stored.default, stored.disable, &stored.routes),
            (Some(false), Some(false), &None),
            "{case}"
        );
        assert_eq!(metadata.finalizers, finalizers, "{case}");
        let terminating = Metadata { terminating: true, ..Metadata::default() };
        assert_eq!(mutate_pool(&pool, &terminating, Subnets::Off), (pool, terminating), "{case}");
    }
}

#[test]
fn ipv4_mapped_addresses_are_never_handed_out() {
    let pool = spec("p", &fields("::/64", &["::1-::ffff:ffff:ffff:ffff"], &[]));
    assert_eq!(pool.allocatable().to_string(), "::1-::fffe:ffff:ffff,::1:0:0:0-::ffff:ffff:ffff:ffff");
}
