//! Who holds an address.
//!
//! An owner has an *identity* (kind, scope, name) that outlives restarts, and a *holder uid* that does not: a pod that a
//! StatefulSet makes again keeps its identity and gets a new uid. Releases compare the holder uid only, as the Go original does.

use std::fmt;
use std::str::FromStr;

use crate::annotation::FIRST_NIC;
use crate::error::Error;

/// What kind of thing an owner is. Each store says which kinds it can judge dead; others are never collected.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "camelCase"))]
#[non_exhaustive]
pub enum OwnerKind {
    /// A Kubernetes pod.
    Pod,
    /// A KubeVirt virtual machine instance, whatever pod runs it at the moment.
    VirtualMachine,
    /// A container of a plain CNI runtime, on one network.
    Container,
    /// A DRA resource claim.
    Claim,
    /// An address kept by name, for nothing that runs.
    Reservation,
}

impl OwnerKind {
    /// The kind as one word of text, as stores keep it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pod => "pod",
            Self::VirtualMachine => "virtualMachine",
            Self::Container => "container",
            Self::Claim => "claim",
            Self::Reservation => "reservation",
        }
    }
}

impl OwnerKind {
    /// The kind whose uids are this one's.
    const fn bears_uid_as(self) -> Self {
        match self {
            Self::Pod | Self::VirtualMachine => Self::Pod,
            Self::Container | Self::Claim | Self::Reservation => self,
        }
    }
}

impl fmt::Display for OwnerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for OwnerKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        [Self::Pod, Self::VirtualMachine, Self::Container, Self::Claim, Self::Reservation]
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| Error::InvalidName {
                kind: "owner kind",
                text: text.to_owned(),
                accepted: "pod, virtualMachine, container, claim or reservation",
            })
    }
}

/// Who holds an address, or asks for one.
///
/// ```
/// use ipam_core::Owner;
/// let web = Owner::container("mynet", "3f9c")?;
/// assert_eq!(web.to_string(), "container 3f9c on network mynet");
/// assert_eq!(web.uid(), "mynet/3f9c");
/// # Ok::<(), ipam_core::Error>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Parts"))]
pub struct Owner {
    kind: OwnerKind,
    scope: String,
    name: String,
    uid: String,
}

/// An owner as it crosses a border, unchecked.
#[cfg_attr(feature = "serde", derive(serde::Deserialize))]
struct Parts {
    kind: OwnerKind,
    #[cfg_attr(feature = "serde", serde(default))]
    scope: String,
    name: String,
    #[cfg_attr(feature = "serde", serde(default))]
    uid: String,
}

impl TryFrom<Parts> for Owner {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self, Error> {
        Self::from_parts(parts.kind, &parts.scope, &parts.name, &parts.uid)
    }
}

impl Owner {
    /// A pod: `namespace/name`, held under its uid.
    ///
    /// # Errors
    /// [`Error::InvalidName`] when a part is empty, too long or has characters that no such name has.
    pub fn pod(namespace: &str, name: &str, uid: &str) -> Result<Self, Error> {
        Self::from_parts(OwnerKind::Pod, namespace, name, uid)
    }

    /// A virtual machine by its instance's name; the uid is that of the pod which runs it now.
    ///
    /// # Errors
    /// [`Error::InvalidName`], as for [`Owner::pod`].
    pub fn virtual_machine(namespace: &str, name: &str, uid: &str) -> Result<Self, Error> {
        Self::from_parts(OwnerKind::VirtualMachine, namespace, name, uid)
    }

    /// A container of a CNI runtime on a network: the two parts of an attachment's key that say *who*
    /// (CNI specification, section 2: `CNI_CONTAINERID`). The third part, the interface, is the [`Nic`].
    ///
    /// # Errors
    /// [`Error::InvalidName`], as for [`Owner::pod`].
    pub fn container(network: &str, id: &str) -> Result<Self, Error> {
        Self::from_parts(OwnerKind::Container, network, id, "")
    }

    /// A resource claim of the Kubernetes DRA API.
    ///
    /// # Errors
    /// [`Error::InvalidName`], as for [`Owner::pod`].
    pub fn claim(namespace: &str, name: &str, uid: &str) -> Result<Self, Error> {
        Self::from_parts(OwnerKind::Claim, namespace, name, uid)
    }

    /// A name that keeps an address for later.
    ///
    /// # Errors
    /// [`Error::InvalidName`], as for [`Owner::pod`].
    pub fn reservation(name: &str) -> Result<Self, Error> {
        Self::from_parts(OwnerKind::Reservation, "", name, "")
    }

    /// An owner from the four parts that a store keeps. Kinds without an incarnation of their own ignore `uid`.
    ///
    /// # Errors
    /// [`Error::InvalidName`] when a part that the kind needs is empty or malformed.
    pub fn from_parts(kind: OwnerKind, scope: &str, name: &str, uid: &str) -> Result<Self, Error> {
        let uid = match kind {
            OwnerKind::Pod | OwnerKind::VirtualMachine | OwnerKind::Claim => {
                check_part("namespace", scope)?;
                check_part("owner uid", uid)?;
                uid.to_owned()
            }
            OwnerKind::Container => {
                check_part("network name", scope)?;
                format!("{scope}/{name}")
            }
            OwnerKind::Reservation => name.to_owned(),
        };
        check_part("owner name", name)?;
        let scope = if kind == OwnerKind::Reservation { "" } else { scope };
        Ok(Self { kind, scope: scope.to_owned(), name: name.to_owned(), uid })
    }

    /// A reservation that no caller can ask for by mistake, for holders that cannot be read.
    #[cfg(feature = "json")]
    pub(crate) fn stand_in(name: String) -> Self {
        Self { kind: OwnerKind::Reservation, scope: String::new(), uid: name.clone(), name }
    }

    /// The kind.
    #[must_use]
    pub const fn kind(&self) -> OwnerKind {
        self.kind
    }

    /// The namespace of a pod, VM or claim, the network of a container, empty for a reservation.
    #[must_use]
    pub fn scope(&self) -> &str {
        &self.scope
    }

    /// The name within the scope; for a container its id.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The uid under which addresses are held now. A release happens only if the stored one is equal.
    #[must_use]
    pub fn uid(&self) -> &str {
        &self.uid
    }

    /// Whether the two are the same thing by name, though perhaps in another incarnation.
    #[must_use]
    pub fn same_identity(&self, other: &Self) -> bool {
        self.kind == other.kind && self.scope == other.scope && self.name == other.name
    }

    /// Whether what one holds the other may release: their uids are equal, and are of the same things.
    ///
    /// A virtual machine holds its addresses under the uid of the pod that runs it. So a pod and a virtual machine of one uid
    /// are the same holder: the records of a cluster do not even say which of them it is (chapter `ipam`, 1).
    #[must_use]
    pub fn same_holder(&self, other: &Self) -> bool {
        self.kind.bears_uid_as() == other.kind.bears_uid_as() && self.uid == other.uid
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, scope, name, uid } = self;
        match kind {
            OwnerKind::Container => write!(f, "container {name} on network {scope}"),
            OwnerKind::Reservation => write!(f, "reservation {name}"),
            OwnerKind::VirtualMachine => write!(f, "virtual machine {scope}/{name} (uid {uid})"),
            OwnerKind::Pod | OwnerKind::Claim => write!(f, "{kind} {scope}/{name} (uid {uid})"),
        }
    }
}

/// Longest part of an owner's name: that of a Kubernetes object name (RFC 1123 subdomain, 253), which no CNI id exceeds.
pub const OWNER_PART_BYTES_MAX: usize = 253;

fn check_part(kind: &'static str, text: &str) -> Result<(), Error> {
    let fine = !text.is_empty()
        && text.len() <= OWNER_PART_BYTES_MAX
        && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/');
    if fine {
        return Ok(());
    }
    Err(Error::InvalidName {
        kind,
        text: text.to_owned(),
        accepted: "1 to 253 visible ASCII characters without '/'",
    })
}

/// The name of a network interface inside a sandbox: 1 to 15 bytes, no blank, `/` or `:`, not `.` or `..`
/// (the kernel's rule, `dev_valid_name`; CNI specification, section 2, `CNI_IFNAME`).
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "String", into = "String"))]
pub struct Nic(String);

/// Longest interface name in bytes: the kernel's `IFNAMSIZ` less the final zero.
pub const NIC_BYTES_MAX: usize = 15;

impl Nic {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The NIC that a pod always has.
    pub(crate) fn first() -> Self {
        Self(FIRST_NIC.to_owned())
    }

    /// A place in a list as a name. No list that fits into an annotation is so long that the name would be too.
    pub(crate) fn numbered(place: usize) -> Self {
        Self(place.to_string())
    }
}

impl FromStr for Nic {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let fine = !text.is_empty()
            && text.len() <= NIC_BYTES_MAX
            && text != "."
            && text != ".."
            && !text.bytes().any(|byte| byte.is_ascii_whitespace() || matches!(byte, b'/' | b':' | 0));
        if fine {
            return Ok(Self(text.to_owned()));
        }
        Err(Error::InvalidName {
            kind: "interface name",
            text: text.to_owned(),
            accepted: "1 to 15 bytes without blank, '/' or ':', other than . and ..",
        })
    }
}

impl TryFrom<String> for Nic {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<Nic> for String {
    fn from(nic: Nic) -> Self {
        nic.0
    }
}

impl fmt::Display for Nic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
