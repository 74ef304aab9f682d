//! Why a write is refused, in the shape of a Kubernetes answer.

use std::fmt;

use crate::fault::{Fault, Faults};

/// Which kind of object a write was about.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ObjectKind {
    /// `SpiderIPPool`.
    IpPool,
    /// `SpiderReservedIP`.
    ReservedIp,
    /// `SpiderSubnet`.
    Subnet,
}

impl ObjectKind {
    /// The API group of all kinds.
    pub const GROUP: &'static str = "spiderpool.spidernet.io";

    /// The kind as the API spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::IpPool => "SpiderIPPool",
            Self::ReservedIp => "SpiderReservedIP",
            Self::Subnet => "SpiderSubnet",
        }
    }

    /// The resource as it stands in a URL.
    #[must_use]
    pub const fn plural(self) -> &'static str {
        match self {
            Self::IpPool => "spiderippools",
            Self::ReservedIp => "spiderreservedips",
            Self::Subnet => "spidersubnets",
        }
    }

    const fn short(self) -> &'static str {
        match self {
            Self::IpPool => "IPPool",
            Self::ReservedIp => "ReservedIP",
            Self::Subnet => "Subnet",
        }
    }

    /// As the original writes it, which tools compare.
    const fn terminating(self) -> &'static str {
        match self {
            Self::IpPool => "terminating IPPool",
            Self::ReservedIp => "terminating ReservedIP",
            Self::Subnet => "terminaing Subnet",
        }
    }
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A refused write.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Denial {
    /// Fields have faults.
    #[error("{kind}.{} {name:?} is invalid: {faults}", ObjectKind::GROUP)]
    Invalid {
        /// The kind of the object.
        kind: ObjectKind,
        /// Its name.
        name: String,
        /// Its faults; at least one.
        faults: Faults,
    },
    /// An object of this name is there. Clients rely on being told this rather than what else is wrong.
    #[error("{kind}.{} {name:?} already exists", ObjectKind::GROUP)]
    AlreadyExists {
        /// The kind of the object.
        kind: ObjectKind,
        /// Its name.
        name: String,
    },
    /// The object is being deleted.
    #[error("forbidden: cannot update a {}, want an update that {accepted}", .kind.terminating())]
    Terminating {
        /// The kind of the object.
        kind: ObjectKind,
        /// Its name.
        name: String,
        /// Which update would be accepted.
        accepted: &'static str,
    },
    /// The object cannot go, since addresses of it are in use.
    #[error(
        "{}.{} {name:?} is forbidden: cannot delete an {} with allocated IPs({count}), release them first",
        .kind.plural(), ObjectKind::GROUP, .kind.short()
    )]
    InUse {
        /// The kind of the object.
        kind: ObjectKind,
        /// Its name.
        name: String,
        /// How many addresses are in use.
        count: u64,
    },
    /// Objects of this kind are not made while its feature is off.
    #[error(
        "{}.{} {name:?} is forbidden: the SpiderSubnet feature is off, set enableSpiderSubnet to true in the ConfigMap \
         and restart the controller to create a {kind}",
        .kind.plural(), ObjectKind::GROUP
    )]
    FeatureOff {
        /// The kind of the object.
        kind: ObjectKind,
        /// Its name.
        name: String,
    },
}

impl Denial {
    pub(super) fn invalid(kind: ObjectKind, name: &str, faults: impl Into<Faults>) -> Self {
        Self::Invalid { kind, name: name.to_owned(), faults: faults.into() }
    }

    /// The HTTP status of the answer: 422, 409 or 403.
    #[must_use]
    pub const fn http_status(&self) -> u16 {
        match self {
            Self::Invalid { .. } => 422,
            Self::AlreadyExists { .. } => 409,
            Self::Terminating { .. } | Self::InUse { .. } | Self::FeatureOff { .. } => 403,
        }
    }

    /// The reason of a Kubernetes `Status`.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Invalid { .. } => "Invalid",
            Self::AlreadyExists { .. } => "AlreadyExists",
            Self::Terminating { .. } | Self::InUse { .. } | Self::FeatureOff { .. } => "Forbidden",
        }
    }

    /// Whether the name was taken.
    #[must_use]
    pub const fn is_already_exists(&self) -> bool {
        matches!(self, Self::AlreadyExists { .. })
    }

    /// The faults of single fields, where the refusal is about fields.
    pub fn faults(&self) -> impl Iterator<Item = &Fault> {
        let faults = match self {
            Self::Invalid { faults, .. } => Some(faults),
            Self::AlreadyExists { .. }
            | Self::Terminating { .. }
            | Self::InUse { .. }
            | Self::FeatureOff { .. } => None,
        };
        faults.into_iter().flatten()
    }

    /// The kind and name of the object.
    #[must_use]
    pub fn object(&self) -> (ObjectKind, &str) {
        match self {
            Self::Invalid { kind, name, .. }
            | Self::AlreadyExists { kind, name }
            | Self::Terminating { kind, name, .. }
            | Self::InUse { kind, name, .. }
            | Self::FeatureOff { kind, name } => (*kind, name),
        }
    }
}
