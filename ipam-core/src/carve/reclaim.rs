//! Whether an auto pool that is left over may be deleted.

use std::collections::BTreeMap;

use super::application::Application;
use super::choice::PoolView;
use super::claim::{LABEL_GROUP_VERSION, LABEL_KIND, LABEL_NAMESPACE, LABEL_RECLAIM, LABEL_UID};
use crate::admission::LABEL_APPLICATION;

/// What is known of an application, looked up by kind, namespace and name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Existence {
    /// It lives, with this UID.
    Exists {
        /// Its UID.
        uid: String,
    },
    /// It is certain that there is none.
    Gone,
    /// It cannot be told: no right to read the kind, no such resource known, the API is down. Counts as living everywhere.
    Unknown,
}

/// Why a pool stays.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Keep {
    /// It is no auto pool.
    Manual,
    /// It is being deleted already.
    Terminating,
    /// It is not to be reclaimed: `ippool-reclaim` is not `true`.
    NotReclaimed,
    /// Addresses of it are in use.
    InUse,
    /// Its labels name no application; the text says what is wrong.
    BadLabels(String),
    /// The application lives.
    Living,
    /// It cannot be told whether the application lives.
    Unknown,
}

/// Whether to delete a pool: an auto pool that is to be reclaimed, has no address in use, and whose application is gone or lives
/// in another incarnation.
///
/// A pool that is deleted stays until its last address is released, so that a release that comes between is no danger.
///
/// # Errors
/// [`Keep`] says why it stays.
pub fn reclaim(
    pool: &PoolView<'_>,
    has_allocated: bool,
    existence: impl FnOnce(&Application) -> Existence,
) -> Result<(), Keep> {
    let application = application_of(pool)?;
    if pool.terminating {
        return Err(Keep::Terminating);
    }
    if pool.labels.get(LABEL_RECLAIM).map(String::as_str) != Some("true") {
        return Err(Keep::NotReclaimed);
    }
    if has_allocated {
        return Err(Keep::InUse);
    }
    match existence(&application.map_err(Keep::BadLabels)?) {
        Existence::Gone => Ok(()),
        Existence::Exists { uid } if pool.labels.get(LABEL_UID) != Some(&uid) => Ok(()),
        Existence::Exists { .. } => Err(Keep::Living),
        Existence::Unknown => Err(Keep::Unknown),
    }
}

/// The application that the labels of an auto pool name.
fn application_of(pool: &PoolView<'_>) -> Result<Result<Application, String>, Keep> {
    let label = |key: &str| pool.labels.get(key).map(String::as_str).unwrap_or_default();
    if !pool.labels.contains_key(LABEL_APPLICATION) {
        return Err(Keep::Manual);
    }
    let group_version = label(LABEL_GROUP_VERSION);
    let (kind, namespace, name) = (label(LABEL_KIND), label(LABEL_NAMESPACE), label(LABEL_APPLICATION));
    Ok(Application::from_label_texts(group_version, kind, namespace, name).map_err(|error| error.to_string()))
}

impl PoolView<'_> {
    /// The application that an auto pool is made for, by its labels; none of a manual pool, nor where labels are damaged.
    #[must_use]
    pub fn application(&self) -> Option<Application> {
        application_of(self).ok()?.ok()
    }
}

/// The labels of the pools to delete, all at once, when an application that nothing else controls is deleted.
#[must_use]
pub fn deletion_labels(uid: &str) -> BTreeMap<String, String> {
    [(LABEL_UID, uid), (LABEL_RECLAIM, "true")].map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}
