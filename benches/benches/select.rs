//! Selection among 5,000 pools with affinities, against a plain scan of the same pools: as the original does it, with the selectors
//! read at each request, and with selectors that were read before.
#![allow(missing_docs, reason = "criterion's macros make undocumented functions")]
#![allow(
    clippy::expect_used,
    clippy::as_conversions,
    clippy::print_stdout,
    reason = "a bench that meets something unexpected should stop, and reports on stdout; xtask collects its lines"
)]

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use ipam_core::explain::{Explain, Question};
use ipam_core::select::{Asked, Catalogue, Labels, ListedPool, Network, Standing, Subject, Uplink, Wildcard};
use ipam_core::testkit::{ManualClock, MemoryStore};
use ipam_core::{
    AllocationRequest, Family, LabelRequirement, LabelSelector, Nic, Owner, PoolFields, RangeSet, Selector,
    Time, run,
};
use spiderpool_benches::{criterion_dir, median_ns, ratio};

const POOLS: usize = 5_000;
const NODES: usize = 250;
const ZONES: usize = 50;
const NAMESPACES: usize = 200;
const TEAMS: usize = 40;
const APPS: usize = 400;

fn label_map(pairs: &[(&str, String)]) -> Labels {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect()
}

fn requirement(key: &str, operator: &str, values: &[String]) -> LabelRequirement {
    LabelRequirement { key: key.to_owned(), operator: operator.to_owned(), values: values.to_vec() }
}

/// The pools of a large cluster: one in a hundred is open to all, the others are for nodes, zones, namespaces, teams or applications, a
/// third of them for two of these. Half are default pools.
fn pools() -> Vec<(String, PoolFields)> {
    (0..POOLS)
        .map(|number| {
            let (high, low) = (number / 250, number % 250);
            let mut fields = PoolFields {
                ip_version: Some(4),
                subnet: format!("10.{high}.{low}.0/24"),
                ips: vec![format!("10.{high}.{low}.10-10.{high}.{low}.99")],
                default: Some(number % 2 == 0),
                ..PoolFields::default()
            };
            let kinds = match number % 5 {
                _ if number % 100 == 0 => vec![],
                kind if number % 3 == 0 => vec![kind, (kind + 2) % 5],
                kind => vec![kind],
            };
            // Steps that share no factor with the number of values reach every value.
            for kind in kinds {
                match kind {
                    0 => {
                        let node = number * 7 % NODES;
                        fields.node_name =
                            vec![format!("node-{node}"), format!("node-{}", (node + 1) % NODES)];
                    }
                    1 => {
                        fields.node_affinity = Some(LabelSelector {
                            match_labels: label_map(&[(
                                "topology.kubernetes.io/zone",
                                format!("zone-{}", number * 7 % ZONES),
                            )]),
                            match_expressions: vec![requirement(
                                "node.kubernetes.io/role",
                                "NotIn",
                                &["edge".to_owned()],
                            )],
                        });
                    }
                    2 => fields.namespace_name = vec![format!("namespace-{}", number * 7 % NAMESPACES)],
                    3 => {
                        let team = number * 7 % TEAMS;
                        let teams = [format!("team-{team}"), format!("team-{}", (team + 1) % TEAMS)];
                        fields.namespace_affinity = Some(LabelSelector {
                            match_expressions: vec![requirement("team", "In", &teams)],
                            ..LabelSelector::default()
                        });
                    }
                    _ => {
                        fields.pod_affinity = Some(LabelSelector {
                            match_labels: label_map(&[(
                                "app.kubernetes.io/name",
                                format!("app-{}", number * 7 % APPS),
                            )]),
                            match_expressions: vec![requirement("canary", "DoesNotExist", &[])],
                        });
                    }
                }
            }
            (format!("pool-{number:04}"), fields)
        })
        .collect()
}

/// A pod with as many labels around it as clusters have.
fn subject(number: usize) -> Subject {
    let node = format!("node-{}", number % NODES);
    let fixed = |from: &str, count: usize| -> Labels {
        (0..count)
            .map(|index| (format!("{from}.example.com/label-{index}"), format!("value-{index}")))
            .collect()
    };
    let mut node_labels = fixed("node", 15);
    node_labels.extend(label_map(&[
        ("kubernetes.io/hostname", node.clone()),
        ("topology.kubernetes.io/zone", format!("zone-{}", number % ZONES)),
    ]));
    let mut namespace_labels = fixed("namespace", 3);
    namespace_labels.extend(label_map(&[("team", format!("team-{}", number % TEAMS))]));
    let mut pod_labels = fixed("pod", 4);
    pod_labels.extend(label_map(&[("app.kubernetes.io/name", format!("app-{}", number % APPS))]));
    let network = Network::Named { namespace: "kube-system".to_owned(), name: "macvlan".to_owned() };
    Subject {
        namespace: format!("namespace-{}", number % NAMESPACES),
        namespace_labels,
        pod_labels,
        node,
        node_labels: Some(node_labels),
        controller: None,
        agent_namespace: "kube-system".to_owned(),
        uplinks: BTreeMap::from([(nic(), Uplink { network, master: None })]),
    }
}

fn nic() -> Nic {
    "eth0".parse().expect("a name")
}

/// A pool as a scan finds it, with its selectors read or still to be read.
struct Scanned<S> {
    name: String,
    fields: PoolFields,
    node: Option<S>,
    namespace: Option<S>,
    pod: Option<S>,
}

/// A selector that may have to be read first.
trait Selects {
    fn selects(&self, labels: &Labels) -> bool;
}

impl Selects for Selector {
    fn selects(&self, labels: &Labels) -> bool {
        self.matches(|key| labels.get(key).map(String::as_str))
    }
}

impl Selects for LabelSelector {
    fn selects(&self, labels: &Labels) -> bool {
        self.compile("spec").is_ok_and(|selector| selector.selects(labels))
    }
}

/// The obvious way: each pool's name against the pattern, then its conditions until one fails; what is left is sorted.
fn scan<'p, S: Selects>(pools: &'p [Scanned<S>], pattern: Option<&str>, subject: &Subject) -> Vec<&'p str> {
    let glob = pattern.map(|text| Wildcard::parse(text).expect("a pattern"));
    let is_for = |pool: &&Scanned<S>| {
        let fields = &pool.fields;
        let is_named = match &glob {
            Some(glob) => glob.matches(&pool.name),
            None => fields.default == Some(true),
        };
        is_named
            && fields.disable != Some(true)
            && fields.ip_version == Some(4)
            && if fields.node_name.is_empty() {
                pool.node
                    .as_ref()
                    .is_none_or(|one| subject.node_labels.as_ref().is_some_and(|has| one.selects(has)))
            } else {
                fields.node_name.contains(&subject.node)
            }
            && if fields.namespace_name.is_empty() {
                pool.namespace.as_ref().is_none_or(|one| one.selects(&subject.namespace_labels))
            } else {
                fields.namespace_name.contains(&subject.namespace)
            }
            && pool.pod.as_ref().is_none_or(|one| one.selects(&subject.pod_labels))
    };
    let mut kept: Vec<&Scanned<S>> = pools.iter().filter(is_for).collect();
    kept.sort_by_key(|pool| {
        let fields = &pool.fields;
        Reverse([
            fields.pod_affinity.is_some(),
            !fields.node_name.is_empty(),
            fields.node_affinity.is_some(),
            !fields.namespace_name.is_empty(),
            fields.namespace_affinity.is_some(),
        ])
    });
    kept.into_iter().map(|pool| pool.name.as_str()).collect()
}

fn scanned<S>(pools: &[(String, PoolFields)], read: impl Fn(&LabelSelector) -> S) -> Vec<Scanned<S>> {
    let scanned = |(name, fields): &(String, PoolFields)| Scanned {
        name: name.clone(),
        node: fields.node_affinity.as_ref().map(&read),
        namespace: fields.namespace_affinity.as_ref().map(&read),
        pod: fields.pod_affinity.as_ref().map(&read),
        fields: fields.clone(),
    };
    pools.iter().map(scanned).collect()
}

fn listed(name: &str, fields: &PoolFields) -> ListedPool {
    ListedPool::new(name.parse().expect("a name"), fields, Standing::default())
}

/// Selection by a pattern and among default pools. The subjects take turns, so that nothing of one is warm for the next.
fn candidates(c: &mut Criterion) {
    let pools = pools();
    let catalogue: Catalogue = pools.iter().map(|(name, fields)| listed(name, fields)).collect();
    let as_original = scanned(&pools, Clone::clone);
    let compiled = scanned(&pools, |one| one.compile("spec").expect("a valid selector"));
    let (nic, star) = (nic(), ["*".to_owned()]);
    let subjects: Vec<Subject> = (0..97).map(|number| subject(number * 13)).collect();
    for (group, asked, pattern) in
        [("select-wildcard", Asked::Names(&star), Some("*")), ("select-default", Asked::Default, None)]
    {
        let ours = |subject: &Subject| {
            catalogue.candidates(&nic, Family::V4, asked, subject).expect("some are open")
        };
        let mut found = 0;
        for subject in &subjects {
            let pools = ours(subject);
            let names: Vec<&str> = pools.iter().map(|pool| pool.name().as_str()).collect();
            assert_eq!(names, scan(&as_original, pattern, subject), "the baselines find the same");
            assert_eq!(names, scan(&compiled, pattern, subject), "the baselines find the same");
            found += names.len();
        }
        let mut turns = subjects.iter().cycle();
        let mut next = || turns.next().expect("a cycle");
        let mut measured = c.benchmark_group(group);
        measured.bench_function("ours", |b| {
            b.iter_batched(&mut next, |one| ours(black_box(one)), BatchSize::SmallInput)
        });
        measured.bench_function("compiled-scan", |b| {
            b.iter_batched(&mut next, |one| scan(&compiled, pattern, black_box(one)), BatchSize::SmallInput);
        });
        measured.sample_size(20);
        measured.bench_function("plain-scan", |b| {
            b.iter_batched(
                &mut next,
                |one| scan(&as_original, pattern, black_box(one)),
                BatchSize::SmallInput,
            );
        });
        measured.finish();
        ratio(group, "ours", "plain-scan", "at least 10");
        ratio(group, "ours", "compiled-scan", "at least 10");
        time(group, "ours", 1.0, &format!("{} of {POOLS} pools found on average", found / subjects.len()));
    }
}

/// Prints a time of its own with its limit, in milliseconds.
fn time(group: &str, id: &str, limit_ms: f64, what: &str) {
    if !std::env::args().any(|arg| arg == "--test")
        && let Some(ns) = median_ns(group, id)
    {
        println!(
            "ratio: {group}: {id} {:.3} ms ({what}), {:.3} of {limit_ms} ms; goal: at most 1",
            ns / 1e6,
            ns / 1e6 / limit_ms
        );
    }
}

/// Every pool with its verdict in words, and what the candidates have to give, for a pod that is not there yet.
fn explain(c: &mut Criterion) {
    let pools = pools();
    let catalogue: Catalogue = pools.iter().map(|(name, fields)| listed(name, fields)).collect();
    let mut store = MemoryStore::atomic();
    for pool in catalogue.iter() {
        let spec = pool.spec().expect("a valid pool").as_ref().clone();
        store.put_pool(spec, RangeSet::empty(Family::V4)).expect("no overlap");
    }
    let (nic, star, subject) = (nic(), ["*".to_owned()], subject(13));
    let owner = Owner::pod("namespace-13", "new", "uid").expect("a name");
    let mut group = c.benchmark_group("select-explain");
    group.bench_function("ours", |b| {
        b.iter(|| {
            let request = AllocationRequest::new(owner.clone(), Time::from_millis(1_000));
            let mut question = Question::new(request, "annotation".to_owned());
            let survey = catalogue.survey(&nic, Family::V4, Asked::Names(&star), black_box(&subject));
            question.select(&nic, Family::V4, survey.and_then(|survey| survey.selected(&nic, Family::V4)));
            let explained = run(Explain::new(question), &mut store, &mut ManualClock::default());
            let text = explained.expect("a store in memory").to_string();
            assert_eq!(text.lines().count(), POOLS + 2, "a line for each pool below the two heads");
            text
        });
    });
    group.finish();
    time("select-explain", "ours", 20.0, &format!("all {POOLS} pools as text"));
}

/// One changed pool while others hold the catalogue.
fn around(c: &mut Criterion) {
    let pools = pools();
    let catalogue: Catalogue = pools.iter().map(|(name, fields)| listed(name, fields)).collect();
    let mut group = c.benchmark_group("select-around");
    group.bench_function("change-one", |b| {
        let (name, fields) = pools.get(POOLS / 2).expect("below the number");
        let changed = listed(name, fields);
        b.iter_batched(
            || changed.clone(),
            |changed| {
                let mut next = catalogue.clone();
                next.insert(changed);
                next
            },
            BatchSize::SmallInput,
        );
    });
    group.sample_size(10);
    group.bench_function("build", |b| {
        b.iter(|| pools.iter().map(|(name, fields)| listed(name, fields)).collect::<Catalogue>());
    });
    group.finish();
    ratio("select-around", "change-one", "build", "at least 100 (a change is no new catalogue)");
}

criterion_group! {
    name = select;
    config = Criterion::default().output_directory(&criterion_dir()).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    targets = candidates, explain, around
}
criterion_main!(select);
