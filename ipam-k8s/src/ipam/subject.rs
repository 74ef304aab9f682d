//! From objects to what selection asks of a pod.

use ipam_core::annotation::{NamespaceAnnotations, PodAnnotations};
use ipam_core::select::source::{Asked, Question, SourceError};
use ipam_core::select::{PoolNames, Subject, Uplink};

use super::AddRequest;
use super::settings::IpamSettings;
use crate::meta::Meta;
use crate::workload::{Pod, TopController};

/// What a pod asks for on a NIC.
pub(super) fn asked(
    request: &AddRequest,
    pod: &Pod,
    namespace: &Meta,
    settings: &IpamSettings,
) -> Result<Asked, SourceError> {
    let question = Question {
        nic: request.nic.clone(),
        pod: PodAnnotations::new(&pod.meta.annotations),
        namespace: NamespaceAnnotations::new(&namespace.annotations),
        configured: PoolNames { v4: request.default_v4.clone(), v6: request.default_v6.clone() },
        clean_gateway: request.clean_gateway,
    };
    Asked::new(&question, settings.switches)
}

/// Who asks, and from where.
pub(super) fn subject(
    pod: &Pod,
    top: &TopController,
    namespace: &Meta,
    node: Option<&Meta>,
    asked: &Asked,
    request: &AddRequest,
    settings: &IpamSettings,
) -> Subject {
    let scope = settings.network_scope(&pod.meta.namespace);
    let networks = PodAnnotations::new(&pod.meta.annotations).networks();
    let uplinks = asked.nics().iter().map(|nic| {
        let network = networks.of(nic.slot(), scope).into();
        let name = nic.slot().nic();
        let master = request.master.clone().filter(|_| name == request.nic);
        (name, Uplink { network, master })
    });
    Subject {
        namespace: pod.meta.namespace.clone(),
        namespace_labels: namespace.labels.clone(),
        pod_labels: pod.meta.labels.clone(),
        node: pod.node.clone(),
        node_labels: node.map(|node| node.labels.clone()),
        controller: Some(top.controller()),
        agent_namespace: settings.agent_namespace.clone(),
        uplinks: uplinks.collect(),
    }
}
