//! What each kind of request costs, counted below the client.

use std::sync::{Arc, Mutex};

use ipam_core::batch::Batched;
use ipam_core::{Allocation, Release, ReleaseRequest, ReleaseScope, Time, run_async};
use ipam_k8s::client::Counts;
use ipam_k8s::observe::{Observer, RequestKind};
use ipam_k8s::store::{ClusterStore, EndpointDraft, OnClear, SteadyClock};

use crate::bed::{Bed, addresses, allocate, new_pod, request};

const PUT: &str = "update spiderippools/status";
const POST: &str = "create spiderendpoints";
const PATCH: &str = "patch spiderendpoints";
const GET_POOL: &str = "get spiderippools";
const GET_ENDPOINT: &str = "get spiderendpoints";

/// The requests must be these, each so often.
fn costs(counts: &Counts, expected: &[(u64, &str)]) {
    let mut lines: Vec<String> = expected.iter().map(|(count, kind)| format!("{count} {kind}")).collect();
    lines.sort_by_key(|line| line.split_once(' ').map(|(_, kind)| verb_first(kind)));
    assert_eq!(counts.to_string(), lines.join("\n"));
}

/// As the counts are ordered: by verb, then by resource.
fn verb_first(kind: &str) -> (usize, String) {
    let order = ["get", "list", "watch", "create", "update", "patch", "delete"];
    let (verb, resource) = kind.split_once(' ').unwrap();
    (order.iter().position(|one| *one == verb).unwrap(), resource.to_owned())
}

/// What a store has told its observer.
#[derive(Debug, Default)]
struct Seen(Mutex<Vec<RequestKind>>);

impl Seen {
    fn conflicts(&self) -> Vec<RequestKind> {
        self.0.lock().unwrap().clone()
    }
}

impl Observer for Seen {
    fn conflict(&self, kind: RequestKind) {
        self.0.lock().unwrap().push(kind);
    }
}

/// A store that has used these pools before.
async fn warm(bed: &Bed, v4: &[&str], v6: &[&str]) -> ClusterStore {
    let store = bed.store();
    let first = bed.pod("first");
    let _draft = store.draft(&first, new_pod(&first));
    allocate(&store, request(&first, "eth0", v4, v6)).await.unwrap();
    drop(_draft);
    store
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_add_is_two_writes_and_no_read_and_a_repeated_one_nothing() {
    let bed = Bed::new().await;
    let v4 = bed.pool("v4", "10.16.0.0/24", "10.16.0.10-10.16.0.99").await;
    let store = warm(&bed, &[&v4], &[]).await;
    let pod = bed.pod("a");
    let draft = store.draft(&pod, new_pod(&pod));
    let add = || allocate(&store, request(&pod, "eth0", &[&v4], &[]));
    let (first, counts) = bed.counted(&bed.cluster, add()).await;
    costs(&counts, &[(1, PUT), (1, POST)]);
    let first = first.unwrap();
    assert_eq!(addresses(&first), ["10.16.0.11"]);

    let (again, counts) = bed.counted(&bed.cluster, add()).await;
    costs(&counts, &[]);
    assert_eq!(again.unwrap(), first);
    drop(draft);

    // Another process, as after a restart: it looks for the endpoint, and for records in the pool that it does not know yet.
    let restarted = warm(&bed, &[&v4], &[]).await;
    let repeated = || allocate(&restarted, request(&pod, "eth0", &[&v4], &[]));
    let (again, counts) = bed.counted(&bed.cluster, repeated()).await;
    costs(&counts, &[(1, GET_ENDPOINT)]);
    assert_eq!(again.unwrap().attachments, first.attachments);
    let (_, counts) = bed.counted(&bed.cluster, repeated()).await;
    costs(&counts, &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn dual_stack_is_three_writes_and_no_read() {
    let bed = Bed::new().await;
    let v4 = bed.pool("v4", "10.16.0.0/24", "10.16.0.10-10.16.0.99").await;
    let v6 = bed.pool("v6", "fd00:16::/64", "fd00:16::10-fd00:16::ff").await;
    let store = warm(&bed, &[&v4], &[&v6]).await;
    let pod = bed.pod("a");
    let _draft = store.draft(&pod, new_pod(&pod));
    let (both, counts) =
        bed.counted(&bed.cluster, allocate(&store, request(&pod, "eth0", &[&v4], &[&v6]))).await;
    costs(&counts, &[(2, PUT), (1, POST)]);
    assert_eq!(addresses(&both.unwrap()), ["10.16.0.11", "fd00:16::11"]);
    // A second NIC changes the endpoint.
    let second = allocate(&store, request(&pod, "net1", &[&v4], &[&v6]));
    let (second, counts) = bed.counted(&bed.cluster, second).await;
    costs(&counts, &[(2, PUT), (1, PATCH)]);
    assert_eq!(addresses(&second.unwrap()), ["10.16.0.12", "fd00:16::12"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_writer_costs_one_read() {
    let bed = Bed::new().await;
    let v4 = bed.pool("v4", "10.16.0.0/24", "10.16.0.10-10.16.0.99").await;
    let seen = Arc::new(Seen::default());
    let (ours, theirs) = (bed.observed(seen.clone()), bed.store());
    let add = async |store: &ClusterStore, name: &str| -> (Allocation, Counts) {
        let pod = bed.pod(name);
        let _draft = store.draft(&pod, new_pod(&pod));
        let work = allocate(store, request(&pod, "eth0", &[&v4], &[]));
        let (allocation, counts) = bed.counted(&bed.cluster, work).await;
        (allocation.unwrap(), counts)
    };
    add(&ours, "a").await;
    add(&theirs, "b").await;
    // The watch has told of it.
    let stored = bed.stored(&v4).await;
    let text = |field: &str| stored["metadata"][field].as_str().unwrap().to_owned();
    let name = v4.parse().unwrap();
    ours.note_seen(&name, &text("uid"), &text("resourceVersion"));
    let (allocation, counts) = add(&ours, "c").await;
    costs(&counts, &[(1, GET_POOL), (1, PUT), (1, POST)]);
    assert_eq!(addresses(&allocation), ["10.16.0.12"]);
    // What it tells of our own write, or of an older one, costs nothing.
    let stored = bed.stored(&v4).await;
    ours.note_seen(&name, &text("uid"), stored["metadata"]["resourceVersion"].as_str().unwrap());
    ours.note_seen(&name, &text("uid"), &text("resourceVersion"));
    let (_, counts) = add(&ours, "d").await;
    costs(&counts, &[(1, PUT), (1, POST)]);

    assert!(seen.conflicts().is_empty());

    // The watch is late: the write is refused, the condition of the take does not hold any more, and the next address is taken.
    add(&theirs, "e").await;
    let (allocation, counts) = add(&ours, "f").await;
    costs(&counts, &[(1, GET_POOL), (2, PUT), (1, POST)]);
    assert_eq!(addresses(&allocation), ["10.16.0.15"]);
    assert_eq!(seen.conflicts(), [RequestKind::Allocation]);

    add(&theirs, "g").await;
    let release = ReleaseRequest::new(bed.pod("f"), ReleaseScope::All, Time::from_millis(60_000));
    run_async(Release::new(release, false), &ours, &SteadyClock::start()).await.unwrap();
    assert_eq!(seen.conflicts(), [RequestKind::Allocation, RequestKind::Release]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_del_is_a_write_a_pool_and_one() {
    let bed = Bed::new().await;
    let v4 = bed.pool("v4", "10.16.0.0/24", "10.16.0.10-10.16.0.99").await;
    let v6 = bed.pool("v6", "fd00:16::/64", "fd00:16::10-fd00:16::ff").await;
    let store = warm(&bed, &[&v4], &[&v6]).await;
    let pod = bed.pod("a");
    let mut draft = EndpointDraft::new(&pod, "n1");
    draft.on_clear = OnClear::LetGo;
    let _draft = store.draft(&pod, draft);
    allocate(&store, request(&pod, "eth0", &[&v4], &[&v6])).await.unwrap();
    let other = warm(&bed, &[&v4], &[&v6]).await;
    let _draft = other.draft(&pod, {
        let mut draft = EndpointDraft::new(&pod, "n1");
        draft.on_clear = OnClear::LetGo;
        draft
    });
    let release = || {
        let request = ReleaseRequest::new(pod.clone(), ReleaseScope::All, Time::from_millis(60_000));
        async { run_async(Release::new(request, false), &other, &SteadyClock::start()).await.unwrap() }
    };
    let (released, counts) = bed.counted(&bed.cluster, release()).await;
    assert_eq!(released.addresses.len(), 2);
    costs(&counts, &[(1, GET_ENDPOINT), (2, PUT), (1, PATCH)]);
    let endpoint = bed.endpoint(&pod).await.unwrap();
    assert_eq!(endpoint.metadata.finalizers, None, "it may go");
    assert_eq!(endpoint.status.unwrap().current.ips.len(), 1, "and still says what the pod had");
    let (released, counts) = bed.counted(&bed.cluster, release()).await;
    assert!(released.addresses.is_empty());
    costs(&counts, &[]);
}

/// 200 pods at once on one pool: one endpoint each, a handful of pool writes.
#[tokio::test(flavor = "multi_thread")]
async fn a_burst_on_one_pool_is_a_handful_of_pool_writes() {
    const PODS: usize = 200;
    let bed = Bed::new().await;
    let v4 = bed.pool("v4", "10.16.0.0/16", "10.16.1.0-10.16.4.255").await;
    let store = Batched::new(warm(&bed, &[&v4], &[]).await);
    let burst = async {
        let mut tasks = Vec::new();
        for number in 0..PODS {
            let (store, pod, v4) = (store.clone(), bed.pod(&format!("p{number}")), v4.clone());
            tasks.push(tokio::spawn(async move {
                let _draft = store.inner().draft(&pod, new_pod(&pod));
                allocate(&store, request(&pod, "eth0", &[&v4], &[])).await.unwrap()
            }));
        }
        let mut given = Vec::new();
        for task in tasks {
            given.extend(addresses(&task.await.unwrap()));
        }
        given
    };
    let (mut given, counts) = bed.counted(&bed.cluster, burst).await;
    println!("a burst of {PODS} pods:\n{counts}");
    given.sort();
    given.dedup();
    assert_eq!(given.len(), PODS, "each has its own");
    let of = |verb, resource| counts.of(verb, resource).requests;
    use ipam_k8s::client::Verb;
    assert_eq!(of(Verb::Create, "spiderendpoints"), 200);
    assert!(of(Verb::Update, "spiderippools/status") <= 20, "{counts}");
    assert_eq!(counts.reads().requests, 0, "{counts}");
    let stored = bed.stored(&v4).await;
    assert_eq!(stored["status"]["allocatedIPCount"], 201);
}
