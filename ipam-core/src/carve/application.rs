//! The application that a pool is made for: a Pod's top controller.

use std::fmt;
use std::str::FromStr;

use crate::error::Error;
use crate::name::is_subdomain;

/// Longest namespace (RFC 1123 label).
const MAX_NAMESPACE: usize = 63;

/// A controller of Pods: API group and version, kind, namespace, name. Which incarnation of it (the UID) is not part of it.
///
/// The text form is that of records, parts joined by `_`; the core group has none: `v1_ReplicationController_ns_name`.
///
/// ```
/// use ipam_core::carve::Application;
/// let one: Application = "apps_v1_Deployment_default_test-app-1".parse()?;
/// assert_eq!((one.group(), one.version(), one.name()), ("apps", "v1", "test-app-1"));
/// assert_eq!(one, Application::new("apps/v1", "Deployment", "default", "test-app-1")?);
/// assert!("Deployment_default_test-app-1".parse::<Application>().is_err());
/// # Ok::<(), ipam_core::Error>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Application {
    /// Empty for the core group.
    group: String,
    version: String,
    kind: String,
    namespace: String,
    name: String,
}

impl Application {
    /// From the parts that an owner reference has; `api_version` is `v1` or `apps/v1`.
    ///
    /// # Errors
    /// [`Error::InvalidName`] for the first part that Kubernetes would refuse. No part can hold a `_` then, so that the text
    /// form reads back.
    pub fn new(api_version: &str, kind: &str, namespace: &str, name: &str) -> Result<Self, Error> {
        let (group, version) = match api_version.split_once('/') {
            Some((group, version)) => (Some(group), version),
            None => (None, api_version),
        };
        Self::checked(group, version, kind, namespace, name)
    }

    /// From the text of the labels of an auto pool; `group_version` is `v1` or `apps_v1`.
    ///
    /// # Errors
    /// As [`Application::new`].
    pub fn from_label_texts(
        group_version: &str,
        kind: &str,
        namespace: &str,
        name: &str,
    ) -> Result<Self, Error> {
        Self::new(&group_version.replacen('_', "/", 1), kind, namespace, name)
    }

    fn checked(
        group: Option<&str>,
        version: &str,
        kind: &str,
        namespace: &str,
        name: &str,
    ) -> Result<Self, Error> {
        let refuse =
            |kind, text: &str, accepted| Error::InvalidName { kind, text: text.to_owned(), accepted };
        // An empty group before the separator is not the core group but a mistake.
        if let Some(group) = group.filter(|group| !is_subdomain(group)) {
            return Err(refuse("API group", group, "a DNS name in lower case, or none for the core group"));
        }
        if !is_subdomain(version) || version.contains('.') {
            return Err(refuse("API version", version, "v1, v1beta1, …"));
        }
        let is_kind = kind.starts_with(|first: char| first.is_ascii_alphabetic())
            && kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !is_kind {
            return Err(refuse("kind", kind, "Deployment, StatefulSet, CloneSet, …"));
        }
        if !is_subdomain(namespace) || namespace.contains('.') || namespace.len() > MAX_NAMESPACE {
            return Err(refuse(
                "namespace",
                namespace,
                "1 to 63 of a-z, 0-9 and -, a letter or digit at both ends",
            ));
        }
        if !is_subdomain(name) {
            return Err(refuse("name of an application", name, "an RFC 1123 subdomain of at most 253 bytes"));
        }
        Ok(Self {
            group: group.unwrap_or_default().to_owned(),
            version: version.to_owned(),
            kind: kind.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        })
    }

    /// The API group; empty for the core group.
    #[must_use]
    pub fn group(&self) -> &str {
        &self.group
    }

    /// The version within the group.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// As objects have it: `v1`, `apps/v1`.
    #[must_use]
    pub fn api_version(&self) -> String {
        self.joined('/')
    }

    /// As labels and records have it: `v1`, `apps_v1`.
    #[must_use]
    pub fn group_version_label(&self) -> String {
        self.joined('_')
    }

    fn joined(&self, separator: char) -> String {
        if self.group.is_empty() {
            self.version.clone()
        } else {
            format!("{}{separator}{}", self.group, self.version)
        }
    }

    /// The kind.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The namespace.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the controller itself looks after its pools. Pools of any other kind are the agents' business, at each ADD.
    ///
    /// ```
    /// use ipam_core::carve::Application;
    /// assert!(Application::new("batch/v1", "CronJob", "ns", "nightly")?.is_built_in());
    /// assert!(!Application::new("v1", "ReplicationController", "ns", "old")?.is_built_in());
    /// assert!(!Application::new("apps.kruise.io/v1alpha1", "StatefulSet", "ns", "db")?.is_built_in());
    /// # Ok::<(), ipam_core::Error>(())
    /// ```
    #[must_use]
    pub fn is_built_in(&self) -> bool {
        let group = matches!((self.group.as_str(), self.version.as_str()), ("" | "apps" | "batch", "v1"));
        let kinds = ["Pod", "Deployment", "ReplicaSet", "DaemonSet", "StatefulSet", "Job", "CronJob"];
        group && kinds.contains(&self.kind.as_str())
    }
}

impl FromStr for Application {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let parts: Vec<&str> = text.split('_').collect();
        match *parts.as_slice() {
            [version, kind, namespace, name] => Self::checked(None, version, kind, namespace, name),
            [group, version, kind, namespace, name] => {
                Self::checked(Some(group), version, kind, namespace, name)
            }
            _ => Err(Error::InvalidName {
                kind: "application",
                text: text.to_owned(),
                accepted: "version_Kind_namespace_name or group_version_Kind_namespace_name",
            }),
        }
    }
}

impl fmt::Display for Application {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, namespace, name, .. } = self;
        write!(f, "{}_{kind}_{namespace}_{name}", self.group_version_label())
    }
}
