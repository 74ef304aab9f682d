//! What the coordinator plugin is told: the cluster's SpiderCoordinator as it holds for one pod.

use crate::crd::{CoordinatorMode, CoordinatorPhase, CoordinatorSpec, Route, SpiderCoordinator};

/// The SpiderCoordinator that counts where there are several.
const DEFAULT_NAME: &str = "default";

/// Names the interface with the default route; also an empty value counts.
pub const DEFAULT_ROUTE_NIC: &str = "ipam.spidernet.io/default-route-nic";

/// The settings of the coordinator plugin for one pod.
#[derive(Clone, Debug, PartialEq)]
pub struct CoordinatorConfig {
    /// The spec, with defaults for what is not said and the pod's own default route.
    pub spec: CoordinatorSpec,
    /// Networks of the pods.
    pub overlay_pod_cidr: Vec<String>,
    /// Networks of the services.
    pub service_cidr: Vec<String>,
}

/// Why there are no settings.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CoordinatorError {
    /// There is no SpiderCoordinator.
    #[error("coordinator config not found")]
    NotFound,
    /// The networks of the cluster are not known yet.
    #[error("spidercoordinator: {name} no ready")]
    NotReady {
        /// The SpiderCoordinator.
        name: String,
    },
}

impl CoordinatorConfig {
    /// The settings that hold, before the pod is looked at: of several SpiderCoordinators those of `default`, else of the first by name.
    ///
    /// # Errors
    /// [`CoordinatorError`]: none, or not synced.
    pub fn new(coordinators: &[SpiderCoordinator]) -> Result<Self, CoordinatorError> {
        let name = |one: &&SpiderCoordinator| one.metadata.name.clone().unwrap_or_default();
        let chosen = coordinators.iter().min_by_key(|one| (name(one) != DEFAULT_NAME, name(one)));
        let coordinator = chosen.ok_or(CoordinatorError::NotFound)?;
        let synced = coordinator.status.as_ref().filter(|status| status.phase == CoordinatorPhase::Synced);
        let status = synced.ok_or_else(|| CoordinatorError::NotReady { name: name(&coordinator) })?;
        let mut spec = coordinator.spec.clone();
        spec.set_defaults();
        Ok(Self {
            spec,
            overlay_pod_cidr: status.overlay_pod_cidr.clone().unwrap_or_default(),
            service_cidr: status.service_cidr.clone().unwrap_or_default(),
        })
    }

    /// The same for a pod whose annotation [`DEFAULT_ROUTE_NIC`] says this.
    #[must_use]
    pub fn with_default_route_nic(mut self, nic: Option<&str>) -> Self {
        if let Some(nic) = nic {
            self.spec.pod_default_route_nic = Some(nic.to_owned());
        }
        self
    }

    /// How the coordinator works.
    #[must_use]
    pub fn mode(&self) -> CoordinatorMode {
        self.spec.mode.clone().unwrap_or(CoordinatorMode::Auto)
    }

    /// Further routes; the original answers an empty list as none.
    #[must_use]
    pub fn policy_routes(&self) -> Option<&[Route]> {
        Some(self.spec.policy_routes.as_slice()).filter(|routes| !routes.is_empty())
    }
}
