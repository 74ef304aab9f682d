//! What an agent does for a pod: addresses at ADD, their release at DEL, and what it tells other plugins.
//!
//! [`Ipam`] (feature `client`) ties together what the other modules have: what is known of the cluster ([`watch`](crate::watch)), whose pod
//! it is ([`workload`](crate::workload)), which pools it may use ([`ipam_core::select`]), and the store ([`store`](crate::store)) with
//! group commit around it. It decides nothing that one of those could.

mod answer;
mod coordinator;

#[cfg(feature = "client")]
mod add;
#[cfg(feature = "client")]
mod clock;
#[cfg(feature = "client")]
mod details;
#[cfg(feature = "client")]
mod made;
#[cfg(feature = "client")]
mod pipeline;
#[cfg(feature = "client")]
mod refused;
#[cfg(feature = "client")]
mod release;
#[cfg(feature = "client")]
mod settings;
#[cfg(feature = "client")]
mod subject;
#[cfg(feature = "client")]
mod supply;
#[cfg(feature = "client")]
mod tell;
#[cfg(feature = "client")]
mod turns;

pub use answer::{Answer, AnswerIp, AnswerRoute, Unclaimed};
pub use coordinator::{CoordinatorConfig, CoordinatorError, DEFAULT_ROUTE_NIC};

#[cfg(feature = "client")]
pub use self::{
    pipeline::{AddRequest, DelRequest, Ipam},
    refused::{Refused, RefusedKind},
    settings::IpamSettings,
};
