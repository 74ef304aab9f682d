//! What a new `conf.yml` changes, and what of that may change while the agent runs.

use std::fmt::Debug;

use ipam_k8s::iaas::{ProviderSettings, Trust};

use super::Settings;
use super::keys::{self, Key, Use};

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
        let mut changes = Vec::new();
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
        let (now, new) = (self.iaas.as_ref(), newer.iaas.as_ref());
        let url = |iaas: Option<&ProviderSettings>| iaas.map(ProviderSettings::url);
        let timeout = |iaas: Option<&ProviderSettings>| iaas.map(ProviderSettings::timeout);
        let file = |iaas: Option<&ProviderSettings>| match iaas.map(ProviderSettings::trust) {
            Some(Trust::File(file)) => Some(file.clone()),
            Some(_) | None => None,
        };
        let is_unverified =
            |iaas: Option<&ProviderSettings>| iaas.is_some_and(|iaas| *iaas.trust() == Trust::Anyone);
        let is_same_beside_url =
            (timeout(now), file(now), is_unverified(now)) == (timeout(new), file(new), is_unverified(new));
        // Two URLs that differ in a password alone look the same.
        let is_other_url = url(now) != url(new) || now != new && is_same_beside_url;
        add(keys::IAAS_URL, &url(now), &url(new), is_other_url);
        add(keys::IAAS_TIMEOUT, &timeout(now), &timeout(new), timeout(now) != timeout(new));
        let is_other = is_unverified(now) != is_unverified(new);
        add(keys::IAAS_SKIP_VERIFY, &is_unverified(now), &is_unverified(new), is_other);
        add(keys::IAAS_CA_FILE, &file(now), &file(new), file(now) != file(new));
        changes
    }

    /// These settings with what of `newer` may change while the agent runs; all else stays until a restart.
    #[must_use]
    pub fn adopt(&self, newer: &Self) -> Self {
        Self { live: newer.live.clone(), ..self.clone() }
    }
}
