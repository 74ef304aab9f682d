//! What was recorded is read and written again without loss.

use std::collections::BTreeMap;
use std::fs;

use ipam_k8s::crd::{Custom, Kind};
use serde_json::Value;

use crate::kept::losses;
use crate::recorded::{Recorded, committed, compat, corpus, data, in_manifest};

/// Calls a function that is generic over the kind, for the kind with this name.
macro_rules! for_kind {
    ($kind:expr, $function:ident($($argument:expr),*)) => {
        match $kind {
            "SpiderIPPool" => $function::<ipam_k8s::crd::IPPool>($($argument),*),
            "SpiderSubnet" => $function::<ipam_k8s::crd::Subnet>($($argument),*),
            "SpiderReservedIP" => $function::<ipam_k8s::crd::ReservedIP>($($argument),*),
            "SpiderEndpoint" => $function::<ipam_k8s::crd::Endpoint>($($argument),*),
            "SpiderCoordinator" => $function::<ipam_k8s::crd::Coordinator>($($argument),*),
            "SpiderMultusConfig" => $function::<ipam_k8s::crd::MultusConfig>($($argument),*),
            "NetworkAttachmentDefinition" => $function::<ipam_k8s::crd::Attachment>($($argument),*),
            other => panic!("{other}: no such kind"),
        }
    };
}
pub(crate) use for_kind;

/// Reads an object as it comes from a server, as text, and writes it again.
pub(crate) fn reread<K: Kind>(object: &Value) -> Result<Value, serde_json::Error> {
    let read: Custom<K> = serde_json::from_str(&object.to_string())?;
    serde_json::to_value(&read)
}

fn check(objects: &[Recorded]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    let mut faults = Vec::new();
    for one in objects {
        let ours = for_kind!(one.kind(), reread(&one.object));
        match ours {
            Err(error) if !one.is_refused => faults.push(format!("{}: {error}", one.from)),
            Err(_) => *counts.entry("refused".to_owned()).or_default() += 1,
            Ok(_) if one.is_refused => faults.push(format!("{}: read, but Go cannot read it", one.from)),
            Ok(ours) => {
                let original = with_version(&one.object);
                let losses = losses(&original, &ours);
                if one.is_pruned() && !one.is_stored() && !losses.is_empty() {
                    // A writer of ours sends a patch, so these stay for the API server to judge.
                    assert!(losses.iter().all(|loss| loss.contains(": lost ")), "{losses:?}");
                    *counts.entry("pruned".to_owned()).or_default() += 1;
                    continue;
                }
                faults.extend(losses.iter().map(|loss| format!("{}: {loss}", one.from)));
                if one.is_stored() && original != ours {
                    faults.push(format!("{}: stored as {original}, written as {ours}", one.from));
                }
                *counts.entry(one.kind().to_owned()).or_default() += 1;
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    counts
}

/// The corpus leaves `apiVersion` out here and there.
fn with_version(object: &Value) -> Value {
    let mut object = object.clone();
    if object.get("apiVersion").is_none() {
        object["apiVersion"] = "spiderpool.spidernet.io/v2beta1".into();
    }
    object
}

#[test]
fn committed_objects_survive() {
    let counts = check(&committed());
    println!("{counts:?}");
    assert_eq!(counts.len(), 8, "six kinds, some refused, some pruned: {counts:?}");
}

#[test]
fn corpus_survives() {
    let Some(objects) = corpus("corpus_survives") else { return };
    let counts = check(&objects);
    println!("{counts:?}");
    assert!(counts.values().sum::<usize>() > 1500, "{counts:?}");
}

#[test]
fn committed_manifests_survive() {
    let entries = fs::read_dir(data().join("manifests")).unwrap();
    let objects: Vec<Value> = entries.flat_map(|entry| in_manifest(&entry.unwrap().path())).collect();
    assert_eq!(check_manifests(objects), 6);
}

#[test]
fn all_manifests_survive() {
    let Some(folder) = compat("all_manifests_survive") else { return };
    let folders = fs::read_dir(folder.join("manifests")).unwrap();
    let files = folders.flat_map(|folder| fs::read_dir(folder.unwrap().path()).unwrap());
    let objects = files.flat_map(|file| in_manifest(&file.unwrap().path())).collect();
    assert_eq!(check_manifests(objects), 15);
}

/// Checks the objects of our kinds and counts them.
fn check_manifests(objects: Vec<Value>) -> usize {
    let is_ours = |object: &Value| object["kind"].as_str().is_some_and(|kind| kind.starts_with("Spider"));
    let ours = objects.into_iter().filter(is_ours);
    let recorded: Vec<Recorded> = ours
        .map(|object| Recorded { from: object["metadata"]["name"].to_string(), object, is_refused: false })
        .collect();
    check(&recorded).values().sum()
}
