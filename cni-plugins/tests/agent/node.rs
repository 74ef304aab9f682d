//! A node: a folder with an agent's socket and a log, and the plugin to be called on it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use cni_plugins::cni;
use cni_plugins::spiderpool::Spiderpool;
use serde_json::{Value, json};
use tempfile::TempDir;

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

/// What a call came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    code: i32,
    stdout: String,
    stderr: String,
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
        let mut child = Command::new(env!("CARGO_BIN_EXE_spiderpool"))
            .env_clear()
            .envs(&self.env)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // The plugin may have answered before it has read all.
        let _ = child.stdin.take().unwrap().write_all(self.stdin.as_bytes());
        let output = child.wait_with_output().unwrap();
        Outcome {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
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
    /// The result of an ADD.
    #[track_caller]
    pub(crate) fn result(self) -> Value {
        assert_eq!((self.code, self.stderr.as_str()), (0, ""), "{self:?}");
        assert_eq!(self.stdout.lines().count(), 1, "{}", self.stdout);
        serde_json::from_str(&self.stdout).unwrap()
    }

    /// Success without a word.
    #[track_caller]
    pub(crate) fn silent(self) {
        assert_eq!((self.code, self.stdout.as_str(), self.stderr.as_str()), (0, "", ""));
    }

    /// An error with this number; its message without details.
    #[track_caller]
    pub(crate) fn error(self, code: u32) -> String {
        assert_eq!((self.code, self.stderr.as_str()), (1, ""), "{self:?}");
        let error: Value = serde_json::from_str(&self.stdout).unwrap();
        assert_eq!(error["code"], code, "{error}");
        assert!(error["cniVersion"].is_string());
        error["msg"].as_str().unwrap().to_owned()
    }
}

/// The answer for one address of eth0.
pub(crate) fn one_address() -> Value {
    json!({
        "ips": [{"address": "10.6.168.71/16", "gateway": "10.6.0.1", "ipPool": "p4", "nic": "eth0", "version": 4}],
        "routes": [{"ifName": "eth0", "dst": "0.0.0.0/0", "gw": "10.6.0.1"}],
    })
}
