//! A fleet in which Go agents write the same objects: exact bytes, and nothing is lost.

use std::sync::Arc;

use ipam_core::batch::Batched;
use ipam_core::{Release, ReleaseRequest, ReleaseScope, Time, run_async};
use ipam_k8s::client::Verb;
use ipam_k8s::store::{ClusterStore, EndpointDraft, SteadyClock, StoreOptions};
use serde_json::json;

use crate::bed::{Bed, Book, addresses, allocate, new_pod, request};

#[tokio::test(flavor = "multi_thread")]
async fn the_status_has_the_form_that_go_writes() {
    let bed = Bed::new().await;
    let v4 = bed.pool("v4", "10.16.0.0/24", "10.16.0.9-10.16.0.12").await;
    // The controller has counted, before anybody was given an address.
    bed.write_status(&v4, json!({ "totalIPCount": 4 })).await;
    let store = bed.store();
    let mut pods = Vec::new();
    for name in ["a", "b"] {
        let pod = bed.pod(name);
        let _draft = store.draft(&pod, new_pod(&pod));
        allocate(&store, request(&pod, "eth0", &[&v4], &[])).await.unwrap();
        pods.push(pod);
    }
    // Keys are in the order of their text: .10 before .9.
    let [a, b] = pods.as_slice() else { panic!("two pods") };
    let record =
        |owner: &ipam_core::Owner| format!(r#"{{"pod":"shop/{}","podUid":"{}"}}"#, owner.name(), owner.uid());
    let text = format!(r#"{{"10.16.0.10":{},"10.16.0.9":{}}}"#, record(b), record(a));
    let before = bed.stored(&v4).await;
    assert_eq!(before["status"], json!({ "allocatedIPCount": 2, "allocatedIPs": text, "totalIPCount": 4 }));
    assert_eq!(before["metadata"]["generation"], 1, "the spec is as it was");

    for pod in &pods {
        let request = ReleaseRequest::new(pod.clone(), ReleaseScope::All, Time::from_millis(60_000));
        run_async(Release::new(request, false), &store, &SteadyClock::start()).await.unwrap();
    }
    let after = bed.stored(&v4).await;
    assert_eq!(after["status"], json!({ "allocatedIPCount": 0, "totalIPCount": 4 }), "no field of records");
    assert_eq!(after["spec"], before["spec"]);
}

/// A writer as a Go agent is one: it reads the whole object, changes the status, and puts it back under the version that it read.
#[tokio::test(flavor = "multi_thread")]
async fn beside_a_go_agent_nothing_is_lost() {
    const EACH: usize = 25;
    let bed = Bed::new().await;
    let v4 = bed.pool("v4", "10.16.0.0/24", "10.16.0.10-10.16.0.199").await;
    let go = async {
        for number in 0..EACH {
            loop {
                let mut object = bed.stored(&v4).await;
                let text = object["status"]["allocatedIPs"].as_str().unwrap_or("{}").to_owned();
                let mut records: serde_json::Map<String, serde_json::Value> =
                    serde_json::from_str(&text).unwrap();
                let free = (10..200).map(|last| format!("10.16.0.{last}"));
                let free = free.into_iter().find(|address| !records.contains_key(address)).unwrap();
                records.insert(
                    free,
                    json!({ "pod": format!("go/g{number}"), "podUid": format!("go-{number}") }),
                );
                object["status"]["allocatedIPCount"] = records.len().into();
                object["status"]["allocatedIPs"] = serde_json::to_string(&records).unwrap().into();
                let named = ipam_k8s::client::Named::cluster(&v4);
                let put = bed
                    .cluster
                    .replace_status::<ipam_k8s::crd::SpiderIPPool>(named, &object, crate::bed::soon())
                    .await;
                match put {
                    Ok(_) => break,
                    Err(error) => {
                        assert!(matches!(error.failure, ipam_k8s::client::Failure::Conflict(_)), "{error:?}")
                    }
                }
            }
        }
    };
    let store = bed.store();
    let ours = async {
        let mut given = Vec::new();
        for number in 0..EACH {
            let pod = bed.pod(&format!("p{number}"));
            let _draft = store.draft(&pod, new_pod(&pod));
            let allocation = allocate(&store, request(&pod, "eth0", &[&v4], &[])).await.unwrap();
            given.push((addresses(&allocation).remove(0), pod.uid().to_owned()));
        }
        given
    };
    let ((), given) = tokio::join!(go, ours);
    let stored: serde_json::Value = serde_json::from_str(&bed.records(&v4).await.unwrap()).unwrap();
    let records = stored.as_object().unwrap();
    assert_eq!(records.len(), 2 * EACH);
    for (address, uid) in given {
        assert_eq!(records[&address]["podUid"], uid.as_str(), "{address}");
    }
    assert_eq!(bed.stored(&v4).await["status"]["allocatedIPCount"], 50);
}

/// Records that a Go agent wrote, before an agent of ours took over the node.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_go_agent_left_is_found() {
    let bed = Bed::new().await;
    let v4 = bed.pool("v4", "10.16.0.0/24", "10.16.0.10-10.16.0.19").await;
    let pod = bed.pod("a");
    let text = format!(r#"{{"10.16.0.15":{{"pod":"shop/{}","podUid":"{}"}}}}"#, pod.name(), pod.uid());
    // Its count is wrong, which does not matter.
    bed.write_status(&v4, json!({ "allocatedIPCount": 7, "allocatedIPs": text })).await;
    let store = bed.store();
    let _draft = store.draft(&pod, EndpointDraft::new(&pod, "n1"));
    let allocation = allocate(&store, request(&pod, "eth0", &[&v4], &[])).await.unwrap();
    assert_eq!(addresses(&allocation), ["10.16.0.15"], "a record that no endpoint names");
    let other = bed.pod("b");
    let _draft = store.draft(&other, new_pod(&other));
    allocate(&store, request(&other, "eth0", &[&v4], &[])).await.unwrap();
    assert_eq!(bed.stored(&v4).await["status"]["allocatedIPCount"], 2, "mended");
}

/// Several agents on one pool, each with requests of its own: all are met, each address is given once, and a lost race costs no other
/// request of the same agent its turn.
#[tokio::test(flavor = "multi_thread")]
async fn many_agents_on_one_pool_all_get_their_addresses() {
    const AGENTS: usize = 6;
    const EACH: usize = 15;
    let bed = Bed::new().await;
    let v4 = bed.pool("v4", "10.16.0.0/24", "10.16.0.10-10.16.0.199").await;
    let (_, counts) = bed
        .counted(&bed.cluster, async {
            let mut tasks = Vec::new();
            for agent in 0..AGENTS {
                let mut options = StoreOptions::default();
                options.seed = u64::try_from(agent).unwrap();
                let book = Arc::new(Book::default());
                let store = Batched::new(ClusterStore::new(bed.cluster.clone(), book, options));
                for number in 0..EACH {
                    let (store, pod, v4) =
                        (store.clone(), bed.pod(&format!("p{agent}-{number}")), v4.clone());
                    tasks.push(tokio::spawn(async move {
                        let _draft = store.inner().draft(&pod, new_pod(&pod));
                        let mut request = request(&pod, "eth0", &[&v4], &[]);
                        request.seed = u64::try_from(agent * EACH + number).unwrap();
                        allocate(&store, request).await.unwrap();
                    }));
                }
            }
            for task in tasks {
                task.await.unwrap();
            }
        })
        .await;
    println!("{AGENTS} agents with {EACH} pods each:\n{counts}");
    let records: serde_json::Value = serde_json::from_str(&bed.records(&v4).await.unwrap()).unwrap();
    assert_eq!(records.as_object().unwrap().len(), AGENTS * EACH);
    let puts = counts.of(Verb::Update, "spiderippools/status").requests;
    assert!(puts < u64::try_from(AGENTS * EACH).unwrap(), "less than one a pod: {counts}");
}
