//! The index against the obvious: every pool held against the rules of the specification, one after the other. The model reads the
//! fields as they are written and shares no code with the crate's filter.

use ipam_core::select::{SelectError, Survey};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::*;

/// A pool as it is stored.
#[derive(Clone, Debug)]
struct Stored {
    name: String,
    fields: PoolFields,
    standing: Standing,
}

fn selected(selector: &LabelSelector, has: &Labels) -> bool {
    let value = |key: &String| has.get(key);
    selector.match_labels.iter().all(|(key, wanted)| value(key) == Some(wanted))
        && selector.match_expressions.iter().all(|one| match one.operator.as_str() {
            "In" => value(&one.key).is_some_and(|is| one.values.contains(is)),
            "NotIn" => value(&one.key).is_none_or(|is| !one.values.contains(is)),
            "Exists" => value(&one.key).is_some(),
            "DoesNotExist" => value(&one.key).is_none(),
            other => panic!("{other}"),
        })
}

fn is_bad(selector: Option<&LabelSelector>) -> bool {
    selector.is_some_and(|one| one.match_expressions.iter().any(|one| one.operator == "Nonsense"))
}

/// Names first, labels only without names (table of section 6.4, rows 4 and 5).
fn name_or_labels(
    names: &[String],
    selector: Option<&LabelSelector>,
    name: &str,
    has: Option<&Labels>,
) -> bool {
    if !names.is_empty() {
        return names.iter().any(|one| one == name);
    }
    let Some(selector) = selector else { return true };
    !is_bad(Some(selector)) && has.is_some_and(|has| selected(selector, has))
}

fn may_use(stored: &Stored, family: i64, subject: &Subject) -> bool {
    let Stored { fields, standing, .. } = stored;
    if standing.is_terminating || fields.disable == Some(true) || fields.ip_version != Some(family) {
        return false;
    }
    if !name_or_labels(
        &fields.node_name,
        fields.node_affinity.as_ref(),
        &subject.node,
        subject.node_labels.as_ref(),
    ) || !name_or_labels(
        &fields.namespace_name,
        fields.namespace_affinity.as_ref(),
        &subject.namespace,
        Some(&subject.namespace_labels),
    ) {
        return false;
    }
    if let Some(affinity) = &fields.pod_affinity {
        if standing.is_auto {
            let Some(one) = &subject.controller else { return false };
            let value = |key: &str| {
                affinity
                    .match_labels
                    .get(&format!("ipam.spidernet.io/app-{key}"))
                    .cloned()
                    .unwrap_or_default()
            };
            return value("api-group") == one.group
                && value("api-version") == one.version
                && value("kind") == one.kind
                && value("namespace") == one.namespace
                && value("name") == one.name;
        }
        if is_bad(Some(affinity)) || !selected(affinity, &subject.pod_labels) {
            return false;
        }
    }
    if fields.multus_name.is_empty() {
        return true;
    }
    let Some(Uplink { network: Network::Named { namespace, name }, .. }) = subject.uplinks.get(&nic("eth0"))
    else {
        return false;
    };
    fields.multus_name.iter().any(|wanted| {
        let full = if wanted.contains('/') {
            wanted.clone()
        } else {
            format!("{}/{wanted}", subject.agent_namespace)
        };
        full == format!("{namespace}/{name}")
    })
}

/// Section 6.5, pair by pair.
fn is_ahead(one: &PoolFields, other: &PoolFields) -> bool {
    let sets = |fields: &PoolFields| {
        [
            fields.pod_affinity.is_some(),
            !fields.node_name.is_empty(),
            fields.node_affinity.is_some(),
            !fields.namespace_name.is_empty(),
            fields.namespace_affinity.is_some(),
            !fields.multus_name.is_empty(),
        ]
    };
    let differs = sets(one).into_iter().zip(sets(other)).find(|(one, other)| one != other);
    differs.is_some_and(|(one, _)| one)
}

/// The names of the pools that may be used, in order. `asked` has names and at most the pattern `*`; `None` are the default pools.
fn model(stored: &[Stored], family: i64, asked: Option<&[String]>, subject: &Subject) -> Vec<String> {
    let mut sorted: Vec<&Stored> = stored.iter().collect();
    sorted.sort_by(|one, other| one.name.cmp(&other.name));
    let of_family: Vec<&Stored> =
        sorted.iter().copied().filter(|one| one.fields.ip_version == Some(family)).collect();
    let mut named: Vec<&Stored> = Vec::new();
    match asked {
        None => named.extend(of_family.iter().filter(|one| one.fields.default == Some(true))),
        Some(texts) => {
            for text in texts {
                if text == "*" {
                    named.extend(&of_family);
                } else {
                    named.extend(sorted.iter().filter(|one| one.name == *text));
                }
            }
        }
    }
    let mut kept: Vec<&Stored> = Vec::new();
    for one in named {
        if may_use(one, family, subject) && !kept.iter().any(|other| other.name == one.name) {
            // Insertion where nothing behind is ahead keeps equal ones in place.
            let at = kept.iter().position(|other| is_ahead(&one.fields, &other.fields)).unwrap_or(kept.len());
            kept.insert(at, one);
        }
    }
    kept.into_iter().map(|one| one.name.clone()).collect()
}

const KEYS: [&str; 3] = ["a", "b", "c"];
const VALUES: [&str; 3] = ["1", "2", "3"];

fn label_sets() -> impl Strategy<Value = Labels> {
    btree_map(select(&KEYS[..]).prop_map(Into::into), select(&VALUES[..]).prop_map(Into::into), 0..3)
}

fn selectors() -> impl Strategy<Value = LabelSelector> {
    let expression =
        (select(&KEYS[..]), 0..21_u8, subsequence(&VALUES[..], 1..3)).prop_map(|(key, what, values)| {
            let (operator, values) = match what {
                0..10 => ("In", values),
                10..14 => ("NotIn", values),
                14..17 => ("Exists", Vec::new()),
                17..20 => ("DoesNotExist", Vec::new()),
                _ => ("Nonsense", values),
            };
            LabelRequirement { key: key.into(), operator: operator.into(), values: texts(&values) }
        });
    (label_sets(), vec(expression, 0..2))
        .prop_map(|(match_labels, match_expressions)| LabelSelector { match_labels, match_expressions })
}

fn name_lists() -> impl Strategy<Value = Vec<String>> {
    prop_oneof![3 => Just(Vec::new()), 1 => vec(select(&VALUES[..]).prop_map(Into::into), 1..3)]
}

fn controllers() -> impl Strategy<Value = Controller> {
    (select(vec!["v1", "apps/v1"]), select(&VALUES[..]), select(&VALUES[..]))
        .prop_map(|(api, namespace, name)| Controller::new(api, "Kind", namespace, name))
}

fn pools() -> impl Strategy<Value = Stored> {
    let lists = (name_lists(), name_lists(), name_lists());
    let affinities = (
        option::weighted(0.3, selectors()),
        option::weighted(0.3, selectors()),
        option::weighted(0.3, selectors()),
    );
    let flags = (0..20_u8, any::<bool>(), option::weighted(0.15, controllers()));
    (0..40_u8, lists, affinities, flags).prop_map(
        |(number, lists, affinities, (flaw, is_default, controller))| {
            let name = format!("p{number}");
            let mut fields = fields(if number % 8 == 7 { "6" } else { "4" });
            (fields.node_name, fields.namespace_name) = (lists.0, lists.1);
            // A bare name and a full one, both of networks that a subject may have.
            fields.multus_name = lists
                .2
                .into_iter()
                .map(|name| if name == "1" { name } else { format!("t/{name}") })
                .collect();
            (fields.node_affinity, fields.namespace_affinity, fields.pod_affinity) = affinities;
            fields.default = Some(is_default);
            fields.disable = Some(flaw == 0);
            if flaw == 1 {
                fields.ip_version = None;
            }
            let is_auto = controller.is_some();
            if let Some(controller) = controller {
                let affinity = controller.affinity().map(|(key, value)| (key.into(), value.into())).collect();
                fields.pod_affinity =
                    Some(LabelSelector { match_labels: affinity, ..LabelSelector::default() });
            }
            Stored { name, fields, standing: Standing { is_terminating: flaw == 2, is_auto } }
        },
    )
}

fn subjects() -> impl Strategy<Value = Subject> {
    let names = (select(&VALUES[..]), select(&VALUES[..]));
    let network = prop_oneof![
        1 => Just(Network::Unset),
        1 => Just(Network::Unresolved("why".into())),
        4 => (select(vec!["t", "spiderpool"]), select(&VALUES[..]))
            .prop_map(|(namespace, name)| Network::Named { namespace: namespace.into(), name: name.into() }),
    ];
    let of_node = option::weighted(0.9, label_sets());
    (names, label_sets(), label_sets(), of_node, option::of(controllers()), network).prop_map(
        |((namespace, node), namespace_labels, pod_labels, node_labels, controller, network)| Subject {
            namespace: namespace.into(),
            namespace_labels,
            pod_labels,
            node: node.into(),
            node_labels,
            controller,
            agent_namespace: "spiderpool".into(),
            uplinks: BTreeMap::from([(nic("eth0"), Uplink { network, master: None })]),
        },
    )
}

fn listed(stored: &Stored) -> ListedPool {
    ListedPool::new(stored.name.parse().unwrap(), &stored.fields, stored.standing)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    /// Whatever was put in, replaced and taken out: the quick way, the full view and the model give the same pools in the same order.
    #[test]
    fn as_a_plain_scan(
        changes in vec((pools(), any::<bool>()), 0..120),
        subject in subjects(),
        order in Just((0..40_usize).collect::<Vec<_>>()).prop_shuffle(),
        star in 0..6_usize,
    ) {
        let (mut catalogue, mut stored) = (Catalogue::default(), BTreeMap::new());
        for (pool, is_removal) in changes {
            if is_removal && stored.len() > 10 {
                let old = catalogue.remove(&pool.name);
                prop_assert_eq!(old.is_some(), stored.remove(&pool.name).is_some());
            } else {
                let old = catalogue.insert(listed(&pool));
                prop_assert_eq!(old.is_some(), stored.insert(pool.name.clone(), pool).is_some());
            }
        }
        let stored: Vec<Stored> = stored.into_values().collect();
        let mut names: Vec<String> =
            order.iter().filter_map(|at| stored.get(*at)).map(|one| one.name.clone()).take(5).collect();
        if star <= names.len() {
            names.insert(star, "*".to_owned());
        }
        for (family, number) in [(Family::V4, 4), (Family::V6, 6)] {
            for asked in [Some(names.as_slice()), Some(&["*".to_owned()][..]), None] {
                let want = model(&stored, number, asked, &subject);
                let asked = asked.map_or(Asked::Default, Asked::Names);
                let got: Vec<String> = match catalogue.candidates(&nic("eth0"), family, asked, &subject) {
                    Ok(pools) => pools.iter().map(|pool| pool.name().to_string()).collect(),
                    Err(SelectError::FilteredOut { .. }) => Vec::new(),
                    Err(error) => return Err(TestCaseError::fail(error.to_string())),
                };
                prop_assert_eq!(&got, &want);
                let Survey { candidates, rejected, .. } =
                    catalogue.survey(&nic("eth0"), family, asked, &subject).unwrap();
                let full: Vec<String> = candidates.iter().map(|pool| pool.name().to_string()).collect();
                prop_assert_eq!(&full, &want);
                prop_assert!(rejected.iter().all(|one| !want.contains(&one.pool.to_string())));
            }
        }
    }
}
