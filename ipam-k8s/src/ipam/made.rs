//! The pools that are made of subnets for a pod's workload: waited for where the controller makes them, else made here.
//!
//! The controller looks after the pools of the built-in kinds. Those of any other kind are the agents' business, at each ADD: the
//! record in the subnet's status first, then the pool, so that two agents never carve one address twice.

use ipam_core::annotation::PodAnnotations;
use ipam_core::carve::{ANNOTATION_NUMBER, Application, Claim, IpNumber, PoolView, Wanted, desired};
use ipam_core::select::MadePools;
use ipam_core::select::source::{Asked, PoolsAsked};
use ipam_core::{Family, Nic, PoolName};
use tokio::time::{Instant, timeout_at};

use super::pipeline::Ipam;
use super::refused::{Refused, RefusedKind};
use crate::client::Deadline;
use crate::meta::Meta;
use crate::workload::{Pod, TopController};

/// Before everything that goes wrong here.
pub(super) const PREFIX: &str =
    "failed to allocate IP addresses in standard mode: failed to get IPPool candidates from Subnet: ";

/// What a workload is to have.
#[derive(Clone, Debug)]
pub(super) struct Wish {
    pub(super) application: Application,
    pub(super) uid: String,
    pub(super) wanted: Wanted,
    pub(super) reclaim: bool,
}

/// One pool of it.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) nic: Nic,
    pub(super) family: Family,
    pub(super) subnet: String,
}

impl Wish {
    pub(super) fn claim<'a>(&'a self, part: &'a Part) -> Claim<'a> {
        Claim {
            subnet: &part.subnet,
            application: &self.application,
            uid: &self.uid,
            nic: &part.nic,
            family: part.family,
        }
    }
}

impl Ipam {
    /// The pools for all NICs and families that ask for one of a subnet. The errors of several families are told together.
    pub(super) async fn made_pools(
        &self,
        asked: &Asked,
        top: &TopController,
        pod: &Pod,
        deadline: Deadline,
    ) -> Result<MadePools, Refused> {
        let parts = parts(asked);
        if parts.is_empty() {
            return Ok(MadePools::default());
        }
        let wish = wish(top, pod)?;
        let mut made = MadePools::default();
        let mut refused = Vec::new();
        let until = Instant::now()
            .checked_add(self.settings().auto_pool_wait)
            .map_or(deadline.instant(), |until| until.min(deadline.instant()));
        for part in parts {
            let pool = if wish.application.is_built_in() {
                self.found(&wish, &part, until).await
            } else {
                self.supplied(&wish, &part, deadline).await
            };
            match pool {
                Ok(pool) => made.insert(part.nic, part.family, &pool),
                Err(text) => refused.push(text),
            }
        }
        if refused.is_empty() {
            return Ok(made);
        }
        Err(Refused::new(RefusedKind::Wrong, format!("{PREFIX}{}", refused.join("; "))))
    }

    /// The pool that the controller makes, waited for as long as it is not there. Its size does not matter: one with a free address serves.
    async fn found(&self, wish: &Wish, part: &Part, until: Instant) -> Result<PoolName, String> {
        let claim = wish.claim(part);
        let labels = claim.labels_with_uid().map_err(|error| error.to_string())?;
        let mut changes = self.0.known.catalogue_changes();
        let mut has_waited = false;
        loop {
            changes.borrow_and_update();
            let has = |meta: &Meta| labels.iter().all(|(key, value)| meta.labels.get(key) == Some(value));
            let pools: Vec<(PoolName, Meta)> = self
                .0
                .known
                .pools_where(has)
                .into_iter()
                .filter_map(|(meta, _)| Some((meta.name.parse().ok()?, meta)))
                .collect();
            let views: Vec<PoolView<'_>> = pools.iter().map(view).collect();
            match claim.find(&views) {
                Ok(pool) => return Ok(pool.name.clone()),
                Err(error) if error.retry() != ipam_core::carve::Retry::Soon => return Err(error.to_string()),
                Err(error) => {
                    if !has_waited {
                        self.0.store.inner().observer().auto_pool_waited();
                        has_waited = true;
                    }
                    if !matches!(timeout_at(until, changes.changed()).await, Ok(Ok(()))) {
                        return Err(error.to_string());
                    }
                }
            }
        }
    }
}

/// The pools of subnets that are asked for.
pub(super) fn parts(asked: &Asked) -> Vec<Part> {
    let mut parts = Vec::new();
    for nic in asked.nics() {
        for (family, pools) in nic.families() {
            if let PoolsAsked::OfSubnet { subnet, .. } = pools {
                parts.push(Part { nic: nic.slot().nic(), family, subnet: subnet.clone() });
            }
        }
    }
    parts
}

pub(super) fn view((name, meta): &(PoolName, Meta)) -> PoolView<'_> {
    PoolView { name, labels: &meta.labels, terminating: meta.is_terminating() }
}

pub(super) fn wish(top: &TopController, pod: &Pod) -> Result<Wish, Refused> {
    let wrong = |error: &dyn std::error::Error| Refused::of(RefusedKind::Wrong, PREFIX, error);
    let annotations = &pod.meta.annotations;
    let number = annotations.get(ANNOTATION_NUMBER).map(|text| text.parse::<IpNumber>()).transpose();
    let number = number.map_err(|error| wrong(&error))?;
    let reclaim = PodAnnotations::new(annotations).reclaim().map_err(|error| wrong(&error))?;
    if top.is_pod_itself() {
        let text = format!("{PREFIX}SpiderSubnet feature doesn't support no-controller pod");
        return Err(Refused::new(RefusedKind::Wrong, text));
    }
    let application = top.application().map_err(|error| wrong(&error))?;
    // How many pods a built-in workload has matters to the controller, which makes its pools.
    let wanted = desired(&application, 0, number, 0).map_err(|error| wrong(&error))?;
    Ok(Wish { application, uid: top.uid.clone(), wanted, reclaim })
}
