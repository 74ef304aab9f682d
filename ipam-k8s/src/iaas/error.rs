//! What can become of a call to the provider.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use ipam_core::{Addr, Nic};

use super::mac::{Mac, MacError, Vlan};
use super::parent::ParentError;
use crate::Causes;

/// What is asked of the provider.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ApiCall {
    /// Addresses are bound.
    Allocate,
    /// One is given back.
    Release,
}

impl fmt::Display for ApiCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allocate => "allocate",
            Self::Release => "release",
        })
    }
}

/// Why a call to the provider failed. Never names a user or a password of its URL.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProviderError {
    /// There is too little time: nothing was sent.
    #[error(
        "parent budget insufficient: {remaining:?} remaining is less than provider worst-case {needed:?}; nothing was sent"
    )]
    BudgetInsufficient {
        /// Until the caller's deadline.
        remaining: Duration,
        /// What the call may take.
        needed: Duration,
    },
    /// No answer within the configured time. What the cloud has done is unknown.
    #[error("provider-interaction timeout: {call} exceeded configured timeout {timeout:?}")]
    TimedOut {
        /// The call.
        call: ApiCall,
        /// The configured time.
        timeout: Duration,
    },
    /// No answer until the caller's deadline. What the cloud has done is unknown.
    #[error("parent budget exhausted: {call} cancelled by parent context deadline")]
    BudgetExhausted {
        /// The call.
        call: ApiCall,
    },
    /// An answer that is no success.
    #[error("iaas {call} API returned status {code}: {body}")]
    Status {
        /// The call.
        call: ApiCall,
        /// The HTTP status.
        code: u16,
        /// The beginning of the body.
        body: String,
    },
    /// No connection: nothing was sent.
    #[error("iaas {call} API at {url}: no connection")]
    NoConnection {
        /// The call.
        call: ApiCall,
        /// Where, without user and password.
        url: String,
        /// Why.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The connection broke. What the cloud has done is unknown.
    #[error(
        "iaas {call} API at {url}: the connection broke before the answer; whether the cloud has done it is unknown"
    )]
    Broken {
        /// The call.
        call: ApiCall,
        /// Where, without user and password.
        url: String,
        /// Why.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// A success with more than an answer could have.
    #[error("iaas {call} API returned more than {bytes_max} bytes")]
    TooLarge {
        /// The call.
        call: ApiCall,
        /// What is read at most.
        bytes_max: usize,
    },
    /// A success that cannot be understood.
    #[error("iaas {call} API returned an answer that cannot be read: {body}")]
    Unreadable {
        /// The call.
        call: ApiCall,
        /// The beginning of the body.
        body: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The request is nothing that JSON can hold: nothing was sent.
    #[error("iaas {call} API: the request cannot be written")]
    Unwritable {
        /// The call.
        call: ApiCall,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The answer is about an address that was not asked for.
    #[error(
        "iaas allocate API returned unknown IP {address:?}; want one of those asked for: {}",
        Listed(asked)
    )]
    UnknownAddress {
        /// The address, as the answer has it.
        address: String,
        /// The addresses that were asked for.
        asked: Vec<Addr>,
    },
    /// A hardware address that no interface can have.
    #[error("iaas allocate API returned for IP {address} a bad macAddress")]
    BadMac {
        /// The address it is for.
        address: Addr,
        /// What is wrong.
        #[source]
        source: MacError,
    },
    /// A VLAN that no frame can have.
    #[error(
        "iaas allocate API returned for IP {address} a bad vlanId: {value}; want 1 to 4094, or 0 for none"
    )]
    BadVlan {
        /// The address it is for.
        address: Addr,
        /// The number.
        value: i64,
    },
    /// One address in two items that differ.
    #[error(
        "iaas allocate API returned IP {address} twice, with different macAddress or vlanId; want it once"
    )]
    TwiceDifferent {
        /// The address.
        address: Addr,
    },
    /// Two hardware addresses for one interface.
    #[error(
        "iaas allocate API returned for NIC {nic} both macAddress {one} and {other}; want one for all of its addresses"
    )]
    TwoMacs {
        /// The NIC.
        nic: Nic,
        /// One.
        one: Mac,
        /// The other.
        other: Mac,
    },
    /// Two VLANs for one interface.
    #[error(
        "iaas allocate API returned for NIC {nic} both vlanId {one} and {other}; want one for all of its addresses"
    )]
    TwoVlans {
        /// The NIC.
        nic: Nic,
        /// One.
        one: Vlan,
        /// The other.
        other: Vlan,
    },
}

impl ProviderError {
    /// Whether the cloud may have done what was asked, though it failed. What it has done is found again by the next call: the same
    /// addresses are asked for, and a release is repeated.
    #[must_use]
    pub const fn may_be_done(&self) -> bool {
        match self {
            Self::BudgetInsufficient { .. } | Self::NoConnection { .. } | Self::Unwritable { .. } => false,
            Self::Status { code, .. } => *code >= 500,
            Self::TimedOut { .. }
            | Self::BudgetExhausted { .. }
            | Self::Broken { .. }
            | Self::TooLarge { .. }
            | Self::Unreadable { .. }
            | Self::UnknownAddress { .. }
            | Self::BadMac { .. }
            | Self::BadVlan { .. }
            | Self::TwiceDifferent { .. }
            | Self::TwoMacs { .. }
            | Self::TwoVlans { .. } => true,
        }
    }
}

/// Why the addresses of a pod were not bound. The records in the pools stay, and the next ADD takes them again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// Which interface of the host a NIC belongs to cannot be told.
    #[error("IaaS IP allocate failed")]
    Parent(#[source] ParentError),
    /// The call failed.
    #[error("IaaS IP allocate failed")]
    Provider(#[source] ProviderError),
}

/// Why some of a pod's addresses were not given back. None of them may be taken out of its pool: a repeated DEL tries all again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnbindError {
    /// Whether and how a NIC's addresses are to be given back cannot be told.
    #[error("iaas release failed: NIC {nic}")]
    Parent {
        /// The NIC.
        nic: Nic,
        /// Why.
        #[source]
        source: ParentError,
    },
    /// Calls failed.
    #[error("iaas release failed for {} IP(s): {}", failed.len(), Listed(failed))]
    Provider {
        /// Which addresses, in order, and why.
        failed: Vec<Failed>,
    },
}

/// An address that was not given back.
#[derive(Debug)]
pub struct Failed {
    /// The address.
    pub address: Addr,
    /// Why.
    pub error: ProviderError,
}

/// With all its causes: of several errors none can be *the* source.
impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.address, Causes(&self.error))
    }
}

struct Listed<'a, T>(&'a [T]);

impl<T: fmt::Display> fmt::Display for Listed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (place, item) in self.0.iter().enumerate() {
            let between = if place == 0 { "" } else { ", " };
            write!(f, "{between}{item}")?;
        }
        f.write_str("]")
    }
}
