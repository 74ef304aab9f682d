//! The workload at the top of a pod, and how many pods it wants.

use anyhow::{Context, Result};
use ipam_core::carve::Workload;
use ipam_core::select::Controller;
use serde_json::Value;

use crate::golden::{Object, OwnerReference};
use crate::world::World;

/// A controller as an owner reference names it.
#[derive(Clone, Debug)]
pub(crate) struct Top {
    pub(crate) api_version: String,
    pub(crate) kind: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) uid: String,
}

impl Top {
    fn of(owner: &OwnerReference, namespace: &str) -> Self {
        Self {
            api_version: owner.api_version.clone(),
            kind: owner.kind.clone(),
            namespace: namespace.to_owned(),
            name: owner.name.clone(),
            uid: owner.uid.clone(),
        }
    }

    pub(crate) fn is_orphan(&self) -> bool {
        self.api_version == "v1" && self.kind == "Pod"
    }

    pub(crate) fn is_stateful_set(&self) -> bool {
        self.api_version == "apps/v1" && self.kind == "StatefulSet"
    }

    pub(crate) fn controller(&self) -> Controller {
        Controller::new(&self.api_version, &self.kind, &self.namespace, &self.name)
    }
}

impl World {
    /// A Deployment's ReplicaSet and a CronJob's Job lead on to these; every other controller is the top.
    pub(crate) fn top(&self, pod: &Object) -> Result<Top> {
        let namespace = &pod.metadata.namespace;
        let Some(owner) = controlling(pod) else {
            return Ok(Top {
                api_version: "v1".to_owned(),
                kind: "Pod".to_owned(),
                namespace: namespace.clone(),
                name: pod.metadata.name.clone(),
                uid: pod.metadata.uid.clone(),
            });
        };
        let maker = match (owner.api_version.as_str(), owner.kind.as_str()) {
            ("apps/v1", "ReplicaSet") => ("apps/v1", "Deployment"),
            ("batch/v1", "Job") => ("batch/v1", "CronJob"),
            _ => return Ok(Top::of(owner, namespace)),
        };
        let parent = self.get(&owner.kind, namespace, &owner.name).context("no such controller")?;
        let above =
            controlling(parent).filter(|above| (above.api_version.as_str(), above.kind.as_str()) == maker);
        Ok(Top::of(above.unwrap_or(owner), namespace))
    }

    /// How many pods a built-in controller wants.
    pub(crate) fn pods_of(&self, top: &Top) -> Result<u32> {
        let object = self.get(&top.kind, &top.namespace, &top.name).context("no such controller")?;
        let number = |value: &Value, path: &str| -> Option<i32> {
            value.pointer(path).and_then(Value::as_i64).and_then(|number| i32::try_from(number).ok())
        };
        let workload = match top.kind.as_str() {
            "DaemonSet" => {
                Workload::DaemonSet(number(&object.status, "/desiredNumberScheduled").unwrap_or(0))
            }
            "Job" => Workload::Job {
                parallelism: number(&object.spec, "/parallelism"),
                completions: number(&object.spec, "/completions"),
            },
            _ => Workload::Replicas(number(&object.spec, "/replicas")),
        };
        Ok(workload.pods())
    }
}

fn controlling(object: &Object) -> Option<&OwnerReference> {
    object.metadata.owner_references.iter().find(|owner| owner.controller)
}
