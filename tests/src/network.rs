//! Network configurations: one network, its pools and its store, written as each runtime wants them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};

/// A pool as it stands in a configuration.
#[derive(Debug, Clone)]
pub struct Pool {
    /// Its name.
    pub name: String,
    /// Its subnet in CIDR form.
    pub subnet: String,
    /// Its addresses, `A-B`.
    pub ips: String,
    /// Its gateway.
    pub gateway: String,
}

impl Pool {
    /// A pool of the /16 `10.N.0.0`, from `10.N.0.10` on.
    #[must_use]
    pub fn new(name: &str, net: u8, size: u8) -> Self {
        let last = 9_u8.saturating_add(size);
        Self {
            name: name.to_owned(),
            subnet: format!("10.{net}.0.0/16"),
            ips: format!("10.{net}.0.10-10.{net}.0.{last}"),
            gateway: format!("10.{net}.0.1"),
        }
    }

    /// The fields of a `SpiderIPPool`'s spec.
    #[must_use]
    pub fn spec(&self) -> Value {
        json!({"subnet": self.subnet, "ips": [self.ips], "gateway": self.gateway})
    }
}

/// A network whose addresses come from `spiderpool` in local mode.
#[derive(Debug, Clone)]
pub struct Network {
    /// Its name.
    pub name: String,
    /// The protocol version to speak.
    pub cni_version: String,
    /// The store file.
    pub store: PathBuf,
    /// Where the plugin logs.
    pub log: PathBuf,
    /// The pool to draw from; written into the configuration, unless it was [`Network::without_pools`].
    pub pool: Pool,
    inline: bool,
}

impl Network {
    /// A network with its pool written into the configuration; store and log are in `dir`.
    #[must_use]
    pub fn new(name: &str, dir: &Path, pool: Pool) -> Self {
        Self {
            name: name.to_owned(),
            cni_version: "1.0.0".to_owned(),
            store: dir.join("ipam.db"),
            log: dir.join("spiderpool.log"),
            pool,
            inline: true,
        }
    }

    /// The same network speaking another version of the protocol.
    #[must_use]
    pub fn version(mut self, version: &str) -> Self {
        version.clone_into(&mut self.cni_version);
        self
    }

    /// The same network with a pool that was loaded into the store by other means.
    #[must_use]
    pub fn without_pools(mut self) -> Self {
        self.inline = false;
        self
    }

    /// The `ipam` part.
    #[must_use]
    pub fn ipam(&self) -> Value {
        let mut ipam = json!({
            "type": "spiderpool",
            "log_file_path": self.log,
            "store": {"path": self.store},
            "default_ipv4_ippool": [self.pool.name],
        });
        if self.inline {
            let mut pool = self.pool.spec();
            if let (Some(fields), Some(ipam)) = (pool.as_object_mut(), ipam.as_object_mut()) {
                fields.insert("name".to_owned(), json!(self.pool.name));
                ipam.insert("pools".to_owned(), json!([pool]));
            }
        }
        ipam
    }

    /// What one plugin of the chain gets on stdin.
    #[must_use]
    pub fn config(&self) -> Value {
        json!({"cniVersion": self.cni_version, "name": self.name, "type": "bridge", "bridge": "br0", "ipam": self.ipam()})
    }

    /// The same, with what the runtime adds for one command, such as `prevResult`.
    #[must_use]
    pub fn config_with(&self, key: &str, value: Value) -> Value {
        let mut config = self.config();
        if let Some(fields) = config.as_object_mut() {
            fields.insert(key.to_owned(), value);
        }
        config
    }

    /// Writes `DIR/NAME.conflist` with one main plugin, given without its `ipam`.
    ///
    /// # Errors
    /// The file could not be written.
    pub fn write_conflist(&self, dir: &Path, mut main: Value) -> Result<()> {
        if let Some(fields) = main.as_object_mut() {
            fields.insert("ipam".to_owned(), self.ipam());
        }
        let list = json!({"cniVersion": self.cni_version, "name": self.name, "plugins": [main]});
        fs::create_dir_all(dir)?;
        let path = dir.join(format!("{}.conflist", self.name));
        fs::write(&path, format!("{list:#}\n")).with_context(|| format!("write {}", path.display()))
    }

    /// A bridge of this network's own, with the gateway's address on it.
    #[must_use]
    pub fn bridge(&self) -> Value {
        json!({"type": "bridge", "bridge": format!("br-{}", self.name), "isGateway": true})
    }

    /// A macvlan on `master`.
    #[must_use]
    pub fn macvlan(&self, master: &str) -> Value {
        json!({"type": "macvlan", "master": master, "mode": "bridge"})
    }

    /// Writes this network's pool as a `SpiderIPPool` manifest.
    ///
    /// # Errors
    /// The file could not be written.
    pub fn write_manifest(&self, path: &Path, extra: &[(&str, Value)]) -> Result<()> {
        let mut spec = self.pool.spec();
        if let Some(fields) = spec.as_object_mut() {
            fields.extend(extra.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
        }
        let manifest = json!({
            "apiVersion": "spiderpool.spidernet.io/v2beta1",
            "kind": "SpiderIPPool",
            "metadata": {"name": self.pool.name},
            "spec": spec,
        });
        fs::write(path, format!("{manifest:#}\n")).with_context(|| format!("write {}", path.display()))
    }
}
