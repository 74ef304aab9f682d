//! Updates and deletes of pools.

use super::*;

#[test]
fn updates_keep_subnet_family_and_addresses_in_use() {
    let old = spec("p", &fields("10.6.0.0/24", &["10.6.0.1-10.6.0.20"], &[]));
    let held: Vec<(Addr, &str)> = [("10.6.0.9", "Pod default/db-0"), ("10.6.0.10", "Pod default/db-1")]
        .map(|(ip, who)| (ip.parse().unwrap(), who))
        .into();
    let table = [
        ("grow", fields("10.6.0.0/24", &["10.6.0.1-10.6.0.30"], &[]), None),
        ("bare manifest", fields("10.6.0.0/24", &["10.6.0.1-10.6.0.20"], &[]), None),
        (
            "shrink",
            fields("10.6.0.0/24", &["10.6.0.10-10.6.0.20"], &[]),
            Some(
                "spec.ips: Forbidden: remove an IP address 10.6.0.9 that is being used by Pod default/db-0, total",
            ),
        ),
        (
            "exclude",
            fields("10.6.0.0/24", &["10.6.0.1-10.6.0.20"], &["10.6.0.10"]),
            Some(
                "spec.ips: Forbidden: remove an IP address 10.6.0.10 that is being used by Pod default/db-1, total",
            ),
        ),
        (
            "empty",
            fields("10.6.0.0/24", &[], &[]),
            Some("spec.ips: Forbidden: remove an IP address 10.6.0.9 that"),
        ),
        (
            "other subnet",
            fields("10.7.0.0/24", &[], &[]),
            Some("spec.subnet: Forbidden: is not changeable, want 10.6.0.0/24"),
        ),
        (
            "other family",
            fields("fd00::/64", &[], &[]),
            Some(
                "[spec.ipVersion: Forbidden: is not changeable, want 4, spec.subnet: Forbidden: is not changeable, want 10.6.0.0/24]",
            ),
        ),
        (
            "unreadable",
            fields("10.6.0.0/24", &["x"], &[]),
            Some("spec.ips[0]: Invalid value: \"x\": invalid IP address: x, want"),
        ),
    ];
    for (case, new, want) in table {
        let result = update(&old, &new, &held);
        match (result, want) {
            (Ok(_), None) => {}
            (Err(refusal), Some(want)) => {
                let text = refusal.to_string();
                let bare = text.split_once("is invalid: ").unwrap().1;
                assert!(bare.starts_with(want), "{case}: {text}");
            }
            (result, _) => panic!("{case}: {result:?}"),
        }
    }
    let text = text_of(update(&old, &fields("10.6.0.0/24", &[], &[]), &held));
    assert!(text.ends_with("'spec.excludeIPs', and 1 more in use would be removed"), "{text}");
}

#[test]
fn an_update_looks_at_peers_but_not_at_itself() {
    let old = spec("p", &fields("10.6.0.0/24", &["10.6.0.1"], &[]));
    let other = spec("q", &fields("10.6.0.0/24", &["10.6.0.5"], &[]));
    let go = |new: &PoolFields| {
        let none: [InUse<'_>; 0] = [];
        let settings = FamilySettings::default();
        pool_update(old.name(), old.fields(), new, Origin::User, [&old, &other], none, settings)
    };
    assert!(go(&fields("10.6.0.0/24", &["10.6.0.1-10.6.0.4"], &[])).is_ok());
    let refusal = go(&fields("10.6.0.0/24", &["10.6.0.1-10.6.0.5"], &[])).unwrap_err();
    assert_eq!(places(refusal.faults()), ["spec.ips"]);
}

#[test]
fn records_are_judged_by_the_text_of_their_key() {
    assert!(matches!(InUse::under_key("fd00::3", "Pod a/b"), InUse::Held(..)));
    for key in ["fd00:0::3", "FD00::3", "10.6.0.01", "x", ""] {
        assert!(matches!(InUse::under_key(key, "Pod a/b"), InUse::Foreign(..)), "{key}");
    }
}

#[test]
fn deletes_are_held_by_the_count_only_when_guarded() {
    assert!(pool_delete("p", 3, false).is_ok());
    assert!(pool_delete("p", 0, true).is_ok());
    let refusal = pool_delete("p", 3, true).unwrap_err();
    assert_eq!(refusal.http_status(), 403);
    let want = "spiderippools.spiderpool.spidernet.io \"p\" is forbidden: cannot delete an IPPool with allocated IPs(3)";
    assert!(refusal.to_string().starts_with(want), "{refusal}");
}
