//! Sources, wildcards and verdicts, by tables.

use super::*;
use crate::pool::PoolFields;
use crate::selector::LabelSelector;

fn pool(name: &str, with: impl FnOnce(&mut PoolFields)) -> Arc<PoolSpec> {
    let is_v6 = name.contains('6');
    let mut fields = PoolFields {
        subnet: if is_v6 { "fd00::/64" } else { "10.6.0.0/24" }.into(),
        ips: vec![if is_v6 { "fd00::10" } else { "10.6.0.10" }.into()],
        ..PoolFields::default()
    };
    with(&mut fields);
    Arc::new(PoolSpec::new(&name.parse().unwrap(), &fields).unwrap())
}

fn plain(name: &str) -> Arc<PoolSpec> {
    pool(name, |_| {})
}

fn named(v4: &[&str], v6: &[&str]) -> PoolSource {
    let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
    PoolSource::Named(PoolNames { v4: texts(v4), v6: texts(v6) })
}

fn inline(names: &[&str]) -> PoolSource {
    PoolSource::Inline(names.iter().map(|name| name.parse().unwrap()).collect())
}

/// Candidates as text, or the error.
fn outcome(source: &PoolSource, pools: &[Arc<PoolSpec>]) -> String {
    let list = |names: &[PoolName]| names.iter().map(PoolName::as_str).collect::<Vec<_>>().join(" ");
    match source.candidates(&"eth0".parse().unwrap(), pools) {
        Ok(Candidates { v4, v6, rejected }) => {
            let rejected: Vec<String> = rejected.iter().map(ToString::to_string).collect();
            format!("{}/{}/{}", list(&v4), list(&v6), rejected.join(";"))
        }
        Err(error) => error.to_string(),
    }
}

#[test]
fn names_and_patterns() {
    let pools = [plain("b4"), plain("a4"), plain("c4"), plain("x6"), plain("w6")];
    for (name, source, want) in [
        ("order kept", named(&["c4", "a4"], &[]), "c4 a4//"),
        ("both families", named(&["a4"], &["x6"]), "a4/x6/"),
        ("named twice", named(&["b4", "a4", "b4"], &[]), "b4 a4//"),
        ("pattern sorted", named(&["*"], &["?6"]), "a4 b4 c4/w6 x6/"),
        ("pattern in place", named(&["c4", "[ab]4"], &[]), "c4 a4 b4//"),
        ("pattern and name", named(&["b*", "*", "a4"], &[]), "b4 a4 c4//"),
        ("a pattern stands for its family", named(&["*"], &[]), "a4 b4 c4//"),
        ("one pattern of two matches", named(&["z*", "a*"], &[]), "a4//"),
        (
            "unknown",
            named(&["a4", "zz"], &[]),
            "failed to get original IPPool zz: SpiderIPPool.spiderpool.spidernet.io \"zz\" not found",
        ),
        (
            "no name at all",
            named(&["A_b"], &[]),
            "failed to get original IPPool A_b: SpiderIPPool.spiderpool.spidernet.io \"A_b\" not found",
        ),
        (
            "malformed",
            named(&["a4", "[]*"], &[]),
            "failed to match wildcard: IPv4 PoolName pattern '[]*', character 'a4', error: syntax error in pattern",
        ),
        (
            "other family by name",
            named(&["a4"], &["b4", "x6"]),
            "a4/x6/expect an IPv6 IPPool, but the version of the IPPool b4 is IPv4",
        ),
        (
            "other family alone",
            named(&["x6"], &[]),
            "no IPPool available, all IPv4 IPPools [x6] of eth0 filtered out: \
             expect an IPv4 IPPool, but the version of the IPPool x6 is IPv6",
        ),
        (
            "no match",
            named(&["z*"], &["x6"]),
            "no IPPool available, all IPv4 IPPools [] of eth0 filtered out: no IPPool matches z*",
        ),
    ] {
        assert_eq!(outcome(&source, &pools), want, "{name}");
    }
}

#[test]
fn a_source_wins_as_a_whole() {
    let (none, name) = (PoolNames::default(), PoolNames { v4: vec!["a4".into()], v6: vec![] });
    let own: Vec<PoolName> = vec!["b4".parse().unwrap(), "x6".parse().unwrap()];
    assert_eq!(PoolSource::first_of(name, own.clone()), named(&["a4"], &[]));
    assert_eq!(PoolSource::first_of(none.clone(), own), inline(&["b4", "x6"]));
    assert_eq!(PoolSource::first_of(none, vec![]), PoolSource::Default);
}

#[test]
fn inline_and_default_pools() {
    let default = |name| pool(name, |fields| fields.default = Some(true));
    let pools = [plain("b4"), default("c4"), default("a4"), default("x6")];
    assert_eq!(outcome(&inline(&["b4", "x6", "a4"]), &pools), "b4 a4/x6/");
    assert_eq!(outcome(&PoolSource::Default, &pools), "a4 c4/x6/");
    let nothing = "no IPPool available, no pool selection rules of any type are specified; name pools, or make one the default";
    assert_eq!(outcome(&PoolSource::Default, &[plain("b4")]), nothing);
    assert_eq!(outcome(&PoolSource::Default, &[]), nothing);
}

#[test]
fn what_must_be_known() {
    assert_eq!(named(&["b4", "a4", "b4", "No_Name"], &["x6"]).needs(), {
        Needs::Only(vec!["a4".parse().unwrap(), "b4".parse().unwrap(), "x6".parse().unwrap()])
    });
    assert_eq!(named(&["b4"], &["x*"]).needs(), Needs::All);
    assert_eq!(inline(&["b4"]).needs(), Needs::Only(vec!["b4".parse().unwrap()]));
    assert_eq!(PoolSource::Default.needs(), Needs::All);
}

#[test]
fn restricted_pools() {
    let selector = || {
        Some(LabelSelector {
            match_labels: [("app".into(), "web".into())].into(),
            ..LabelSelector::default()
        })
    };
    let text = |field: &str| {
        format!(
            "IPPool a4 is restricted by spec.{field}, which nothing on a host without Kubernetes can meet"
        )
    };
    type Restrict = fn(&mut PoolFields, Option<LabelSelector>);
    let cases: [(&str, Restrict); 6] = [
        ("nodeName", |fields, _| fields.node_name = vec!["n".into()]),
        ("nodeAffinity", |fields, selector| fields.node_affinity = selector),
        ("namespaceName", |fields, _| fields.namespace_name = vec!["n".into()]),
        ("namespaceAffinity", |fields, selector| fields.namespace_affinity = selector),
        ("podAffinity", |fields, selector| fields.pod_affinity = selector),
        ("multusName", |fields, _| fields.multus_name = vec!["n".into()]),
    ];
    for (field, restrict) in cases {
        let pools = [pool("a4", |fields| restrict(fields, selector())), plain("b4")];
        assert_eq!(outcome(&named(&["a4", "b4"], &[]), &pools), format!("b4//{}", text(field)), "{field}");
        let all = format!("no IPPool available, all IPv4 IPPools [a4] of eth0 filtered out: {}", text(field));
        assert_eq!(outcome(&named(&["a4"], &[]), &pools), all, "{field}");
    }
    // Empty selectors match everything.
    let open = pool("a4", |fields| {
        fields.namespace_affinity = Some(LabelSelector::default());
        fields.node_affinity = Some(LabelSelector::default());
    });
    assert_eq!(outcome(&named(&["a4"], &[]), &[open]), "a4//");
}

#[test]
fn several_reasons_have_brackets() {
    let pools = [pool("a4", |fields| fields.node_name = vec!["n".into()]), plain("x6")];
    let want = "no IPPool available, all IPv4 IPPools [a4 x6] of eth0 filtered out: \
        [IPPool a4 is restricted by spec.nodeName, which nothing on a host without Kubernetes can meet, \
        expect an IPv4 IPPool, but the version of the IPPool x6 is IPv6]";
    assert_eq!(outcome(&named(&["a4", "x6"], &[]), &pools), want);
}

#[test]
fn a_disabled_pool_stays_a_candidate_for_who_holds_an_address_of_it() {
    let pools = [pool("a4", |fields| fields.disable = Some(true))];
    assert_eq!(outcome(&named(&["a4"], &[]), &pools), "a4//");
}
