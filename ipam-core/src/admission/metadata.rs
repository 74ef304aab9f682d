//! The metadata that admission reads and sets on Kubernetes objects: finalizer, labels, deletion.
//!
//! Hosts without Kubernetes need none of it.

use std::collections::BTreeMap;

use super::denial::{Denial, ObjectKind};
use crate::cidr::{net_family, parse_net};
use crate::pool::{Origin, PoolFields};
use crate::reserved::ReservedFields;

/// Keeps a pool until its last record is released.
pub const FINALIZER: &str = "spiderpool.spidernet.io";

/// The label form of a pool's subnet; the Go original finds a pool's peers by it.
pub const LABEL_CIDR: &str = "ipam.spidernet.io/ippool-cidr";

/// Its presence makes a pool an auto pool.
pub const LABEL_APPLICATION: &str = "ipam.spidernet.io/owner-application-name";

/// The part of an object's metadata that admission reads or sets.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Metadata {
    /// `metadata.finalizers`.
    pub finalizers: Vec<String>,
    /// `metadata.labels`.
    pub labels: BTreeMap<String, String>,
    /// Whether `metadata.deletionTimestamp` is set.
    pub terminating: bool,
}

impl Metadata {
    /// Who made the pool, by its labels.
    #[must_use]
    pub fn origin(&self) -> Origin {
        if self.labels.contains_key(LABEL_APPLICATION) { Origin::Application } else { Origin::User }
    }

    fn has_finalizer(&self) -> bool {
        self.finalizers.iter().any(|one| one == FINALIZER)
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
/// A terminating pool is left alone. Otherwise the finalizer is set, the label follows the subnet, and the fields are
/// normalised; what fails is left as it is, for validation to name it.
#[must_use]
pub fn mutate_pool(fields: &PoolFields, metadata: &Metadata) -> (PoolFields, Metadata) {
    let mut metadata = metadata.clone();
    if metadata.terminating {
        return (fields.clone(), metadata);
    }
    if !metadata.has_finalizer() {
        metadata.finalizers.push(FINALIZER.to_owned());
    }
    let fields = fields.normalised();
    let family = parse_net(&fields.subnet).map(|net| net_family(&net));
    if family.is_some() && family == fields.family() {
        metadata.labels.insert(LABEL_CIDR.to_owned(), cidr_label(&fields.subnet));
    }
    (fields, metadata)
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
    if new.has_finalizer() {
        let accepted = "removes the finalizer spiderpool.spidernet.io";
        return Err(Denial::Terminating { kind: ObjectKind::IpPool, name: name.to_owned(), accepted });
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
