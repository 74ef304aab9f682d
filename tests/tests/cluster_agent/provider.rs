//! A cloud: an HTTP server that knows which pod has each address, and refuses to give one to two.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// The provider, and what its cloud has come to.
#[derive(Clone, Default)]
pub(crate) struct Provider(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// The pod's uid and the parent, by address.
    bound: BTreeMap<String, (String, String)>,
    calls: Vec<(String, Value)>,
    /// What calls are answered instead, before or after they are carried out.
    fault: Option<Fault>,
}

#[derive(Clone, Copy)]
pub(crate) enum Fault {
    /// 503, and nothing was done.
    Refused,
    /// It was done, and the answer is a 504.
    AnswerLost,
}

impl Provider {
    /// Serves until the test ends; its URL.
    pub(crate) async fn start(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let provider = self.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let provider = provider.clone();
                let service = service_fn(move |request| {
                    let provider = provider.clone();
                    async move { Ok::<_, Infallible>(provider.serve(request).await) }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        url
    }

    pub(crate) fn fail(&self, fault: Option<Fault>) {
        self.0.lock().unwrap().fault = fault;
    }

    /// Who has which address: `address uid parent`.
    pub(crate) fn bound(&self) -> Vec<String> {
        let state = self.0.lock().unwrap();
        state.bound.iter().map(|(address, (uid, parent))| format!("{address} {uid} {parent}")).collect()
    }

    /// From now on what one pod has is another's: what a cloud may make of a name that stays the same.
    pub(crate) fn rename(&self, from: &str, to: &str) {
        for (uid, _) in self.0.lock().unwrap().bound.values_mut() {
            if uid == from {
                to.clone_into(uid);
            }
        }
    }

    /// The calls since the last time, each as its last path segment and its body.
    pub(crate) fn calls(&self) -> Vec<(String, Value)> {
        std::mem::take(&mut self.0.lock().unwrap().calls)
    }

    async fn serve(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let call = request.uri().path().strip_prefix("/v1/apis/network.iaas.io/ipam/").map(str::to_owned);
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap();
        let (code, body) = self.answer(&call.unwrap_or_default(), &body);
        let mut response = Response::new(Full::from(body));
        *response.status_mut() = code.try_into().unwrap();
        response
    }

    fn answer(&self, call: &str, body: &Value) -> (u16, String) {
        let mut state = self.0.lock().unwrap();
        state.calls.push((call.to_owned(), body.clone()));
        if matches!(state.fault, Some(Fault::Refused)) {
            return (503, "the cloud is away".to_owned());
        }
        let answer = match call {
            "allocate-ips" => state.allocate(body),
            "release-ip" => state.release(body),
            _ => (404, String::new()),
        };
        if state.fault.is_some() { (504, "too late".to_owned()) } else { answer }
    }
}

impl State {
    fn allocate(&mut self, body: &Value) -> (u16, String) {
        let uid = body["podUID"].as_str().unwrap();
        let mut items = Vec::new();
        for item in body["iaasIPsAllocationRequest"].as_array().unwrap() {
            let (address, parent) =
                (item["ipAddress"].as_str().unwrap(), item["parentNicMac"].as_str().unwrap());
            if let Some((holder, _)) = self.bound.get(address).filter(|(holder, _)| holder != uid) {
                return (409, format!("{address} is bound to {holder}"));
            }
            self.bound.insert(address.to_owned(), (uid.to_owned(), parent.to_owned()));
            items.push(json!({
                "parentNicMac": parent, "subnet": item["subnet"], "ipAddress": address,
                "macAddress": "fa:16:3e:00:00:0a", "vlanId": 100
            }));
        }
        (200, json!({ "iaasIPsAllocationResponse": items }).to_string())
    }

    /// Of one that nobody has, too: a repeated release is none the worse.
    fn release(&mut self, body: &Value) -> (u16, String) {
        let (address, uid) = (body["ipAddress"].as_str().unwrap(), body["podUID"].as_str().unwrap());
        if let Some((holder, _)) = self.bound.get(address).filter(|(holder, _)| holder != uid) {
            return (409, format!("{address} is bound to {holder}"));
        }
        self.bound.remove(address);
        (202, String::new())
    }
}
