//! A plugin that answers, and how it is asked.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;

use cni_plugins::cni::{
    Attachment, Call, CniError, CniResult, CniVersion, Command, Exit, IpConfig, Plugin, Route, run,
};
use serde_json::{Value, json};

/// Answers ADD with one address and notes what it was asked.
#[derive(Default)]
pub(super) struct Fixed {
    pub(super) versions: Option<&'static [CniVersion]>,
    pub(super) refusal: Option<CniError>,
    pub(super) asked: RefCell<Vec<String>>,
}

impl Fixed {
    fn note(&self, text: String) -> Result<(), CniError> {
        self.asked.borrow_mut().push(text);
        self.refusal.clone().map_or(Ok(()), Err)
    }
}

impl Plugin for Fixed {
    fn about(&self) -> String {
        "CNI IPAM plugin fixed v1".to_owned()
    }
    fn versions(&self) -> &'static [CniVersion] {
        self.versions.unwrap_or(CniVersion::SINCE_0_3_0)
    }
    fn add(&self, call: &Call, attachment: &Attachment, netns: &Path) -> Result<CniResult, CniError> {
        self.note(format!("ADD {attachment} {} {}", netns.display(), call.args()?.pod_name))?;
        let mut result = CniResult::default();
        result.ips.push(IpConfig {
            address: "10.6.168.71/16".parse().unwrap(),
            gateway: Some("10.6.0.1".parse().unwrap()),
            interface: None,
        });
        result.routes.push(Route::new("0.0.0.0/0".parse().unwrap(), Some("10.6.0.1".parse().unwrap())));
        Ok(result)
    }
    fn del(&self, _: &Call, attachment: &Attachment, netns: Option<&Path>) -> Result<(), CniError> {
        self.note(format!("DEL {attachment} {netns:?}"))
    }
    fn check(&self, _: &Call, attachment: &Attachment, netns: &Path) -> Result<(), CniError> {
        self.note(format!("CHECK {attachment} {}", netns.display()))
    }
    fn gc(&self, _: &Call, valid: Option<&[Attachment]>) -> Result<(), CniError> {
        let valid = valid.map(|valid| valid.iter().map(ToString::to_string).collect::<Vec<_>>());
        self.note(format!("GC {valid:?}"))
    }
    fn status(&self, _: &Call) -> Result<(), CniError> {
        self.note("STATUS".to_owned())
    }
}

pub(super) type Env = BTreeMap<&'static str, &'static str>;

pub(super) fn env(command: Command) -> Env {
    Env::from([
        ("CNI_COMMAND", command.as_str()),
        ("CNI_CONTAINERID", "c1"),
        ("CNI_NETNS", "/run/netns/none"),
        ("CNI_IFNAME", "eth0"),
        ("CNI_ARGS", "IgnoreUnknown=1;K8S_POD_NAME=web-0;FOO=1"),
        ("CNI_PATH", "/opt/cni/bin"),
    ])
}

pub(super) fn config(version: &str) -> String {
    let attachments = json!([{"containerID": "c1", "ifname": "eth0"}]);
    json!({"cniVersion": version, "name": "net", "type": "bridge", "ipam": {"type": "fixed"},
        "cni.dev/valid-attachments": attachments})
    .to_string()
}

pub(super) struct Answer {
    pub(super) exit: Exit,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap()
    }
}

pub(super) fn ask(plugin: &Fixed, env: &Env, stdin: impl AsRef<[u8]>) -> Answer {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let exit = run(plugin, env, &mut stdin.as_ref(), &mut stdout, &mut stderr);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Answer { exit, stdout: text(stdout), stderr: text(stderr) }
}

/// Asks and expects an error without the plugin having been called.
#[track_caller]
pub(super) fn refused(env: &Env, stdin: impl AsRef<[u8]>, code: u32, msg: &str) -> Value {
    let plugin = Fixed::default();
    let answer = ask(&plugin, env, stdin);
    let error = answer.json();
    assert_eq!(error["msg"], msg);
    assert_eq!(error["code"], code, "{msg}");
    assert_eq!(answer.exit, Exit::Failure, "{msg}");
    assert_eq!(answer.stderr, "");
    assert!(answer.stdout.ends_with('\n') && answer.stdout.lines().count() == 1);
    assert!(plugin.asked.borrow().is_empty());
    error
}
