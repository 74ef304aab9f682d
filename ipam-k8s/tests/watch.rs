//! Watches against a server that says what real ones say seldom: too old a version, garbage, *later*, an object of another shape.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops at the first surprise; the lints spare test functions only"
)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ipam_core::Family;
use ipam_core::select::{Asked, Subject};
use ipam_k8s::client::{Cluster, ClusterOptions, Deadline};
use ipam_k8s::watch::{Health, Known, Source, SourceState, WatchOptions};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const PATIENCE: Duration = Duration::from_secs(30);

/// What is answered to a request: status, further heads, body, and whether the connection stays open after it.
struct Reply(&'static str, String, bool);

type Script = Arc<dyn Fn(&str) -> Reply + Send + Sync>;

/// A server by a script; it notes the requests about pools.
struct Server {
    url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(script: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (noted, script): (_, Script) = (Arc::clone(&requests), Arc::new(script));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&noted), Arc::clone(&script)));
            }
        });
        Self { url, requests }
    }

    fn known(&self) -> Known {
        let config = kube::Config::new(self.url.parse().unwrap());
        let cluster = Cluster::new(config, &ClusterOptions::new("test/0.1.0")).unwrap();
        Known::start(cluster.clone(), &cluster, WatchOptions::new("n1"))
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn serve(mut stream: TcpStream, noted: Arc<Mutex<Vec<String>>>, script: Script) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1).unwrap();
    let is_metadata = head.contains("as=PartialObjectMetadata");
    let text = format!("{}{path}", if is_metadata { "metadata " } else { "" });
    let reply = if path.contains("/spiderippools") {
        noted.lock().unwrap().push(text.clone());
        script(&text)
    } else {
        Reply("404 Not Found", "404 page not found\n".to_owned(), false)
    };
    let Reply(status, body, stays) = reply;
    let answer =
        format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{body}");
    stream.write_all(answer.as_bytes()).await.unwrap();
    if stays {
        // Until the client goes.
        let _ = stream.read_u8().await;
    }
}

fn ok(body: &str) -> Reply {
    Reply("200 OK", body.to_owned(), false)
}

fn open(body: &str) -> Reply {
    Reply("200 OK", body.to_owned(), true)
}

fn pool(name: &str, version: u32, generation: u32, ips: &str) -> String {
    format!(
        r#"{{"metadata":{{"name":"{name}","uid":"u-{name}","resourceVersion":"{version}","generation":{generation}}},
        "spec":{{"ipVersion":4,"subnet":"10.6.0.0/24","ips":{ips}}},"status":{{"allocatedIPs":5}}}}"#
    )
}

fn list(version: u32, items: &[String]) -> Reply {
    ok(&format!(r#"{{"metadata":{{"resourceVersion":"{version}"}},"items":[{}]}}"#, items.join(",")))
}

async fn until(known: &Known, what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Deadline::after(PATIENCE);
    while !holds() {
        assert!(!deadline.remaining().is_zero(), "{what}: {:?}", pools(known));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn pools(known: &Known) -> SourceState {
    known.sources().into_iter().find(|state| state.source == Source::Pools).unwrap()
}

fn names(known: &Known) -> Vec<String> {
    known.catalogue_changes().borrow().iter().map(|pool| pool.name().to_string()).collect()
}

/// Without the parameters that do not matter here.
fn short(requests: &[String]) -> Vec<String> {
    let one = |request: &String| {
        let (path, query) = request.split_once('?').unwrap_or((request, ""));
        let version = query.split('&').find(|pair| pair.starts_with("resourceVersion="));
        let kind = if query.contains("watch=true") {
            "watch"
        } else if query.is_empty() {
            "get"
        } else {
            "list"
        };
        let is_metadata = if path.starts_with("metadata") { " metadata" } else { "" };
        let name = path.rsplit('/').next().filter(|_| kind == "get").unwrap_or("");
        format!("{kind}{is_metadata} {}{name}", version.unwrap_or_default()).trim().to_owned()
    };
    requests.iter().map(one).collect()
}

#[tokio::test]
async fn too_old_a_version_costs_a_list_of_metadata() {
    let server = Server::start(|request| match request {
        _ if request.contains("resourceVersion=10") => open(
            "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"code\":410,\"message\":\"too old\"}}\n",
        ),
        _ if request.contains("resourceVersion=20") => open(""),
        _ if request.contains("/spiderippools/b") => ok(&pool("b", 19, 1, r#"["10.6.0.2"]"#)),
        _ if request.starts_with("metadata") => {
            list(20, &[pool("a", 9, 1, "null"), pool("b", 19, 1, "null")])
        }
        _ => list(10, &[pool("a", 9, 1, r#"["10.6.0.1"]"#), pool("gone", 8, 1, r#"["10.6.0.9"]"#)]),
    })
    .await;
    let known = server.known();
    until(&known, "b is known", || names(&known) == ["a", "b"]).await;
    until(&known, "it is followed again", || pools(&known).health == Health::Live).await;
    let mut requests = short(&server.requests());
    // These two are sent side by side.
    requests.get_mut(3..).unwrap().sort();
    let want = [
        "list",
        "watch metadata resourceVersion=10",
        "list metadata",
        "get b",
        "watch metadata resourceVersion=20",
    ];
    assert_eq!(requests, want);
    let state = pools(&known);
    assert_eq!((state.health, state.lists, state.watches), (Health::Live, 2, 2), "{state:?}");
    // The other kinds are not there, and do no harm.
    assert!(known.is_ready(Deadline::after(PATIENCE)).await);
    assert!(known.reserved(Deadline::after(PATIENCE)).await.unwrap().of(Family::V4).is_empty());
}

#[tokio::test]
async fn garbage_and_refusals_break_a_watch_and_not_what_is_known() {
    let count = Mutex::new(0);
    let server = Server::start(move |request| {
        if !request.contains("watch=true") {
            return list(10, &[pool("a", 9, 1, r#"["10.6.0.1"]"#)]);
        }
        let mut count = count.lock().unwrap();
        *count += 1;
        match *count {
            1 => open("<html>\n"),
            2 => Reply("503 Service Unavailable", String::new(), false),
            3 => Reply("429 Too Many Requests\r\nRetry-After: 1", String::new(), false),
            4 => open("{\"type\":\"MODIFIED\",\"object\":{\"metadata\":5}}\n{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"15\"}}}\nx\n"),
            _ => open("{\"type\":\"DELETED\",\"object\":{\"metadata\":{\"name\":\"a\",\"uid\":\"u-a\",\"resourceVersion\":\"16\"}}}\n"),
        }
    })
    .await;
    let known = server.known();
    until(&known, "a is known", || names(&known) == ["a"]).await;
    until(&known, "a is gone", || names(&known).is_empty()).await;
    let requests = short(&server.requests());
    let from_ten = "watch metadata resourceVersion=10";
    let want = ["list", from_ten, from_ten, from_ten, from_ten, "watch metadata resourceVersion=15"];
    assert_eq!(requests, want, "each goes on from the version that was seen");
    let state = pools(&known);
    assert_eq!((state.lists, state.unreadable, state.version.as_str()), (1, 1, "16"), "{state:?}");
    assert!(state.failure.is_none());
}

#[tokio::test]
async fn a_spec_of_another_shape_is_that_pools_fault() {
    let server = Server::start(|request| match request {
        _ if request.contains("watch=true") => open(""),
        _ => list(10, &[pool("a", 8, 1, r#"["10.6.0.1"]"#), pool("odd", 9, 1, "5")]),
    })
    .await;
    let known = server.known();
    let catalogue = known.catalogue(Deadline::after(PATIENCE)).await.unwrap();
    let ask = |name: &str| {
        let names = [name.to_owned()];
        let nic = "eth0".parse().unwrap();
        catalogue.candidates(&nic, Family::V4, Asked::Names(&names), &Subject::default())
    };
    assert_eq!(ask("a").unwrap().len(), 1);
    let text = ask("odd").unwrap_err().to_string();
    assert!(text.contains("odd") && text.contains("spec: invalid type"), "{text}");
}

#[tokio::test]
async fn a_server_that_ends_each_watch_at_once_is_not_asked_without_pause() {
    let server = Server::start(|request| match request {
        _ if request.contains("watch=true") => ok(""),
        _ => list(10, &[]),
    })
    .await;
    let known = server.known();
    let began = tokio::time::Instant::now();
    until(&known, "three watches", || pools(&known).watches >= 3).await;
    // Two waits, of at least half of 500 ms and of 1 s.
    assert!(began.elapsed() >= Duration::from_millis(750), "{:?}", began.elapsed());
}
