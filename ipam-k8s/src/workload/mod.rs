//! Pods and the workloads that they belong to: whether a pod lives, what is at its top, and who keeps addresses for life.
//!
//! The rules are pure functions of objects that were read. Which objects those are the rules say themselves, and
//! `Workloads` (feature `client`) reads them: one GET of metadata at most for a top controller, one for a StatefulSet, two
//! for a virtual machine.
//!
//! ```
//! use ipam_k8s::workload::{Climb, Pod, StaticKind, StaticKinds};
//! let text = r#"{"metadata": {"name": "db-0", "namespace": "t", "uid": "u1", "ownerReferences":
//!     [{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "db", "uid": "u2", "controller": true}]},
//!     "spec": {"nodeName": "n1", "restartPolicy": "Always"}, "status": {"phase": "Running"}}"#;
//! let pod: Pod = serde_json::from_str(text)?;
//! assert_eq!(pod.death(), None);
//! let Climb::Top(top) = Climb::from_pod(&pod) else { unreachable!() };
//! assert_eq!(StaticKinds::ALL.of(&top), Some(StaticKind::StatefulSet));
//! # Ok::<(), serde_json::Error>(())
//! ```

#[cfg(feature = "client")]
mod error;
mod fixed;
#[cfg(feature = "client")]
mod machine;
mod pod;
#[cfg(feature = "client")]
mod resolve;
mod top;
mod valid;

#[cfg(feature = "client")]
pub use error::WorkloadError;
pub use fixed::{StaticKind, StaticKinds};
pub use pod::{Death, Phase, Pod, RestartPolicy};
#[cfg(feature = "client")]
pub use resolve::Workloads;
pub use top::{Climb, Parent, TopController};
pub use valid::{Instance, PodOrdinal, StatefulSetSize, is_machine_alive};
