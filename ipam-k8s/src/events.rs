//! Warnings on pods: what `kubectl describe pod` says of a pod that gets no address. Feature `client`.
//!
//! The kubelet tries an ADD again and again: a warning that comes again is counted in the event that is there, and
//! written again only after a while. Nobody waits for an event: what cannot be sent soon is left out, since the next try says it again.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::core::v1::Event;
use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::debug;

use crate::client::{Cluster, Deadline, Named};
use crate::meta::Meta;

/// How often an agent writes an event that comes again.
pub const REPEATED_AFTER: Duration = Duration::from_secs(30);

/// As long as a message may be (`validation.ValidateEventCreate` of the API server refuses more).
const MESSAGE_MAX: usize = 1_024;
/// Warnings that wait to be sent.
const WAITING_MAX: usize = 256;
/// Events that are remembered; then all are forgotten, and what comes again is a new event.
const REMEMBERED_MAX: usize = 1_024;
/// The API server removes events after an hour unless set otherwise; before that a repeated one is made anew.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(30 * 60);
/// Longest time for one request.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Where warnings go to. Clones share it; when the last one is dropped, what waits is still sent.
#[derive(Clone, Debug)]
pub struct PodEvents(mpsc::Sender<Warning>);

/// What is to be said of a pod.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Warning {
    namespace: String,
    pod: String,
    uid: String,
    reason: &'static str,
    message: String,
}

/// An event that was sent.
#[derive(Debug)]
struct Sent {
    name: String,
    first: Instant,
    last: Instant,
    count: u32,
}

impl PodEvents {
    /// Starts to send. `component` and `host` are the event's source; an event that comes again is written at most once in
    /// `repeated_after`. Wants a runtime of tokio.
    #[must_use]
    pub fn start(cluster: Cluster, component: &str, host: &str, repeated_after: Duration) -> Self {
        let (sender, waiting) = mpsc::channel(WAITING_MAX);
        let source = json!({"component": component, "host": host});
        tokio::spawn(send_all(cluster, source, repeated_after, waiting));
        Self(sender)
    }

    /// Says this of a pod, if there is room. `reason` is one word in capitals and small letters.
    pub fn warn(&self, pod: &Meta, reason: &'static str, message: &str) {
        let warning = Warning {
            namespace: pod.namespace.clone(),
            pod: pod.name.clone(),
            uid: pod.uid.clone(),
            reason,
            message: shortened(message).to_owned(),
        };
        if self.0.try_send(warning).is_err() {
            debug!("too many events wait; one is left out");
        }
    }
}

/// As much of a message as an event takes.
fn shortened(message: &str) -> &str {
    let end = (0..=MESSAGE_MAX.min(message.len())).rev().find(|end| message.is_char_boundary(*end));
    message.get(..end.unwrap_or_default()).unwrap_or_default()
}

async fn send_all(
    cluster: Cluster,
    source: Value,
    repeated_after: Duration,
    mut waiting: mpsc::Receiver<Warning>,
) {
    let mut sent: BTreeMap<Warning, Sent> = BTreeMap::new();
    while let Some(warning) = waiting.recv().await {
        if sent.len() >= REMEMBERED_MAX {
            sent.clear();
        }
        let now = Instant::now();
        if let Some(known) = sent.get_mut(&warning)
            && now.duration_since(known.first) < FORGOTTEN_AFTER
        {
            known.count = known.count.saturating_add(1);
            if now.duration_since(known.last) < repeated_after {
                continue;
            }
            known.last = now;
            let patch = json!({"count": known.count, "lastTimestamp": timestamp()});
            let named = Named::within(&warning.namespace, &known.name);
            match cluster.merge_patch::<Event>(named, &patch, Deadline::after(CALL_TIMEOUT)).await {
                Ok(_) => continue,
                Err(error) if error.is_not_found() => {}
                Err(error) => {
                    debug!(%error, "an event cannot be counted");
                    continue;
                }
            }
        }
        let event = event(&warning, &source);
        let named = Named::within(&warning.namespace, &warning.pod);
        match cluster.create::<Event>(named, &event, Deadline::after(CALL_TIMEOUT)).await {
            Ok(metadata) => {
                let name = metadata.name.unwrap_or_default();
                sent.insert(warning, Sent { name, first: now, last: now, count: 1 });
            }
            Err(error) => debug!(%error, "an event cannot be sent"),
        }
    }
}

fn timestamp() -> Value {
    json!(Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

fn event(warning: &Warning, source: &Value) -> Value {
    let Warning { namespace, pod, uid, reason, message } = warning;
    let now = timestamp();
    json!({
        "apiVersion": "v1", "kind": "Event",
        "metadata": {"namespace": namespace, "generateName": format!("{pod}.")},
        "involvedObject": {"apiVersion": "v1", "kind": "Pod", "namespace": namespace, "name": pod, "uid": uid},
        "type": "Warning", "reason": reason, "message": message, "source": source,
        "firstTimestamp": now, "lastTimestamp": now, "count": 1,
        "reportingComponent": source["component"], "reportingInstance": source["host"]
    })
}

#[cfg(test)]
mod tests {
    use super::{MESSAGE_MAX, shortened};

    #[test]
    fn messages_end_between_characters() {
        assert_eq!(shortened("short"), "short");
        let long = format!("{}é tail", "a".repeat(MESSAGE_MAX - 1));
        assert_eq!(shortened(&long).len(), MESSAGE_MAX - 1);
    }
}
