//! What an operator decides.

use std::time::Duration;

use ipam_core::Policy;
use ipam_core::annotation::NetworkScope;
use ipam_core::select::source::Switches;

use crate::workload::StaticKinds;

/// The settings of the pipeline: the keys of `conf.yml` and the variables of the environment that it depends on.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct IpamSettings {
    /// `SPIDERPOOL_POD_NAMESPACE`: what a bare name in `multusName` is in.
    pub agent_namespace: String,
    /// `MULTUS_CLUSTER_NETWORK`: the network of a pod's first NIC that says nothing else.
    pub cluster_network: Option<String>,
    /// `enableIPv4`, `enableIPv6`, `enableSpiderSubnet`, `enableAutoPoolForApplication`.
    pub switches: Switches,
    /// `enableStatefulSet`, `enableKubevirtStaticIP`.
    pub static_kinds: StaticKinds,
    /// `allocationPolicy`.
    pub policy: Policy,
    /// `addressCooldown`.
    pub cooldown: Duration,
    /// How long an ADD waits for the pool that the controller makes of a subnet: `SPIDERPOOL_WAIT_SUBNET_POOL_TIME_IN_SECOND` times
    /// `SPIDERPOOL_WAIT_SUBNET_POOL_MAX_RETRIES`.
    pub auto_pool_wait: Duration,
    /// `SPIDERPOOL_ENABLED_RELEASE_CONFLICT_IPS`.
    pub may_release_conflicts: bool,
}

impl IpamSettings {
    /// The original's defaults: both families, no subnets, no fixed addresses, the lowest free address.
    pub fn new(agent_namespace: impl Into<String>) -> Self {
        Self {
            agent_namespace: agent_namespace.into(),
            cluster_network: None,
            switches: Switches::default(),
            static_kinds: StaticKinds::default(),
            policy: Policy::Lowest,
            cooldown: Duration::ZERO,
            auto_pool_wait: Duration::from_secs(50),
            may_release_conflicts: true,
        }
    }

    /// Where the networks of a pod are looked for.
    pub(super) fn network_scope<'a>(&'a self, pod_namespace: &'a str) -> NetworkScope<'a> {
        NetworkScope {
            pod_namespace,
            agent_namespace: &self.agent_namespace,
            cluster_network: self.cluster_network.as_deref(),
        }
    }
}
