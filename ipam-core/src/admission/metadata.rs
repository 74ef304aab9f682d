//! The metadata that admission reads and sets on Kubernetes objects: finalizer, labels, controller, deletion.
//!
//! Hosts without Kubernetes need none of it.

use std::collections::BTreeMap;

use super::denial::{Denial, ObjectKind};
use super::stored::Subnets;
use crate::addr::Family;
use crate::cidr::{net_family, parse_net};
use crate::pool::{Origin, PoolFields};
use crate::reserved::ReservedFields;
use crate::subnet::SubnetFields;

/// Keeps a pool until its last record is released, and a subnet until no pool holds addresses of it.
pub const FINALIZER: &str = "spiderpool.spidernet.io";

/// The label form of a pool's subnet; the Go original finds a pool's peers by it.
pub const LABEL_CIDR: &str = "ipam.spidernet.io/ippool-cidr";

/// The label form of a subnet's network; pools find their subnet by it.
pub const LABEL_SUBNET_CIDR: &str = "ipam.spidernet.io/subnet-cidr";

/// The name of the SpiderSubnet that controls a pool.
pub const LABEL_OWNER_SUBNET: &str = "ipam.spidernet.io/owner-spider-subnet";

/// Its presence makes a pool an auto pool.
pub const LABEL_APPLICATION: &str = "ipam.spidernet.io/owner-application-name";

/// The part of an object's metadata that admission reads or sets.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Metadata {
    /// `metadata.finalizers`.
    pub finalizers: Vec<String>,
    /// `metadata.labels`.
    pub labels: BTreeMap<String, String>,
    /// The one of `metadata.ownerReferences` that says `controller: true`. Where admission sets it, the reference to that
    /// object takes the place of any other one to it, with `apiVersion: spiderpool.spidernet.io/v2beta1` and
    /// `blockOwnerDeletion: true`.
    pub controller: Option<ControllerRef>,
    /// Whether `metadata.deletionTimestamp` is set.
    pub terminating: bool,
}

/// A reference to the object that controls another one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ControllerRef {
    /// Its kind: `SpiderSubnet`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// `metadata.uid` of the very object, which a namesake does not have.
    pub uid: String,
}

impl Metadata {
    /// Who made the pool, by its labels.
    #[must_use]
    pub fn origin(&self) -> Origin {
        if self.labels.contains_key(LABEL_APPLICATION) { Origin::Application } else { Origin::User }
    }

    pub(super) fn label(&self, key: &str) -> Option<&str> {
        self.labels.get(key).map(String::as_str)
    }

    fn has_finalizer(&self) -> bool {
        self.finalizers.iter().any(|one| one == FINALIZER)
    }

    fn add_finalizer(&mut self) {
        if !self.has_finalizer() {
            self.finalizers.push(FINALIZER.to_owned());
        }
    }

    /// Sets the label form of a subnet, unless its family is not the object's.
    fn set_cidr(&mut self, key: &str, subnet: &str, family: Option<Family>) -> bool {
        let is_right = family.is_some() && parse_net(subnet).map(|net| net_family(&net)) == family;
        if is_right {
            self.labels.insert(key.to_owned(), cidr_label(subnet));
        }
        is_right
    }
}

/// A subnet as a label value: the first three `.`, the first seven `:` and the first `/` become `-`.
///
/// A value must not start with `-`, so `::/64` gets a leading `0`; the original makes a label there that the API server
/// refuses.
///
/// ```
/// use ipam_core::admission::cidr_label;
/// assert_eq!(cidr_label("172.18.40.0/24"), "172-18-40-0-24");
/// assert_eq!(cidr_label("fd00:172:16::/64"), "fd00-172-16---64");
/// assert_eq!(cidr_label("::/64"), "0---64");
/// ```
#[must_use]
pub fn cidr_label(subnet: &str) -> String {
    let label = subnet.replacen('.', "-", 3).replacen(':', "-", 7).replacen('/', "-", 1);
    if label.starts_with('-') { format!("0{label}") } else { label }
}

/// What the mutating webhook makes of a pool, on create and on update.
///
/// A terminating pool is left alone. Otherwise the finalizer is set, the label follows the subnet, a SpiderSubnet of the
/// same network adopts the pool, and the fields are normalised; what fails is left as it is, for validation to name it.
///
/// Adoption makes the subnet the pool's controller, and a pool that has no gateway or says nothing of routes inherits
/// them. It happens once: a gateway that is removed later stays removed. `routes: []` declines them in that request.
#[must_use]
pub fn mutate_pool(fields: &PoolFields, metadata: &Metadata, subnets: Subnets<'_>) -> (PoolFields, Metadata) {
    let (mut fields, mut metadata) = (fields.clone(), metadata.clone());
    if metadata.terminating {
        return (fields, metadata);
    }
    metadata.add_finalizer();
    let is_labelled = metadata.set_cidr(LABEL_CIDR, &fields.subnet, fields.family());
    if is_labelled && subnets.adopt(&mut fields, &mut metadata).is_err() {
        return (fields.unmerged(), metadata);
    }
    (fields.normalised(), metadata)
}

/// What the mutating webhook makes of a SpiderSubnet, on create and on update, also while the feature is off.
///
/// A terminating subnet is left alone. Otherwise the finalizer is set, the label follows the network, and the fields are
/// normalised; what fails is left as it is, for validation to name it.
#[must_use]
pub fn mutate_subnet(fields: &SubnetFields, metadata: &Metadata) -> (SubnetFields, Metadata) {
    let mut metadata = metadata.clone();
    if metadata.terminating {
        return (fields.clone(), metadata);
    }
    metadata.add_finalizer();
    metadata.set_cidr(LABEL_SUBNET_CIDR, &fields.subnet, fields.family());
    (fields.normalised(), metadata)
}

/// What the mutating webhook makes of reserved ranges; their metadata is never changed.
#[must_use]
pub fn mutate_reserved(fields: &ReservedFields, metadata: &Metadata) -> ReservedFields {
    if metadata.terminating { fields.clone() } else { fields.normalised() }
}

/// The whole rule for an update of a pool that is being deleted; no other check is made then.
///
/// # Errors
/// [`Denial::Terminating`] while the new object carries our finalizer.
pub fn pool_update_terminating(name: &str, new: &Metadata) -> Result<(), Denial> {
    without_finalizer(ObjectKind::IpPool, name, new)
}

/// The whole rule for an update of a SpiderSubnet that is being deleted; no other check is made then.
///
/// # Errors
/// [`Denial::Terminating`] while the new object carries our finalizer.
pub fn subnet_update_terminating(name: &str, new: &Metadata) -> Result<(), Denial> {
    without_finalizer(ObjectKind::Subnet, name, new)
}

fn without_finalizer(kind: ObjectKind, name: &str, new: &Metadata) -> Result<(), Denial> {
    if new.has_finalizer() {
        let accepted = "removes the finalizer spiderpool.spidernet.io";
        return Err(Denial::Terminating { kind, name: name.to_owned(), accepted });
    }
    Ok(())
}

/// The whole rule for an update of reserved ranges that are being deleted: the spec must stay.
///
/// The original refuses every such update, so that an object with any finalizer could never lose it.
///
/// # Errors
/// [`Denial::Terminating`] when the fields differ.
pub fn reserved_update_terminating(
    name: &str,
    old: &ReservedFields,
    new: &ReservedFields,
) -> Result<(), Denial> {
    if old.normalised() != new.normalised() {
        let accepted = "leaves the spec unchanged";
        return Err(Denial::Terminating { kind: ObjectKind::ReservedIp, name: name.to_owned(), accepted });
    }
    Ok(())
}
