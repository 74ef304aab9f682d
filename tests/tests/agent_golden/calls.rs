//! ADD and DEL as an agent carries them out, with nothing but the rules of `ipam-core` and a store in memory.

use std::fmt;

use anyhow::{Context, Result};
use ipam_core::annotation::{NamespaceAnnotations, NetworkScope, PodAnnotations};
use ipam_core::select::source::{Asked, NicAsked, PoolsAsked, Question, Source};
use ipam_core::select::{self, Catalogue, Controller, NoSlot, PoolNames, SelectError, Subject, Uplink};
use ipam_core::testkit::ManualClock;
use ipam_core::{
    Allocate, AllocationRequest, Family, Nic, NicRequest, Release, ReleaseRequest, ReleaseScope, Time, run,
};
use serde_json::Value;

use crate::endpoint::{Endpoint, Entry, answer};
use crate::golden::{Body, Object};
use crate::world::World;

const AGENT_NAMESPACE: &str = "spiderpool";

/// What an ADD comes to: the body of an answer, or the text of a 500.
pub(crate) type Answer = std::result::Result<Value, String>;

/// Errors of the rules, as the agent wraps them.
fn refused(error: impl fmt::Display) -> String {
    format!("failed to allocate IP addresses in standard mode: {error}")
}

/// Turns an error of the rules into an answer; errors of the replay itself are not answers.
macro_rules! rule {
    ($result:expr) => {
        match $result {
            Ok(value) => value,
            Err(error) => return Ok(Err(refused(error))),
        }
    };
}

impl World {
    pub(crate) fn add(&mut self, body: &Body) -> Result<Answer> {
        let pod = self.get("Pod", &body.pod_namespace, &body.pod_name).context("no such pod")?.clone();
        let nic: Nic = rule!(body.if_name.parse());
        let key = (body.pod_namespace.clone(), body.pod_name.clone());
        let owner = Self::owner(&pod)?;

        let found = self.endpoints.get_mut(&key).map(|endpoint| endpoint.claim(&nic));
        if let (Some(true), Some(endpoint)) = (found, self.endpoints.get(&key)) {
            // The same once more is the same, and nothing is written for it.
            let mut request = AllocationRequest::new(owner, Time::from_millis(1_000));
            request.nics = endpoint.entries.iter().map(|entry| entry.request.clone()).collect();
            let (commits, _) = self.store.calls();
            let again = run(Allocate::new(request, true), &mut self.store, &mut ManualClock::default())??;
            for entry in &endpoint.entries {
                anyhow::ensure!(
                    entry.addresses_of(&again)? == entry.addresses,
                    "another address than before"
                );
            }
            anyhow::ensure!(self.store.calls().0 == commits, "a replayed ADD wrote");
            return Ok(Ok(answer(&endpoint.entries, |entry| entry.name.clone())));
        }

        let pod_annotations = PodAnnotations::new(&pod.metadata.annotations);
        let namespace =
            self.get("Namespace", "", &body.pod_namespace).context("no such namespace")?.metadata.clone();
        let custom = rule!(pod_annotations.routes());
        let list = |names: &Option<Vec<Option<String>>>| {
            names.iter().flatten().map(|name| name.clone().unwrap_or_default()).collect()
        };
        let question = Question {
            nic: nic.clone(),
            pod: pod_annotations,
            namespace: NamespaceAnnotations::new(&namespace.annotations),
            configured: PoolNames { v4: list(&body.default_v4), v6: list(&body.default_v6) },
            clean_gateway: body.clean_gateway,
        };
        let asked = rule!(Asked::new(&question, self.switches));
        let entries = self.endpoints.get(&key).map_or(0, |endpoint| endpoint.entries.len());
        if asked.is_in_order() && entries > 0 {
            return Ok(Err(refused(NoSlot { nic, entries })));
        }
        let subject = self.subject(&pod, &namespace.labels, &asked)?;
        let requests = rule!(requests(&asked, &self.catalogue()?, &subject)?);

        let mut request = AllocationRequest::new(owner, Time::from_millis(1_000));
        request.nics.clone_from(&requests);
        let allocation =
            rule!(run(Allocate::new(request, true), &mut self.store, &mut ManualClock::default())?);
        let mut new = Vec::new();
        for (asked, request) in asked.nics().iter().zip(requests) {
            new.push(Entry::new(asked.slot().stored_name(), asked.clean_gateway(), request, &allocation)?);
        }
        for route in custom {
            let _is_homeless = !new.iter_mut().any(|entry| entry.take(&route));
        }
        let body = answer(&new, |entry| entry.request.nic.to_string());
        self.endpoints
            .entry(key)
            .or_insert_with(|| Endpoint { entries: Vec::new() })
            .entries
            .append(&mut new);
        Ok(Ok(body))
    }

    /// A pod that lives keeps its addresses; of one that does not all are released, whichever NIC is named.
    pub(crate) fn del(&mut self, body: &Body) -> Result<()> {
        let pod = self.get("Pod", &body.pod_namespace, &body.pod_name).context("no such pod")?;
        let key = (body.pod_namespace.clone(), body.pod_name.clone());
        let entries = self.endpoints.get(&key).map(|endpoint| &endpoint.entries);
        let has_nic = entries.is_some_and(|list| list.iter().any(|entry| entry.name == body.if_name));
        if pod.metadata.deletion_timestamp.is_none() || !has_nic {
            return Ok(());
        }
        let request = ReleaseRequest::new(Self::owner(pod)?, ReleaseScope::All, Time::from_millis(1_000));
        run(Release::new(request, true), &mut self.store, &mut ManualClock::default())?;
        Ok(())
    }

    fn subject(&self, pod: &Object, namespace_labels: &select::Labels, asked: &Asked) -> Result<Subject> {
        let meta = &pod.metadata;
        let scope = NetworkScope {
            pod_namespace: &meta.namespace,
            agent_namespace: AGENT_NAMESPACE,
            cluster_network: self.cluster_network.as_deref(),
        };
        let networks = PodAnnotations::new(&meta.annotations).networks();
        let uplink = |nic: &NicAsked| {
            let network = networks.of(nic.slot(), scope).into();
            Ok((nic.slot().nic(), Uplink { network, master: None }))
        };
        let node = pod.spec.get("nodeName").and_then(Value::as_str).unwrap_or_default();
        Ok(Subject {
            namespace: meta.namespace.clone(),
            namespace_labels: namespace_labels.clone(),
            pod_labels: meta.labels.clone(),
            node: node.to_owned(),
            node_labels: self.get("Node", "", node).map(|node| node.metadata.labels.clone()),
            controller: Some(Controller::new("v1", "Pod", &meta.namespace, &meta.name)),
            agent_namespace: AGENT_NAMESPACE.to_owned(),
            uplinks: asked.nics().iter().map(uplink).collect::<Result<_>>()?,
        })
    }
}

/// The candidates of all NICs; the first that has none decides.
fn requests(
    asked: &Asked,
    pools: &Catalogue,
    subject: &Subject,
) -> Result<std::result::Result<Vec<NicRequest>, SelectError>> {
    let mut requests = Vec::new();
    for nic in asked.nics() {
        let mut request = NicRequest::new(nic.slot().nic());
        for (family, wanted) in nic.families() {
            let named = match wanted {
                PoolsAsked::Named(names) => select::Asked::Names(names),
                PoolsAsked::ClusterDefault => select::Asked::Default,
                PoolsAsked::OfSubnet { .. } => anyhow::bail!("pools of subnets are not replayed"),
            };
            let found = match pools.candidates(&request.nic, family, named, subject) {
                Ok(found) => found.iter().map(|pool| pool.name().clone()).collect(),
                Err(error) => return Ok(Err(error)),
            };
            match family {
                Family::V4 => request.v4 = found,
                Family::V6 => request.v6 = found,
            }
        }
        if request.v4.is_empty() && request.v6.is_empty() && asked.source() == Source::ClusterDefault {
            return Ok(Err(SelectError::NoRules));
        }
        requests.push(request);
    }
    Ok(Ok(requests))
}
