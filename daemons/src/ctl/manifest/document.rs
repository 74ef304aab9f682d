//! From the values of a file to the objects of a store.

use std::collections::BTreeMap;

use ipam_core::admission::ObjectKind;
use ipam_core::{PoolFields, PoolName, ReservedFields, ReservedName, nearest};
use ipam_local::Metadata;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::shape::{self, shown, type_of};
use super::{Object, Place};

/// The only version of the API.
pub(crate) const API_VERSION: &str = "spiderpool.spidernet.io/v2beta1";

/// Kinds of the same API group that mean something in a cluster only.
const CLUSTER_KINDS: [&str; 5] =
    ["SpiderSubnet", "SpiderEndpoint", "SpiderCoordinator", "SpiderMultusConfig", "SpiderClaimParameter"];

/// Lists, as `kubectl get -o yaml` writes them, and the kind that their items may leave out.
const LISTS: [(&str, Option<&str>); 3] = [
    ("List", None),
    ("SpiderIPPoolList", Some("SpiderIPPool")),
    ("SpiderReservedIPList", Some("SpiderReservedIP")),
];

/// A document, or an item of one that is a list.
#[derive(Clone, Debug)]
pub(super) struct Document {
    pub(super) place: Place,
    pub(super) value: Value,
}

/// What a document is about.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Subject {
    /// An object that a store keeps.
    Ours(ObjectKind, String),
    /// Something else, in words.
    Other(String),
}

/// The items of lists in place of the lists; other documents as they are.
pub(super) fn unfold(document: Document, flaws: &mut Vec<String>) -> Vec<Document> {
    let Document { place, mut value } = document;
    let kind = text_at(&value, "/kind").unwrap_or_default();
    let Some((_, item_kind)) = LISTS.iter().find(|(list, _)| *list == kind) else {
        return vec![Document { place, value }];
    };
    let items = match value.get_mut("items").map(Value::take) {
        Some(Value::Array(items)) => items,
        None | Some(Value::Null) => Vec::new(),
        Some(other) => {
            flaws.push(format!("{place}: items: {} is {}, want a list", shown(&other), type_of(&other)));
            return Vec::new();
        }
    };
    let mut documents = Vec::new();
    for (index, mut item) in items.into_iter().enumerate() {
        // Clients of the API leave both out in the items of a typed list.
        if let (Some(kind), Value::Object(fields)) = (item_kind, &mut item) {
            fields.entry("kind").or_insert_with(|| Value::String((*kind).to_owned()));
            fields.entry("apiVersion").or_insert_with(|| Value::String(API_VERSION.to_owned()));
        }
        documents.push(Document { place: place.item(index), value: item });
    }
    documents
}

/// Which object a document is about, by its `apiVersion`, `kind` and `metadata.name`.
pub(super) fn subject(document: &Document) -> Result<Subject, String> {
    let Document { place, value } = document;
    if !value.is_object() {
        let (value, found) = (shown(value), type_of(value));
        return Err(format!(
            "{place}: {value} is {found}, want an object with apiVersion, kind, metadata and spec"
        ));
    }
    let kind = required(value, "kind")
        .map_err(|flaw| format!("{place}: {flaw}, want SpiderIPPool or SpiderReservedIP"))?;
    let version = required(value, "apiVersion")
        .map_err(|flaw| format!("{place} ({kind}): {flaw}, want {API_VERSION}"))?;
    let ours = [ObjectKind::IpPool, ObjectKind::ReservedIp].into_iter().find(|ours| ours.as_str() == kind);
    let Some(ours) = ours else {
        let group = version.split_once('/').map_or("", |(group, _)| group);
        if group == ObjectKind::GROUP && !CLUSTER_KINDS.contains(&kind) {
            let hint = match nearest(kind, &[ObjectKind::IpPool.as_str(), ObjectKind::ReservedIp.as_str()]) {
                Some(known) => format!("did you mean {known:?}?"),
                None => "want SpiderIPPool or SpiderReservedIP".to_owned(),
            };
            return Err(format!("{place}: kind: {kind:?} is not known in {group}, {hint}"));
        }
        let name = text_at(value, "/metadata/name").unwrap_or("without a name");
        return Ok(Subject::Other(format!("{kind} {name}")));
    };
    if version != API_VERSION {
        return Err(format!(
            "{place} ({kind}): apiVersion: {version:?} is not supported, want {API_VERSION:?}"
        ));
    }
    let wanted = "want a lower-case name such as \"v4\"";
    let name = match value.pointer("/metadata/name") {
        Some(Value::String(name)) if !name.is_empty() => name,
        None | Some(Value::Null | Value::String(_)) => {
            return Err(format!("{place} ({kind}): metadata.name is missing, {wanted}"));
        }
        Some(other) => {
            let (value, found) = (shown(other), type_of(other));
            return Err(format!(
                "{place} ({kind}): metadata.name: {value} is {found}, want a text; put it in quotes"
            ));
        }
    };
    Ok(Subject::Ours(ours, name.clone()))
}

/// The object of a document; `None` if there are flaws, which are added.
pub(super) fn object(
    kind: ObjectKind,
    name: &str,
    document: Document,
    flaws: &mut Vec<String>,
) -> Option<Object> {
    let Document { place, mut value } = document;
    let place = format!("{place} ({kind} {name})");
    let shape = if kind == ObjectKind::IpPool { shape::POOL } else { shape::RESERVED };
    let mut own = Vec::new();
    shape::check(shape, "", &mut value, &mut own);
    if value.get("spec").is_none() {
        own.push("spec is missing, want the object's fields there".to_owned());
    }
    let object =
        if own.is_empty() { build(kind, name, &mut value).map_err(|flaw| own.push(flaw)).ok() } else { None };
    flaws.extend(own.into_iter().map(|flaw| format!("{place}: {flaw}")));
    object
}

fn build(kind: ObjectKind, name: &str, value: &mut Value) -> Result<Object, String> {
    let metadata = Metadata {
        labels: part::<BTreeMap<_, _>>(value, "/metadata/labels")?.unwrap_or_default(),
        annotations: part::<BTreeMap<_, _>>(value, "/metadata/annotations")?.unwrap_or_default(),
    };
    let named = |error: ipam_core::Error| format!("metadata.name: {error}");
    if kind == ObjectKind::ReservedIp {
        let name: ReservedName = name.parse().map_err(named)?;
        let fields = part::<ReservedFields>(value, "/spec")?.unwrap_or_default();
        return Ok(Object::Reserved { name, fields, metadata });
    }
    let name: PoolName = name.parse().map_err(named)?;
    let fields = part::<PoolFields>(value, "/spec")?.unwrap_or_default();
    Ok(Object::Pool { name, fields: Box::new(fields), metadata })
}

fn part<T: DeserializeOwned>(value: &mut Value, pointer: &str) -> Result<Option<T>, String> {
    let Some(part) = value.pointer_mut(pointer).map(Value::take) else { return Ok(None) };
    let path = pointer.trim_start_matches('/').replace('/', ".");
    serde_json::from_value(part).map(Some).map_err(|error| format!("{path}: {error}"))
}

fn required<'v>(value: &'v Value, key: &str) -> Result<&'v str, String> {
    match value.get(key) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text),
        None | Some(Value::Null | Value::String(_)) => Err(format!("{key} is missing")),
        Some(other) => Err(format!("{key}: {} is {}", shown(other), type_of(other))),
    }
}

fn text_at<'v>(value: &'v Value, pointer: &str) -> Option<&'v str> {
    value.pointer(pointer).and_then(Value::as_str)
}

/// Whether addresses are recorded in the object's status, which a local store does not take over.
pub(super) fn has_allocations(value: &Value) -> bool {
    text_at(value, "/status/allocatedIPs").is_some_and(|records| records.len() > "{}".len())
}
