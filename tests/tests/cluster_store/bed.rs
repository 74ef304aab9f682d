//! One control plane for all tests that run at a time, with our definitions, and what a test builds on it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use ipam_core::{
    Allocate, Allocation, AllocationRequest, AsyncStore, Family, NicRequest, Owner, PoolFields, PoolSpec,
    RangeSet, Refusal, Time, run_async,
};
use ipam_k8s::client::{Cluster, ClusterOptions, Counts, Deadline, Named};
use ipam_k8s::crd::{IPPoolSpec, SpiderEndpoint, SpiderIPPool};
use ipam_k8s::observe::Observer;
use ipam_k8s::store::{ClusterStore, EndpointDraft, PoolBook, SteadyClock, StoreOptions};
use serde_json::Value;
use spiderpool_tests::connection::config;
use spiderpool_tests::control_plane::ControlPlane;

/// The namespace of the pods.
pub(crate) const NAMESPACE: &str = "shop";

/// One for all tests.
static PLANE: LazyLock<ControlPlane> = LazyLock::new(|| {
    let plane = ControlPlane::start().unwrap();
    plane.install_crds().unwrap();
    for name in [NAMESPACE, "c-net", "c-web", "p-shop", "k-shop", "r"] {
        plane.kubectl(["create", "namespace", name]).unwrap().success().unwrap();
    }
    plane
});

/// What a watch would know: told by the test.
#[derive(Debug, Default)]
pub(crate) struct Book {
    pub(crate) specs: Mutex<Vec<Arc<PoolSpec>>>,
    pub(crate) reserved: Mutex<Vec<RangeSet>>,
}

impl PoolBook for Book {
    fn is_live(&self) -> bool {
        true
    }

    fn reserved(&self, family: Family) -> Option<Arc<RangeSet>> {
        let all = self.reserved.lock().unwrap();
        let of_family = all.iter().find(|set| set.family() == family).cloned();
        Some(Arc::new(of_family.unwrap_or_else(|| RangeSet::empty(family))))
    }

    fn specs(&self) -> Option<Vec<Arc<PoolSpec>>> {
        Some(self.specs.lock().unwrap().clone())
    }
}

/// Connections to the control plane, and names that no other test has.
#[derive(Clone, Debug)]
pub(crate) struct Bed {
    /// Who makes what a test needs, with all rights.
    pub(crate) admin: Cluster,
    /// What stores use, with an agent's rights.
    pub(crate) cluster: Cluster,
    mark: u64,
}

impl Bed {
    pub(crate) async fn new() -> Self {
        static MARKS: AtomicU64 = AtomicU64::new(0);
        let plane = tokio::task::spawn_blocking(|| &*PLANE).await.unwrap();
        let admin = connect(config(&plane.kubeconfig()).await.unwrap());
        let cluster = connect(agent_config().await);
        Self { admin, cluster, mark: MARKS.fetch_add(1, Ordering::Relaxed) }
    }

    /// A name of this test's own.
    pub(crate) fn name(&self, name: &str) -> String {
        format!("{name}-{}", self.mark)
    }

    /// A store as an agent has it: with a watch that is live.
    pub(crate) fn store(&self) -> ClusterStore {
        self.store_on(&self.cluster)
    }

    pub(crate) fn store_on(&self, cluster: &Cluster) -> ClusterStore {
        ClusterStore::new(cluster.clone(), Arc::new(Book::default()), StoreOptions::default())
    }

    /// The same, with somebody who counts.
    pub(crate) fn observed(&self, observer: Arc<dyn Observer>) -> ClusterStore {
        let mut options = StoreOptions::default();
        options.observer = observer;
        ClusterStore::new(self.cluster.clone(), Arc::new(Book::default()), options)
    }

    /// Makes a pool; its name. Of other subnets than those of the contract's suite, which may run at the same time.
    pub(crate) async fn pool(&self, name: &str, subnet: &str, ips: &str) -> String {
        let fields = PoolFields {
            subnet: subnet.to_owned(),
            ips: vec![ips.to_owned()],
            gateway: ips.split('-').next().map(|first| first.replace("10.16.0.10", "10.16.0.1")),
            ..PoolFields::default()
        };
        let name = self.name(name);
        let fields = if subnet.contains(':') { PoolFields { gateway: None, ..fields } } else { fields };
        let pool = SpiderIPPool::new(&name, IPPoolSpec::from(&fields.normalised()));
        self.admin.create::<SpiderIPPool>(Named::cluster(&name), &pool, soon()).await.unwrap();
        name
    }

    /// A pool as it is stored, with everything in it.
    pub(crate) async fn stored(&self, pool: &str) -> Value {
        self.admin.get_as::<SpiderIPPool, Value>(Named::cluster(pool), soon()).await.unwrap()
    }

    /// The text of a pool's records.
    pub(crate) async fn records(&self, pool: &str) -> Option<String> {
        self.stored(pool).await["status"]["allocatedIPs"].as_str().map(ToOwned::to_owned)
    }

    /// Writes a pool's status past the store, as whoever: fields that are given replace those that are there.
    pub(crate) async fn write_status(&self, pool: &str, status: Value) {
        let mut object = self.stored(pool).await;
        match (object.get_mut("status").and_then(Value::as_object_mut), &status) {
            (Some(there), Value::Object(status)) => there.extend(status.clone()),
            _ => object["status"] = status,
        }
        self.admin.replace_status::<SpiderIPPool>(Named::cluster(pool), &object, soon()).await.unwrap();
    }

    pub(crate) fn pod(&self, name: &str) -> Owner {
        let name = self.name(name);
        Owner::pod(NAMESPACE, &name, &format!("uid-of-{name}")).unwrap()
    }

    /// The endpoint of an owner as it is stored.
    pub(crate) async fn endpoint(&self, owner: &Owner) -> Option<SpiderEndpoint> {
        let named = Named::within(owner.scope(), owner.name());
        match self.admin.get::<SpiderEndpoint>(named, soon()).await {
            Ok(endpoint) => Some(endpoint),
            Err(error) if error.is_not_found() => None,
            Err(error) => panic!("{error:?}"),
        }
    }

    /// What was sent while this ran.
    pub(crate) async fn counted<T>(&self, cluster: &Cluster, work: impl Future<Output = T>) -> (T, Counts) {
        let before = cluster.traffic().counts();
        let outcome = work.await;
        (outcome, cluster.traffic().counts().since(&before))
    }
}

pub(crate) fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(30))
}

/// How an agent connects.
pub(crate) async fn agent_config() -> kube::Config {
    let kubeconfig = tokio::task::spawn_blocking(|| PLANE.agent_kubeconfig().unwrap()).await.unwrap();
    config(&kubeconfig).await.unwrap()
}

pub(crate) fn connect(config: kube::Config) -> Cluster {
    Cluster::new(config, &ClusterOptions::new("cluster-store-test/1")).unwrap()
}

/// A request for one NIC from these pools.
pub(crate) fn request(owner: &Owner, nic: &str, v4: &[&str], v6: &[&str]) -> AllocationRequest {
    let names = |names: &[&str]| names.iter().map(|name| name.parse().unwrap()).collect();
    let nic = NicRequest { v4: names(v4), v6: names(v6), ..NicRequest::new(nic.parse().unwrap()) };
    AllocationRequest::new(owner.clone(), Time::from_millis(60_000)).nic(nic)
}

pub(crate) async fn allocate<S: AsyncStore>(
    store: &S,
    request: AllocationRequest,
) -> Result<Allocation, Refusal> {
    run_async(Allocate::new(request, store.is_atomic()), store, &SteadyClock::start()).await.unwrap()
}

/// The addresses of an allocation as text.
pub(crate) fn addresses(allocation: &Allocation) -> Vec<String> {
    let all = allocation.attachments.iter().flat_map(|attachment| &attachment.assignments);
    all.map(|one| one.address.to_string()).collect()
}

/// The draft of a pod that appeared while we watched.
pub(crate) fn new_pod(owner: &Owner) -> EndpointDraft {
    let mut draft = EndpointDraft::new(owner, "n1");
    draft.is_new = true;
    draft
}
