//! The top controller of a pod: the workload that a person made.
//!
//! Only the owner that says `controller: true` counts, as in the original (its `GetControllerOf`); of several owners without that word
//! none is a controller, and the pod is its own. The API server refuses two that say so; of two the first would count.

use ipam_core::carve::Application;
use ipam_core::select::Controller;

use super::pod::Pod;
use crate::meta::{Meta, OwnerRef};

/// What is at the top of a pod: a Deployment, a StatefulSet, the pod itself if nothing controls it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TopController {
    /// Group and version: `apps/v1`, `v1`.
    pub api_version: String,
    /// The kind.
    pub kind: String,
    /// The namespace, which is the pod's.
    pub namespace: String,
    /// The name.
    pub name: String,
    /// The incarnation.
    pub uid: String,
}

impl TopController {
    fn of(owner: &OwnerRef, namespace: &str) -> Self {
        Self {
            api_version: owner.api_version.clone(),
            kind: owner.kind.clone(),
            namespace: namespace.to_owned(),
            name: owner.name.clone(),
            uid: owner.uid.clone(),
        }
    }

    /// Whether the pod has no controller and stands for itself.
    #[must_use]
    pub fn is_pod_itself(&self) -> bool {
        self.api_version == "v1" && self.kind == "Pod"
    }

    /// As selection of pools takes it.
    #[must_use]
    pub fn controller(&self) -> Controller {
        Controller::new(&self.api_version, &self.kind, &self.namespace, &self.name)
    }

    /// As automatic pools take it.
    ///
    /// # Errors
    /// The first part that Kubernetes would refuse; possible only for the owner that a pod names without that it exists.
    pub fn application(&self) -> Result<Application, ipam_core::Error> {
        Application::new(&self.api_version, &self.kind, &self.namespace, &self.name)
    }
}

/// One step of the way up from a pod.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Climb {
    /// The top.
    Top(TopController),
    /// The metadata of this object decides: see [`Parent::top`].
    Ask(Parent),
}

/// A controller that may have a controller itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Parent {
    kind: ParentKind,
    as_top: TopController,
}

/// The kinds that built-in controllers make for another workload.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum ParentKind {
    ReplicaSet,
    Job,
}

impl Climb {
    /// The first step (chapter `ipam`, 5.1). Objects of other groups than `apps` and `batch` are taken as they are referred to, and
    /// never read: whether their kind is installed plays no part.
    #[must_use]
    pub fn from_pod(pod: &Pod) -> Self {
        let Pod { meta, .. } = pod;
        let Some(owner) = meta.controller() else {
            return Self::Top(TopController {
                api_version: "v1".to_owned(),
                kind: "Pod".to_owned(),
                namespace: meta.namespace.clone(),
                name: meta.name.clone(),
                uid: meta.uid.clone(),
            });
        };
        let as_top = TopController::of(owner, &meta.namespace);
        match (owner.api_version.as_str(), owner.kind.as_str()) {
            ("apps/v1", "ReplicaSet") => Self::Ask(Parent { kind: ParentKind::ReplicaSet, as_top }),
            ("batch/v1", "Job") => Self::Ask(Parent { kind: ParentKind::Job, as_top }),
            _ => Self::Top(as_top),
        }
    }
}

impl Parent {
    /// The object to read, as the pod refers to it.
    #[must_use]
    pub const fn reference(&self) -> &TopController {
        &self.as_top
    }

    /// The top, from the object's metadata: its controller where that is the kind which makes such objects, else the object itself.
    #[must_use]
    pub fn top(&self, read: &Meta) -> TopController {
        let maker = match self.kind {
            ParentKind::ReplicaSet => ("apps/v1", "Deployment"),
            ParentKind::Job => ("batch/v1", "CronJob"),
        };
        match read.controller() {
            Some(owner) if (owner.api_version.as_str(), owner.kind.as_str()) == maker => {
                TopController::of(owner, &self.as_top.namespace)
            }
            Some(_) | None => self.as_top.clone(),
        }
    }

    #[cfg(feature = "client")]
    pub(super) const fn kind(&self) -> ParentKind {
        self.kind
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(api_version: &str, kind: &str, name: &str, is_controller: bool) -> OwnerRef {
        OwnerRef {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            name: name.to_owned(),
            uid: format!("uid-of-{name}"),
            is_controller,
        }
    }

    fn owned_by(owners: Vec<OwnerRef>) -> Meta {
        let name = "p".to_owned();
        Meta { name, namespace: "t".to_owned(), uid: "u".to_owned(), owners, ..Meta::default() }
    }

    fn climb(owners: Vec<OwnerRef>) -> Climb {
        Climb::from_pod(&Pod { meta: owned_by(owners), ..Pod::default() })
    }

    fn text(top: &TopController) -> String {
        let TopController { api_version, kind, namespace, name, uid } = top;
        format!("{api_version} {kind} {namespace}/{name} {uid}")
    }

    #[test]
    fn what_is_never_read() {
        for (owners, want) in [
            (vec![], "v1 Pod t/p u"),
            (vec![owner("apps/v1", "ReplicaSet", "rs", false)], "v1 Pod t/p u"),
            (vec![owner("apps/v1", "DaemonSet", "ds", true)], "apps/v1 DaemonSet t/ds uid-of-ds"),
            (vec![owner("apps/v1", "StatefulSet", "db", true)], "apps/v1 StatefulSet t/db uid-of-db"),
            (vec![owner("apps/v1", "Deployment", "d", true)], "apps/v1 Deployment t/d uid-of-d"),
            (
                vec![owner("v1", "ReplicationController", "rc", true)],
                "v1 ReplicationController t/rc uid-of-rc",
            ),
            (vec![owner("v1", "Node", "n1", true)], "v1 Node t/n1 uid-of-n1"),
            (
                vec![owner("apps.kruise.io/v1alpha1", "CloneSet", "c", true)],
                "apps.kruise.io/v1alpha1 CloneSet t/c uid-of-c",
            ),
            // Of the name of a kind that is read, and another one.
            (vec![owner("apps/v1beta1", "ReplicaSet", "rs", true)], "apps/v1beta1 ReplicaSet t/rs uid-of-rs"),
            (vec![owner("example.com/v1", "Job", "j", true)], "example.com/v1 Job t/j uid-of-j"),
            (
                vec![owner("kubevirt.io/v1", "VirtualMachineInstance", "vm", true)],
                "kubevirt.io/v1 VirtualMachineInstance t/vm uid-of-vm",
            ),
            (
                vec![owner("v1", "Pod", "other", false), owner("apps/v1", "DaemonSet", "ds", true)],
                "apps/v1 DaemonSet t/ds uid-of-ds",
            ),
        ] {
            let Climb::Top(top) = climb(owners.clone()) else { panic!("{owners:?} is to be read") };
            assert_eq!(text(&top), want);
            assert_eq!(top.is_pod_itself(), want.starts_with("v1 Pod"), "{want}");
        }
    }

    #[test]
    fn what_one_read_decides() {
        let replica_set = || owner("apps/v1", "ReplicaSet", "rs", true);
        let job = || owner("batch/v1", "Job", "job", true);
        for (parent, of_parent, want) in [
            (
                replica_set(),
                vec![owner("apps/v1", "Deployment", "web", true)],
                "apps/v1 Deployment t/web uid-of-web",
            ),
            (replica_set(), vec![], "apps/v1 ReplicaSet t/rs uid-of-rs"),
            (
                replica_set(),
                vec![owner("apps/v1", "Deployment", "web", false)],
                "apps/v1 ReplicaSet t/rs uid-of-rs",
            ),
            (
                replica_set(),
                vec![owner("argoproj.io/v1alpha1", "Rollout", "r", true)],
                "apps/v1 ReplicaSet t/rs uid-of-rs",
            ),
            (job(), vec![owner("batch/v1", "CronJob", "cron", true)], "batch/v1 CronJob t/cron uid-of-cron"),
            (job(), vec![], "batch/v1 Job t/job uid-of-job"),
            // A Deployment makes no Jobs.
            (job(), vec![owner("apps/v1", "Deployment", "web", true)], "batch/v1 Job t/job uid-of-job"),
        ] {
            let Climb::Ask(asked) = climb(vec![parent.clone()]) else { panic!("{parent:?} is not read") };
            assert_eq!(asked.reference().name, parent.name);
            assert_eq!(text(&asked.top(&owned_by(of_parent))), want);
        }
    }

    #[test]
    fn it_is_a_controller_of_selection_and_an_application() {
        let Climb::Top(top) = climb(vec![owner("apps/v1", "StatefulSet", "db", true)]) else { panic!() };
        assert_eq!(top.application().unwrap().to_string(), "apps_v1_StatefulSet_t_db");
        assert_eq!(top.controller(), Controller::new("apps/v1", "StatefulSet", "t", "db"));
    }
}
