//! Making a pool of a subnet, or bringing one to size.

use ipam_core::carve::{
    Choice, Claim, ControlledPools, Demand, OwnerReference as SubnetReference, PoolView, Present, Stock,
    Subnet,
};
use ipam_core::status::AllocatedIps;
use ipam_core::subnet::{SubnetFields, SubnetSpec};
use ipam_core::{PoolFields, PoolName, PoolSpec, RangeSet, RouteFields};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

use super::made::{Part, Wish, view};
use super::pipeline::Ipam;
use crate::client::{CallError, Deadline, Failure, Named};
use crate::crd::{IPPoolSpec, SpiderIPPool, SpiderSubnet};
use crate::meta::Meta;

/// How often a pool is carved anew when another writer was faster.
const TRIES_MAX: usize = 20;

/// Why a try came to nothing.
enum Setback {
    /// Another writer was faster.
    Conflict(String),
    /// The same again would not help.
    Final(String),
}

impl From<CallError> for Setback {
    fn from(error: CallError) -> Self {
        let text = error.failure.to_string();
        let is_late = matches!(error.failure, Failure::Conflict(_) | Failure::AlreadyExists(_));
        if is_late { Self::Conflict(text) } else { Self::Final(text) }
    }
}

fn stop(error: impl std::fmt::Display) -> Setback {
    Setback::Final(error.to_string())
}

impl Ipam {
    /// The pool of a workload that no controller of ours looks after.
    pub(super) async fn supplied(
        &self,
        wish: &Wish,
        part: &Part,
        deadline: Deadline,
    ) -> Result<PoolName, String> {
        let prefix = format!(
            "failed to check SpiderSubnet {} third-party controller auto-created IPPool whether need to be scaled: ",
            part.subnet
        );
        let mut last = String::new();
        for _ in 0..TRIES_MAX {
            if deadline.remaining().is_zero() {
                break;
            }
            match self.supply(wish, part, deadline).await {
                Ok(name) => return Ok(name),
                Err(Setback::Final(text)) => return Err(format!("{prefix}{text}")),
                Err(Setback::Conflict(text)) => last = text,
            }
        }
        Err(format!("{prefix}{last}"))
    }

    async fn supply(&self, wish: &Wish, part: &Part, deadline: Deadline) -> Result<PoolName, Setback> {
        let claim = wish.claim(part);
        let cluster = &self.0.cluster;
        let object = cluster.get::<SpiderSubnet>(Named::cluster(&part.subnet), deadline).await;
        let object = object.map_err(|error| {
            stop(format!("failed to get SpiderSubnet {}, error: {}", part.subnet, error.failure))
        })?;
        let spec = SubnetSpec::new(&part.subnet.parse().map_err(stop)?, &fields(&object)).map_err(stop)?;
        let uid = object.metadata.uid.clone().unwrap_or_default();
        let subnet = Subnet::of(&spec, &uid, object.metadata.deletion_timestamp.is_some());
        let labels = claim.labels().map_err(stop)?;
        let name = claim.pool_name().map_err(stop)?;
        let is_of = |meta: &Meta| {
            meta.name == name.as_str()
                || labels.iter().all(|(key, value)| meta.labels.get(key) == Some(value))
        };
        let mut pools: Vec<(PoolName, Meta)> = self
            .0
            .known
            .pools_where(is_of)
            .into_iter()
            .filter_map(|(meta, _)| Some((meta.name.parse().ok()?, meta)))
            .collect();
        // The watch may not have told yet of a pool that another ADD has just made.
        if pools.iter().all(|(own, _)| *own != name) {
            match cluster.get_metadata::<SpiderIPPool>(Named::cluster(name.as_str()), deadline).await {
                Ok(meta) => pools.push((name.clone(), Meta::from(meta))),
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error.into()),
            }
        }
        let views: Vec<PoolView<'_>> = pools.iter().map(view).collect();
        let present = match claim.choose(&views).map_err(stop)? {
            Choice::Take(pool) => {
                Some(cluster.get::<SpiderIPPool>(Named::cluster(pool.name.as_str()), deadline).await?)
            }
            Choice::Make => None,
        };
        // What stands against the pool itself is met before anything is carved.
        let nothing = RangeSet::empty(claim.family);
        claim.object(&subnet, &wish.wanted, wish.reclaim, &nothing).map_err(stop)?;
        let ranges = self.carve(wish, &claim, &subnet, &object, present.as_ref(), &name, deadline).await?;
        match present {
            Some(pool) => self.resize(wish, &claim, pool, &ranges, deadline).await,
            None => self.make(wish, &claim, &subnet, &ranges, deadline).await,
        }
    }

    /// Writes the record and returns the addresses that the pool is to have.
    #[expect(clippy::too_many_arguments, reason = "one step of a way, cut out to be read")]
    async fn carve(
        &self,
        wish: &Wish,
        claim: &Claim<'_>,
        subnet: &Subnet<'_>,
        object: &SpiderSubnet,
        present: Option<&SpiderIPPool>,
        name: &PoolName,
        deadline: Deadline,
    ) -> Result<RangeSet, Setback> {
        let family = subnet.family();
        let status = object.status.clone().unwrap_or_default();
        let records =
            ControlledPools::from_json(family, status.controlled_ip_pools.as_deref()).map_err(stop)?;
        let reserved = self.0.known.reserved(deadline).await.map_err(stop)?;
        let catalogue = self.0.known.catalogue(deadline).await.map_err(stop)?;
        let living: Vec<_> = catalogue.iter().filter_map(|pool| pool.spec()).collect();
        let living = living.iter().filter(|pool| pool.subnet() == subnet.net).map(|pool| pool.allocatable());
        let mut stock = Stock::new(*subnet, records, [reserved.of(family).as_ref()], living).map_err(stop)?;
        let own = present.map(|pool| own(name, pool, family)).transpose()?;
        let demand = Demand {
            pool: name,
            application: claim.application,
            desired: wish.wanted.count,
            present: own.as_ref().map(|(spec, in_use)| Present {
                net: spec.subnet(),
                ips: spec.ips(),
                allocated: in_use,
            }),
        };
        let carving = stock.plan(&demand).map_err(|error| {
            stop(format!(
                "failed to pre-allocate auto-create IPPool {name} IPs from SpiderSubnet {}: {error}",
                subnet.name
            ))
        })?;
        stock.apply(&carving).map_err(stop)?;
        if carving.change.is_some() {
            let mut wanted = object.clone();
            let status = wanted.status.get_or_insert_default();
            status.controlled_ip_pools = stock.records().to_json();
            status.allocated_ip_count = Some(stock.counts().allocated);
            status.total_ip_count = Some(stock.counts().total);
            // The object with the version that was read: who was faster wins, and this one carves anew.
            let named = Named::cluster(subnet.name);
            self.0.cluster.replace_status::<SpiderSubnet>(named, &wanted, deadline).await?;
        }
        Ok(carving.ranges)
    }

    async fn make(
        &self,
        wish: &Wish,
        claim: &Claim<'_>,
        subnet: &Subnet<'_>,
        ranges: &RangeSet,
        deadline: Deadline,
    ) -> Result<PoolName, Setback> {
        let pool = claim.object(subnet, &wish.wanted, wish.reclaim, ranges).map_err(stop)?;
        let owner = OwnerReference {
            api_version: SubnetReference::API_VERSION.to_owned(),
            kind: SubnetReference::KIND.to_owned(),
            name: pool.owner.name,
            uid: pool.owner.uid,
            controller: Some(true),
            block_owner_deletion: Some(true),
        };
        let object = SpiderIPPool {
            metadata: ObjectMeta {
                name: Some(pool.name.to_string()),
                labels: Some(pool.labels),
                annotations: Some(pool.annotations),
                finalizers: Some(pool.finalizers),
                owner_references: Some(vec![owner]),
                ..ObjectMeta::default()
            },
            spec: IPPoolSpec::from(&pool.fields),
            status: None,
        };
        let named = Named::cluster(pool.name.as_str());
        self.0.cluster.create::<SpiderIPPool>(named, &object, deadline).await?;
        Ok(pool.name)
    }

    async fn resize(
        &self,
        wish: &Wish,
        claim: &Claim<'_>,
        pool: SpiderIPPool,
        ranges: &RangeSet,
        deadline: Deadline,
    ) -> Result<PoolName, Setback> {
        let name = pool.metadata.name.clone().unwrap_or_default();
        let mut wanted = pool.clone();
        let labels = wanted.metadata.labels.get_or_insert_default();
        let annotations = wanted.metadata.annotations.get_or_insert_default();
        let ips = &mut wanted.spec.ips;
        let has_changed = claim.refresh(labels, annotations, ips, &wish.wanted, wish.reclaim, ranges);
        if has_changed && let Some(patch) = pool.object_patch(&wanted).map_err(stop)? {
            self.0.cluster.merge_patch::<SpiderIPPool>(Named::cluster(&name), &patch, deadline).await?;
        }
        name.parse().map_err(stop)
    }
}

fn fields(object: &SpiderSubnet) -> SubnetFields {
    let spec = &object.spec;
    let routes: Vec<RouteFields> = spec.routes.iter().map(RouteFields::from).collect();
    SubnetFields {
        ip_version: spec.ip_version,
        subnet: spec.subnet.clone(),
        ips: spec.ips.clone(),
        exclude_ips: spec.exclude_ips.clone(),
        gateway: spec.gateway.clone(),
        routes: Some(routes).filter(|routes| !routes.is_empty()),
    }
}

/// The pool as it is, and its addresses in use.
fn own(
    name: &PoolName,
    pool: &SpiderIPPool,
    family: ipam_core::Family,
) -> Result<(PoolSpec, RangeSet), Setback> {
    let spec = PoolSpec::new(name, &PoolFields::from(&pool.spec)).map_err(stop)?;
    let text = pool.status.as_ref().and_then(|status| status.allocated_ips.as_deref());
    let mut in_use = RangeSet::empty(family);
    let records = AllocatedIps::parse(family, text).map_err(stop)?;
    for address in records.iter().filter_map(|ip| ip.address) {
        in_use.insert(address.into());
    }
    Ok((spec, in_use))
}
