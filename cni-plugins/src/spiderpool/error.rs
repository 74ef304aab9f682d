//! What can go wrong in the plugin, beyond the protocol, and its number for the runtime.

use std::io;
use std::path::PathBuf;

use ipam_core::select::SelectError;
use ipam_core::{Addr, DriveError, PoolName, Refusal, Unconfirmed};

use super::agent::{AgentError, AgentStep};
use super::code::Code;
use crate::cni::{CniError, ErrorCode};

/// What can go wrong in the `spiderpool` plugin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The environment or the configuration is wrong.
    #[error("{step}{source}")]
    Protocol {
        /// At which step, as the original says it.
        step: &'static str,
        /// What is wrong.
        source: crate::cni::Error,
    },
    /// The agent gave no answer, or one that cannot be used.
    #[error("{step}{source}")]
    Agent {
        /// What it was asked.
        step: AgentStep,
        /// Why.
        source: Box<AgentError>,
    },
    /// There is no network namespace where the container's should be.
    #[error("failed to GetNS {:?} for pod: {problem}", netns.to_string_lossy())]
    Netns {
        /// `CNI_NETNS`.
        netns: PathBuf,
        /// Why.
        problem: String,
    },
    /// The agent gave addresses, none of them to this NIC.
    #[error("spiderpool IP allocation error: no Interface {nic} IP allocation found")]
    NoInterface {
        /// The NIC.
        nic: String,
    },
    /// CHECK with an agent, for nobody.
    #[error(
        "CNI_ARGS lacks K8S_POD_NAMESPACE or K8S_POD_NAME; want the pod whose addresses are to be checked"
    )]
    NoPod,
    /// CHECK: the endpoint is that of another pod of this name.
    #[error("the SpiderEndpoint of pod {pod} is of the pod with UID {stored:?}, not of {uid:?}")]
    OtherPod {
        /// Namespace and name.
        pod: String,
        /// As the endpoint has it.
        stored: String,
        /// As `CNI_ARGS` has it.
        uid: String,
    },
    /// CHECK: the endpoint has other addresses for the NIC.
    #[error(
        "prevResult and the SpiderEndpoint of pod {pod} differ in NIC {nic}: prevResult has {expected}, the endpoint has {stored}"
    )]
    Differs {
        /// Namespace and name.
        pod: String,
        /// The NIC.
        nic: String,
        /// What the endpoint has.
        stored: String,
        /// What `prevResult` has.
        expected: String,
    },
    /// Inline pools with faults of their own.
    #[error("failed to load CNI network configuration: {}", .faults.join("; "))]
    InlinePools {
        /// All of them, each with its path: `ipam.pools[0].ips[2]`.
        faults: Vec<String>,
    },
    /// A name that the runtime handed over is longer than any that a store keeps.
    #[error("invalid CNI_CONTAINERID or network name: {0}")]
    Name(ipam_core::Error),
    /// Two addresses of one family are asked for.
    #[error(
        "both {first} and {second} are asked for (CNI_ARGS IP, args.cni.ips and runtimeConfig.ips together); want at most one address of each IP version"
    )]
    TwoAsks {
        /// The one.
        first: String,
        /// The other.
        second: String,
    },
    /// An address is asked for with another prefix length than its pool's.
    #[error(
        "{ask} is asked for, but IPPool {pool} has the prefix length {prefix}; want {address}/{prefix} or {address}"
    )]
    AskPrefix {
        /// As it is asked for.
        ask: String,
        /// The address.
        address: Addr,
        /// The pool in whose subnet it lies.
        pool: PoolName,
        /// That pool's.
        prefix: u8,
    },
    /// The file that `ipam.resolvConf` names.
    #[error("cannot read {} (ipam.resolvConf): {source}", path.display())]
    ResolvConf {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No pool may be used.
    #[error("spiderpool IP allocation error: {0}")]
    Select(Box<SelectError>),
    /// No pool gives an address.
    #[error("spiderpool IP allocation error: {0}")]
    Refused(Box<Refusal>),
    /// CHECK without anything to compare with.
    #[error("prevResult is missing; want the result of the ADD that is to be checked")]
    NoPrevResult,
    /// CHECK: the store has nothing for the NIC, or something else.
    #[error("{0}")]
    Unconfirmed(Box<Unconfirmed>),
    /// CHECK: the store gives the NIC more than `prevResult` has.
    #[error("prevResult lacks {extra}, which the store gives to NIC {nic}; stored: {stored}")]
    Unlisted {
        /// What is not in `prevResult`.
        extra: String,
        /// The NIC.
        nic: String,
        /// All that is stored.
        stored: String,
    },
    /// CHECK: the store has nothing for the NIC.
    #[error("the store has no address for NIC {nic} of {owner}")]
    NothingStored {
        /// The NIC.
        nic: String,
        /// Its owner.
        owner: String,
    },
    /// GC without a list.
    #[error(
        "cni.dev/valid-attachments is missing; want the list of attachments that live, which may be empty. Nothing has been freed: no list is no statement about anybody"
    )]
    NoValidAttachments,
    /// STATUS: an ADD would not get an address.
    #[error("no IPPool can serve: {why}")]
    NotAvailable {
        /// Why.
        why: String,
    },
    /// The store, or what was asked of it.
    #[error("{}", chain(.0.as_ref()))]
    Store(Box<ipam_local::Error>),
    /// The store stayed out of reach until the deadline.
    #[error("{}", chain(.0.as_ref()))]
    Deadline(Box<DriveError<ipam_local::Error>>),
}

/// An error with its causes, in one line: many runtimes show nothing but the message.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text.push_str(": ");
        text.push_str(&next.to_string());
        cause = next.source();
    }
    text
}

macro_rules! boxed {
    ($($source:ty => $variant:ident),*) => {
        $(impl From<$source> for Error {
            fn from(source: $source) -> Self {
                Self::$variant(Box::new(source))
            }
        })*
    };
}

boxed!(SelectError => Select, Refusal => Refused, Unconfirmed => Unconfirmed, ipam_local::Error => Store);

impl From<DriveError<ipam_local::Error>> for Error {
    fn from(error: DriveError<ipam_local::Error>) -> Self {
        if let DriveError::Store(error) = error { error.into() } else { Self::Deadline(Box::new(error)) }
    }
}

impl Error {
    /// Wraps an error of the configuration as the original does.
    pub(super) fn config(source: crate::cni::Error) -> Self {
        Self::Protocol { step: "failed to load CNI network configuration: ", source }
    }

    /// Wraps an error of `CNI_ARGS`.
    pub(super) fn args(source: crate::cni::Error) -> Self {
        Self::Protocol { step: "failed to load CNI ENV args: ", source }
    }

    /// Wraps an error of the agent.
    pub(super) fn agent(step: AgentStep, source: AgentError) -> Self {
        Self::Agent { step, source: Box::new(source) }
    }

    /// The number that the runtime is told.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Protocol { source, .. } => source.cni_code(),
            Self::Agent { step, source } => source.code(*step),
            Self::Netns { .. } => ErrorCode::InvalidNetns,
            Self::NoInterface { .. } => Code::NoAddress.into(),
            Self::Name(_) | Self::NoPod => ErrorCode::InvalidEnvironment,
            Self::InlinePools { .. }
            | Self::TwoAsks { .. }
            | Self::NoPrevResult
            | Self::NoValidAttachments => ErrorCode::InvalidConfig,
            Self::ResolvConf { .. } => ErrorCode::Io,
            Self::Select(error)
                if matches!(**error, SelectError::BadPattern { .. } | SelectError::NotFound { .. }) =>
            {
                ErrorCode::InvalidConfig
            }
            Self::Select(_) => Code::NoAddress.into(),
            Self::Refused(refusal) if refusal.slots.iter().any(|slot| slot.ask.is_some()) => {
                Code::AddressRefused.into()
            }
            Self::Refused(_) => Code::NoAddress.into(),
            Self::AskPrefix { .. } => Code::AddressRefused.into(),
            Self::Unconfirmed(_)
            | Self::Unlisted { .. }
            | Self::NothingStored { .. }
            | Self::OtherPod { .. }
            | Self::Differs { .. } => Code::CheckFailed.into(),
            Self::NotAvailable { .. } => ErrorCode::NotAvailable,
            Self::Store(error) => store_code(error),
            Self::Deadline(error) if matches!(**error, DriveError::Deadline { .. }) => {
                ErrorCode::TryAgainLater
            }
            Self::Deadline(_) => ErrorCode::Internal,
        }
    }

    fn details(&self) -> Option<String> {
        #[expect(clippy::wildcard_enum_match_arm, reason = "most messages say all there is")]
        match self {
            Self::Protocol { source, .. } => source.details(),
            Self::Agent { source, .. } => source.details(),
            _ => None,
        }
    }
}

fn store_code(error: &ipam_local::Error) -> ErrorCode {
    use ipam_local::Error as E;
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "what this plugin never asks of a store, and what is not known yet"
    )]
    match error {
        E::Busy { .. } | E::UnknownOutcome { .. } | E::Condition(_) | E::AttachmentsMoved { .. } => {
            ErrorCode::TryAgainLater
        }
        E::NotFound { .. }
        | E::NoDirectory { .. }
        | E::Full { .. }
        | E::ReadOnly { .. }
        | E::Io { .. }
        | E::Sqlite { .. } => ErrorCode::Io,
        E::UnusablePath { .. } | E::NetworkFileSystem { .. } => ErrorCode::InvalidConfig,
        E::Deleted { .. }
        | E::Replaced { .. }
        | E::ForeignFile { .. }
        | E::NewerSchema { .. }
        | E::Damaged { .. } => Code::StoreUnusable.into(),
        E::Refused(_) | E::OtherSource { .. } => Code::PoolsContradict.into(),
        _ => ErrorCode::Internal,
    }
}

impl From<Error> for CniError {
    fn from(error: Error) -> Self {
        let answer = Self::new(error.code(), error.to_string());
        match error.details() {
            Some(details) => answer.with_details(details),
            None => answer,
        }
    }
}
