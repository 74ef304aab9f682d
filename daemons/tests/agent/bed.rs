//! An agent on a socket of its own, and what stands behind it.

use std::collections::VecDeque;
use std::future::Future;
use std::io::Write as _;
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ipam_k8s::ipam::CoordinatorConfig;
use serde_json::Value;
use spiderpool_daemons::agent::ipam::{
    AddRequest, Allocated, ConflictRequest, DelRequest, Ipam, PodRef, Refusal, WorkloadEndpoint,
};
use spiderpool_daemons::agent::metrics::Metrics;
use spiderpool_daemons::agent::settings::{Environment, Settings};
use spiderpool_daemons::agent::{Listeners, Peers, ServeError, serve};
use tempfile::TempDir;
use tokio::sync::{Notify, oneshot};

/// A condition that a test waits for holds within this time, or never.
pub(crate) const WITHIN: Duration = Duration::from_secs(20);

/// Printed when a call waits, for a test that watches a process.
pub(crate) const WAITING: &str = "a call waits";

/// A call that was let through.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Seen {
    Add(AddRequest),
    Del(DelRequest),
    Conflict(ConflictRequest),
    Endpoint(PodRef),
    Coordinator(PodRef),
}

/// What is done about a call.
pub(crate) enum Act {
    Add(Allocated),
    Done,
    Endpoint(WorkloadEndpoint),
    Coordinator(Box<CoordinatorConfig>),
    Refuse(Refusal),
    Panic,
    /// Answers once it is told to; a commit in a task of its own goes on without its caller.
    Wait,
}

/// Records calls, and does what it was told to about them.
#[derive(Default)]
pub(crate) struct Recorder {
    seen: Mutex<Vec<Seen>>,
    acts: Mutex<VecDeque<Act>>,
    pub(crate) go_on: Arc<Notify>,
    /// Futures that were dropped before they were done.
    dropped: Arc<Mutex<usize>>,
    /// Commits that ended.
    committed: Arc<Mutex<usize>>,
}

struct Dropped(Arc<Mutex<usize>>, bool);

impl Drop for Dropped {
    fn drop(&mut self) {
        if self.1 {
            *self.0.lock().unwrap() += 1;
        }
    }
}

impl Recorder {
    pub(crate) fn expect(&self, act: Act) {
        self.acts.lock().unwrap().push_back(act);
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn forget(&self) {
        self.seen.lock().unwrap().clear();
    }

    pub(crate) fn dropped(&self) -> usize {
        *self.dropped.lock().unwrap()
    }

    pub(crate) fn committed(&self) -> usize {
        *self.committed.lock().unwrap()
    }

    async fn act(&self, seen: Seen) -> Result<Act, Refusal> {
        self.seen.lock().unwrap().push(seen);
        let act = self.acts.lock().unwrap().pop_front();
        match act {
            None => Ok(Act::Done),
            Some(Act::Refuse(refusal)) => Err(refusal),
            Some(Act::Panic) => panic!("planted"),
            Some(Act::Wait) => {
                #[expect(clippy::print_stdout, reason = "for a test that watches a process")]
                {
                    println!("{WAITING}");
                }
                let mut dropped = Dropped(Arc::clone(&self.dropped), true);
                let (go_on, committed) = (Arc::clone(&self.go_on), Arc::clone(&self.committed));
                let commit = tokio::spawn(async move {
                    go_on.notified().await;
                    *committed.lock().unwrap() += 1;
                });
                commit.await.unwrap();
                dropped.1 = false;
                Ok(Act::Done)
            }
            Some(act) => Ok(act),
        }
    }
}

impl Ipam for Recorder {
    async fn allocate(&self, request: AddRequest, _: tokio::time::Instant) -> Result<Allocated, Refusal> {
        match self.act(Seen::Add(request)).await? {
            Act::Add(allocated) => Ok(allocated),
            Act::Done | Act::Endpoint(_) | Act::Coordinator(_) | Act::Refuse(_) | Act::Panic | Act::Wait => {
                Ok(Allocated::default())
            }
        }
    }

    async fn release(&self, request: DelRequest, _: tokio::time::Instant) -> Result<(), Refusal> {
        self.act(Seen::Del(request)).await.map(|_| ())
    }

    async fn release_conflicting(
        &self,
        request: ConflictRequest,
        _: tokio::time::Instant,
    ) -> Result<(), Refusal> {
        self.act(Seen::Conflict(request)).await.map(|_| ())
    }

    async fn workload_endpoint(
        &self,
        pod: PodRef,
        _: tokio::time::Instant,
    ) -> Result<WorkloadEndpoint, Refusal> {
        match self.act(Seen::Endpoint(pod)).await? {
            Act::Endpoint(endpoint) => Ok(endpoint),
            Act::Done | Act::Add(_) | Act::Coordinator(_) | Act::Refuse(_) | Act::Panic | Act::Wait => {
                Ok(WorkloadEndpoint::default())
            }
        }
    }

    async fn coordinator_config(
        &self,
        pod: PodRef,
        _: tokio::time::Instant,
    ) -> Result<CoordinatorConfig, Refusal> {
        match self.act(Seen::Coordinator(pod)).await? {
            Act::Coordinator(config) => Ok(*config),
            Act::Done | Act::Add(_) | Act::Endpoint(_) | Act::Refuse(_) | Act::Panic | Act::Wait => {
                Err(Refusal::internal("coordinator config not found"))
            }
        }
    }
}

/// The variables that must be there.
pub(crate) struct Variables(pub(crate) Vec<(&'static str, String)>);

impl Environment for Variables {
    fn get(&self, name: &str) -> Option<String> {
        let own = self.0.iter().rev().find(|(key, _)| *key == name).map(|(_, value)| value.clone());
        let required =
            ["SPIDERPOOL_POD_NAMESPACE", "SPIDERPOOL_POD_NAME", "SPIDERPOOL_NODE_NAME"].contains(&name);
        own.or_else(|| required.then(|| "x".to_owned()))
    }
}

/// A running agent.
pub(crate) struct Bed {
    pub(crate) recorder: Arc<Recorder>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) health_port: u16,
    pub(crate) metric_port: u16,
    folder: TempDir,
    stop: Option<oneshot::Sender<()>>,
    agent: Option<JoinHandle<Result<(), ServeError>>>,
}

impl Bed {
    pub(crate) fn new() -> Self {
        Self::with(Peers::root_and_own())
    }

    pub(crate) fn with(peers: Peers) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("run/agent.sock");
        Self::at(folder, socket, peers)
    }

    pub(crate) fn at(folder: TempDir, socket: PathBuf, peers: Peers) -> Self {
        let recorder = Arc::new(Recorder::default());
        let metrics = Arc::new(Metrics::new());
        let (stop, stopped) = oneshot::channel();
        let (ready, is_ready) = std::sync::mpsc::channel();
        let (ipam, counts) = (Arc::clone(&recorder), Arc::clone(&metrics));
        let agent = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            runtime.block_on(async move {
                let (mut settings, _) = Settings::parse(&Variables(Vec::new()), "enableIPv4: true").unwrap();
                settings.socket = socket;
                // Any free ones.
                settings.health_port = 0;
                settings.metric_port = Some(0);
                let listeners = Listeners::open(&settings, peers).await.unwrap();
                let ports = (listeners.health_port().unwrap(), listeners.metric_port().unwrap());
                ready.send(ports).unwrap();
                serve(listeners, ipam, counts, async { stopped.await.unwrap_or_default() }).await
            })
        });
        let (health_port, metric_port) = is_ready.recv_timeout(WITHIN).expect("the agent opens its ports");
        Self { recorder, metrics, health_port, metric_port, folder, stop: Some(stop), agent: Some(agent) }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("run/agent.sock")
    }

    pub(crate) fn connect(&self) -> UnixStream {
        let stream = UnixStream::connect(self.socket()).unwrap();
        stream.set_read_timeout(Some(WITHIN)).unwrap();
        stream
    }

    /// Sends bytes as they are and reads the answer.
    pub(crate) fn raw(&self, request: &[u8]) -> Answer {
        let mut stream = self.connect();
        stream.write_all(request).unwrap();
        Answer::read(&mut stream)
    }

    /// The same on the health port.
    pub(crate) fn probe(&self, request: &[u8]) -> Answer {
        tcp(self.health_port, request)
    }

    pub(crate) fn stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // One that has died hears nothing.
            let _ = stop.send(());
        }
    }

    /// Waits for the agent to end.
    pub(crate) fn end(mut self) -> (Result<(), ServeError>, TempDir) {
        self.stop();
        let ended = self.agent.take().unwrap().join().unwrap();
        let folder = std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap());
        (ended, folder)
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        self.recorder.go_on.notify_waiters();
        self.stop();
        if let Some(agent) = self.agent.take() {
            let ended = agent.join();
            assert!(std::thread::panicking() || matches!(ended, Ok(Ok(()))), "{ended:?}");
        }
    }
}

pub(crate) fn tcp(port: u16, request: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(WITHIN)).unwrap();
    stream.write_all(request).unwrap();
    Answer::read(&mut stream)
}

/// An answer as it came.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    /// Reads one answer, to the length that it names.
    pub(crate) fn read(stream: &mut impl std::io::Read) -> Self {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            let count = stream.read(&mut byte).unwrap();
            assert_eq!(count, 1, "the connection was closed after {:?}", String::from_utf8_lossy(&head));
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.trim_end().lines();
        let code = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines.map(|line| line.split_once(": ").unwrap());
        let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
        let mut answer = Self { code, headers, body: String::new() };
        let length = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        stream.read_exact(&mut body).unwrap();
        answer.body = String::from_utf8(body).unwrap();
        answer
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        if self.body.is_empty() { Value::Null } else { serde_json::from_str(&self.body).unwrap() }
    }
}

/// A request as Go's client writes it.
pub(crate) fn go_request(call: &str, headers: &[(&str, Option<&str>)], body: Option<&str>) -> Vec<u8> {
    let default = [("Host", Some("localhost")), ("User-Agent", Some("Go-http-client/1.1"))];
    let typed = [("Content-Type", Some("application/json")), ("Accept", Some("application/json"))];
    let mut lines = vec![format!("{call} HTTP/1.1")];
    for (name, value) in default.iter().chain(&typed) {
        let own = headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
        if let Some(value) = own.map_or(*value, |(_, value)| *value) {
            lines.push(format!("{name}: {value}"));
        }
    }
    let is_default = |name: &str| default.iter().chain(&typed).any(|(key, _)| key.eq_ignore_ascii_case(name));
    for (name, value) in headers {
        if let Some(value) = value.filter(|_| !is_default(name)) {
            lines.push(format!("{name}: {value}"));
        }
    }
    if let Some(body) = body {
        lines.push(format!("Content-Length: {}", body.len()));
    }
    lines.push("Accept-Encoding: gzip".to_owned());
    format!("{}\r\n\r\n{}", lines.join("\r\n"), body.unwrap_or_default()).into_bytes()
}

/// Waits until something holds.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + WITHIN;
    while !holds() {
        assert!(Instant::now() < until, "{what} within {WITHIN:?}");
        std::thread::yield_now();
    }
}

/// Runs asynchronous work to its end.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}
