//! Whether a pod that keeps its addresses is still wanted by its workload (chapters `ipam` 9.1 step 5 and `daemons` 5).
//!
//! All of it is decided on objects that were just read, never on a cache: an address of a pod that is not valid is given away.

use serde::{Deserialize, Deserializer};

use crate::meta::Meta;

/// The name of a StatefulSet's pod, taken apart: `web-3` is pod 3 of `web`.
///
/// ```
/// use ipam_k8s::workload::PodOrdinal;
/// let pod = PodOrdinal::of("web-a-3").unwrap();
/// assert_eq!((pod.stateful_set, pod.ordinal), ("web-a", 3));
/// assert_eq!(PodOrdinal::of("web"), None);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PodOrdinal<'a> {
    /// The StatefulSet.
    pub stateful_set: &'a str,
    /// Which of its pods.
    pub ordinal: u32,
}

impl<'a> PodOrdinal<'a> {
    /// `None` for a name that no pod of a StatefulSet has. That is also one whose number no ordinal can be; the original takes it for
    /// -1, which is below any number of replicas.
    #[must_use]
    pub fn of(pod: &'a str) -> Option<Self> {
        let (stateful_set, digits) = pod.rsplit_once('-')?;
        // `parse` would take a sign.
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let ordinal = digits.parse().ok().filter(|_| is_number)?;
        Some(Self { stateful_set, ordinal })
    }
}

/// Which pods a StatefulSet wants. Read from the StatefulSet's JSON.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct StatefulSetSize {
    /// `spec.replicas`; absent means 1, as for Kubernetes.
    pub replicas: u32,
    /// `spec.ordinals.start`, the number of the first pod.
    pub start: u32,
}

impl StatefulSetSize {
    /// Whether the pod of this number is wanted.
    #[must_use]
    pub const fn wants(self, ordinal: u32) -> bool {
        match ordinal.checked_sub(self.start) {
            Some(place) => place < self.replicas,
            None => false,
        }
    }
}

#[derive(Deserialize)]
struct Written {
    spec: Option<WrittenSpec>,
}

#[derive(Default, Deserialize)]
struct WrittenSpec {
    replicas: Option<i64>,
    ordinals: Option<WrittenOrdinals>,
}

#[derive(Deserialize)]
struct WrittenOrdinals {
    start: Option<i64>,
}

impl<'de> Deserialize<'de> for StatefulSetSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spec = Written::deserialize(deserializer)?.spec.unwrap_or_default();
        // The API server admits 0 to 2147483647.
        let number = |value: i64| u32::try_from(value.max(0)).unwrap_or(u32::MAX);
        Ok(Self {
            replicas: spec.replicas.map_or(1, number),
            start: spec.ordinals.and_then(|ordinals| ordinals.start).map_or(0, number),
        })
    }
}

/// What a virtual machine instance says about its addresses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Instance {
    /// They are still wanted.
    Wanted,
    /// They are not.
    Unwanted,
    /// That depends on the virtual machine of the same name: [`is_machine_alive`].
    AsMachine,
}

impl Instance {
    /// From the instance as it is now; `None`: there is no such instance.
    #[must_use]
    pub fn of(instance: Option<&Meta>) -> Self {
        match instance {
            None => Self::AsMachine,
            Some(instance) if !instance.is_terminating() => Self::Wanted,
            Some(instance) => {
                let is_machine = instance
                    .controller()
                    .is_some_and(|owner| owner.kind == "VirtualMachine" && owner.group() == "kubevirt.io");
                if is_machine { Self::AsMachine } else { Self::Unwanted }
            }
        }
    }
}

/// Whether a virtual machine, stopped or not, still wants its addresses; `None`: there is no such machine.
#[must_use]
pub fn is_machine_alive(machine: Option<&Meta>) -> bool {
    machine.is_some_and(|machine| !machine.is_terminating())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart() {
        for (name, want) in [
            ("web-0", Some(("web", 0))),
            ("web-12", Some(("web", 12))),
            ("web-007", Some(("web", 7))),
            ("web-1-2", Some(("web-1", 2))),
            ("web--3", Some(("web-", 3))),
            ("web-4294967295", Some(("web", u32::MAX))),
            ("web-4294967296", None),
            ("web-99999999999999999999", None),
            ("web-+1", None),
            ("web-", None),
            ("web", None),
            ("web-1a", None),
            ("", None),
            ("7", None),
        ] {
            let found = PodOrdinal::of(name).map(|pod| (pod.stateful_set, pod.ordinal));
            assert_eq!(found, want, "{name:?}");
        }
    }

    #[test]
    fn pods_within_the_replicas_are_wanted() {
        for (spec, wanted, unwanted) in [
            (r#"{"replicas": 3}"#, vec![0, 1, 2], vec![3, 4, u32::MAX]),
            (r#"{"replicas": 0}"#, vec![], vec![0, 1]),
            (r#"{}"#, vec![0], vec![1]),
            (r#"{"replicas": null, "ordinals": null}"#, vec![0], vec![1]),
            (r#"{"replicas": 2, "ordinals": {"start": 5}}"#, vec![5, 6], vec![0, 4, 7]),
            (r#"{"replicas": 2, "ordinals": {}}"#, vec![0, 1], vec![2]),
            (r#"{"replicas": 2, "ordinals": {"start": 0}}"#, vec![0, 1], vec![2]),
            (
                r#"{"replicas": 2147483647, "ordinals": {"start": 2147483647}}"#,
                vec![2147483647],
                vec![2147483646],
            ),
            (r#"{"replicas": -1}"#, vec![], vec![0]),
        ] {
            let size: StatefulSetSize = serde_json::from_str(&format!(r#"{{"spec": {spec}}}"#)).unwrap();
            for ordinal in wanted {
                assert!(size.wants(ordinal), "{spec}: {ordinal}");
            }
            for ordinal in unwanted {
                assert!(!size.wants(ordinal), "{spec}: {ordinal}");
            }
        }
    }

    #[test]
    fn virtual_machines_by_each_row() {
        let meta = |is_terminating: bool, owners: &str| -> Meta {
            let deletion =
                if is_terminating { r#""deletionTimestamp": "2026-01-01T00:00:00Z","# } else { "" };
            serde_json::from_str(&format!(r#"{{{deletion} "ownerReferences": [{owners}]}}"#)).unwrap()
        };
        let owner = |api_version: &str, kind: &str, controller: bool| {
            format!(
                r#"{{"apiVersion": "{api_version}", "kind": "{kind}", "name": "vm", "controller": {controller}}}"#
            )
        };
        let by_machine = owner("kubevirt.io/v1", "VirtualMachine", true);
        assert_eq!(Instance::of(None), Instance::AsMachine);
        for (is_terminating, owners, want) in [
            (false, "", Instance::Wanted),
            (false, by_machine.as_str(), Instance::Wanted),
            (true, "", Instance::Unwanted),
            (true, by_machine.as_str(), Instance::AsMachine),
            (true, &owner("kubevirt.io/v1", "VirtualMachine", false), Instance::Unwanted),
            (true, &owner("kubevirt.io/v1", "VirtualMachineInstanceReplicaSet", true), Instance::Unwanted),
            (true, &owner("example.com/v1", "VirtualMachine", true), Instance::Unwanted),
        ] {
            assert_eq!(Instance::of(Some(&meta(is_terminating, owners))), want, "{is_terminating} {owners}");
        }
        assert!(!is_machine_alive(None));
        assert!(is_machine_alive(Some(&meta(false, ""))));
        assert!(!is_machine_alive(Some(&meta(true, ""))));
    }
}
