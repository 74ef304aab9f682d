//! Which pods keep their addresses for life.

use ipam_core::select::Keep;
use ipam_core::{Error, Follow, Owner};

use super::pod::Pod;
use super::top::TopController;

/// The kind of workload for whose pods addresses are kept.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum StaticKind {
    /// A StatefulSet of Kubernetes itself. One of another group (OpenKruise) is none.
    StatefulSet,
    /// A virtual machine instance of KubeVirt.
    VirtualMachine,
}

impl StaticKind {
    /// Whether addresses follow the pod's name into its next incarnation when its pools have changed (chapter `ipam`, 5.5).
    #[must_use]
    pub const fn follow(self) -> Follow {
        match self {
            Self::StatefulSet => Follow::WhilePoolsMatch,
            Self::VirtualMachine => Follow::Always,
        }
    }

    /// Whether a NIC stays with the pools that it has addresses of.
    #[must_use]
    pub const fn keep(self) -> Keep {
        match self {
            Self::StatefulSet => Keep::WhileNamed,
            Self::VirtualMachine => Keep::Always,
        }
    }
}

/// Which of them are switched on (`enableStatefulSet`, `enableKubevirtStaticIP`).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct StaticKinds {
    /// Pods of StatefulSets keep their addresses.
    pub stateful_set: bool,
    /// Virtual machines of KubeVirt keep theirs.
    pub virtual_machine: bool,
}

impl StaticKinds {
    /// Both.
    pub const ALL: Self = Self { stateful_set: true, virtual_machine: true };

    /// Whether addresses are kept for a pod of this workload, and by which rule (chapter `ipam`, 5.1, *stateful*).
    #[must_use]
    pub fn of(self, top: &TopController) -> Option<StaticKind> {
        match (top.api_version.as_str(), top.kind.as_str()) {
            ("apps/v1", "StatefulSet") => self.only(StaticKind::StatefulSet),
            ("kubevirt.io/v1", "VirtualMachineInstance") => self.only(StaticKind::VirtualMachine),
            _ => None,
        }
    }

    /// The same from `status.ownerControllerType` of an endpoint, which has the kind without its group: a StatefulSet of another group
    /// looks like one of Kubernetes there (chapter `ipam`, 9.1, step 5).
    #[must_use]
    pub fn of_recorded(self, kind: &str) -> Option<StaticKind> {
        match kind {
            "StatefulSet" => self.only(StaticKind::StatefulSet),
            "VirtualMachineInstance" => self.only(StaticKind::VirtualMachine),
            _ => None,
        }
    }

    fn only(self, kind: StaticKind) -> Option<StaticKind> {
        let is_on = match kind {
            StaticKind::StatefulSet => self.stateful_set,
            StaticKind::VirtualMachine => self.virtual_machine,
        };
        is_on.then_some(kind)
    }

    /// The name of a pod's endpoint: that of the virtual machine instance where one keeps the addresses, else the pod's.
    #[must_use]
    pub fn endpoint_name<'a>(self, pod: &'a Pod, top: &'a TopController) -> &'a str {
        match self.of(top) {
            Some(StaticKind::VirtualMachine) => &top.name,
            Some(StaticKind::StatefulSet) | None => &pod.meta.name,
        }
    }

    /// Whose the addresses are, in records and endpoints.
    ///
    /// # Errors
    /// [`Error::InvalidName`] for a pod without name, namespace or uid.
    pub fn owner(self, pod: &Pod, top: &TopController) -> Result<Owner, Error> {
        let (name, meta) = (self.endpoint_name(pod, top), &pod.meta);
        match self.of(top) {
            Some(StaticKind::VirtualMachine) => Owner::virtual_machine(&meta.namespace, name, &meta.uid),
            Some(StaticKind::StatefulSet) | None => Owner::pod(&meta.namespace, name, &meta.uid),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meta::Meta;

    fn top(api_version: &str, kind: &str) -> TopController {
        let (api_version, kind) = (api_version.to_owned(), kind.to_owned());
        TopController {
            api_version,
            kind,
            namespace: "t".to_owned(),
            name: "top".to_owned(),
            ..Default::default()
        }
    }

    #[test]
    fn each_kind_under_each_switch() {
        let pod = Pod {
            meta: Meta {
                name: "p".to_owned(),
                namespace: "t".to_owned(),
                uid: "u".to_owned(),
                ..Meta::default()
            },
            ..Pod::default()
        };
        for (api_version, kind, rule) in [
            ("apps/v1", "StatefulSet", Some(StaticKind::StatefulSet)),
            ("kubevirt.io/v1", "VirtualMachineInstance", Some(StaticKind::VirtualMachine)),
            ("apps.kruise.io/v1beta1", "StatefulSet", None),
            ("kubevirt.io/v1", "VirtualMachine", None),
            ("kubevirt.io/v1alpha3", "VirtualMachineInstance", None),
            ("apps/v1", "Deployment", None),
            ("v1", "Pod", None),
        ] {
            for kinds in [(false, false), (false, true), (true, false), (true, true)] {
                let kinds = StaticKinds { stateful_set: kinds.0, virtual_machine: kinds.1 };
                let want = rule.filter(|rule| match rule {
                    StaticKind::StatefulSet => kinds.stateful_set,
                    StaticKind::VirtualMachine => kinds.virtual_machine,
                });
                let top = top(api_version, kind);
                assert_eq!(kinds.of(&top), want, "{api_version} {kind} {kinds:?}");
                let is_machine = want == Some(StaticKind::VirtualMachine);
                let (name, owner) = (kinds.endpoint_name(&pod, &top), kinds.owner(&pod, &top).unwrap());
                assert_eq!(name, if is_machine { "top" } else { "p" });
                assert_eq!((owner.name(), owner.uid()), (name, "u"));
                assert_eq!(owner == Owner::virtual_machine("t", "top", "u").unwrap(), is_machine);
            }
        }
    }

    #[test]
    fn an_endpoint_tells_the_kind_only() {
        assert_eq!(StaticKinds::ALL.of_recorded("StatefulSet"), Some(StaticKind::StatefulSet));
        assert_eq!(StaticKinds::ALL.of_recorded("VirtualMachineInstance"), Some(StaticKind::VirtualMachine));
        assert_eq!(StaticKinds::ALL.of_recorded("Pod"), None);
        assert_eq!(StaticKinds::default().of_recorded("StatefulSet"), None);
    }
}
