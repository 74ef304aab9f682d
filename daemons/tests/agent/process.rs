//! The agent as a process: this test's own program, started again as one.

use std::ffi::OsString;
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;
use spiderpool_daemons::agent;

use crate::bed::{Act, Answer, Recorder, WAITING, WITHIN, go_request};
use crate::wire::ADD;

const ARGUMENTS: &str = "AGENT_OF_A_TEST";

/// Not a test: what [`agent()`] starts.
#[test]
#[expect(clippy::disallowed_methods, clippy::exit, reason = "the exit code is what is looked at")]
fn child() {
    let Some(arguments) = std::env::var_os(ARGUMENTS) else { return };
    let arguments = arguments.into_string().unwrap();
    let arguments = arguments.split(' ').map(OsString::from);
    let code = agent::main(arguments, |start| async move {
        if std::env::var_os("FAIL").is_some() {
            anyhow::bail!("no cluster of node {}", start.settings.node_name);
        }
        let ipam = Recorder::default();
        if std::env::var_os("WAIT").is_some() {
            ipam.expect(Act::Wait);
        }
        Ok(Arc::new(ipam))
    });
    std::process::exit(i32::from(code != ExitCode::SUCCESS));
}

struct Bed {
    folder: tempfile::TempDir,
}

impl Bed {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("agent.sock");
        fs::write(
            folder.path().join("conf.yml"),
            format!("ipamUnixSocketPath: {}\nenableIPv4: true\nenabelIPv6: true\n", socket.display()),
        )
        .unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// The agent with these arguments; `{}` is the folder.
    fn command(&self, arguments: &str) -> Command {
        let arguments = arguments.replace("{}", self.folder.path().to_str().unwrap());
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "process::child", "--nocapture", "--test-threads=1"])
            .env(ARGUMENTS, format!("spiderpool-agent {arguments}"))
            .env("SPIDERPOOL_POD_NAMESPACE", "spiderpool")
            .env("SPIDERPOOL_POD_NAME", "agent-1")
            .env("SPIDERPOOL_NODE_NAME", "n1")
            .env("SPIDERPOOL_HEALTH_PORT", free_port().to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn run(&self, arguments: &str) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Starts a daemon, and waits until it is ready; what it has logged by then.
    fn start(&self, variables: &[(&str, &str)]) -> (Child, Vec<String>) {
        let mut command = self.command("daemon --config-path {}/conf.yml");
        let mut child = command.envs(variables.iter().copied()).spawn().unwrap();
        let mut log = Vec::new();
        until(&mut child, r#""msg":"ready""#, &mut log);
        (child, log)
    }

    fn send(&self, request: &[u8]) -> UnixStream {
        let mut stream = UnixStream::connect(self.path("agent.sock")).unwrap();
        stream.set_read_timeout(Some(WITHIN)).unwrap();
        stream.write_all(request).unwrap();
        stream
    }
}

/// A process needs a number. Not one that the kernel gives to others in the meantime: those begin at 32768.
fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    for _ in 0..1000 {
        let next = NEXT.fetch_add(1, Ordering::Relaxed) + std::process::id().wrapping_mul(31);
        let port = u16::try_from(12_000 + next % 20_000).unwrap();
        if std::net::TcpListener::bind(("::", port)).is_ok() {
            return port;
        }
    }
    panic!("no port is free");
}

fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args([format!("-{name}"), child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

/// Reads what the agent says, up to a line with this text. Byte by byte, so that nothing is taken that comes after it.
fn until(child: &mut Child, text: &str, log: &mut Vec<String>) {
    let stdout = child.stdout.as_mut().unwrap();
    let (mut line, mut byte) = (Vec::new(), [0]);
    while stdout.read(&mut byte).unwrap() == 1 {
        if byte != *b"\n" {
            line.extend(byte);
            continue;
        }
        log.push(String::from_utf8(std::mem::take(&mut line)).unwrap());
        if log.last().unwrap().contains(text) {
            return;
        }
    }
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    panic!("no line with {text} in {log:?}; {said}");
}

/// The lines of the log among those of the test harness.
fn log(text: &str) -> Vec<Value> {
    text.lines().filter_map(|line| serde_json::from_str(line.get(line.find('{')?..)?).ok()).collect()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_signal_ends_it_with_0_and_the_socket_is_gone() {
    for name in ["TERM", "INT"] {
        let bed = Bed::new();
        let (child, mut said) = bed.start(&[]);
        let mut healthy =
            bed.send(&go_request("GET /v1/ipam/healthy", &[("Connection", Some("close"))], None));
        assert_eq!(Answer::read(&mut healthy).code, 200);
        signal(&child, name);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert!(!bed.path("agent.sock").exists());
        said.push(String::from_utf8(output.stdout).unwrap());
        let lines = log(&said.join("\n"));
        let said: Vec<_> = lines.iter().map(|line| line["msg"].as_str().unwrap()).collect();
        assert_eq!(
            said,
            [
                "spiderpool-agent",
                "settings",
                "unknown key enabelIPv6 has no effect, did you mean enableIPv6?",
                "ready",
                "answering what is under way",
                "stopping",
            ],
            "{lines:?}"
        );
    }
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let bed = Bed::new();
    let (mut child, mut log) = bed.start(&[("WAIT", "1")]);
    let _busy = bed.send(&go_request("POST /v1/ipam/ip", &[], Some(ADD)));
    until(&mut child, WAITING, &mut log);
    signal(&child, "TERM");
    until(&mut child, "answering what is under way", &mut log);
    // It waits for the request, which never ends.
    assert_eq!(child.try_wait().unwrap(), None);
    signal(&child, "INT");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(stderr(&output).contains("error: a second signal (SIGINT) came"), "{output:?}");
}

#[test]
fn an_add_has_one_line_in_the_log() {
    let bed = Bed::new();
    let (child, _) = bed.start(&[]);
    assert_eq!(Answer::read(&mut bed.send(&go_request("POST /v1/ipam/ip", &[], Some(ADD)))).code, 200);
    signal(&child, "TERM");
    let output = child.wait_with_output().unwrap();
    let lines = log(&String::from_utf8_lossy(&output.stdout));
    let calls: Vec<_> = lines.iter().filter(|line| line["logger"] == "IPAM").collect();
    let [told] = calls[..] else { panic!("{calls:?}") };
    for (key, want) in [
        ("level", "INFO"),
        ("msg", "allocated"),
        ("CNICommand", "ADD"),
        ("ContainerID", "c1"),
        ("IfName", "eth0"),
        ("NetNamespace", "/n"),
        ("PodNamespace", "t"),
        ("PodName", "web-0"),
        ("PodUID", "u"),
        ("addresses", "[]"),
    ] {
        assert_eq!(told[key], want, "{told}");
    }
    assert!(told["elapsed_ms"].is_u64());
}

#[test]
fn what_is_wrong_is_one_sentence_and_1() {
    let bed = Bed::new();
    fs::write(bed.path("bad.yml"), "enableIPv4: maybe\n").unwrap();
    for (arguments, want) in [
        ("daemon --config-path {}/bad.yml", "error: enableIPv4 is \"maybe\"; want true or false\n"),
        (
            "daemon --check-config --config-path {}/bad.yml",
            "error: enableIPv4 is \"maybe\"; want true or false\n",
        ),
        (
            "daemon --config-path {}/none.yml",
            "none.yml: cannot be read: No such file or directory (os error 2)\n",
        ),
        ("status", "unrecognized subcommand 'status'"),
        ("", "Usage: spiderpool-agent"),
    ] {
        let output = bed.run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments}");
        assert!(stderr(&output).contains(want), "{arguments}: {}", stderr(&output));
    }
    let level =
        bed.command("daemon --config-path {}/conf.yml").env("SPIDERPOOL_LOG_LEVEL", "loud").output().unwrap();
    assert_eq!(level.status.code(), Some(1));
    assert_eq!(
        stderr(&level),
        "error: SPIDERPOOL_LOG_LEVEL is \"loud\"; want debug, info, warn, error, fatal or panic\n"
    );
    let fails = bed.command("daemon --config-path {}/conf.yml").env("FAIL", "1").output().unwrap();
    assert_eq!((fails.status.code(), stderr(&fails).as_str()), (Some(1), "error: no cluster of node n1\n"));
}

#[test]
fn a_configuration_is_checked_without_a_daemon() {
    let bed = Bed::new();
    let output = bed.run("daemon --check-config --config-path {}/conf.yml");
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let want = "warning: unknown key enabelIPv6 has no effect, did you mean enableIPv6?\nthe configuration can be used\n";
    assert!(said.contains(want), "{said}");
    assert!(!bed.path("agent.sock").exists());
}

#[test]
fn markdown_is_written_for_each_command_and_needs_no_variable() {
    let bed = Bed::new();
    let output = bed
        .command("generate-markdown --markdown-path {}/deep/docs")
        .env_remove("SPIDERPOOL_NODE_NAME")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let names = |path: &Path| {
        let entries =
            fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = entries.collect();
        names.sort();
        names
    };
    assert_eq!(
        names(&bed.path("deep/docs")),
        ["spiderpool-agent.md", "spiderpool-agent_daemon.md", "spiderpool-agent_generate-markdown.md"]
    );
    let page = fs::read_to_string(bed.path("deep/docs/spiderpool-agent_daemon.md")).unwrap();
    assert!(page.contains("--check-config"), "{page}");
}
