//! The object of an auto pool: made anew, and brought up to date.

use std::collections::BTreeMap;

use super::claim::{Claim, LABEL_RECLAIM, LABEL_UID};
use super::error::ClaimError;
use super::number::{ANNOTATION_NUMBER, Wanted};
use super::stock::Subnet;
use crate::admission::{FINALIZER, LABEL_CIDR, cidr_label};
use crate::cidr::canonical;
use crate::pool::{PoolFields, PoolName};
use crate::rangeset::RangeSet;
use crate::selector::LabelSelector;

/// A pool as it is to be created.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AutoPool {
    /// `metadata.name`.
    pub name: PoolName,
    /// `metadata.labels`.
    pub labels: BTreeMap<String, String>,
    /// `metadata.annotations`.
    pub annotations: BTreeMap<String, String>,
    /// `metadata.finalizers`.
    pub finalizers: Vec<String>,
    /// `metadata.ownerReferences`: the subnet, as controller, blocking its deletion.
    pub owner: OwnerReference,
    /// `spec`.
    pub fields: PoolFields,
}

/// The owner reference to a subnet. `controller` and `blockOwnerDeletion` are true.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OwnerReference {
    /// The name of the subnet.
    pub name: String,
    /// The UID of the subnet.
    pub uid: String,
}

impl OwnerReference {
    /// `apiVersion`.
    pub const API_VERSION: &'static str = "spiderpool.spidernet.io/v2beta1";
    /// `kind`.
    pub const KIND: &'static str = "SpiderSubnet";
}

impl Claim<'_> {
    /// The pool that is made for the claim, with these addresses. Gateway and routes are copied from the subnet, once.
    ///
    /// # Errors
    /// Those of [`Claim::labels`] and [`Claim::pool_name`]; [`ClaimError::WrongFamily`] when the subnet is of the other family:
    /// call it before carving, with no addresses, to meet them first.
    pub fn object(
        &self,
        subnet: &Subnet<'_>,
        wanted: &Wanted,
        reclaim: bool,
        ranges: &RangeSet,
    ) -> Result<AutoPool, ClaimError> {
        let name = self.pool_name()?;
        if subnet.family() != self.family {
            let subnet_name = subnet.name.to_owned();
            let (net, wanted) = (subnet.net, self.family);
            return Err(ClaimError::WrongFamily { pool: name, subnet: subnet_name, net, wanted });
        }
        let net = canonical(&subnet.net);
        let mut labels = self.labels_with_uid()?;
        labels.insert(LABEL_RECLAIM.to_owned(), reclaim.to_string());
        labels.insert(LABEL_CIDR.to_owned(), cidr_label(&net));
        let fields = PoolFields {
            ip_version: Some(i64::from(self.family.number())),
            subnet: net,
            ips: texts(ranges),
            gateway: subnet.gateway.map(str::to_owned),
            routes: Some(subnet.routes.to_vec()),
            pod_affinity: Some(self.affinity()),
            ..PoolFields::default()
        };
        Ok(AutoPool {
            name,
            labels,
            annotations: BTreeMap::from([(ANNOTATION_NUMBER.to_owned(), wanted.annotation.clone())]),
            finalizers: vec![FINALIZER.to_owned()],
            owner: OwnerReference { name: subnet.name.to_owned(), uid: subnet.uid.to_owned() },
            fields: fields.normalised(),
        })
    }

    /// Whom the pool serves: the Pods of this application. It is compared with the top controller, not with a Pod's labels.
    #[must_use]
    pub fn affinity(&self) -> LabelSelector {
        let application = self.application;
        let labels = [
            ("ipam.spidernet.io/app-api-group", application.group()),
            ("ipam.spidernet.io/app-api-version", application.version()),
            ("ipam.spidernet.io/app-kind", application.kind()),
            ("ipam.spidernet.io/app-namespace", application.namespace()),
            ("ipam.spidernet.io/app-name", application.name()),
        ];
        let match_labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        LabelSelector { match_labels, ..LabelSelector::default() }
    }

    /// Brings a pool that exists up to date: the incarnation, whether it is reclaimed, the number as it was asked for, and the
    /// addresses. All other labels and annotations stay.
    ///
    /// Returns whether anything changed, that is, whether there is something to write.
    pub fn refresh(
        &self,
        labels: &mut BTreeMap<String, String>,
        annotations: &mut BTreeMap<String, String>,
        ips: &mut Vec<String>,
        wanted: &Wanted,
        reclaim: bool,
        ranges: &RangeSet,
    ) -> bool {
        let set = |map: &mut BTreeMap<String, String>, key: &str, value: String| {
            let is_new = map.get(key) != Some(&value);
            if is_new {
                map.insert(key.to_owned(), value);
            }
            is_new
        };
        let uid = set(labels, LABEL_UID, self.uid.to_owned());
        let reclaim = set(labels, LABEL_RECLAIM, reclaim.to_string());
        let number = set(annotations, ANNOTATION_NUMBER, wanted.annotation.clone());
        let items: Result<Vec<_>, _> = ips.iter().map(|item| item.parse()).collect();
        let present = items.ok().and_then(|items| RangeSet::from_ranges(ranges.family(), items).ok());
        let moved = present.as_ref() != Some(ranges);
        if moved {
            *ips = texts(ranges);
        }
        uid || reclaim || number || moved
    }
}

fn texts(ranges: &RangeSet) -> Vec<String> {
    ranges.ranges().map(|range| range.to_string()).collect()
}
