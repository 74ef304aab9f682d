//! An application's claim on a subnet: for one NIC and family. From it follow the name and the labels of the pool.

use std::collections::BTreeMap;

use super::application::Application;
use super::error::ClaimError;
use crate::addr::Family;
use crate::admission::LABEL_APPLICATION;
use crate::owner::Nic;
use crate::pool::PoolName;
use crate::selector::LabelSelector;

/// The subnet that a pool is from.
pub const LABEL_SUBNET: &str = "ipam.spidernet.io/owner-spider-subnet";
/// API group and version of the application, joined by `_`.
pub const LABEL_GROUP_VERSION: &str = "ipam.spidernet.io/owner-application-gv";
/// Kind of the application.
pub const LABEL_KIND: &str = "ipam.spidernet.io/owner-application-kind";
/// Namespace of the application.
pub const LABEL_NAMESPACE: &str = "ipam.spidernet.io/owner-application-namespace";
/// UID of the application: which incarnation of it.
pub const LABEL_UID: &str = "ipam.spidernet.io/owner-application-uid";
/// The NIC that the pool is for.
pub const LABEL_NIC: &str = "ipam.spidernet.io/interface";
/// `true` when the pool goes with its application.
pub const LABEL_RECLAIM: &str = "ipam.spidernet.io/ippool-reclaim";
/// `IPv4` or `IPv6`.
pub const LABEL_FAMILY: &str = "ipam.spidernet.io/ip-version";

/// Longest value of a label.
const MAX_LABEL: usize = 63;
/// How many characters of the UID are in the name of a pool.
const UID_CHARS: usize = 5;

/// One application, as it lives now, and what it wants a pool for.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// The name of the subnet.
    pub subnet: &'a str,
    /// The application.
    pub application: &'a Application,
    /// Its UID.
    pub uid: &'a str,
    /// The NIC of its Pods.
    pub nic: &'a Nic,
    /// IPv4 or IPv6.
    pub family: Family,
}

impl Claim<'_> {
    /// The name of the pool that is made for the claim: `auto4-test-app-1-eth0-a5bd3`, in lower case; last the first five
    /// characters of the UID's last group.
    ///
    /// ```
    /// use ipam_core::{Family, carve::{Application, Claim}};
    /// let claim = Claim {
    ///     subnet: "subnet-6",
    ///     application: &"apps_v1_Deployment_default_test-app-1".parse::<Application>()?,
    ///     uid: "2f3d0000-7c11-4b0e-9a1c-a5bd3e0f1122",
    ///     nic: &"eth0".parse()?,
    ///     family: Family::V4,
    /// };
    /// assert_eq!(claim.pool_name()?.as_str(), "auto4-test-app-1-eth0-a5bd3");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ClaimError::TooLong`] as for the labels, without which the pool could not be found; [`ClaimError::NoUid`];
    /// [`ClaimError::Name`] when the NIC has characters that no object's name can have.
    pub fn pool_name(&self) -> Result<PoolName, ClaimError> {
        self.check_lengths()?;
        let suffix = uid_suffix(self.uid).ok_or_else(|| ClaimError::NoUid { application: self.boxed() })?;
        let name = format!("auto{}-{}-{}-{suffix}", self.family.number(), self.application.name(), self.nic);
        let name = name.to_lowercase();
        name.parse().map_err(|error: crate::Error| ClaimError::Name {
            application: self.boxed(),
            nic: self.nic.to_string(),
            problem: error.to_string(),
            name,
        })
    }

    /// The seven labels by which the pool is found, whichever incarnation of the application it was made for.
    ///
    /// # Errors
    /// [`ClaimError::TooLong`] and [`ClaimError::Label`]: such a query would be refused.
    pub fn labels(&self) -> Result<BTreeMap<String, String>, ClaimError> {
        self.check_lengths()?;
        let application = self.application;
        let labels = BTreeMap::from(
            [
                (LABEL_SUBNET, self.subnet.to_owned()),
                (LABEL_GROUP_VERSION, application.group_version_label()),
                (LABEL_KIND, application.kind().to_owned()),
                (LABEL_NAMESPACE, application.namespace().to_owned()),
                (LABEL_APPLICATION, application.name().to_owned()),
                (LABEL_FAMILY, self.family.to_string()),
                (LABEL_NIC, self.nic.to_string()),
            ]
            .map(|(key, value)| (key.to_owned(), value)),
        );
        checked(labels)
    }

    /// The seven labels and the UID: what an agent looks for where the controller makes the pools.
    ///
    /// # Errors
    /// As [`Claim::labels`].
    pub fn labels_with_uid(&self) -> Result<BTreeMap<String, String>, ClaimError> {
        let mut labels = self.labels()?;
        labels.insert(LABEL_UID.to_owned(), self.uid.to_owned());
        checked(labels)
    }

    /// The application, for an error.
    pub(super) fn boxed(&self) -> Box<Application> {
        Box::new(self.application.clone())
    }

    fn check_lengths(&self) -> Result<(), ClaimError> {
        let group_version = self.application.group_version_label();
        let texts = [
            ("the name of the application", self.application.name()),
            ("the name of SpiderSubnet", self.subnet),
            ("the API group and version", group_version.as_str()),
            ("the kind", self.application.kind()),
        ];
        match texts.into_iter().find(|(_, text)| text.len() > MAX_LABEL) {
            Some((what, text)) => Err(ClaimError::TooLong { what, text: text.to_owned() }),
            None => Ok(()),
        }
    }
}

fn checked(labels: BTreeMap<String, String>) -> Result<BTreeMap<String, String>, ClaimError> {
    let selector = LabelSelector { match_labels: labels, ..LabelSelector::default() };
    match selector.compile("metadata.labels") {
        Ok(_) => Ok(selector.match_labels),
        Err(faults) => Err(ClaimError::Label { faults }),
    }
}

/// What a pool's name has of the UID: the first five characters of its last group; none of an empty one.
pub(super) fn uid_suffix(uid: &str) -> Option<String> {
    let (_, group) = uid.rsplit_once('-').unwrap_or(("", uid));
    let suffix: String = group.chars().take(UID_CHARS).collect();
    (!suffix.is_empty()).then(|| suffix.to_lowercase())
}
