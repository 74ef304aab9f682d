//! Writes to reserved ranges. No rule looks at pools or at addresses in use, and deletes are free.

use super::denial::{Denial, ObjectKind};
use super::pool::name_fault;
use super::{FamilySettings, version_changed};
use crate::fault::Faults;
use crate::reserved::{ReservedFields, ReservedName, ReservedSpec};

const KIND: ObjectKind = ObjectKind::ReservedIp;

/// A name for new reserved ranges.
///
/// # Errors
/// [`Denial::Invalid`] on `metadata.name`, as the API server says it.
pub fn reserved_name(text: &str) -> Result<ReservedName, Denial> {
    text.parse().map_err(|_| Denial::invalid(KIND, text, name_fault(text)))
}

/// Whether reserved ranges may be created.
///
/// # Errors
/// [`Denial::Invalid`] with all faults.
pub fn reserved_create(
    name: &ReservedName,
    new: &ReservedFields,
    families: FamilySettings,
) -> Result<ReservedSpec, Denial> {
    checked(name, new, families).map_err(|faults| Denial::invalid(KIND, name.as_str(), faults))
}

/// Whether live reserved ranges may be changed to `new`; those being deleted have a rule of their own,
/// [`reserved_update_terminating`](super::reserved_update_terminating).
///
/// # Errors
/// [`Denial::Invalid`] with all faults.
pub fn reserved_update(
    name: &ReservedName,
    old: &ReservedFields,
    new: &ReservedFields,
    families: FamilySettings,
) -> Result<ReservedSpec, Denial> {
    // Items are not held against a family that will not be: the one that stays is the old one.
    let checked = match version_changed(old.ip_version, new.normalised().ip_version) {
        Some(fault) => Err(fault.into()),
        None => checked(name, new, families),
    };
    checked.map_err(|faults: Faults| Denial::invalid(KIND, name.as_str(), faults))
}

fn checked(
    name: &ReservedName,
    fields: &ReservedFields,
    families: FamilySettings,
) -> Result<ReservedSpec, Faults> {
    let family = fields.family();
    let disabled = family.and_then(|family| families.fault(family));
    let checked = ReservedSpec::new(name, fields);
    match (disabled, checked) {
        (None, checked) => checked,
        (Some(fault), Ok(_)) => Err(fault.into()),
        (Some(fault), Err(faults)) => Err(std::iter::once(fault).chain(faults).collect()),
    }
}
