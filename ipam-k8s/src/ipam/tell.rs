//! What other plugins ask for: what a pod has, and how its interfaces are to be set up.

use std::sync::Arc;

use ipam_core::Owner;

use super::coordinator::{CoordinatorConfig, CoordinatorError, DEFAULT_ROUTE_NIC};
use super::pipeline::{Ipam, of_lookup, of_workload};
use super::refused::{Refused, RefusedKind};
use crate::client::{Deadline, List};
use crate::crd::{SpiderCoordinator, SpiderEndpoint};
use crate::watch::LookupError;

impl Ipam {
    /// The endpoint of a pod; of one that runs a virtual machine, the machine's.
    ///
    /// # Errors
    /// [`RefusedKind::NotFound`]: it has none.
    pub async fn endpoint_of(
        &self,
        namespace: &str,
        name: &str,
        deadline: Deadline,
    ) -> Result<Arc<SpiderEndpoint>, Refused> {
        let none = || {
            let text = format!("SpiderEndpoint not found for pod {namespace}/{name}");
            Refused::new(RefusedKind::NotFound, text)
        };
        let owner = match self.0.known.pod(namespace, name, deadline).await {
            Ok(pod) => {
                let top = self.0.workloads.top(&pod, deadline).await.map_err(|error| of_workload(&error))?;
                self.settings().static_kinds.owner(&pod, &top)
            }
            // The endpoint may outlive its pod.
            Err(LookupError::NoPod { .. }) => Owner::pod(namespace, name, "unknown"),
            Err(error) => return Err(of_lookup(&error)),
        };
        let owner = owner.map_err(|_| none())?;
        self.endpoint(&owner).await?.ok_or_else(none)
    }

    /// The settings of the coordinator plugin for a pod.
    ///
    /// # Errors
    /// [`Refused`]: there is none, it is not synced, or there is no such pod.
    pub async fn coordinator_config(
        &self,
        namespace: &str,
        name: &str,
        deadline: Deadline,
    ) -> Result<CoordinatorConfig, Refused> {
        let list =
            self.0.cluster.list::<SpiderCoordinator, SpiderCoordinator>(List::default(), deadline).await;
        let list = list.map_err(|error| Refused::of(RefusedKind::Internal, "", &error))?;
        let config = CoordinatorConfig::new(&list.items);
        let config =
            config.map_err(|error: CoordinatorError| Refused::of(RefusedKind::Internal, "", &error))?;
        let pod = self.0.known.pod(namespace, name, deadline).await;
        let pod = pod.map_err(|_| {
            Refused::new(RefusedKind::Internal, format!("failed to get pod {namespace}/{name}"))
        })?;
        Ok(config.with_default_route_nic(pod.meta.annotations.get(DEFAULT_ROUTE_NIC).map(String::as_str)))
    }
}
