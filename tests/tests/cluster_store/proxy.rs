//! A proxy between client and API server that spoils answers on command and counts what passes.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use ipam_k8s::client::Cluster;
use kube::client::Body;
use tokio::net::TcpListener;

use crate::bed::connect;

/// What becomes of a request.
#[derive(Clone, Debug)]
pub(crate) enum Fate {
    /// It is carried out, but this is the answer.
    Stored(StatusCode, &'static str),
    /// It is not carried out, and this is the answer, with this `Retry-After`.
    Refused(StatusCode, &'static str, Option<&'static str>),
    /// It is carried out, then the connection ends without an answer.
    Cut,
    /// It is carried out, and no answer ever comes.
    Silence,
}

/// Fates of the next requests of a kind: method, a part of the path, what happens.
type Fates = VecDeque<(&'static str, &'static str, Fate)>;

#[derive(Debug, Default)]
struct State {
    fates: Mutex<Fates>,
    /// Method and path of each request that came.
    seen: Mutex<Vec<String>>,
}

/// The proxy, in front of an API server.
#[derive(Debug)]
pub(crate) struct Proxy {
    state: Arc<State>,
    address: SocketAddr,
}

impl Proxy {
    pub(crate) async fn start(config: kube::Config) -> Self {
        let state = Arc::new(State::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (shared, server) = (Arc::clone(&state), connect(config));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (state, server) = (Arc::clone(&shared), server.clone());
                tokio::spawn(async move {
                    let service = service_fn(|request| pass(&state, &server, request));
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { state, address }
    }

    /// A client that goes through the proxy.
    pub(crate) fn cluster(&self) -> Cluster {
        connect(kube::Config::new(format!("http://{}", self.address).parse().unwrap()))
    }

    /// The next request with this method and this part in its path has this fate.
    pub(crate) fn next(&self, method: &'static str, part: &'static str, fate: Fate) {
        self.state.fates.lock().unwrap().push_back((method, part, fate));
    }

    /// Whatever comes next is passed on.
    pub(crate) fn forget(&self) {
        self.state.fates.lock().unwrap().clear();
    }

    /// What came so far, `PUT /path`.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.state.seen.lock().unwrap().clone()
    }

    /// How many fates have not been met.
    pub(crate) fn left(&self) -> usize {
        self.state.fates.lock().unwrap().len()
    }
}

type Answer = Response<Full<Bytes>>;

async fn pass(state: &State, server: &Cluster, request: Request<Incoming>) -> Result<Answer, std::io::Error> {
    let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
    state.seen.lock().unwrap().push(format!("{method} {path}"));
    let fate = {
        let mut fates = state.fates.lock().unwrap();
        let met = fates.iter().position(|(meant, part, _)| *meant == method && path.contains(part));
        met.and_then(|index| fates.remove(index)).map(|(_, _, fate)| fate)
    };
    if let Some(Fate::Refused(status, text, wait)) = fate {
        return Ok(answer(status, text, wait));
    }
    let (mut parts, body) = request.into_parts();
    parts.uri = parts.uri.path_and_query().unwrap().as_str().parse().unwrap();
    parts.headers.remove(http::header::HOST);
    parts.headers.remove(http::header::CONTENT_LENGTH);
    let body = body.collect().await.unwrap().to_bytes();
    let answered = server.client().send(Request::from_parts(parts, Body::from(body))).await.unwrap();
    let (mut parts, body) = answered.into_parts();
    parts.headers.remove(http::header::TRANSFER_ENCODING);
    let whole = Response::from_parts(parts, Full::new(body.collect().await.unwrap().to_bytes()));
    match fate {
        None => Ok(whole),
        Some(Fate::Stored(status, text) | Fate::Refused(status, text, _)) => {
            assert!(whole.status().is_success(), "{whole:?}");
            Ok(answer(status, text, None))
        }
        Some(Fate::Cut) => Err(std::io::Error::other("cut")),
        Some(Fate::Silence) => {
            Ok::<_, Infallible>(std::future::pending().await).map_err(|never| match never {})
        }
    }
}

fn answer(status: StatusCode, text: &'static str, wait: Option<&'static str>) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *answer.status_mut() = status;
    if let Some(wait) = wait {
        answer.headers_mut().insert(http::header::RETRY_AFTER, wait.parse().unwrap());
    }
    answer
}
