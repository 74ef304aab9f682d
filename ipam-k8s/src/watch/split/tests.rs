//! What is kept of lists, events and reads that come in any order.

#![expect(clippy::needless_pass_by_value, reason = "values that are made for the call")]

use std::sync::Arc;

use ipam_core::PoolName;
use serde_json::json;

use super::*;
use crate::crd::IPPool;
use crate::watch::pools::{PoolSeen, Pools};

type Kept = Split<IPPool, Pools>;

fn meta(name: &str, uid: &str, version: &str, generation: i64) -> serde_json::Value {
    json!({"name": name, "uid": uid, "resourceVersion": version, "generation": generation})
}

fn object(meta: serde_json::Value, subnet: &str) -> Object<IPPool> {
    serde_json::from_value(json!({"metadata": meta, "spec": {"ipVersion": 4, "subnet": subnet}})).unwrap()
}

fn head(meta: serde_json::Value) -> Head {
    serde_json::from_value(json!({"metadata": meta})).unwrap()
}

fn subnet(kept: &Kept, name: &str) -> Option<String> {
    kept.shelf.catalogue().get(name).map(|pool| pool.fields().subnet.clone())
}

fn wanted(kept: &Kept) -> Vec<String> {
    kept.lock().wanted.iter().cloned().collect()
}

fn started() -> Kept {
    let kept = Kept::new(Pools::default());
    kept.replace(Listing::Whole(vec![
        object(meta("a", "ua", "1", 1), "10.0.1.0/24"),
        object(meta("b", "ub", "2", 1), "10.0.2.0/24"),
    ]));
    kept
}

#[test]
fn a_spec_is_wanted_when_its_generation_moves_and_the_old_one_serves_meanwhile() {
    let kept = started();
    kept.put(head(meta("a", "ua", "5", 1)));
    assert!(wanted(&kept).is_empty(), "a status moved");
    kept.put(head(meta("a", "ua", "6", 2)));
    assert_eq!((wanted(&kept), subnet(&kept, "a").as_deref()), (vec!["a".to_owned()], Some("10.0.1.0/24")));
    let removals = kept.lock().removals;
    assert!(kept.take(object(meta("a", "ua", "6", 2), "10.0.9.0/24"), removals, Some("6")));
    assert_eq!((wanted(&kept), subnet(&kept, "a").as_deref()), (vec![], Some("10.0.9.0/24")));
    // One that is new is nothing before it was read.
    kept.put(head(meta("c", "uc", "7", 1)));
    assert_eq!((wanted(&kept), subnet(&kept, "c")), (vec!["c".to_owned()], None));
}

#[test]
fn a_read_that_is_ahead_of_the_watch_is_not_read_again() {
    let kept = started();
    let removals = kept.lock().removals;
    assert!(kept.take(object(meta("a", "ua", "9", 3), "10.0.9.0/24"), removals, Some("1")));
    for (version, generation) in [("7", 2), ("8", 2), ("9", 3)] {
        kept.put(head(meta("a", "ua", version, generation)));
        assert!(wanted(&kept).is_empty(), "{version}");
    }
    assert_eq!(subnet(&kept, "a").as_deref(), Some("10.0.9.0/24"));
}

#[test]
fn a_read_that_the_watch_overtook_is_wanted_again() {
    let kept = started();
    let removals = kept.lock().removals;
    kept.put(head(meta("a", "ua", "8", 3)));
    assert!(kept.take(object(meta("a", "ua", "7", 2), "10.0.7.0/24"), removals, Some("1")));
    assert_eq!((wanted(&kept), subnet(&kept, "a").as_deref()), (vec!["a".to_owned()], Some("10.0.7.0/24")));
    assert_eq!(kept.lock().objects["a"].meta.version, "8", "the watch has the last word");
}

#[test]
fn what_was_taken_out_does_not_come_back_by_a_read_of_before() {
    let kept = started();
    let removals = kept.lock().removals;
    kept.remove(&head(meta("a", "ua", "8", 1)).metadata);
    assert!(!kept.take(object(meta("a", "ua", "1", 1), "10.0.1.0/24"), removals, Some("1")));
    assert_eq!(subnet(&kept, "a"), None);
    // The end of another incarnation, of which a read knows nothing.
    let removals = kept.lock().removals;
    assert!(kept.take(object(meta("a", "ua2", "9", 1), "10.0.2.0/24"), removals, None));
    kept.remove(&head(meta("a", "ua", "8", 1)).metadata);
    assert_eq!(subnet(&kept, "a").as_deref(), Some("10.0.2.0/24"));
}

#[test]
fn a_pool_made_again_does_not_keep_the_spec_of_the_one_before() {
    let kept = started();
    kept.put(head(meta("a", "ua2", "9", 1)));
    assert_eq!((wanted(&kept), subnet(&kept, "a")), (vec!["a".to_owned()], None));
}

#[derive(Default)]
struct Told(Mutex<Vec<String>>);

impl PoolSeen for Told {
    fn pool_seen(&self, name: &PoolName, uid: &str, version: &str) {
        self.0.lock().unwrap().push(format!("{name} {uid} {version}"));
    }

    fn pool_gone(&self, name: &PoolName) {
        self.0.lock().unwrap().push(format!("{name} gone"));
    }
}

#[test]
fn a_list_of_metadata_wants_only_what_moved() {
    let kept = started();
    let told = Arc::new(Told::default());
    let weak: std::sync::Weak<Told> = Arc::downgrade(&told);
    kept.shelf.tell(weak);
    let heads = [meta("a", "ua", "11", 1), meta("c", "uc", "12", 1)];
    kept.replace(Listing::Heads(heads.into_iter().map(|meta| head(meta).metadata).collect()));
    assert_eq!(wanted(&kept), ["c"]);
    assert_eq!((subnet(&kept, "a").as_deref(), subnet(&kept, "b")), (Some("10.0.1.0/24"), None));
    assert_eq!(*told.0.lock().unwrap(), ["a ua 11", "c uc 12", "b gone"]);
    kept.clear();
    assert!(kept.shelf.catalogue().is_empty() && wanted(&kept).is_empty());
    drop(told);
    kept.put(head(meta("a", "ua", "13", 1)));
}
