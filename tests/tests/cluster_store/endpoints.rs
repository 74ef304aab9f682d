//! SpiderEndpoints: the form that Go writes, what stays of foreign fields, and objects that must not stand in a pod's way.

use std::sync::Arc;

use ipam_core::{
    Assignment, AsyncStore as _, Attachment, AttachmentOp, Change, Follow, Holdings, Owner, Query, Version,
    View,
};
use ipam_k8s::client::Named;
use ipam_k8s::crd::SpiderEndpoint;
use ipam_k8s::store::{ClusterStore, Details, DetailsFuture, EndpointDraft, NicDetail, PlacedNic};
use serde_json::{Value, json};

use crate::bed::{Bed, addresses, allocate, new_pod, request, soon};

/// The object as it is stored, without what every object has.
async fn stored(bed: &Bed, owner: &Owner) -> Value {
    let named = Named::within(owner.scope(), owner.name());
    let mut value = bed.admin.get_as::<SpiderEndpoint, Value>(named, soon()).await.unwrap();
    let metadata = value["metadata"].as_object_mut().unwrap();
    for field in ["creationTimestamp", "generation", "managedFields", "resourceVersion", "uid"] {
        metadata.remove(field);
    }
    value
}

async fn holdings(store: &ClusterStore, owner: &Owner) -> Holdings {
    let view = store.read(&Query::Holdings { owner: owner.clone(), pools: Vec::new() }).await.unwrap();
    let View::Holdings(holdings) = view else { panic!("{view:?}") };
    holdings
}

/// What a pipeline would say of a pod's NICs.
struct Told;

impl Details for Told {
    fn details<'a>(&'a self, nics: &'a [PlacedNic]) -> DetailsFuture<'a> {
        Box::pin(async move {
            let detail = |nic: &PlacedNic| {
                let mut detail = NicDetail::of_pools(nic);
                detail.clean_gateway = true;
                (detail.vlan, detail.mac) = (100, Some("fa:16:3e:00:00:0a".to_owned()));
                detail
            };
            Ok(nics.iter().map(detail).collect())
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_has_the_form_that_go_writes() {
    let bed = Bed::new().await;
    let v4 = bed.pool("v4", "10.16.0.0/16", "10.16.0.10-10.16.0.19").await;
    let v6 = bed.pool("v6", "fd00:16::/64", "fd00:16::10-fd00:16::1f").await;
    let store = bed.store();
    let pod = bed.pod("web");
    let draft = store.draft(&pod, new_pod(&pod));
    allocate(&store, request(&pod, "eth0", &[&v4], &[&v6])).await.unwrap();
    let eth0 = json!({
        "interface": "eth0", "vlan": 0, "cleanGateway": false,
        "ipv4": "10.16.0.10/16", "ipv4Pool": v4, "ipv4Gateway": "10.16.0.1", "ipv6": "fd00:16::10/64", "ipv6Pool": v6
    });
    let object = |ips: Vec<&Value>| {
        json!({
            "apiVersion": "spiderpool.spidernet.io/v2beta1", "kind": "SpiderEndpoint",
            "metadata": {
                "name": pod.name(), "namespace": "shop", "finalizers": ["spiderpool.spidernet.io"],
                "ownerReferences": [{ "apiVersion": "v1", "kind": "Pod", "name": pod.name(), "uid": pod.uid() }]
            },
            "status": {
                "ownerControllerType": "Pod", "ownerControllerName": pod.name(),
                "current": { "uid": pod.uid(), "node": "n1", "ips": ips }
            }
        })
    };
    assert_eq!(stored(&bed, &pod).await, object(vec![&eth0]));
    drop(draft);
    // What the caller tells of a NIC is written with it; the other NIC stays as it is.
    let mut draft = EndpointDraft::new(&pod, "n1");
    draft.details = Some(Arc::new(Told));
    let _draft = store.draft(&pod, draft);
    allocate(&store, request(&pod, "net1", &[&v4], &[])).await.unwrap();
    let net1 = json!({
        "interface": "net1", "vlan": 100, "mac": "fa:16:3e:00:00:0a", "cleanGateway": true,
        "ipv4": "10.16.0.11/16", "ipv4Pool": v4, "ipv4Gateway": "10.16.0.1"
    });
    assert_eq!(stored(&bed, &pod).await, object(vec![&eth0, &net1]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_whose_addresses_outlive_a_pod_keeps_its_endpoint() {
    let bed = Bed::new().await;
    let v4 = bed.pool("v4", "10.16.0.0/24", "10.16.0.10-10.16.0.19").await;
    let store = bed.store();
    let first = bed.pod("db-0");
    let second = Owner::pod(first.scope(), first.name(), "the-next-uid").unwrap();
    let draft = |owner: &Owner, node: &str| {
        let mut draft = EndpointDraft::new(owner, node);
        (draft.controller_type, draft.controller_name) = ("StatefulSet".to_owned(), "db".to_owned());
        draft.goes_with_pod = false;
        draft
    };
    for (owner, node) in [(&first, "n1"), (&second, "n2")] {
        let _draft = store.draft(owner, draft(owner, node));
        let mut request = request(owner, "eth0", &[&v4], &[]);
        request.follow = Follow::WhilePoolsMatch;
        assert_eq!(addresses(&allocate(&store, request).await.unwrap()), ["10.16.0.10"]);
        let object = stored(&bed, owner).await;
        assert_eq!(object["metadata"]["ownerReferences"], Value::Null);
        assert_eq!(object["status"]["ownerControllerType"], "StatefulSet");
        assert_eq!(
            (&object["status"]["current"]["node"], &object["status"]["current"]["uid"]),
            (&json!(node), &json!(owner.uid()))
        );
    }
    let text = format!(r#"{{"10.16.0.10":{{"pod":"shop/{}","podUid":"the-next-uid"}}}}"#, first.name());
    assert_eq!(bed.records(&v4).await, Some(text));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_of_an_old_name_gets_its_own_and_the_old_object_goes() {
    let bed = Bed::new().await;
    let v4 = bed.pool("v4", "10.16.0.0/24", "10.16.0.10-10.16.0.19").await;
    let store = bed.store();
    let first = bed.pod("web");
    let second = Owner::pod(first.scope(), first.name(), "the-next-uid").unwrap();
    let draft = store.draft(&first, new_pod(&first));
    allocate(&store, request(&first, "eth0", &[&v4], &[])).await.unwrap();
    drop(draft);
    // It is on its way out, and only its finalizer keeps it.
    let named = Named::within(first.scope(), first.name());
    let old = bed.endpoint(&first).await.unwrap().metadata.uid;
    bed.admin.delete::<SpiderEndpoint>(named, None, None, soon()).await.unwrap();
    let _draft = store.draft(&second, new_pod(&second));
    let allocation = allocate(&store, request(&second, "eth0", &[&v4], &[])).await.unwrap();
    assert_eq!(addresses(&allocation), ["10.16.0.11"]);
    let endpoint = bed.endpoint(&second).await.unwrap();
    assert_ne!(endpoint.metadata.uid, old);
    assert_eq!(endpoint.metadata.deletion_timestamp, None);
    let references = endpoint.metadata.owner_references.unwrap();
    assert_eq!((references.len(), references[0].uid.as_str()), (1, "the-next-uid"));
    let status = endpoint.status.unwrap();
    assert_eq!((status.current.uid.as_str(), status.current.ips.len()), ("the-next-uid", 1));
}

/// What stands in the way of a Go agent: no pool, no address, none at all.
#[tokio::test(flavor = "multi_thread")]
async fn entries_that_name_nothing_are_replaced_and_what_is_foreign_stays() {
    let bed = Bed::new().await;
    let v4 = bed.pool("v4", "10.16.0.0/24", "10.16.0.10-10.16.0.19").await;
    for (number, entry) in [
        json!({ "interface": "eth0", "vlan": 0, "ipv4": "10.16.0.10/24" }),
        json!({ "interface": "eth0", "vlan": 0, "ipv4": "nonsense", "ipv4Pool": v4 }),
        json!({ "interface": "eth0", "vlan": 0 }),
    ]
    .into_iter()
    .enumerate()
    {
        let pod = bed.pod(&format!("odd{number}"));
        let other = json!({ "interface": "net9", "vlan": 7, "ipv4": "nonsense", "ipv4Pool": "gone" });
        let object = json!({
            "apiVersion": "spiderpool.spidernet.io/v2beta1", "kind": "SpiderEndpoint",
            "metadata": { "name": pod.name(), "namespace": "shop", "labels": { "ours": "no" } },
            "status": {
                "ownerControllerType": "Pod", "ownerControllerName": pod.name(),
                "current": { "uid": pod.uid(), "node": "n1", "ips": [entry, other] }
            }
        });
        let named = Named::within(pod.scope(), pod.name());
        bed.admin.create::<SpiderEndpoint>(named, &object, soon()).await.unwrap();
        let store = bed.store();
        let _draft = store.draft(&pod, EndpointDraft::new(&pod, "n1"));
        let allocation = allocate(&store, request(&pod, "eth0", &[&v4], &[])).await.unwrap();
        let address = format!("10.16.0.{}", 10 + number);
        assert_eq!(addresses(&allocation), [address.as_str()]);
        let stored = stored(&bed, &pod).await;
        let ips = stored["status"]["current"]["ips"].as_array().unwrap();
        assert_eq!((ips.len(), &ips[0]["ipv4"], &ips[1]), (2, &json!(format!("{address}/24")), &other));
        assert_eq!(stored["metadata"]["labels"], json!({ "ours": "no" }));
        assert_eq!(stored["metadata"]["finalizers"], json!(["spiderpool.spidernet.io"]));
    }
}

/// NICs whose names are not known yet stand in order of their place, and get their name where they stand.
#[tokio::test(flavor = "multi_thread")]
async fn a_nic_without_a_name_gets_it_later() {
    let bed = Bed::new().await;
    let v4 = bed.pool("v4", "10.16.0.0/24", "10.16.0.10-10.16.0.19").await;
    let store = bed.store();
    let pod = bed.pod("a");
    let mut draft = new_pod(&pod);
    draft.nameless.insert("1".parse().unwrap());
    let draft = store.draft(&pod, draft);
    let both = request(&pod, "eth0", &[&v4], &[]).nic(request(&pod, "1", &[&v4], &[]).nics.remove(0));
    allocate(&store, both).await.unwrap();
    drop(draft);
    let names = async || {
        let endpoint = bed.endpoint(&pod).await.unwrap();
        endpoint.status.unwrap().current.ips.into_iter().map(|ip| ip.interface).collect::<Vec<_>>()
    };
    assert_eq!(names().await, ["eth0", ""]);
    // Another process reads it back.
    let store = bed.store();
    let holdings = holdings(&store, &pod).await;
    let nics: Vec<&str> = holdings.attachments.iter().map(|one| one.nic.as_str()).collect();
    assert_eq!(nics, ["eth0", "1"]);
    let assignments = vec![Assignment { pool: v4.parse().unwrap(), address: "10.16.0.11".parse().unwrap() }];
    let named = Attachment { nic: "net1".parse().unwrap(), assignments };
    let change = Change::Attachments {
        owner: pod.clone(),
        version: holdings.version,
        ops: vec![AttachmentOp::Set(named)],
    };
    store.commit(&[change]).await.unwrap();
    assert_eq!(names().await, ["eth0", "net1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_is_deleted_only_with_its_own_uid() {
    let bed = Bed::new().await;
    let v4 = bed.pool("v4", "10.16.0.0/24", "10.16.0.10-10.16.0.19").await;
    let store = bed.store();
    let pod = bed.pod("a");
    let draft = store.draft(&pod, new_pod(&pod));
    allocate(&store, request(&pod, "eth0", &[&v4], &[])).await.unwrap();
    drop(draft);
    let other = Owner::pod(pod.scope(), pod.name(), "another-uid").unwrap();
    store.delete_endpoint(&other).await.unwrap();
    assert!(bed.endpoint(&pod).await.is_some());
    store.delete_endpoint(&pod).await.unwrap();
    assert!(bed.endpoint(&pod).await.is_none());
    store.delete_endpoint(&pod).await.unwrap();
    assert_eq!(holdings(&store, &pod).await.records.len(), 1, "its records are another matter");
    let late = Change::Attachments { owner: pod, version: Version::ANY, ops: vec![AttachmentOp::Clear] };
    store.commit(&[late]).await.unwrap();
}
