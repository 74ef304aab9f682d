//! A panic must reach the runtime as an error on standard output. This is a plugin and its test in one program: with
//! `CNI_COMMAND` it is the plugin, without one it runs itself and looks at the answer. No test harness, whose own output
//! would hide whether the answer stands alone.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "panicking is the subject, and a failed assumption fails the test"
)]

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use cni_plugins::cni::{self, Attachment, Call, CniError, CniResult, Plugin};

struct Panics;

impl Plugin for Panics {
    fn about(&self) -> String {
        "CNI test plugin panics".to_owned()
    }
    fn add(&self, _: &Call, _: &Attachment, _: &Path) -> Result<CniResult, CniError> {
        panic!("pool {} is on fire", "v4")
    }
    fn del(&self, _: &Call, _: &Attachment, _: Option<&Path>) -> Result<(), CniError> {
        std::thread::spawn(|| panic!("in a thread")).join().unwrap();
        Ok(())
    }
    fn check(&self, _: &Call, _: &Attachment, _: &Path) -> Result<(), CniError> {
        std::panic::panic_any(7_u8)
    }
    fn gc(&self, _: &Call, _: Option<&[Attachment]>) -> Result<(), CniError> {
        let _locked = std::io::stdout().lock();
        panic!("while standard output is locked")
    }
    fn status(&self, _: &Call) -> Result<(), CniError> {
        Ok(())
    }
}

fn ask(command: &str) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config");
    std::fs::write(&config, r#"{"cniVersion":"1.1.0","name":"net","cni.dev/valid-attachments":[]}"#).unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .envs([("CNI_COMMAND", command), ("CNI_CONTAINERID", "c1"), ("CNI_NETNS", "/run/netns/none")])
        .envs([("CNI_IFNAME", "eth0"), ("CNI_PATH", "/opt/cni/bin")])
        .stdin(std::fs::File::open(config).unwrap())
        .stderr(Stdio::null())
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

fn main() -> ExitCode {
    if std::env::var_os("CNI_COMMAND").is_some() {
        return cni::main(&Panics);
    }
    for (command, message) in [
        ("ADD", "plugin panicked: pool v4 is on fire"),
        ("DEL", "plugin panicked: in a thread"),
        ("CHECK", "plugin panicked: no message"),
        ("GC", "plugin panicked: while standard output is locked"),
    ] {
        let (code, stdout) = ask(command);
        assert_eq!(code, Some(1), "{command}: {stdout}");
        let error: serde_json::Value = serde_json::from_str(&stdout).unwrap();
        assert_eq!(error["code"], 999, "{command}");
        assert_eq!(error["msg"], message, "{command}");
        assert_eq!(error["cniVersion"], "1.1.0", "{command}");
        assert!(error["details"].as_str().unwrap().contains("tests/panic.rs:"), "{command}: {error}");
    }
    assert_eq!(ask("STATUS"), (Some(0), String::new()));
    println!("test a_panic_is_an_answer ... ok\n\ntest result: ok. 1 passed; 0 failed; 0 ignored");
    ExitCode::SUCCESS
}
