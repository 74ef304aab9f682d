//! The workload at the top of a pod: how many pods it wants, and whether it still wants this one. Rules over objects that were read.

use anyhow::{Context, Result, bail};
use ipam_core::carve::Workload;
use ipam_k8s::Meta;
use ipam_k8s::workload::{
    Climb, Instance, Pod, PodOrdinal, StatefulSetSize, StaticKind, TopController, is_machine_alive,
};
use serde::Deserialize;
use serde_json::Value;

use crate::golden::Object;
use crate::world::World;

impl World {
    pub(crate) fn top(&self, pod: &Object) -> Result<TopController> {
        match Climb::from_pod(&pod.read::<Pod>()?) {
            Climb::Top(top) => Ok(top),
            Climb::Ask(parent) => {
                let named = parent.reference();
                let meta = self.meta(&named.kind, &named.namespace, &named.name)?;
                Ok(parent.top(&meta.context("no such controller")?))
            }
        }
    }

    /// How many pods a built-in controller wants.
    pub(crate) fn pods_of(&self, top: &TopController) -> Result<u32> {
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

    /// Whether the workload of a pod that keeps its addresses still wants it.
    pub(crate) fn is_wanted(&self, kind: StaticKind, namespace: &str, name: &str) -> Result<bool> {
        match kind {
            StaticKind::StatefulSet => {
                let Some(pod) = PodOrdinal::of(name) else { return Ok(false) };
                let set = self.get("StatefulSet", namespace, pod.stateful_set);
                let size = set.map(Object::read::<StatefulSetSize>).transpose()?;
                Ok(size.is_some_and(|size| size.wants(pod.ordinal)))
            }
            StaticKind::VirtualMachine => {
                let instance = self.meta("VirtualMachineInstance", namespace, name)?;
                Ok(match Instance::of(instance.as_ref()) {
                    Instance::Wanted => true,
                    Instance::Unwanted => false,
                    Instance::AsMachine => {
                        is_machine_alive(self.meta("VirtualMachine", namespace, name)?.as_ref())
                    }
                })
            }
            other => bail!("no rule for {other:?}"),
        }
    }

    fn meta(&self, kind: &str, namespace: &str, name: &str) -> Result<Option<Meta>> {
        #[derive(Deserialize)]
        struct Read {
            metadata: Meta,
        }
        let object = self.get(kind, namespace, name).map(Object::read::<Read>).transpose()?;
        Ok(object.map(|object| object.metadata))
    }
}
