//! The pools of a pod's workload that are made of subnets: found where the controller makes them, else made by the agent.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Context, Result};
use ipam_core::annotation::PodAnnotations;
use ipam_core::carve::{
    ANNOTATION_NUMBER, Application, Choice, Claim, ControlledPools, Demand, IpNumber, PoolView, Present,
    Retry, Stock, Subnet, Wanted, desired,
};
use ipam_core::select::MadePools;
use ipam_core::select::source::{Asked, PoolsAsked};
use ipam_core::subnet::{SubnetFields, SubnetSpec};
use ipam_core::{PoolName, PoolSpec, RangeSet};
use serde_json::{Map, Value, json};

use crate::golden::{Metadata, Object, OwnerReference};
use crate::world::{World, listed};

/// What the rules say, or the text of their refusal.
type Ruled<T> = Result<std::result::Result<T, String>>;

macro_rules! rule {
    ($result:expr) => {
        match $result {
            Ok(value) => value,
            Err(error) => return Ok(Err(error.to_string())),
        }
    };
    ($prefix:expr, $result:expr) => {
        match $result {
            Ok(value) => value,
            Err(error) => return Ok(Err(prefixed($prefix, error))),
        }
    };
}

fn prefixed(prefix: &str, error: impl fmt::Display) -> String {
    format!("{prefix}{error}")
}

/// A claim with what it does not borrow.
struct Wish<'a> {
    claim: Claim<'a>,
    wanted: Wanted,
    reclaim: bool,
}

impl World {
    /// The pools for all NICs and families that ask for one of a subnet. The errors of several families are told together.
    pub(crate) fn made_pools(&mut self, asked: &Asked, pod: &Object) -> Ruled<MadePools> {
        let mut made = MadePools::default();
        let mut wanted = Vec::new();
        for nic in asked.nics() {
            for (family, pools) in nic.families() {
                if let PoolsAsked::OfSubnet { subnet, .. } = pools {
                    wanted.push((nic.slot().nic(), family, subnet.clone()));
                }
            }
        }
        if wanted.is_empty() {
            return Ok(Ok(made));
        }
        let prefix = "failed to get IPPool candidates from Subnet: ";
        let annotations = PodAnnotations::new(&pod.metadata.annotations);
        let number = pod.metadata.annotations.get(ANNOTATION_NUMBER).map(|text| text.parse::<IpNumber>());
        let number = rule!(prefix, number.transpose());
        let reclaim = rule!(prefix, annotations.reclaim());
        let top = self.top(pod)?;
        if top.is_pod_itself() {
            return Ok(Err(prefixed(prefix, "SpiderSubnet feature doesn't support no-controller pod")));
        }
        let application: Application = top.application()?;
        let pods = if application.is_built_in() { self.pods_of(&top)? } else { 0 };
        let wanted_size = rule!(prefix, desired(&application, pods, number, 0));
        let mut refused = Vec::new();
        for (nic, family, subnet) in wanted {
            let claim =
                Claim { subnet: &subnet, application: &application, uid: &top.uid, nic: &nic, family };
            let wish = Wish { claim, wanted: wanted_size.clone(), reclaim };
            let pool = if application.is_built_in() { self.found(&wish)? } else { self.supplied(&wish)? };
            match pool {
                Ok(pool) => made.insert(nic, family, &pool),
                Err(text) => refused.push(text),
            }
        }
        Ok(if refused.is_empty() { Ok(made) } else { Err(prefixed(prefix, refused.join("; "))) })
    }

    /// The pool that the controller has made. Nobody makes one while a case runs, so there is nothing to wait for.
    fn found(&mut self, wish: &Wish<'_>) -> Ruled<PoolName> {
        let names = self.pool_names()?;
        let found = wish.claim.find(&self.views(&names)).map(|pool| pool.name.clone());
        self.original_waits |= match &found {
            Ok(name) => {
                let specs = self.specs()?;
                let pool = specs.iter().find(|pool| pool.name() == name).context("a pool without faults")?;
                pool.allocatable().len() != u128::from(wish.wanted.count)
            }
            Err(error) => error.retry() == Retry::Soon,
        };
        Ok(found.map_err(|error| error.to_string()))
    }

    /// The pool of a workload that no controller of ours looks after: made, or brought to size.
    fn supplied(&mut self, wish: &Wish<'_>) -> Ruled<PoolName> {
        let Wish { claim, wanted, reclaim } = wish;
        let prefix = format!(
            "failed to check SpiderSubnet {} third-party controller auto-created IPPool whether need to be scaled: ",
            claim.subnet
        );
        let Some(object) = self.get("SpiderSubnet", "", claim.subnet).cloned() else {
            return Ok(Err(prefixed(
                &prefix,
                format!(
                    "failed to get SpiderSubnet {0}, error: spidersubnets.spiderpool.spidernet.io \"{0}\" not found",
                    claim.subnet
                ),
            )));
        };
        let fields: SubnetFields = serde_json::from_value(object.spec.clone())?;
        let spec = SubnetSpec::new(&claim.subnet.parse()?, &fields)?;
        let subnet = Subnet::of(&spec, &object.metadata.uid, object.metadata.deletion_timestamp.is_some());
        let names = self.pool_names()?;
        let present = match rule!(&prefix, claim.choose(&self.views(&names))) {
            Choice::Take(pool) => {
                Some(self.get("SpiderIPPool", "", pool.name.as_str()).context("a pool")?.clone())
            }
            Choice::Make => None,
        };
        // What stands against the pool itself is met before anything is carved.
        rule!(&prefix, claim.object(&subnet, wanted, *reclaim, &RangeSet::empty(claim.family)));
        let records = object.status.get("controlledIPPools").and_then(Value::as_str);
        let records = ControlledPools::from_json(subnet.family(), records)?;
        let specs = self.specs()?;
        let living: Vec<_> = specs.iter().filter(|pool| pool.subnet() == subnet.net).collect();
        let mut stock =
            Stock::new(subnet, records, &self.reserved()?, living.iter().map(|pool| pool.allocatable()))?;
        let name = match &present {
            Some(pool) => pool.metadata.name.parse()?,
            None => rule!(&prefix, claim.pool_name()),
        };
        let own = specs.iter().find(|pool| *pool.name() == name);
        let in_use = self.in_use(&name, claim)?;
        let present_pool =
            own.map(|pool| Present { net: pool.subnet(), ips: pool.ips(), allocated: &in_use });
        let demand = Demand {
            pool: &name,
            application: claim.application,
            desired: wanted.count,
            present: present_pool,
        };
        let carving = stock.plan(&demand).map_err(|error| {
            format!(
                "failed to pre-allocate auto-create IPPool {name} IPs from SpiderSubnet {}: {error}",
                claim.subnet
            )
        });
        let carving = rule!(&prefix, carving);
        stock.apply(&carving)?;
        if carving.change.is_some() {
            let mut written = object.clone();
            written.status = json!({
                "controlledIPPools": stock.records().to_json(),
                "allocatedIPCount": stock.counts().allocated,
                "totalIPCount": stock.counts().total,
            });
            self.put(written)?;
        }
        let pool = match present {
            Some(pool) => refreshed(pool, wish, &carving.ranges)?,
            None => made(claim.object(&subnet, wanted, *reclaim, &carving.ranges)?)?,
        };
        self.put(pool)?;
        Ok(Ok(name))
    }

    fn pool_names(&self) -> Result<Vec<PoolName>> {
        self.of_kind("SpiderIPPool").map(|pool| Ok(pool.metadata.name.parse()?)).collect()
    }

    fn views<'a>(&'a self, names: &'a [PoolName]) -> Vec<PoolView<'a>> {
        let view = |(pool, name): (&'a Object, &'a PoolName)| PoolView {
            name,
            labels: &pool.metadata.labels,
            terminating: pool.metadata.deletion_timestamp.is_some(),
        };
        self.of_kind("SpiderIPPool").zip(names).map(view).collect()
    }

    fn specs(&self) -> Result<Vec<std::sync::Arc<PoolSpec>>> {
        let pools: Result<Vec<_>> = self.of_kind("SpiderIPPool").map(listed).collect();
        Ok(pools?.iter().filter_map(|pool| pool.spec().cloned()).collect())
    }

    fn in_use(&self, pool: &PoolName, claim: &Claim<'_>) -> Result<RangeSet> {
        let records = self.store.records().into_iter().filter(|(of, _)| of == pool);
        Ok(RangeSet::from_ranges(claim.family, records.map(|(_, record)| record.address.into()))?)
    }
}

fn refreshed(mut pool: Object, wish: &Wish<'_>, ranges: &RangeSet) -> Result<Object> {
    let Metadata { labels, annotations, .. } = &mut pool.metadata;
    let mut ips: Vec<String> = serde_json::from_value(pool.spec.get("ips").cloned().unwrap_or(json!([])))?;
    wish.claim.refresh(labels, annotations, &mut ips, &wish.wanted, wish.reclaim, ranges);
    let spec = pool.spec.as_object_mut().context("a spec")?;
    spec.insert("ips".to_owned(), json!(ips));
    Ok(pool)
}

fn made(pool: ipam_core::carve::AutoPool) -> Result<Object> {
    let owner = OwnerReference {
        api_version: ipam_core::carve::OwnerReference::API_VERSION.to_owned(),
        kind: ipam_core::carve::OwnerReference::KIND.to_owned(),
        name: pool.owner.name,
        uid: pool.owner.uid,
        controller: true,
        block_owner_deletion: true,
    };
    Ok(Object {
        kind: "SpiderIPPool".to_owned(),
        metadata: Metadata {
            name: pool.name.to_string(),
            labels: pool.labels,
            annotations: pool.annotations,
            finalizers: pool.finalizers,
            owner_references: vec![owner],
            ..Metadata::default()
        },
        spec: serde_json::to_value(&pool.fields)?,
        status: Value::Null,
    })
}

/// What a record tells of a pool that the agent made.
pub(crate) fn created(pool: &Object) -> Result<Value> {
    let Metadata { labels, annotations, finalizers, owner_references, .. } = &pool.metadata;
    let parts: BTreeMap<&str, Value> = BTreeMap::from([
        ("labels", json!(labels)),
        ("annotations", json!(annotations)),
        ("finalizers", json!(finalizers)),
        ("ownerReferences", serde_json::to_value(owner_references)?),
        ("spec", pool.spec.clone()),
    ]);
    Ok(parts.into_iter().map(|(key, value)| (key.to_owned(), value)).collect::<Map<_, _>>().into())
}
