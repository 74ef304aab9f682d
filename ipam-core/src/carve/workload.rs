//! How many Pods the built-in kinds of applications want, and which of them have a pool of their own.

use super::application::Application;

/// The part of a built-in controller's object that says how many Pods it wants.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Workload {
    /// Deployment, StatefulSet, ReplicaSet: `spec.replicas`.
    Replicas(Option<i32>),
    /// DaemonSet: `status.desiredNumberScheduled`, 0 at first.
    DaemonSet(i32),
    /// Job, or the template of a CronJob.
    Job {
        /// `spec.parallelism`.
        parallelism: Option<i32>,
        /// `spec.completions`.
        completions: Option<i32>,
    },
}

impl Workload {
    /// The number of Pods.
    ///
    /// A Job counts its completions, or its parallelism where completions are absent; 0 counts as 1 there, and so does neither.
    ///
    /// ```
    /// use ipam_core::carve::Workload;
    /// assert_eq!(Workload::Replicas(None).pods(), 0);
    /// assert_eq!(Workload::Job { parallelism: Some(3), completions: Some(0) }.pods(), 1);
    /// assert_eq!(Workload::Job { parallelism: Some(3), completions: None }.pods(), 3);
    /// ```
    #[must_use]
    pub fn pods(self) -> u32 {
        // The API server refuses numbers below zero.
        let count = |number: i32| u32::try_from(number).unwrap_or(0);
        match self {
            Self::Replicas(replicas) => replicas.map_or(0, count),
            Self::DaemonSet(scheduled) => count(scheduled),
            Self::Job { parallelism, completions } => completions.or(parallelism).map_or(1, count).max(1),
        }
    }

    /// Whether an application gets pools of its own. One that a controller with pools controls gets none: a Deployment's
    /// ReplicaSet, a CronJob's Job.
    ///
    /// `controller` is `apiVersion` and `kind` of its controlling owner.
    #[must_use]
    pub fn has_own_pools(application: &Application, controller: Option<(&str, &str)>) -> bool {
        let is_leader = application.is_built_in() && application.kind() != "Pod";
        is_leader
            && !matches!(
                (application.kind(), controller),
                ("ReplicaSet", Some(("apps/v1", "Deployment"))) | ("Job", Some(("batch/v1", "CronJob")))
            )
    }
}
