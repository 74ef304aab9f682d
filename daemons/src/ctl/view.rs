//! Records as they are shown, the same in every command.

use ipam_core::{Holding, Owner, OwnerKind, Stamp};
use serde::Serialize;

use super::ledger::Seen;
use super::span;

/// One address and who holds it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Held {
    address: String,
    pool: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    nic: Option<String>,
    owner: HeldBy,
    /// In a cluster: the node that the owner's endpoint names.
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    confirmed: Option<Confirmed>,
    #[serde(skip)]
    owner_text: String,
}

/// The owner, with the names that its kind has for the parts.
#[derive(Clone, Debug, Serialize)]
struct HeldBy {
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    network: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// What `ip release --owner` compares.
    uid: String,
}

/// When the owner last said that it uses the address.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Confirmed {
    boot: String,
    /// Whether that is the boot that runs now.
    is_this_boot: bool,
    /// Milliseconds after that boot.
    at_ms: u64,
    #[serde(skip)]
    text: String,
}

/// The heads of [`Held::row`].
pub(super) const HEADS: [&str; 5] = ["ADDRESS", "POOL", "NIC", "OWNER", "CONFIRMED"];

impl Held {
    /// A record, seen at `now`.
    pub(super) fn new(holding: &Holding, now: &Stamp) -> Self {
        let Holding { pool, record, nic } = holding;
        Self {
            address: record.address.to_string(),
            pool: pool.to_string(),
            nic: nic.as_ref().map(ToString::to_string),
            owner: HeldBy::new(&record.owner),
            node: None,
            confirmed: record.stamp.as_ref().map(|stamp| Confirmed::new(stamp, now)),
            owner_text: record.owner.to_string(),
        }
    }

    /// A record with what else is known of its holder.
    pub(super) fn seen(seen: &Seen, now: &Stamp) -> Self {
        Self { node: seen.node.clone(), ..Self::new(&seen.holding, now) }
    }

    pub(super) fn node(&self) -> Option<&str> {
        self.node.as_deref()
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// What `ip release --owner` compares.
    pub(super) fn uid(&self) -> &str {
        &self.owner.uid
    }

    /// The owner and its NIC in words.
    pub(super) fn holder(&self) -> String {
        match &self.nic {
            Some(nic) => format!("{} ({nic})", self.owner_text),
            None => self.owner_text.clone(),
        }
    }

    pub(super) fn confirmed(&self) -> Option<&str> {
        self.confirmed.as_ref().map(|confirmed| confirmed.text.as_str())
    }

    pub(super) fn row(&self) -> Vec<String> {
        vec![
            self.address.clone(),
            self.pool.clone(),
            self.nic.clone().unwrap_or_else(|| "-".to_owned()),
            self.owner_text.clone(),
            self.confirmed().unwrap_or("-").to_owned(),
        ]
    }
}

impl HeldBy {
    fn new(owner: &Owner) -> Self {
        let is_container = owner.kind() == OwnerKind::Container;
        let scope = Some(owner.scope().to_owned()).filter(|scope| !scope.is_empty());
        let name = Some(owner.name().to_owned());
        let (network, namespace) = if is_container { (scope, None) } else { (None, scope) };
        let (id, name) = if is_container { (name, None) } else { (None, name) };
        Self { kind: owner.kind().as_str(), network, namespace, id, name, uid: owner.uid().to_owned() }
    }
}

impl Confirmed {
    fn new(stamp: &Stamp, now: &Stamp) -> Self {
        let is_this_boot = stamp.boot == now.boot;
        let text = if is_this_boot {
            format!("{} ago", span::shown(now.at.since(stamp.at)))
        } else {
            "before this boot".to_owned()
        };
        Self { boot: stamp.boot.clone(), is_this_boot, at_ms: stamp.at.as_millis(), text }
    }
}

#[cfg(test)]
mod tests {
    use ipam_core::{Record, Time};

    use super::*;

    fn held(owner: Owner, stamp: Option<Stamp>) -> Held {
        let record = Record { address: "10.6.0.9".parse().unwrap(), owner, stamp };
        let holding = Holding { pool: "v4".parse().unwrap(), record, nic: Some("eth0".parse().unwrap()) };
        Held::new(&holding, &Stamp { boot: "now".to_owned(), at: Time::from_millis(100_000) })
    }

    #[test]
    fn a_container_is_shown_by_network_and_id() {
        let stamp = Stamp { boot: "now".to_owned(), at: Time::from_millis(40_000) };
        let held = held(Owner::container("net1", "3f9c").unwrap(), Some(stamp));
        assert_eq!(held.row(), ["10.6.0.9", "v4", "eth0", "container 3f9c on network net1", "1m ago"]);
        assert_eq!(held.holder(), "container 3f9c on network net1 (eth0)");
        assert_eq!(
            serde_json::to_string(&held).unwrap(),
            r#"{"address":"10.6.0.9","pool":"v4","nic":"eth0","owner":{"kind":"container","network":"net1","id":"3f9c","uid":"net1/3f9c"},"confirmed":{"boot":"now","isThisBoot":true,"atMs":40000}}"#
        );
    }

    #[test]
    fn other_owners_are_shown_by_namespace_and_name() {
        let stamp = Stamp { boot: "then".to_owned(), at: Time::from_millis(40_000) };
        let pod = held(Owner::pod("default", "db-0", "u1").unwrap(), Some(stamp));
        assert_eq!(pod.confirmed(), Some("before this boot"));
        assert_eq!(
            serde_json::to_value(&pod).unwrap()["owner"],
            serde_json::json!({ "kind": "pod", "namespace": "default", "name": "db-0", "uid": "u1" })
        );
        let kept = held(Owner::reservation("printer").unwrap(), None);
        assert_eq!(kept.row()[4], "-");
    }
}
