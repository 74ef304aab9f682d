//! From names, patterns and default pools to candidates: what is named, in what order, and what is refused.

use super::*;

fn catalogue(pools: impl IntoIterator<Item = ListedPool>) -> Catalogue {
    pools.into_iter().collect()
}

fn of(pools: &Catalogue, family: Family, list: &[&str]) -> String {
    outcome(pools, family, Asked::Names(&texts(list)), &subject())
}

#[test]
fn names_and_patterns() {
    let closed = |name| pool(name, |fields| fields.disable = Some(true));
    let versionless = pool("v4", |fields| fields.ip_version = None);
    let pools = catalogue(
        ["b4", "a4", "c4", "x6"]
            .map(|name| pool(name, |_| {}))
            .into_iter()
            .chain([closed("d4"), versionless]),
    );
    for (list, want) in [
        (&["c4", "a4"][..], "c4 a4"),
        (&["*"], "a4 b4 c4"),
        (&["c4", "[ab]4"], "c4 a4 b4"),
        (&["b*", "*", "a4"], "b4 a4 c4"),
        (&["?4", "*4"], "a4 b4 c4"),
        (&["z*", "b4"], "b4"),
        (&["d4", "b4"], "b4"),
        (&[], ""),
        (&["a4", "b4", "a4"], "wrong input, duplicate IPPool a4 specified for NIC eth0"),
        (&["zz", "zz"], "wrong input, duplicate IPPool zz specified for NIC eth0"),
        (
            &["a4", "zz"],
            "failed to get original IPPool zz: SpiderIPPool.spiderpool.spidernet.io \"zz\" not found",
        ),
        (&[""], "failed to get original IPPool : SpiderIPPool.spiderpool.spidernet.io \"\" not found"),
        (
            &["zz", "[ippool]["],
            "failed to match wildcard: IPv4 PoolName pattern '[ippool][', character 'a4', error: syntax error in pattern",
        ),
        (&["z*"], "no IPPool available, all IPv4 IPPools [] of eth0 filtered out: no IPPool matches z*"),
        (&["d*"], "no IPPool available, all IPv4 IPPools [d4] of eth0 filtered out: disabled IPPool d4"),
        (
            &["x6", "d4", "y*", "v4"],
            "no IPPool available, all IPv4 IPPools [x6 d4 v4] of eth0 filtered out: \
             [expect an IPv4 IPPool, but the version of the IPPool x6 is IPv6, disabled IPPool d4, nil ippool ipVersion, \
             no IPPool matches y*]",
        ),
    ] {
        assert_eq!(of(&pools, Family::V4, list), want, "{list:?}");
    }
    assert_eq!(of(&pools, Family::V6, &["*"]), "x6");
}

#[test]
fn equal_reasons_stand_once() {
    let foreign = |name| {
        pool(name, |fields| {
            fields.node_affinity = requires("zone", "Nonsense", &[]);
        })
    };
    let closed = pool("b4", |fields| fields.disable = Some(true));
    let pools = catalogue([foreign("a4"), closed, foreign("c4")]);
    let all = "no IPPool available, all IPv4 IPPools";
    let bad = "\"Nonsense\" is not a valid label selector operator";
    assert_eq!(of(&pools, Family::V4, &["a4", "c4"]), format!("{all} [a4 c4] of eth0 filtered out: {bad}"));
    assert_eq!(
        of(&pools, Family::V4, &["*"]),
        format!("{all} [a4 b4 c4] of eth0 filtered out: [{bad}, disabled IPPool b4]")
    );
}

#[test]
fn default_pools() {
    let default = |name| pool(name, |fields| fields.default = Some(true));
    let closed = pool("a4", |fields| {
        fields.default = Some(true);
        fields.node_name = texts(&["n2"]);
    });
    let versionless = pool("v4", |fields| {
        fields.default = Some(true);
        fields.ip_version = None;
    });
    let mut pools = catalogue([default("c4"), default("b4"), closed, pool("z4", |_| {}), versionless]);
    let get = |pools: &Catalogue, family| outcome(pools, family, Asked::Default, &subject());
    assert_eq!(get(&pools, Family::V4), "b4 c4");
    assert_eq!(get(&pools, Family::V6), "");
    pools.remove("b4");
    pools.remove("c4");
    assert_eq!(
        get(&pools, Family::V4),
        "no IPPool available, all IPv4 IPPools [a4] of eth0 filtered out: unmatched Node name of IPPool a4"
    );
    pools.remove("a4");
    assert_eq!(get(&pools, Family::V4), "");
}

/// Each condition outweighs all those after it together; equal pools stay as they are named.
#[test]
fn preference() {
    type With = fn(&mut PoolFields);
    let conditions: [With; 6] = [
        |fields| fields.pod_affinity = selects(&[("app", "x")]),
        |fields| fields.node_name = texts(&["n1"]),
        |fields| fields.node_affinity = selects(&[]),
        |fields| fields.namespace_name = texts(&["t"]),
        |fields| fields.namespace_affinity = selects(&[("team", "a")]),
        |fields| fields.multus_name = texts(&["t/nad"]),
    ];
    for (index, condition) in conditions.iter().enumerate() {
        let pools = catalogue([
            pool("rest4", |fields| conditions[index + 1..].iter().for_each(|other| other(fields))),
            pool("one4", condition),
            pool("two4", condition),
            pool("plain4", |_| {}),
        ]);
        let want = "two4 one4 rest4 plain4";
        assert_eq!(of(&pools, Family::V4, &["rest4", "two4", "plain4", "one4"]), want, "{index}");
        assert_eq!(of(&pools, Family::V4, &["*"]).split(' ').next(), Some("one4"), "{index}");
    }
}

/// A catalogue that someone holds is not changed by what comes after it.
#[test]
fn a_clone_stays_as_it_is() {
    let mut pools = catalogue(["a4", "b4"].map(|name| pool(name, |_| {})));
    let before = pools.clone();
    assert!(pools.insert(pool("a4", |fields| fields.disable = Some(true))).is_some());
    assert!(pools.insert(pool("c4", |_| {})).is_none());
    assert!(pools.remove("zz").is_none());
    assert_eq!(of(&before, Family::V4, &["*"]), "a4 b4");
    assert_eq!(of(&pools, Family::V4, &["*"]), "b4 c4");
    assert_eq!((before.len(), pools.len()), (2, 3));
    assert_eq!(pools.iter().map(|pool| pool.name().as_str()).collect::<Vec<_>>(), ["a4", "b4", "c4"]);
    assert!(before.get("c4").is_none() && pools.get("c4").is_some());
}
