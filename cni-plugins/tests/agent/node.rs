//! A node: a folder with an agent's socket and a log, and the plugin to be called on it.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use cni_plugins::cni;
use cni_plugins::spiderpool::Spiderpool;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::called::{self, Outcome};
use crate::server::{Reply, Seen, Server};

/// A namespace that is there. It is the plugin's own, which `CNI_NETNS_OVERRIDE` allows.
pub(crate) const NETNS: &str = "/proc/self/ns/net";
/// What runtimes of Kubernetes say of a pod.
pub(crate) const ARGS: &str =
    "IgnoreUnknown=1;K8S_POD_NAMESPACE=t;K8S_POD_NAME=pod-1;K8S_POD_INFRA_CONTAINER_ID=3f;K8S_POD_UID=5b0c";

/// The folder of one test.
pub(crate) struct Node {
    folder: TempDir,
}

/// A call of the plugin.
pub(crate) struct Call {
    env: BTreeMap<&'static str, String>,
    stdin: String,
}

impl Node {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.path("agent.sock")
    }

    /// An agent that is well, and answers this to everything else.
    pub(crate) fn agent(&self, reply: Reply) -> Server {
        self.scripted(move |_| reply.clone())
    }

    /// An agent that is well, and answers to everything else as the script says.
    pub(crate) fn scripted(&self, script: impl Fn(&Seen) -> Reply + Send + 'static) -> Server {
        Server::start(&self.socket(), move |seen| match seen.line.as_str() {
            "GET /v1/ipam/healthy" => Reply::Empty(200),
            _ => script(seen),
        })
    }

    /// A configuration whose `ipam` has these keys beside type, socket and log.
    #[expect(clippy::needless_pass_by_value, reason = "callers write `json!` in place")]
    pub(crate) fn config(&self, ipam: Value) -> Value {
        let mut base = json!({
            "type": "spiderpool",
            "log_file_path": self.path("log"),
            "ipam_unix_socket_path": self.socket(),
        });
        for (key, value) in ipam.as_object().unwrap() {
            base[key] = value.clone();
        }
        json!({"cniVersion": "1.1.0", "name": "net", "type": "macvlan", "ipam": base})
    }

    pub(crate) fn call(&self, command: &str) -> Call {
        self.call_with(command, &self.config(json!({})))
    }

    pub(crate) fn call_with(&self, command: &str, config: &Value) -> Call {
        let env = [
            ("CNI_COMMAND", command),
            ("CNI_CONTAINERID", "3f"),
            ("CNI_IFNAME", "eth0"),
            ("CNI_NETNS", NETNS),
            ("CNI_NETNS_OVERRIDE", "1"),
            ("CNI_PATH", "/opt/cni/bin"),
            ("CNI_ARGS", ARGS),
        ];
        let env = env.into_iter().map(|(key, value)| (key, value.to_owned())).collect();
        Call { env, stdin: config.to_string() }
    }

    /// The lines of the log with this message.
    pub(crate) fn logged(&self, msg: &str) -> Vec<Value> {
        let text = fs::read_to_string(self.path("log")).unwrap_or_default();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.filter(|line| line["msg"].as_str().unwrap().starts_with(msg)).collect()
    }
}

impl Call {
    pub(crate) fn env(mut self, key: &'static str, value: &str) -> Self {
        self.env.insert(key, value.to_owned());
        self
    }

    pub(crate) fn without(mut self, key: &'static str) -> Self {
        self.env.remove(key);
        self
    }

    /// As a runtime does it.
    pub(crate) fn run(self) -> Outcome {
        called::call(&self.env, &self.stdin)
    }

    /// In this process, with little patience.
    pub(crate) fn run_impatiently(self) -> Outcome {
        let plugin = Spiderpool::default().with_limit(Duration::from_millis(50));
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let exit = cni::run(&plugin, &self.env, &mut self.stdin.as_bytes(), &mut stdout, &mut stderr);
        Outcome {
            code: i32::from(exit != cni::Exit::Success),
            stdout: String::from_utf8(stdout).unwrap(),
            stderr: String::from_utf8(stderr).unwrap(),
        }
    }
}

impl Outcome {
    /// An error with this number; its message without details.
    #[track_caller]
    pub(crate) fn error(self, code: u32) -> String {
        self.failure(code)["msg"].as_str().unwrap().to_owned()
    }
}

/// The answer for one address of eth0.
pub(crate) fn one_address() -> Value {
    json!({
        "ips": [{"address": "10.6.168.71/16", "gateway": "10.6.0.1", "ipPool": "p4", "nic": "eth0", "version": 4}],
        "routes": [{"ifName": "eth0", "dst": "0.0.0.0/0", "gw": "10.6.0.1"}],
    })
}
