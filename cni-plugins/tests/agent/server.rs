//! An agent's socket with a script behind it: each request is kept, and answered as the test says, also badly.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use serde_json::Value;

/// A request as it came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// `POST /v1/ipam/ip`, with the query.
    pub(crate) line: String,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    /// `null` if there was none.
    pub(crate) body: Value,
}

/// What the script says to a request.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// A status without a body.
    Empty(u16),
    /// A JSON body.
    Json(u16, Value),
    /// A body of any kind.
    Text(u16, String),
    /// The connection is closed before anything was answered.
    HangUp,
    /// The connection is closed in the midst of the body.
    HalfBody,
    /// The connection stays open, and nothing comes.
    Silence,
    /// A body that has no end.
    Endless(u16),
}

/// A listening agent; gone with the value.
pub(crate) struct Server {
    socket: PathBuf,
    seen: Arc<Mutex<Vec<Seen>>>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn start(socket: &Path, script: impl Fn(&Seen) -> Reply + Send + 'static) -> Self {
        let listener = UnixListener::bind(socket).unwrap();
        let (seen, is_over) = (Arc::<Mutex<Vec<Seen>>>::default(), Arc::<AtomicBool>::default());
        let (kept, over) = (Arc::clone(&seen), Arc::clone(&is_over));
        let thread = thread::spawn(move || {
            let mut silent = Vec::new();
            for stream in listener.incoming().map_while(Result::ok) {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                // A client that says nothing, or goes in the midst of it, is not the test's subject.
                let Ok(request) = read(&stream) else { continue };
                let reply = script(&request);
                kept.lock().unwrap_or_else(PoisonError::into_inner).push(request);
                let _ = answer(&stream, &reply);
                if matches!(reply, Reply::Silence) {
                    silent.push(stream);
                }
            }
        });
        Self { socket: socket.to_owned(), seen, is_over, thread: Some(thread) }
    }

    /// All requests until now.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The first lines of all requests until now.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.line).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        // Wakes the loop, which looks whether it is over.
        drop(UnixStream::connect(&self.socket));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn read(stream: &UnixStream) -> std::io::Result<Seen> {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let first = lines.remove(0);
    let headers: BTreeMap<String, String> = lines
        .iter()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
    Ok(Seen { line: first.strip_suffix(" HTTP/1.1").unwrap().to_owned(), headers, body })
}

fn answer(mut stream: &UnixStream, reply: &Reply) -> std::io::Result<()> {
    let head = |status: u16, more: &str| format!("HTTP/1.1 {status} Any Words\r\n{more}\r\n");
    let whole = |status: u16, kind: &str, body: &str| {
        head(status, &format!("Content-Type: {kind}\r\nContent-Length: {}\r\n", body.len())) + body
    };
    match reply {
        Reply::Empty(status) => stream.write_all(head(*status, "Content-Length: 0\r\n").as_bytes()),
        Reply::Json(status, body) => {
            stream.write_all(whole(*status, "application/json", &body.to_string()).as_bytes())
        }
        Reply::Text(status, body) => stream.write_all(whole(*status, "text/plain", body).as_bytes()),
        Reply::HalfBody => {
            stream.write_all((head(200, "Content-Length: 1000\r\n") + r#"{"ips":[{"addr"#).as_bytes())
        }
        Reply::HangUp | Reply::Silence => Ok(()),
        Reply::Endless(status) => {
            stream.write_all(head(*status, "Transfer-Encoding: chunked\r\n").as_bytes())?;
            let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
            // Ends when the client has had enough.
            loop {
                stream.write_all(chunk.as_bytes())?;
            }
        }
    }
}
