//! The objects of a case on a real API server: made, changed, looked at, and removed.

#![expect(clippy::indexing_slicing, reason = "a JSON value has null where it has nothing")]

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use kube::api::{ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};

use super::case;
use super::uids::Uids;

/// How long an object may take to go.
const GONE_WITHIN: Duration = Duration::from_secs(20);

/// Kind, apiVersion, plural, whether it has a namespace.
const KINDS: &[(&str, &str, &str, bool)] = &[
    ("Namespace", "v1", "namespaces", false),
    ("Node", "v1", "nodes", false),
    ("Pod", "v1", "pods", true),
    ("Deployment", "apps/v1", "deployments", true),
    ("ReplicaSet", "apps/v1", "replicasets", true),
    ("StatefulSet", "apps/v1", "statefulsets", true),
    ("DaemonSet", "apps/v1", "daemonsets", true),
    ("Job", "batch/v1", "jobs", true),
    ("CronJob", "batch/v1", "cronjobs", true),
    ("VirtualMachine", "kubevirt.io/v1", "virtualmachines", true),
    ("VirtualMachineInstance", "kubevirt.io/v1", "virtualmachineinstances", true),
    ("VirtualMachineInstanceMigration", "kubevirt.io/v1", "virtualmachineinstancemigrations", true),
    ("SpiderIPPool", "spiderpool.spidernet.io/v2beta1", "spiderippools", false),
    ("SpiderSubnet", "spiderpool.spidernet.io/v2beta1", "spidersubnets", false),
    ("SpiderReservedIP", "spiderpool.spidernet.io/v2beta1", "spiderreservedips", false),
    ("SpiderEndpoint", "spiderpool.spidernet.io/v2beta1", "spiderendpoints", true),
    ("SpiderCoordinator", "spiderpool.spidernet.io/v2beta1", "spidercoordinators", false),
];

/// Kinds whose status is a part of the object.
const STATUS_IN_OBJECT: &[&str] = &["SpiderEndpoint"];

/// A cluster and what was made in it.
#[derive(Clone)]
pub struct Cluster {
    client: Client,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster").finish_non_exhaustive()
    }
}

impl Cluster {
    /// What this client reaches.
    #[must_use]
    pub const fn new(client: Client) -> Self {
        Self { client }
    }

    /// Objects of a kind that cases have.
    ///
    /// # Errors
    /// No case has the kind.
    pub fn api(&self, kind: &str, namespace: Option<&str>) -> Result<Api<DynamicObject>> {
        let (_, version, plural, is_namespaced) =
            KINDS.iter().find(|(own, ..)| *own == kind).with_context(|| format!("unknown kind {kind}"))?;
        let (group, version) = version.split_once('/').unwrap_or(("", version));
        let resource = ApiResource::from_gvk_with_plural(
            &kube::api::GroupVersionKind::gvk(group, version, kind),
            plural,
        );
        Ok(match namespace.filter(|_| *is_namespaced) {
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, &resource),
            None => Api::all_with(self.client.clone(), &resource),
        })
    }

    fn api_of(&self, object: &Value) -> Result<(Api<DynamicObject>, String)> {
        let text = |path: &str| object.pointer(path).and_then(Value::as_str);
        let kind = text("/kind").context("an object without a kind")?;
        let name = text("/metadata/name").context("an object without a name")?;
        Ok((self.api(kind, text("/metadata/namespace"))?, name.to_owned()))
    }

    /// Makes an object, its status too. Namespaces and nodes that are there already become what is wanted: nothing here collects
    /// what is in a namespace that goes.
    ///
    /// # Errors
    /// The API server refuses it.
    pub async fn create(&self, object: &Value, uids: &mut Uids) -> Result<()> {
        let filled = uids.fill_value(object)?;
        let (api, name) = self.api_of(&filled)?;
        let kind = filled["kind"].as_str().unwrap_or_default().to_owned();
        if matches!(kind.as_str(), "Namespace" | "Node") {
            let metadata = json!({
                "labels": filled["metadata"]["labels"], "annotations": filled["metadata"]["annotations"]
            });
            if api.get_opt(&name).await?.is_some() {
                self.reset(&kind, &name).await?;
                let patch = json!({ "metadata": metadata });
                api.patch(&name, &PatchParams::default(), &Patch::Merge(&patch)).await?;
                return Ok(());
            }
        }
        let sent: DynamicObject = serde_json::from_value(filled.clone()).context("an object")?;
        let made = api
            .create(&PostParams::default(), &sent)
            .await
            .with_context(|| format!("create {kind} {name}"))?;
        let mut made = serde_json::to_value(made)?;
        made["kind"] = json!(kind);
        uids.note(&made)?;
        let status = filled.get("status").filter(|status| !status.is_null());
        if let Some(status) = status.filter(|_| !STATUS_IN_OBJECT.contains(&kind.as_str())) {
            let patch = json!({ "status": status });
            match api.patch_status(&name, &PatchParams::default(), &Patch::Merge(&patch)).await {
                Ok(_) => {}
                // Kinds without the subresource keep the status in the object.
                Err(kube::Error::Api(status)) if status.code == 404 => {
                    api.patch(&name, &PatchParams::default(), &Patch::Merge(&patch)).await?;
                }
                Err(error) => return Err(error).with_context(|| format!("status of {kind} {name}")),
            }
        }
        Ok(())
    }

    /// Takes labels and annotations from an object that stays.
    async fn reset(&self, kind: &str, name: &str) -> Result<()> {
        let api = self.api(kind, None)?;
        let object = api.get(name).await?;
        let none = |keys: Option<std::collections::BTreeMap<String, String>>| -> Value {
            keys.unwrap_or_default()
                .into_keys()
                .filter(|key| !key.starts_with("kubernetes.io/metadata"))
                .map(|key| (key, Value::Null))
                .collect::<serde_json::Map<_, _>>()
                .into()
        };
        let patch = json!({ "metadata": {
            "labels": none(object.metadata.labels), "annotations": none(object.metadata.annotations)
        }});
        api.patch(name, &PatchParams::default(), &Patch::Merge(&patch)).await?;
        Ok(())
    }

    /// What somebody else does.
    pub(super) async fn apply(&self, step: &case::Api, uids: &mut Uids) -> Result<()> {
        if step.api == "create" {
            return self.create(&step.object, uids).await;
        }
        let (api, name) = self.api_of(&step.object)?;
        let patch = uids.fill_value(&step.patch)?;
        match step.api.as_str() {
            "delete" => {
                let grace = step.options.get("gracePeriodSeconds").and_then(Value::as_u64);
                let grace = grace.map(u32::try_from).transpose()?;
                api.delete(&name, &DeleteParams { grace_period_seconds: grace, ..DeleteParams::default() })
                    .await?;
            }
            "patch" => {
                api.patch(&name, &PatchParams::default(), &Patch::Merge(&patch)).await?;
            }
            "patch-status" => {
                api.patch_status(&name, &PatchParams::default(), &Patch::Merge(&patch)).await?;
            }
            other => bail!("no such step: {other}"),
        }
        Ok(())
    }

    /// All objects of a kind.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn list(&self, kind: &str) -> Result<Vec<Value>> {
        let list = self.api(kind, None)?.list(&ListParams::default()).await?;
        list.items.into_iter().map(|one| serde_json::to_value(one).context("an object")).collect()
    }

    /// Removes everything that a case may have left.
    ///
    /// # Errors
    /// The API server fails, or something does not go.
    pub async fn clear(&self) -> Result<()> {
        for (kind, ..) in KINDS.iter().filter(|(kind, ..)| !matches!(*kind, "Namespace" | "Node")) {
            for object in self.list(kind).await? {
                let (api, name) = self.api_of(&with_kind(object.clone(), kind))?;
                if object.pointer("/metadata/finalizers").is_some() {
                    let patch = json!({ "metadata": { "finalizers": null } });
                    ignore_gone(
                        api.patch(&name, &PatchParams::default(), &Patch::Merge(&patch)).await.map(drop),
                    )?;
                }
                let at_once = DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::background() };
                ignore_gone(api.delete(&name, &at_once).await.map(drop))?;
            }
        }
        let deadline = Instant::now() + GONE_WITHIN;
        for (kind, ..) in KINDS.iter().filter(|(kind, ..)| !matches!(*kind, "Namespace" | "Node")) {
            while !self.list(kind).await?.is_empty() {
                if Instant::now() > deadline {
                    bail!("{kind}s do not go");
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        for name in self.names("Namespace").await? {
            self.reset("Namespace", &name).await?;
        }
        Ok(())
    }

    async fn names(&self, kind: &str) -> Result<Vec<String>> {
        let name = |object: Value| object["metadata"]["name"].as_str().map(str::to_owned);
        Ok(self.list(kind).await?.into_iter().filter_map(name).collect())
    }
}

fn with_kind(mut object: Value, kind: &str) -> Value {
    object["kind"] = json!(kind);
    object
}

fn ignore_gone(result: kube::Result<()>) -> Result<()> {
    match result {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        other => Ok(other?),
    }
}
