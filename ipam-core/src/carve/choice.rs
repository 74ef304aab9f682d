//! Which of the pools that exist is the one of a claim.

use std::collections::BTreeMap;

use super::claim::{
    Claim, LABEL_GROUP_VERSION, LABEL_KIND, LABEL_NAMESPACE, LABEL_RECLAIM, LABEL_SUBNET, LABEL_UID,
};
use super::error::ClaimError;
use crate::admission::LABEL_APPLICATION;
use crate::pool::PoolName;
use crate::rangeset::RangeSet;

/// What the choice reads of a pool.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PoolView<'a> {
    /// Its name.
    pub name: &'a PoolName,
    /// `metadata.labels`.
    pub labels: &'a BTreeMap<String, String>,
    /// Whether it is being deleted.
    pub terminating: bool,
}

/// What there is for a claim.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Choice<'a> {
    /// This pool: bring it to size.
    Take(PoolView<'a>),
    /// None: make one of this claim's name.
    Make,
}

impl PoolView<'_> {
    fn label(&self, key: &str) -> Option<&str> {
        self.labels.get(key).map(String::as_str)
    }

    fn has(&self, labels: &BTreeMap<String, String>) -> bool {
        labels.iter().all(|(key, value)| self.label(key) == Some(value))
    }
}

impl Claim<'_> {
    /// The pool to bring to size, of those with the labels of [`Claim::labels`]; others may be among `pools` and are skipped.
    ///
    /// The first one in the order given. A pool of an earlier incarnation that is to be reclaimed is not taken: it goes soon. One
    /// that is not is *inherited*, whatever its name.
    ///
    /// Where there is none, the name that a new pool would have must be free: the pool of that name is not this claim's when it
    /// is a person's, another application's, or from another subnet.
    ///
    /// # Errors
    /// Those of [`Claim::labels`] and [`Claim::pool_name`]; [`ClaimError::Leaving`], [`ClaimError::OtherSubnet`] and
    /// [`ClaimError::Foreign`]. All are to be met before anything is carved.
    pub fn choose<'p>(&self, pools: &[PoolView<'p>]) -> Result<Choice<'p>, ClaimError> {
        let labels = self.labels()?;
        let is_leaving = |pool: &PoolView<'p>| {
            let is_other = pool.label(LABEL_UID) != Some(self.uid);
            pool.terminating || (is_other && pool.label(LABEL_RECLAIM) == Some("true"))
        };
        let found = pools.iter().find(|pool| pool.has(&labels) && !is_leaving(pool));
        if let Some(pool) = found {
            return Ok(Choice::Take(*pool));
        }
        let name = self.pool_name()?;
        match pools.iter().find(|pool| *pool.name == name) {
            Some(namesake) => Err(self.refuse(namesake, &labels)),
            None => Ok(Choice::Make),
        }
    }

    fn refuse(&self, namesake: &PoolView<'_>, labels: &BTreeMap<String, String>) -> ClaimError {
        let pool = namesake.name.clone();
        let is_same = |key: &str| namesake.label(key) == labels.get(key).map(String::as_str);
        let identity = [LABEL_GROUP_VERSION, LABEL_KIND, LABEL_NAMESPACE, LABEL_APPLICATION];
        if namesake.terminating || namesake.has(labels) {
            return ClaimError::Leaving { pool };
        }
        let application = self.boxed();
        if identity.into_iter().all(is_same) && !is_same(LABEL_SUBNET) {
            let present = namesake.label(LABEL_SUBNET).unwrap_or("none").to_owned();
            return ClaimError::OtherSubnet { pool, application, present, wanted: self.subnet.to_owned() };
        }
        let owner = match namesake.label(LABEL_APPLICATION) {
            None => "no auto-created one".to_owned(),
            Some(name) => {
                let part = |key| namesake.label(key).unwrap_or("?");
                format!("for {}/{}/{name}", part(LABEL_KIND), part(LABEL_NAMESPACE))
            }
        };
        ClaimError::Foreign { pool, application, owner }
    }

    /// The pool that an ADD uses, where the controller makes the pools: the one with the labels of
    /// [`Claim::labels_with_uid`].
    ///
    /// ```
    /// # use std::collections::BTreeMap;
    /// # use ipam_core::{Family, carve::{Application, Claim}};
    /// # let application: Application = "apps_v1_Deployment_t_app".parse()?;
    /// # let nic = "eth0".parse()?;
    /// # let claim = Claim { subnet: "s4", application: &application, uid: "u-1", nic: &nic, family: Family::V4 };
    /// let text = claim.find(&[]).unwrap_err().to_string();
    /// assert!(text.starts_with("no matching auto-created IPPool candidate with matchLables 'map[ipam.spidernet.io/interface:eth0 "));
    /// # Ok::<(), ipam_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ClaimError::NoPool`], to be waited for; [`ClaimError::Several`], and those of [`Claim::labels`].
    pub fn find<'p>(&self, pools: &[PoolView<'p>]) -> Result<PoolView<'p>, ClaimError> {
        let labels = self.labels_with_uid()?;
        let found: Vec<&PoolView<'p>> = pools.iter().filter(|pool| pool.has(&labels)).collect();
        match found.as_slice() {
            [one] => Ok(**one),
            [] => Err(self.missing(&labels)),
            many => {
                let application = self.application;
                Err(ClaimError::Several {
                    application: format!(
                        "{}/{}/{}",
                        application.kind(),
                        application.namespace(),
                        application.name()
                    ),
                    subnet: self.subnet.to_owned(),
                    labels: labels_text(&labels),
                    pools: many.iter().map(|pool| pool.name.to_string()).collect(),
                })
            }
        }
    }

    /// The error of a claim for which there is no pool under these labels.
    #[must_use]
    pub fn missing(&self, labels: &BTreeMap<String, String>) -> ClaimError {
        let kind = if self.application.is_built_in() {
            "auto-created"
        } else {
            "third-party controller auto-created"
        };
        ClaimError::NoPool { kind, labels: labels_text(labels) }
    }
}

/// Labels as Go prints a map: `map[key:value key:value]`, in order of key.
#[must_use]
pub fn labels_text(labels: &BTreeMap<String, String>) -> String {
    let pairs: Vec<String> = labels.iter().map(|(key, value)| format!("{key}:{value}")).collect();
    format!("map[{}]", pairs.join(" "))
}

/// Whether a pool can serve an ADD at once.
///
/// Its size does not matter, where the original waits for exactly the number it expects: a pool that is still to grow or to
/// shrink serves as long as it has a free address.
#[must_use]
pub fn has_free(total: &RangeSet, allocated: &RangeSet, reserved: &RangeSet) -> bool {
    let of_family = |set: &RangeSet| {
        if set.family() == total.family() { set.clone() } else { RangeSet::empty(total.family()) }
    };
    !total.difference(&of_family(allocated).union(&of_family(reserved))).is_empty()
}
