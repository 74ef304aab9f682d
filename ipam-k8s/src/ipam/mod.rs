//! What an agent does for a pod: addresses at ADD, their release at DEL, and what it tells other plugins. Feature `client`.
//!
//! [`Ipam`] ties together what the other modules have: what is known of the cluster ([`watch`](crate::watch)), whose pod
//! it is ([`workload`](crate::workload)), which pools it may use ([`ipam_core::select`]), and the store ([`store`](crate::store)) with
//! group commit around it. It decides nothing that one of those could.

mod add;
mod answer;
mod clock;
mod cloud;
mod coordinator;
mod details;
mod explain;
mod made;
mod pipeline;
mod refused;
mod release;
mod settings;
mod subject;
mod supply;
mod tell;
mod turns;

pub use answer::{Answer, AnswerIp, AnswerRoute, Unclaimed};
pub use coordinator::{CoordinatorConfig, CoordinatorError, DEFAULT_ROUTE_NIC};
pub use explain::{ExplainError, ImaginedPod, explain};
pub use pipeline::{AddRequest, DelRequest, Ipam};
pub use refused::{Refused, RefusedKind};
pub use settings::IpamSettings;
