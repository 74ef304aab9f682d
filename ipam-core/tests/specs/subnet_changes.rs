//! Subnets beside other objects: creates, updates and deletes.

use ipam_core::RangeSet;
use ipam_core::admission::{
    FINALIZER, LABEL_SUBNET_CIDR, Preallocated, StoredSubnet, mutate_subnet, subnet_create, subnet_delete,
    subnet_name, subnet_update, subnet_update_terminating,
};

use super::*;

fn create_beside(
    new: &SubnetFields,
    subnets: &[(&str, SubnetFields)],
    pools: &[(&str, PoolFields)],
) -> Result<SubnetSpec, Denial> {
    let metadata = Metadata::default();
    let subnets: Vec<StoredSubnet<'_>> =
        subnets.iter().map(|(name, fields)| StoredSubnet::new(name, "uid", fields, &metadata)).collect();
    let pools = pools.iter().map(|(name, fields)| Peer::stored(name, fields));
    let settings = FamilySettings::default();
    subnet_create(&subnet_name("m").unwrap(), new, Subnets::On(&subnets), pools, settings)
}

#[test]
fn a_new_subnet_stands_beside_subnets_and_pools() {
    let new = subnet_fields("10.6.0.0/16", &["10.6.0.1-10.6.0.50"], &["10.6.0.9"]);
    let overlap = "spec.subnet: Invalid value: \"10.6.0.0/16\": overlap with";
    let table = [
        ("neighbour", vec![("a", subnet_fields("10.7.0.0/16", &[], &[]))], vec![], None),
        ("other family", vec![("a", subnet_fields("::/0", &[], &[]))], vec![], None),
        ("unreadable subnet", vec![("a", subnet_fields("x", &[], &[]))], vec![], None),
        (
            "equal",
            vec![("a", subnet_fields("10.6.0.0/16", &[], &[]))],
            vec![],
            Some(format!("{overlap} Subnet a which 'spec.subnet' is 10.6.0.0/16")),
        ),
        (
            "wider, of a family that must be derived",
            vec![("a", subnet_fields("10.0.0.0/8", &[], &[]))],
            vec![],
            Some(format!("{overlap} Subnet a which 'spec.subnet' is 10.0.0.0/8")),
        ),
        (
            "orphan pool in a part",
            vec![],
            vec![("p", fields("10.6.1.0/24", &[], &[]))],
            Some(format!("{overlap} SpiderIPPool 'p' resource 'spec.subnet' 10.6.1.0/24")),
        ),
        (
            "a pool that is spelled otherwise is not adopted",
            vec![],
            vec![("p", fields("10.6.0.1/16", &[], &[]))],
            Some(format!("{overlap} SpiderIPPool 'p' resource 'spec.subnet' 10.6.0.1/16")),
        ),
        ("pool inside", vec![], vec![("p", fields("10.6.0.0/16", &["10.6.0.1-10.6.0.9"], &["10.6.0.9"]))], None),
        ("empty pool", vec![], vec![("p", fields("10.6.0.0/16", &[], &[]))], None),
        (
            "pool with an address that the subnet excludes",
            vec![],
            vec![("p", fields("10.6.0.0/16", &["10.6.0.8-10.6.0.10"], &[]))],
            Some(
                "spec.ips: Invalid value: []string{\"10.6.0.1-10.6.0.50\"}: SpiderIPPool 'p' owns some IP addresses that \
                 SpiderSubnet 'm' can't control, want [10.6.0.9]"
                    .to_owned(),
            ),
        ),
        (
            "malformed pool",
            vec![],
            vec![("p", fields("10.6.0.0/16", &["zz"], &[]))],
            Some(
                "spec.ips: Internal error: failed to assemble the total IP addresses of the IPPool 'p', error: invalid IP \
                 range format in IPv4 'zz'"
                    .to_owned(),
            ),
        ),
    ];
    for (case, subnets, pools, want) in table {
        let result = create_beside(&new, &subnets, &pools);
        match (result, want) {
            (Ok(_), None) => {}
            (Err(refusal), Some(want)) => {
                let text = refusal.to_string();
                assert!(text.split_once("is invalid: ").unwrap().1.starts_with(&want), "{case}: {text}");
            }
            (result, _) => panic!("{case}: {result:?}"),
        }
    }
}

#[test]
fn a_malformed_subnet_is_told_before_its_items_when_a_pool_depends_on_it() {
    let new = subnet_fields("10.6.0.0/16", &["zz"], &[]);
    let pools = [("p", fields("10.6.0.0/16", &[], &[])), ("q", fields("10.6.0.0/16", &[], &[]))];
    let refusal = create_beside(&new, &[], &pools).unwrap_err();
    assert_eq!(places(refusal.faults()), ["spec.ips", "spec.ips[0]"]);
    let first = refusal.faults().next().unwrap();
    let want = "failed to assemble the total IP addresses of the Subnet 'm', error: invalid IP range format in IPv4 'zz'";
    assert!(first.kind() == FaultKind::Internal && first.detail().starts_with(want), "{first}");
}

#[test]
fn a_taken_name_is_told_unless_something_stood_against_it_before() {
    let new = subnet_fields("10.6.0.0/16", &["zz"], &[]);
    let own = ("m", subnet_fields("10.9.0.0/16", &[], &[]));
    let taken = |refusal: &Denial| refusal.is_already_exists();
    let wide = subnet_fields("10.0.0.0/8", &[], &[]);
    assert!(taken(&create_beside(&new, std::slice::from_ref(&own), &[]).unwrap_err()));
    assert!(taken(&create_beside(&new, &[own.clone(), ("z", wide.clone())], &[]).unwrap_err()));
    let earlier = create_beside(&new, &[("a", wide), own.clone()], &[]).unwrap_err();
    assert_eq!(places(earlier.faults()), ["spec.subnet", "spec.ips[0]"]);
    let badly_written = create_beside(&subnet_fields("10.6.0.1/16", &[], &[]), &[own], &[]).unwrap_err();
    assert_eq!(places(badly_written.faults()), ["spec.subnet"]);
    // Of the other family it comes last, as an API server says it after the webhooks.
    let six = [("m", subnet_fields("fd00::/64", &[], &[]))];
    assert_eq!(places(create_beside(&new, &six, &[]).unwrap_err().faults()), ["spec.ips[0]"]);
    assert!(taken(&create_beside(&subnet_fields("10.6.0.0/16", &[], &[]), &six, &[]).unwrap_err()));
}

#[test]
fn nothing_is_created_while_the_feature_is_off() {
    let none: [&PoolSpec; 0] = [];
    let new = subnet_fields("10.6.0.0/16", &[], &[]);
    let off = subnet_create(&subnet_name("m").unwrap(), &new, Subnets::Off, none, FamilySettings::default());
    let refusal = off.unwrap_err();
    assert_eq!((refusal.http_status(), refusal.reason()), (403, "Forbidden"));
    let want =
        "spidersubnets.spiderpool.spidernet.io \"m\" is forbidden: the SpiderSubnet feature is off, set";
    assert!(refusal.to_string().starts_with(want), "{refusal}");
}

#[test]
fn an_update_keeps_network_family_and_what_pools_hold() {
    let old = subnet_fields("10.6.0.0/16", &["10.6.0.101-10.6.0.110"], &[]).normalised();
    let held = |text: &str| {
        let ranges = text.split(',').map(|range| range.parse().unwrap());
        RangeSet::from_ranges(ipam_core::Family::V4, ranges).unwrap()
    };
    let (auto, manual) = (held("10.6.0.101-10.6.0.103"), held("10.6.0.108"));
    let go = |new: &SubnetFields, families| {
        let records = [("auto", Ok(&auto)), ("manual", Ok(&manual)), ("torn", Err("zz"))];
        subnet_update(&subnet_name("s").unwrap(), &old, new, records.into_iter().take(2), families)
    };
    let settings = FamilySettings::default();
    let table = [
        ("grow", subnet_fields("10.6.0.0/16", &["10.6.0.99", "10.6.0.101-10.6.0.120"], &[]), None),
        ("unheld", subnet_fields("10.6.0.0/16", &["10.6.0.101-10.6.0.110"], &["10.6.0.105"]), None),
        (
            "held",
            subnet_fields("10.6.0.0/16", &["10.6.0.101-10.6.0.110"], &["10.6.0.102"]),
            Some(
                "spec.ips: Forbidden: remove some IP ranges [10.6.0.102] that is being used by IPPool auto, total",
            ),
        ),
        (
            "held by two pools",
            subnet_fields("10.6.0.0/16", &[], &[]),
            Some(
                "[spec.ips: Forbidden: remove some IP ranges [10.6.0.101-10.6.0.103] that is being used by IPPool auto",
            ),
        ),
        (
            "other network",
            subnet_fields("10.7.0.0/16", &["zz"], &[]),
            Some("spec.subnet: Forbidden: is not changeable, want 10.6.0.0/16"),
        ),
        (
            "other family",
            SubnetFields { ip_version: Some(6), ..old.clone() },
            Some("spec.ipVersion: Forbidden: is not changeable, want 4"),
        ),
        (
            "unreadable item, so nobody knows what is left",
            subnet_fields("10.6.0.0/16", &["zz"], &[]),
            Some("spec.ips[0]: Invalid value: \"zz\": invalid IP range format in IPv4 'zz'"),
        ),
    ];
    for (case, new, want) in table {
        match (go(&new, settings), want) {
            (Ok(_), None) => {}
            (Err(refusal), Some(want)) => {
                let text = refusal.to_string();
                assert!(text.split_once("is invalid: ").unwrap().1.starts_with(want), "{case}: {text}");
            }
            (result, _) => panic!("{case}: {result:?}"),
        }
    }
    let two = go(&subnet_fields("10.6.0.0/16", &[], &[]), settings).unwrap_err();
    assert_eq!(two.faults().count(), 2);
    let only_v6 = FamilySettings { v4: false, ..settings };
    assert_eq!(places(go(&old, only_v6).unwrap_err().faults()), ["spec.ipVersion"]);
}

#[test]
fn unreadable_records_stop_an_update() {
    let old = subnet_fields("10.6.0.0/16", &["10.6.0.1-10.6.0.9"], &[]).normalised();
    let six = RangeSet::whole(ipam_core::Family::V6);
    let table = [
        (
            Preallocated::Unreadable("x"),
            "status.controlledIPPools",
            "failed to unmarshal the controlled IPPools of Subnet s: x",
        ),
        (
            Preallocated::Malformed { pool: "p", problem: "zz" },
            "status.controlledIPPools",
            "failed to parse the pre-allocation of the IPPool p: zz",
        ),
        (("p", Ok(&six)).into(), "spec.ips", "remove some IP ranges [::-ffff:ffff:"),
    ];
    for (record, field, want) in table {
        let name = subnet_name("s").unwrap();
        let refusal = subnet_update(&name, &old, &old, [record], FamilySettings::default()).unwrap_err();
        let fault = refusal.faults().next().unwrap();
        assert!(fault.field() == field && fault.detail().starts_with(want), "{fault}");
    }
}

#[test]
fn a_subnet_that_was_stored_without_admission_can_be_edited() {
    let none: [Preallocated<'_>; 0] = [];
    let old = subnet_fields("10.6.0.1/16", &["10.6.0.9"], &[]).normalised();
    let new = SubnetFields { ips: texts(&["10.6.0.9", "10.6.0.10"]), ..old.clone() };
    let settings = FamilySettings::default();
    let name = subnet_name("s").unwrap();
    let spec = subnet_update(&name, &old, &new, none, settings).unwrap();
    assert_eq!(spec.fields().subnet, "10.6.0.1/16");
    assert!(
        subnet_update(&name, &subnet_fields("x", &[], &[]), &subnet_fields("x", &[], &[]), none, settings)
            .is_err()
    );
}

#[test]
fn mutation_goes_as_far_as_it_can() {
    let table = [
        (
            "good",
            subnet_fields("10.6.0.0/16", &["10.6.0.2", "10.6.0.1"], &[]),
            Some(4),
            Some("10-6-0-0-16"),
            1,
        ),
        (
            "bad exclude",
            subnet_fields("fd00::/64", &["fd00::2", "fd00::1"], &["x", "y"]),
            Some(6),
            Some("fd00---64"),
            1,
        ),
        ("bad item", subnet_fields("10.6.0.0/16", &["10.6.0.2", "x"], &[]), Some(4), Some("10-6-0-0-16"), 2),
        ("bad network", subnet_fields("abc", &["10.6.0.2", "10.6.0.1"], &[]), None, None, 2),
        ("leading colons", subnet_fields("::/64", &[], &[]), Some(6), Some("0---64"), 0),
        (
            "other family",
            SubnetFields {
                ip_version: Some(6),
                ..subnet_fields("10.6.0.0/16", &["10.6.0.2", "10.6.0.1"], &[])
            },
            Some(6),
            None,
            2,
        ),
    ];
    for (case, fields, version, label, items) in table {
        let (stored, metadata) = mutate_subnet(&fields, &Metadata::default());
        assert_eq!(stored.ip_version, version, "{case}");
        assert_eq!(metadata.labels.get(LABEL_SUBNET_CIDR).map(String::as_str), label, "{case}");
        assert_eq!(stored.ips.len(), items, "{case}");
        assert_eq!(metadata.finalizers, [FINALIZER], "{case}");
        let terminating = Metadata { terminating: true, ..Metadata::default() };
        assert_eq!(mutate_subnet(&fields, &terminating), (fields, terminating), "{case}");
    }
}

#[test]
fn a_terminating_subnet_only_loses_its_finalizer() {
    let with = Metadata { finalizers: texts(&["x/y", FINALIZER]), terminating: true, ..Metadata::default() };
    let refusal = subnet_update_terminating("s", &with).unwrap_err();
    // The word is the original's.
    assert!(refusal.to_string().starts_with("forbidden: cannot update a terminaing Subnet"), "{refusal}");
    assert_eq!(refusal.http_status(), 403);
    assert!(subnet_update_terminating("s", &Metadata { finalizers: texts(&["x/y"]), ..with }).is_ok());
}

#[test]
fn deletes_are_held_by_the_count_only_when_guarded() {
    assert!(subnet_delete("s", 3, false).is_ok());
    assert!(subnet_delete("s", 0, true).is_ok());
    let refusal = subnet_delete("s", 3, true).unwrap_err();
    let want = "spidersubnets.spiderpool.spidernet.io \"s\" is forbidden: cannot delete an Subnet with allocated IPs(3)";
    assert!(refusal.to_string().starts_with(want), "{refusal}");
}
