//! A server that records what it is sent, byte by byte, and answers as a test says.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// How long a request that must come is waited for. It is there at once, or never.
const PATIENCE: Duration = Duration::from_secs(20);

/// What becomes of a request.
#[derive(Clone)]
pub(crate) enum Reply {
    /// Bytes, then the next request.
    Bytes(String),
    /// Bytes, then the end of the connection.
    Last(String),
    /// Bytes, then nothing, until the peer goes.
    Stuck(String),
}

impl Reply {
    /// An answer with a status line such as `200 OK` and a body.
    pub(crate) fn answer(status: &str, body: &str) -> Self {
        let length = body.len();
        Self::Bytes(format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        ))
    }
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Recorded {
    /// All of it.
    pub(crate) text: String,
    /// The number of its connection.
    pub(crate) connection: usize,
}

impl Recorded {
    pub(crate) fn path(&self) -> &str {
        self.text.split(' ').nth(1).unwrap()
    }

    pub(crate) fn body(&self) -> &str {
        self.text.split_once("\r\n\r\n").unwrap().1
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let head = self.text.split_once("\r\n\r\n").unwrap().0;
        head.lines().skip(1).find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

type Script = dyn Fn(&Recorded) -> Reply + Send + Sync;

/// It ends with the process.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    requests: Mutex<Receiver<Recorded>>,
}

impl Server {
    /// Of HTTP.
    pub(crate) fn start(script: impl Fn(&Recorded) -> Reply + Send + Sync + 'static) -> Self {
        Self::listen(None, Arc::new(script))
    }

    /// Of HTTPS.
    pub(crate) fn start_tls(
        tls: Arc<ServerConfig>,
        script: impl Fn(&Recorded) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::listen(Some(tls), Arc::new(script))
    }

    /// One that always answers the same.
    pub(crate) fn answering(status: &'static str, body: &'static str) -> Self {
        Self::start(move |_| Reply::answer(status, body))
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next request that came; one must.
    pub(crate) fn next(&self) -> Recorded {
        self.requests.lock().unwrap().recv_timeout(PATIENCE).expect("a request")
    }

    /// What came beside that. Whoever was answered was recorded before.
    pub(crate) fn rest(&self) -> Vec<Recorded> {
        self.requests.lock().unwrap().try_iter().collect()
    }

    fn listen(tls: Option<Arc<ServerConfig>>, script: Arc<Script>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, requests) = channel();
        thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let (tls, script, sender) = (tls.clone(), Arc::clone(&script), sender.clone());
                thread::spawn(move || {
                    let stream: TcpStream = stream.unwrap();
                    match tls {
                        None => serve(stream, number, &*script, &sender),
                        Some(tls) => {
                            let tls = ServerConnection::new(tls).unwrap();
                            serve(StreamOwned::new(tls, stream), number, &*script, &sender);
                        }
                    }
                });
            }
        });
        Self { address, requests: Mutex::new(requests) }
    }
}

fn serve(mut stream: impl Read + Write, connection: usize, script: &Script, sender: &Sender<Recorded>) {
    while let Some(text) = request(&mut stream) {
        let recorded = Recorded { text, connection };
        let reply = script(&recorded);
        // The test may be over.
        drop(sender.send(recorded));
        let (Reply::Bytes(bytes) | Reply::Last(bytes) | Reply::Stuck(bytes)) = &reply;
        if stream.write_all(bytes.as_bytes()).and_then(|()| stream.flush()).is_err() {
            return;
        }
        match reply {
            Reply::Bytes(_) => {}
            Reply::Last(_) => return,
            Reply::Stuck(_) => {
                while stream.read(&mut [0; 64]).is_ok_and(|length| length > 0) {}
                return;
            }
        }
    }
}

/// The next request of a connection; none when the peer has gone.
fn request(stream: &mut impl Read) -> Option<String> {
    let mut all = Vec::new();
    let mut byte = [0];
    while !all.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        all.extend(byte);
    }
    let head = String::from_utf8_lossy(&all).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).ok()?;
    all.extend(body);
    String::from_utf8(all).ok()
}
