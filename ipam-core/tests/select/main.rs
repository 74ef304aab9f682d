//! Selection among the pools of a cluster: each rule by tables, the order, the index against a model, the original's recorded answers.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test stops at the first surprise and reads recorded answers; the lint spares test functions only"
)]

use std::collections::BTreeMap;

use ipam_core::select::{
    Asked, Catalogue, Controller, Labels, ListedPool, Network, Standing, Subject, Uplink,
};
use ipam_core::{Family, LabelRequirement, LabelSelector, Nic, PoolFields};

mod filter;
mod golden;
mod keep;
mod model;
mod names;
mod wire;

/// A valid pool; its family is in its name.
fn fields(name: &str) -> PoolFields {
    let is_v6 = name.contains('6');
    PoolFields {
        ip_version: Some(if is_v6 { 6 } else { 4 }),
        subnet: if is_v6 { "fd00::/64" } else { "10.6.0.0/24" }.into(),
        ips: vec![if is_v6 { "fd00::10" } else { "10.6.0.10" }.into()],
        ..PoolFields::default()
    }
}

fn pool(name: &str, with: impl FnOnce(&mut PoolFields)) -> ListedPool {
    standing(name, Standing::default(), with)
}

fn standing(name: &str, standing: Standing, with: impl FnOnce(&mut PoolFields)) -> ListedPool {
    let mut fields = fields(name);
    with(&mut fields);
    ListedPool::new(name.parse().unwrap(), &fields, standing)
}

fn nic(name: &str) -> Nic {
    name.parse().unwrap()
}

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|text| (*text).to_owned()).collect()
}

/// `matchLabels`.
fn selects(pairs: &[(&str, &str)]) -> Option<LabelSelector> {
    Some(LabelSelector { match_labels: labels(pairs), ..LabelSelector::default() })
}

/// One of `matchExpressions`.
fn requires(key: &str, operator: &str, values: &[&str]) -> Option<LabelSelector> {
    let one = LabelRequirement { key: key.into(), operator: operator.into(), values: texts(values) };
    Some(LabelSelector { match_expressions: vec![one], ..LabelSelector::default() })
}

/// The pod of the recorder's fixture: on node n1, in namespace t, of Deployment t/web; eth0 hangs on t/nad, net1 is unknown to Multus.
fn subject() -> Subject {
    let named = Network::Named { namespace: "t".into(), name: "nad".into() };
    Subject {
        namespace: "t".into(),
        namespace_labels: labels(&[("team", "a")]),
        pod_labels: labels(&[("app", "x")]),
        node: "n1".into(),
        node_labels: Some(labels(&[("kubernetes.io/hostname", "n1"), ("zone", "z1")])),
        controller: Some(Controller::new("apps/v1", "Deployment", "t", "web")),
        agent_namespace: "spiderpool".into(),
        uplinks: BTreeMap::from([(nic("eth0"), Uplink { network: named, master: None })]),
    }
}

/// The names of the candidates, or the error.
fn outcome(pools: &Catalogue, family: Family, asked: Asked<'_>, subject: &Subject) -> String {
    let eth0 = nic("eth0");
    let found = pools.candidates(&eth0, family, asked, subject);
    let names = |pools: &[std::sync::Arc<ListedPool>]| {
        pools.iter().map(|pool| pool.name().as_str()).collect::<Vec<_>>().join(" ")
    };
    // The full view never differs from the quick one.
    let full = pools.survey(&eth0, family, asked, subject).and_then(|full| full.selected(&eth0, family));
    match (&found, &full) {
        (Ok(quick), Ok(full)) => {
            assert_eq!(
                quick.iter().map(|pool| pool.name()).collect::<Vec<_>>(),
                full.candidates.iter().collect::<Vec<_>>()
            );
        }
        (Err(quick), Err(full)) => assert_eq!(quick, full),
        (quick, full) => panic!("{quick:?} against {full:?}"),
    }
    match found {
        Ok(pools) => names(&pools),
        Err(error) => error.to_string(),
    }
}
