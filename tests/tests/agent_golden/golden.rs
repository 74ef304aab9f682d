//! The recorded cases and the mended answers, as files have them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One recorded case. What is not read here (`check`, `note`, `compare`, `variants`) says nothing that our answer depends on: we
/// pick the lowest address, and there is one right order.
#[derive(Debug, Deserialize)]
pub(crate) struct Case {
    pub(crate) name: String,
    /// Settings that differ from the recorder's; `null`: not set.
    #[serde(default)]
    pub(crate) agent: BTreeMap<String, Value>,
    pub(crate) given: Vec<Object>,
    pub(crate) steps: Vec<Step>,
    #[serde(default)]
    pub(crate) after: After,
    pub(crate) mend: Option<String>,
}

/// An object of the API server. Written again, it is what the rules of `ipam-k8s` read.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Object {
    pub(crate) kind: String,
    pub(crate) metadata: Metadata,
    #[serde(default)]
    pub(crate) spec: Value,
    #[serde(default)]
    pub(crate) status: Value,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Metadata {
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) annotations: BTreeMap<String, String>,
    pub(crate) finalizers: Vec<String>,
    pub(crate) owner_references: Vec<OwnerReference>,
    pub(crate) deletion_timestamp: Option<String>,
    /// Ours, from kind and name: see [`World`](crate::world::World).
    pub(crate) uid: String,
}

/// A reference to an owner.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct OwnerReference {
    pub(crate) api_version: String,
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) uid: String,
    pub(crate) controller: bool,
    pub(crate) block_owner_deletion: bool,
}

/// Something that happened.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Step {
    /// A request to the agent with its answer.
    Call(Call),
    /// A change by somebody else.
    Api(Box<Api>),
}

#[derive(Debug, Deserialize)]
pub(crate) struct Call {
    pub(crate) call: String,
    /// As sent; read when the call is replayed.
    #[serde(default)]
    body: Value,
    /// None if no answer came.
    pub(crate) code: Option<u16>,
    #[serde(default)]
    pub(crate) answer: Value,
    /// Where it was more than 1.5.
    #[serde(rename = "tookSeconds")]
    pub(crate) took_seconds: Option<f64>,
}

/// The request of an ADD, a DEL or a clean-up after a conflict. Keys match without regard to case in the original; the cases that depend on it are the HTTP layer's.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Body {
    pub(crate) if_name: String,
    pub(crate) pod_namespace: String,
    pub(crate) pod_name: String,
    #[serde(rename = "podUID")]
    pub(crate) pod_uid: String,
    pub(crate) clean_gateway: bool,
    #[serde(rename = "defaultIPv4IPPool")]
    pub(crate) default_v4: Option<Vec<Option<String>>>,
    #[serde(rename = "defaultIPv6IPPool")]
    pub(crate) default_v6: Option<Vec<Option<String>>>,
}

impl Call {
    pub(crate) fn body(&self) -> Result<Body> {
        serde_json::from_value(self.body.clone()).context("the body of a call")
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct Api {
    pub(crate) api: String,
    pub(crate) object: Object,
    #[serde(default)]
    pub(crate) patch: Value,
    #[serde(default)]
    pub(crate) options: Options,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Options {
    pub(crate) grace_period_seconds: Option<u32>,
}

/// The state afterwards.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct After {
    pub(crate) pools: BTreeMap<String, PoolAfter>,
    pub(crate) endpoints: Vec<EndpointAfter>,
    /// Null in cases without any.
    pub(crate) subnets: Option<BTreeMap<String, PoolAfter>>,
}

/// A pool or subnet.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct PoolAfter {
    pub(crate) status: Value,
    /// Where the agent made it.
    pub(crate) created: Option<Value>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct EndpointAfter {
    pub(crate) metadata: Metadata,
    pub(crate) status: Value,
}

/// One entry of `tests/golden/mended/agent.json`: what is right where the record is not.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mended {
    file: String,
    pub(crate) name: String,
    /// The name under which the book tells the difference (`docs/reference/differences.md`).
    pub(crate) difference: String,
    /// Chapter and section of the rule that says so.
    pub(crate) rule: String,
    /// Answer by answer.
    pub(crate) answers: Vec<MendedAnswer>,
    /// Pod by address, pool by pool; pools without records are not listed.
    #[serde(default)]
    pub(crate) records: BTreeMap<String, BTreeMap<String, String>>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum MendedAnswer {
    /// 500, with a text that begins with this.
    Refused { refused: String },
    /// 200.
    Given(Value),
}

impl Object {
    /// As the rules of `ipam-k8s` read it.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_value(serde_json::to_value(self)?).with_context(|| self.kind.clone())
    }
}

pub(crate) fn cases(file: &str) -> Result<Vec<Case>> {
    read(&format!("agent/{file}.json"))
}

pub(crate) fn mended(file: &str) -> Result<BTreeMap<String, Mended>> {
    let all: Vec<Mended> = read("mended/agent.json")?;
    Ok(all.into_iter().filter(|one| one.file == file).map(|one| (one.name.clone(), one)).collect())
}

fn read<T: DeserializeOwned>(path: &str) -> Result<T> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(path);
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    serde_json::from_str(&plain_uids(&text)).with_context(|| path.display().to_string())
}

/// The uid of the object that a record calls `name`: `NS/NAME` a pod, `KIND/NS/NAME` or `KIND/NAME` another one, with `#2` behind it
/// the second of that name. It is also the value of a label.
pub(crate) fn uid(name: &str) -> String {
    format!("uid.{}", name.replace(['/', '#'], "."))
}

/// `${uid:NAME}` stands for the uid of an object.
fn plain_uids(text: &str) -> String {
    let mut parts = text.split("${uid:");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once('}').unwrap_or((part, ""));
        out.push_str(&uid(name));
        out.push_str(rest);
    }
    out
}
