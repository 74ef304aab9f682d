//! DEL, and the clean-up after a conflict, as an agent carries them out.

use anyhow::{Context, Result};
use ipam_core::testkit::ManualClock;
use ipam_core::{Owner, Release, ReleaseRequest, ReleaseScope, Time, run};
use ipam_k8s::workload::Pod;

use crate::golden::Body;
use crate::world::World;

impl World {
    /// A pod that lives keeps its addresses, and so does one that its workload still wants. Of any other all are released,
    /// whichever NIC is named.
    pub(crate) fn del(&mut self, body: &Body) -> Result<()> {
        let Some(owner) = self.dead(body)? else { return Ok(()) };
        let key = (owner.scope().to_owned(), owner.name().to_owned());
        let Some(endpoint) = self.endpoints.get(&key) else { return Ok(()) };
        let (kind, _) = &endpoint.workload;
        let fixed = self.fixed_kinds.of_recorded(kind);
        if let Some(kind) = fixed
            && self.is_wanted(kind, owner.scope(), owner.name())?
        {
            return Ok(());
        }
        if !endpoint.entries.iter().any(|entry| entry.name == body.if_name || entry.name.is_empty()) {
            return Ok(());
        }
        self.release(owner)?;
        if fixed.is_some() {
            self.endpoints.remove(&key);
        }
        Ok(())
    }

    /// The endpoint keeps its place, without addresses.
    pub(crate) fn clean_up(&mut self, body: &Body) -> Result<()> {
        let key = (body.pod_namespace.clone(), body.pod_name.clone());
        let uid = match self.get("Pod", &body.pod_namespace, &body.pod_name) {
            Some(pod) if body.pod_uid.is_empty() => pod.metadata.uid.clone(),
            _ => body.pod_uid.clone(),
        };
        self.release(Owner::pod(&body.pod_namespace, &body.pod_name, &uid)?)?;
        self.endpoints.get_mut(&key).context("no such endpoint")?.entries.clear();
        Ok(())
    }

    /// Whose addresses a DEL is about; none of a pod that lives, or of one that is gone and whose uid nobody knows.
    fn dead(&self, body: &Body) -> Result<Option<Owner>> {
        let Body { pod_namespace, pod_name, pod_uid, .. } = body;
        match self.get("Pod", pod_namespace, pod_name) {
            Some(pod) if pod.read::<Pod>()?.is_alive() => Ok(None),
            Some(pod) => Ok(Some(self.owner(pod, &self.top(pod)?)?)),
            None if pod_uid.is_empty() => Ok(None),
            None => Ok(Some(Owner::pod(pod_namespace, pod_name, pod_uid)?)),
        }
    }

    fn release(&mut self, owner: Owner) -> Result<()> {
        let request = ReleaseRequest::new(owner, ReleaseScope::All, Time::from_millis(1_000));
        run(Release::new(request, true), &mut self.store, &mut ManualClock::default())?;
        Ok(())
    }
}
