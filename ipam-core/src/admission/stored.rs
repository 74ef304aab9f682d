//! SpiderSubnets as they are stored: what adoption, and the rules of the pools in them, read.

use super::metadata::{ControllerRef, LABEL_CIDR, LABEL_OWNER_SUBNET, LABEL_SUBNET_CIDR, Metadata};
use super::{Denial, ObjectKind};
use crate::addr::Family;
use crate::items::strict_total;
use crate::pool::{PoolFields, inheritable};
use crate::rangeset::RangeSet;
use crate::subnet::SubnetFields;

/// One record of a subnet (`status.controlledIPPools`): addresses that were given to a pool, whether or not the pool is
/// there already.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Preallocated<'a> {
    /// A pool holds these addresses.
    Held {
        /// The name of the pool.
        pool: &'a str,
        /// Its addresses.
        addresses: &'a RangeSet,
        /// Whether they were set aside for a workload, which only Spiderpool itself does. Other records follow their
        /// pools and may lag behind them.
        is_for_application: bool,
    },
    /// The ranges of one record cannot be read.
    Malformed {
        /// The name of the pool.
        pool: &'a str,
        /// What is wrong.
        problem: &'a str,
    },
    /// The records cannot be read at all.
    Unreadable(&'a str),
}

impl<'a> From<(&'a str, Result<&'a RangeSet, &'a str>)> for Preallocated<'a> {
    fn from((pool, addresses): (&'a str, Result<&'a RangeSet, &'a str>)) -> Self {
        match addresses {
            Ok(addresses) => Self::Held { pool, addresses, is_for_application: false },
            Err(problem) => Self::Malformed { pool, problem },
        }
    }
}

/// A SpiderSubnet of which nothing is known but that it is stored. A terminating one counts as well.
#[derive(Clone, Debug)]
pub struct StoredSubnet<'a> {
    name: &'a str,
    uid: &'a str,
    fields: &'a SubnetFields,
    metadata: &'a Metadata,
    records: Vec<Preallocated<'a>>,
}

impl<'a> StoredSubnet<'a> {
    /// A subnet without records.
    #[must_use]
    pub const fn new(name: &'a str, uid: &'a str, fields: &'a SubnetFields, metadata: &'a Metadata) -> Self {
        Self { name, uid, fields, metadata, records: Vec::new() }
    }

    /// The same with its records. Only the checks of pools that it controls read them.
    #[must_use]
    pub fn with_records<R: Into<Preallocated<'a>>>(mut self, records: impl IntoIterator<Item = R>) -> Self {
        self.records = records.into_iter().map(Into::into).collect();
        self
    }

    pub(super) const fn name(&self) -> &'a str {
        self.name
    }

    pub(super) const fn fields(&self) -> &'a SubnetFields {
        self.fields
    }

    pub(super) fn records(&self) -> &[Preallocated<'a>] {
        &self.records
    }

    /// `ips` less `excludeIPs`; empty for another family's eyes.
    pub(super) fn total(&self, family: Family) -> Result<RangeSet, String> {
        match self.fields.family() {
            Some(own) if own != family => Ok(RangeSet::empty(family)),
            Some(_) | None => strict_total(family, &self.fields.ips, &self.fields.exclude_ips),
        }
    }
}

/// Another controller owns the pool, so it is not adopted.
#[derive(Debug)]
pub(super) struct ForeignController;

/// The SpiderSubnets there are, in the order in which the API lists them, if the feature is on (`enableSpiderSubnet`).
#[derive(Clone, Copy, Debug, Default)]
pub enum Subnets<'a> {
    /// The feature is off: no pool is adopted, no subnet is created.
    #[default]
    Off,
    /// The feature is on, and these are all subnets.
    On(&'a [StoredSubnet<'a>]),
}

impl<'a> Subnets<'a> {
    /// The subnets, or why a new one cannot be created.
    pub(super) fn for_create(self, name: &str) -> Result<&'a [StoredSubnet<'a>], Denial> {
        match self {
            Self::Off => Err(Denial::FeatureOff { kind: ObjectKind::Subnet, name: name.to_owned() }),
            Self::On(subnets) => Ok(subnets),
        }
    }

    /// Makes the subnet of a pool's network its controller and lets the pool inherit, unless that was done before.
    pub(super) fn adopt(
        self,
        fields: &mut PoolFields,
        metadata: &mut Metadata,
    ) -> Result<(), ForeignController> {
        let Self::On(subnets) = self else { return Ok(()) };
        let controller = metadata.controller.as_ref();
        if controller.is_some_and(|one| metadata.label(LABEL_OWNER_SUBNET) == Some(one.name.as_str())) {
            return Ok(());
        }
        let is_ours = |subnet: &&StoredSubnet<'_>| {
            subnet
                .metadata
                .label(LABEL_SUBNET_CIDR)
                .is_some_and(|cidr| metadata.label(LABEL_CIDR) == Some(cidr))
        };
        let Some(subnet) = subnets.iter().find(is_ours) else { return Ok(()) };
        let kind = ObjectKind::Subnet.as_str();
        match controller {
            Some(one) if one.uid == subnet.uid => {}
            // A subnet that was deleted and made anew under its name takes its pools back.
            Some(one) if one.kind != kind || one.name != subnet.name => return Err(ForeignController),
            Some(_) | None => {
                metadata.controller = Some(ControllerRef {
                    kind: kind.to_owned(),
                    name: subnet.name.to_owned(),
                    uid: subnet.uid.to_owned(),
                });
            }
        }
        metadata.labels.insert(LABEL_OWNER_SUBNET.to_owned(), subnet.name.to_owned());
        if fields.gateway.is_none() {
            fields.gateway.clone_from(&subnet.fields.gateway);
        }
        if let (None, Some(family)) = (&fields.routes, fields.family()) {
            let routes = subnet.fields.routes.as_deref().map(|routes| inheritable(routes, family));
            fields.routes = routes.filter(|routes| !routes.is_empty());
        }
        Ok(())
    }
}
