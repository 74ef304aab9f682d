//! What a new `conf.yml` changes, and what of that may change while the agent runs.

use std::fmt::Debug;

use super::keys::{self, Key, Use};
use super::{Settings, redacted};

/// A key that has another value than before.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Changed {
    /// The key: its [`used`](Key::used) says whether the change holds at once or wants a restart.
    pub key: Key,
    /// The value that the agent goes by.
    pub from: String,
    /// The value that the file has now.
    pub to: String,
}

impl Changed {
    /// Whether [`Settings::adopt`] takes the new value over.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.key.used == Use::Live
    }
}

impl Settings {
    /// The keys of `conf.yml` in which `newer` differs, in the order of the reference. Variables cannot change in a running process.
    #[must_use]
    pub fn changes(&self, newer: &Self) -> Vec<Changed> {
        let (now, new) = (&self.live, &newer.live);
        let iaas = |settings: &Self| {
            let iaas = settings.iaas.as_ref();
            (iaas.map(|iaas| redacted(&iaas.url)), iaas.map(|iaas| iaas.timeout))
        };
        let mut changes = Vec::new();
        // Two URLs that differ in a password alone look the same; the values decide.
        let is_other_url =
            self.iaas.as_ref().map(|iaas| &iaas.url) != newer.iaas.as_ref().map(|iaas| &iaas.url);
        let mut add = |key: Key, from: &dyn Debug, to: &dyn Debug, is_other: bool| {
            if is_other {
                changes.push(Changed { key, from: format!("{from:?}"), to: format!("{to:?}") });
            }
        };
        macro_rules! compare {
            ($($key:ident: $old:expr, $new:expr;)+) => {
                $(add(keys::$key, &$old, &$new, $old != $new);)+
            };
        }
        compare! {
            SOCKET: self.socket, newer.socket;
            IPV4: self.is_ipv4, newer.is_ipv4;
            IPV6: self.is_ipv6, newer.is_ipv6;
            TUNE_SYSCTL: self.is_sysctl_tuned, newer.is_sysctl_tuned;
            STATEFUL_SET: now.is_stateful_set_static, new.is_stateful_set_static;
            KUBEVIRT: self.is_kubevirt_static, newer.is_kubevirt_static;
            SUBNET: self.is_subnet_enabled, newer.is_subnet_enabled;
            AUTO_POOL: now.is_auto_pool_enabled, new.is_auto_pool_enabled;
            CONFLICT_DETECTION: now.is_conflict_detected, new.is_conflict_detected;
            GATEWAY_DETECTION: now.is_gateway_detected, new.is_gateway_detected;
            POLICY: now.policy, new.policy;
            COOLDOWN: now.cooldown, new.cooldown;
        }
        add(keys::IAAS_URL, &iaas(self).0, &iaas(newer).0, is_other_url);
        add(keys::IAAS_TIMEOUT, &iaas(self).1, &iaas(newer).1, iaas(self).1 != iaas(newer).1);
        changes
    }

    /// These settings with what of `newer` may change while the agent runs; all else stays until a restart.
    #[must_use]
    pub fn adopt(&self, newer: &Self) -> Self {
        Self { live: newer.live.clone(), ..self.clone() }
    }
}
