//! A host with a store in a folder of its own, and the plugin to be called on it.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use ipam_core::{
    Change, Holding, PageQuery, PoolFields, PoolName, PoolOp, Query, Stamp, Store as _, Time, Version, View,
};
use ipam_local::{Applied, Error, LocalStore, Metadata, OpenMode, Source};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::called::{self, Outcome};

/// The folder of one test.
pub(crate) struct Host {
    folder: TempDir,
}

/// A call of the plugin.
pub(crate) struct Call<'h> {
    env: BTreeMap<&'static str, String>,
    stdin: String,
    _host: &'h Host,
}

impl Host {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.path("ipam.db")
    }

    /// A configuration whose `ipam` has these keys beside type, store and log.
    pub(crate) fn config(&self, ipam: Value) -> Value {
        let mut base = json!({
            "type": "spiderpool",
            "log_file_path": self.path("log"),
            "store": {"path": self.store()},
        });
        merge(&mut base, ipam);
        json!({"cniVersion": "1.1.0", "name": "net", "type": "bridge", "ipam": base})
    }

    /// A configuration with one inline pool, `v4`, from 10.6.0.10 on.
    pub(crate) fn simple(&self) -> Value {
        self.config(json!({"pools": [pool_v4()]}))
    }

    pub(crate) fn call(&self, command: &str, config: &Value) -> Call<'_> {
        let env = [
            ("CNI_COMMAND", command),
            ("CNI_CONTAINERID", "c1"),
            ("CNI_IFNAME", "eth0"),
            ("CNI_NETNS", "/run/netns/none"),
            ("CNI_PATH", "/opt/cni/bin"),
        ];
        let env = env.into_iter().map(|(key, value)| (key, value.to_owned())).collect();
        Call { env, stdin: config.to_string(), _host: self }
    }

    /// ADD of this container's eth0; its addresses.
    #[track_caller]
    pub(crate) fn add(&self, id: &str, config: &Value) -> Vec<String> {
        self.call("ADD", config).id(id).run().addresses()
    }

    /// DEL of this container's eth0.
    #[track_caller]
    pub(crate) fn del(&self, id: &str, config: &Value) {
        self.call("DEL", config).id(id).run().silent();
    }

    /// All records.
    pub(crate) fn holdings(&self) -> Vec<Holding> {
        let query = Query::Page(PageQuery { scope: None, pool: None, after: None, limit: 1_000_000 });
        let View::Page(page) = self.open().read(&query).unwrap() else { panic!("no page") };
        page.records
    }

    /// All records as text: address, network, container, interface.
    pub(crate) fn records(&self) -> Vec<String> {
        let text = |holding: &Holding| {
            let nic = holding.nic.as_ref().map_or("-", |nic| nic.as_str());
            format!("{} {}/{nic}", holding.record.address, holding.record.owner.uid())
        };
        self.holdings().iter().map(text).collect()
    }

    /// Makes all records look as if they were of an earlier boot.
    pub(crate) fn reboot(&self) {
        for Holding { pool, record, .. } in self.holdings() {
            let stamp = Stamp { boot: "before".to_owned(), at: Time::from_millis(7) };
            let op = PoolOp::Confirm { address: record.address, owner: record.owner, stamp };
            let (version, now) = (Version::ANY, Time::from_millis(7));
            let change = Change::Pool { pool, version, ops: vec![op], now, cooldown: Duration::ZERO };
            self.open().commit(&[change]).unwrap();
        }
    }

    /// The boots in which the records were last confirmed.
    pub(crate) fn boots(&self) -> Vec<String> {
        self.holdings().into_iter().map(|holding| holding.record.stamp.unwrap().boot).collect()
    }

    pub(crate) fn open(&self) -> LocalStore {
        let deadline = Duration::from_secs(30);
        LocalStore::open(self.store(), OpenMode::CreateIfMissing, deadline).unwrap()
    }

    /// Loads a pool as `spiderpoolctl apply` does.
    pub(crate) fn apply(&self, name: &str, fields: Value) -> Result<Applied, Error> {
        let name: PoolName = name.parse().unwrap();
        let fields: PoolFields = serde_json::from_value(fields).unwrap();
        let mut store = self.open();
        let mut session = store.session(Duration::from_secs(30)).unwrap();
        session.apply_pool(&name, &fields, &Metadata::default(), &Source::Applied)
    }

    /// The lines of the log.
    pub(crate) fn log(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.path("log")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The lines of the log with this message.
    pub(crate) fn logged(&self, msg: &str) -> Vec<Value> {
        self.log().into_iter().filter(|line| line["msg"] == msg).collect()
    }
}

impl Call<'_> {
    pub(crate) fn env(mut self, key: &'static str, value: &str) -> Self {
        self.env.insert(key, value.to_owned());
        self
    }

    pub(crate) fn without(mut self, key: &'static str) -> Self {
        self.env.remove(key);
        self
    }

    pub(crate) fn id(self, id: &str) -> Self {
        self.env("CNI_CONTAINERID", id)
    }

    pub(crate) fn nic(self, nic: &str) -> Self {
        self.env("CNI_IFNAME", nic)
    }

    pub(crate) fn args(self, args: &str) -> Self {
        self.env("CNI_ARGS", args)
    }

    pub(crate) fn stdin(mut self, text: String) -> Self {
        self.stdin = text;
        self
    }

    pub(crate) fn run(self) -> Outcome {
        called::call(&self.env, &self.stdin)
    }
}

impl Outcome {
    /// The addresses of an ADD's result.
    #[track_caller]
    pub(crate) fn addresses(self) -> Vec<String> {
        let result = self.result();
        result["ips"]
            .as_array()
            .unwrap()
            .iter()
            .map(|ip| ip["address"].as_str().unwrap().to_owned())
            .collect()
    }

    /// An error with this number; its message, and details where there are some.
    #[track_caller]
    pub(crate) fn error(self, code: u32) -> String {
        let error = self.failure(code);
        let text = |key: &str| error[key].as_str().map(str::to_owned);
        match text("details") {
            Some(details) => format!("{}; {details}", text("msg").unwrap()),
            None => text("msg").unwrap(),
        }
    }
}

/// Puts keys into an object, deeply; `null` removes one.
pub(crate) fn merge(base: &mut Value, with: Value) {
    match (base, with) {
        (Value::Object(base), Value::Object(with)) => {
            for (key, value) in with {
                if value.is_null() {
                    base.remove(&key);
                } else {
                    merge(base.entry(key).or_insert(Value::Null), value);
                }
            }
        }
        (base, with) => *base = with,
    }
}

/// A configuration with other keys at its top.
pub(crate) fn with(config: &Value, keys: Value) -> Value {
    let mut config = config.clone();
    merge(&mut config, keys);
    config
}

pub(crate) fn pool_v4() -> Value {
    json!({"name": "v4", "subnet": "10.6.0.0/16", "ips": ["10.6.0.10-10.6.255.250"], "gateway": "10.6.0.1"})
}

pub(crate) fn pool_v6() -> Value {
    json!({"name": "v6", "subnet": "fd00:6::/64", "ips": ["fd00:6::10-fd00:6::ffff"], "gateway": "fd00:6::1"})
}

/// A pool of so few addresses, 10.9.0.1 on.
pub(crate) fn small(count: u8) -> Value {
    json!({"name": "small", "subnet": "10.9.0.0/24", "ips": [format!("10.9.0.1-10.9.0.{count}")]})
}
