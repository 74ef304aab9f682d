//! The kinds of KubeVirt, which may be installed or not.

use std::borrow::Cow;
use std::time::Duration;

use http::Request;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{APIGroup, APIResourceList, ObjectMeta};
use kube::Resource;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

use super::error::WorkloadError;
use crate::client::{Cluster, Deadline};

/// The API group.
pub(super) const GROUP: &str = "kubevirt.io";
const VERSION: &str = "v1";
/// KubeVirt has served two versions at most at a time; an answer with many more is not followed to its end.
const VERSIONS_MAX: usize = 8;
/// For so long what the API server has is believed. A kind goes and comes with an installation, not from one request to the next.
const BELIEVED: Duration = Duration::from_secs(60);

/// A kind of KubeVirt, by which it is asked for.
pub(super) trait MachineKind: Resource<DynamicType = ()> {
    const KIND: &'static str;
    const PLURAL: &'static str;
}

macro_rules! machine_kinds {
    ($($(#[$doc:meta])* $name:ident $plural:literal),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub(super) struct $name(ObjectMeta);

        impl MachineKind for $name {
            const KIND: &'static str = stringify!($name);
            const PLURAL: &'static str = $plural;
        }

        impl Resource for $name {
            type DynamicType = ();
            type Scope = NamespaceResourceScope;

            fn kind((): &()) -> Cow<'_, str> {
                Self::KIND.into()
            }

            fn group((): &()) -> Cow<'_, str> {
                GROUP.into()
            }

            fn version((): &()) -> Cow<'_, str> {
                VERSION.into()
            }

            fn plural((): &()) -> Cow<'_, str> {
                $plural.into()
            }

            fn meta(&self) -> &ObjectMeta {
                &self.0
            }

            fn meta_mut(&mut self) -> &mut ObjectMeta {
                &mut self.0
            }
        }
    )+};
}

machine_kinds! {
    /// A virtual machine, running or not.
    VirtualMachine "virtualmachines",
    /// One that runs.
    VirtualMachineInstance "virtualmachineinstances",
    /// The move of one to another node.
    VirtualMachineInstanceMigration "virtualmachineinstancemigrations",
}

/// Tells *there is no such object* from *its kind is served under another version*: the API server says 404 to both.
#[derive(Debug, Default)]
pub(super) struct Discovery {
    /// The kinds that the known version has, as they were at that time.
    seen: Mutex<Option<(Instant, Vec<String>)>>,
}

impl Discovery {
    /// That a 404 means what it says: either the known version has the kind, or no version has.
    ///
    /// At most two requests and one for each other version; within a minute after an answer that has the kind, none.
    ///
    /// Cancel safe: nothing is remembered of a dropped call.
    pub(super) async fn confirm_absence<K: MachineKind>(
        &self,
        cluster: &Cluster,
        deadline: Deadline,
    ) -> Result<(), WorkloadError> {
        let mut seen = self.seen.lock().await;
        let has = |kinds: &[String]| kinds.iter().any(|kind| kind == K::PLURAL);
        if let Some((at, kinds)) = seen.as_ref()
            && at.elapsed() < BELIEVED
            && has(kinds)
        {
            return Ok(());
        }
        if let Some(kinds) = served(cluster, VERSION, deadline).await?
            && has(&kinds)
        {
            *seen = Some((Instant::now(), kinds));
            return Ok(());
        }
        let group = ask::<APIGroup>(cluster, &format!("/apis/{GROUP}"), deadline).await?;
        let versions = group.map(|group| group.versions).unwrap_or_default();
        let others = versions.into_iter().map(|one| one.version).filter(|version| version != VERSION);
        for found in others.take(VERSIONS_MAX) {
            if served(cluster, &found, deadline).await?.is_some_and(|kinds| has(&kinds)) {
                return Err(WorkloadError::OtherVersion {
                    group: GROUP,
                    resource: K::PLURAL,
                    found,
                    wanted: VERSION,
                });
            }
        }
        Ok(())
    }
}

/// The kinds of a version, in the plural; `None`: there is no such version.
async fn served(
    cluster: &Cluster,
    version: &str,
    deadline: Deadline,
) -> Result<Option<Vec<String>>, WorkloadError> {
    let list = ask::<APIResourceList>(cluster, &format!("/apis/{GROUP}/{version}"), deadline).await?;
    Ok(list.map(|list| list.resources.into_iter().map(|one| one.name).collect()))
}

async fn ask<T: DeserializeOwned>(
    cluster: &Cluster,
    path: &str,
    deadline: Deadline,
) -> Result<Option<T>, WorkloadError> {
    let failed = |source| WorkloadError::Discovery { group: GROUP, source };
    let request = Request::get(path).body(Vec::new()).map_err(|error| failed(Box::new(error)))?;
    match timeout_at(deadline.instant(), cluster.client().request::<T>(request)).await {
        Ok(Ok(answer)) => Ok(Some(answer)),
        Ok(Err(kube::Error::Api(status))) if status.code == 404 => Ok(None),
        Ok(Err(error)) => Err(failed(Box::new(error))),
        Err(elapsed) => Err(failed(Box::new(elapsed))),
    }
}
