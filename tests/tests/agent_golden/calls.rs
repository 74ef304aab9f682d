//! ADD as an agent carries it out, with nothing but the rules of `ipam-core` and a store in memory.

use std::fmt;

use anyhow::{Context, Result};
use ipam_core::annotation::{NamespaceAnnotations, NetworkScope, PodAnnotations};
use ipam_core::select::source::{Asked, NicAsked, Question};
use ipam_core::select::{self, Keep, NoSlot, PoolNames, Recorded, Subject, Uplink};
use ipam_core::testkit::ManualClock;
use ipam_core::{Allocate, AllocationRequest, Follow, Nic, Time, run};
use ipam_k8s::workload::StaticKind;
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
        let top = self.top(&pod)?;
        let owner = self.owner(&pod, &top)?;
        let key = (owner.scope().to_owned(), owner.name().to_owned());

        let fixed = self.fixed_kinds.of(&top);
        let is_fixed = fixed.is_some();
        let (follow, keep) = match fixed {
            None => (Follow::Never, Keep::WhileNamed),
            Some(StaticKind::VirtualMachine) => (Follow::Always, Keep::Always),
            Some(_) => (Follow::WhilePoolsMatch, Keep::WhileNamed),
        };
        // Another pod of that name begins anew, unless it keeps what it had.
        let is_other = |endpoint: &Endpoint| endpoint.uid != owner.uid() && !is_fixed;
        if self.endpoints.get(&key).is_some_and(is_other) {
            self.endpoints.remove(&key);
        }
        // One that keeps its addresses is held against what is named now each time.
        let endpoint = self.endpoints.get_mut(&key).filter(|_| !is_fixed);
        let found = endpoint.map(|endpoint| endpoint.claim(&nic));
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
        if let Some(endpoint) = self.endpoints.get_mut(&key).filter(|_| asked.is_in_order())
            && !endpoint.claim(&nic)
        {
            return Ok(Err(refused(NoSlot { nic, entries: endpoint.entries.len() })));
        }
        let subject = self.subject(&pod, &namespace.labels, &asked)?;
        let made = match self.made_pools(&asked, &pod)? {
            Ok(made) => made,
            Err(text) => return Ok(Err(refused(text))),
        };
        let pools = self.catalogue()?;
        let stored = self.endpoints.get(&key).map_or(&[][..], |endpoint| &endpoint.entries).to_vec();
        let (before, mut beside) = if is_fixed { (stored, Vec::new()) } else { (Vec::new(), stored) };
        let recorded: Vec<Recorded<'_>> = before.iter().map(Entry::recorded).collect();
        let requests = asked.keeping(&nic, &recorded, keep, &pools, &subject, &made);
        let requests = rule!(requests);

        let uid = owner.uid().to_owned();
        let mut request = AllocationRequest::new(owner, Time::from_millis(1_000));
        request.nics.clone_from(&requests);
        request.follow = follow;
        let allocation =
            rule!(run(Allocate::new(request, true), &mut self.store, &mut ManualClock::default())?);
        let mut entries = Vec::new();
        for (place, request) in requests.into_iter().enumerate() {
            let old = before.iter().find(|entry| entry.request.nic == request.nic);
            let asked = asked.nics().get(place);
            let name = old.map(|old| old.name.as_str()).or(asked.map(|nic| nic.slot().stored_name()));
            let is_clean = asked.map(NicAsked::clean_gateway).or(old.map(|old| old.clean_gateway));
            let new =
                Entry::new(name.unwrap_or_default(), is_clean.unwrap_or_default(), request, &allocation)?;
            // What did not change stays as it is written, routes included.
            let is_same = old.is_some_and(|old| old.addresses == new.addresses);
            entries.push(old.filter(|_| is_same).cloned().unwrap_or(new));
        }
        for route in custom {
            let _is_homeless = !entries.iter_mut().any(|entry| entry.take(&route));
        }
        // One that nobody has claimed yet goes by its number.
        let called = |entry: &Entry| match entry.name.as_str() {
            "" => entry.request.nic.to_string(),
            name => name.to_owned(),
        };
        let body = answer(&entries, called);
        beside.append(&mut entries);
        let (node, workload) = (node_of(&pod).to_owned(), (top.kind, top.name));
        self.endpoints.insert(key, Endpoint { uid, node, workload, has_finalizer: true, entries: beside });
        Ok(Ok(body))
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
        let node = node_of(pod);
        Ok(Subject {
            namespace: meta.namespace.clone(),
            namespace_labels: namespace_labels.clone(),
            pod_labels: meta.labels.clone(),
            node: node.to_owned(),
            node_labels: self.get("Node", "", node).map(|node| node.metadata.labels.clone()),
            controller: Some(self.top(pod)?.controller()),
            agent_namespace: AGENT_NAMESPACE.to_owned(),
            uplinks: asked.nics().iter().map(uplink).collect::<Result<_>>()?,
        })
    }
}

fn node_of(pod: &Object) -> &str {
    pod.spec.get("nodeName").and_then(Value::as_str).unwrap_or_default()
}
