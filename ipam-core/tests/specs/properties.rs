//! Properties of all pools, reserved ranges and subnets.

use ipam_core::admission::{Preallocated, StoredSubnet, mutate_subnet, subnet_create, subnet_update};
use proptest::prelude::*;

use super::*;

/// An item of 10.6.0.0/24 or fd00::/120: a single or a range in order, in one of several spellings, seldom a bad one.
fn item(v6: bool) -> impl Strategy<Value = String> {
    let text = move |n: u8, spelling: u8| match (v6, spelling) {
        (false, _) => format!("10.6.0.{n}"),
        (true, 0) => format!("FD00::{n:04X}"),
        (true, 1) => format!("fd00:0:0::{n:x}"),
        (true, _) => format!("fd00::{n:x}"),
    };
    (any::<u8>(), any::<u8>(), 0..3_u8, 0..40_u8).prop_map(move |(a, b, spelling, kind)| match kind {
        0 => format!("{}-{}", text(a.max(b), spelling), text(a.min(b), spelling)),
        1 => "10.7.0.1".to_owned(),
        2 => "x".to_owned(),
        3..20 => text(a, spelling),
        _ => format!("{}-{}", text(a.min(b), spelling), text(a.max(b), spelling)),
    })
}

pub(super) fn any_pool() -> impl Strategy<Value = PoolFields> {
    any::<bool>().prop_flat_map(|v6| {
        let list = || proptest::collection::vec(item(v6), 0..5);
        let net = if v6 { "fd00::/120" } else { "10.6.0.0/24" };
        (list(), list(), proptest::option::of(item(v6)), any::<bool>()).prop_map(
            move |(ips, exclude_ips, gateway, version)| {
                let ip_version = version.then_some(if v6 { 6 } else { 4 });
                PoolFields {
                    subnet: net.into(),
                    ip_version,
                    ips,
                    exclude_ips,
                    gateway,
                    ..PoolFields::default()
                }
            },
        )
    })
}

pub(super) fn any_network() -> impl Strategy<Value = SubnetFields> {
    (any_pool(), proptest::option::of(proptest::collection::vec((any::<u8>(), any::<u8>()), 0..3))).prop_map(
        |(pool, routes)| {
            let v6 = pool.subnet.contains(':');
            let route = |(dst, gw): (u8, u8)| {
                let (dst, gw) = if v6 {
                    (format!("fd{dst:02x}::/16"), format!("fd00::{gw:x}"))
                } else {
                    (format!("{dst}.0.0.0/8"), format!("10.6.0.{gw}"))
                };
                RouteFields { dst, gw }
            };
            SubnetFields {
                ip_version: pool.ip_version,
                subnet: pool.subnet,
                ips: pool.ips,
                exclude_ips: pool.exclude_ips,
                gateway: pool.gateway,
                routes: routes.map(|routes| routes.into_iter().map(route).collect()),
            }
        },
    )
}

/// Every address of a list, one by one: right and slow.
fn enumerate(items: &[String]) -> BTreeSet<Addr> {
    let mut all = BTreeSet::new();
    for item in items {
        let (first, last) = item.split_once('-').unwrap_or((item, item));
        let (mut at, last): (Addr, Addr) = (first.parse().unwrap(), last.parse().unwrap());
        while at <= last {
            all.insert(at);
            at = at.next().unwrap();
        }
    }
    all
}

proptest! {
    #[test]
    fn normalising_twice_is_normalising_once(pool in any_pool()) {
        let once = pool.normalised();
        prop_assert_eq!(once.normalised(), once);
    }

    #[test]
    fn an_accepted_pool_stays_accepted_and_unchanged(pool in any_pool()) {
        if let Ok(accepted) = PoolSpec::new(&name("p"), &pool) {
            let again = PoolSpec::new(&name("p"), accepted.fields());
            prop_assert_eq!(again.as_ref(), Ok(&accepted));
            prop_assert!(update(&accepted, &pool, &[]).is_ok(), "the manifest applied again");
            let wire = serde_json::to_string(accepted.fields()).unwrap();
            prop_assert_eq!(serde_json::from_str::<PoolFields>(&wire).unwrap(), accepted.fields().clone());
        }
    }

    #[test]
    fn what_can_be_handed_out_is_ips_less_excludes(pool in any_pool()) {
        if let Ok(accepted) = PoolSpec::new(&name("p"), &pool) {
            let left: BTreeSet<Addr> = enumerate(&pool.ips).difference(&enumerate(&pool.exclude_ips)).copied().collect();
            let ranges: Vec<String> = accepted.allocatable().ranges().map(|range| range.to_string()).collect();
            prop_assert_eq!(enumerate(&ranges), left);
        }
    }

    #[test]
    fn pools_clash_when_they_share_an_address(one in any_pool(), other in any_pool()) {
        if let (Ok(one), Ok(other)) = (PoolSpec::new(&name("q"), &one), PoolSpec::new(&name("p"), &other)) {
            let shared = one.subnet() == other.subnet() && one.allocatable().overlaps(other.allocatable());
            prop_assert_eq!(create(other.fields(), &[&one]).is_err(), shared);
            let stored = Peer::stored("q", one.fields());
            let unchecked = pool_create(other.name(), other.fields(), Origin::User, [stored], FamilySettings::default());
            prop_assert_eq!(unchecked.is_err(), shared);
        }
    }

    #[test]
    fn a_subnet_stays_accepted_and_unchanged(network in any_network()) {
        let (fields, metadata) = mutate_subnet(&network, &Metadata::default());
        prop_assert_eq!(&fields, &network.normalised());
        prop_assert_eq!(mutate_subnet(&fields, &metadata), (fields.clone(), metadata));
        let (name, settings) = ("s".parse().unwrap(), FamilySettings::default());
        let (peers, records): ([&PoolSpec; 0], [Preallocated<'_>; 0]) = ([], []);
        if let Ok(accepted) = subnet_create(&name, &fields, Subnets::On(&[]), peers, settings) {
            prop_assert_eq!(accepted.fields(), &fields);
            let left: BTreeSet<Addr> =
                enumerate(&network.ips).difference(&enumerate(&network.exclude_ips)).copied().collect();
            let ranges: Vec<String> = accepted.total().ranges().map(|range| range.to_string()).collect();
            prop_assert_eq!(enumerate(&ranges), left);
            let no_op = subnet_update(&name, &fields, &fields, records, settings);
            prop_assert_eq!(no_op.as_ref(), Ok(&accepted));
            let whole = ("p", Ok(accepted.total())).into();
            let in_use: [Preallocated<'_>; 1] = [whole];
            prop_assert!(subnet_update(&name, &fields, &fields, in_use, settings).is_ok());
            let wire = serde_json::to_string(&fields).unwrap();
            prop_assert_eq!(serde_json::from_str::<SubnetFields>(&wire).unwrap(), fields);
        }
    }

    #[test]
    fn a_subnet_takes_the_pools_that_it_covers(network in any_network(), pool in any_pool()) {
        let stored = PoolSpec::new(&name("p"), &pool);
        if let (Ok(network), Ok(pool)) = (SubnetSpec::new(&"s".parse().unwrap(), &network), stored) {
            let covers = network.family() != pool.family() || network.total().is_superset(pool.allocatable());
            let settings = FamilySettings::default();
            let none: [StoredSubnet<'_>; 0] = [];
            let beside = Peer::stored("p", pool.fields());
            let result = subnet_create(network.name(), network.fields(), Subnets::On(&none), [beside], settings);
            prop_assert_eq!(result.is_ok(), covers);
        }
    }

    #[test]
    fn reserved_ranges_stay_accepted_and_unchanged(ips in proptest::collection::vec(item(true), 0..5)) {
        let fields = ReservedFields { ip_version: None, ips };
        prop_assert_eq!(fields.normalised().normalised(), fields.normalised());
        if let Ok(accepted) = ReservedSpec::new(&"r".parse().unwrap(), &fields) {
            let again = ReservedSpec::new(accepted.name(), accepted.fields());
            prop_assert_eq!(again, Ok(accepted));
        }
    }

    #[test]
    fn no_text_makes_a_panic(subnet in ".{0,12}", items in proptest::collection::vec("[0-9a-f.:/ -]{0,20}", 0..4)) {
        let network = SubnetFields { subnet: subnet.clone(), ips: items.clone(), exclude_ips: items.clone(), ..SubnetFields::default() };
        let _ = SubnetSpec::new(&"s".parse().unwrap(), &network);
        let pool = PoolFields { subnet, ips: items.clone(), exclude_ips: items, ..PoolFields::default() };
        let _ = PoolSpec::new(&name("p"), &pool);
        let pool = PoolFields { subnet: "::/0".into(), ..pool };
        let _ = create(&pool, &[]);
    }
}
