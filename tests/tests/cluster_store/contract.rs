//! The suite that holds any store to its contract, on the real API server.

use std::cell::Cell;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ipam_core::batch::Batched;
use ipam_core::testkit::conformance::{self, Setup, Suite};
use ipam_core::testkit::strategies;
use ipam_core::{AsyncStore, Family, Policy, PoolSpec};
use ipam_k8s::client::{List, Named};
use ipam_k8s::crd::{IPPoolSpec, ReservedIPSpec, SpiderEndpoint, SpiderIPPool, SpiderReservedIP};
use ipam_k8s::store::{ClusterStore, ColdBook, PoolBook, StoreOptions};
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use tokio::runtime::Runtime;

use crate::bed::{Bed, Book, soon};
use crate::renamed::Renamed;

/// Sequences of actions that are compared with a store in memory. Each has up to 39 steps, and after each step everything is read.
const SEQUENCES: u32 = 4;

/// Makes stores, each with pools of its own, and takes away what the one before left.
struct Trials<S> {
    bed: Bed,
    runtime: Runtime,
    kind: &'static str,
    /// Whether a watch tells the store what is reserved and which pools there are.
    is_watched: bool,
    around: fn(ClusterStore) -> S,
    count: Cell<u32>,
    /// The suite's pools are all of the same subnets, and reserved addresses are everybody's.
    _alone: MutexGuard<'static, ()>,
}

static ALONE: Mutex<()> = Mutex::new(());

impl<S: AsyncStore> Trials<S> {
    fn new(kind: &'static str, is_watched: bool, around: fn(ClusterStore) -> S) -> Self {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let runtime = Runtime::new().unwrap();
        let bed = runtime.block_on(Bed::new());
        Self { bed, runtime, kind, is_watched, around, count: Cell::new(0), _alone: alone }
    }

    fn fresh(&self, setup: &Setup) -> Renamed<S> {
        self.runtime.block_on(self.clear());
        self.count.set(self.count.get() + 1);
        let prefix = format!("zz-{}-{}-", self.kind, self.count.get());
        let book = self.runtime.block_on(self.plant(setup, &prefix));
        let store = ClusterStore::new(self.bed.cluster.clone(), book, StoreOptions::default());
        Renamed { inner: (self.around)(store), prefix, runtime: self.runtime.handle().clone() }
    }

    async fn plant(&self, setup: &Setup, prefix: &str) -> Arc<dyn PoolBook> {
        let mut specs = Vec::new();
        for pool in &setup.pools {
            let name = format!("{prefix}{}", pool.name());
            let object = SpiderIPPool::new(&name, IPPoolSpec::from(pool.fields()));
            self.bed.admin.create::<SpiderIPPool>(Named::cluster(&name), &object, soon()).await.unwrap();
            specs.push(Arc::new(PoolSpec::new(&name.parse().unwrap(), pool.fields()).unwrap()));
        }
        if self.is_watched {
            let reserved = [Family::V4, Family::V6].map(|family| setup.reserved(family));
            return Arc::new(Book { specs: specs.into(), reserved: reserved.to_vec().into() });
        }
        for family in [Family::V4, Family::V6] {
            let ips: Vec<String> = setup.reserved(family).ranges().map(|range| range.to_string()).collect();
            if ips.is_empty() {
                continue;
            }
            let name = format!("{prefix}{}", family.to_string().to_lowercase());
            let object = SpiderReservedIP::new(
                &name,
                ReservedIPSpec { ip_version: Some(family.number().into()), ips },
            );
            self.bed.admin.create::<SpiderReservedIP>(Named::cluster(&name), &object, soon()).await.unwrap();
        }
        Arc::new(ColdBook)
    }

    async fn clear(&self) {
        let cluster = &self.bed.admin;
        let prefix = format!("zz-{}-", self.kind);
        for pool in cluster.list_metadata::<SpiderIPPool>(List::default(), soon()).await.unwrap().items {
            let name = pool.name.unwrap();
            if name.starts_with(&prefix) {
                cluster.delete::<SpiderIPPool>(Named::cluster(&name), None, None, soon()).await.unwrap();
            }
        }
        let reserved = cluster.list_metadata::<SpiderReservedIP>(List::default(), soon()).await.unwrap();
        for object in reserved.items {
            let name = object.name.unwrap();
            if name.starts_with(&prefix) {
                cluster.delete::<SpiderReservedIP>(Named::cluster(&name), None, None, soon()).await.unwrap();
            }
        }
        let endpoints = cluster.list_metadata::<SpiderEndpoint>(List::default(), soon()).await.unwrap();
        for endpoint in endpoints.items {
            let (namespace, name) = (endpoint.namespace.unwrap(), endpoint.name.unwrap());
            if name.starts_with(&prefix) {
                let named = Named::within(&namespace, &name);
                let patch = serde_json::json!({ "metadata": { "finalizers": [] } });
                cluster.merge_patch::<SpiderEndpoint>(named, &patch, soon()).await.unwrap();
                cluster.delete::<SpiderEndpoint>(named, None, None, soon()).await.unwrap();
            }
        }
    }

    /// All cases of the suite.
    fn keep_the_contract(&self) {
        let report =
            Suite::whole().run(|setup| self.fresh(setup)).unwrap_or_else(|failure| panic!("{failure}"));
        println!("{}: {report}", self.kind);
        let skipped: Vec<&str> = report.skipped.iter().map(|(case, _)| *case).collect();
        let of_stamps = |case: &&&str| case.contains("stamp") || case.contains("confirmed record");
        let others: Vec<&&str> = skipped.iter().filter(|case| !of_stamps(case)).collect();
        assert_eq!(
            others,
            [&"changes of one commit are stored together", &"requests: collection after another boot"],
            "{report}"
        );
        self.runtime.block_on(self.clear());
    }
}

#[test]
fn without_a_watch_it_keeps_the_contract() {
    Trials::new("cold", false, |store| store).keep_the_contract();
}

#[test]
fn with_a_watch_it_keeps_the_contract() {
    Trials::new("live", true, |store| store).keep_the_contract();
}

#[test]
fn in_batches_it_keeps_the_contract() {
    Trials::new("batched", true, Batched::new).keep_the_contract();
}

#[test]
fn it_does_what_a_store_in_memory_does() {
    let trials = Trials::new("model", true, |store| store);
    let seed = [7; 32];
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let policies = vec![Policy::Lowest, Policy::Spread, Policy::Rotate];
    let inputs = (strategies::setups(), strategies::actions_with(policies));
    for sequence in 0..SEQUENCES {
        let (setup, actions) = inputs.new_tree(&mut runner).unwrap().current();
        let store = trials.fresh(&setup);
        conformance::against_model(store, &setup, &actions)
            .unwrap_or_else(|failure| panic!("sequence {sequence} of seed {seed:?}: {failure}"));
    }
    trials.runtime.block_on(trials.clear());
}
