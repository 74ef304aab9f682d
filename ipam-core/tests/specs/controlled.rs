//! Pools in SpiderSubnets: adoption, and what their subnet holds them to.

use ipam_core::admission::{
    Controller, ControllerRef, LABEL_APPLICATION, LABEL_CIDR, LABEL_OWNER_SUBNET, PoolRules, Preallocated,
    StoredSubnet, mutate_subnet,
};
use ipam_core::carve::{Application, ControlRecord, ControlledPools};
use ipam_core::{Family, IpRange, RangeSet};
use proptest::prelude::*;

use super::properties::{any_network, any_pool};
use super::*;

fn reservoir() -> SubnetFields {
    SubnetFields {
        gateway: Some("10.6.0.254".into()),
        routes: Some(vec![RouteFields { dst: "10.0.0.0/8".into(), gw: "10.6.0.253".into() }]),
        ..subnet_fields("10.6.0.0/24", &["10.6.0.1-10.6.0.100"], &["10.6.0.50"])
    }
}

fn controlled_by(kind: &str, name: &str, uid: &str) -> Option<ControllerRef> {
    Some(ControllerRef { kind: kind.into(), name: name.into(), uid: uid.into() })
}

fn labelled(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn a_subnet_of_the_same_network_adopts() {
    let (subnet, metadata) = mutate_subnet(&reservoir(), &Metadata::default());
    let subnets = [StoredSubnet::new("s", "uid-s", &subnet, &metadata)];
    let bare = fields("10.6.0.0/24", &["10.6.0.2", "10.6.0.1"], &[]);
    let inherited = (Some("10.6.0.254".to_owned()), subnet.routes.clone());
    let ours = controlled_by("SpiderSubnet", "s", "uid-s");
    let done = labelled(&[(LABEL_OWNER_SUBNET, "s")]);
    let with = |labels: &BTreeMap<String, String>, controller: &Option<ControllerRef>| Metadata {
        labels: labels.clone(),
        controller: controller.clone(),
        ..Metadata::default()
    };
    let none = (None, None);
    let table = [
        ("new", bare.clone(), Metadata::default(), true, &inherited),
        (
            "label of a user",
            bare.clone(),
            with(&labelled(&[(LABEL_OWNER_SUBNET, "x")]), &None),
            true,
            &inherited,
        ),
        ("controller, but no label", bare.clone(), with(&BTreeMap::new(), &ours), true, &inherited),
        ("label, but no controller", bare.clone(), with(&done, &None), true, &inherited),
        ("adopted before", bare.clone(), with(&done, &ours), true, &none),
        (
            "a namesake that is gone",
            bare.clone(),
            with(&BTreeMap::new(), &controlled_by("SpiderSubnet", "s", "old")),
            true,
            &inherited,
        ),
        ("other network", fields("10.6.0.0/25", &[], &[]), Metadata::default(), false, &none),
        ("bad network", fields("10.6.0.0", &[], &[]), Metadata::default(), false, &none),
    ];
    for (case, pool, metadata, adopted, (gateway, routes)) in table {
        let (stored, after) = mutate_pool(&pool, &metadata, Subnets::On(&subnets));
        assert_eq!(after.controller, ours.clone().filter(|_| adopted), "{case}");
        assert_eq!(
            after.labels.get(LABEL_OWNER_SUBNET).map(String::as_str),
            adopted.then_some("s"),
            "{case}"
        );
        assert_eq!((&stored.gateway, &stored.routes), (gateway, routes), "{case}");
        let (_, off) = mutate_pool(&pool, &metadata, Subnets::Off);
        assert_eq!(
            (off.controller, off.labels.get(LABEL_OWNER_SUBNET)),
            (metadata.controller, metadata.labels.get(LABEL_OWNER_SUBNET)),
            "{case}"
        );
    }
}

/// A subnet's destinations are compared as text, a pool's as networks: what would be refused in the pool is not inherited.
#[test]
fn a_default_route_in_disguise_stays_in_the_subnet() {
    let route = |dst: &str| RouteFields { dst: dst.into(), gw: "10.6.0.253".into() };
    let routes = vec![route("0.0.0.1/0"), route("10.0.0.0/8"), route("10.1.0.0/8"), route("10.2.0.0/16")];
    let subnet = SubnetFields { routes: Some(routes.clone()), ..reservoir() };
    let spec = SubnetSpec::new(&"s".parse().unwrap(), &subnet).unwrap();
    assert_eq!(spec.routes().len(), 4);
    assert_eq!(spec.inherited_routes(), [routes[1].clone(), routes[3].clone()]);
    let (subnet, metadata) = mutate_subnet(&subnet, &Metadata::default());
    let subnets = [StoredSubnet::new("s", "uid-s", &subnet, &metadata)];
    let pool = fields("10.6.0.0/24", &["10.6.0.1"], &[]);
    let (stored, _) = mutate_pool(&pool, &Metadata::default(), Subnets::On(&subnets));
    assert_eq!(stored.routes.as_deref(), Some(spec.inherited_routes()));
    let only = SubnetFields { routes: Some(vec![route("0.0.0.1/0")]), ..reservoir() };
    let subnets = [StoredSubnet::new("s", "uid-s", &only, &metadata)];
    let (stored, _) = mutate_pool(&pool, &Metadata::default(), Subnets::On(&subnets));
    assert_eq!(stored.routes, None);
}

/// The record of a subnet as carving keeps it is what admission holds auto pools to.
#[test]
fn carved_records_are_what_admission_reads() {
    let set = |text: &str| RangeSet::from(text.parse::<IpRange>().unwrap());
    let mut records = ControlledPools::new(Family::V4);
    let auto = Application::new("apps/v1", "Deployment", "ns", "web").unwrap();
    let record = |range: &str, application| ControlRecord { ranges: set(range), application };
    records.set("auto4-web".parse().unwrap(), record("10.6.0.1-10.6.0.3", Some(auto))).unwrap();
    records.set("manual".parse().unwrap(), record("10.6.0.9", None)).unwrap();
    let (subnet, metadata) = mutate_subnet(&reservoir(), &Metadata::default());
    let subnets = [StoredSubnet::new("s", "uid-s", &subnet, &metadata).with_records(records.preallocated())];
    let pool = |ips: &str| {
        let labels = labelled(&[(LABEL_APPLICATION, "web")]);
        let made = Metadata { labels, ..Metadata::default() };
        let (stored, made) = mutate_pool(&fields("10.6.0.0/24", &[ips], &[]), &made, Subnets::On(&subnets));
        let rules = PoolRules {
            families: FamilySettings::default(),
            controller: Controller::of(&made, Subnets::On(&subnets)),
        };
        let others: [&PoolSpec; 0] = [];
        pool_create(&"auto4-web".parse().unwrap(), &stored, made.origin(), others, rules)
    };
    assert!(pool("10.6.0.1-10.6.0.3").is_ok());
    let denial = pool("10.6.0.1-10.6.0.4").unwrap_err();
    assert!(denial.to_string().contains("it's illegal to update AutoPool.Spec.IPs"), "{denial}");
}

#[test]
fn what_a_pool_says_itself_is_not_inherited() {
    let (subnet, metadata) = mutate_subnet(&reservoir(), &Metadata::default());
    let subnets = [StoredSubnet::new("s", "uid-s", &subnet, &metadata)];
    let own = vec![RouteFields { dst: "192.168.0.0/16".into(), gw: "10.6.0.252".into() }];
    let bare = fields("10.6.0.0/24", &[], &[]);
    let table = [
        (
            "own gateway",
            PoolFields { gateway: Some("10.6.0.200".into()), ..bare.clone() },
            "10.6.0.200",
            &subnet.routes,
        ),
        (
            "own routes",
            PoolFields { routes: Some(own.clone()), ..bare.clone() },
            "10.6.0.254",
            &Some(own.clone()),
        ),
        ("no routes wanted", PoolFields { routes: Some(Vec::new()), ..bare.clone() }, "10.6.0.254", &None),
        ("an empty gateway is one", PoolFields { gateway: Some(String::new()), ..bare }, "", &subnet.routes),
    ];
    for (case, pool, gateway, routes) in table {
        let (stored, _) = mutate_pool(&pool, &Metadata::default(), Subnets::On(&subnets));
        assert_eq!((stored.gateway.as_deref(), &stored.routes), (Some(gateway), routes), "{case}");
    }
}

#[test]
fn another_controller_keeps_its_pool_and_its_spelling() {
    let (subnet, metadata) = mutate_subnet(&reservoir(), &Metadata::default());
    let subnets = [StoredSubnet::new("s", "uid-s", &subnet, &metadata)];
    let pool = fields("10.6.0.0/24", &["10.6.0.2", "10.6.0.1"], &[]);
    for controller in [controlled_by("Deployment", "s", "u"), controlled_by("SpiderSubnet", "t", "u")] {
        let before = Metadata { controller, ..Metadata::default() };
        let (stored, after) = mutate_pool(&pool, &before, Subnets::On(&subnets));
        assert_eq!((after.controller, after.labels.get(LABEL_OWNER_SUBNET)), (before.controller, None));
        assert_eq!(after.labels.get(LABEL_CIDR).map(String::as_str), Some("10-6-0-0-24"));
        assert_eq!((stored.ips, stored.gateway, stored.ip_version), (pool.ips.clone(), None, Some(4)));
    }
}

#[test]
fn a_subnet_is_found_by_its_label_and_an_unlabelled_one_is_not() {
    let subnet = reservoir();
    let metadata = Metadata::default();
    let subnets = [StoredSubnet::new("s", "uid-s", &subnet, &metadata)];
    let (_, after) =
        mutate_pool(&fields("10.6.0.0/24", &[], &[]), &Metadata::default(), Subnets::On(&subnets));
    assert_eq!(after.controller, None);
}

fn set(text: &str) -> RangeSet {
    RangeSet::from_ranges(Family::V4, text.split(',').map(|range| range.parse().unwrap())).unwrap()
}

/// Creates pool `p`, controlled by the owner of this name.
fn create_in<'a>(
    new: &PoolFields,
    origin: Origin,
    owner: &str,
    subnet: &SubnetFields,
    records: &[Preallocated<'a>],
    peers: &[Peer<'a>],
) -> Result<PoolSpec, Denial> {
    let metadata = Metadata::default();
    let subnets = [StoredSubnet::new("s", "u", subnet, &metadata).with_records(records.iter().copied())];
    let own = Metadata { controller: controlled_by("Anything", owner, "x"), ..Metadata::default() };
    let controller = Controller::of(&own, Subnets::On(&subnets));
    let rules = PoolRules { controller, ..PoolRules::default() };
    pool_create(&name("p"), new, origin, peers.iter().copied(), rules)
}

#[test]
fn a_pool_stays_inside_its_subnet() {
    let subnet = reservoir();
    let outside = "spec.ips: Forbidden: add some IP ranges";
    let six = subnet_fields("fd00::/64", &["fd00::1"], &[]);
    let table = [
        ("inside", &["10.6.0.1-10.6.0.49", "10.6.0.51"][..], "s", &subnet, None),
        ("empty", &[][..], "s", &subnet, None),
        ("empty, and no such subnet", &[][..], "ghost", &subnet, None),
        (
            "no such subnet",
            &["10.6.0.1"][..],
            "ghost",
            &subnet,
            Some(
                "spec.subnet: Internal error: failed to get controller Subnet ghost: spidersubnets.spiderpool.spidernet.io \
                 \"ghost\" not found"
                    .to_owned(),
            ),
        ),
        (
            "excluded and beyond",
            &["10.6.0.50", "10.6.0.101-10.6.0.102", "10.6.0.1"][..],
            "s",
            &subnet,
            Some(format!("{outside} [10.6.0.50 10.6.0.101-10.6.0.102] that are not contained in controller Subnet s, total")),
        ),
        ("of another family", &["10.6.0.7"][..], "s", &six, Some(format!("{outside} [10.6.0.7] that"))),
    ];
    for (case, ips, owner, subnet, want) in table {
        let pool = fields("10.6.0.0/24", ips, &[]);
        match (create_in(&pool, Origin::User, owner, subnet, &[], &[]), want) {
            (Ok(_), None) => {}
            (Err(refusal), Some(want)) => {
                let text = refusal.to_string();
                assert!(text.split_once("is invalid: ").unwrap().1.starts_with(&want), "{case}: {text}");
            }
            (result, _) => panic!("{case}: {result:?}"),
        }
    }
    let torn = SubnetFields { ips: texts(&["zz"]), ..reservoir() };
    let text =
        text_of(create_in(&fields("10.6.0.0/24", &["10.6.0.1"], &[]), Origin::User, "s", &torn, &[], &[]));
    assert!(
        text.contains(
            "spec.ips: Internal error: failed to assemble the total IP addresses of the Subnet s: "
        ),
        "{text}"
    );
}

#[test]
fn an_auto_pool_has_the_addresses_of_its_record() {
    let subnet = reservoir();
    let (three, other) = (set("10.6.0.1-10.6.0.3"), set("10.6.0.9"));
    let of = |pool, addresses| Preallocated::Held { pool, addresses, is_for_application: true };
    let differs = "it's illegal to update AutoPool.Spec.IPs that are different from corresponding \
                   SpiderSubnet.Status.ControlledIPPools";
    let table = [
        ("equal", vec![of("p", &three), of("q", &other)], None),
        ("other record", vec![of("p", &other)], Some(("spec.ips", differs))),
        ("no record", vec![of("q", &three)], Some(("spec.ips", differs))),
        (
            "malformed",
            vec![Preallocated::Malformed { pool: "p", problem: "zz" }],
            Some(("spec.subnet", "failed to parse SpiderSubnet s controlledIPPool p IPs: zz")),
        ),
        (
            "another pool's is malformed",
            vec![Preallocated::Malformed { pool: "q", problem: "zz" }, of("p", &three)],
            None,
        ),
        (
            "unreadable",
            vec![Preallocated::Unreadable("x")],
            Some(("spec.subnet", "failed unsharmal SpiderSubnet s Status.ControlledIPPools: x")),
        ),
    ];
    let pool = fields("10.6.0.0/24", &["10.6.0.1", "10.6.0.2-10.6.0.3"], &[]);
    for (case, records, want) in table {
        match (create_in(&pool, Origin::Application, "s", &subnet, &records, &[]), want) {
            (Ok(_), None) => {}
            (Err(refusal), Some((field, want))) => {
                let fault = refusal.faults().next().unwrap();
                assert!(fault.field() == field && fault.detail().starts_with(want), "{case}: {fault}");
            }
            (result, _) => panic!("{case}: {result:?}"),
        }
    }
}

#[test]
fn a_users_pool_takes_nothing_that_was_set_aside() {
    let subnet = reservoir();
    let (aside, stale) = (set("10.6.0.1-10.6.0.3"), set("10.6.0.20"));
    let for_application = |pool| Preallocated::Held { pool, addresses: &aside, is_for_application: true };
    let user = ("q", Ok(&stale)).into();
    let pool = fields("10.6.0.0/24", &["10.6.0.3-10.6.0.20"], &[]);
    let go = |records: &[Preallocated<'_>], peers: &[Peer<'_>]| {
        create_in(&pool, Origin::User, "s", &subnet, records, peers).map_err(|refusal| refusal.to_string())
    };
    let text = go(&[for_application("auto")], &[]).unwrap_err();
    assert!(
        text.contains("spec.ips: Forbidden: overlap with IPPool auto in IP ranges [10.6.0.3], total IP"),
        "{text}"
    );
    assert!(go(&[user], &[]).is_ok(), "records of users' pools lag behind them");
    assert!(
        go(&[for_application("p")], &[]).is_ok(),
        "an auto pool that was freed keeps its record for a while"
    );
    let auto = fields("10.6.0.0/24", &["10.6.0.1-10.6.0.3"], &[]);
    let told = go(&[for_application("auto")], &[Peer::stored("auto", &auto)]).unwrap_err();
    assert_eq!(told.matches("overlap with IPPool auto").count(), 1, "{told}");
}

#[test]
fn an_update_may_keep_what_was_set_aside_later() {
    let subnet = reservoir();
    let metadata = Metadata::default();
    let aside = set("10.6.0.3-10.6.0.4");
    let record = Preallocated::Held { pool: "auto", addresses: &aside, is_for_application: true };
    let subnets = [StoredSubnet::new("s", "u", &subnet, &metadata).with_records([record])];
    let rules = PoolRules { controller: Controller::Subnet(&subnets[0]), ..PoolRules::default() };
    let old = fields("10.6.0.0/24", &["10.6.0.3"], &[]).normalised();
    let go = |ips: &[&str]| {
        let (peers, records): ([&PoolSpec; 0], [InUse<'_>; 0]) = ([], []);
        pool_update(&name("p"), &old, &fields("10.6.0.0/24", ips, &[]), Origin::User, peers, records, rules)
    };
    assert!(go(&["10.6.0.3"]).is_ok());
    assert!(go(&["10.6.0.2-10.6.0.3"]).is_ok());
    assert_eq!(places(go(&["10.6.0.3-10.6.0.4"]).unwrap_err().faults()), ["spec.ips"]);
    assert_eq!(places(go(&["10.6.0.3", "10.6.0.200"]).unwrap_err().faults()), ["spec.ips"]);
}

proptest! {
    /// What was accepted once is accepted again as it is stored, and no webhook changes it a second time.
    #[test]
    fn an_adopted_pool_stays_as_it_is(
        pool in any_pool(),
        mut network in any_network(),
        is_wide in any::<bool>(),
        declines in any::<bool>(),
        is_auto in any::<bool>(),
    ) {
        if is_wide {
            // Else hardly a pool lies inside its subnet.
            let all = if pool.subnet.contains(':') { "fd00::-fd00::ff" } else { "10.6.0.0-10.6.0.255" };
            network = SubnetFields { ips: texts(&[all]), exclude_ips: Vec::new(), gateway: None, subnet: pool.subnet.clone(), ip_version: None, routes: None };
        }
        let (subnet, subnet_metadata) = mutate_subnet(&network, &Metadata::default());
        let labels = if is_auto { labelled(&[(LABEL_APPLICATION, "web")]) } else { BTreeMap::new() };
        let sent = PoolFields { routes: declines.then(Vec::new), ..pool };
        let total = PoolSpec::new(&name("p"), &sent).map(|pool| pool.allocatable().clone());
        let held = |addresses| Preallocated::Held { pool: "p", addresses, is_for_application: is_auto };
        let subnets = [StoredSubnet::new("s", "u", &subnet, &subnet_metadata).with_records(total.as_ref().ok().map(held))];
        let (fields, metadata) =
            mutate_pool(&sent, &Metadata { labels, ..Metadata::default() }, Subnets::On(&subnets));
        let (again, metadata_again) = mutate_pool(&fields, &metadata, Subnets::On(&subnets));
        prop_assert_eq!(&again, &fields);
        prop_assert_eq!(&metadata_again, &metadata);
        let rules = PoolRules { controller: Controller::of(&metadata, Subnets::On(&subnets)), ..PoolRules::default() };
        let (peers, records): ([&PoolSpec; 0], [InUse<'_>; 0]) = ([], []);
        let origin = metadata.origin();
        if let Ok(accepted) = pool_create(&name("p"), &fields, origin, peers, rules) {
            prop_assert_eq!(accepted.fields(), &fields);
            if let Controller::Subnet(_) = rules.controller {
                let network = SubnetSpec::new(&"s".parse().unwrap(), &subnet);
                prop_assert!(network.map_or(true, |network| network.total().is_superset(accepted.allocatable())));
            }
            let no_op = pool_update(&name("p"), &fields, &fields, origin, peers, records, rules);
            prop_assert_eq!(no_op.as_ref(), Ok(&accepted));
        }
    }
}
