//! `conf.yml` as it is written: keys with values of the right type, nothing else checked yet.

use std::fs;
use std::path::Path;

use ipam_core::nearest;
use ipam_k8s::iaas::ProviderFields;
use serde_json::{Map, Value};

use super::error::SettingsError;
use super::keys::{self, KEYS, Key};

/// The values of the keys that the agent reads; `None` where a key is absent or `null`.
#[derive(Clone, Debug, Default)]
pub(super) struct Written {
    pub(super) socket: Option<String>,
    pub(super) ipv4: bool,
    pub(super) ipv6: bool,
    pub(super) tune_sysctl: bool,
    pub(super) stateful_set: bool,
    pub(super) kubevirt: bool,
    pub(super) subnet: bool,
    pub(super) auto_pool: bool,
    pub(super) conflict_detection: bool,
    pub(super) gateway_detection: bool,
    pub(super) policy: Option<String>,
    pub(super) cooldown: Option<String>,
    pub(super) iaas: ProviderFields,
    pub(super) is_plugin_enabled: bool,
    /// Keys that nothing here knows, each with what may have been meant.
    pub(super) unknown: Vec<(String, Option<&'static str>)>,
}

impl Written {
    pub(super) fn load(path: &Path) -> Result<Self, SettingsError> {
        let text = fs::read_to_string(path)
            .map_err(|source| SettingsError::Unreadable { path: path.to_owned(), source })?;
        Self::read(&text, path)
    }

    /// Reads the text of a file; the path is for messages.
    pub(super) fn read(text: &str, path: &Path) -> Result<Self, SettingsError> {
        let refuse = |reason: String| SettingsError::NotYaml { path: path.to_owned(), reason };
        let options = serde_saphyr::options! { with_snippet: false };
        let value: Value = serde_saphyr::from_str_with_options(text, options).map_err(|error| {
            // The parser's advice is for programmers.
            let text = error.to_string().replace(", set DuplicateKeyPolicy in Options if acceptable", "");
            refuse(format!("is not YAML: {text}"))
        })?;
        let tree = match value {
            Value::Null => Map::new(),
            Value::Object(tree) => tree,
            other @ (Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
                return Err(refuse(format!("is {}; want keys with values", told(&other))));
            }
        };
        let tree = Tree(&tree);
        Ok(Self {
            socket: tree.text(&keys::SOCKET)?,
            ipv4: tree.truth(&keys::IPV4)?,
            ipv6: tree.truth(&keys::IPV6)?,
            tune_sysctl: tree.truth(&keys::TUNE_SYSCTL)?,
            stateful_set: tree.truth(&keys::STATEFUL_SET)?,
            kubevirt: tree.truth(&keys::KUBEVIRT)?,
            subnet: tree.truth(&keys::SUBNET)?,
            auto_pool: tree.truth(&keys::AUTO_POOL)?,
            conflict_detection: tree.truth(&keys::CONFLICT_DETECTION)?,
            gateway_detection: tree.truth(&keys::GATEWAY_DETECTION)?,
            policy: tree.text(&keys::POLICY)?,
            cooldown: tree.text(&keys::COOLDOWN)?,
            iaas: ProviderFields {
                server_url: tree.text(&keys::IAAS_URL)?.unwrap_or_default(),
                http_request_timeout: tree.text(&keys::IAAS_TIMEOUT)?.unwrap_or_default(),
                tls_insecure_skip_verify: tree.truth(&keys::IAAS_SKIP_VERIFY)?,
                ca_file: tree.text(&keys::IAAS_CA_FILE)?.unwrap_or_default(),
            },
            is_plugin_enabled: tree.is_plugin_enabled()?,
            unknown: unknown(tree.0, ""),
        })
    }
}

/// What stands in the file.
struct Tree<'v>(&'v Map<String, Value>);

impl<'v> Tree<'v> {
    /// The value of a key, through the mapping that it is in.
    fn value(&self, key: &Key) -> Result<Option<&'v Value>, SettingsError> {
        let present = |value: Option<&'v Value>| value.filter(|value| !value.is_null());
        let Some((outer, inner)) = key.name.split_once('.') else { return Ok(present(self.0.get(key.name))) };
        match present(self.0.get(outer)) {
            None => Ok(None),
            Some(Value::Object(below)) => Ok(present(below.get(inner))),
            Some(other) => Err(wrong(key, other, "a mapping above this key")),
        }
    }

    fn text(&self, key: &Key) -> Result<Option<String>, SettingsError> {
        match self.value(key)? {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            // `addressCooldown: 0` is no text to YAML.
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(other) => Err(wrong(key, other, key.kind)),
        }
    }

    fn truth(&self, key: &Key) -> Result<bool, SettingsError> {
        let Some(value) = self.value(key)? else { return Ok(false) };
        // Go's reader takes the words of YAML 1.1 where a bool is wanted, and no others.
        truth(value).ok_or_else(|| wrong(key, value, "true or false"))
    }

    fn is_plugin_enabled(&self) -> Result<bool, SettingsError> {
        match self.value(&keys::PLUGIN)? {
            None => Ok(false),
            Some(Value::Object(plugin)) => {
                plugin.get("enabled").filter(|value| !value.is_null()).map_or(Ok(false), |value| {
                    truth(value).ok_or_else(|| wrong(&keys::PLUGIN, value, "enabled: true or false"))
                })
            }
            Some(other) => Err(wrong(&keys::PLUGIN, other, "a mapping")),
        }
    }
}

fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(truth) => Some(*truth),
        Value::String(text) => match text.to_ascii_lowercase().as_str() {
            "y" | "yes" | "on" | "true" => Some(true),
            "n" | "no" | "off" | "false" => Some(false),
            _ => None,
        },
        Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn wrong(key: &Key, found: &Value, accepted: &'static str) -> SettingsError {
    SettingsError::WrongType { key: key.name, found: told(found), accepted }
}

/// A value as a message tells it.
fn told(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a mapping".to_owned(),
    }
}

/// The keys of a mapping that are not known, with their place.
fn unknown(tree: &Map<String, Value>, above: &str) -> Vec<(String, Option<&'static str>)> {
    let mut found = Vec::new();
    for (key, value) in tree {
        let name = format!("{above}{key}");
        if KEYS.iter().any(|known| known.name == name) {
            continue;
        }
        let below = format!("{name}.");
        let leads_to_known = KEYS.iter().any(|known| known.name.starts_with(&below));
        if leads_to_known && let Value::Object(inner) = value {
            found.extend(unknown(inner, &below));
        } else if !(leads_to_known && value.is_null()) {
            let names: Vec<&'static str> = KEYS.iter().map(|known| known.name).collect();
            let meant = nearest(&name, &names);
            found.push((name, meant));
        }
    }
    found
}
