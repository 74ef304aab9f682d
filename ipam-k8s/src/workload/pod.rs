//! A pod, as far as addresses depend on it.

use serde::{Deserialize, Deserializer};

use crate::meta::Meta;

/// A pod. Reading it from JSON passes over all that the rules do not look at.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Pod {
    /// Name, uid, labels, annotations, owners, deletion.
    pub meta: Meta,
    /// The node it runs on; empty while it is not scheduled.
    pub node: String,
    /// It uses the node's own network, and so has no address of ours.
    pub is_on_host_network: bool,
    /// When its containers are started again.
    pub restart_policy: RestartPolicy,
    /// How far it is.
    pub phase: Phase,
    /// Why it is in its phase, in one word: `Evicted`.
    pub reason: String,
}

/// When a pod's containers are started again (`spec.restartPolicy`).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum RestartPolicy {
    /// Whenever one has ended. Also what an absent value stands for.
    #[default]
    Always,
    /// When one has failed.
    OnFailure,
    /// Never.
    Never,
    /// A word of a newer Kubernetes.
    Other,
}

/// How far a pod is (`status.phase`).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Phase {
    /// Not all containers have been started. Also what an absent value stands for.
    #[default]
    Pending,
    /// They have.
    Running,
    /// All have ended well.
    Succeeded,
    /// All have ended, and one did not end well.
    Failed,
    /// `Unknown`, or a word of a newer Kubernetes.
    Other,
}

/// Why a pod counts as dead: it gets no address, and what it has may be released.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Death {
    /// It is being deleted.
    Terminating,
    /// It has ended well and is not started again.
    Succeeded,
    /// It has failed and is not started again.
    Failed,
    /// Its node has thrown it out.
    Evicted,
}

impl Pod {
    /// Why it counts as dead, or `None` if it lives (chapter `ipam`, 5.1).
    ///
    /// One that has ended well lives on under the policy *Always*, and one that has failed does under *Always* and *OnFailure*, unless
    /// it was evicted: its containers may be started again, in a sandbox of the same pod.
    #[must_use]
    pub fn death(&self) -> Option<Death> {
        if self.meta.is_terminating() {
            return Some(Death::Terminating);
        }
        match self.phase {
            Phase::Succeeded if self.restart_policy != RestartPolicy::Always => Some(Death::Succeeded),
            Phase::Failed if self.restart_policy == RestartPolicy::Never => Some(Death::Failed),
            Phase::Failed if self.reason == "Evicted" => Some(Death::Evicted),
            Phase::Pending | Phase::Running | Phase::Succeeded | Phase::Failed | Phase::Other => None,
        }
    }

    /// Whether it lives.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.death().is_none()
    }
}

impl From<&str> for RestartPolicy {
    fn from(word: &str) -> Self {
        match word {
            "" | "Always" => Self::Always,
            "OnFailure" => Self::OnFailure,
            "Never" => Self::Never,
            _ => Self::Other,
        }
    }
}

impl From<&str> for Phase {
    fn from(word: &str) -> Self {
        match word {
            "" | "Pending" => Self::Pending,
            "Running" => Self::Running,
            "Succeeded" => Self::Succeeded,
            "Failed" => Self::Failed,
            _ => Self::Other,
        }
    }
}

#[derive(Deserialize)]
struct Written {
    metadata: Meta,
    spec: Option<WrittenSpec>,
    status: Option<WrittenStatus>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WrittenSpec {
    node_name: Option<String>,
    host_network: Option<bool>,
    restart_policy: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WrittenStatus {
    phase: Option<String>,
    reason: Option<String>,
}

impl<'de> Deserialize<'de> for Pod {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Written { metadata, spec, status } = Written::deserialize(deserializer)?;
        let (spec, status) = (spec.unwrap_or_default(), status.unwrap_or_default());
        Ok(Self {
            meta: metadata,
            node: spec.node_name.unwrap_or_default(),
            is_on_host_network: spec.host_network.unwrap_or_default(),
            restart_policy: spec.restart_policy.as_deref().unwrap_or_default().into(),
            phase: status.phase.as_deref().unwrap_or_default().into(),
            reason: status.reason.unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(phase: &str, policy: &str, reason: &str, is_terminating: bool) -> Pod {
        let deletion = if is_terminating {
            r#", "deletionTimestamp": "2026-01-01T00:00:00Z", "deletionGracePeriodSeconds": 30"#
        } else {
            ""
        };
        let text = format!(
            r#"{{"apiVersion": "v1", "kind": "Pod", "metadata": {{"name": "p"{deletion}}}, "spec": {{"restartPolicy": "{policy}"}},
                "status": {{"phase": "{phase}", "reason": "{reason}"}}}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn each_phase_under_each_policy() {
        let phases = ["", "Pending", "Running", "Succeeded", "Failed", "Unknown", "Frozen"];
        let (mut living, mut dead) = (0, 0);
        for phase in phases {
            for policy in ["Always", "OnFailure", "Never"] {
                for reason in ["", "Evicted", "NodeLost"] {
                    let want = match (phase, policy, reason) {
                        ("Succeeded", "OnFailure" | "Never", _) => Some(Death::Succeeded),
                        ("Failed", "Never", _) => Some(Death::Failed),
                        ("Failed", _, "Evicted") => Some(Death::Evicted),
                        _ => None,
                    };
                    let found = pod(phase, policy, reason, false).death();
                    assert_eq!(found, want, "{phase} {policy} {reason}");
                    *(if want.is_some() { &mut dead } else { &mut living }) += 1;
                    let terminating = pod(phase, policy, reason, true);
                    assert_eq!(terminating.death(), Some(Death::Terminating), "{phase} {policy} {reason}");
                    assert!(!terminating.is_alive());
                }
            }
        }
        assert_eq!((living, dead), (63 - 11, 11), "rows of the table");
    }

    #[test]
    fn what_is_absent_or_null_is_read() {
        let bare: Pod = serde_json::from_str(r#"{"metadata": {"name": "p"}}"#).unwrap();
        assert_eq!((bare.phase, bare.restart_policy), (Phase::Pending, RestartPolicy::Always));
        assert!(bare.is_alive() && !bare.is_on_host_network && bare.node.is_empty());
        let nulls = r#"{"metadata": {"name": null, "labels": null, "ownerReferences": null}, "spec": null, "status": null}"#;
        assert_eq!(serde_json::from_str::<Pod>(nulls).unwrap(), Pod::default());
        let text = r#"{"metadata": {"name": "p"}, "spec": {"nodeName": "n1", "hostNetwork": true, "containers": [{}]}}"#;
        let host: Pod = serde_json::from_str(text).unwrap();
        assert!(host.is_on_host_network);
        assert_eq!(host.node, "n1");
    }
}
