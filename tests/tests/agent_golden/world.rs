//! The cluster of a case: objects as values, records and attachments in a store in memory.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use ipam_core::select::source::{SubnetFeature, Switches};
use ipam_core::select::{Catalogue, ListedPool, Standing};
use ipam_core::testkit::MemoryStore;
use ipam_core::{
    AttachmentOp, Change, Family, Owner, PoolFields, PoolName, PoolOp, PoolSpec, RangeSet, Record,
    ReservedFields, ReservedSpec, Store, Time, Version,
};
use ipam_k8s::workload::{Pod, StaticKinds, TopController};
use serde::Deserialize;
use serde_json::Value;

use crate::endpoint::Endpoint;
use crate::golden::{Api, Case, Metadata, Object, uid};

/// Marks a pool as made for one workload.
const AUTO_LABEL: &str = "ipam.spidernet.io/owner-application-name";

/// Objects by kind, namespace and name.
type Key = (String, String, String);

#[derive(Debug)]
pub(crate) struct World {
    objects: BTreeMap<Key, Object>,
    /// How many objects of a name there were.
    incarnations: BTreeMap<Key, usize>,
    pub(crate) store: MemoryStore,
    /// By namespace and name of the pod.
    pub(crate) endpoints: BTreeMap<(String, String), Endpoint>,
    pub(crate) switches: Switches,
    pub(crate) fixed_kinds: StaticKinds,
    /// Whether the original would have waited in the last ADD, for a pool that is not there or not of the wanted size.
    pub(crate) original_waits: bool,
    /// `MULTUS_CLUSTER_NETWORK`.
    pub(crate) cluster_network: Option<String>,
}

/// One record as a pool's status has it.
#[derive(Deserialize)]
struct StoredRecord {
    pod: String,
    #[serde(rename = "podUid")]
    uid: String,
}

impl World {
    /// The fixture of the recorder, and what the case gives besides.
    pub(crate) fn new(case: &Case) -> Result<Self> {
        let is_on = |key: &str| case.agent.get(key).is_none_or(|value| value.as_bool() == Some(true));
        let subnets = match (is_on("enableSpiderSubnet"), is_on("enableAutoPoolForApplication")) {
            (false, _) => SubnetFeature::Off,
            (true, false) => SubnetFeature::WithoutAutoPools,
            (true, true) => SubnetFeature::AutoPools,
        };
        let cluster_network = match case.agent.get("MULTUS_CLUSTER_NETWORK") {
            Some(value) => value.as_str().map(str::to_owned),
            None => Some("kube-system/macvlan-conf".to_owned()),
        };
        let mut world = Self {
            objects: BTreeMap::new(),
            incarnations: BTreeMap::new(),
            store: MemoryStore::atomic(),
            endpoints: BTreeMap::new(),
            switches: Switches { v4: is_on("enableIPv4"), v6: is_on("enableIPv6"), subnets },
            fixed_kinds: StaticKinds {
                stateful_set: is_on("enableStatefulSet"),
                virtual_machine: is_on("enableKubevirtStaticIP"),
            },
            original_waits: false,
            cluster_network,
        };
        for fixture in [
            r#"{"kind":"Node","metadata":{"name":"n1","labels":{"kubernetes.io/hostname":"n1","zone":"z1"}}}"#,
            r#"{"kind":"Node","metadata":{"name":"n2","labels":{"zone":"z2"}}}"#,
            r#"{"kind":"Namespace","metadata":{"name":"spiderpool"}}"#,
            r#"{"kind":"Namespace","metadata":{"name":"t","labels":{"team":"a"}}}"#,
        ] {
            world.put(serde_json::from_str(fixture)?)?;
        }
        for object in &case.given {
            world.create(object.clone())?;
        }
        Ok(world)
    }

    /// Puts an object there that was not, with a uid of its own.
    pub(crate) fn create(&mut self, mut object: Object) -> Result<()> {
        let count = self.incarnations.entry(key(&object)).or_default();
        *count += 1;
        let (kind, Metadata { namespace, name, .. }) = (&object.kind, &object.metadata);
        let place = match (kind.as_str(), namespace.as_str()) {
            ("Pod", _) => format!("{namespace}/{name}"),
            (_, "") => format!("{kind}/{name}"),
            _ => format!("{kind}/{namespace}/{name}"),
        };
        object.metadata.uid = uid(&if *count == 1 { place } else { format!("{place}#{count}") });
        if object.kind == "SpiderEndpoint" { self.give_endpoint(&object) } else { self.put(object) }
    }

    fn give_endpoint(&mut self, object: &Object) -> Result<()> {
        let endpoint = Endpoint::given(&object.status)?;
        let Metadata { namespace, name, .. } = &object.metadata;
        let ops = endpoint.attachments().map(AttachmentOp::Set).collect();
        self.attach(Owner::pod(namespace, name, &endpoint.uid)?, ops)?;
        self.endpoints.insert((namespace.clone(), name.clone()), endpoint);
        Ok(())
    }

    /// What somebody does to an endpoint, also to one that the agent has made.
    fn apply_to_endpoint(&mut self, step: &Api) -> Result<()> {
        let Metadata { namespace, name, .. } = &step.object.metadata;
        let key = (namespace.clone(), name.clone());
        let endpoint = self.endpoints.get_mut(&key).context("no such endpoint")?;
        match step.api.as_str() {
            "patch" if step.patch.pointer("/metadata/finalizers") == Some(&Value::Null) => {
                endpoint.has_finalizer = false;
            }
            // It stays, and whoever looks at it goes by the uid of its pod.
            "delete" if endpoint.has_finalizer => {}
            "delete" => {
                let owner = Owner::pod(namespace, name, &endpoint.uid)?;
                self.endpoints.remove(&key);
                self.attach(owner, vec![AttachmentOp::Clear])?;
            }
            other => bail!("no such step on an endpoint: {other}"),
        }
        Ok(())
    }

    fn attach(&mut self, owner: Owner, ops: Vec<AttachmentOp>) -> Result<()> {
        self.store.commit(&[Change::Attachments { owner, version: Version::ANY, ops }])?;
        Ok(())
    }

    pub(crate) fn get(&self, kind: &str, namespace: &str, name: &str) -> Option<&Object> {
        self.objects.get(&(kind.to_owned(), namespace.to_owned(), name.to_owned()))
    }

    /// Whose a pod's addresses are.
    pub(crate) fn owner(&self, pod: &Object, top: &TopController) -> Result<Owner> {
        Ok(self.fixed_kinds.owner(&pod.read::<Pod>()?, top)?)
    }

    pub(crate) fn catalogue(&self) -> Result<Catalogue> {
        self.of_kind("SpiderIPPool").map(listed).collect()
    }

    /// What somebody else does.
    pub(crate) fn apply(&mut self, step: &Api) -> Result<()> {
        let mut object = step.object.clone();
        if object.kind == "SpiderEndpoint" && step.api != "create" {
            return self.apply_to_endpoint(step);
        }
        let old = self.get(&object.kind, &object.metadata.namespace, &object.metadata.name).cloned();
        match step.api.as_str() {
            "create" => return self.create(object),
            // A pod goes when its kubelet lets it, an object with a finalizer when that is taken away.
            "delete" => {
                object = old.context("nothing to delete")?;
                let is_at_once = object.kind != "Pod" || step.options.grace_period_seconds == Some(0);
                if is_at_once && object.metadata.finalizers.is_empty() {
                    return self.remove(&object);
                }
                object.metadata.deletion_timestamp = Some("2024-01-01T00:00:00Z".to_owned());
            }
            "patch" | "patch-status" => {
                object = old.context("nothing to patch")?;
                let mut metadata = serde_json::to_value(&object.metadata)?;
                let (spec, status) = (&mut object.spec, &mut object.status);
                for (part, value) in [("metadata", &mut metadata), ("spec", spec), ("status", status)] {
                    merge(value, step.patch.get(part).unwrap_or(&Value::Object(serde_json::Map::new())));
                }
                object.metadata = serde_json::from_value(metadata)?;
            }
            other => bail!("no such step: {other}"),
        }
        self.put(object)?;
        Ok(())
    }

    pub(crate) fn of_kind(&self, kind: &str) -> impl Iterator<Item = &Object> {
        self.objects.values().filter(move |object| object.kind == kind)
    }

    pub(crate) fn put(&mut self, object: Object) -> Result<()> {
        let key = key(&object);
        let is_stored = matches!(object.kind.as_str(), "SpiderIPPool" | "SpiderReservedIP");
        let pool = (object.kind == "SpiderIPPool").then(|| object.clone());
        self.objects.insert(key, object);
        if is_stored {
            self.reshape()?;
        }
        pool.map_or(Ok(()), |pool| self.set_records(&pool))
    }

    fn remove(&mut self, object: &Object) -> Result<()> {
        self.objects.remove(&key(object));
        if object.kind == "SpiderIPPool" {
            self.store.drop_pool(&object.metadata.name.parse()?);
        }
        self.reshape()
    }

    /// Gives the store the pools as they are now. One that is stored with faults is never a candidate, so it isn't there.
    fn reshape(&self) -> Result<()> {
        let reserved = self.reserved()?;
        for pool in self.of_kind("SpiderIPPool") {
            if let Some(spec) = listed(pool)?.spec() {
                let own = reserved.iter().find(|own| own.family() == spec.family()).context("a family")?;
                self.store.put_pool(PoolSpec::clone(spec), own.clone())?;
            }
        }
        Ok(())
    }

    /// What no pool gives out, of each family.
    pub(crate) fn reserved(&self) -> Result<[RangeSet; 2]> {
        let mut reserved = [RangeSet::empty(Family::V4), RangeSet::empty(Family::V6)];
        for object in self.of_kind("SpiderReservedIP") {
            let fields: ReservedFields = serde_json::from_value(object.spec.clone())?;
            // Without a version, which admission fills in, the original takes it for neither family's.
            if object.metadata.deletion_timestamp.is_none() && fields.ip_version.is_some() {
                let spec = ReservedSpec::new(&object.metadata.name.parse()?, &fields)?;
                for own in reserved.iter_mut().filter(|own| own.family() == spec.ranges().family()) {
                    *own = own.union(spec.ranges());
                }
            }
        }
        Ok(reserved)
    }

    /// Makes the records those of the pool's status, which somebody has written.
    fn set_records(&mut self, pool: &Object) -> Result<()> {
        let name: PoolName = pool.metadata.name.parse()?;
        if listed(pool)?.spec().is_none() {
            return Ok(());
        }
        let Some(status) = pool.status.as_object().filter(|status| !status.is_empty()) else { return Ok(()) };
        let text = status.get("allocatedIPs").and_then(Value::as_str).unwrap_or("{}");
        let wanted: Option<BTreeMap<String, StoredRecord>> = serde_json::from_str(text)?;
        let mut ops = Vec::new();
        for (of, record) in self.store.records() {
            if of == name {
                ops.push(PoolOp::Release { address: record.address, owner: record.owner, seen: None });
            }
        }
        for (address, StoredRecord { pod, uid }) in wanted.unwrap_or_default() {
            let (namespace, pod) = pod.split_once('/').context("a record of no pod")?;
            let owner = Owner::pod(namespace, pod, &uid)?;
            // Recorded addresses may be excluded or reserved by now.
            ops.push(PoolOp::TakeAgain(Record { address: address.parse()?, owner, stamp: None }));
        }
        let change = Change::Pool {
            pool: name,
            version: Version::ANY,
            ops,
            now: Time::default(),
            cooldown: std::time::Duration::ZERO,
        };
        self.store.commit(&[change])?;
        Ok(())
    }
}

fn key(object: &Object) -> Key {
    (object.kind.clone(), object.metadata.namespace.clone(), object.metadata.name.clone())
}

pub(crate) fn listed(pool: &Object) -> Result<ListedPool> {
    let fields: PoolFields = serde_json::from_value(pool.spec.clone())?;
    let standing = Standing {
        is_terminating: pool.metadata.deletion_timestamp.is_some(),
        is_auto: pool.metadata.labels.contains_key(AUTO_LABEL),
    };
    Ok(ListedPool::new(pool.metadata.name.parse()?, &fields, standing))
}

/// A JSON merge patch (RFC 7396).
fn merge(value: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *value = patch.clone();
        return;
    };
    if !value.is_object() {
        *value = Value::Object(serde_json::Map::new());
    }
    let Value::Object(members) = value else { return };
    for (key, change) in patch {
        if change.is_null() {
            members.remove(key);
        } else {
            merge(members.entry(key.clone()).or_insert(Value::Null), change);
        }
    }
}
