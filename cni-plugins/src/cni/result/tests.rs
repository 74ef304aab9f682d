//! Results of each version, there and back.

use proptest::prelude::*;

use super::*;

fn sample() -> CniResult {
    CniResult {
        interfaces: vec![Interface {
            name: "eth0".to_owned(),
            mac: "02:00:00:00:00:01".to_owned(),
            mtu: Some(1500),
            sandbox: "/run/netns/a".to_owned(),
            socket_path: "/run/s".to_owned(),
            pci_id: "0000:04:00.5".to_owned(),
        }],
        ips: vec![
            IpConfig {
                address: "10.6.168.71/16".parse().unwrap(),
                gateway: Some("10.6.0.1".parse().unwrap()),
                interface: Some(0),
            },
            IpConfig { address: "fd00:6::71/64".parse().unwrap(), gateway: None, interface: None },
        ],
        routes: vec![
            Route { table: Some(100), mtu: Some(1400), ..Route::new("0.0.0.0/0".parse().unwrap(), None) },
            Route::new("fd01::/16".parse().unwrap(), Some("fd00:6::1".parse().unwrap())),
        ],
        dns: Dns { nameservers: vec!["10.6.0.2".to_owned()], ..Dns::default() },
    }
}

#[test]
fn forms() {
    let interface = r#""name":"eth0","mac":"02:00:00:00:00:01""#;
    let dns = r#""dns":{"nameservers":["10.6.0.2"]}"#;
    let routes =
        r#""routes":[{"dst":"0.0.0.0/0","mtu":1400,"table":100},{"dst":"fd01::/16","gw":"fd00:6::1"}]"#;
    for (version, want) in [
        (
            CniVersion::V0_2_0,
            format!(
                r#"{{"cniVersion":"0.2.0","ip4":{{"ip":"10.6.168.71/16","gateway":"10.6.0.1","routes":[{{"dst":"0.0.0.0/0"}}]}},"ip6":{{"ip":"fd00:6::71/64","routes":[{{"dst":"fd01::/16","gw":"fd00:6::1"}}]}},{dns}}}"#
            ),
        ),
        (
            CniVersion::V0_4_0,
            format!(
                r#"{{"cniVersion":"0.4.0","interfaces":[{{{interface},"sandbox":"/run/netns/a"}}],"ips":[{{"version":"4","interface":0,"address":"10.6.168.71/16","gateway":"10.6.0.1"}},{{"version":"6","address":"fd00:6::71/64"}}],{routes},{dns}}}"#
            ),
        ),
        (
            CniVersion::V1_1_0,
            format!(
                r#"{{"cniVersion":"1.1.0","interfaces":[{{{interface},"mtu":1500,"sandbox":"/run/netns/a","socketPath":"/run/s","pciID":"0000:04:00.5"}}],"ips":[{{"interface":0,"address":"10.6.168.71/16","gateway":"10.6.0.1"}},{{"address":"fd00:6::71/64"}}],{routes},{dns}}}"#
            ),
        ),
    ] {
        assert_eq!(sample().to_json(version).unwrap(), want);
    }
}

#[test]
fn an_empty_result() {
    let empty = CniResult::default();
    for version in CniVersion::SINCE_0_3_0 {
        assert_eq!(empty.to_json(*version).unwrap(), format!(r#"{{"cniVersion":"{version}","dns":{{}}}}"#));
    }
    let error = empty.to_json(CniVersion::V0_2_0).unwrap_err();
    assert_eq!(error.to_string(), "cannot convert: no valid IP addresses");
}

#[test]
fn what_is_read() {
    let read = |text: &str| CniResult::parse(text.as_bytes(), CniVersion::V1_0_0);
    // The version of its own counts, not the caller's.
    let old = r#"{"cniVersion":"0.2.0","ip4":{"ip":"10.0.0.2/24","gateway":"10.0.0.1","routes":[{"dst":"0.0.0.0/0"}]}}"#;
    let old = read(old).unwrap();
    assert_eq!(old.ips.len(), 1);
    assert_eq!(old.routes.len(), 1);
    // Without one, the caller's.
    assert_eq!(
        read(r#"{"ips":[{"version":"4","address":"10.0.0.2/24","gateway":""}]}"#).unwrap().ips.len(),
        1
    );
    // A null among the routes is passed over.
    assert_eq!(read(r#"{"routes":[null,{"dst":"10.0.0.0/8"}],"ips":null}"#).unwrap().routes.len(), 1);
    // Host bits stay.
    assert_eq!(
        read(r#"{"ips":[{"address":"10.0.0.2/24"}]}"#).unwrap().ips[0].address.to_string(),
        "10.0.0.2/24"
    );
    for (text, want) in [
        (
            r#"{"cniVersion":"9.0.0"}"#,
            r#"cniVersion is "9.0.0": it is no released version of the CNI specification"#,
        ),
        (r#"{"ips":[{}]}"#, "ips[0].address is missing; want an address/prefix length"),
        (
            r#"{"ips":[{"address":"10.0.0.2"}]}"#,
            r#"ips[0].address is "10.0.0.2": it is no address with a prefix length"#,
        ),
        (
            r#"{"ips":[{"address":"10.0.0.2/8","interface":-1}]}"#,
            r#"ips[0].interface is "-1": it is out of range"#,
        ),
        (r#"{"routes":[{"dst":1}]}"#, "routes[0].dst is a number; want text"),
        (r#"{"interfaces":[{"name":"a","mtu":"x"}]}"#, "interfaces[0].mtu is text; want a whole number"),
        (r#"{"dns":{"search":"x"}}"#, "dns.search is text; want a list"),
    ] {
        assert_eq!(read(text).unwrap_err().to_string(), want);
    }
}

fn net() -> impl Strategy<Value = IpNet> {
    prop_oneof![
        (any::<[u8; 4]>(), 0u8..=32).prop_map(|(ip, prefix)| IpNet::new(IpAddr::from(ip), prefix).unwrap()),
        (any::<[u8; 16]>(), 0u8..=128).prop_map(|(ip, prefix)| IpNet::new(IpAddr::from(ip), prefix).unwrap()),
    ]
}

fn addr() -> impl Strategy<Value = IpAddr> {
    net().prop_map(|net| net.addr().to_canonical())
}

prop_compose! {
    fn route()(
        dst in net(),
        gw in prop::option::of(addr()),
        mtu in prop::option::of(any::<u32>()),
        table in prop::option::of(any::<u32>()),
        scope in prop::option::of(0u32..256),
    ) -> Route {
        Route { mtu, table, scope, ..Route::new(dst, gw) }
    }
}

prop_compose! {
    fn result()(
        ips in prop::collection::vec((net(), prop::option::of(addr()), prop::option::of(0u32..4)), 0..4),
        routes in prop::collection::vec(route(), 0..4),
        names in prop::collection::vec("[a-z]{1,8}", 0..3),
        domain in "\\PC{0,8}",
        mtu in prop::option::of(any::<u32>()),
    ) -> CniResult {
        let ip = |(address, gateway, interface)| IpConfig { address, gateway, interface };
        let interface = |name: &String| Interface { name: name.clone(), mtu, ..Interface::default() };
        CniResult {
            interfaces: names.iter().map(interface).collect(),
            ips: ips.into_iter().map(ip).collect(),
            routes,
            dns: Dns { search: names, domain, ..Dns::default() },
        }
    }
}

proptest! {
    /// What a version can say comes back; below 1.0.0 an interface has no MTU.
    #[test]
    fn round_trip(result in result(), version in prop::sample::select(CniVersion::SINCE_0_3_0)) {
        let text = result.to_json(version).unwrap();
        let back = CniResult::parse(text.as_bytes(), CniVersion::NEWEST).unwrap();
        let mut want = result;
        if version < CniVersion::V1_0_0 {
            want.interfaces.iter_mut().for_each(|interface| interface.mtu = None);
        }
        prop_assert_eq!(back, want);
    }

    /// The pair form keeps the first address of each family.
    #[test]
    fn round_trip_of_a_pair(result in result()) {
        match result.to_json(CniVersion::V0_2_0) {
            Err(_) => prop_assert!(result.ips.is_empty()),
            Ok(text) => {
                let back = CniResult::parse(text.as_bytes(), CniVersion::NEWEST).unwrap();
                prop_assert!(back.ips.len() <= 2);
                for ip in back.ips {
                    let first = result.ips.iter().find(|other| wire_family(other) == wire_family(&ip)).unwrap();
                    prop_assert_eq!(first.address, ip.address);
                }
            }
        }
    }
}

fn wire_family(ip: &IpConfig) -> bool {
    ip.address.addr().is_ipv4()
}
