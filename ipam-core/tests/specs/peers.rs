//! Pools beside other pools.

use super::*;

#[test]
fn an_unreadable_exclude_brings_no_false_clash() {
    let pool = PoolFields {
        gateway: Some("10.6.0.1".into()),
        ..fields("10.6.0.0/24", &["10.6.0.1-10.6.0.9"], &["10.6.0.l"])
    };
    let peer = spec("q", &fields("10.6.0.0/24", &["10.6.0.1"], &[]));
    assert_eq!(places(create(&pool, &[&peer]).unwrap_err().faults()), ["spec.excludeIPs[0]"]);
}

#[test]
fn a_taken_name_comes_before_everything_else() {
    let early = spec("a", &fields("10.0.0.0/8", &[], &[]));
    let taken = spec("p", &fields("fd00::/64", &[], &[]));
    let refusal = create(&fields("10.6.0.0/24", &["bad"], &[]), &[&early, &taken]).unwrap_err();
    assert!(refusal.is_already_exists());
    assert_eq!((refusal.http_status(), refusal.reason()), (409, "AlreadyExists"));
    assert_eq!(refusal.to_string(), r#"SpiderIPPool.spiderpool.spidernet.io "p" already exists"#);
}

#[test]
fn every_peer_that_clashes_is_named() {
    let wide = spec("wide", &fields("10.0.0.0/8", &[], &[]));
    let one = spec("one", &fields("10.6.0.0/24", &["10.6.0.1-10.6.0.9"], &["10.6.0.4"]));
    let two = spec("two", &fields("10.6.0.0/24", &["10.6.0.20", "10.6.0.30"], &[]));
    let refusal =
        create(&fields("10.6.0.0/24", &["10.6.0.3-10.6.0.20"], &[]), &[&wide, &one, &two]).unwrap_err();
    let details: Vec<&str> = refusal.faults().map(Fault::detail).collect();
    assert_eq!(details[0], "overlap with IPPool wide which 'spec.subnet' is 10.0.0.0/8");
    assert!(
        details[1]
            .starts_with("overlap with IPPool one in IP ranges [10.6.0.1-10.6.0.3 10.6.0.5-10.6.0.9], "),
        "{details:?}"
    );
    assert!(details[2].starts_with("overlap with IPPool two in IP ranges [10.6.0.20], "), "{details:?}");
    assert_eq!(details.len(), 3);
    let wider = create(&fields("10.6.0.0/16", &[], &[]), &[&two]).unwrap_err();
    assert_eq!(places(wider.faults()), ["spec.subnet"]);
}

#[test]
fn a_stored_peer_counts_whatever_state_it_is_in() {
    let own = fields("10.6.0.0/24", &["10.6.0.5"], &[]);
    let table = [
        (
            "reversed item counts as in order",
            fields("10.6.0.0/24", &["10.6.0.9-10.6.0.1"], &[]),
            Some("spec.ips"),
        ),
        (
            "reversed exclude takes nothing away",
            fields("10.6.0.0/24", &["10.6.0.1-10.6.0.9"], &["10.6.0.9-10.6.0.1"]),
            Some("spec.ips"),
        ),
        ("exclude", fields("10.6.0.0/24", &["10.6.0.1-10.6.0.9"], &["10.6.0.5"]), None),
        ("malformed", fields("10.6.0.0/24", &["nonsense"], &[]), Some("spec.subnet")),
        ("malformed in another subnet", fields("10.7.0.0/24", &["nonsense"], &[]), None),
        ("family and subnet contradict", PoolFields { ip_version: Some(6), ..own.clone() }, None),
        ("unreadable subnet", fields("abc", &["10.6.0.5"], &[]), None),
        ("other spelling of the subnet", fields("10.6.0.9/24", &["10.6.0.5"], &[]), Some("spec.ips")),
    ];
    for (case, peer, want) in table {
        let peer = Peer::stored("q", &peer);
        let result = pool_create(&name("p"), &own, Origin::User, [peer], FamilySettings::default());
        let got = result.err().map(|refusal| places(refusal.faults()));
        assert_eq!(got, want.map(|field| vec![field.to_owned()]), "{case}");
    }
}

#[test]
fn a_long_list_of_clashes_is_cut() {
    let items = |offset: u32| -> Vec<String> {
        (0..2000_u32)
            .map(|n| {
                Addr::new(ipam_core::Family::V4, u128::from(0x0a06_0000 + 4 * n + offset))
                    .unwrap()
                    .to_string()
            })
            .collect()
    };
    let pool = |ips: Vec<String>| PoolFields { ips, ..fields("10.6.0.0/16", &[], &[]) };
    let peer = spec("q", &pool(items(0)));
    assert!(create(&pool(items(2)), &[&peer]).is_ok());
    let text = text_of(create(&pool(items(0)), &[&peer]));
    assert!(text.contains(" 10.6.0.124 and 1968 more], total"), "{text}");
}
