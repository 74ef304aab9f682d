//! What an agent does for a pod: addresses at ADD, their release at DEL, and what it tells other plugins.

mod answer;
mod coordinator;

pub use answer::{Answer, AnswerIp, AnswerRoute, Unclaimed};
pub use coordinator::{CoordinatorConfig, CoordinatorError, DEFAULT_ROUTE_NIC};
